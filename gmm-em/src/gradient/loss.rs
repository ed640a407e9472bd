//! What the optimisers minimise: minus the objective, for each row, with its gradient from the same sweep.

use gmm_core::{Data, Mixture, Model, Posterior, Rule, Statistics, Streams, SweepTotals, Workspace, sweep};
use rand::seq::index;

use super::Coordinates;
use crate::Objective;

/// The loss `-objective / n` on all rows or on minibatches.
pub(crate) struct Loss<'a> {
    /// Without its prior for the likelihood.
    model: Model,
    objective: Objective,
    data: &'a Data,
    coordinates: Coordinates,
    mixture: Mixture,
    /// For looking at other points.
    shown: Mixture,
    statistics: Statistics,
    posterior: Posterior,
    workspace: &'a mut Workspace,
    batch: Option<Batch<'a>>,
    /// Rows swept so far.
    swept: usize,
}

/// The current minibatch.
struct Batch<'a> {
    rows: Data,
    size: usize,
    streams: &'a Streams,
    drawn: u64,
}

/// What a pass over all rows finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) objective: f64,
    pub(crate) totals: SweepTotals,
}

impl<'a> Loss<'a> {
    /// The loss of an objective, and the coordinates of `start`. Minibatch t is drawn from `streams.rng(t)`; one of n
    /// rows or more is all rows.
    pub(crate) fn new(
        (model, objective): (&Model, Objective),
        data: &'a Data,
        start: Mixture,
        (batch, streams): (Option<usize>, &'a Streams),
        workspace: &'a mut Workspace,
    ) -> (Self, Vec<f64>) {
        let model = match objective {
            Objective::Likelihood => model.without_prior(),
            Objective::Posterior => model.clone(),
        };
        let batch = batch.filter(|size| *size < data.n()).and_then(|size| {
            // One row for now, to have its memory.
            let rows = Data::new(data.row(0).to_vec(), data.d()).ok()?;
            Some(Batch { rows, size: size.max(1), streams, drawn: 0 })
        });
        let mut coordinates = Coordinates::new(&model, data);
        let mut x = vec![0.0; coordinates.n()];
        coordinates.write(&start, &mut x);
        let statistics = model.blank_statistics();
        let posterior = model.posterior(&statistics);
        let (mixture, shown) = (start.clone(), start);
        let swept = 0;
        let loss = Self {
            model,
            objective,
            data,
            coordinates,
            mixture,
            shown,
            statistics,
            posterior,
            workspace,
            batch,
            swept,
        };
        (loss, x)
    }

    /// The loss at `x` on all rows or on the next minibatch, and its gradient; infinite where there is none.
    pub(crate) fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        if self.coordinates.read(x, &mut self.mixture).is_err() {
            return f64::INFINITY;
        }
        let n = self.data.n() as f64;
        let (rows, factor) = match &mut self.batch {
            None => (self.data, 1.0),
            Some(batch) => {
                batch.draw(self.data);
                (&batch.rows, n / batch.size as f64)
            }
        };
        let totals = sweep(rows, &self.mixture, Rule::Responsibilities, &mut self.statistics, self.workspace);
        self.swept += rows.n();
        if self.batch.is_some() {
            self.statistics.scale(factor);
        }
        self.posterior.update(&self.statistics);
        self.coordinates.gradient(&self.posterior, &self.mixture, gradient);
        gradient.iter_mut().for_each(|g| *g /= -n);
        let loss = -(factor * totals.ln_likelihood + self.ln_prior()) / n;
        match loss.is_finite() && gradient.iter().all(|g| g.is_finite()) {
            true => loss,
            false => f64::INFINITY,
        }
    }

    /// Writes what is known of the curvatures of the loss where it was last evaluated, see
    /// [`Coordinates::information`]; at least a thousandth, so that a component without rows stays where it is.
    pub(crate) fn curvatures(&self, curvatures: &mut [f64]) {
        self.coordinates.information(&self.posterior, &self.mixture, curvatures);
        let n = self.data.n() as f64;
        curvatures.iter_mut().for_each(|c| *c = if c.is_finite() { (*c / n).max(1e-3) } else { 1.0 });
    }

    /// The objective at `x` on all rows; `None` where there is none.
    pub(crate) fn on_all_rows(&mut self, x: &[f64]) -> Option<Found> {
        self.coordinates.read(x, &mut self.mixture).ok()?;
        let totals = sweep(self.data, &self.mixture, Rule::Responsibilities, &mut self.statistics, self.workspace);
        self.swept += self.data.n();
        let objective = totals.ln_likelihood + self.ln_prior();
        objective.is_finite().then_some(Found { objective, totals })
    }

    /// The mixture at `x`, without a pass and without a trace; `None` where there is none.
    pub(crate) fn show(&mut self, x: &[f64]) -> Option<&Mixture> {
        self.coordinates.read(x, &mut self.shown).ok()?;
        Some(&self.shown)
    }

    fn ln_prior(&self) -> f64 {
        match self.objective {
            Objective::Likelihood => 0.0,
            Objective::Posterior => self.model.ln_prior(&self.mixture),
        }
    }

    /// Whether losses are of minibatches.
    pub(crate) fn is_sampled(&self) -> bool {
        self.batch.is_some()
    }

    /// Passes over all rows so far, minibatches added up.
    pub(crate) fn sweeps(&self) -> usize {
        self.swept.div_ceil(self.data.n())
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn coordinates(&self) -> &Coordinates {
        &self.coordinates
    }

    /// The mixture that was last looked at.
    pub(crate) fn mixture(&self) -> &Mixture {
        &self.mixture
    }

    pub(crate) fn into_mixture(self) -> Mixture {
        self.mixture
    }

    /// The effective rows (K) of the last pass.
    pub(crate) fn effective_rows(&self) -> &[f64] {
        self.statistics.weights()
    }
}

impl Batch<'_> {
    /// Draws rows without replacement, in their order.
    fn draw(&mut self, data: &Data) {
        let mut rows = index::sample(&mut self.streams.rng(self.drawn), data.n(), self.size).into_vec();
        rows.sort_unstable();
        self.drawn += 1;
        // Never empty: a batch has at least one row.
        let _ = self.rows.copy_rows(data, rows);
    }
}
