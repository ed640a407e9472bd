//! One ascent along gradients from a given mixture.

use gmm_core::{Data, Mixture, Model, Streams, Workspace};

use super::loss::Loss;
use super::settings::{Adam, Decay, Gradient, Optimizer};
use super::{Point, Progress, adam, lbfgs};
use crate::ascent::{Ascent, check_plan, check_setting};
use crate::collapse::{Collapse, CollapseReason, can_collapse, find};
use crate::ledger::Ledger;
use crate::{Action, Climb, EmError, Ending, Outcome, Step, Stop};

/// A standard deviation, on data of unit standard deviations, whose square adds nothing to 1. A component without a
/// prior that is thinner has collapsed.
const SINGULAR: f64 = 1e-8;

/// What may be lost to rounding of an objective, relative to 1 + its size.
const ROUNDING: f64 = 1e-9;

/// Either optimiser.
enum State {
    Adam(adam::State),
    Lbfgs(lbfgs::State),
}

impl State {
    fn step(&mut self, point: &mut Point, loss: &mut Loss<'_>) -> Progress {
        if let State::Lbfgs(state) = self {
            loss.curvatures(&mut state.curvatures);
        }
        let evaluate = |x: &[f64], gradient: &mut [f64]| loss.evaluate(x, gradient);
        match self {
            State::Adam(state) => state.step(point, evaluate),
            State::Lbfgs(state) => state.step(point, evaluate),
        }
    }
}

/// What an optimiser that knows no curvature has yet to gain: along a direction that hardly curves, and has hardly a slope, it
/// gains little in a step and much in the end.
struct Tail {
    /// The objective at the end of the last three windows.
    ends: [f64; 3],
    left: f64,
}

impl Tail {
    /// Iterations of a window.
    const WINDOW: usize = 20;

    fn new(objective: f64) -> Self {
        Self { ends: [f64::NAN, f64::NAN, objective], left: f64::INFINITY }
    }

    /// What is left after an iteration, if the gains of windows go on as a geometric series (Aitken): infinite until there are two
    /// windows, or where gains do not shrink.
    fn after(&mut self, iterations: usize, objective: f64) -> f64 {
        if iterations.is_multiple_of(Self::WINDOW) {
            self.ends = [self.ends[1], self.ends[2], objective];
            let (before, last) = ((self.ends[0] - self.ends[1]).abs(), (self.ends[1] - self.ends[2]).abs());
            self.left = match last {
                gain if gain <= ROUNDING * (1.0 + objective.abs()) => 0.0,
                gain if gain < before => gain * gain / (before - gain),
                _ => f64::INFINITY,
            };
        }
        self.left
    }
}

/// Ascends from `start` (of the model's structure) in [`Coordinates`](crate::Coordinates), calling `progress(iteration,
/// objective)` at each record. Minibatches are drawn from `streams`, which nothing else uses.
///
/// Each iteration of Adam costs one sweep of the rows of its batch, one of L-BFGS a little more than one of all rows.
/// What is maximised is the same function as by [`climb`](crate::climb), without a Jacobian, so the optima are the
/// same. L-BFGS never falls by more than rounding; Adam may.
///
/// ```
/// use gmm_core::{Data, Model, Seeding, Shape, Streams, Structure, Workspace, seed_mixture};
/// use gmm_em::{Gradient, Objective, Outcome, Stop, ascend};
/// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let streams = Streams::new(1);
/// let start = seed_mixture(&model, &data, Seeding::KMeansPlusPlus, &mut streams.rng(0))?;
/// let settings = Gradient { objective: Objective::Posterior, ..Gradient::default() };
/// let ascent = ascend(&model, &data, start, &settings, &streams.split(0), &mut Workspace::new(), |_, _| {});
/// assert_eq!(ascent.outcome, Outcome::Stopped(Stop::Converged));
/// assert!((ascent.mixture.weights()[0] - 0.5).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn ascend(
    model: &Model,
    data: &Data,
    start: Mixture,
    settings: &Gradient,
    streams: &Streams,
    workspace: &mut Workspace,
    mut progress: impl FnMut(usize, f64),
) -> Climb {
    let mut progress = |step: Step<'_>| progress(step.iteration, step.objective);
    ascend_in_steps(model, data, start, settings, streams, workspace, &mut progress)
}

/// [`ascend`] that shows the mixtures as well.
pub(crate) fn ascend_in_steps(
    model: &Model,
    data: &Data,
    start: Mixture,
    settings: &Gradient,
    streams: &Streams,
    workspace: &mut Workspace,
    progress: &mut dyn FnMut(Step<'_>),
) -> Climb {
    let (n, log_every) = (data.n() as f64, settings.log_every.max(1));
    let fallback = start.clone();
    let (mut loss, x) = Loss::new((model, settings.objective), data, start, (settings.batch, streams), workspace);
    let mut state = match &settings.optimizer {
        Optimizer::Adam(adam) => State::Adam(adam::State::new(adam, x.len(), loss.coordinates().n_weights())),
        Optimizer::Lbfgs(lbfgs) => State::Lbfgs(lbfgs::State::new(lbfgs, x.len())),
    };
    let mut point = Point::new(x);
    point.evaluate(&mut |x: &[f64], gradient: &mut [f64]| loss.evaluate(x, gradient));
    let (mut iterations, mut trace, mut expected) = (0, Vec::new(), f64::INFINITY);
    // Twice in a row: a step in which the optimiser knows little of the curvature can be short by accident.
    let mut was_small = false;
    let mut tail = Tail::new(n * point.value);
    let ended: Result<Stop, CollapseReason> = loop {
        if iterations % log_every == 0 {
            let objective = match loss.is_sampled() {
                true => loss.on_all_rows(&point.x).map_or(f64::NAN, |found| found.objective),
                false => -n * point.value,
            };
            if !objective.is_finite() {
                break Err(CollapseReason::NotFinite);
            }
            trace.push(objective);
            if let Some(mixture) = loss.show(&point.x) {
                progress(Step { iteration: iterations, objective, mixture });
            }
        }
        let thin = loss.coordinates().thinnest(&point.x).is_some_and(|(_, pivot)| pivot < SINGULAR);
        if thin && can_collapse(loss.model()) {
            break Err(CollapseReason::Singular);
        }
        if iterations == settings.max_iterations {
            break Ok(Stop::MaxIterations);
        }
        let before = point.value;
        match state.step(&mut point, &mut loss) {
            Progress::Moved { expected: fall } => expected = n * fall,
            Progress::Stuck { expected: fall } => {
                expected = n * fall;
                let bound = settings.tolerance.max(ROUNDING) * (1.0 + n * point.value.abs());
                break Ok(if expected <= bound { Stop::Converged } else { Stop::MaxIterations });
            }
            Progress::Lost => break Err(CollapseReason::NotFinite),
        }
        iterations += 1;
        let (gain, bound) = (n * (before - point.value).abs(), settings.tolerance * (1.0 + n * point.value.abs()));
        let small = !loss.is_sampled() && gain <= bound && expected <= bound;
        let slow = matches!(state, State::Adam(_)) && tail.after(iterations, n * point.value) > bound;
        if small && was_small && !slow {
            break Ok(Stop::Converged);
        }
        was_small = small;
    };

    let component = loss.coordinates().thinnest(&point.x).map_or(0, |(component, _)| component);
    let collapsed = |component, reason| Outcome::Collapsed(Collapse { component, iteration: iterations, reason });
    let mut ledger = Ledger::new(&settings.collapse, model, data);
    let mut climb = Climb {
        mixture: fallback,
        outcome: collapsed(component, CollapseReason::NotFinite),
        trace,
        parts: vec![0],
        iterations,
        log_every,
        sweeps: loss.sweeps(),
        ln_likelihood: f64::NEG_INFINITY,
        ln_classification: 0.0,
        aitken_limit: f64::INFINITY,
        singularities: Vec::new(),
    };
    let ended_there = Action::RestartEnded(Ending::Policy);
    let Some(found) = loss.on_all_rows(&point.x) else {
        ledger.collapse(iterations, component, None, None, ended_there);
        climb.singularities = ledger.into_events();
        return climb;
    };
    climb.sweeps = loss.sweeps();
    // The last record may be that of this point.
    if climb.trace.len() > iterations / log_every && iterations % log_every == 0 {
        climb.trace.pop();
    } else {
        progress(Step { iteration: iterations, objective: found.objective, mixture: loss.mixture() });
    }
    climb.trace.push(found.objective);
    climb.outcome = match ended {
        Err(reason) => collapsed(component, reason),
        Ok(stop) => {
            let (mixture, rows) = (loss.mixture(), loss.effective_rows());
            match find(&settings.collapse, loss.model(), mixture, rows, data.standard_deviations()) {
                Some((component, reason)) => collapsed(component, reason),
                None => Outcome::Stopped(stop),
            }
        }
    };
    if let Outcome::Collapsed(Collapse { component, .. }) = climb.outcome {
        let covariance = loss.mixture().covariance(component).as_symmetric();
        ledger.collapse(iterations, component, Some(loss.effective_rows()), Some(covariance), ended_there);
    }
    climb.singularities = ledger.into_events();
    if !loss.is_sampled() {
        climb.aitken_limit = found.objective + expected;
    }
    climb.ln_likelihood = found.totals.ln_likelihood;
    climb.ln_classification = found.totals.ln_classification;
    climb.mixture = loss.into_mixture();
    climb
}

/// Checks what [`fit`](crate::fit) takes for granted.
pub(crate) fn check(model: &Model, data: &Data, settings: &Gradient) -> Result<(), EmError> {
    check_plan(model, data, &settings.plan())?;
    settings.singularities.check_without_m_step(
        "left out with gradient ascent, which has no M-step: it can fail, reset or remove a component",
    )?;
    check_setting("log_every", settings.log_every as f64, "at least 1", settings.log_every > 0)?;
    if let Some(batch) = settings.batch {
        let valid = (1..=data.n()).contains(&batch);
        check_setting("batch", batch as f64, "at least 1 and at most the number of rows", valid)?;
    }
    match &settings.optimizer {
        Optimizer::Adam(adam) => check_adam(adam),
        Optimizer::Lbfgs(lbfgs) => {
            check_setting("memory", lbfgs.memory as f64, "at least 1", lbfgs.memory > 0)?;
            let batch = settings.batch.unwrap_or_default() as f64;
            check_setting("batch", batch, "left out with L-BFGS, which needs all rows", settings.batch.is_none())
        }
    }
}

fn check_adam(adam: &Adam) -> Result<(), EmError> {
    let not_negative = |x: f64| x >= 0.0 && x.is_finite();
    let positive = |x: f64| x > 0.0 && x.is_finite();
    let fraction = |x: f64| (0.0..1.0).contains(&x);
    for (name, step) in [("weights_step", adam.weights_step), ("components_step", adam.components_step)] {
        check_setting(name, step, "finite and not negative", not_negative(step))?;
    }
    for (name, beta) in [("beta1", adam.beta1), ("beta2", adam.beta2)] {
        check_setting(name, beta, "at least 0 and below 1", fraction(beta))?;
    }
    check_setting("epsilon", adam.epsilon, "positive and finite", positive(adam.epsilon))?;
    match adam.decay {
        Decay::Exponential { half_life } => {
            check_setting("half_life", half_life, "positive and finite", positive(half_life))
        }
        Decay::Constant | Decay::InverseSqrt => Ok(()),
    }
}
