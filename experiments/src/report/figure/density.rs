//! One dimension: a histogram of the data with its rows, the density of each fit and of the truth, the posterior of the
//! density, and the components of the estimates.

use gmm_core::{Data, Mixture};
use gmm_em::Objective;
use gmm_mcmc::Draws;
use gmm_mcmc::diagnostics::quantile;

use super::axis::Axis;
use super::clip::Point;
use super::palette::{Color, DATA, Marker, TRUTH};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::{chosen_draws, held, range, stride};

use crate::experiment::DataSet;
use crate::fitted::FitResult;
use crate::report::numbers::short;
use crate::report::page::{Figure, Key, KeyKind, Table, number};

const SIZE: (u32, u32) = (1120, 440);
/// Draws that the posterior of the density is computed from.
const MOST_DRAWS: usize = 400;
/// Places where densities are computed, besides those for narrow components.
const PLACES: usize = 400;
/// Rows that the width of the bars is computed from, evenly spaced in the file.
const MOST_ROWS: usize = 100_000;
/// Curves may be this much higher than the histogram before they are cut.
pub(super) const HEADROOM: f64 = 3.0;

/// Rows that are marked below the histogram.
const MOST_MARKED: usize = 500;
/// The height of the second figure.
const LOW: (u32, u32) = (1120, 340);

/// The density of a fit, with a band where there is a posterior.
struct Curve {
    density: Vec<f64>,
    band: Option<(Vec<f64>, Vec<f64>)>,
}

/// What both figures share.
struct Ground {
    x: Axis,
    y: Axis,
    places: Vec<f64>,
    bars: Vec<(f64, f64, f64)>,
    /// Whether curves leave the frame at the top.
    is_cut: bool,
}

/// The mixtures of all fits, and the components of some.
pub(super) fn figures(data: &DataSet, fits: &[FitResult]) -> Vec<Figure> {
    let name = data.columns.first().map_or("x", String::as_str);
    let mixtures = || fits.iter().map(|fit| &fit.mixture).chain(&data.truth);
    let x = Axis::over(name, held(&data.data, 0, mixtures()), 10);
    let bars = histogram(&data.data, &x);
    let places = places(&x, mixtures());
    let curves: Vec<Curve> = fits.iter().map(|fit| curve(fit, &places)).collect();
    let truth = data.truth.as_ref().map(|truth| density(truth, &places));

    let highest_bar = bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
    let bands = curves.iter().filter_map(|curve| curve.band.as_ref().map(|(_, high)| high));
    let heights = curves.iter().map(|curve| &curve.density).chain(bands).chain(&truth).flatten();
    let highest = heights.copied().filter(|y| y.is_finite()).fold(highest_bar, f64::max);
    let is_cut = highest > HEADROOM * highest_bar;
    let y = Axis::from_zero("density", highest.min(HEADROOM * highest_bar), 6);
    let ground = Ground { x, y, places, bars, is_cut };
    vec![of_mixtures(data, fits, &ground, &curves, truth.as_deref()), of_components(data, fits, &ground)]
}

impl Ground {
    fn line(&self, heights: &[f64], color: Color, width: f64, dashed: bool) -> Mark {
        let points = self.places.iter().copied().zip(heights.iter().copied()).collect();
        Mark::Line { points, color, width, dashed }
    }

    fn panel(&self, marks: Vec<Mark>) -> Panel {
        Panel { x: self.x.clone(), y: self.y.clone(), marks, remark: "".into() }
    }
}

fn of_mixtures(data: &DataSet, fits: &[FitResult], ground: &Ground, curves: &[Curve], truth: Option<&[f64]>) -> Figure {
    let mut marks: Vec<Mark> = ground.bars.iter().map(bar).collect();
    marks.push(rug(&data.data, &ground.y));
    let over = |ys: &[f64]| -> Vec<Point> { ground.places.iter().copied().zip(ys.iter().copied()).collect() };
    for (i, curve) in curves.iter().enumerate() {
        if let Some((low, high)) = &curve.band {
            let mut points = over(low);
            points.extend(over(high).into_iter().rev());
            marks.push(Mark::Area { points, color: Color::of(i), opacity: 0.25 });
        }
    }
    for (i, curve) in curves.iter().enumerate() {
        // The first lines are the widest: where curves agree, the ones below show at the edges.
        let width = 1.5 + 2.5 * (fits.len() - 1 - i) as f64 / fits.len() as f64;
        marks.push(ground.line(&curve.density, Color::of(i), width, false));
    }
    marks.extend(truth.map(|truth| ground.line(truth, TRUTH, 1.5, true)));
    let panel = ground.panel(marks);
    Figure {
        picture: Picture::panels(vec![panel], 1, SIZE),
        title: "Densities".to_owned(),
        caption: caption(data, fits, ground.is_cut),
        legend: legend(fits, truth.is_some()),
        table: Some(bars_in_numbers(&ground.bars, data.data.n())),
    }
}

/// The histogram in numbers.
fn bars_in_numbers(bars: &[(f64, f64, f64)], n: usize) -> Table {
    let row = |(left, right, height): &(f64, f64, f64)| {
        let rows = (height * (right - left) * n as f64).round();
        [short(*left), short(*right), format!("{rows}"), short(*height)].map(number).into()
    };
    Table {
        header: ["from", "to", "rows", "density"].map(number).into(),
        rows: bars.iter().map(row).collect(),
        ..Table::default()
    }
}

/// The components of one fit of each kind, each by its weight.
fn of_components(data: &DataSet, fits: &[FitResult], ground: &Ground) -> Figure {
    let of = |objective| {
        let of_objective =
            move |(_, fit): &(usize, &FitResult)| fit.point.as_ref().is_some_and(|point| point.objective == objective);
        fits.iter().enumerate().find(of_objective)
    };
    let sampled = fits.iter().enumerate().find(|(_, fit)| fit.gibbs.is_some());
    let shown = [of(Objective::Likelihood), of(Objective::Posterior), sampled];
    let mut marks: Vec<Mark> = ground.bars.iter().map(bar).collect();
    let mut legend = vec![Key::new(KeyKind::Area, DATA, "data")];
    for (i, fit) in shown.into_iter().flatten() {
        let color = Color::of(i);
        let width = 1.0 + 1.5 * (fits.len() - 1 - i) as f64 / fits.len() as f64;
        let all = weighted(&fit.mixture, &ground.places);
        marks.extend(all.iter().map(|heights| ground.line(heights, color, width, false)));
        marks.extend(peaks(&fit.mixture, i, 1.0 + (fits.len() - 1 - i) as f64 / fits.len() as f64));
        let what = if fit.gibbs.is_some() { ", posterior means" } else { "" };
        let sign = Marker::of_line(i).sign().into();
        legend.push(Key { sign, ..Key::new(KeyKind::Dot, color, format!("{}{what}", fit.name)) });
    }
    if let Some(truth) = &data.truth {
        marks.extend(weighted(truth, &ground.places).iter().map(|heights| ground.line(heights, TRUTH, 1.2, true)));
        legend.push(Key::new(KeyKind::Dashed, TRUTH, "truth"));
    }
    let panel = ground.panel(marks);
    Figure {
        picture: Picture::panels(vec![panel], 1, LOW),
        title: "Components".to_owned(),
        caption: "The density of each component times its weight, with a sign at its mean: of the first maximum-likelihood \
            estimate, the first mode of the posterior and the first posterior means among the fits. The numbers are in the \
            tables of parameters."
            .to_owned(),
        legend,
        table: None,
    }
}

/// Of each component its density times its weight.
fn weighted(mixture: &Mixture, places: &[f64]) -> Vec<Vec<f64>> {
    let of = |normal: Normal| places.iter().map(|x| normal.density(*x)).collect();
    normals_of(mixture).into_iter().map(of).collect()
}

fn normals_of(mixture: &Mixture) -> Vec<Normal> {
    let variance = |k: usize| mixture.covariance(k).as_symmetric().get(0, 0);
    (0..mixture.k()).map(|k| Normal::new(mixture.weights()[k], mixture.mean(k)[0], variance(k))).collect()
}

/// The tops of the components.
fn peaks(mixture: &Mixture, place: usize, size: f64) -> Option<Mark> {
    let points = normals_of(mixture).into_iter().map(|normal| (normal.mean, normal.height)).collect();
    let (color, marker) = (Color::of(place), Marker::of_line(place));
    (mixture.k() > 0).then_some(Mark::Dots { points, color, marker, radius: 3.0 * size, opacity: 1.0 })
}

/// A short line for each of some rows, evenly spaced in the file.
fn rug(data: &Data, y: &Axis) -> Mark {
    let top = 0.03 * y.ends().1;
    let rows = data.values().iter().step_by(stride(data.n(), MOST_MARKED));
    let points = rows.flat_map(|x| [(*x, 0.0), (*x, top), (f64::NAN, f64::NAN)]).collect();
    Mark::Cloud { points, color: TRUTH, width: 0.6, opacity: 0.5 }
}

fn caption(data: &DataSet, fits: &[FitResult], is_cut: bool) -> String {
    let mut text =
        format!("Histogram of the data (n = {}), scaled to area 1, with the density of each fit", data.data.n());
    text.push_str(if data.truth.is_some() { " and of the truth (dashed)." } else { "." });
    text.push_str(match stride(data.data.n(), MOST_MARKED) {
        1 => " A line at the bottom for each row.",
        _ => " Lines at the bottom for rows that are evenly spaced in the file.",
    });
    if let Some(gibbs) = fits.iter().find_map(|fit| fit.gibbs.as_ref()) {
        let draws = chosen_draws(&gibbs.draws, MOST_DRAWS).len();
        text.push_str(&format!(
            " Of a posterior: the mean of the density over evenly spaced draws ({draws}), which is the predictive \
             density, with its pointwise 90 % band."
        ));
    }
    if is_cut {
        text.push_str(" A curve that leaves the frame at the top belongs to a component on few rows.");
    }
    text
}

fn legend(fits: &[FitResult], truth: bool) -> Vec<Key> {
    let mut legend = vec![Key::new(KeyKind::Area, DATA, "data")];
    for (i, fit) in fits.iter().enumerate() {
        let band = if fit.gibbs.is_some() { ", mean and 90 % band" } else { "" };
        legend.push(Key::new(KeyKind::Line, Color::of(i), format!("{}{band}", fit.name)));
    }
    legend.extend(truth.then(|| Key::new(KeyKind::Dashed, TRUTH, "truth")));
    legend
}

/// Left, right, height.
pub(super) fn bar(&(left, right, height): &(f64, f64, f64)) -> Mark {
    let points = vec![(left, 0.0), (left, height), (right, height), (right, 0.0)];
    Mark::Area { points, color: DATA, opacity: 0.75 }
}

/// Bars of area 1 in all. Their number is the larger of those by the rule of Freedman and Diaconis (1981), which is made
/// for one mode and too coarse for several, and by the square root of n.
pub(super) fn histogram(data: &Data, axis: &Axis) -> Vec<(f64, f64, f64)> {
    let values = data.values();
    let n = values.len() as f64;
    let (low, high) = range(data, 0);
    let (left, right) = axis.ends();
    if axis.place(high) - axis.place(low) < 1e-6 {
        let half = (right - left) / 40.0;
        return vec![(low - half, low + half, 1.0 / (2.0 * half))];
    }
    let few: Vec<f64> = values.iter().copied().step_by(stride(values.len(), MOST_ROWS)).collect();
    let spread = quantile(&few, 0.75) - quantile(&few, 0.25);
    let by_rule = (high - low) / (2.0 * spread / n.cbrt());
    let by_rule = if by_rule.is_finite() { by_rule } else { 0.0 };
    let count = by_rule.max(n.sqrt()).ceil().clamp(4.0, 80.0) as usize;
    let width = (high - low) / count as f64;
    let mut rows = vec![0usize; count];
    for x in values {
        rows[(((x - low) / width) as usize).min(count - 1)] += 1;
    }
    let edge = |i: usize| low + i as f64 * width;
    rows.iter().enumerate().map(|(i, rows)| (edge(i), edge(i + 1), *rows as f64 / (n * width))).collect()
}

/// Where densities are computed: evenly over the axis, and densely where a component is too narrow for that.
fn places<'a>(axis: &Axis, mixtures: impl Iterator<Item = &'a Mixture>) -> Vec<f64> {
    let (low, high) = axis.ends();
    let step = (high - low) / PLACES as f64;
    let mut places: Vec<f64> = (0..=PLACES).map(|i| low + i as f64 * step).collect();
    for mixture in mixtures {
        for k in 0..mixture.k() {
            let sd = mixture.covariance(k).as_symmetric().get(0, 0).sqrt();
            if sd < 2.0 * step {
                places.extend((-12..=12).map(|i| mixture.mean(k)[0] + f64::from(i) / 3.0 * sd));
            }
        }
    }
    places.retain(|x| (low..=high).contains(x));
    places.sort_by(f64::total_cmp);
    places.dedup();
    places
}

fn density(mixture: &Mixture, places: &[f64]) -> Vec<f64> {
    places.iter().map(|x| mixture.ln_density(&[*x]).exp()).collect()
}

fn curve(fit: &FitResult, places: &[f64]) -> Curve {
    let Some(gibbs) = &fit.gibbs else { return Curve { density: density(&fit.mixture, places), band: None } };
    let chosen = chosen_draws(&gibbs.draws, MOST_DRAWS);
    let draws: Vec<Vec<Normal>> = chosen.into_iter().map(|(c, t)| normals(&gibbs.draws, c, t)).collect();
    let (mut mean, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for x in places {
        let values: Vec<f64> = draws.iter().map(|draw| draw.iter().map(|normal| normal.density(*x)).sum()).collect();
        mean.push(values.iter().sum::<f64>() / values.len() as f64);
        low.push(quantile(&values, 0.05));
        high.push(quantile(&values, 0.95));
    }
    Curve { density: mean, band: Some((low, high)) }
}

/// A weighted normal density.
struct Normal {
    mean: f64,
    sd: f64,
    height: f64,
}

impl Normal {
    fn new(weight: f64, mean: f64, variance: f64) -> Self {
        let sd = variance.sqrt();
        Self { mean, sd, height: weight / (sd * (2.0 * std::f64::consts::PI).sqrt()) }
    }

    fn density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sd;
        self.height * (-0.5 * z * z).exp()
    }
}

fn normals(draws: &Draws, chain: usize, draw: usize) -> Vec<Normal> {
    let row = draws.draw(chain, draw);
    (0..draws.model().k()).map(|k| Normal::new(row.weight(k), row.mean(k, 0), row.covariance(k, 0, 0))).collect()
}

#[cfg(test)]
mod tests {
    use gmm_core::Covariance;

    use super::*;

    #[test]
    fn components_add_up_to_their_mixture() {
        let covariance = |v: f64| Covariance::full(&[[v]]).unwrap();
        let mixture =
            Mixture::new(vec![0.3, 0.7], vec![vec![-1.0], vec![2.0]], vec![covariance(0.25), covariance(4.0)]).unwrap();
        let places = [-3.0, -1.0, 0.1, 5.0];
        let components = weighted(&mixture, &places);
        for (i, expected) in density(&mixture, &places).into_iter().enumerate() {
            assert!((components[0][i] + components[1][i] - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn the_histogram_has_area_one_for_any_spread() {
        let spread: Vec<f64> = (0..100).map(|i| f64::from(i * i)).collect();
        let huge: Vec<f64> = spread.iter().map(|x| 1e90 * x).collect();
        let mut lumpy = vec![3.0; 50];
        lumpy.push(4.0);
        let many = (0..3 * MOST_ROWS).map(|i| (i % 977) as f64).collect();
        for values in [spread, huge, lumpy, many, vec![7.0], vec![0.0; 5], vec![1e9, 1e9 + 1.0]] {
            let axis = Axis::over("x", values.iter().copied(), 5);
            let bars = histogram(&Data::new(values, 1).unwrap(), &axis);
            let area: f64 = bars.iter().map(|(left, right, height)| (right - left) * height).sum();
            assert!((area - 1.0).abs() < 1e-6, "{area}");
        }
    }
}
