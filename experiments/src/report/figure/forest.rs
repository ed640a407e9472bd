//! Estimates with intervals, fit beside fit, and the truth: a row for each component and fit.

use gmm_core::Mixture;

use super::axis::Axis;
use super::palette::{Color, Marker, TRUTH};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::experiment::DataSet;
use crate::fitted::FitResult;
use crate::report::page::{Figure, Key, KeyKind};
use crate::report::parameters::{Parameter, kinds};

/// Components, fits and panels that are drawn.
const MOST_COMPONENTS: usize = 20;
const MOST_FITS: usize = 10;
const MOST_PANELS: usize = 12;
/// Covariances up to which they are drawn: the pairs of three columns.
const MOST_COVARIANCES: usize = 3;
const WIDTH: u32 = 373;
/// Heights of what is around the rows, of a row, and between two components, in pixels.
const FRAME: u32 = 62;
const ROW: u32 = 11;
const GAP: u32 = 7;

/// One estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    component: usize,
    /// The place of the fit among those drawn.
    fit: usize,
    estimate: f64,
    interval: Option<(f64, f64)>,
}

/// The estimates of one parameter.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    name: String,
    rows: Vec<Row>,
    /// By component.
    truth: Vec<Option<f64>>,
}

/// A figure for each number of components.
pub(super) fn figures(data: &DataSet, fits: &[FitResult]) -> Vec<Figure> {
    let mut counts: Vec<usize> = fits.iter().map(|fit| fit.mixture.k()).collect();
    counts.sort_unstable();
    counts.dedup();
    let of = |k: usize| -> Vec<&FitResult> { fits.iter().filter(|fit| fit.mixture.k() == k).collect() };
    counts.into_iter().map(|k| figure(data, &of(k), k)).collect()
}

fn figure(data: &DataSet, fits: &[&FitResult], k: usize) -> Figure {
    let drawn = &fits[..fits.len().min(MOST_FITS)];
    let truth = data.truth.as_ref().filter(|truth| truth.k() == k);
    let all = groups(&data.columns, drawn, k.min(MOST_COMPONENTS), truth);
    let n_all = all.len();
    let panels: Vec<Panel> = all.iter().take(MOST_PANELS).map(|group| panel(group, drawn.len(), k)).collect();
    let rows = k.min(MOST_COMPONENTS) as u32;
    let height = FRAME + rows * (GAP + ROW * drawn.len() as u32);
    let key = |(i, fit): (usize, &&FitResult)| {
        let sign = Marker::of_line(i).sign().into();
        Key { sign, ..Key::new(KeyKind::Dot, Color::of(i), &fit.name) }
    };
    let mut legend: Vec<Key> = drawn.iter().enumerate().map(key).collect();
    legend.extend(truth.map(|_| Key::new(KeyKind::Line, TRUTH, "truth")));
    Figure {
        picture: Picture::panels(panels, n_all.min(3), (WIDTH, height.max(120))),
        title: format!("Estimates, K = {k}"),
        caption: caption(fits.len(), n_all, k, truth.is_some()),
        legend,
        table: None,
    }
}

fn caption(n_fits: usize, n_panels: usize, k: usize, truth: bool) -> String {
    let mut text =
        "Point estimates (posterior means for Gibbs sampling) with their 90 % intervals, where there are any, by \
        component."
            .to_owned();
    if truth {
        text.push_str(" The true value is the upright line, where the model of the fit has that parameter.");
    }
    let mut cut = |n: usize, most: usize, what: &str| {
        if n > most {
            text.push_str(&format!(" The first {most} of {n} {what}."));
        }
    };
    cut(k, MOST_COMPONENTS, "components");
    cut(n_fits, MOST_FITS, "fits");
    cut(n_panels, MOST_PANELS, "parameters");
    text.push_str(" The numbers are in the table below.");
    text
}

/// What is drawn, parameter by parameter: the weights, means, standard deviations, and covariances where they are few.
fn groups(columns: &[String], fits: &[&FitResult], components: usize, truth: Option<&Mixture>) -> Vec<Group> {
    let kinds = kinds(columns, fits);
    let covariances = kinds.iter().filter(|(_, kind)| matches!(kind, Parameter::Covariance(..))).count();
    let is_drawn = |kind: &Parameter| covariances <= MOST_COVARIANCES || !matches!(kind, Parameter::Covariance(..));
    let group = |(name, parameter): (String, Parameter)| {
        let row = |component: usize, (i, fit): (usize, &&FitResult)| Row {
            component,
            fit: i,
            estimate: parameter.value(&fit.mixture, component),
            interval: parameter.interval(fit, component),
        };
        let rows = (0..components).flat_map(|k| fits.iter().enumerate().map(move |fit| (k, fit)));
        let known = |component: usize| {
            let truth = truth?;
            fits.iter().find_map(|fit| parameter.truth(fit, component, truth))
        };
        Group { name, rows: rows.map(|(k, fit)| row(k, fit)).collect(), truth: (0..components).map(known).collect() }
    };
    kinds.into_iter().filter(|(_, kind)| is_drawn(kind)).map(group).collect()
}

fn panel(group: &Group, n_fits: usize, k: usize) -> Panel {
    let components = group.truth.len();
    let intervals = group.rows.iter().filter_map(|row| row.interval).flat_map(|(low, high)| [low, high]);
    let points = group.rows.iter().map(|row| row.estimate).chain(group.truth.iter().flatten().copied());
    let x = Axis::over(&group.name, points.chain(intervals), 4);
    let name = if k > 1 { "component" } else { "" };
    let y = Axis::of_things(name, (0..components).map(|k| k.to_string()));
    let share = f64::from(ROW * n_fits as u32) / f64::from(GAP + ROW * n_fits as u32);
    let height = |row: &Row| {
        let within = (row.fit as f64 + 0.5) / n_fits as f64 - 0.5;
        -(row.component as f64) - share * within
    };
    let mut marks = Vec::new();
    for (component, value) in group.truth.iter().enumerate() {
        if let Some(value) = value {
            let middle = -(component as f64);
            let points = vec![(*value, middle - 0.46), (*value, middle + 0.46)];
            marks.push(Mark::Line { points, color: TRUTH, width: 1.4, dashed: false });
        }
    }
    for row in &group.rows {
        if let Some((low, high)) = row.interval {
            let points = vec![(low, height(row)), (high, height(row))];
            marks.push(Mark::Line { points, color: Color::of(row.fit), width: 1.6, dashed: false });
        }
    }
    for fit in 0..n_fits {
        let points = group.rows.iter().filter(|row| row.fit == fit).map(|row| (row.estimate, height(row))).collect();
        let (color, marker) = (Color::of(fit), Marker::of_line(fit));
        marks.push(Mark::Dots { points, color, marker, radius: 3.2, opacity: 1.0 });
    }
    Panel { x, y, marks, remark: "".into() }
}
