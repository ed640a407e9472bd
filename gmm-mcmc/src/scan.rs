//! One Gibbs scan: parameters given allocations from the conjugate posterior, allocations given parameters by a sweep.

use gmm_core::{
    Data, Degenerate, Label, Mixture, Model, Posterior, Rule, Statistics, Streams, SweepTotals, Workspace, sweep,
};

/// The state of a chain: parameters, allocations drawn given them, and the statistics of those allocations.
///
/// A scan first draws `(w, mu, S) | z` and then `z | (w, mu, S)`, so that after it parameters and allocations are one
/// draw of their joint posterior and the log-likelihood of the parameters is at hand (Diebolt & Robert 1994).
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::Scan;
/// let data = Data::from_rows(&[[0.0], [0.5], [1.0], [8.0], [8.5], [9.0]])?;
/// let model = Model::with_default_prior(2, Structure::Tied(Shape::Full), &data)?;
/// let mut scan = Scan::new(&model, &data, model.blank_mixture(), Streams::new(3));
/// for _ in 0..100 {
///     scan.step()?;
/// }
/// assert!(scan.ln_likelihood().is_finite());
/// assert_eq!(scan.labels().len(), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scan<'a> {
    model: &'a Model,
    data: &'a Data,
    mixture: Mixture,
    labels: Vec<Label>,
    statistics: Statistics,
    posterior: Posterior,
    workspace: Workspace,
    parameter_streams: Streams,
    label_streams: Streams,
    number: u64,
    totals: SweepTotals,
}

impl<'a> Scan<'a> {
    /// Starts at a mixture (of the model's structure) and draws the allocations there. The streams must be the
    /// chain's own.
    pub fn new(model: &'a Model, data: &'a Data, start: Mixture, streams: Streams) -> Self {
        let statistics = model.blank_statistics();
        let mut scan = Self {
            model,
            data,
            mixture: start,
            labels: vec![0; data.n()],
            posterior: model.posterior(&statistics),
            statistics,
            workspace: Workspace::new(),
            parameter_streams: streams.named("parameters"),
            label_streams: streams.named("labels"),
            number: 0,
            totals: SweepTotals { ln_likelihood: 0.0, ln_classification: 0.0 },
        };
        scan.draw_labels();
        scan
    }

    /// One scan.
    ///
    /// # Errors
    /// [`Degenerate`] if a scale matrix is not positive definite; the state is then of no use.
    pub fn step(&mut self) -> Result<(), Degenerate> {
        self.number += 1;
        self.posterior.update(&self.statistics);
        self.posterior.draw(&mut self.parameter_streams.rng(self.number), &mut self.mixture)?;
        self.draw_labels();
        Ok(())
    }

    fn draw_labels(&mut self) {
        let rule = Rule::Draw { streams: &self.label_streams, sweep: self.number, labels: &mut self.labels };
        self.totals = sweep(self.data, &self.mixture, rule, &mut self.statistics, &mut self.workspace);
    }

    /// The parameters.
    pub fn mixture(&self) -> &Mixture {
        &self.mixture
    }

    /// The allocation of each row (n), drawn given the parameters.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The statistics of the allocations.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The posterior of the parameters given the allocations.
    pub fn posterior(&mut self) -> &Posterior {
        self.posterior.update(&self.statistics);
        &self.posterior
    }

    /// The number of scans so far.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The log-likelihood of the parameters, with all constants.
    pub fn ln_likelihood(&self) -> f64 {
        self.totals.ln_likelihood
    }

    /// The log joint density of data and parameters, with all constants: log-likelihood plus log prior.
    pub fn ln_posterior(&self) -> f64 {
        self.totals.ln_likelihood + self.model.ln_prior(&self.mixture)
    }

    /// How many components have at least one row.
    pub fn n_occupied(&self) -> usize {
        self.statistics.weights().iter().filter(|n| **n > 0.0).count()
    }
}
