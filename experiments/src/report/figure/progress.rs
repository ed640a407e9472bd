//! How fits came to their results: the climb of EM and its restarts, the chains of Gibbs sampling.

use gmm_em::{Objective, Restart};

use super::axis::Axis;
use super::palette::{Color, Marker, WRONG};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::stride;

use crate::fitted::{PointDetail, PointMethod};
use crate::posterior::GibbsDetail;
use crate::report::page::{Figure, Key, KeyKind};

const WIDTH: u32 = 550;
const HEIGHT: u32 = 260;
/// Points of one line.
const MOST_POINTS: usize = 500;
/// Restarts that are drawn.
const MOST_RESTARTS: usize = 1000;
/// Chains that the legend names.
const MOST_KEYS: usize = 12;
/// Lines of no more points than this show them.
const FEW: usize = 40;

/// The climb of the best restart, beside the objectives that all restarts reached.
pub(super) fn climb(name: &str, point: &PointDetail) -> Figure {
    let objective = match point.objective {
        Objective::Likelihood => "ln L",
        Objective::Posterior => "ln posterior",
    };
    let method = match point.method {
        PointMethod::Adam { .. } | PointMethod::Lbfgs => format!("Gradient ascent by {}", point.method.name()),
        PointMethod::Em | PointMethod::Squarem => point.method.name().to_owned(),
        PointMethod::Stepwise => "Stepwise EM".to_owned(),
    };
    let panels = [gaps(point), strip(point, objective)];
    let collapsed = point.restarts.iter().any(is_collapsed);
    let mut legend = vec![
        Key { sign: Marker::Circle.sign().into(), ..Key::new(KeyKind::Dot, Color::of(1), "best restart") },
        Key { sign: Marker::Circle.sign().into(), ..Key::new(KeyKind::Dot, Color::of(0), "other restarts") },
    ];
    if collapsed {
        let sign = Marker::Cross.sign().into();
        legend.push(Key { sign, ..Key::new(KeyKind::Dot, WRONG, "collapsed, set aside (drawn at the bottom)") });
    }
    Figure {
        picture: Picture::panels(panels.into(), 2, (WIDTH / 2, HEIGHT)),
        title: name.to_owned(),
        caption: format!(
            "{method}. Left: the climb of the best restart, as the gap of {objective} to its final value. Right: {objective} \
             reached by each restart{}.",
            if point.restarts.len() > MOST_RESTARTS { ", evenly spaced among all" } else { "" }
        ),
        legend,
        table: None,
    }
}

fn gaps(point: &PointDetail) -> Panel {
    // The climb that led to the end: what went before it began elsewhere.
    let start = point.parts.last().map_or(0, |part| *part);
    let trace = point.trace.get(start..).unwrap_or_default();
    let last = trace.last().copied().unwrap_or(f64::NAN);
    let step = stride(trace.len(), MOST_POINTS);
    // The last entry is that of the end, wherever that is between two records.
    let iteration = |t: usize| (t * point.log_every).min(point.iterations) as f64;
    let points = trace.iter().enumerate().step_by(step).map(|(t, value)| (iteration(t), (last - value).log10()));
    let points: Vec<(f64, f64)> = points.filter(|(_, gap)| gap.is_finite()).collect();
    let x = Axis::over("iteration", points.iter().map(|p| p.0), 4);
    let y = Axis::of_powers("gap", points.iter().map(|p| p.1), 6);
    Panel { x, y, marks: line(points, Color::of(1)), remark: "nothing was gained".into() }
}

/// A line, with its points where they are few.
fn line(points: Vec<(f64, f64)>, color: Color) -> Vec<Mark> {
    let mut marks = Vec::new();
    if points.len() <= FEW {
        marks.push(Mark::Dots { points: points.clone(), color, marker: Marker::Circle, radius: 2.5, opacity: 1.0 });
    }
    if points.len() > 1 {
        marks.push(Mark::Line { points, color, width: 1.5, dashed: false });
    }
    marks
}

fn strip(point: &PointDetail, objective: &str) -> Panel {
    let kept = point.restarts.iter().filter(|restart| !is_collapsed(restart)).map(|restart| restart.objective);
    let x = Axis::over("restart", (0..point.restarts.len()).map(|r| r as f64), 4);
    // Differences far below 1 mean nothing on this scale: they must not fill the axis.
    let best = point.restarts.get(point.best).map(|best| best.objective - 1.0);
    let y = Axis::over(objective, kept.chain(best), 6);
    let (low, high) = y.ends();
    let bottom = low + 0.03 * (high - low);
    let dot = |r: usize, at: f64, marker: Marker, color: Color, radius: f64| {
        Mark::dot((r as f64, at), color, marker, radius, 0.85)
    };
    let mut marks = Vec::new();
    let step = stride(point.restarts.len(), MOST_RESTARTS);
    for (r, restart) in point.restarts.iter().enumerate().step_by(step) {
        marks.push(match is_collapsed(restart) {
            true => dot(r, bottom, Marker::Cross, WRONG, 3.0),
            false => dot(r, restart.objective, Marker::Circle, Color::of(0), 2.5),
        });
    }
    if let Some(best) = point.restarts.get(point.best) {
        marks.push(dot(point.best, best.objective, Marker::Circle, Color::of(1), 4.0));
    }
    Panel { x, y, marks, remark: "".into() }
}

fn is_collapsed(restart: &Restart) -> bool {
    matches!(restart.outcome, gmm_em::Outcome::Collapsed(_))
}

/// The log posterior along each chain.
pub(super) fn traces(name: &str, gibbs: &GibbsDetail) -> Figure {
    let chains = gibbs.draws.chains();
    let n_draws = gibbs.draws.n_draws();
    let step = stride(n_draws, MOST_POINTS);
    let all = chains.iter().flat_map(|chain| chain.ln_posterior.iter().step_by(step));
    let y = Axis::over("ln posterior", all.copied(), 6);
    let x = Axis::over("draw", [0.0, n_draws.saturating_sub(1) as f64], 8);
    let mut marks = Vec::new();
    for (c, chain) in chains.iter().enumerate() {
        let points = chain.ln_posterior.iter().enumerate().step_by(step).map(|(t, value)| (t as f64, *value)).collect();
        marks.extend(line(points, Color::of(c)).into_iter().map(thinner));
    }
    let mut legend: Vec<Key> =
        (0..chains.len().min(MOST_KEYS)).map(|c| Key::new(KeyKind::Line, Color::of(c), format!("chain {c}"))).collect();
    if let Some(last) = legend.last_mut().filter(|_| chains.len() > MOST_KEYS) {
        last.text.push_str(" and so on: colours repeat");
    }
    let every = if step > 1 { format!("one draw in {step} of {n_draws}") } else { format!("all {n_draws} draws") };
    let levels = match gibbs.levels.disagree {
        true => "The chains sit in different levels: their mixture is not the posterior.",
        false => "Chains that agree lie over each other.",
    };
    Figure {
        picture: Picture::panels(vec![Panel { x, y, marks, remark: "".into() }], 1, (WIDTH, HEIGHT)),
        title: name.to_owned(),
        caption: format!("Gibbs sampling. The log posterior of each chain after warm-up, {every}. {levels}"),
        legend,
        table: None,
    }
}

fn thinner(mark: Mark) -> Mark {
    match mark {
        Mark::Line { points, color, dashed, .. } => Mark::Line { points, color, dashed, width: 0.7 },
        other => other,
    }
}
