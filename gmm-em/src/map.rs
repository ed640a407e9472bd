//! EM as a map from a mixture to the next: the E-step is a sweep, the M-step the mode of the posterior.

use gmm_core::{Data, Degenerate, Mixture, Model, Posterior, Rule, Statistics, SweepTotals, Workspace, sweep};

use crate::Objective;

/// The map of one model on one data set.
pub(crate) struct Map<'a> {
    /// Without its prior for the likelihood.
    model: Model,
    objective: Objective,
    data: &'a Data,
    statistics: Statistics,
    posterior: Posterior,
    workspace: &'a mut Workspace,
    sweeps: usize,
}

/// How high a mixture lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Height {
    /// ln L, or ln L + ln prior.
    pub(crate) objective: f64,
    pub(crate) totals: SweepTotals,
}

impl<'a> Map<'a> {
    pub(crate) fn new(model: &Model, data: &'a Data, objective: Objective, workspace: &'a mut Workspace) -> Self {
        let model = match objective {
            Objective::Likelihood => model.without_prior(),
            Objective::Posterior => model.clone(),
        };
        let statistics = model.blank_statistics();
        let posterior = model.posterior(&statistics);
        Self { model, objective, data, statistics, posterior, workspace, sweeps: 0 }
    }

    /// The model, without its prior for the likelihood.
    pub(crate) fn model(&self) -> &Model {
        &self.model
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
        self.posterior.mode(next)
    }

    /// The responsibilities of the latest E-step added up, for each component (K).
    pub(crate) fn effective_rows(&self) -> &[f64] {
        self.statistics.weights()
    }

    /// E-steps so far.
    pub(crate) fn sweeps(&self) -> usize {
        self.sweeps
    }
}
