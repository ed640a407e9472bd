//! The evidence of each number of components, and how probable that makes it.

use super::axis::Axis;
use super::palette::{Color, GUIDE, Marker};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::components::{Compared, ComparedRow};
use crate::report::page::{Figure, Key, KeyKind};
use crate::report::terminal::model;

const SIZE: (u32, u32) = (373, 280);
/// Standard errors that a bar reaches to either side.
const ERRORS: f64 = 2.0;

pub(super) fn figure(compared: &Compared<'_>) -> Figure {
    let rows = &compared.rows;
    let structure = rows.first().map_or(String::new(), |row| {
        model(row.fit).split_once(' ').map_or(String::new(), |(_, structure)| structure.to_owned())
    });
    let found = |row: &ComparedRow<'_>| row.found;
    let evidences =
        panel("ln evidence", rows, &|row| (found(row).evidence.ln_evidence, found(row).evidence.standard_error));
    let mut probabilities = panel("probability of K", rows, &|row| (found(row).probability, found(row).standard_error));
    let points = rows.iter().map(|row| (found(row).k as f64, found(row).prior)).collect();
    probabilities.marks.insert(0, Mark::Dots { points, color: GUIDE, marker: Marker::Ring, radius: 4.0, opacity: 1.0 });
    probabilities.y = Axis::over("probability of K", [0.0, 1.0], 5);
    let dot = |marker: Marker, color, text| Key { sign: marker.sign().into(), ..Key::new(KeyKind::Dot, color, text) };
    Figure {
        picture: Picture::panels(vec![evidences, probabilities], 2, SIZE),
        title: format!("Number of components, {structure}"),
        caption: format!(
            "Left: the log evidence of each K; right: its posterior probability among those compared. Bars reach {ERRORS} Monte \
             Carlo standard errors of the evidences to either side; where there is none to be seen they are smaller than the sign. \
             The numbers are in the table."
        ),
        legend: vec![
            dot(Marker::Circle, Color::of(0), "estimate with its Monte Carlo error"),
            dot(Marker::Ring, GUIDE, "prior probability"),
        ],
        table: None,
    }
}

fn panel(name: &str, rows: &[ComparedRow<'_>], of: &dyn Fn(&ComparedRow<'_>) -> (f64, f64)) -> Panel {
    let ks = || rows.iter().map(|row| row.found.k);
    let (low, high) = (ks().min().unwrap_or(1) as f64, ks().max().unwrap_or(1) as f64);
    let x = Axis::labelled("K", (low - 0.5, high + 0.5), ks().map(|k| (k as f64, k.to_string())));
    let bars: Vec<(f64, f64, f64)> = rows
        .iter()
        .map(|row| {
            let (value, error) = of(row);
            let reach = if error.is_finite() { ERRORS * error } else { 0.0 };
            (row.found.k as f64, value, reach)
        })
        .collect();
    let y = Axis::over(name, bars.iter().flat_map(|(_, value, reach)| [value - reach, value + reach]), 5);
    let bar = |(k, value, reach): &(f64, f64, f64)| Mark::Line {
        points: vec![(*k, value - reach), (*k, value + reach)],
        color: Color::of(0),
        width: 1.6,
        dashed: false,
    };
    let points = bars.iter().map(|(k, value, _)| (*k, *value)).collect();
    let mut marks: Vec<Mark> = bars.iter().map(bar).collect();
    marks.push(Mark::Dots { points, color: Color::of(0), marker: Marker::Circle, radius: 3.2, opacity: 1.0 });
    Panel { x, y, marks, remark: "".into() }
}
