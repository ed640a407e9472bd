//! How point estimates got to their results: the climbs of all restarts, and where they ended.

use gmm_em::{Objective, Restart};

use super::axis::Axis;
use super::palette::{Color, Marker, WRONG};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::stride;

use crate::fitted::{PointDetail, PointMethod};
use crate::report::page::{Figure, Key, KeyKind};

const SIZE: (u32, u32) = (550, 280);
/// Restarts whose ends are drawn.
const MOST_RESTARTS: usize = 1000;
/// Restarts whose climbs are drawn, and the points of all their lines.
const MOST_CLIMBS: usize = 60;
const MOST_POINTS: usize = 6000;
/// Gaps below this share of 1 + |objective| are rounding.
const ROUNDING: f64 = 1e-13;

/// The climbs of all restarts, beside the objectives that they reached.
pub(super) fn figure(name: &str, point: &PointDetail) -> Figure {
    let objective = match point.objective {
        Objective::Likelihood => "ln L",
        Objective::Posterior => "ln posterior",
    };
    let method = match point.method {
        PointMethod::Adam { .. } | PointMethod::Lbfgs => format!("Gradient ascent by {}", point.method.name()),
        PointMethod::Em | PointMethod::Squarem => point.method.name().to_owned(),
        PointMethod::Stepwise => "Stepwise EM".to_owned(),
    };
    let collapsed = point.restarts.iter().any(is_collapsed);
    let dot =
        |marker: Marker, color, text: &str| Key { sign: marker.sign().into(), ..Key::new(KeyKind::Dot, color, text) };
    let mut legend =
        vec![dot(Marker::Circle, Color::of(1), "best restart"), dot(Marker::Ring, Color::of(0), "other restarts")];
    legend.extend(collapsed.then(|| dot(Marker::Cross, WRONG, "collapsed, set aside (right: at the bottom)")));
    let n = point.restarts.len();
    let climbs = climbs(point).len();
    let shown = if climbs < n { format!("{climbs} of {n} restarts, evenly spaced") } else { "all restarts".to_owned() };
    let among = if n > MOST_RESTARTS { ", evenly spaced among all" } else { "" };
    let caption = format!(
        "{method}. Left: the gap of {objective} to the best of all restarts by iteration, counted from 1 where it starts, of \
         {shown}; a line ends where the gap is rounding, or negative on the way into a collapse. Right: {objective} reached by \
         each restart{among}. The optima are in the tables below."
    );
    Figure {
        picture: Picture::panels(vec![gaps(point), strip(point, objective)], 2, SIZE),
        title: name.to_owned(),
        caption,
        legend,
        table: None,
    }
}

/// The restarts whose climbs are drawn: the best one last, over the others.
fn climbs(point: &PointDetail) -> Vec<usize> {
    let step = stride(point.restarts.len(), MOST_CLIMBS);
    let others = (0..point.restarts.len()).step_by(step).filter(|r| *r != point.best);
    others.chain(point.restarts.get(point.best).map(|_| point.best)).collect()
}

/// The decimal logarithms of iteration + 1 and of the gap to the best objective; a hole where that is rounding, or negative
/// on the way into a collapse.
fn gap(restart: &Restart, best: f64, most: usize) -> Vec<(f64, f64)> {
    let least = ROUNDING * (1.0 + best.abs());
    let ln = |gap: f64| if gap > least { gap.log10() } else { f64::NAN };
    let all = restart.trace.iter().map(|(iteration, value)| (((iteration + 1) as f64).log10(), ln(best - value)));
    let mut points: Vec<(f64, f64)> = all.collect();
    points.truncate(points.iter().rposition(|point| point.1.is_finite()).map_or(0, |last| last + 1));
    let step = stride(points.len(), most.max(2));
    let last = points.last().copied().filter(|_| !(points.len() - 1).is_multiple_of(step));
    points.into_iter().step_by(step).chain(last).collect()
}

fn gaps(point: &PointDetail) -> Panel {
    let best = point.restarts.get(point.best).map_or(f64::NAN, |best| best.objective);
    let drawn = climbs(point);
    let most = MOST_POINTS / drawn.len().max(1);
    let (mut lines, mut ends) = (Vec::new(), Vec::new());
    for r in drawn {
        let Some(restart) = point.restarts.get(r) else { continue };
        let points = gap(restart, best, most);
        let Some(last) = points.last().copied() else { continue };
        let (color, width, marker) = match (is_collapsed(restart), r == point.best) {
            (true, _) => (WRONG, 0.8, Marker::Cross),
            (false, true) => (Color::of(1), 2.2, Marker::Circle),
            (false, false) => (Color::of(0), 0.8, Marker::Ring),
        };
        ends.push(Mark::dot(last, color, marker, 2.8, 1.0));
        lines.push((points, color, width));
    }
    let all = || lines.iter().flat_map(|line| &line.0);
    let x = Axis::of_logarithms("iteration, from 1", all().map(|p| p.0));
    let y = Axis::of_powers("gap", all().map(|p| p.1), 6);
    let line = |(points, color, width)| Mark::Line { points, color, width, dashed: false };
    Panel { x, y, marks: lines.into_iter().map(line).chain(ends).collect(), remark: "nothing was gained".into() }
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
            false => dot(r, restart.objective, Marker::Ring, Color::of(0), 2.5),
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

#[cfg(test)]
mod tests {
    use gmm_core::{Covariance, Mixture, Seeding};
    use gmm_em::{Outcome, Start, Stop};

    use super::*;

    fn restart(trace: Vec<(usize, f64)>) -> Restart {
        let mixture = Mixture::new(vec![1.0], vec![vec![0.0]], vec![Covariance::isotropic(1, 1.0).unwrap()]).unwrap();
        Restart {
            start: Start::Drawn(Seeding::RandomRows),
            outcome: Outcome::Stopped(Stop::Converged),
            iterations: trace.len() - 1,
            sweeps: trace.len(),
            objective: trace.last().unwrap().1,
            trace,
            mixture,
        }
    }

    #[test]
    fn gaps_are_to_the_best_and_end_at_rounding() {
        let way = restart(vec![(0, -1010.0), (9, -1001.0), (99, -1000.1), (999, -1000.0)]);
        let close = |a: &[(f64, f64)], b: &[(f64, f64)]| {
            assert!(a.len() == b.len() && a.iter().zip(b).all(|(p, q)| (p.0 - q.0).hypot(p.1 - q.1) < 1e-9), "{a:?}");
        };
        close(&gap(&way, -1000.0, 100), &[(0.0, 1.0), (1.0, 0.0), (2.0, -1.0)]);
        // One that ends lower keeps its gap; of many points the last stays.
        close(&gap(&way, -999.0, 100), &[(0.0, 11f64.log10()), (1.0, 2f64.log10()), (2.0, 1.1f64.log10()), (3.0, 0.0)]);
        close(&gap(&way, -999.0, 2), &[(0.0, 11f64.log10()), (2.0, 1.1f64.log10()), (3.0, 0.0)]);
        // A climb that collapses rises above the best.
        close(&gap(&restart(vec![(0, -1100.0), (1, -990.0), (2, -900.0)]), -1000.0, 9), &[(0.0, 2.0)]);
        // It may go on elsewhere.
        let on = gap(&restart(vec![(0, -1100.0), (1, -990.0), (1, -1010.0), (9, -1000.0)]), -1000.0, 9);
        assert!(on.len() == 3 && on[1].1.is_nan() && on[2].1 == 1.0, "{on:?}");
        assert!(gap(&restart(vec![(0, f64::NAN)]), -1000.0, 9).is_empty());
    }
}
