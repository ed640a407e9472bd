//! Two dimensions and more: pairs of columns, coloured by component, with the ellipses of the components.

use gmm_core::{Data, Mixture};

use super::axis::Axis;
use super::clip::Point;
use super::palette::{Color, Marker, TRUTH};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::{held, key_of_component, stride};

use crate::experiment::DataSet;
use crate::fitted::FitResult;
use crate::report::page::{Figure, Key, KeyKind};
use crate::report::terminal::model;

/// Columns that are shown in pairs.
const MOST_COLUMNS: usize = 4;
/// Entries of the legend.
const MOST_KEYS: usize = 21;
/// What the ellipses hold of a component.
const LEVELS: [f64; 2] = [0.5, 0.9];
/// Corners of an ellipse.
const CORNERS: usize = 96;

/// The figure of one fit.
pub(super) fn figure(data: &DataSet, fit: &FitResult) -> Figure {
    let (n, d) = (data.data.n(), data.data.d());
    let shown = d.min(MOST_COLUMNS);
    let pairs: Vec<(usize, usize)> = (0..shown).flat_map(|i| (i + 1..shown).map(move |j| (i, j))).collect();
    let (columns, size, ticks) = if pairs.len() == 1 { (1, (550, 430), (6, 7)) } else { (3, (373, 310), (4, 5)) };
    let step = stride(n, if pairs.len() > 3 { 1000 } else { 2000 });
    let panels: Vec<Panel> = pairs.iter().map(|pair| panel(data, fit, *pair, ticks, step)).collect();

    let mut caption = format!("{}{}.", model(fit), if fit.gibbs.is_some() { ", posterior means" } else { "" });
    if step > 1 {
        caption.push_str(&format!(" {} of {n} rows drawn, evenly spaced in the file.", n.div_ceil(step)));
    }
    if d > shown {
        caption.push_str(&format!(" The first {shown} of {d} columns."));
    }
    Figure {
        picture: Picture::panels(panels, columns, size),
        title: fit.name.clone(),
        caption,
        legend: legend(fit, data.truth.is_some()),
        table: None,
    }
}

fn legend(fit: &FitResult, truth: bool) -> Vec<Key> {
    let k = fit.mixture.k();
    let mut legend: Vec<Key> = (0..k.min(MOST_KEYS)).map(key_of_component).collect();
    if let Some(last) = legend.last_mut().filter(|_| k > MOST_KEYS) {
        last.text.push_str(" and so on: signs repeat");
    }
    legend.extend(truth.then(|| Key::new(KeyKind::Dashed, TRUTH, "truth")));
    legend
}

fn panel(data: &DataSet, fit: &FitResult, (i, j): (usize, usize), ticks: (usize, usize), step: usize) -> Panel {
    let axis = |column: usize, n_ticks: usize| {
        let values = held(&data.data, column, std::iter::once(&fit.mixture));
        Axis::over(data.columns.get(column).map_or("", String::as_str), values, n_ticks)
    };
    let mut marks = points(&data.data, fit, (i, j), step);
    for k in 0..fit.mixture.k() {
        for level in LEVELS {
            let points = ellipse(&fit.mixture, k, (i, j), level);
            marks.push(Mark::Line { points, color: Color::of(k).darker(), width: 1.6, dashed: false });
        }
    }
    if let Some(truth) = &data.truth {
        for (k, level) in (0..truth.k()).flat_map(|k| LEVELS.map(|level| (k, level))) {
            let points = ellipse(truth, k, (i, j), level);
            marks.push(Mark::Line { points, color: TRUTH, width: 1.2, dashed: true });
        }
    }
    Panel { x: axis(i, ticks.0), y: axis(j, ticks.1), marks, remark: "".into() }
}

fn points(data: &Data, fit: &FitResult, (i, j): (usize, usize), step: usize) -> Vec<Mark> {
    let mut of_components = vec![Vec::new(); fit.mixture.k()];
    for (row, label) in data.rows().zip(&fit.classification).step_by(step) {
        of_components[usize::from(*label)].push((row[i], row[j]));
    }
    let dots = |(points, k): (Vec<Point>, usize)| Mark::Dots {
        points,
        color: Color::of(k),
        marker: Marker::of(k),
        radius: 2.3,
        opacity: 0.6,
    };
    of_components.into_iter().zip(0..).filter(|(points, _)| !points.is_empty()).map(dots).collect()
}

/// The ellipse that holds a share of the marginal of component k in columns i and j: all points at the Mahalanobis
/// distance whose square is the quantile of a chi-square with two degrees of freedom, `-2 ln(1 - share)`.
fn ellipse(mixture: &Mixture, k: usize, (i, j): (usize, usize), share: f64) -> Vec<Point> {
    let (mean, covariance) = (mixture.mean(k), mixture.covariance(k).as_symmetric());
    let radius = (-2.0 * (1.0 - share).ln()).sqrt();
    let first = covariance.get(i, i).sqrt();
    let shared = if first > 0.0 { covariance.get(i, j) / first } else { 0.0 };
    let second = (covariance.get(j, j) - shared * shared).max(0.0).sqrt();
    let corner = |c: usize| {
        let (sin, cos) = (2.0 * std::f64::consts::PI * c as f64 / CORNERS as f64).sin_cos();
        (mean[i] + radius * first * cos, mean[j] + radius * (shared * cos + second * sin))
    };
    (0..=CORNERS).map(corner).collect()
}

#[cfg(test)]
mod tests {
    use gmm_core::Covariance;

    use super::*;

    #[test]
    fn all_points_of_an_ellipse_are_at_its_distance() {
        let matrix = [[2.0, 0.3, -0.9], [0.3, 1.0, 0.1], [-0.9, 0.1, 3.0]];
        let full = Covariance::full(&matrix).unwrap();
        let mixture = Mixture::new(vec![1.0], vec![vec![5.0, -1.0, 2.0]], vec![full]).unwrap();
        let marginal = Covariance::full(&[[2.0, -0.9], [-0.9, 3.0]]).unwrap();
        // qchisq(0.9, 2) in R.
        let quantile = 4.605170185988091;
        for (x, y) in ellipse(&mixture, 0, (0, 2), 0.9) {
            assert!((marginal.squared_distance(&[x, y], &[5.0, 2.0]) - quantile).abs() < 1e-12);
        }
    }
}
