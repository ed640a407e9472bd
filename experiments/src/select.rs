//! `gmm select`: one data set, a grid of component counts and covariance structures, each fitted, judged by AIC, BIC and
//! ICL.

use std::path::{Path, PathBuf};

use clap::Args;
use gmm_em::Criteria;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use crate::config::{self, Covariance, Fit, ModelOverride, Shape};
use crate::experiment::Experiment;
use crate::fitted::{FailedFit, FitResult};
use crate::output::{OutputError, ResultsDir};
use crate::progress::Progress;
use crate::resolve::{LoadError, resolve_some};
use crate::run::run;
use crate::summary::{DataSummary, Failure, FitSummary};

/// What `gmm select` is told.
#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// The experiment: its data, prior and first point estimate (EM of the likelihood if it has none) are used.
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
    /// Numbers of components, as in `1-9` or `2,3,5`.
    #[arg(long, value_name = "LIST", default_value = "1-9", value_parser = counts)]
    components: Counts,
    /// Covariance structures, as in `Free(Full),Tied(Diagonal)`; all six that are learned if left out.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = structure)]
    covariances: Vec<Covariance>,
    /// The folder that holds the folder of results, named after the experiment with `-selection` behind it.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// Replaces the seed of the experiment.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads to run on; all processors if left out. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// The folder on whose disk data files are decoded that cannot be mapped; that of the results if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Prints nothing but errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Numbers of components, in order, each once.
#[derive(Debug, Clone)]
struct Counts(Vec<usize>);

/// The most cells of a grid.
const MOST_CELLS: usize = 10_000;

fn counts(text: &str) -> Result<Counts, String> {
    let number = |text: &str| {
        let number = text.trim().parse::<usize>().ok().filter(|k| *k > 0);
        number.ok_or_else(|| format!("{text:?} is not a number of components, as in `1-9` or `2,3,5`"))
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if last < first || last - first >= MOST_CELLS {
            return Err(format!("{part:?} is no range of at most {MOST_CELLS} numbers"));
        }
        all.extend(first..=last);
    }
    all.sort_unstable();
    all.dedup();
    Ok(Counts(all))
}

const LEARNED: [(&str, Covariance); 6] = [
    ("Free(Full)", Covariance::Free(Shape::Full)),
    ("Free(Diagonal)", Covariance::Free(Shape::Diagonal)),
    ("Free(Isotropic)", Covariance::Free(Shape::Isotropic)),
    ("Tied(Full)", Covariance::Tied(Shape::Full)),
    ("Tied(Diagonal)", Covariance::Tied(Shape::Diagonal)),
    ("Tied(Isotropic)", Covariance::Tied(Shape::Isotropic)),
];

fn structure(text: &str) -> Result<Covariance, String> {
    let found = LEARNED.iter().find(|(name, _)| *name == text.trim());
    let names = || LEARNED.map(|(name, _)| name).join(", ");
    found.map(|(_, covariance)| covariance.clone()).ok_or_else(|| format!("it is one of {}", names()))
}

/// A grid that was fitted.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The cells that were fitted, best BIC first.
    pub(crate) fits: Vec<FitResult>,
    /// The cells that failed.
    pub(crate) failures: Vec<FailedFit>,
}

/// `selection.json`.
#[derive(Debug, Serialize)]
struct SelectionSummary<'a> {
    schema_version: u32,
    name: &'a str,
    seed: u64,
    data: DataSummary,
    /// What the criteria are, for those who know them by another sign.
    criteria: &'static str,
    /// The names of the best fits; null where nothing was fitted.
    best: Best<'a>,
    /// The cells that were fitted, best BIC first.
    fits: Vec<FitSummary>,
    /// The cells that failed, with the reason.
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Best<'a> {
    aic: Option<&'a str>,
    bic: Option<&'a str>,
    icl: Option<&'a str>,
}

/// Reads the experiment and puts the grid in the place of its fits.
///
/// # Errors
/// [`LoadError`] if the config or its data cannot be used. Cells that the data cannot have are returned beside the
/// experiment.
pub(crate) fn load_grid(args: &SelectArgs, scratch: &Path) -> Result<(Experiment, Vec<FailedFit>), LoadError> {
    let (mut written, source) = config::load(&args.config)?;
    written.seed = args.seed.unwrap_or(written.seed);
    let pattern = written.fits.iter().find(|fit| !matches!(fit, Fit::Gibbs { .. })).cloned();
    let pattern = pattern.unwrap_or_else(Fit::default_em);
    let chosen: Vec<(&str, Covariance)> = match args.covariances.as_slice() {
        [] => LEARNED.to_vec(),
        some => LEARNED.iter().filter(|(_, covariance)| some.contains(covariance)).cloned().collect(),
    };
    let cells = args.components.0.iter().flat_map(|k| chosen.iter().map(move |cell| (*k, cell)));
    written.fits = cells.map(|(k, (name, covariance))| cell(&pattern, k, name, covariance)).collect();
    if written.fits.len() > MOST_CELLS {
        let message = format!("the grid has {} cells, more than {MOST_CELLS}", written.fits.len());
        return Err(source.error_at("", message, Some("give fewer `--components` or `--covariances`")).into());
    }
    let names: Vec<String> = written.fits.iter().filter_map(|fit| fit.name().map(str::to_owned)).collect();
    let folder = args.config.parent().unwrap_or(Path::new(""));
    let mut impossible = Vec::new();
    let mut experiment = resolve_some(written, &source, folder, scratch, &mut |index, error| {
        // The fits of the grid stand in no file: what is left of the error is its reason.
        let said = error.to_string();
        let reason = said.split_once("`: ").map_or(said.as_str(), |(_, reason)| reason).to_owned();
        impossible.push(FailedFit { name: names[index].clone(), reason, singularities: Vec::new() });
        Ok(())
    })?;
    drop_equals(&mut experiment);
    Ok((experiment, impossible))
}

fn cell(pattern: &Fit, k: usize, structure: &str, covariance: &Covariance) -> Fit {
    let mut fit = pattern.clone();
    let (Fit::Em { name, model, .. }
    | Fit::StepwiseEm { name, model, .. }
    | Fit::Gradient { name, model, .. }
    | Fit::Gibbs { name, model, .. }) = &mut fit;
    *name = Some(format!("{k} {structure}"));
    let prior = model.take().and_then(|model| model.prior);
    *model = Some(ModelOverride { components: Some(k), covariance: Some(covariance.clone()), prior });
    fit
}

/// One component is free and tied at once, one column has one shape: of models that are the same the first stays.
fn drop_equals(experiment: &mut Experiment) {
    let one_column = experiment.data.data.d() == 1;
    let mut seen = Vec::new();
    let is_new = |fit: &crate::experiment::Fit| {
        let structure = fit.model.structure();
        let tied = matches!(structure, gmm_core::Structure::Tied(_)) && fit.model.k() > 1;
        let shape = if one_column { gmm_core::Shape::Full } else { structure.shape() };
        let model = (fit.model.k(), tied, shape);
        let new = !seen.contains(&model);
        seen.push(model);
        new
    };
    let kept: Vec<bool> = experiment.fits.iter().map(is_new).collect();
    let keep = |i: &mut usize| {
        *i += 1;
        kept[*i - 1]
    };
    let (mut i, mut j) = (0, 0);
    experiment.fits.retain(|_| keep(&mut i));
    experiment.config.fits.retain(|_| keep(&mut j));
}

/// Fits every cell, many at once, each with the same bits as by itself.
pub(crate) fn select(experiment: &Experiment, impossible: Vec<FailedFit>, show: bool) -> Selection {
    let bar = if show { ProgressBar::new(experiment.fits.len() as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("  [{bar:40}] {pos}/{len} fits, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    let fitted = experiment.fits.par_iter().map(|fit| {
        let result = run(experiment, fit, &Progress::hidden());
        bar.inc(1);
        result
    });
    let results: Vec<Result<FitResult, FailedFit>> = fitted.collect();
    bar.finish_and_clear();
    let (mut fits, mut failures) = (Vec::new(), impossible);
    for result in results {
        match result {
            Ok(fit) => fits.push(fit),
            Err(failure) => failures.push(failure),
        }
    }
    fits.sort_by(|a, b| a.criteria.bic.total_cmp(&b.criteria.bic));
    Selection { fits, failures }
}

impl Selection {
    /// The name of the fit with the smallest criterion.
    pub(crate) fn best(&self, of: fn(&Criteria) -> f64) -> Option<&str> {
        let least = self.fits.iter().min_by(|a, b| of(&a.criteria).total_cmp(&of(&b.criteria)));
        least.map(|fit| fit.name.as_str())
    }

    /// Writes `selection.json`, and the grid as an experiment that `gmm run` takes.
    ///
    /// # Errors
    /// [`OutputError`] of the disk.
    pub(crate) fn write(&self, experiment: &Experiment, folder: ResultsDir) -> Result<PathBuf, OutputError> {
        folder.write("experiment.ron", config::to_ron(&experiment.config).as_bytes())?;
        let summary = SelectionSummary {
            schema_version: 1,
            name: &experiment.name,
            seed: experiment.seed,
            data: DataSummary::new(&experiment.data),
            criteria: "AIC = -2 ln L + 2 p; BIC = -2 ln L + p ln n; ICL = BIC - 2 sum_i ln max_k r_ik: smaller is better",
            best: Best { aic: self.best(|c| c.aic), bic: self.best(|c| c.bic), icl: self.best(|c| c.icl) },
            fits: self.fits.iter().map(FitSummary::new).collect(),
            failures: self.failures.iter().map(Failure::new).collect(),
        };
        let mut json = serde_json::to_vec_pretty(&summary).unwrap_or_default();
        json.push(b'\n');
        folder.write("selection.json", &json)?;
        folder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_numbers_and_ranges() {
        assert_eq!(counts("1-3,7, 2").map(|counts| counts.0), Ok(vec![1, 2, 3, 7]));
        for wrong in ["", "0", "3-1", "a", "1-", "1-99999999999", "-1"] {
            assert!(counts(wrong).is_err(), "{wrong}");
        }
    }
}
