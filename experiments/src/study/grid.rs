//! The grid: from a study as written to its cells, and from a cell and a replicate to a plain experiment.

mod axes;

use std::path::PathBuf;

use gmm_core::Streams;
use rand::RngExt;

use self::axes::Axes;
pub(crate) use self::axes::Axis;
use super::summary::{FactorValue, StudyFit};
use crate::config::{
    self, ConfigError, Covariance, Data, Evidence, Fit, Matrix, Mixtures, Objective, Partition, Shape, Source, Study,
    StudyData, packed,
};
use crate::digest::Digested;
use crate::output;
use crate::resolve::{LoadError, fit_names, resolve_some};

/// The most cells of a grid.
const MOST_CELLS: usize = 10_000;

/// The most replicates of a cell, and test rows.
const MOST_REPLICATES: usize = 10_000_000;

/// A study that can run.
#[derive(Debug)]
pub(crate) struct Grid {
    /// As written, with the fits as they are run.
    pub(crate) study: Study,
    /// Where errors are shown.
    pub(crate) source: Source,
    /// Paths are relative to this folder.
    pub(crate) folder: PathBuf,
    /// What varies.
    pub(crate) factors: Vec<Axis>,
    /// In the order of the factors, the last running fastest.
    pub(crate) cells: Vec<Cell>,
    /// In the order of the config.
    pub(crate) fits: Vec<PlannedFit>,
}

/// A combination of values.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Its number in this grid, from 0.
    pub(crate) number: usize,
    /// The value of each factor.
    pub(crate) values: Vec<FactorValue>,
    /// What it is, whatever the grid around it: its data and model in RON.
    pub(crate) content: String,
    /// A digest of the content.
    pub(crate) key: String,
    data: Data,
    model: config::Model,
    data_content: String,
    /// What a mixture that is made once depends on.
    design: Option<String>,
}

/// A fit of every replicate.
#[derive(Debug)]
pub(crate) struct PlannedFit {
    /// Its name.
    pub(crate) name: String,
    /// As written, but what a study does not use is off.
    pub(crate) written: Fit,
    /// The fit in RON.
    pub(crate) content: String,
    /// A digest of the content.
    pub(crate) key: String,
}

impl Grid {
    /// The grid of a study. Paths are relative to `folder`.
    ///
    /// # Errors
    /// A list is empty or holds a value twice, a number is out of range, or a name cannot be used. The numbers of data,
    /// models and fits are judged by [`check`](Self::check).
    pub(crate) fn new(mut study: Study, source: Source, folder: PathBuf) -> Result<Self, ConfigError> {
        let name_fault = |error| source.error_at("name", error, Some("the name is also that of the folder of results"));
        output::check_name(&study.name).map_err(name_fault)?;
        if study.fits.is_empty() {
            let example = Some("for example `fits: [Em(), Gibbs()]`");
            return Err(source.error_at("fits", "there is nothing to run", example));
        }
        check_count(&source, "replicates", study.replicates, 1)?;
        check_count(&source, "test_rows", study.test_rows, 0)?;
        let axes = Axes::of(&study, &source)?;
        let n_cells = axes.n_cells();
        if n_cells > MOST_CELLS as u128 {
            let message = format!("the grid has {n_cells} cells, beyond the limit of {MOST_CELLS}");
            return Err(source.error_at("", message, None));
        }
        let cells = (0..n_cells as usize).map(|number| cell(&study, &axes, number)).collect();
        let names = fit_names(&study.fits, &source)?;
        study.fits.iter_mut().zip(names).for_each(|(fit, name)| prepare(fit, name));
        let planned = |fit: &Fit| {
            let content = packed(fit);
            let (name, key) = (fit.name().unwrap_or("").to_owned(), digest(&content));
            PlannedFit { name, written: fit.clone(), content, key }
        };
        let fits = study.fits.iter().map(planned).collect();
        Ok(Self { factors: axes.factors(), cells, fits, study, source, folder })
    }

    /// Tries the first replicate of each cell, as far as it can be without running.
    ///
    /// # Errors
    /// The data of a cell cannot be, or a fit can be run in no cell. A mixture that was not found in one replicate, or a
    /// fit that one cell cannot have, is no error: it is a failure in the results.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let mut first_errors: Vec<Option<ConfigError>> = self.fits.iter().map(|_| None).collect();
        let mut possible = vec![false; self.fits.len()];
        let all: Vec<usize> = (0..self.fits.len()).collect();
        for cell in &self.cells {
            let mut refused = vec![false; self.fits.len()];
            let mut refuse = |fit: usize, error: ConfigError| {
                refused[fit] = true;
                first_errors[fit].get_or_insert(error);
                Ok(())
            };
            match resolve_some(self.experiment(cell, 0, &all), &self.source, &self.folder, &self.folder, &mut refuse) {
                Ok(_) => possible.iter_mut().zip(refused).for_each(|(possible, refused)| *possible |= !refused),
                Err(LoadError::Input(error)) if error.field() == "data" => possible.fill(true),
                Err(error) => return Err(error),
            }
        }
        let impossible =
            first_errors.into_iter().zip(possible).find_map(|(error, possible)| error.filter(|_| !possible));
        impossible.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The experiment that a replicate of a cell is, with some of the fits.
    pub(crate) fn experiment(&self, cell: &Cell, replicate: u64, fits: &[usize]) -> config::Experiment {
        let mut data = cell.data.clone();
        match &mut data {
            Data::Simulate { seed, .. } => *seed = Some(self.data_seed(cell, replicate)),
            Data::SimulateSeparated { seed, mixture_seed, .. } => {
                *seed = Some(self.data_seed(cell, replicate));
                *mixture_seed = cell.design.as_deref().map(|design| self.stream("mixture", design).rng(0).random());
            }
            _ => {}
        }
        config::Experiment {
            name: format!("{}-{}-{replicate}", self.study.name, cell.number),
            seed: self.stream("fits", &cell.content).split(replicate).rng(0).random(),
            data,
            holdout: None,
            model: cell.model.clone(),
            prior_of_k: config::PriorOfK::default(),
            fits: fits.iter().map(|fit| self.fits[*fit].written.clone()).collect(),
        }
    }

    /// The seed of the rows: cells that differ in the model alone have the same.
    pub(crate) fn data_seed(&self, cell: &Cell, replicate: u64) -> u64 {
        self.stream("data", &cell.data_content).split(replicate).rng(0).random()
    }

    fn stream(&self, name: &str, content: &str) -> Streams {
        Streams::new(self.study.seed).named("study").named(name).named(content)
    }

    /// The fits in words.
    pub(crate) fn fit_summaries(&self) -> Vec<StudyFit> {
        let of = |fit: &PlannedFit| {
            let (method, objective) = match &fit.written {
                Fit::Em { objective, .. } => ("em", Some(objective)),
                Fit::StepwiseEm { objective, .. } => ("stepwise_em", Some(objective)),
                Fit::Gradient { objective, .. } => ("gradient", Some(objective)),
                Fit::Gibbs { .. } => ("gibbs", None),
            };
            let word = |objective: &Objective| match objective {
                Objective::Likelihood => "likelihood".to_owned(),
                Objective::Posterior => "posterior".to_owned(),
            };
            StudyFit { name: fit.name.clone(), method: method.to_owned(), objective: objective.map(word) }
        };
        self.fits.iter().map(of).collect()
    }
}

fn check_count(source: &Source, field: &str, value: usize, least: usize) -> Result<(), ConfigError> {
    match (least..=MOST_REPLICATES).contains(&value) {
        true => Ok(()),
        false => {
            let message = format!("{value} is not from {least} to {MOST_REPLICATES}");
            Err(source.error_at(field, message, None))
        }
    }
}

fn cell(study: &Study, axes: &Axes, number: usize) -> Cell {
    let choice = axes.choice(number);
    let mut once = false;
    let data = match &study.data {
        StudyData::Simulate { n, mixture } => {
            Data::Simulate { n: Some(*choice.pick("data.n", n)), mixture: mixture.clone(), sizes: None, seed: None }
        }
        StudyData::SimulateSeparated {
            n,
            components,
            dims,
            separation,
            weights,
            shape,
            tied,
            condition,
            outliers,
            widening,
            mixtures,
        } => {
            once = *mixtures == Mixtures::Once;
            Data::SimulateSeparated {
                n: *choice.pick("data.n", n),
                components: Some(*choice.pick("data.components", components)),
                dims: *choice.pick("data.dims", dims),
                separation: *choice.pick("data.separation", separation),
                weights: choice.pick("data.weights", weights).clone(),
                shape: *choice.pick("data.shape", shape),
                tied: *choice.pick("data.tied", tied),
                condition: *choice.pick("data.condition", condition),
                outliers: *choice.pick("data.outliers", outliers),
                widening: *choice.pick("data.widening", widening),
                seed: None,
                mixture_seed: None,
            }
        }
    };
    let (components, covariance) = structure_of_truth(&data);
    let written = &study.model;
    let model = config::Model {
        components: written.components.as_ref().map_or(components, |k| *choice.pick("model.components", k)),
        covariance: written.covariance.as_ref().map_or(covariance, |c| choice.pick("model.covariance", c).clone()),
        prior: written.prior.as_ref().map(|prior| choice.pick("model.prior", prior).clone()),
    };
    let design = once.then(|| {
        let mut design = data.clone();
        if let Data::SimulateSeparated { n, outliers, widening, .. } = &mut design {
            (*n, *outliers, *widening) = (0, 0.0, 0.0);
        }
        packed(&design)
    });
    let data_content = format!("{}{}", packed(&data), if once { " of one mixture" } else { "" });
    let content = format!("{data_content} {}", packed(&model));
    let (values, key) = (choice.values(), digest(&content));
    Cell { number, values, key, content, data, model, data_content, design }
}

/// The number of components and the covariance structure of the truth; that of a given mixture is free, in the most general
/// shape that is written.
fn structure_of_truth(data: &Data) -> (usize, Covariance) {
    match data {
        Data::SimulateSeparated { components, shape, tied, .. } => {
            let covariance = if *tied { Covariance::Tied(*shape) } else { Covariance::Free(*shape) };
            (components.unwrap_or(1), covariance)
        }
        Data::Simulate { mixture, .. } => {
            let any = |of: fn(&Matrix) -> bool| mixture.covariances.iter().any(of);
            let shape = match () {
                () if any(|matrix| matches!(matrix, Matrix::Full(_))) => Shape::Full,
                () if any(|matrix| matches!(matrix, Matrix::Diagonal(_))) => Shape::Diagonal,
                () => Shape::Isotropic,
            };
            (mixture.weights.len(), Covariance::Free(shape))
        }
        _ => (1, Covariance::Free(Shape::Full)),
    }
}

/// Names a fit, and turns off what is computed of draws and a study does not use, unless it is asked for.
fn prepare(fit: &mut Fit, as_name: String) {
    let (Fit::Em { name, .. } | Fit::StepwiseEm { name, .. } | Fit::Gradient { name, .. } | Fit::Gibbs { name, .. }) =
        fit;
    *name = Some(as_name);
    if let Fit::Gibbs { evidence, accuracy, partition, checks, .. } = fit {
        evidence.get_or_insert_with(Vec::<Evidence>::new);
        accuracy.get_or_insert(false);
        partition.get_or_insert(Partition::Off);
        checks.get_or_insert_with(Vec::new);
    }
}

/// The first 64 bits of the SHA-256 of a text, in hexadecimal.
fn digest(text: &str) -> String {
    let mut to = Digested::new(std::io::sink());
    let _ = std::io::Write::write_all(&mut to, text.as_bytes());
    to.finish().0.chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_study;

    fn grid(data: &str, more: &str) -> Grid {
        let text = format!("Study(name: \"s\", seed: 3, replicates: 2, data: {data}, {more})");
        let (study, source) = parse_study("s.ron", &text).unwrap();
        Grid::new(study, source, PathBuf::new()).unwrap()
    }

    const DATA: &str =
        "SimulateSeparated(n: [50, 100], components: 2, dims: 1, separation: [C(1.0), C(2.0)], mixtures: Once)";

    #[test]
    fn cells_are_the_product_of_what_varies_the_last_running_fastest() {
        let grid = grid(DATA, "model: (components: [1, 2]), fits: [Em(), Gibbs()]");
        let names: Vec<&str> = grid.factors.iter().map(|factor| factor.name).collect();
        assert_eq!(names, ["data.n", "data.separation", "model.components"]);
        let values: Vec<Vec<String>> =
            grid.cells.iter().map(|cell| cell.values.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(values.len(), 8);
        assert_eq!(
            (&values[0], &values[1], &values[7]),
            (
                &vec!["50".to_owned(), "1".to_owned(), "1".to_owned()],
                &vec!["50".to_owned(), "1".to_owned(), "2".to_owned()],
                &vec!["100".to_owned(), "2".to_owned(), "2".to_owned()],
            )
        );
        let experiment = grid.experiment(&grid.cells[0], 0, &[1]);
        assert_eq!(experiment.model.covariance, Covariance::Free(Shape::Full));
        assert!(
            matches!(&experiment.fits[..], [Fit::Gibbs { name: Some(name), accuracy: Some(false), .. }] if name == "gibbs")
        );
    }

    #[test]
    fn seeds_depend_on_content_and_not_on_the_grid_around_it() {
        let wide = grid(DATA, "model: (components: [1, 2]), fits: [Em(), Gibbs()]");
        let narrow = grid(
            "SimulateSeparated(n: 100, components: 2, dims: 1, separation: C(2.0), mixtures: Once)",
            "model: (components: 2), fits: [Gibbs()]",
        );
        let (last, only) = (&wide.cells[7], &narrow.cells[0]);
        let (a, b) = (wide.experiment(last, 1, &[1]), narrow.experiment(only, 1, &[0]));
        assert_eq!((a.seed, &a.data, &a.fits), (b.seed, &b.data, &b.fits));
        assert_eq!((&last.key, &wide.fits[1].key), (&only.key, &narrow.fits[0].key));
        // Cells that differ in the fit see the same rows, with other streams.
        let (one, two) = (wide.experiment(&wide.cells[6], 1, &[0]), wide.experiment(last, 1, &[0]));
        assert_eq!(one.data, two.data);
        assert_ne!(one.seed, two.seed);
        let seeds = |cell: usize, replicate: u64| match wide.experiment(&wide.cells[cell], replicate, &[]).data {
            Data::SimulateSeparated { seed, mixture_seed, .. } => (seed, mixture_seed),
            _ => (None, None),
        };
        // One mixture for all replicates and numbers of rows, another for another separation.
        assert_ne!(seeds(7, 0).0, seeds(7, 1).0);
        assert_eq!((seeds(7, 0).1, seeds(3, 0).1), (seeds(7, 1).1, seeds(7, 0).1));
        assert_ne!(seeds(7, 0).1, seeds(5, 0).1);
        assert!(seeds(7, 0).1.is_some());
    }
}
