//! Predictive checks: statistics of the data among those of replicated data.

use gmm_mcmc::predictive::{Check, Spread};

use super::axis::Axis;
use super::palette::{Color, DATA, GUIDE, Marker, WRONG};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::posterior::GibbsDetail;
use crate::report::page::{Figure, Key, KeyKind};
use crate::report::posteriors::statistic;
use crate::warnings::EXTREME;

const WIDTH: u32 = 550;
/// Heights of what is around the rows and of a row, in pixels.
const FRAME: u32 = 62;
const ROW: u32 = 19;
/// Statistics that are drawn: first those that are extreme.
const MOST_ROWS: usize = 40;

/// A statistic in units of the replicated ones: 0 is their median, -1 and 1 are the ends of the half of their 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Standard {
    observed: Spread,
    replicated: Spread,
}

pub(super) fn figure(name: &str, gibbs: &GibbsDetail, columns: &[String]) -> Option<Figure> {
    let all: Vec<(&Check, Standard)> =
        gibbs.checks().iter().filter_map(|check| Some((check, standard(check)?))).collect();
    let extreme = |check: &Check| check.is_extreme(EXTREME);
    let mut shown = all.clone();
    if all.len() > MOST_ROWS {
        shown.sort_by_key(|(check, _)| !extreme(check));
        shown.truncate(MOST_ROWS);
    }
    let reaches = |spread: Spread| [spread.q5, spread.q50, spread.q95];
    let values = shown
        .iter()
        .flat_map(|(_, standard)| reaches(standard.observed).into_iter().chain(reaches(standard.replicated)));
    let x = Axis::over("half intervals from the median", values.chain([-1.0, 1.0]), 8);
    let y = Axis::of_things("", shown.iter().map(|(check, _)| statistic(&check.statistic, columns)));
    let mut marks = Vec::new();
    for (i, (check, Standard { observed, replicated })) in shown.iter().enumerate() {
        let at = -(i as f64);
        let (low, high) = (replicated.q5, replicated.q95);
        let box_of_90 = vec![(low, at - 0.3), (low, at + 0.3), (high, at + 0.3), (high, at - 0.3)];
        marks.push(Mark::Area { points: box_of_90, color: DATA, opacity: 0.8 });
        let line = |points: Vec<(f64, f64)>, color, width| Mark::Line { points, color, width, dashed: false };
        marks.push(line(vec![(replicated.q50, at - 0.3), (replicated.q50, at + 0.3)], GUIDE, 1.4));
        let (color, marker) = if extreme(check) { (WRONG, Marker::Cross) } else { (Color::of(0), Marker::Circle) };
        if observed.q5 < observed.q95 {
            marks.push(line(vec![(observed.q5, at), (observed.q95, at)], color, 1.4));
        }
        marks.push(Mark::dot((observed.q50, at), color, marker, 3.5, 1.0));
    }
    let dot =
        |marker: Marker, color, text: String| Key { sign: marker.sign().into(), ..Key::new(KeyKind::Dot, color, text) };
    let left_out = match gibbs.checks().len() - shown.len() {
        0 => String::new(),
        n => format!(" {n} of {} statistics are not drawn; extreme ones come first.", gibbs.checks().len()),
    };
    (!shown.is_empty()).then(|| Figure {
        picture: Picture::panels(vec![Panel { x, y, marks, remark: "".into() }], 1, (WIDTH, FRAME + ROW * shown.len() as u32)),
        title: name.to_owned(),
        caption: format!(
            "Statistics of the data observed among those of data replicated from the posterior, in halves of the replicated 90 % \
             interval. Where a statistic depends on the parameters the line is its 90 % interval.{left_out} The numbers are in the \
             table."
        ),
        legend: vec![
            Key::new(KeyKind::Area, DATA, "replicated, 90 %"),
            dot(Marker::Circle, Color::of(0), "observed".to_owned()),
            dot(Marker::Cross, WRONG, format!("observed, two-sided probability below {EXTREME}")),
        ],
        table: None,
    })
}

/// `None` where replicated data do not vary, or a statistic has no value.
fn standard(check: &Check) -> Option<Standard> {
    let Spread { q5, q50, q95 } = check.replicated;
    let unit = 0.5 * (q95 - q5);
    let of = |x: f64| (x - q50) / unit;
    let spread = |spread: Spread| Spread { q5: of(spread.q5), q50: of(spread.q50), q95: of(spread.q95) };
    let found = Standard { observed: spread(check.observed), replicated: spread(check.replicated) };
    (unit > 0.0 && found.observed.q50.is_finite()).then_some(found)
}
