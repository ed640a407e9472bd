//! EM as a map from a mixture to the next: the E-step is a sweep, the M-step the mode of the posterior, within the
//! constraint of a policy where there is one.

use gmm_core::{
    Data, Degenerate, Mixture, Model, Posterior, Rule, Statistics, SweepTotals, Symmetric, Workspace, sweep,
};

use crate::constraint::Constraint;
use crate::ledger::Ledger;
use crate::{Objective, Singularities};

/// The map of one model on one data set.
pub(crate) struct Map<'a> {
    /// Without its prior for the likelihood.
    model: Model,
    objective: Objective,
    data: &'a Data,
    statistics: Statistics,
    posterior: Posterior,
    constrained: Option<Constrained>,
    workspace: &'a mut Workspace,
    sweeps: usize,
}

/// A constraint and what it last did to the distinct covariances.
struct Constrained {
    constraint: Constraint,
    /// Of the unconstrained mode, and within the constraint.
    unconstrained: Vec<Symmetric>,
    covariances: Vec<Symmetric>,
    divisors: Vec<f64>,
    changed: Vec<bool>,
}

/// How high a mixture lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Height {
    /// ln L, or ln L + ln prior.
    pub(crate) objective: f64,
    pub(crate) totals: SweepTotals,
}

impl<'a> Map<'a> {
    pub(crate) fn new(
        model: &Model,
        data: &'a Data,
        objective: Objective,
        policy: Singularities,
        workspace: &'a mut Workspace,
    ) -> Self {
        let model = match objective {
            Objective::Likelihood => model.without_prior(),
            Objective::Posterior => model.clone(),
        };
        let statistics = model.blank_statistics();
        let posterior = model.posterior(&statistics);
        let constrained = Constraint::of(policy, &model).map(|constraint| Constrained::new(constraint, &model));
        Self { model, objective, data, statistics, posterior, constrained, workspace, sweeps: 0 }
    }

    /// The model, without its prior for the likelihood.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Brings a mixture into the set in which the constraint holds all others, where double precision can.
    pub(crate) fn admit(&self, mixture: &mut Mixture) {
        let Some(Constrained { constraint, .. }) = &self.constrained else { return };
        let mut covariances: Vec<Symmetric> = mixture.covariances().iter().map(|c| c.as_symmetric().clone()).collect();
        let rows: Vec<f64> = match covariances.len() {
            1 => vec![1.0],
            _ => mixture.weights().to_vec(),
        };
        constraint.admit(&mut covariances, &rows);
        let mut admitted = mixture.clone();
        if covariances.iter().enumerate().all(|(index, matrix)| admitted.set_covariance(index, matrix).is_ok()) {
            *mixture = admitted;
        }
    }

    /// The E-step at a mixture (of the model's structure), and its height.
    pub(crate) fn expect(&mut self, mixture: &Mixture) -> Height {
        let totals = sweep(self.data, mixture, Rule::Responsibilities, &mut self.statistics, self.workspace);
        self.sweeps += 1;
        let ln_prior = match self.objective {
            Objective::Likelihood => 0.0,
            Objective::Posterior => self.model.ln_prior(mixture),
        };
        Height { objective: totals.ln_likelihood + ln_prior, totals }
    }

    /// The M-step after the latest E-step.
    ///
    /// # Errors
    /// [`Degenerate`]: a covariance is singular; the mixture must not be used then.
    pub(crate) fn maximise(&mut self, next: &mut Mixture) -> Result<(), Degenerate> {
        self.posterior.update(&self.statistics);
        match &mut self.constrained {
            None => self.posterior.mode(next),
            Some(constrained) => constrained.mode(&self.posterior, next),
        }
    }

    /// Shows a ledger what the latest M-step, the one of an iteration, was before and after the constraint.
    pub(crate) fn show(&self, ledger: &mut Ledger<'_>, iteration: usize) {
        if let Some(Constrained { constraint, unconstrained, changed, .. }) = &self.constrained {
            ledger.see(iteration, *constraint, unconstrained, self.effective_rows(), changed);
        }
    }

    /// Whether a constraint holds the covariances.
    pub(crate) fn is_constrained(&self) -> bool {
        self.constrained.is_some()
    }

    /// Whether an M-step may lower the objective.
    pub(crate) fn may_fall(&self) -> bool {
        self.constrained.as_ref().is_some_and(|constrained| constrained.constraint.changes_all())
    }

    /// The most by which the latest M-step may have lowered the objective, but for rounding.
    pub(crate) fn most_fall(&self) -> f64 {
        let of = |c: &Constrained| c.constraint.most_fall(&c.divisors, self.model.shape(), self.model.d());
        self.constrained.as_ref().map_or(0.0, of)
    }

    /// The distinct covariance `index` of the unconstrained mode of the latest M-step.
    pub(crate) fn unconstrained(&self, index: usize) -> Symmetric {
        let mut matrix = Symmetric::zeros(self.model.shape(), self.model.d());
        self.posterior.mode_of_covariance(index, &mut matrix);
        matrix
    }

    /// The responsibilities of the latest E-step added up, for each component (K).
    pub(crate) fn effective_rows(&self) -> &[f64] {
        self.statistics.weights()
    }

    /// The posterior of the latest M-step.
    pub(crate) fn posterior(&self) -> &Posterior {
        &self.posterior
    }

    /// E-steps so far.
    pub(crate) fn sweeps(&self) -> usize {
        self.sweeps
    }
}

impl Constrained {
    fn new(constraint: Constraint, model: &Model) -> Self {
        let distinct = model.structure().n_covariances(model.k());
        let covariances = vec![Symmetric::zeros(model.shape(), model.d()); distinct];
        let (divisors, changed) = (vec![0.0; distinct], vec![false; distinct]);
        Self { constraint, unconstrained: covariances.clone(), covariances, divisors, changed }
    }

    /// Writes the mode within the constraint to `next`.
    fn mode(&mut self, posterior: &Posterior, next: &mut Mixture) -> Result<(), Degenerate> {
        let Self { constraint, unconstrained, covariances, divisors, changed } = self;
        posterior.mode_of_weights_and_means(next);
        for (index, (mode, copy)) in unconstrained.iter_mut().zip(covariances.iter_mut()).enumerate() {
            posterior.mode_of_covariance(index, mode);
            copy.copy_from(mode);
            divisors[index] = posterior.mode_divisor(index);
        }
        constraint.apply(covariances, divisors, changed);
        for (component, matrix) in covariances.iter().enumerate() {
            next.set_covariance(component, matrix).map_err(|source| Degenerate { component, source })?;
        }
        Ok(())
    }
}
