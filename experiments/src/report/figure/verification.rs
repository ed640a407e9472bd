//! What a verification measured: ranks against their band, and the quantiles of both simulators.

use super::axis::Axis;
use super::palette::{Color, Marker, TRUTH, WRONG};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::report::page::{Figure, Key, KeyKind};
use crate::report::verification::p_value;
use crate::verify::{CalibrationSummary, FindingSummary, JointTestSummary};

const WIDTH: u32 = 340;
const HEIGHT: u32 = 220;
const SQUARE: u32 = 300;
const GREY: Color = Color(0x80, 0x80, 0x80);

/// A figure for each quantity: the distribution function of its ranks less that of uniform ones, over the band.
pub(in crate::report) fn ranks(calibration: &CalibrationSummary, findings: &[FindingSummary]) -> Vec<Figure> {
    let (n, last) = (calibration.replications.max(1) as f64, calibration.draws as f64 + 1.0);
    let at = |r: usize| (r + 1) as f64 / last;
    let edge = |counts: &[usize]| -> Vec<(f64, f64)> {
        let inside = counts.iter().enumerate().map(|(r, count)| (at(r), *count as f64 / n - at(r)));
        [(0.0, 0.0)].into_iter().chain(inside).chain([(1.0, 0.0)]).collect()
    };
    let (lower, upper) = (edge(&calibration.band.lower), edge(&calibration.band.upper));
    let band: Vec<(f64, f64)> = lower.iter().copied().chain(upper.iter().rev().copied()).collect();
    let figure = |quantity: &crate::verify::RankedQuantity| {
        let found = findings.iter().find(|finding| finding.quantity == quantity.name);
        let color = if found.is_some() { WRONG } else { Color::of(0) };
        let line = quantity.difference.iter().enumerate().map(|(r, x)| (at(r), x.unwrap_or(f64::NAN)));
        let line: Vec<(f64, f64)> = [(0.0, 0.0)].into_iter().chain(line).chain([(1.0, 0.0)]).collect();
        let heights = band.iter().chain(&line).map(|point| point.1);
        let panel = Panel {
            x: Axis::over("rank of the truth", [0.0, 1.0], 4),
            y: Axis::over("difference", heights, 4),
            marks: vec![
                Mark::Area { points: band.clone(), color: GREY, opacity: 0.25 },
                Mark::Line { points: vec![(0.0, 0.0), (1.0, 0.0)], color: GREY, width: 1.0, dashed: true },
                Mark::Line { points: line, color, width: 1.5, dashed: false },
            ],
            remark: "".into(),
        };
        let p = quantity.p_value.map_or_else(|| "no p-value".to_owned(), |p| format!("p = {}", p_value(p)));
        let outside = match (quantity.outside.len(), quantity.difference.len()) {
            (0, _) => "inside the band".to_owned(),
            (n, of) => format!("outside the band at {n} of {of} ranks"),
        };
        let (sign, words) = match found {
            Some(finding) => ("\u{2717} ", format!("Finding: draws are {}; ", finding.direction)),
            None => ("", String::new()),
        };
        Figure {
            picture: Picture::panels(vec![panel], 1, (WIDTH, HEIGHT)),
            title: format!("{sign}{}", quantity.name),
            caption: format!("{words}{p}, {outside}"),
            legend: Vec::new(),
            table: None,
        }
    };
    calibration.quantities.iter().map(figure).collect()
}

/// What the colours of the ranks mean.
pub(in crate::report) fn rank_keys() -> Vec<Key> {
    vec![
        Key::new(KeyKind::Line, Color::of(0), "distribution function of the ranks less that of uniform ranks"),
        Key::new(KeyKind::Line, WRONG, "the same, a finding"),
        Key::new(KeyKind::Area, Color(0xDF, 0xDF, 0xDF), "simultaneous band"),
    ]
}

/// A figure for each function: quantiles of chains of the sampler over those of independent draws.
pub(in crate::report) fn quantiles(joint: &JointTestSummary, findings: &[FindingSummary]) -> Vec<Figure> {
    let figure = |pairs: &crate::verify::QuantilePairs| {
        let concerned = |finding: &&FindingSummary| finding.quantity.split(" and ").any(|name| name == pairs.function);
        let found = findings.iter().find(concerned);
        let color = if found.is_some() { WRONG } else { Color::of(0) };
        let points: Vec<(f64, f64)> =
            pairs.draws.iter().zip(&pairs.chains).filter_map(|(draw, chain)| Some(((*draw)?, (*chain)?))).collect();
        let all = || points.iter().flat_map(|(x, y)| [*x, *y]);
        let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let mut marks = Vec::new();
        if low <= high {
            marks.push(Mark::Line { points: vec![(low, low), (high, high)], color: TRUTH, width: 1.0, dashed: true });
        }
        let axis = |name| Axis::over(name, all(), 4);
        let (x, y) = (axis("independent draws"), axis("chains"));
        if !points.is_empty() {
            marks.push(Mark::Dots { points, color, marker: Marker::Circle, radius: 1.6, opacity: 0.8 });
        }
        let panel = Panel { x, y, marks, remark: "no quantiles".into() };
        let of = joint.tests.iter().filter(|test| {
            test.function == pairs.function || test.with.as_ref().is_some_and(|other| *other == pairs.function)
        });
        let least = of.filter_map(|test| test.p_value).fold(f64::INFINITY, f64::min);
        let p = if least.is_finite() { format!("least p = {}", p_value(least)) } else { "no p-value".to_owned() };
        let (sign, words) = match found {
            Some(finding) => ("\u{2717} ", format!("Finding: {}: {}; ", finding.quantity, finding.direction)),
            None => ("", String::new()),
        };
        Figure {
            picture: Picture::panels(vec![panel], 1, (SQUARE, SQUARE * 9 / 10)),
            title: format!("{sign}{}", pairs.function),
            caption: format!("{words}{p}"),
            legend: Vec::new(),
            table: None,
        }
    };
    joint.quantiles.iter().map(figure).collect()
}
