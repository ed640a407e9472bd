//! The experiment as used: data, models and settings that are known to fit each other.

use std::io::{self, Write};

use gmm_core::{Data, Label, Mixture, Model};
use gmm_em::{Ascent, Em, Gradient, Plan, StandardErrors, Stepwise};
use gmm_mcmc::evidence::{Estimate, PriorOfK};
use gmm_mcmc::predictive::Statistic;
use gmm_mcmc::{Gibbs, PartitionLoss, Relabelling};

use crate::config;
use crate::rows::Classes;

/// Pairs of rows of which it is computed how probable it is that they belong together, where there are too many rows for
/// all pairs.
pub(crate) const PAIRS: usize = 1000;

/// The probability with which intervals are to cover.
pub(crate) const LEVEL: f64 = 0.9;

/// An experiment that can run.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The name, also of its folder of results.
    pub name: String,
    /// The seed that all random streams are derived from.
    pub seed: u64,
    /// The rows and what is known about them.
    pub data: DataSet,
    /// What is run, in order.
    pub fits: Vec<Fit>,
    /// The prior of the number of components, where evidences compare some.
    pub prior_of_k: PriorOfK,
    /// The config with every default filled in: what `experiment.ron` holds.
    pub config: config::Experiment,
}

/// Rows and what is known about them.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// The rows that are fitted.
    pub data: Data,
    /// The rows that no fit sees.
    pub held_out: Option<HeldOut>,
    /// The names of the columns (d).
    pub columns: Vec<String>,
    /// Where they come from, in a word: a file name, or `simulated`.
    pub source: String,
    /// SHA-256 of the file, or of the `data.csv` that a simulation leaves.
    pub sha256: String,
    /// Known classes of the rows that are fitted, compared with and never fitted.
    pub labels: Option<Labels>,
    /// The mixture that the rows are known to come from.
    pub truth: Option<Mixture>,
    /// Whether the rows come from no file: the results then hold them.
    pub is_simulated: bool,
}

impl DataSet {
    /// Writes all rows with their classes, in the order in which they came, as a comma-separated file.
    ///
    /// # Errors
    /// Those of `to`.
    pub(crate) fn write_csv(&self, to: &mut impl Write) -> io::Result<()> {
        write!(to, "{}", self.columns.join(","))?;
        writeln!(to, "{}", if self.labels.is_some() { ",component" } else { "" })?;
        let held_out = self.held_out.as_ref();
        let (mut fitted, mut left) = (0, 0);
        for i in 0..self.data.n() + held_out.map_or(0, |rows| rows.data.n()) {
            let of_left = held_out.filter(|rows| rows.places.get(left) == Some(&i));
            let (row, class) = match of_left {
                Some(rows) => (rows.data.row(left), rows.labels.as_ref().map(|labels| labels[left])),
                None => (self.data.row(fitted), self.labels.as_ref().map(|labels| labels.of_rows[fitted])),
            };
            *if of_left.is_some() { &mut left } else { &mut fitted } += 1;
            for (j, x) in row.iter().enumerate() {
                write!(to, "{}{x}", if j == 0 { "" } else { "," })?;
            }
            match self.labels.as_ref().zip(class) {
                Some((labels, class)) => writeln!(to, ",{}", labels.classes[usize::from(class)])?,
                None => writeln!(to)?,
            }
        }
        Ok(())
    }
}

/// Rows that no fit sees: all fits are judged by how well they predict them.
#[derive(Debug, Clone)]
pub struct HeldOut {
    /// The rows.
    pub data: Data,
    /// Their places among all rows, in order, from 0.
    pub(crate) places: Vec<usize>,
    /// Their known classes.
    pub(crate) labels: Option<Vec<Label>>,
}

/// A known class for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The names of the classes, in the order of their first row.
    pub classes: Vec<String>,
    /// The class of each row (n), as an index.
    pub of_rows: Vec<Label>,
}

impl From<Classes> for Labels {
    fn from(classes: Classes) -> Self {
        Self { classes: classes.names, of_rows: classes.of_rows }
    }
}

/// One fit of the experiment.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Its name, unlike any other's.
    pub name: String,
    /// The model with its priors.
    pub model: Model,
    /// How it is fitted.
    pub method: Method,
    /// Where the standard errors of a point estimate come from.
    pub standard_errors: Option<StandardErrors>,
}

/// How a model is fitted.
#[derive(Debug, Clone)]
pub enum Method {
    /// Expectation-maximisation.
    Em(Em),
    /// Stepwise expectation-maximisation.
    Stepwise(Stepwise),
    /// Gradient ascent.
    Gradient(Gradient),
    /// Gibbs sampling.
    Gibbs(Sampling),
}

/// Gibbs sampling, and what is computed from its draws.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// How draws are made.
    pub gibbs: Gibbs,
    /// How the evidence is estimated: each way at most once.
    pub evidence: Vec<Estimate>,
    /// Whether WAIC and leave-one-out cross-validation are computed.
    pub accuracy: bool,
    /// How label switching is undone.
    pub relabelling: Relabelling,
    /// Whether it is computed how well components keep their labels: it is, unless that takes more than a few seconds.
    pub identifiability: bool,
    /// By which loss the rows are partitioned, if they are.
    pub partition: Option<PartitionLoss>,
    /// Statistics by which replicated data are compared with those observed.
    pub checks: Vec<Statistic>,
}

impl Method {
    /// What point estimates share; none for sampling.
    pub(crate) fn plan(&self) -> Option<Plan> {
        match self {
            Self::Em(em) => Some(em.plan()),
            Self::Stepwise(stepwise) => Some(stepwise.plan()),
            Self::Gradient(gradient) => Some(gradient.plan()),
            Self::Gibbs(_) => None,
        }
    }
}
