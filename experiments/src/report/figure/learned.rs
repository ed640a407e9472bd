//! Animations from the frames of a fit.

use gmm_core::Mixture;

use super::axis::Axis;
use super::palette::{Color, DATA, Marker};
use super::panel::{Mark, Panel};
use super::player::{Moment, Normal, Player};
use super::{density, held, key_of_component, stride};
use crate::experiment::DataSet;
use crate::fitted::FitResult;
use crate::report::numbers::ln;
use crate::report::page::{Key, KeyKind};

/// Rows that are drawn.
const MOST_ROWS: usize = 1000;
/// Components that the legend names.
const MOST_KEYS: usize = 21;

/// One moment of a fit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// Iterations or scans until then.
    pub(crate) number: usize,
    /// What is maximised, or the log posterior, there.
    pub(crate) objective: f64,
    /// Components as the report lists them.
    pub(crate) mixture: Mixture,
}

/// What the frames are, in words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Words {
    /// `iteration` or `scan`.
    pub(crate) number: &'static str,
    /// `ln L` or `ln posterior`.
    pub(crate) objective: &'static str,
}

/// The animation of a fit; none of fewer than two frames.
pub(crate) fn player(data: &DataSet, fit: &FitResult, seen: &[Seen], words: Words, caption: String) -> Option<Player> {
    if seen.len() < 2 {
        return None;
    }
    let (mut data_panel, is_curves) = background(data, seen);
    let columns = (0, (!is_curves).then_some(1));
    if is_curves {
        data_panel.y = heights(&data_panel, seen);
    }
    let points: Vec<(f64, f64)> = seen.iter().map(|one| (one.number as f64, one.objective)).collect();
    let color = Color::of(0);
    let progress = Panel {
        x: Axis::over(words.number, points.iter().map(|point| point.0), 8),
        y: Axis::over(words.objective, points.iter().map(|point| point.1), 3),
        marks: vec![
            Mark::Line { points: points.clone(), color, width: 1.2, dashed: false },
            Mark::Dots { points, color, marker: Marker::Circle, radius: 1.6, opacity: 1.0 },
        ],
        remark: "".into(),
    };
    let moment = |one: &Seen| {
        let Seen { number, objective, mixture } = one;
        let normals = (0..mixture.k()).map(|k| Normal::new(mixture, k, columns.0, columns.1));
        Moment {
            label: format!("{} {number}: {} = {}", words.number, words.objective, ln(*objective)),
            at: (*number as f64, *objective),
            components: normals.collect(),
        }
    };
    Some(Player {
        title: fit.name.clone(),
        caption,
        legend: legend(fit.mixture.k(), is_curves),
        data: data_panel,
        progress,
        moments: seen.iter().map(moment).collect(),
        is_curves,
    })
}

fn legend(k: usize, is_curves: bool) -> Vec<Key> {
    let line = |component: usize| Key {
        kind: KeyKind::Line,
        sign: "".into(),
        color: Color::of(component).darker().css(),
        text: key_of_component(component).text,
    };
    let mut legend: Vec<Key> = (0..k.min(MOST_KEYS)).map(line).collect();
    if let Some(last) = legend.last_mut().filter(|_| k > MOST_KEYS) {
        last.text.push_str(" and so on: colours repeat");
    }
    legend.extend(is_curves.then(|| Key::new(KeyKind::Line, Color::INK, "mixture")));
    legend
}

/// The rows: a histogram of one column, or the first two as points; and whether it is the histogram.
fn background(data: &DataSet, seen: &[Seen]) -> (Panel, bool) {
    let mixtures = || seen.iter().map(|one| &one.mixture);
    let axis = |column: usize, ticks: usize| {
        let name = data.columns.get(column).map_or("", String::as_str);
        Axis::over(name, held(&data.data, column, mixtures()), ticks)
    };
    let x = axis(0, 7);
    if data.data.d() == 1 {
        let bars = density::histogram(&data.data, &x);
        let highest = bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
        let y = Axis::from_zero("density", highest, 5);
        return (Panel { x, y, marks: bars.iter().map(density::bar).collect(), remark: "".into() }, true);
    }
    let rows = data.data.rows().step_by(stride(data.data.n(), MOST_ROWS));
    let points = rows.map(|row| (row[0], row[1])).collect();
    let marks = vec![Mark::Dots { points, color: DATA.darker(), marker: Marker::Circle, radius: 2.0, opacity: 0.7 }];
    (Panel { x, y: axis(1, 6), marks, remark: "".into() }, false)
}

/// An axis for the curves of the last frame; those of others may leave it.
fn heights(panel: &Panel, seen: &[Seen]) -> Axis {
    const PLACES: usize = 200;
    let (low, high) = panel.x.ends();
    let bars = panel.y.ends().1;
    let last = seen.last().map_or(0.0, |one| {
        let at = |i: usize| one.mixture.ln_density(&[low + (high - low) * i as f64 / PLACES as f64]).exp();
        (0..=PLACES).map(at).fold(0.0, f64::max)
    });
    Axis::from_zero("density", last.min(density::HEADROOM * bars).max(bars), 5)
}
