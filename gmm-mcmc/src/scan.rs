//! One Gibbs scan: parameters given allocations from the conjugate posterior, and allocations by a sweep given parameters or
//! row by row with parameters integrated out.

use gmm_core::planted::{Defect, is_planted};
use gmm_core::{
    Data, Degenerate, Label, Mixture, Model, Posterior, Rule, Statistics, Streams, SweepTotals, Workspace, sweep,
};

use thiserror::Error;

use crate::Kind;
use crate::collapsed::{Order, RowScan};

/// The state of a chain: parameters, allocations, and the statistics of those allocations.
///
/// ```text
/// Blocked     (w, mu, S) | z,  then all z_i | (w, mu, S) at once                  Diebolt & Robert 1994
/// Collapsed   z_i | all other z, for i = 1..n in turn,  then (w, mu, S) | z       Neal 2000, algorithm 3
/// ```
///
/// After a scan of either kind parameters and allocations are one draw of their joint posterior, and the log-likelihood of
/// the parameters is at hand. Collapsed scans visit the rows in their order: each visit leaves the posterior as it is,
/// so any order does, and this one needs no random numbers and reads memory forwards.
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
    kernel: Kernel,
    /// To which the densities of rows are raised: 1 but on the rungs of a ladder.
    power: f64,
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

/// Why scans cannot start at an allocation.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoStart {
    /// There are not as many labels as rows.
    #[error("{found} labels where there are {expected} rows")]
    Labels {
        /// Number of labels.
        found: usize,
        /// Number of rows.
        expected: usize,
    },
    /// A label is that of no component.
    #[error("row {row} is allocated to component {label} of {k}, counted from 0")]
    Component {
        /// The row, from 0.
        row: usize,
        /// Its label.
        label: Label,
        /// Number of components.
        k: usize,
    },
    /// The prior is flat and the scans are collapsed.
    #[error(transparent)]
    Degenerate(#[from] Degenerate),
}

/// How allocations are drawn, with the memory that takes.
#[derive(Debug)]
enum Kernel {
    /// With the mixture that allocates rows below power 1.
    Blocked(Option<Mixture>),
    /// With the statistics that the sweep for the likelihood fills.
    Collapsed(Box<(RowScan, Statistics)>),
}

impl Kernel {
    fn of_kind(kind: Kind, model: &Model) -> Result<Self, Degenerate> {
        Ok(match kind {
            Kind::Blocked => Self::Blocked(None),
            Kind::Collapsed => Self::Collapsed(Box::new((RowScan::new(model, 1.0)?, model.blank_statistics()))),
        })
    }
}

impl<'a> Scan<'a> {
    /// Blocked scans from a mixture (of the model's structure) on, at which the allocations are drawn. The streams must be
    /// the chain's own.
    pub fn new(model: &'a Model, data: &'a Data, start: Mixture, streams: Streams) -> Self {
        let mut scan = Self::with_kernel(Kernel::Blocked(None), model, data, start, streams);
        scan.draw_labels();
        scan
    }

    /// Scans of a kind, see [`new`](Self::new).
    ///
    /// # Errors
    /// [`Degenerate`] if the prior is flat and the scans are collapsed.
    pub fn of_kind(
        kind: Kind,
        model: &'a Model,
        data: &'a Data,
        start: Mixture,
        streams: Streams,
    ) -> Result<Self, Degenerate> {
        let mut scan = Self::with_kernel(Kernel::of_kind(kind, model)?, model, data, start, streams);
        scan.draw_labels();
        Ok(scan)
    }

    /// Scans of a kind from parameters and allocations on, both of which are given: a draw of their joint distribution, say,
    /// with which a chain is stationary from its first state on.
    ///
    /// # Errors
    /// [`NoStart`] unless there is a label of a component for each row; or if the prior is flat and the scans are collapsed.
    pub fn at(
        kind: Kind,
        model: &'a Model,
        data: &'a Data,
        start: (Mixture, Vec<Label>),
        streams: Streams,
    ) -> Result<Self, NoStart> {
        let (mixture, labels) = start;
        let (k, found, expected) = (model.k(), labels.len(), data.n());
        if found != expected {
            return Err(NoStart::Labels { found, expected });
        }
        if let Some(row) = labels.iter().position(|label| usize::from(*label) >= k) {
            return Err(NoStart::Component { row, label: labels[row], k });
        }
        let mut scan = Self::with_kernel(Kernel::of_kind(kind, model)?, model, data, mixture, streams);
        for (row, label) in data.rows().zip(&labels) {
            scan.statistics.push(usize::from(*label), 1.0, row);
        }
        scan.labels = labels;
        scan.measure();
        Ok(scan)
    }

    fn with_kernel(kernel: Kernel, model: &'a Model, data: &'a Data, start: Mixture, streams: Streams) -> Self {
        let statistics = model.blank_statistics();
        Self {
            kernel,
            power: 1.0,
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
        }
    }

    /// Raises the densities of rows to a power from 0 to 1 from now on: draws are those of
    /// `p(w, mu, S) p(z | w) p(x | z, mu, S)^power`.
    ///
    /// # Errors
    /// [`Degenerate`] if the prior is flat and the scans are collapsed.
    pub(crate) fn set_power(&mut self, power: f64) -> Result<(), Degenerate> {
        self.power = power;
        match &mut self.kernel {
            Kernel::Blocked(tempered) => {
                if power < 1.0 && tempered.is_none() {
                    *tempered = Some(self.mixture.clone());
                }
            }
            Kernel::Collapsed(kernel) => kernel.0 = RowScan::new(self.model, power)?,
        }
        Ok(())
    }

    /// Exchanges the allocations of two chains. Their parameters stay: they are drawn anew in the next scan, before they
    /// are used.
    pub(crate) fn swap_allocations(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.labels, &mut other.labels);
        std::mem::swap(&mut self.statistics, &mut other.statistics);
    }

    /// The logarithm of `p(z) p(x | z)` at the allocations, parameters integrated out, densities of rows raised to a power;
    /// NaN for a flat prior.
    pub(crate) fn ln_allocations(&mut self, power: f64) -> f64 {
        self.posterior.update_tempered(&self.statistics, power);
        self.posterior.ln_marginal().unwrap_or(f64::NAN)
    }

    /// One scan.
    ///
    /// # Errors
    /// [`Degenerate`] if a scale matrix is not positive definite; the state is then of no use.
    pub fn step(&mut self) -> Result<(), Degenerate> {
        self.number += 1;
        if let Kernel::Collapsed(kernel) = &mut self.kernel {
            let (rows, statistics) = &mut **kernel;
            let mut rng = self.label_streams.rng(self.number);
            rows.scan(self.data, Order::Forward, &mut self.labels, &mut self.statistics, &mut rng)?;
            // Parameters of hot rungs are of no use to anyone.
            if self.power == 1.0 {
                self.posterior.update(&self.statistics);
                self.posterior.draw(&mut self.parameter_streams.rng(self.number), &mut self.mixture)?;
                let rule = Rule::Responsibilities;
                self.totals = sweep(self.data, &self.mixture, rule, statistics, &mut self.workspace);
            }
            return Ok(());
        }
        if !is_planted(Defect::StatisticsOfPreviousScan) {
            self.posterior.update_tempered(&self.statistics, self.power);
        }
        self.posterior.draw(&mut self.parameter_streams.rng(self.number), &mut self.mixture)?;
        if is_planted(Defect::StatisticsOfPreviousScan) {
            self.posterior.update_tempered(&self.statistics, self.power);
        }
        self.draw_labels();
        Ok(())
    }

    /// One scan of the chain that runs backward in time: from a state of the posterior, what comes is distributed as what came
    /// before.
    ///
    /// ```text
    /// Blocked     all z_i | (w, mu, S) at once,  then (w, mu, S) | z
    /// Collapsed   z_i | all other z, for i = n..1 in turn,  then (w, mu, S) | z
    /// ```
    ///
    /// Each of the draws that a scan is made of is reversible; the chain of scans is not, and its reversal makes them in
    /// the opposite order. So a state of the posterior can be put at any place of a stationary sequence, which exact tests of a
    /// sampler need (Gandy & Scott 2021). Allocates.
    ///
    /// # Errors
    /// [`Degenerate`] if a scale matrix is not positive definite; the state is then of no use.
    pub fn step_back(&mut self) -> Result<(), Degenerate> {
        self.number += 1;
        match &mut self.kernel {
            Kernel::Blocked(_) => self.draw_labels(),
            Kernel::Collapsed(kernel) => {
                let mut rng = self.label_streams.rng(self.number);
                kernel.0.scan(self.data, Order::Backward, &mut self.labels, &mut self.statistics, &mut rng)?;
            }
        }
        self.posterior.update_tempered(&self.statistics, self.power);
        self.posterior.draw(&mut self.parameter_streams.rng(self.number), &mut self.mixture)?;
        self.measure();
        Ok(())
    }

    /// The log-likelihood of the parameters, without new allocations.
    fn measure(&mut self) {
        let mut statistics = self.model.blank_statistics();
        self.totals = sweep(self.data, &self.mixture, Rule::Responsibilities, &mut statistics, &mut self.workspace);
    }

    fn draw_labels(&mut self) {
        let mixture = match &mut self.kernel {
            Kernel::Blocked(Some(tempered)) if self.power < 1.0 => {
                tempered.set_tempered(&self.mixture, self.power);
                tempered
            }
            _ => &self.mixture,
        };
        let rule = Rule::Draw { streams: &self.label_streams, sweep: self.number, labels: &mut self.labels };
        self.totals = sweep(self.data, mixture, rule, &mut self.statistics, &mut self.workspace);
    }

    /// The parameters.
    pub fn mixture(&self) -> &Mixture {
        &self.mixture
    }

    /// The allocation of each row (n).
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The statistics of the allocations.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The posterior of the parameters given the allocations, untempered.
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
