//! One climb of stepwise EM from a given mixture.

use gmm_core::{
    Covariance, Data, Degenerate, Mixture, Model, Posterior, Rule, Statistics, Streams, SweepTotals, Workspace, sweep,
};

use super::Stepwise;
use super::blocks::Blocks;
use super::memory::Memory;
use crate::ascent::{Ascent, check_plan, check_setting};
use crate::climb::thinnest;
use crate::collapse::{Collapse, CollapseReason, find};
use crate::ledger::Ledger;
use crate::{Action, Climb, Coordinates, EmError, Ending, Objective, Outcome, Step, Stop};

/// Climbs from `start` (of the model's structure) by an M-step after every block of rows, calling `progress(iteration,
/// objective)` at each record. The order of the rows comes from `streams`, which nothing else uses.
///
/// ```text
/// s_0 = statistics of an E-step on all rows at the start,   mixture_t = mode of the posterior given s_t
/// s_t = (1 - gamma_t) s_{t-1} + gamma_t n/b (statistics of an E-step on block t at mixture_{t-1})
/// ```
///
/// (Cappé & Moulines 2009; as in Neal & Hinton 1998 early blocks help the later ones of the same pass.) The posterior has
/// its prior, which counts once, whatever the size of a block.
///
/// It converges to a stationary point of the objective on all rows, since the steps gamma_t add up to infinity and their
/// squares do not, but slowly. Near an optimum, with m blocks a pass and p free parameters, blocks drawn independently would
/// leave s_t so far from its limit that of the objective is missing on average about `m gamma_t p / 4` at most, where
/// the model is true: in the metric of the information I that rows and allocations would hold, the error is a
/// stationary autoregression, `E[loss] = gamma n / (4 b) tr(V / I)`, and the scores of rows have variances V no larger than I.
/// Without replacement it is less.
///
/// ```
/// use gmm_core::{Data, Model, Seeding, Shape, Streams, Structure, Workspace, seed_mixture};
/// use gmm_em::{Objective, Outcome, Stepwise, Stop, stepwise};
/// let rows: Vec<[f64; 1]> = (0..400).map(|i| [f64::from(i % 20) / 10.0 + if i < 200 { 0.0 } else { 8.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let streams = Streams::new(1);
/// let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut streams.rng(0))?;
/// let settings = Stepwise { objective: Objective::Posterior, block: 50, tolerance: 0.0, ..Stepwise::default() };
/// let climb = stepwise(&model, &data, start, &settings, &streams.split(0), &mut Workspace::new(), |_, _| {});
/// assert_eq!((climb.outcome, climb.iterations), (Outcome::Stopped(Stop::MaxIterations), 20 * 8));
/// assert!((climb.mixture.weights()[0] - 0.5).abs() < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stepwise(
    model: &Model,
    data: &Data,
    start: Mixture,
    settings: &Stepwise,
    streams: &Streams,
    workspace: &mut Workspace,
    mut progress: impl FnMut(usize, f64),
) -> Climb {
    let mut progress = |step: Step<'_>| progress(step.iteration, step.objective);
    stepwise_in_steps(model, data, start, settings, streams, workspace, &mut progress)
}

/// [`stepwise`] that shows the mixtures as well.
pub(crate) fn stepwise_in_steps(
    model: &Model,
    data: &Data,
    start: Mixture,
    settings: &Stepwise,
    streams: &Streams,
    workspace: &mut Workspace,
    progress: &mut dyn FnMut(Step<'_>),
) -> Climb {
    let mut blocks = Blocks::new(data, settings.block, streams);
    let (n_blocks, log_every) = (blocks.n_blocks(), settings.log_every.max(1));
    let mut steps = Steps::new(model, data, settings.objective, start, workspace);
    let (mut found, mut recorded) = (steps.look_at_all_rows(), steps.mixture.clone());
    let sds = data.standard_deviations();
    let not_finite = |mixture: &Mixture| Err((thinnest(mixture, sds), CollapseReason::NotFinite));
    let mut memory = Memory::new(&steps.statistics, settings.exponent, settings.average);
    let (mut trace, mut iterations, mut pass, mut was_small) = (Vec::new(), 0, 0, false);
    let ended: Result<Stop, (usize, CollapseReason)> = 'climb: loop {
        let latest = if trace.is_empty() { found } else { steps.look_at_all_rows() };
        if !latest.objective.is_finite() {
            break not_finite(&steps.mixture);
        }
        found = latest;
        let change = trace.last().map_or(f64::INFINITY, |last: &f64| (found.objective - last).abs());
        trace.push(found.objective);
        recorded.clone_from(&steps.mixture);
        progress(Step { iteration: iterations, objective: found.objective, mixture: &steps.mixture });
        let small = change.max(found.promise) <= settings.tolerance * (1.0 + found.objective.abs());
        if small && was_small {
            break Ok(Stop::Converged);
        }
        was_small = small;
        if pass == settings.passes {
            break Ok(Stop::MaxIterations);
        }
        for _ in 0..log_every.min(settings.passes - pass) {
            blocks.shuffle(pass);
            pass += 1;
            for block in 0..n_blocks {
                if let Err(Degenerate { component, .. }) = steps.maximise(memory.current()) {
                    break 'climb Err((component, CollapseReason::Singular));
                }
                if !steps.expect(blocks.block(block)) {
                    break 'climb not_finite(&steps.mixture);
                }
                memory.follow(&mut steps.statistics);
                iterations += 1;
            }
        }
        if let Err(Degenerate { component, .. }) = steps.maximise(memory.estimate()) {
            break Err((component, CollapseReason::Singular));
        }
    };
    let mut ledger = Ledger::new(&settings.collapse, model, data);
    let mut collapsed = |(component, reason), rows: Option<&[f64]>| {
        let covariance = recorded.covariances().get(component).map(Covariance::as_symmetric);
        ledger.collapse(iterations, component, rows, covariance, Action::RestartEnded(Ending::Policy));
        Outcome::Collapsed(Collapse { component, iteration: iterations, reason })
    };
    let outcome = match ended {
        Err(seen) => collapsed(seen, None),
        Ok(stop) => {
            let rows = steps.statistics.weights();
            match find(&settings.collapse, &steps.model, &recorded, rows, sds) {
                Some(seen) => collapsed(seen, Some(rows)),
                None => Outcome::Stopped(stop),
            }
        }
    };
    Climb {
        outcome,
        trace,
        parts: vec![0],
        iterations,
        log_every: log_every * n_blocks,
        sweeps: steps.swept.div_ceil(data.n()),
        ln_likelihood: found.totals.ln_likelihood,
        ln_classification: found.totals.ln_classification,
        aitken_limit: f64::INFINITY,
        singularities: ledger.into_events(),
        mixture: recorded,
    }
}

/// E-steps on some or all rows, and M-steps.
struct Steps<'a> {
    /// Without its prior for the likelihood.
    model: Model,
    objective: Objective,
    data: &'a Data,
    mixture: Mixture,
    /// Those of the latest E-step, standing for all rows.
    statistics: Statistics,
    posterior: Posterior,
    coordinates: Coordinates,
    gradient: Vec<f64>,
    information: Vec<f64>,
    workspace: &'a mut Workspace,
    /// Rows swept so far.
    swept: usize,
}

/// What a pass over all rows finds.
#[derive(Debug, Clone, Copy)]
struct Found {
    objective: f64,
    totals: SweepTotals,
    /// What a step of EM would gain, to second order and about.
    promise: f64,
}

impl<'a> Steps<'a> {
    fn new(model: &Model, data: &'a Data, objective: Objective, start: Mixture, workspace: &'a mut Workspace) -> Self {
        let model = match objective {
            Objective::Likelihood => model.without_prior(),
            Objective::Posterior => model.clone(),
        };
        let (statistics, coordinates) = (model.blank_statistics(), Coordinates::new(&model, data));
        let (posterior, room) = (model.posterior(&statistics), vec![0.0; coordinates.n()]);
        Self {
            model,
            objective,
            data,
            mixture: start,
            statistics,
            posterior,
            coordinates,
            gradient: room.clone(),
            information: room,
            workspace,
            swept: 0,
        }
    }

    /// The M-step.
    fn maximise(&mut self, statistics: &Statistics) -> Result<(), Degenerate> {
        self.posterior.update(statistics);
        self.posterior.mode(&mut self.mixture)
    }

    /// The E-step on a block; whether its likelihood is finite.
    fn expect(&mut self, block: &Data) -> bool {
        let totals = sweep(block, &self.mixture, Rule::Responsibilities, &mut self.statistics, self.workspace);
        self.swept += block.n();
        self.statistics.scale(self.data.n() as f64 / block.n() as f64);
        totals.ln_likelihood.is_finite()
    }

    fn look_at_all_rows(&mut self) -> Found {
        let totals = sweep(self.data, &self.mixture, Rule::Responsibilities, &mut self.statistics, self.workspace);
        self.swept += self.data.n();
        let ln_prior = match self.objective {
            Objective::Likelihood => 0.0,
            Objective::Posterior => self.model.ln_prior(&self.mixture),
        };
        self.posterior.update(&self.statistics);
        self.coordinates.gradient(&self.posterior, &self.mixture, &mut self.gradient);
        self.coordinates.information(&self.posterior, &self.mixture, &mut self.information);
        let slopes = self.gradient.iter().zip(&self.information).filter(|(g, _)| **g != 0.0);
        let promise = slopes.map(|(g, information)| 0.5 * g * g / information).sum();
        Found { objective: totals.ln_likelihood + ln_prior, totals, promise }
    }
}

/// Checks what [`fit`](crate::fit) takes for granted.
pub(crate) fn check(model: &Model, data: &Data, settings: &Stepwise) -> Result<(), EmError> {
    check_setting("passes", settings.passes as f64, "at least 1", settings.passes > 0)?;
    check_plan(model, data, &settings.plan())?;
    settings.singularities.check_without_m_step(
        "left out with stepwise EM, which meets no whole M-step: it can fail, reset or remove a component",
    )?;
    check_setting("block", settings.block as f64, "at least 1", settings.block > 0)?;
    check_setting("log_every", settings.log_every as f64, "at least 1", settings.log_every > 0)?;
    let valid = settings.exponent > 0.5 && settings.exponent <= 1.0;
    check_setting("exponent", settings.exponent, "above 0.5 and at most 1", valid)
}
