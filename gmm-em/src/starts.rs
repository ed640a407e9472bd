//! Where the restarts begin.

use gmm_core::{
    Covariance, Data, Mixture, MixtureError, Model, NotPositiveDefinite, Seeding, Structure, Symmetric, Workspace,
    seed_mixture,
};
use rand::Rng;
use thiserror::Error;

use crate::ascent::check_setting;
use crate::{Climb, Em, EmError, Outcome, Plan, climb};

/// How the restarts start.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Starts {
    /// Each from seeds by k-means++.
    #[default]
    KMeansPlusPlus,
    /// Each from random rows as seeds.
    RandomRows,
    /// Each from random responsibilities.
    RandomResponsibilities,
    /// From k-means++ and from random rows in turn: more different starts than either.
    Alternate,
    /// From a mixture, so there is only one restart.
    ///
    /// It has K components in d dimensions, none of weight 0. Covariances of another shape are brought into the model's:
    /// exactly into a wider one, by [`Symmetric::project`] into a narrower one (the diagonal, the mean of the variances).
    /// One covariance for all serves each component of a model that has them free. Where the model has one for all,
    /// those of the mixture must be equal; where it is known, equal to it.
    Given(Mixture),
    /// Each from the best of several short runs of EM from random rows: em-EM (Biernacki, Celeux & Govaert 2003).
    ///
    /// The best is the one of highest objective among those that did not collapse, or among all if none is left. The
    /// runs are EM whatever climbs from there, on all rows, and count among the sweeps of the restart.
    BestOfShort {
        /// Number of short runs for each restart; at least 1.
        runs: usize,
        /// The most iterations of a short run; at least 1. One that has converged earlier stops.
        iterations: usize,
    },
}

/// What a restart started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A starting point that was drawn.
    Drawn(Seeding),
    /// The given mixture.
    Given,
    /// The end of the best short run.
    Short {
        /// Which of the runs it is, from 0.
        run: usize,
    },
}

/// Why a mixture cannot be the start of a model. Components count from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StartError {
    /// Another number of components.
    #[error("the start has {found} components where the model has {expected}")]
    Components {
        /// Of the start.
        found: usize,
        /// Of the model.
        expected: usize,
    },
    /// Another dimension.
    #[error("the start has dimension {found} where the model has {expected}")]
    Dimension {
        /// Of the start.
        found: usize,
        /// Of the model.
        expected: usize,
    },
    /// A weight is 0.
    #[error("component {component} of the start has weight 0, which no step would change: give it a positive weight")]
    Weight {
        /// The component.
        component: usize,
    },
    /// The model has one covariance for all components, the start has several.
    #[error(
        "covariance {component} of the start differs from covariance 0, but the model has one for all components: give \
         them all the same"
    )]
    NotTied {
        /// The first component that differs.
        component: usize,
    },
    /// The covariance of the model is known, that of the start is another.
    #[error("covariance {component} of the start is not the known covariance of the model")]
    NotKnown {
        /// The first component that differs.
        component: usize,
    },
    /// A covariance is not positive definite in the shape of the model.
    #[error("covariance {component} of the start, in the shape of the model: {source}")]
    NotPositiveDefinite {
        /// The component.
        component: usize,
        /// What the factorisation met.
        source: NotPositiveDefinite,
    },
    /// The parts do not make a mixture.
    #[error("the start: {0}")]
    Mixture(#[from] MixtureError),
}

/// A start, what it is and what it cost.
pub(crate) struct Drawn {
    pub(crate) mixture: Mixture,
    pub(crate) start: Start,
    /// Passes over all rows.
    pub(crate) sweeps: usize,
}

impl Starts {
    /// Checks what [`draw`] takes for granted.
    pub(crate) fn check(&self, model: &Model, restarts: usize) -> Result<(), EmError> {
        match self {
            Starts::KMeansPlusPlus | Starts::RandomRows | Starts::RandomResponsibilities | Starts::Alternate => Ok(()),
            Starts::Given(mixture) => {
                let expected = "1 with a given start, from which all would be the same";
                check_setting("restarts", restarts as f64, expected, restarts == 1)?;
                Ok(in_structure(mixture, model).map(|_| ())?)
            }
            Starts::BestOfShort { runs, iterations } => {
                check_setting("runs", *runs as f64, "at least 1", *runs > 0)?;
                check_setting("iterations", *iterations as f64, "at least 1", *iterations > 0)
            }
        }
    }
}

/// The start of one restart, with random numbers of its own.
pub(crate) fn draw<R: Rng + ?Sized>(
    plan: &Plan,
    restart: usize,
    model: &Model,
    data: &Data,
    rng: &mut R,
    workspace: &mut Workspace,
) -> Result<Drawn, EmError> {
    let seeding = match &plan.starts {
        Starts::KMeansPlusPlus => Seeding::KMeansPlusPlus,
        Starts::RandomRows => Seeding::RandomRows,
        Starts::RandomResponsibilities => Seeding::RandomResponsibilities,
        Starts::Alternate if restart.is_multiple_of(2) => Seeding::KMeansPlusPlus,
        Starts::Alternate => Seeding::RandomRows,
        Starts::Given(mixture) => {
            return Ok(Drawn { mixture: in_structure(mixture, model)?, start: Start::Given, sweeps: 0 });
        }
        Starts::BestOfShort { runs, iterations } => {
            return best_of_short(plan, (*runs, *iterations), model, data, rng, workspace);
        }
    };
    let mixture = seed_mixture(model, data, seeding, rng)?;
    Ok(Drawn { mixture, start: Start::Drawn(seeding), sweeps: 0 })
}

/// The end of the best of several short runs of EM.
fn best_of_short<R: Rng + ?Sized>(
    plan: &Plan,
    (runs, iterations): (usize, usize),
    model: &Model,
    data: &Data,
    rng: &mut R,
    workspace: &mut Workspace,
) -> Result<Drawn, EmError> {
    let em = Em {
        objective: plan.objective,
        tolerance: plan.tolerance,
        max_iterations: iterations,
        collapse: plan.collapse.clone(),
        ..Em::default()
    };
    let mut short = || -> Result<Climb, EmError> {
        let start = seed_mixture(model, data, Seeding::RandomRows, rng)?;
        Ok(climb(model, data, start, &em, workspace, |_, _| {}))
    };
    let height = |end: &Climb| (matches!(end.outcome, Outcome::Stopped(_)), end.objective());
    let (mut best, mut winner) = (short()?, 0);
    let mut sweeps = best.sweeps;
    for run in 1..runs {
        let end = short()?;
        sweeps += end.sweeps;
        if height(&end) > height(&best) {
            (best, winner) = (end, run);
        }
    }
    Ok(Drawn { mixture: best.mixture, start: Start::Short { run: winner }, sweeps })
}

/// The mixture in the structure of the model, see [`Starts::Given`].
fn in_structure(mixture: &Mixture, model: &Model) -> Result<Mixture, StartError> {
    let (k, d) = (model.k(), model.d());
    if mixture.k() != k {
        return Err(StartError::Components { found: mixture.k(), expected: k });
    }
    if mixture.d() != d {
        return Err(StartError::Dimension { found: mixture.d(), expected: d });
    }
    if let Some(component) = mixture.weights().iter().position(|w| *w == 0.0) {
        return Err(StartError::Weight { component });
    }
    let given: Vec<&Covariance> = (0..k).map(|component| mixture.covariance(component)).collect();
    let other_than =
        |expected: &Covariance| given.iter().position(|c| !are_equal(c.as_symmetric(), expected.as_symmetric()));
    let projected = |component: usize| {
        let matrix = given[component].as_symmetric().project(model.shape());
        Covariance::new(matrix).map_err(|source| StartError::NotPositiveDefinite { component, source })
    };
    let covariances = match model.structure() {
        Structure::Free(_) => (0..k).map(projected).collect::<Result<_, _>>()?,
        Structure::Tied(_) => match other_than(given[0]) {
            Some(component) => return Err(StartError::NotTied { component }),
            None => vec![projected(0)?],
        },
        Structure::Known(known) => match other_than(known) {
            Some(component) => return Err(StartError::NotKnown { component }),
            None => vec![known.clone()],
        },
    };
    let means = (0..k).map(|component| mixture.mean(component).to_vec()).collect();
    Ok(Mixture::new(mixture.weights().to_vec(), means, covariances)?)
}

/// Whether two matrices, in whatever shape, are equal but for rounding.
fn are_equal(a: &Symmetric, b: &Symmetric) -> bool {
    let scale = |i: usize| b.get(i, i).sqrt();
    (0..a.d()).all(|i| (0..=i).all(|j| (a.get(i, j) - b.get(i, j)).abs() <= 1e-12 * scale(i) * scale(j)))
}
