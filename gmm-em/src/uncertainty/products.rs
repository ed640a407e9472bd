//! Products of scores added up over the rows: what allocations hide, and how the scores of rows vary.

use std::ops::Range;

use gmm_core::{Data, Mixture};
use nalgebra::{DMatrix, DMatrixView, DVector, Dyn};
use rayon::prelude::*;

use super::layout::Layout;
use super::scores::Scores;

/// Sums over the rows of products of scores, in the coordinates of the mixture. With scores `g_ik` of row i in
/// component k and responsibilities r:
///
/// ```text
/// missing    sum_i [ sum_k r_ik g_ik g_ik' - t_i t_i' ],   t_i = sum_k r_ik g_ik
/// observed   sum_i t_i t_i'
/// ```
pub(crate) struct Products {
    pub(crate) missing: DMatrix<f64>,
    /// Where it was asked for.
    pub(crate) observed: Option<DMatrix<f64>>,
}

/// Numbers of scores that are held at a time.
const HELD: usize = 1 << 17;

/// The fewest rows of a batch, whatever their scores take.
const FEWEST_ROWS: usize = 64;

/// The most columns of a tile.
const STRIPE: usize = 128;

/// A coefficient below this is none: the others of the row are near 1, and the rest is rounding.
const NEGLIGIBLE: f64 = 1e-15;

impl Products {
    /// The products over all rows, `observed` only where `both`.
    ///
    /// Rows are taken in batches whose size does not depend on threads; each tile of the sums takes the rows in their
    /// order, so neither do the sums. Of a row only the components that share it count, so the cost is
    /// `sum_i a_i^2 q^2` operations for `a_i` components that row i could belong to and q coordinates of each.
    pub(crate) fn new(data: &Data, mixture: &Mixture, layout: Layout, scales: &[f64], both: bool) -> Self {
        let (k, d, width) = (layout.k, layout.d, layout.width());
        let scores = Scores::new(mixture, layout, scales);
        let mut tiles = tiles(layout, both);
        let rows = (HELD / (k * width)).clamp(FEWEST_ROWS, 4096);
        let mut batch = Batch { width, responsibilities: vec![0.0; rows * k], scores: vec![0.0; rows * k * width] };
        for values in data.values().chunks(rows * d) {
            let n = values.len() / d;
            batch.responsibilities.truncate(n * k);
            (values.par_chunks_exact(d), batch.responsibilities.par_chunks_exact_mut(k))
                .into_par_iter()
                .zip(batch.scores.par_chunks_exact_mut(k * width))
                .with_min_len(64)
                .for_each_init(|| vec![0.0; d], |room, ((row, r), out)| scores.write(row, r, out, room));
            tiles.par_iter_mut().for_each(|tile| tile.add(&batch, k));
        }
        let of = |kind: Kind| {
            let mut sum = DMatrix::zeros(layout.n(), layout.n());
            tiles.iter().filter(|tile| tile.kind == kind).for_each(|tile| tile.add_to(layout, 1.0, &mut sum));
            sum
        };
        let apart = of(Kind::Apart);
        let observed = both.then(|| of(Kind::Observed) + &apart);
        Self { missing: of(Kind::Missing) - apart, observed }
    }
}

/// Takes from the products of scores what their mean adds to them: with `sum` those of all rows added up, the rest is n
/// times their covariance matrix.
pub(crate) fn centre(products: &mut DMatrix<f64>, sum: &DVector<f64>, n: usize) {
    products.ger(-1.0 / n as f64, sum, sum, 1.0);
}

/// Responsibilities (rows x K) and scores (rows x K x width).
struct Batch {
    width: usize,
    responsibilities: Vec<f64>,
    scores: Vec<f64>,
}

/// What the product of two scores of a row is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One component: `r (1 - r)`.
    Missing,
    /// One component: `r^2`.
    Observed,
    /// Two components: the product of theirs, to be added for `observed` and taken away for `missing`.
    Apart,
}

/// Some columns of the products of the scores of components k and l <= k; of k = l the rows above them are left out.
struct Tile {
    kind: Kind,
    k: usize,
    l: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    sums: DMatrix<f64>,
    /// The scores that matter, those of k multiplied with their coefficients.
    left: Vec<f64>,
    right: Vec<f64>,
}

fn tiles(layout: Layout, both: bool) -> Vec<Tile> {
    let width = layout.width();
    let mut tiles = Vec::new();
    for k in 0..layout.k {
        for l in 0..=k {
            let kinds: &[Kind] = match (k == l, both) {
                (false, _) => &[Kind::Apart],
                (true, false) => &[Kind::Missing],
                (true, true) => &[Kind::Missing, Kind::Observed],
            };
            for &kind in kinds {
                for start in (0..width).step_by(STRIPE) {
                    let columns = start..(start + STRIPE).min(width);
                    let rows = if k == l { start..width } else { 0..width };
                    let sums = DMatrix::zeros(rows.len(), columns.len());
                    tiles.push(Tile { kind, k, l, rows, columns, sums, left: Vec::new(), right: Vec::new() });
                }
            }
        }
    }
    tiles
}

impl Tile {
    fn add(&mut self, batch: &Batch, k: usize) {
        self.left.clear();
        self.right.clear();
        let scores = batch.scores.chunks_exact(k * batch.width);
        for (responsibilities, scores) in batch.responsibilities.chunks_exact(k).zip(scores) {
            let r = responsibilities[self.k];
            let coefficient = match self.kind {
                Kind::Missing => r * (1.0 - r),
                Kind::Observed => r * r,
                Kind::Apart => r * responsibilities[self.l],
            };
            if coefficient > NEGLIGIBLE {
                let of = |component: usize, range: &Range<usize>| {
                    let start = component * batch.width;
                    &scores[start + range.start..start + range.end]
                };
                self.left.extend(of(self.k, &self.rows).iter().map(|g| coefficient * g));
                self.right.extend_from_slice(of(self.l, &self.columns));
            }
        }
        let n = self.left.len() / self.rows.len();
        if n > 0 {
            let left = DMatrixView::from_slice(&self.left, self.rows.len(), n);
            let (n, columns) = (Dyn(n), Dyn(self.columns.len()));
            let right = DMatrixView::<f64, Dyn, Dyn>::from_slice_with_strides_generic(
                &self.right,
                n,
                columns,
                Dyn(self.columns.len()),
                Dyn(1),
            );
            self.sums.gemm(1.0, &left, &right, 1.0);
        }
    }

    /// Adds the tile and its mirror image, multiplied with a factor, at their places.
    fn add_to(&self, layout: Layout, factor: f64, out: &mut DMatrix<f64>) {
        for (column, b) in self.columns.clone().enumerate() {
            let Some(to) = layout.place(self.l, b) else { continue };
            for (row, a) in self.rows.clone().enumerate() {
                let above = self.k == self.l && a < b;
                let Some(from) = layout.place(self.k, a).filter(|_| !above) else { continue };
                let value = factor * self.sums[(row, column)];
                out[(from, to)] += value;
                // Where components share a coordinate both images fall on its diagonal.
                if self.k != self.l || a != b {
                    out[(to, from)] += value;
                }
            }
        }
    }
}
