//! Where maximum likelihood, MAP and the truth lie in the posterior, parameter by parameter.

use super::axis::Axis;
use super::palette::{Color, DATA, GUIDE, Marker, TRUTH};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::fitted::Outcome;
use crate::reconciled::Reconciliation;
use crate::report::page::{Figure, Key, KeyKind};

const WIDTH: u32 = 750;
/// Heights of what is around the rows and of a row, in pixels.
const FRAME: u32 = 62;
const ROW: u32 = 17;
/// Parameters that are drawn.
const MOST_ROWS: usize = 45;

/// A parameter in posterior standard deviations from the posterior mean.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    low: f64,
    median: f64,
    high: f64,
    ml: Option<f64>,
    map: Option<f64>,
    truth: Option<f64>,
}

pub(super) fn figure(outcome: &Outcome, found: &Reconciliation) -> Option<Figure> {
    let gibbs = outcome.fits.iter().find(|fit| fit.name == found.fit)?.gibbs.as_ref()?;
    let all = rows(found, |name| gibbs.quantity(name).map(|quantity| quantity.sd));
    let n_all = all.len();
    let shown = farthest(all);
    let reach =
        shown.iter().flat_map(|row| [Some(row.low), Some(row.high), row.ml, row.map, row.truth].into_iter().flatten());
    let x = Axis::over("posterior sds from the mean", reach.chain([-2.0, 2.0]), 8);
    let y = Axis::of_things("", shown.iter().map(|row| row.name.clone()));
    let mut marks = vec![Mark::Line {
        points: vec![(0.0, 0.5), (0.0, 0.5 - shown.len() as f64)],
        color: GUIDE,
        width: 1.0,
        dashed: true,
    }];
    let line = |points: Vec<(f64, f64)>, color, width| Mark::Line { points, color, width, dashed: false };
    let (mut ml, mut map) = (Vec::new(), Vec::new());
    for (i, row) in shown.iter().enumerate() {
        let at = -(i as f64);
        let corners = vec![(row.low, at - 0.3), (row.low, at + 0.3), (row.high, at + 0.3), (row.high, at - 0.3)];
        marks.push(Mark::Area { points: corners, color: DATA, opacity: 0.7 });
        marks.push(line(vec![(row.median, at - 0.3), (row.median, at + 0.3)], GUIDE, 1.6));
        marks.extend(row.truth.map(|x| line(vec![(x, at - 0.45), (x, at + 0.45)], TRUTH, 1.6)));
        ml.extend(row.ml.map(|x| (x, at)));
        map.extend(row.map.map(|x| (x, at)));
    }
    let dots = |points, color, marker| Mark::Dots { points, color, marker, radius: 3.6, opacity: 1.0 };
    marks.push(dots(ml, Color::of(0), Marker::Circle));
    marks.push(dots(map, Color::of(1), Marker::Triangle));
    let dot =
        |marker: Marker, color, text: &str| Key { sign: marker.sign().into(), ..Key::new(KeyKind::Dot, color, text) };
    let mut legend =
        vec![Key::new(KeyKind::Area, DATA, "posterior, 90 %"), Key::new(KeyKind::Line, GUIDE, "posterior median")];
    legend.extend(
        found.ml.as_ref().map(|name| dot(Marker::Circle, Color::of(0), &format!("maximum likelihood ({name})"))),
    );
    legend.extend(found.map.as_ref().map(|name| dot(Marker::Triangle, Color::of(1), &format!("MAP ({name})"))));
    legend.extend(shown.iter().any(|row| row.truth.is_some()).then(|| Key::new(KeyKind::Line, TRUTH, "truth")));
    let few = match n_all > shown.len() {
        true => format!(" The {} of {n_all} parameters whose points lie farthest from the mean.", shown.len()),
        false => String::new(),
    };
    (!shown.is_empty()).then(|| Figure {
        picture: Picture::panels(vec![Panel { x, y, marks, remark: "".into() }], 1, (WIDTH, FRAME + ROW * shown.len() as u32)),
        title: found.fit.clone(),
        caption: format!(
            "Each parameter in units of its posterior: 0 is the mean, 1 the standard deviation.{few} The numbers are in the table \
             below."
        ),
        legend,
        table: None,
    })
}

/// Of all parameters that vary.
fn rows(found: &Reconciliation, sd: impl Fn(&str) -> Option<f64>) -> Vec<Row> {
    let row = |parameter: &crate::reconciled::ReconciledParameter| {
        let sd = sd(&parameter.name).filter(|sd| *sd > 0.0 && sd.is_finite())?;
        let of = |x: f64| (x - parameter.mean) / sd;
        Some(Row {
            name: parameter.name.clone(),
            low: of(parameter.q5),
            median: of(parameter.median),
            high: of(parameter.q95),
            ml: parameter.ml.map(of),
            map: parameter.map.map(of),
            truth: parameter.truth.map(of),
        })
    };
    found.parameters.iter().filter_map(row).collect()
}

/// The rows whose points lie farthest from the mean, in their order.
fn farthest(rows: Vec<Row>) -> Vec<Row> {
    let distance =
        |row: &Row| [row.ml, row.map].into_iter().flatten().map(f64::abs).filter(|x| x.is_finite()).fold(0.0, f64::max);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| distance(&rows[*b]).total_cmp(&distance(&rows[*a])));
    order.truncate(MOST_ROWS);
    order.sort_unstable();
    order.into_iter().map(|i| rows[i].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciled::ReconciledParameter;

    fn parameter(name: &str, ml: f64) -> ReconciledParameter {
        ReconciledParameter {
            name: name.to_owned(),
            truth: Some(14.0),
            ml: Some(ml),
            map: None,
            mean: 10.0,
            median: 9.0,
            q5: 6.0,
            q95: 16.0,
            ml_below: None,
            ml_below_mcse: None,
            map_below: None,
            map_below_mcse: None,
            ml_ratio: None,
            map_ratio: None,
            reason: "agree",
            words: String::new(),
        }
    }

    #[test]
    fn points_are_in_posterior_standard_deviations_and_the_farthest_stay() {
        let mut parameters: Vec<_> = (0..60).map(|i| parameter(&format!("p{i}"), 10.0 + f64::from(i % 7))).collect();
        parameters[3].name = "still".to_owned();
        let found = Reconciliation { fit: "g".to_owned(), ml: None, map: None, parameters, summary: String::new() };
        let all = rows(&found, |name| Some(if name == "still" { 0.0 } else { 2.0 }));
        assert_eq!(all.len(), 59);
        let expected = (-2.0, -0.5, 3.0, Some(0.5), None, Some(2.0));
        let row = &all[1];
        assert_eq!((row.low, row.median, row.high, row.ml, row.map, row.truth), expected);
        let shown = farthest(all);
        assert_eq!(shown.len(), MOST_ROWS);
        assert!(shown.iter().filter(|row| row.ml == Some(3.0)).count() == 8 && shown[0].name == "p1");
    }
}
