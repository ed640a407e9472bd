//! The measures of a study against what varies: a line for each fit, with Monte Carlo errors.

use super::axis::{Axis, LONGEST_NAME};
use super::palette::{Color, GUIDE, Marker};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::report::names::upper;
use crate::report::page::{Figure, Key, KeyKind};
use crate::report::varied::{Cells, Varied, groups};
use crate::study::{FactorValue, Measure, MeasureName, StudySummary};

/// Panels of one figure.
const MOST_PANELS: usize = 12;
/// Fits that are drawn.
const MOST_FITS: usize = 10;
/// Standard errors that a bar reaches to either side.
const ERRORS: f64 = 2.0;
/// An axis is logarithmic where its positive values differ by this factor.
const LOGARITHMIC: f64 = 8.0;
const HEIGHT: u32 = 290;
/// Heights of what is around the rows and of a row where nothing varies, in pixels.
const FRAME: u32 = 62;
const ROW: u32 = 26;

/// What is to be known of a bias that is pooled.
pub(in crate::report) const CANCEL: &str = "The bias of a group is the mean of signed errors, which cancel over components \
     and columns: near 0 it does not mean that single parameters have none; these are measured where the truth is the same in all replicates";

/// What is drawn of a measure beside its values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reference {
    /// A horizontal line.
    At(f64),
    /// Falls as the root of the rows.
    Root,
    None,
}

/// A measure, in words.
pub(in crate::report) fn words(name: MeasureName) -> &'static str {
    match name {
        MeasureName::Bias => "bias",
        MeasureName::EmpiricalSe => "empirical SE",
        MeasureName::Rmse => "RMSE",
        MeasureName::ModelSe => "model SE",
        MeasureName::Coverage50 => "coverage of 50 % intervals",
        MeasureName::Coverage90 => "coverage of 90 % intervals",
        MeasureName::Width50 => "width of 50 % intervals",
        MeasureName::Width90 => "width of 90 % intervals",
        MeasureName::AdjustedRandIndex => "adjusted Rand index",
        MeasureName::HeldOutLnDensity => "ln density of a fresh row",
        MeasureName::KlDivergence => "KL divergence",
        MeasureName::KlDifference => "KL less that of the first fit",
        MeasureName::HeldOutDifference => "ln density less that of the first fit",
        MeasureName::LnLikelihoodGain => "ln L less that of the truth",
        MeasureName::ShareFailed => "share failed",
        MeasureName::ShareCollapsed => "share of restarts collapsed",
        MeasureName::ShareUnconverged => "share not converged",
        MeasureName::ShareWithoutIntervals => "share without intervals",
    }
}

/// A measure, as short as the name of an axis must be.
fn on_axis(name: MeasureName) -> &'static str {
    match name {
        MeasureName::Coverage50 => "50 % coverage",
        MeasureName::Coverage90 => "90 % coverage",
        MeasureName::Width50 => "50 % width",
        MeasureName::Width90 => "90 % width",
        other => words(other),
    }
}

fn reference(name: MeasureName, rows: bool) -> Reference {
    match name {
        MeasureName::Bias => Reference::At(0.0),
        MeasureName::Coverage50 => Reference::At(0.5),
        MeasureName::Coverage90 => Reference::At(0.9),
        MeasureName::Rmse | MeasureName::EmpiricalSe | MeasureName::ModelSe if rows => Reference::Root,
        MeasureName::Width50 | MeasureName::Width90 if rows => Reference::Root,
        _ => Reference::None,
    }
}

/// Whether the axis of a measure may be logarithmic.
fn is_size(name: MeasureName) -> bool {
    use MeasureName::{EmpiricalSe, KlDivergence, ModelSe, Rmse, Width50, Width90};
    matches!(name, Rmse | EmpiricalSe | ModelSe | Width50 | Width90 | KlDivergence)
}

/// The place of values on the horizontal axis.
struct Across<'a> {
    label: &'a str,
    /// Of each value of the factor.
    places: Vec<f64>,
    names: Vec<String>,
    /// Decimal logarithms.
    logarithmic: bool,
    /// Whether values are numbers, so that lines between them mean something.
    numbers: bool,
}

impl<'a> Across<'a> {
    /// Rows are always on a logarithmic axis, so that what falls as 1 / sqrt(n) is a line.
    fn of(label: &'a str, values: &[FactorValue], rows: bool) -> Self {
        let numbers: Option<Vec<f64>> = values
            .iter()
            .map(|value| match value {
                FactorValue::Number(number) => Some(*number),
                FactorValue::Text(_) => None,
            })
            .collect();
        let names = values.iter().map(ToString::to_string).collect();
        match numbers {
            Some(numbers) => {
                let positive = ends(numbers.iter().copied()).0 > 0.0;
                let logarithmic = (rows && positive) || spans(numbers.iter().copied());
                let places = numbers.iter().map(|x| if logarithmic { x.log10() } else { *x }).collect();
                Self { label, places, names, logarithmic, numbers: true }
            }
            None => {
                let places = (0..values.len()).map(|i| i as f64).collect();
                Self { label, places, names, logarithmic: false, numbers: false }
            }
        }
    }

    /// Wide enough for what is set apart.
    fn axis(&self) -> Axis {
        let (low, high) = ends(self.places.iter().copied());
        let margin = if low < high { 0.12 * (high - low) } else { 0.5 };
        let ticks = self.places.iter().copied().zip(self.names.iter().cloned());
        Axis::labelled(self.label, (low - margin, high + margin), ticks)
    }

    /// How far apart neighbouring fits are set.
    fn apart(&self) -> f64 {
        let (low, high) = ends(self.places.iter().copied());
        if low < high { 0.012 * (high - low) } else { 0.03 }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|x| x.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Whether values are positive and differ by so much that their logarithms are drawn.
fn spans(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = ends(values);
    low > 0.0 && high >= LOGARITHMIC * low
}

/// One line: the place on the horizontal axis, the value and its error.
#[derive(Debug, Clone, PartialEq)]
struct Series {
    fit: usize,
    points: Vec<(f64, f64, f64)>,
}

/// The figures of the cells that agree in all factors but the two that are drawn.
pub(in crate::report) fn figures(summary: &StudySummary, varied: &Varied, cells: &Cells) -> Vec<Figure> {
    use MeasureName::{
        AdjustedRandIndex, Bias, Coverage50, Coverage90, EmpiricalSe, HeldOutLnDensity, KlDivergence, LnLikelihoodGain,
        Rmse, ShareCollapsed, ShareFailed, ShareUnconverged, ShareWithoutIntervals, Width90,
    };
    let of_groups = groups(summary);
    let mut all = Vec::new();
    for name in [Rmse, Coverage90, Bias, EmpiricalSe, Width90, Coverage50] {
        let wanted: Vec<(MeasureName, Option<&str>)> = of_groups.iter().map(|group| (name, Some(*group))).collect();
        all.extend(of_measures(summary, varied, cells, words(name), &wanted));
    }
    let of_rows = [KlDivergence, HeldOutLnDensity, AdjustedRandIndex, LnLikelihoodGain].map(|name| (name, None));
    all.extend(of_measures(summary, varied, cells, "Prediction and classification", &of_rows));
    let shares = [ShareFailed, ShareCollapsed, ShareUnconverged, ShareWithoutIntervals].map(|name| (name, None));
    all.extend(of_measures(summary, varied, cells, "Failures", &shares));
    all
}

/// One figure for measures that stand beside each other, or one for each where a second factor makes panels.
fn of_measures(
    summary: &StudySummary,
    varied: &Varied,
    cells: &Cells,
    title: &str,
    wanted: &[(MeasureName, Option<&str>)],
) -> Vec<Figure> {
    let is_there = |(name, group): &(MeasureName, Option<&str>)| {
        let of = |m: &&Measure| m.name == *name && m.parameter.as_deref() == *group && cells.holds(m.cell);
        let mut found = summary.measures.iter().filter(of).filter_map(|m| m.value);
        // What is 0 everywhere is said in words.
        if is_share(*name) { found.any(|value| value != 0.0) } else { found.next().is_some() }
    };
    let wanted: Vec<(MeasureName, Option<&str>)> = wanted.iter().copied().filter(is_there).collect();
    let axis_name = |name: MeasureName, group: Option<&str>| match group {
        Some(group) => format!("{}, {group}", on_axis(name)),
        None => on_axis(name).to_owned(),
    };
    if let Some((swapped, one)) = at_one_value(summary, varied, cells, &wanted) {
        let title = format!("{title}, at {}", one.words);
        return of_measures(summary, &swapped, &one, &title, &wanted);
    }
    let make = |title: String, panels: Vec<Panel>, names: &[MeasureName]| figure(summary, varied, title, panels, names);
    match varied.second {
        None => {
            let panels: Vec<Panel> = wanted
                .iter()
                .take(MOST_PANELS)
                .map(|(name, group)| {
                    panel(summary, varied, &cells.panels[0], *name, *group, axis_name(*name, *group), None)
                })
                .collect();
            let names: Vec<MeasureName> = wanted.iter().map(|(name, _)| *name).collect();
            if panels.is_empty() { Vec::new() } else { vec![make(title.to_owned(), panels, &names)] }
        }
        Some(second) => wanted
            .iter()
            .map(|(name, group)| {
                let range = common(summary, varied, cells, *name, *group);
                let factor = &summary.factors[second];
                let panels = cells.panels.iter().zip(&factor.values).take(MOST_PANELS);
                let panels = panels.map(|(inside, value)| {
                    let name_of_axis = at_value(*name, &factor.label, value);
                    panel(summary, varied, inside, *name, *group, name_of_axis, Some(&range))
                });
                let title = format!("{}, by {}", axis_name(*name, *group), factor.label);
                let mut figure = make(title, panels.collect(), &[*name]);
                let (label, all) = (&factor.label, factor.values.len());
                figure.caption.push_str(&match all.saturating_sub(MOST_PANELS) {
                    0 => format!(" A panel for each value of: {label}."),
                    more => format!(
                        " Panels for the first {MOST_PANELS} of the {all} values of: {label}; the other {more} are in the tables."
                    ),
                });
                figure
            })
            .collect(),
    }
}

/// Measures that are there at one value of the first factor alone are drawn along the second: those of parameters, where the
/// number of components varies.
fn at_one_value(
    summary: &StudySummary,
    varied: &Varied,
    cells: &Cells,
    wanted: &[(MeasureName, Option<&str>)],
) -> Option<(Varied, Cells)> {
    let (first, second) = (varied.first?, varied.second?);
    let is_wanted =
        |m: &Measure| wanted.iter().any(|(name, group)| m.name == *name && m.parameter.as_deref() == *group);
    let has = |cell: usize| summary.measures.iter().any(|m| m.cell == cell && m.value.is_some() && is_wanted(m));
    let values = &summary.factors[first].values;
    let of = |i: &usize| cells.panels.iter().filter_map(|inside| inside.get(*i)).any(|cell| has(*cell));
    let present: Vec<usize> = (0..values.len()).filter(of).collect();
    let [only] = present[..] else { return None };
    let panel = cells.panels.iter().filter_map(|inside| inside.get(only).copied()).collect();
    let words = format!("{} {}", summary.factors[first].label, values[only]);
    let swapped = Varied { first: Some(second), second: None, sets: Vec::new() };
    (values.len() > 1).then(|| (swapped, Cells { words, panels: vec![panel] }))
}

/// The name of an axis in the panel of a value: with the name of what varies, as far as there is room. The title has the measure.
fn at_value(name: MeasureName, label: &str, value: &FactorValue) -> String {
    let names = [format!("{label} {value}: {}", on_axis(name)), format!("{label} {value}")];
    let fits = |name: &String| name.chars().count() <= LONGEST_NAME;
    names.into_iter().find(fits).unwrap_or_else(|| format!("{value}: {}", on_axis(name)))
}

fn is_share(name: MeasureName) -> bool {
    use MeasureName::{ShareCollapsed, ShareFailed, ShareUnconverged, ShareWithoutIntervals};
    matches!(name, ShareFailed | ShareCollapsed | ShareUnconverged | ShareWithoutIntervals)
}

fn figure(summary: &StudySummary, varied: &Varied, title: String, panels: Vec<Panel>, names: &[MeasureName]) -> Figure {
    let key = |(i, fit): (usize, &crate::study::StudyFit)| {
        let sign = Marker::of_line(i).sign().into();
        Key { sign, ..Key::new(KeyKind::Dot, Color::of(i), &fit.name) }
    };
    let mut legend: Vec<Key> = summary.fits.iter().take(MOST_FITS).enumerate().map(key).collect();
    let references: Vec<Reference> = names.iter().map(|name| reference(*name, varied.rows(summary))).collect();
    let mut text = format!(
        "Bars reach {ERRORS} Monte Carlo standard errors to either side, over at most {} replicates.",
        summary.replicates
    );
    if varied.first.is_some() && summary.fits.len() > 1 {
        text.push_str(" Fits are set apart a little, so that each is seen.");
    }
    if references.contains(&Reference::Root) {
        legend.push(Key::new(KeyKind::Dashed, GUIDE, "as 1 / \u{221a}n"));
        text.push_str(" Dashed: what falls as 1 / \u{221a}n, through the value of the first fit at the largest n.");
    } else if references.iter().any(|reference| matches!(reference, Reference::At(_))) {
        legend.push(Key::new(KeyKind::Dashed, GUIDE, "nominal"));
        text.push_str(" Dashed: where it should be.");
    }
    if summary.fits.len() > MOST_FITS {
        text.push_str(&format!(" The first {MOST_FITS} of {} fits.", summary.fits.len()));
    }
    if names.contains(&MeasureName::Bias) {
        text.push(' ');
        text.push_str(CANCEL);
        text.push('.');
    }
    text.push_str(" The numbers are in the tables of measures.");
    let columns = match panels.len() {
        1 | 2 | 4 => 2.min(panels.len()),
        _ => 3,
    };
    let width = if columns == 3 { 373 } else { 550 };
    let height = match varied.first {
        Some(_) => HEIGHT,
        None => (FRAME + ROW * summary.fits.len().min(MOST_FITS) as u32).max(120),
    };
    let picture = Picture::panels(panels, columns, (width, height));
    Figure { picture, title: upper(&title), caption: text, legend, table: None }
}

/// The lines of the fits in the cells of a panel, by the values of the first factor.
fn series(
    summary: &StudySummary,
    inside: &[usize],
    name: MeasureName,
    group: Option<&str>,
    places: &[f64],
) -> Vec<Series> {
    let of = |(i, fit): (usize, &crate::study::StudyFit)| {
        let point = |(cell, place): (&usize, &f64)| {
            let found = summary.measure(*cell, &fit.name, group, name)?;
            Some((*place, found.value?, found.mcse.unwrap_or(0.0)))
        };
        Series { fit: i, points: inside.iter().zip(places).filter_map(point).collect() }
    };
    summary.fits.iter().take(MOST_FITS).enumerate().map(of).filter(|series| !series.points.is_empty()).collect()
}

/// What the vertical axes of all panels hold.
fn common(
    summary: &StudySummary,
    varied: &Varied,
    cells: &Cells,
    name: MeasureName,
    group: Option<&str>,
) -> Vec<(f64, f64)> {
    let places = varied.first.map_or(vec![0.0], |first| vec![0.0; summary.factors[first].values.len()]);
    let all = cells.panels.iter().flat_map(|inside| series(summary, inside, name, group, &places));
    all.flat_map(|series| series.points).map(|(_, value, error)| (value, error)).collect()
}

fn panel(
    summary: &StudySummary,
    varied: &Varied,
    inside: &[usize],
    name: MeasureName,
    group: Option<&str>,
    axis_name: String,
    range: Option<&[(f64, f64)]>,
) -> Panel {
    let Some(first) = varied.first else { return of_one_cell(summary, inside, name, group, &axis_name) };
    let factor = &summary.factors[first];
    let across = Across::of(&factor.label, &factor.values, varied.rows(summary));
    let lines = series(summary, inside, name, group, &across.places);
    let own: Vec<(f64, f64)> = lines.iter().flat_map(|line| &line.points).map(|(_, v, e)| (*v, *e)).collect();
    let held = range.unwrap_or(&own);
    let logarithmic = is_size(name) && across.logarithmic && held.iter().all(|(value, _)| *value > 0.0);
    let place = |value: f64| if logarithmic { value.log10() } else { value };
    let reference = reference(name, varied.rows(summary));
    let guide: Vec<(f64, f64)> = match reference {
        Reference::None => Vec::new(),
        Reference::At(at) => vec![(f64::NEG_INFINITY, at), (f64::INFINITY, at)],
        Reference::Root => root(&lines, &across),
    };
    let bars = |(value, error): &(f64, f64)| {
        let low = value - ERRORS * error;
        // An error as large as the value would need a bar without end.
        [if logarithmic && low <= 0.0 { *value } else { low }, value + ERRORS * error]
    };
    let at = guide.iter().map(|point| point.1);
    let values: Vec<f64> = held.iter().flat_map(bars).chain(at).map(place).collect();
    let y = match logarithmic {
        true => Axis::of_logarithms(&axis_name, values),
        false => Axis::over(&axis_name, values, 5),
    };
    let x = across.axis();
    let mut marks = Vec::new();
    if !guide.is_empty() {
        let (left, right) = x.ends();
        let points = guide.iter().map(|(x, value)| (x.clamp(left, right), place(*value))).collect();
        marks.push(Mark::Line { points, color: GUIDE, width: 1.0, dashed: true });
    }
    let middle = 0.5 * (lines.len().max(1) - 1) as f64;
    let bottom = y.ends().0;
    for (i, Series { fit, points }) in lines.iter().enumerate() {
        let shift = (i as f64 - middle) * across.apart();
        let (color, marker) = (Color::of(*fit), Marker::of_line(*fit));
        let dots: Vec<(f64, f64)> = points.iter().map(|(x, value, _)| (x + shift, place(*value))).collect();
        if across.numbers {
            marks.push(Mark::Line { points: dots.clone(), color, width: 1.3, dashed: false });
        }
        let bar = |(x, value, error): &(f64, f64, f64)| {
            let low = place(value - ERRORS * error);
            let low = if low.is_finite() { low } else { bottom };
            [(x + shift, low), (x + shift, place(value + ERRORS * error)), (f64::NAN, f64::NAN)]
        };
        marks.push(Mark::Cloud { points: points.iter().flat_map(bar).collect(), color, width: 1.6, opacity: 1.0 });
        marks.push(Mark::Dots { points: dots, color, marker, radius: 3.4, opacity: 1.0 });
    }
    Panel { x, y, marks, remark: "none".into() }
}

/// What falls as 1 / sqrt(n), through the value of the first fit at the largest n.
fn root(lines: &[Series], across: &Across<'_>) -> Vec<(f64, f64)> {
    let n = |place: f64| if across.logarithmic { 10f64.powf(place) } else { place };
    let last = |line: &Series| line.points.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((end, value, _)) = lines.first().and_then(last) else { return Vec::new() };
    let (low, high) = ends(across.places.iter().copied());
    const STEPS: usize = 20;
    let at = |i: usize| low + (high - low) * i as f64 / STEPS as f64;
    (0..=STEPS).map(at).map(|x| (x, value * (n(end) / n(x)).sqrt())).collect()
}

/// Where nothing varies: a row for each fit.
fn of_one_cell(
    summary: &StudySummary,
    inside: &[usize],
    name: MeasureName,
    group: Option<&str>,
    axis_name: &str,
) -> Panel {
    let lines = series(summary, inside, name, group, &[0.0]);
    let names = lines.iter().map(|line| summary.fits[line.fit].name.clone());
    let y = Axis::of_things("", names);
    let guide = match reference(name, false) {
        Reference::At(at) => Some(at),
        Reference::Root | Reference::None => None,
    };
    let reach = lines.iter().flat_map(|line| &line.points).flat_map(|(_, v, e)| [v - ERRORS * e, v + ERRORS * e]);
    let x = Axis::over(axis_name, reach.chain(guide), 4);
    let ends = y.ends();
    let line =
        |at: f64| Mark::Line { points: vec![(at, ends.0), (at, ends.1)], color: GUIDE, width: 1.0, dashed: true };
    let mut marks: Vec<Mark> = guide.map(line).into_iter().collect();
    for (i, Series { fit, points }) in lines.iter().enumerate() {
        let (at, color) = (-(i as f64), Color::of(*fit));
        for (_, value, error) in points {
            let points = vec![(value - ERRORS * error, at), (value + ERRORS * error, at)];
            marks.push(Mark::Line { points, color, width: 1.6, dashed: false });
            marks.push(Mark::dot((*value, at), color, Marker::of_line(*fit), 3.6, 1.0));
        }
    }
    Panel { x, y, marks, remark: "none".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study_example::{example, measure};

    #[test]
    fn rows_are_logarithmic_over_any_range_and_other_numbers_over_wide_ones() {
        let values = [100.0, 200.0].map(FactorValue::Number);
        assert!(Across::of("rows", &values, true).logarithmic && !Across::of("dimensions", &values, false).logarithmic);
        assert!(!Across::of("rows", &[0.0, 9.0].map(FactorValue::Number), true).logarithmic);
    }

    #[test]
    fn panels_name_the_factor_and_say_which_are_left_out() {
        let many: Vec<f64> = (1..=14).map(f64::from).collect();
        let drawn = |factors: &[(&str, &[f64])], name| {
            let mut summary = example(factors);
            for cell in 0..summary.cells.len() {
                summary.measures.push(measure(cell, "em", Some("means"), name, 0.2));
            }
            let varied = Varied::of(&summary);
            figures(&summary, &varied, &varied.sets[0]).remove(0)
        };
        let n: (&str, &[f64]) = ("data.n", &[100.0, 400.0]);
        let cut = drawn(&[n, ("overlap", &many)], MeasureName::Rmse);
        assert!(cut.caption.contains("the first 12 of the 14 values of: overlap; the other 2 are"), "{}", cut.caption);
        assert!(cut.picture.words().starts_with("overlap 1: RMSE against data.n"), "{}", cut.picture.words());
        assert!(!cut.caption.contains("cancel"));
        let whole = drawn(&[n, ("overlap", &many[..12])], MeasureName::Bias);
        assert!(whole.caption.contains("A panel for each value of: overlap.") && whole.caption.contains("cancel"));
        let long = "the covariance of the fit as given";
        let value = FactorValue::Number(5.0);
        assert_eq!(at_value(MeasureName::Rmse, long, &value), format!("{long} 5"));
        assert_eq!(at_value(MeasureName::Rmse, &long.repeat(2), &value), "5: RMSE");
    }

    fn titles(figures: &[Figure]) -> Vec<&str> {
        figures.iter().map(|figure| figure.title.as_str()).collect()
    }

    #[test]
    fn the_root_goes_through_the_first_fit_at_the_largest_n() {
        let values = [100.0, 400.0, 1600.0].map(FactorValue::Number);
        let across = Across::of("rows", &values, false);
        assert!(across.logarithmic && across.places[0] == 2.0);
        let line = Series { fit: 0, points: vec![(2.0, 9.0, 0.0), (1600f64.log10(), 0.5, 0.0)] };
        let guide = root(&[line], &across);
        let (first, last) = (guide[0], guide[guide.len() - 1]);
        assert!((first.0 - 2.0).abs() < 1e-12 && (first.1 - 2.0).abs() < 1e-12, "{first:?}");
        assert!((last.1 - 0.5).abs() < 1e-12, "{last:?}");
    }

    #[test]
    fn a_second_factor_makes_panels_and_measures_at_one_value_run_along_it() {
        let mut summary = example(&[("data.n", &[100.0, 400.0]), ("model.components", &[2.0, 3.0, 4.0])]);
        for cell in 0..6 {
            summary.measures.push(measure(cell, "em", None, MeasureName::KlDivergence, 0.1));
            summary.measures.push(measure(cell, "em", Some("means"), MeasureName::Rmse, 0.2));
        }
        let varied = Varied::of(&summary);
        let drawn = figures(&summary, &varied, &varied.sets[0]);
        let by = "by model.components";
        assert_eq!(titles(&drawn), [format!("RMSE, means, {by}"), format!("KL divergence, {by}")]);
        // Means at 400 rows alone.
        let means = |m: &Measure| m.parameter.is_some();
        summary.measures.retain(|m| !means(m) || [3, 4, 5].contains(&m.cell));
        let drawn = figures(&summary, &varied, &varied.sets[0]);
        assert_eq!(titles(&drawn)[0], "RMSE, at data.n 400");
    }

    #[test]
    fn shares_that_are_nothing_everywhere_are_not_drawn() {
        let mut summary = example(&[("data.n", &[100.0, 400.0])]);
        summary.measures = vec![measure(0, "em", None, MeasureName::ShareFailed, 0.0)];
        let varied = Varied::of(&summary);
        assert!(figures(&summary, &varied, &varied.sets[0]).is_empty());
        summary.measures.push(measure(1, "em", None, MeasureName::ShareFailed, 0.5));
        assert_eq!(titles(&figures(&summary, &varied, &varied.sets[0])), ["Failures"]);
    }
}
