//! The ladders of tempered chains: how often neighbouring rungs swap.

use super::axis::Axis;
use super::palette::{Color, Marker};
use super::panel::{Mark, Panel};
use super::picture::Picture;

use crate::posterior::GibbsDetail;
use crate::report::numbers::short;
use crate::report::page::{Figure, Key, KeyKind, Table, number};

const SIZE: (u32, u32) = (550, 240);
/// Chains that are drawn.
const MOST_CHAINS: usize = 12;

pub(super) fn figure(name: &str, gibbs: &GibbsDetail) -> Option<Figure> {
    let chains: Vec<_> = gibbs.swaps().take(MOST_CHAINS).collect();
    let rungs = chains.iter().map(|swaps| swaps.powers.len()).max()?;
    let x = Axis::over("rung, 0 is the posterior", [0.0, rungs.saturating_sub(1) as f64], 8);
    let y = Axis::over("swap rate", [0.0, 1.0], 5);
    let mut marks = Vec::new();
    for (c, swaps) in chains.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            swaps.rates.iter().enumerate().map(|(rung, rate)| (rung as f64 + 0.5, *rate)).collect();
        marks.push(Mark::Line { points: points.clone(), color: Color::of(c), width: 1.2, dashed: false });
        let marker = Marker::of_line(c);
        marks.push(Mark::Dots { points, color: Color::of(c), marker, radius: 3.0, opacity: 1.0 });
    }
    let key = |c: usize| {
        let sign = Marker::of_line(c).sign().into();
        Key { sign, ..Key::new(KeyKind::Dot, Color::of(c), format!("chain {c}")) }
    };
    let mut table =
        Table { header: ["chain", "rung", "power", "swaps with the next"].map(number).into(), ..Table::default() };
    for (c, swaps) in chains.iter().enumerate() {
        for (rung, (power, rate)) in swaps.powers.iter().zip(&swaps.rates).enumerate() {
            let cells = [c.to_string(), rung.to_string(), short(*power), short(*rate)];
            table.rows.push(cells.map(number).into());
        }
    }
    let few =
        if gibbs.swaps().count() > MOST_CHAINS { format!(" The first {MOST_CHAINS} chains.") } else { String::new() };
    Some(Figure {
        picture: Picture::panels(vec![Panel { x, y, marks, remark: "".into() }], 1, SIZE),
        title: name.to_owned(),
        caption: format!(
            "Parallel tempering: the mean probability of a swap between each rung and the next, from the posterior (power 1) to the \
             prior (power 0). A pair near 0 cuts the ladder in two.{few}"
        ),
        legend: (0..chains.len()).map(key).collect(),
        table: Some(table),
    })
}
