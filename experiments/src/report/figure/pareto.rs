//! The Pareto k of each row: how far leave-one-out cross-validation can be trusted.

use gmm_mcmc::predictive::PredictiveAccuracy;

use super::axis::Axis;
use super::palette::{Color, GUIDE, Marker, WRONG};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::stride;

use crate::report::numbers::short;
use crate::report::page::{Figure, Key, KeyKind, Table, number};

const SIZE: (u32, u32) = (550, 260);
/// Rows that are drawn.
const MOST_ROWS: usize = 1500;
/// Rows that the table lists: those with the largest k.
const MOST_LISTED: usize = 20;
/// Above this k the central limit theorem does not hold for the importance weights.
const HALF: f64 = 0.5;
/// Above this k estimates are of no use however many draws there are.
const USELESS: f64 = 0.7;

pub(super) fn figure(name: &str, accuracy: &PredictiveAccuracy) -> Figure {
    let PredictiveAccuracy { pareto_k, k_limit, .. } = accuracy;
    let n = pareto_k.len();
    let worst = worst(pareto_k);
    let drawn = drawn(pareto_k, &worst);
    let y = Axis::over("Pareto k", drawn.iter().map(|i| pareto_k[*i]).chain([0.0, USELESS]), 6);
    let x = Axis::over("row", [0.0, n.saturating_sub(1) as f64], 6);
    let mut marks = Vec::new();
    for limit in [HALF, USELESS, *k_limit] {
        let points = vec![(x.ends().0, limit), (x.ends().1, limit)];
        let (color, dashed) = if limit == *k_limit { (WRONG, false) } else { (GUIDE, true) };
        marks.push(Mark::Line { points, color, width: 1.0, dashed });
    }
    let is_high = |i: &usize| pareto_k[*i] > *k_limit;
    let points = |high: bool| drawn.iter().filter(|i| is_high(i) == high).map(|i| (*i as f64, pareto_k[*i])).collect();
    marks.push(Mark::Dots {
        points: points(false),
        color: Color::of(0),
        marker: Marker::Ring,
        radius: 1.8,
        opacity: 0.8,
    });
    marks.push(Mark::Dots { points: points(true), color: WRONG, marker: Marker::Cross, radius: 3.0, opacity: 1.0 });
    let dot =
        |marker: Marker, color, text: String| Key { sign: marker.sign().into(), ..Key::new(KeyKind::Dot, color, text) };
    let few = if drawn.len() < n {
        format!(" {} of {n} rows drawn: those with the largest k, and rows evenly spaced.", drawn.len())
    } else {
        String::new()
    };
    let missing = pareto_k.iter().filter(|k| !k.is_finite()).count();
    let missing = if missing > 0 { format!(" {missing} rows have no finite k.") } else { String::new() };
    Figure {
        picture: Picture::panels(vec![Panel { x, y, marks, remark: "".into() }], 1, SIZE),
        title: name.to_owned(),
        caption: format!(
            "The shape of the tail of the importance ratios that leave each row out, as smoothed (Vehtari et al. 2024). With so many \
             draws estimates are reliable up to {} = min(1 \u{2212} 1/log10 S, 0.7) (solid line): {} of {n} rows are above. Rows \
             count from 0.{few}{missing}",
            short(*k_limit),
            accuracy.n_unreliable(),
        ),
        legend: vec![
            dot(Marker::Ring, Color::of(0), "row".to_owned()),
            dot(Marker::Cross, WRONG, "above the limit".to_owned()),
            Key::new(KeyKind::Line, WRONG, format!("limit, {}", short(*k_limit))),
            Key::new(KeyKind::Dashed, GUIDE, format!("{HALF} and {USELESS}")),
        ],
        table: Some(table(pareto_k, &worst)),
    }
}

/// The rows by falling k; those without one first.
fn worst(pareto_k: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pareto_k.len()).collect();
    let size = |i: usize| if pareto_k[i].is_nan() { f64::INFINITY } else { pareto_k[i] };
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    order
}

/// The rows that are drawn, in order: a third of them those with the largest k, the others evenly spaced.
fn drawn(pareto_k: &[f64], worst: &[usize]) -> Vec<usize> {
    let n = pareto_k.len();
    if n <= MOST_ROWS {
        return (0..n).collect();
    }
    let mut rows: Vec<usize> = (0..n).step_by(stride(n, 2 * MOST_ROWS / 3)).collect();
    rows.extend(worst.iter().take(MOST_ROWS / 3));
    rows.sort_unstable();
    rows.dedup();
    rows
}

fn table(pareto_k: &[f64], worst: &[usize]) -> Table {
    let rows =
        worst.iter().take(MOST_LISTED).map(|i| vec![number(i.to_string()), number(short(pareto_k[*i]))]).collect();
    let more = pareto_k.len().saturating_sub(MOST_LISTED);
    Table {
        header: ["row", "Pareto k"].map(number).into(),
        rows,
        more: (more > 0).then(|| format!("{more} rows with a smaller k")),
        ..Table::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_rows_those_with_the_largest_k_are_always_drawn() {
        let mut k = vec![0.1; 100_000];
        (k[7], k[99_999], k[501]) = (0.9, f64::NAN, 0.8);
        let worst = worst(&k);
        assert_eq!(worst[..3], [99_999, 7, 501]);
        let drawn = drawn(&k, &worst);
        assert!(drawn.is_sorted() && drawn.len() <= MOST_ROWS && [7, 501, 99_999].iter().all(|i| drawn.contains(i)));
        assert_eq!(super::drawn(&k[..9], &super::worst(&k[..9])), (0..9).collect::<Vec<_>>());
    }
}
