//! A matrix of probabilities as shades: how probable it is that two rows belong together.

use std::fmt::Write;

use gmm_mcmc::{CoClustering, SimilarityMatrix};
use serde::{Deserialize, Serialize};

use super::picture::Picture;
use crate::posterior::{PartitionFound, loss};
use crate::report::page::{Figure, Key, KeyKind};

/// The most cells on a side; more rows share cells.
const MOST_CELLS: usize = 120;
/// Shades from 0 to 1.
const SHADES: usize = 17;

/// A square matrix of probabilities, each as one of [`SHADES`] shades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shades {
    /// Cells on a side.
    cells: usize,
    /// Row after row.
    shades: Vec<u8>,
    /// Where outlined squares on the diagonal begin and end, in cells.
    outlined: Vec<(f64, f64)>,
}

/// The figure of a partition with its co-clustering, where that is of all pairs.
pub(super) fn figure(name: &str, found: &PartitionFound) -> Option<Figure> {
    let CoClustering::All(matrix) = &found.co_clustering else { return None };
    let n = matrix.n();
    let order = order(found, matrix);
    let cells = n.min(MOST_CELLS);
    let shared = match cells < n {
        true => format!(" Each of {cells} x {cells} cells is the mean of its pairs."),
        false => String::new(),
    };
    let caption = format!(
        "The posterior probability that two rows come from the same component. The {n} rows are ordered by the partition \
         with the least expected loss ({}; {} {}, outlined), within clusters by how well they belong.{shared}",
        loss(found.loss),
        found.estimate.n_clusters,
        if found.estimate.n_clusters == 1 { "cluster" } else { "clusters" },
    );
    let key = |probability: f64| Key {
        kind: KeyKind::Area,
        sign: "".into(),
        color: shade(shade_of(probability)),
        text: format!("{probability}"),
    };
    let outlined = corners(&found.sizes(), n, cells);
    Some(Figure {
        picture: Picture::Shades(Shades::new(&means(matrix, &order, cells), cells, outlined)),
        title: name.to_owned(),
        caption,
        legend: [0.0, 0.25, 0.5, 0.75, 1.0].map(key).into(),
        table: None,
    })
}

/// Rows by cluster, and within it those first that belong to it best.
fn order(found: &PartitionFound, matrix: &SimilarityMatrix) -> Vec<usize> {
    let clusters = &found.estimate.clusters;
    let belonging =
        |i: usize| -> f64 { (0..matrix.n()).filter(|j| clusters[*j] == clusters[i]).map(|j| matrix.get(i, j)).sum() };
    let belongings: Vec<f64> = (0..matrix.n()).map(belonging).collect();
    let mut order: Vec<usize> = (0..matrix.n()).collect();
    order.sort_by(|&i, &j| clusters[i].cmp(&clusters[j]).then(belongings[j].total_cmp(&belongings[i])));
    order
}

/// The mean of the pairs of each cell, row after row.
fn means(matrix: &SimilarityMatrix, order: &[usize], cells: usize) -> Vec<f64> {
    let rows = |cell: usize| &order[cell * order.len() / cells..(cell + 1) * order.len() / cells];
    let mean = |a: usize, b: usize| {
        let pairs = rows(a).iter().flat_map(|i| rows(b).iter().map(move |j| matrix.get(*i, *j)));
        pairs.sum::<f64>() / (rows(a).len() * rows(b).len()) as f64
    };
    (0..cells * cells).map(|cell| mean(cell / cells, cell % cells)).collect()
}

/// Where clusters begin and end, in cells.
fn corners(sizes: &[usize], n: usize, cells: usize) -> Vec<(f64, f64)> {
    let ends = sizes.iter().scan(0, |end, size| {
        let start = *end;
        *end += size;
        Some((start, *end))
    });
    let in_cells = |row: usize| (row * cells) as f64 / n as f64;
    ends.map(|(start, end)| (in_cells(start), in_cells(end))).collect()
}

fn shade_of(probability: f64) -> u8 {
    (probability.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as u8
}

/// From white to a dark blue.
fn shade(shade: u8) -> String {
    let part = f64::from(shade) / (SHADES - 1) as f64;
    let mix = |from: f64, to: f64| (from + (to - from) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(255.0, 8.0), mix(255.0, 48.0), mix(255.0, 107.0))
}

impl Shades {
    /// The width that it is made for, in pixels.
    pub(super) const WIDTH: u32 = 420;

    fn new(values: &[f64], cells: usize, outlined: Vec<(f64, f64)>) -> Self {
        Self { cells, shades: values.iter().map(|value| shade_of(*value)).collect(), outlined }
    }

    /// Of each shade one path, whose lines are runs of cells; nothing for the first, which is white.
    pub(super) fn svg(&self) -> String {
        let mut paths = vec![String::new(); SHADES];
        for (y, row) in self.shades.chunks_exact(self.cells.max(1)).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                let _ = write!(paths[usize::from(run[0]).min(SHADES - 1)], "M{x} {y}.5h{}", run.len());
                x += run.len();
            }
        }
        let side = self.cells + 2;
        let mut text = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-1 -1 {side} {side}\">\n");
        let _ = writeln!(text, "<rect width=\"{0}\" height=\"{0}\" fill=\"#ffffff\"/>", self.cells);
        text.push_str("<g shape-rendering=\"crispEdges\">\n");
        for (path, i) in paths.iter().zip(0..).skip(1).filter(|(path, _)| !path.is_empty()) {
            let _ = writeln!(text, "<path stroke=\"{}\" d=\"{path}\"/>", shade(i));
        }
        text.push_str("</g>\n");
        let mut square = |start: f64, end: f64, color: &str, width: f64| {
            let side = end - start;
            let _ = writeln!(
                text,
                "<rect x=\"{start:.2}\" y=\"{start:.2}\" width=\"{side:.2}\" height=\"{side:.2}\" fill=\"none\" \
                 stroke=\"{color}\" stroke-width=\"{width}\" vector-effect=\"non-scaling-stroke\"/>"
            );
        };
        square(0.0, self.cells as f64, "#333333", 1.0);
        self.outlined.iter().for_each(|(start, end)| square(*start, *end, "#d55e00", 1.5));
        text.push_str("</svg>\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_the_same_shade_in_a_row_are_one_line_and_white_is_left_out() {
        let values = [1.0, 1.0, 0.0, 1.0, 1.0, 0.01, 0.0, 0.0, 0.5];
        let drawn = Shades::new(&values, 3, vec![(0.0, 2.0), (2.0, 3.0)]).svg();
        assert!(drawn.contains(&format!("<path stroke=\"{}\" d=\"M0 0.5h2M0 1.5h2\"/>", shade(16))), "{drawn}");
        assert!(drawn.contains(&format!("<path stroke=\"{}\" d=\"M2 2.5h1\"/>", shade(8))), "{drawn}");
        assert_eq!((drawn.matches("<path").count(), drawn.matches("#d55e00").count()), (2, 2));
        assert_eq!((shade(0).as_str(), shade(16).as_str()), ("#ffffff", "#08306b"));
        assert_eq!(corners(&[5, 15], 20, 10), [(0.0, 2.5), (2.5, 10.0)]);
    }
}
