//! Animations from the frames of a fit.

use gmm_em::Objective;

use super::axis::Axis;
use super::palette::{Color, DATA, Marker};
use super::panel::{Mark, Panel};
use super::player::{Moment, Normal, Player};
use super::{density, held, key_of_component, stride};
use crate::experiment::{DataSet, Experiment};
use crate::fitted::{FitResult, Outcome, Seen};
use crate::report::numbers::ln;
use crate::report::page::{Key, KeyKind};

/// Rows that are drawn.
const MOST_ROWS: usize = 1000;
/// Components that the legend names.
const MOST_KEYS: usize = 21;

/// Players that a page has.
const MOST_PLAYERS: usize = 6;

/// The players of fits that have a film, and why others have none.
pub(in crate::report) fn players(experiment: &Experiment, outcome: &Outcome) -> (Vec<Player>, Vec<String>) {
    let (mut players, mut without) = (Vec::new(), Vec::new());
    for fit in &outcome.fits {
        match &fit.film {
            Some(Ok(seen)) if players.len() < MOST_PLAYERS => players.extend(player(&experiment.data, fit, seen)),
            Some(Ok(_)) => without.push(format!("{}: only the first {MOST_PLAYERS} fits are shown", fit.name)),
            Some(Err(reason)) => without.push(format!("{}: {reason}", fit.name)),
            None => {}
        }
    }
    (players, without)
}

/// Of what the moments are numbered, and what is measured.
fn words(fit: &FitResult) -> (&'static str, &'static str) {
    match fit.point.as_ref().map(|point| point.objective) {
        Some(Objective::Likelihood) => ("iteration", "ln L"),
        Some(Objective::Posterior) => ("iteration", "ln posterior"),
        None => ("scan", "ln posterior"),
    }
}

fn caption(fit: &FitResult, seen: &[Seen], is_curves: bool) -> String {
    let last = seen.last().map_or(0, |one| one.number);
    let moments = match (&fit.gibbs, seen.len() > last) {
        (Some(gibbs), _) => {
            let (chain, warmup) = (1.min(gibbs.draws.chains().len() - 1), gibbs.settings.warmup);
            format!(
                "The first {last} scans of chain {chain} from where it started; its warm-up are the first {warmup}."
            )
        }
        (None, true) => format!("All {last} iterations of the best restart."),
        (None, false) => format!(
            "{} moments of the {last} iterations of the best restart: all of the first, then fewer and fewer.",
            seen.len()
        ),
    };
    let shown = match is_curves {
        true => "Weighted densities of the components and of the mixture over the histogram",
        false => "Ellipses hold 50 % and 90 % of each component in the first two columns",
    };
    format!("{moments} {shown}; below, where the objective stood.")
}

/// The player of a fit; none of fewer than two moments.
fn player(data: &DataSet, fit: &FitResult, seen: &[Seen]) -> Option<Player> {
    if seen.len() < 2 {
        return None;
    }
    let (number_word, objective_word) = words(fit);
    let (mut data_panel, is_curves) = background(data, seen);
    let columns = (0, (!is_curves).then_some(1));
    if is_curves {
        data_panel.y = heights(&data_panel, seen);
    }
    let points: Vec<(f64, f64)> = seen.iter().map(|one| (one.number as f64, one.objective)).collect();
    let color = Color::of(0);
    let progress = Panel {
        x: Axis::over(number_word, points.iter().map(|point| point.0), 8),
        y: Axis::over(objective_word, points.iter().map(|point| point.1), 3),
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
            label: format!("{number_word} {number}: {objective_word} = {}", ln(*objective)),
            at: (*number as f64, *objective),
            components: normals.collect(),
        }
    };
    Some(Player {
        title: fit.name.clone(),
        caption: caption(fit, seen, is_curves),
        legend: legend(fit.mixture.k(), is_curves),
        data: data_panel.rounded(),
        progress: progress.rounded(),
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
