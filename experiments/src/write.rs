//! Results to bytes to disk: everything of one experiment, each file whole, all of it together.

use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use gmm_core::{InstructionSet, Shape, Structure};
use gmm_mcmc::{CoClustering, PairProbability, Relabelling};
use serde::Serialize;
use serde_json::Value;

use crate::config;
use crate::digest::Digested;
use crate::experiment::Experiment;
use crate::fitted::{FitResult, Outcome};
use crate::output::{DrawsTable, OutputError, ResultsDir, Values, Variable, npy_matrix, write_draws};
use crate::posterior::{GibbsDetail, GibbsSeconds};
use crate::report::run_page;
use crate::report_files::write_report;
use crate::summary::Summary;

/// The folder of results while an experiment runs.
pub(crate) struct Writer<'a> {
    experiment: &'a Experiment,
    folder: ResultsDir,
    started: SystemTime,
    files: Vec<WrittenFile>,
}

#[derive(Debug, Clone, Serialize)]
struct WrittenFile {
    name: String,
    bytes: u64,
    sha256: String,
}

/// What ran where, and what it left: everything that is not a result.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    program: &'static str,
    version: &'static str,
    os: &'static str,
    architecture: &'static str,
    instruction_set: &'static str,
    threads: usize,
    started_unix_seconds: u64,
    seconds: f64,
    complete: bool,
    fits: Vec<FitTiming<'a>>,
    failures: Vec<FitFailure<'a>>,
    draws: Vec<String>,
    files: &'a [WrittenFile],
}

#[derive(Debug, Serialize)]
struct FitTiming<'a> {
    name: &'a str,
    seconds: f64,
    /// Of Gibbs sampling only.
    phases: Option<GibbsSeconds>,
}

impl<'a> FitTiming<'a> {
    fn new(fit: &'a FitResult) -> Self {
        Self { name: &fit.name, seconds: fit.seconds, phases: fit.gibbs.as_ref().map(|gibbs| gibbs.seconds) }
    }
}

#[derive(Debug, Serialize)]
struct FitFailure<'a> {
    name: &'a str,
    reason: &'a str,
}

impl<'a> Writer<'a> {
    /// Opens the folder and writes what is known before anything runs.
    pub(crate) fn new(experiment: &'a Experiment, folder: ResultsDir) -> Result<Self, OutputError> {
        let mut writer = Self { experiment, folder, started: SystemTime::now(), files: Vec::new() };
        let ron = config::to_ron(&experiment.config);
        writer.write("experiment.ron", ron.as_bytes())?;
        if experiment.data.is_simulated {
            let mut bytes = 0;
            writer.folder.write_with("data.csv", |to| {
                let mut counted = Digested::new(to);
                experiment.data.write_csv(&mut counted)?;
                bytes = counted.finish().1;
                Ok(())
            })?;
            let sha256 = experiment.data.sha256.clone();
            writer.files.push(WrittenFile { name: "data.csv".to_owned(), bytes, sha256 });
        }
        if let Some(rows) = &experiment.data.held_out {
            let places: String = rows.places.iter().map(|place| format!("{place}\n")).collect();
            writer.write("held-out.csv", format!("row\n{places}").as_bytes())?;
        }
        Ok(writer)
    }

    /// Writes what a fit left and the summary of all so far: what was computed is on disk before the next fit runs.
    pub(crate) fn fit(&mut self, fit: &FitResult, outcome: &Outcome) -> Result<(), OutputError> {
        if let Some(gibbs) = &fit.gibbs {
            write_draws(&self.folder.path().join(draws_name(&fit.name)), &draws_table(gibbs))?;
            match gibbs.partition().map(|found| &found.co_clustering) {
                Some(CoClustering::All(matrix)) => {
                    let bytes = npy_matrix([matrix.n(); 2], |i, j| matrix.get(i, j));
                    self.write(&format!("co-clustering-{}.npy", fit.name), &bytes)?;
                }
                Some(CoClustering::Pairs(pairs)) => {
                    let line =
                        |pair: &PairProbability| format!("{},{},{}\n", pair.rows[0], pair.rows[1], pair.together);
                    let text: String = pairs.iter().map(line).collect();
                    let name = format!("co-clustering-{}.csv", fit.name);
                    self.write(&name, format!("row,other_row,together\n{text}").as_bytes())?;
                }
                None => {}
            }
        }
        self.summary(&Summary::new(self.experiment, outcome))
    }

    fn summary(&mut self, summary: &Summary) -> Result<(), OutputError> {
        let json = summary.to_json().unwrap_or_else(|error| format!("{{\"error\": {:?}}}\n", error.to_string()));
        self.write("summary.json", json.as_bytes())
    }

    /// Writes the rest and puts the results in their place.
    pub(crate) fn finish(mut self, outcome: &Outcome, summary: &Summary) -> Result<PathBuf, OutputError> {
        self.summary(summary)?;
        let report = write_report(self.folder.path(), &run_page(self.experiment, outcome, summary))?;
        report.iter().for_each(|(name, bytes)| self.note(name, bytes));
        let gibbs = outcome.fits.iter().filter(|fit| fit.gibbs.is_some());
        let manifest = Manifest {
            program: "gmm",
            version: env!("CARGO_PKG_VERSION"),
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            instruction_set: InstructionSet::best().name(),
            threads: rayon::current_num_threads(),
            started_unix_seconds: self.started.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            seconds: self.started.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()),
            complete: outcome.failures.is_empty(),
            fits: outcome.fits.iter().map(FitTiming::new).collect(),
            failures: outcome
                .failures
                .iter()
                .map(|failed| FitFailure { name: &failed.name, reason: &failed.reason })
                .collect(),
            draws: gibbs.map(|fit| draws_name(&fit.name)).collect(),
            files: &self.files,
        };
        let mut json = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        json.push(b'\n');
        self.folder.write("manifest.json", &json)?;
        self.folder.finish()
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        self.folder.write(name, bytes)?;
        self.note(name, bytes);
        Ok(())
    }

    /// Lists a file that was written, instead of an older one of its name.
    fn note(&mut self, name: &str, bytes: &[u8]) {
        self.files.retain(|file| file.name != name);
        let mut digested = Digested::new(std::io::sink());
        let _ = digested.write_all(bytes);
        let (sha256, bytes) = digested.finish();
        self.files.push(WrittenFile { name: name.to_owned(), bytes, sha256 });
    }
}

/// The folder of a fit's draws.
fn draws_name(fit: &str) -> String {
    format!("draws-{fit}.zarr")
}

/// The draws as named arrays, components relabelled and in the listed order.
fn draws_table(gibbs: &GibbsDetail) -> DrawsTable {
    let draws = &gibbs.draws;
    let (n_chains, n_draws) = (draws.chains().len(), draws.n_draws());
    let (k, d, shape) = (draws.model().k(), draws.model().d(), draws.model().shape());
    let mut table = DrawsTable::new(n_chains, n_draws);
    let mut array = |name: &str, dims: &[&str], lengths: &[usize], value: &dyn Fn(usize, usize, &[usize]) -> f64| {
        let size: usize = lengths.iter().product();
        let mut values = Vec::with_capacity(n_chains * n_draws * size);
        for chain in 0..n_chains {
            for draw in 0..n_draws {
                for index in 0..size {
                    let mut rest = index;
                    let mut at = vec![0; lengths.len()];
                    for (place, length) in at.iter_mut().zip(lengths).rev() {
                        *place = rest % length;
                        rest /= length;
                    }
                    values.push(value(chain, draw, &at));
                }
            }
        }
        let dims = dims.iter().map(|dim| (*dim).to_owned()).collect();
        table.posterior.push(Variable {
            name: name.to_owned(),
            dims,
            shape: lengths.to_vec(),
            values: Values::Float(values),
        });
    };
    array("weights", &["component"], &[k], &|c, t, at| draws.draw(c, t).weight(at[0]));
    array("means", &["component", "dim"], &[k, d], &|c, t, at| draws.draw(c, t).mean(at[0], at[1]));
    let covariance = |c: usize, t: usize, at: &[usize]| draws.draw(c, t).covariance(at[0], at[1], at[2]);
    match (draws.model().structure(), shape) {
        (Structure::Known(_), _) => {}
        (Structure::Free(_), Shape::Full) => {
            array("covariances", &["component", "dim", "dim_bis"], &[k, d, d], &covariance);
        }
        (Structure::Free(_), Shape::Diagonal) => {
            array("variances", &["component", "dim"], &[k, d], &|c, t, at| covariance(c, t, &[at[0], at[1], at[1]]));
        }
        (Structure::Free(_), Shape::Isotropic) => {
            array("variances", &["component"], &[k], &|c, t, at| covariance(c, t, &[at[0], 0, 0]));
        }
        (Structure::Tied(_), Shape::Full) => {
            array("covariance", &["dim", "dim_bis"], &[d, d], &|c, t, at| covariance(c, t, &[0, at[0], at[1]]));
        }
        (Structure::Tied(_), Shape::Diagonal) => {
            array("variance", &["dim"], &[d], &|c, t, at| covariance(c, t, &[0, at[0], at[0]]));
        }
        (Structure::Tied(_), Shape::Isotropic) => array("variance", &[], &[], &|c, t, _| covariance(c, t, &[0, 0, 0])),
    }
    array("sum_squared_weights", &[], &[], &|c, t, _| draws.draw(c, t).weights().iter().map(|w| w * w).sum());
    let stat = |name: &str, values: Values| Variable { name: name.to_owned(), dims: vec![], shape: vec![], values };
    let all = |of: fn(&gmm_mcmc::ChainDraws) -> &Vec<f64>| -> Vec<f64> {
        draws.chains().iter().flat_map(of).copied().collect()
    };
    let occupied = draws.chains().iter().flat_map(|chain| &chain.n_occupied).map(|n| *n as i64).collect();
    table.sample_stats.push(stat("lp", Values::Float(all(|chain| &chain.ln_posterior))));
    table.sample_stats.push(stat("ln_likelihood", Values::Float(all(|chain| &chain.ln_likelihood))));
    table.sample_stats.push(stat("n_occupied", Values::Integer(occupied)));
    let tempering = gibbs.settings.tempering;
    let tempered = tempering.map_or(String::new(), |tempering| format!(", tempered with {} rungs", tempering.rungs));
    let relabelled = match draws.relabelling() {
        Relabelling::Ecr => "ECR",
        Relabelling::Stephens => "Stephens' algorithm",
    };
    let sampler = format!("{} Gibbs{tempered}, relabelled by {relabelled}", gibbs.kind());
    table.attributes.insert("sampler".to_owned(), Value::from(sampler));
    table
}
