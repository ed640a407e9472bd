//! The hot loop: one block of rows through log densities, the rule, and the sums that statistics are made of.
//!
//! A block holds up to [`BLOCK`] rows, packed into columns: the row index is the SIMD lane. Four steps, each a
//! function or a few below, in the order in which they run:
//!
//! 1. `pack`: rows to columns, padded to whole vectors with copies of the last row.
//! 2. `ln_joint_*`: per component k and row, `q = c_k - |T_k (x - mu_k)|^2`, to the base 2 (or 4, see [`Parameters`]).
//!    Differences are centred per component: the form that keeps all digits whatever the distance of a component from
//!    the origin.
//! 3. `weigh`: one exponential per component and row, their sum, and what the rule makes of them.
//! 4. `sums_*`: per component, sums of w, w (x - c), w (x - c)(x - c)' about a centre c.
//!
//! The code is written once, on the vectors of [`Simd`], and compiled for each instruction set. What is summed per
//! lane does not depend on how many vectors the registers hold.

use crate::instruction_set::InstructionSet;
use crate::parameters::{Parameters, SMALL};
use crate::planted::{Defect, is_planted};
use crate::simd::{LANES, Labels, Lanes, NO_LABEL, Simd, Work};
use crate::sums::Sums;
use crate::uniforms::Uniforms;
use crate::{Shape, triangle};

/// Rows in a block. Fixed, so that results do not depend on anything else.
pub(crate) const BLOCK: usize = 512;

/// Vectors in a full block.
const VECTORS: usize = BLOCK / LANES;

/// Vectors between the starts of two columns: not a power of two, so that columns do not share cache sets; with room
/// for the padding of the last group.
pub(crate) const STRIDE: usize = VECTORS + 1;

/// What turns log densities into weights of the rows.
pub(crate) enum BlockRule<'a> {
    /// The weights are the responsibilities.
    Responsibilities,
    /// The weights are the responsibilities times a number of each row (n).
    Weighted { weights: &'a [f64] },
    /// One component per row has weight 1, drawn by inverting its running sums at a uniform number in [0, 1).
    Draw { uniforms: &'a mut Uniforms, labels: &'a mut [u16] },
    /// One component per row has weight 1: the most probable.
    Classify { labels: &'a mut [u16] },
}

impl BlockRule<'_> {
    fn gives_responsibilities(&self) -> bool {
        matches!(self, Self::Responsibilities | Self::Weighted { .. })
    }
}

/// Working memory for one block.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// d columns of rows, and one of ones.
    x: Vec<Lanes>,
    /// For each vector of rows K log joint densities, then exponentials; an odd number of vectors apart.
    q: Vec<Lanes>,
    /// For each vector of rows the sum of exponentials, its inverse or the root of that.
    totals: Vec<Lanes>,
    /// The component of each row.
    labels: Vec<Labels>,
    /// The responsibilities of one component, or their roots.
    w: Vec<Lanes>,
    /// d + 1 columns of differences to a centre and ones, scaled by the roots of weights.
    z: Vec<Lanes>,
    /// The rows of the block sorted by label, and where each label starts.
    order: Vec<u16>,
    starts: Vec<usize>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            x: Vec::new(),
            q: Vec::new(),
            totals: Vec::new(),
            labels: Vec::new(),
            w: Vec::new(),
            z: Vec::new(),
            order: Vec::new(),
            starts: Vec::new(),
        }
    }

    pub(crate) fn reserve(&mut self, k: usize, d: usize) {
        for (lanes, length) in [
            (&mut self.x, (d + 1) * STRIDE),
            (&mut self.q, (k | 1) * STRIDE),
            (&mut self.totals, STRIDE),
            (&mut self.w, STRIDE),
            (&mut self.z, (d + 1) * STRIDE),
        ] {
            lanes.resize(length, Lanes::ZERO);
        }
        self.x[d * STRIDE..].fill(Lanes([1.0; LANES]));
        self.labels.resize(STRIDE, [NO_LABEL; LANES]);
        self.order.resize(BLOCK, 0);
        self.starts.resize(k + 2, 0);
    }
}

/// One block of at most [`BLOCK`] rows (row after row, d columns), whose sums are added about `centres` (K x d).
pub(crate) struct Block<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) centres: &'a [f64],
    pub(crate) rows: &'a [f64],
    /// The rows of the block to come, fetched into the cache meanwhile.
    pub(crate) next: &'a [f64],
    pub(crate) rule: BlockRule<'a>,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) sums: &'a mut Sums,
}

impl Block<'_> {
    /// Each kind of block is a function of its own for each instruction set.
    pub(crate) fn run_on(self, set: InstructionSet) {
        match (self.parameters.shape(), self.parameters.d()) {
            (Shape::Full, 1) => set.run(Small::<1>(self)),
            (Shape::Full, 2) => set.run(Small::<2>(self)),
            (Shape::Full, 3) => set.run(Small::<3>(self)),
            (Shape::Full, SMALL) => set.run(Small::<SMALL>(self)),
            (Shape::Full, _) => set.run(Full(self)),
            (Shape::Diagonal, _) => set.run(Axes::<false>(self)),
            (Shape::Isotropic, _) => set.run(Axes::<true>(self)),
        }
    }

    /// Number of rows, and of vectors of them.
    #[inline(always)]
    fn size(&self) -> (usize, usize) {
        let n = self.rows.len() / self.parameters.d();
        (n, n.div_ceil(LANES))
    }
}

/// A block of full covariances in D <= 4 dimensions.
struct Small<'a, const D: usize>(Block<'a>);

impl<const D: usize> Work for Small<'_, D> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        small::<S, D>(s, self.0);
    }
}

/// A block of full covariances in more dimensions.
struct Full<'a>(Block<'a>);

impl Work for Full<'_> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        full::<S, G, T>(s, self.0);
    }
}

/// A block of diagonal covariances, or isotropic ones with ONE.
struct Axes<'a, const ONE: bool>(Block<'a>);

impl<const ONE: bool> Work for Axes<'_, ONE> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        axes::<S, G, ONE>(s, self.0);
    }
}

/// A block of full covariances in d = D <= 4: rows stay in registers while the components pass.
#[inline(always)]
fn small<S: Simd, const D: usize>(s: S, block: Block<'_>) {
    let (n, vectors) = block.size();
    let Block { parameters: p, centres, rows, next, rule, scratch, sums } = block;
    let responsibilities = rule.gives_responsibilities();
    pack_small::<D>(rows, n, &mut scratch.x);
    ln_joint_small::<S, D>(s, p, (&scratch.x, next), vectors, &mut scratch.q);
    weigh::<S, false>(s, p.k(), n, rule, scratch, sums);
    let Scratch { x, q, totals, labels, .. } = scratch;
    let (inverses, labels) = (&totals[..vectors], &labels[..vectors]);
    let mut columns: [&[Lanes]; D] = [&[]; D];
    for j in 0..D {
        columns[j] = &x[j * STRIDE..][..vectors];
    }
    for (k, centre) in centres.chunks_exact(D).enumerate() {
        let totals = match responsibilities {
            true => SmallSums::<S, D>::of_weight(s, centre, columns, (&q[k..], p.k() | 1), inverses),
            false => SmallSums::<S, D>::of_label(s, centre, columns, labels, k as u16),
        };
        totals.add_to(s, sums.moments_mut(k));
    }
}

/// A block of full covariances in more dimensions.
#[inline(always)]
fn full<S: Simd, const G: usize, const T: usize>(s: S, block: Block<'_>) {
    let (n, vectors) = block.size();
    let Block { parameters: p, centres, rows, next, rule, scratch, sums } = block;
    let responsibilities = rule.gives_responsibilities();
    pack(s, rows, p.d(), n, &mut scratch.x);
    ln_joint_full::<S, G>(s, p, (&scratch.x, next), vectors, &mut scratch.q);
    weigh::<S, true>(s, p.k(), n, rule, scratch, sums);
    if responsibilities {
        sums_of_weights::<S, T>(s, p, centres, vectors, scratch, sums);
    } else {
        sums_of_members::<S, T>(s, p, centres, (rows, n), scratch, sums);
    }
}

/// A block of diagonal or isotropic covariances.
#[inline(always)]
fn axes<S: Simd, const G: usize, const ONE: bool>(s: S, block: Block<'_>) {
    let (n, vectors) = block.size();
    let Block { parameters: p, centres, rows, next, rule, scratch, sums } = block;
    let responsibilities = rule.gives_responsibilities();
    pack(s, rows, p.d(), n, &mut scratch.x);
    ln_joint_axes::<S, G, ONE>(s, p, (&scratch.x, next), vectors, &mut scratch.q);
    weigh::<S, false>(s, p.k(), n, rule, scratch, sums);
    let Scratch { x, q, totals, labels, w, .. } = scratch;
    let (w, inverses, labels) = (&mut w[..vectors], &totals[..vectors], &labels[..vectors]);
    for (k, centre) in centres.chunks_exact(p.d()).enumerate() {
        let moments = sums.moments_mut(k);
        let last = moments.len() - 1;
        if responsibilities {
            let mut weight = s.splat(0.0);
            for ((w, inverse), q) in w.iter_mut().zip(inverses).zip(q[k..].iter().step_by(p.k() | 1)) {
                let responsibility = s.mul(s.load(q), s.load(inverse));
                weight = s.add(weight, responsibility);
                s.store(responsibility, w);
            }
            moments[last] += s.total(weight);
            sums_of_axes::<S, ONE>(
                s,
                (x, vectors),
                centre,
                moments,
                #[inline(always)]
                |v, z, (sum, squares)| {
                    let wz = s.mul(s.load(&w[v]), z);
                    (s.add(sum, wz), s.mul_add(wz, z, squares))
                },
            );
        } else {
            let label = k as u16;
            let count = labels.iter().flatten().filter(|l| **l == label).count();
            moments[last] += count as f64;
            sums_of_axes::<S, ONE>(
                s,
                (x, vectors),
                centre,
                moments,
                #[inline(always)]
                |v, z, (sum, squares)| {
                    let members = s.members(&labels[v], label);
                    (s.add_where(members, sum, z), s.mul_add_where(members, z, z, squares))
                },
            );
        }
    }
}

/// Rows to columns in d = D <= 4.
#[inline(always)]
fn pack_small<const D: usize>(rows: &[f64], n: usize, x: &mut [Lanes]) {
    for (v, chunk) in rows.chunks_exact(LANES * D).enumerate() {
        for j in 0..D {
            let lanes = &mut x[j * STRIDE + v].0;
            for l in 0..LANES {
                lanes[l] = chunk[l * D + j];
            }
        }
    }
    pad(rows, D, n, x);
}

/// Rows to columns.
#[inline(always)]
pub(crate) fn pack<S: Simd>(s: S, rows: &[f64], d: usize, n: usize, x: &mut [Lanes]) {
    for (v, rows) in rows.chunks_exact(LANES * d).enumerate() {
        columns(
            s,
            d,
            #[inline(always)]
            |l| &rows[l * d..][..d],
            #[inline(always)]
            |j, column| s.store(column, &mut x[j * STRIDE + v]),
        );
    }
    pad(rows, d, n, x);
}

/// Fills vectors up to the next multiple of four with the rows past the last whole vector and copies of the last row.
#[inline(always)]
fn pad(rows: &[f64], d: usize, n: usize, x: &mut [Lanes]) {
    let (whole, padded) = (n / LANES, n.div_ceil(LANES).next_multiple_of(4));
    for r in whole * LANES..padded * LANES {
        let row = &rows[r.min(n - 1) * d..][..d];
        for (j, value) in row.iter().enumerate() {
            x[j * STRIDE + r / LANES].0[r % LANES] = *value;
        }
    }
}

/// Fetches cache lines of the rows to come, counted in vectors from their start.
#[inline(always)]
fn prefetch<S: Simd>(s: S, rows: &[f64], start: usize, count: usize) {
    for line in start..start + count {
        if let Some(first) = rows.get(line * LANES) {
            s.prefetch(first);
        }
    }
}

/// Hands out the columns of eight rows of length d, in squares of eight by eight; some twice where d is no multiple.
#[inline(always)]
fn columns<'a, S: Simd>(s: S, d: usize, row: impl Fn(usize) -> &'a [f64], mut column: impl FnMut(usize, S::V)) {
    let mut square = [s.splat(0.0); LANES];
    if d < LANES {
        for (l, part) in square.iter_mut().enumerate() {
            *part = s.load_part(row(l));
        }
        s.transpose(square).into_iter().enumerate().take(d).for_each(
            #[inline(always)]
            |(c, part)| column(c, part),
        );
        return;
    }
    for j in (0..d).step_by(LANES) {
        let j = j.min(d - LANES);
        for (l, part) in square.iter_mut().enumerate() {
            *part = s.load_part(&row(l)[j..j + LANES]);
        }
        for (c, part) in s.transpose(square).into_iter().enumerate() {
            column(j + c, part);
        }
    }
}

#[inline(always)]
pub(crate) fn ln_joint_small<S: Simd, const D: usize>(
    s: S,
    p: &Parameters,
    (x, next): (&[Lanes], &[f64]),
    vectors: usize,
    q: &mut [Lanes],
) {
    for (v, q) in q.chunks_exact_mut(p.k() | 1).take(vectors).enumerate() {
        prefetch(s, next, v * D, D);
        let x: [S::V; D] = std::array::from_fn(
            #[inline(always)]
            |j| s.load(&x[j * STRIDE + v]),
        );
        for (((factor, mean), constant), q) in p.components().zip(q) {
            let mut z = x;
            for j in 0..D {
                z[j] = s.sub(x[j], s.splat(mean[j]));
            }
            let mut density = s.splat(*constant);
            for i in 0..D {
                let mut y = s.mul(s.splat(factor[triangle::row(i)]), z[0]);
                for j in 1..=i {
                    y = s.mul_add(s.splat(factor[triangle::row(i) + j]), z[j], y);
                }
                density = s.mul_sub(y, y, density);
            }
            s.store(density, q);
        }
    }
}

/// Full covariances in any dimension: panels of four rows of the factor against G vectors of rows. Differences are
/// taken anew in each panel: a subtraction costs less than a store.
#[inline(always)]
pub(crate) fn ln_joint_full<S: Simd, const G: usize>(
    s: S,
    p: &Parameters,
    (x, next): (&[Lanes], &[f64]),
    vectors: usize,
    q: &mut [Lanes],
) {
    let (d, stride) = (p.d(), p.k() | 1);
    for v in (0..vectors).step_by(G) {
        prefetch(s, next, v * d, G * d);
        for (k, ((factor, mean), constant)) in p.components().enumerate() {
            let mut density = [s.splat(*constant); G];
            let mut i = 0;
            while i + 4 <= d {
                panel::<S, G, 4>(s, factor, mean, (&x[v..], i), &mut density);
                i += 4;
            }
            match d - i {
                3 => panel::<S, G, 3>(s, factor, mean, (&x[v..], i), &mut density),
                2 => panel::<S, G, 2>(s, factor, mean, (&x[v..], i), &mut density),
                1 => panel::<S, G, 1>(s, factor, mean, (&x[v..], i), &mut density),
                _ => {}
            }
            for g in 0..G {
                s.store(density[g], &mut q[(v + g) * stride + k]);
            }
        }
    }
}

/// Takes the squares of entries i to i + R of `factor (x - mean)` off, for G vectors of rows.
#[inline(always)]
fn panel<S: Simd, const G: usize, const R: usize>(
    s: S,
    factor: &[f64],
    mean: &[f64],
    (x, i): (&[Lanes], usize),
    density: &mut [S::V; G],
) {
    let mut rows: [&[f64]; R] = [&[]; R];
    for r in 0..R {
        rows[r] = &factor[triangle::row(i + r)..][..i + r + 1];
    }
    let mut y = [[s.splat(0.0); G]; R];
    for (j, m) in mean[..i].iter().enumerate() {
        let z = difference::<S, G>(s, x, j, *m);
        for r in 0..R {
            let t = s.splat(rows[r][j]);
            for g in 0..G {
                y[r][g] = s.mul_add(t, z[g], y[r][g]);
            }
        }
    }
    for c in 0..R {
        let z = difference::<S, G>(s, x, i + c, mean[i + c]);
        for r in c..R {
            let t = s.splat(rows[r][i + c]);
            for g in 0..G {
                y[r][g] = s.mul_add(t, z[g], y[r][g]);
            }
        }
    }
    for r in 0..R {
        for g in 0..G {
            density[g] = s.mul_sub(y[r][g], y[r][g], density[g]);
        }
    }
}

/// Column j of G vectors of rows minus a mean.
#[inline(always)]
fn difference<S: Simd, const G: usize>(s: S, x: &[Lanes], j: usize, mean: f64) -> [S::V; G] {
    let (x, m) = (&x[j * STRIDE..][..G], s.splat(mean));
    let mut z = [m; G];
    for g in 0..G {
        z[g] = s.sub(s.load(&x[g]), m);
    }
    z
}

/// Diagonal covariances, with one factor per axis, or isotropic ones with ONE for all: there it waits until the end.
#[inline(always)]
pub(crate) fn ln_joint_axes<S: Simd, const G: usize, const ONE: bool>(
    s: S,
    p: &Parameters,
    (x, next): (&[Lanes], &[f64]),
    vectors: usize,
    q: &mut [Lanes],
) {
    let stride = p.k() | 1;
    for v in (0..vectors).step_by(G) {
        prefetch(s, next, v * p.d(), G * p.d());
        for (k, ((factor, mean), constant)) in p.components().enumerate() {
            let constant = s.splat(*constant);
            let mut density = [if ONE { s.splat(0.0) } else { constant }; G];
            for (j, m) in mean.iter().enumerate() {
                let z = difference::<S, G>(s, &x[v..], j, *m);
                for g in 0..G {
                    let y = if ONE { z[g] } else { s.mul(s.splat(factor[j]), z[g]) };
                    density[g] = s.mul_sub(y, y, density[g]);
                }
            }
            let factor = s.splat(factor[0]);
            for g in 0..G {
                // The square of the factor may be too large for a double.
                let density = match ONE {
                    true => s.mul_add(s.mul(factor, density[g]), factor, constant),
                    false => density[g],
                };
                s.store(density, &mut q[(v + g) * stride + k]);
            }
        }
    }
}

/// Exponentiates once, adds the log-likelihood and does what the rule says: for responsibilities the exponentials replace
/// q, and `totals` gets the inverse of their sum; otherwise `labels` gets the components. With ROOTS the exponentials
/// are roots of densities, and what stays of them and of the inverse is the root.
#[inline(always)]
fn weigh<S: Simd, const ROOTS: bool>(
    s: S,
    k: usize,
    n: usize,
    rule: BlockRule<'_>,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    let vectors = n.div_ceil(LANES);
    let q = &mut scratch.q[..vectors * (k | 1)];
    let (totals, labels) = (&mut scratch.totals[..vectors], &mut scratch.labels[..vectors]);
    let past = n - (vectors - 1) * LANES;
    match rule {
        BlockRule::Responsibilities | BlockRule::Weighted { .. } => {
            exponentiate::<S, ROOTS, false>(s, k, n, q, totals, sums);
            if let BlockRule::Weighted { weights } = rule {
                multiply_rows(totals, weights, ROOTS);
            }
            totals[vectors - 1].0[past..].fill(0.0);
        }
        BlockRule::Draw { uniforms, labels: out } => {
            exponentiate::<S, ROOTS, true>(s, k, n, q, totals, sums);
            if is_planted(Defect::LabelsNotNormalised) {
                totals.iter_mut().for_each(|total| total.0.fill(1.0));
            }
            drawn_labels(s, k, q, totals, uniforms, labels);
            out.copy_from_slice(&labels.as_flattened()[..n]);
            labels[vectors - 1][past..].fill(NO_LABEL);
        }
        BlockRule::Classify { labels: out } => {
            labels_of_largest(s, k, q, labels);
            exponentiate::<S, ROOTS, false>(s, k, n, q, totals, sums);
            out.copy_from_slice(&labels.as_flattened()[..n]);
            labels[vectors - 1][past..].fill(NO_LABEL);
        }
    }
}

/// Multiplies the number of each row with its weight or the root of that. Apart, so that sweeps without weights do not carry
/// it.
#[cold]
#[inline(never)]
fn multiply_rows(totals: &mut [Lanes], weights: &[f64], roots: bool) {
    for (total, weights) in totals.iter_mut().zip(weights.chunks(LANES)) {
        total.0.iter_mut().zip(weights).for_each(|(x, w)| *x *= if roots { w.sqrt() } else { *w });
    }
}

/// Replaces each q by `2^(q - largest)`, with RUNNING by their running sums over the components; `totals` gets their
/// sums, without RUNNING the inverses of those or, with ROOTS, the roots of the inverses. Adds the log-likelihood.
#[inline(always)]
fn exponentiate<S: Simd, const ROOTS: bool, const RUNNING: bool>(
    s: S,
    k: usize,
    n: usize,
    q: &mut [Lanes],
    totals: &mut [Lanes],
    sums: &mut Sums,
) {
    /// Sums of at most 2^16 terms of at most 1: a product of 32 stays far below the largest double.
    const FACTORS: usize = 32;
    let (vectors, one) = (totals.len(), s.splat(1.0));
    let (mut sum_of_largest, mut product) = (s.splat(0.0), one);
    for (v, (q, out)) in q.chunks_exact_mut(k | 1).zip(totals).enumerate() {
        let q = &mut q[..k];
        let mut largest = q[1..].iter().fold(s.load(&q[0]), |largest, q| s.max(largest, s.load(q)));
        let mut total = s.splat(0.0);
        exponentials::<S, ROOTS>(
            s,
            q,
            largest,
            #[inline(always)]
            |e, q| {
                total = s.add(total, if ROOTS { s.mul(e, e) } else { e });
                s.store(if RUNNING { total } else { e }, q);
            },
        );
        // The division runs beside the arithmetic of the next rows.
        let inverse = if RUNNING { total } else { s.div(one, total) };
        s.store(if ROOTS && !RUNNING { s.sqrt(inverse) } else { inverse }, out);
        let rows = n - v * LANES;
        if rows < LANES {
            largest = keep(s, largest, rows, 0.0);
            total = keep(s, total, rows, 1.0);
        }
        sum_of_largest = s.add(sum_of_largest, largest);
        product = s.mul(product, total);
        if (v + 1) % FACTORS == 0 || v + 1 == vectors {
            let mut lanes = Lanes::ZERO;
            s.store(product, &mut lanes);
            sums.log2_relative += lanes.0.iter().map(|x| x.log2()).sum::<f64>();
            product = one;
        }
    }
    sums.log2_largest += s.total(sum_of_largest) * if ROOTS { 2.0 } else { 1.0 };
}

/// The first lanes of a vector, the others replaced.
#[inline(always)]
fn keep<S: Simd>(s: S, x: S::V, rows: usize, otherwise: f64) -> S::V {
    let mut lanes = Lanes::ZERO;
    s.store(x, &mut lanes);
    lanes.0[rows..].fill(otherwise);
    s.load(&lanes)
}

/// The component of each row whose running sum is the first above a uniform number times the total.
#[inline(always)]
fn drawn_labels<S: Simd>(
    s: S,
    k: usize,
    running: &[Lanes],
    totals: &[Lanes],
    uniforms: &mut Uniforms,
    labels: &mut [Labels],
) {
    let mut generators = uniforms.clone();
    for ((running, total), labels) in running.chunks_exact(k | 1).zip(totals).zip(labels) {
        let threshold = s.mul(s.load(total), generators.next(s));
        let mut below = s.no_count();
        for running in &running[..k - 1] {
            below = s.count_where(s.at_most(s.load(running), threshold), below);
        }
        *labels = s.to_labels(below);
    }
    *uniforms = generators;
}

/// The first component of each row that attains the largest q.
#[inline(always)]
fn labels_of_largest<S: Simd>(s: S, k: usize, q: &[Lanes], labels: &mut [Labels]) {
    for (q, labels) in q.chunks_exact(k | 1).zip(labels) {
        let largest = q[1..k].iter().fold(s.load(&q[0]), |largest, q| s.max(largest, s.load(q)));
        let (mut running, mut from) = (s.splat(f64::NEG_INFINITY), s.no_count());
        for q in &q[..k - 1] {
            running = s.max(running, s.load(q));
            from = s.count_where(s.at_most(largest, running), from);
        }
        *labels = s.to_labels(from).map(|from| (k - 1) as u16 - from);
    }
}

/// `2^(q - largest)` of each q in turn, as many at once as keep the multiply-adds busy.
#[inline(always)]
pub(crate) fn exponentials<S: Simd, const ROOTS: bool>(
    s: S,
    q: &mut [Lanes],
    largest: S::V,
    mut then: impl FnMut(S::V, &mut Lanes),
) {
    for q in q.chunks_mut(S::CHAINS) {
        match q.len() {
            4 => some_exponentials::<S, 4, ROOTS>(s, q, largest, &mut then),
            3 => some_exponentials::<S, 3, ROOTS>(s, q, largest, &mut then),
            2 => some_exponentials::<S, 2, ROOTS>(s, q, largest, &mut then),
            _ => some_exponentials::<S, 1, ROOTS>(s, q, largest, &mut then),
        }
    }
}

#[inline(always)]
fn some_exponentials<S: Simd, const C: usize, const ROOTS: bool>(
    s: S,
    q: &mut [Lanes],
    largest: S::V,
    then: &mut impl FnMut(S::V, &mut Lanes),
) {
    /// A density, or the square of its root, is a normal number or 0.
    const LIMITS: [f64; 2] = [-1021.0, -510.0];
    let mut exponents = [largest; C];
    for i in 0..C {
        exponents[i] = s.sub(s.load(&q[i]), largest);
    }
    let exponentials = s.exp2(exponents, LIMITS[usize::from(ROOTS)]);
    for i in 0..C {
        then(exponentials[i], &mut q[i]);
    }
}

/// Sums of one component in d = D <= 4, all in registers.
struct SmallSums<S: Simd, const D: usize> {
    weight: S::V,
    first: [S::V; D],
    second: [[S::V; D]; D],
}

impl<S: Simd, const D: usize> SmallSums<S, D> {
    #[inline(always)]
    fn new(s: S) -> Self {
        let zero = s.splat(0.0);
        Self { weight: zero, first: [zero; D], second: [[zero; D]; D] }
    }

    /// Sums under responsibilities: exponentials, `stride` apart, times the inverses of their sums.
    #[inline(always)]
    fn of_weight(s: S, centre: &[f64], x: [&[Lanes]; D], (q, stride): (&[Lanes], usize), inverses: &[Lanes]) -> Self {
        let mut sums = Self::new(s);
        for (v, inverse) in inverses.iter().enumerate() {
            let w = s.mul(s.load(&q[v * stride]), s.load(inverse));
            sums.weight = s.add(sums.weight, w);
            let mut z = [w; D];
            for i in 0..D {
                z[i] = s.sub(s.load(&x[i][v]), s.splat(centre[i]));
                let wz = s.mul(w, z[i]);
                sums.first[i] = s.add(sums.first[i], wz);
                for j in 0..=i {
                    sums.second[i][j] = s.mul_add(wz, z[j], sums.second[i][j]);
                }
            }
        }
        sums
    }

    /// Sums of the rows with a label.
    #[inline(always)]
    fn of_label(s: S, centre: &[f64], x: [&[Lanes]; D], labels: &[Labels], label: u16) -> Self {
        let (mut sums, mut count) = (Self::new(s), s.no_count());
        for (v, labels) in labels.iter().enumerate() {
            let members = s.members(labels, label);
            count = s.count_where(members, count);
            let mut z = sums.first;
            for i in 0..D {
                z[i] = s.sub(s.load(&x[i][v]), s.splat(centre[i]));
                sums.first[i] = s.add_where(members, sums.first[i], z[i]);
                for j in 0..=i {
                    sums.second[i][j] = s.mul_add_where(members, z[i], z[j], sums.second[i][j]);
                }
            }
        }
        sums.weight = s.load(&Lanes(s.to_labels(count).map(f64::from)));
        sums
    }

    /// Adds the lanes up, into second moments, first moments and weight.
    #[inline(always)]
    fn add_to(&self, s: S, moments: &mut [f64]) {
        let (second, rest) = moments.split_at_mut(triangle::row(D));
        for i in 0..D {
            for j in 0..=i {
                second[triangle::row(i) + j] += s.total(self.second[i][j]);
            }
            rest[i] += s.total(self.first[i]);
        }
        rest[D] += s.total(self.weight);
    }
}

/// First and second moments per axis (with ONE, second ones of all axes together), four axes at once. `add` adds the
/// differences of vector v of the rows to both.
#[inline(always)]
fn sums_of_axes<S: Simd, const ONE: bool>(
    s: S,
    (x, vectors): (&[Lanes], usize),
    centre: &[f64],
    moments: &mut [f64],
    add: impl Fn(usize, S::V, (S::V, S::V)) -> (S::V, S::V),
) {
    let (second, first) = moments.split_at_mut(if ONE { 1 } else { centre.len() });
    let mut j = 0;
    while j < centre.len() {
        let (x, c, first) = (&x[j * STRIDE..], &centre[j..], &mut first[j..]);
        let second = if ONE { &mut second[..] } else { &mut second[j..] };
        j += match centre.len() - j {
            1 => some_axes::<S, 1, ONE>(s, (x, vectors), c, (first, second), &add),
            2 => some_axes::<S, 2, ONE>(s, (x, vectors), c, (first, second), &add),
            3 => some_axes::<S, 3, ONE>(s, (x, vectors), c, (first, second), &add),
            _ => some_axes::<S, 4, ONE>(s, (x, vectors), c, (first, second), &add),
        };
    }
}

/// The first A axes; A.
#[inline(always)]
fn some_axes<S: Simd, const A: usize, const ONE: bool>(
    s: S,
    (x, vectors): (&[Lanes], usize),
    centre: &[f64],
    (first, second): (&mut [f64], &mut [f64]),
    add: &impl Fn(usize, S::V, (S::V, S::V)) -> (S::V, S::V),
) -> usize {
    let mut columns: [&[Lanes]; A] = [&[]; A];
    for a in 0..A {
        columns[a] = &x[a * STRIDE..][..vectors];
    }
    let mut sums = [(s.splat(0.0), s.splat(0.0)); A];
    for v in 0..vectors {
        for a in 0..A {
            sums[a] = add(v, s.sub(s.load(&columns[a][v]), s.splat(centre[a])), sums[a]);
        }
    }
    for a in 0..A {
        first[a] += s.total(sums[a].0);
        second[if ONE { 0 } else { a }] += s.total(sums[a].1);
    }
    A
}

/// Sums under responsibilities, component after component: differences and ones, scaled by the root of the
/// responsibility, serve both sides of the products.
#[inline(always)]
fn sums_of_weights<S: Simd, const T: usize>(
    s: S,
    p: &Parameters,
    centres: &[f64],
    vectors: usize,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    let (d, stride) = (p.d(), p.k() | 1);
    let Scratch { x, q, totals, w, z, .. } = scratch;
    let roots = &mut w[..vectors];
    for (k, centre) in centres.chunks_exact(d).enumerate() {
        for ((root, inverse), q) in roots.iter_mut().zip(&*totals).zip(q[k..].iter().step_by(stride)) {
            s.store(s.mul(s.load(q), s.load(inverse)), root);
        }
        let source = Source { x, centre, roots };
        products::<S, T, true>(s, d + 1, vectors, source, z, sums.moments_mut(k));
    }
}

/// Sums under labels: the rows of each component are gathered, so that each counts once.
#[inline(always)]
fn sums_of_members<S: Simd, const T: usize>(
    s: S,
    p: &Parameters,
    centres: &[f64],
    (rows, n): (&[f64], usize),
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    let d = p.d();
    let Scratch { labels, z, order, starts, .. } = scratch;
    sort_by_label(p.k(), n, labels, order, starts);
    for (k, centre) in centres.chunks_exact(d).enumerate() {
        let members = &order[starts[k]..starts[k + 1]];
        gather(s, rows, d, members, centre, z);
        let source = Source { x: &[], centre: &[], roots: &[] };
        products::<S, T, false>(s, d + 1, members.len().div_ceil(LANES), source, z, sums.moments_mut(k));
    }
}

/// Sorts the rows of a block by label; component k has `order[starts[k]..starts[k + 1]]`.
#[inline(always)]
fn sort_by_label(k: usize, n: usize, labels: &[Labels], order: &mut [u16], starts: &mut [usize]) {
    let labels = &labels.as_flattened()[..n];
    starts.fill(0);
    // Counts two places ahead become ends one place ahead, which turn into starts as rows are put in place.
    labels.iter().for_each(|label| starts[usize::from(*label) + 2] += 1);
    for k in 0..k {
        starts[k + 2] += starts[k + 1];
    }
    for (r, label) in labels.iter().enumerate() {
        let next = &mut starts[usize::from(*label) + 1];
        order[*next] = r as u16;
        *next += 1;
    }
}

/// Fills z with the differences of some rows of a block to a centre and with ones; zeros up to the next whole vector.
#[inline(always)]
fn gather<S: Simd>(s: S, rows: &[f64], d: usize, members: &[u16], centre: &[f64], z: &mut [Lanes]) {
    for (v, members) in members.chunks(LANES).enumerate() {
        // The centre stands in for rows past the last: its difference to itself is zero.
        let row = |l: usize| members.get(l).map_or(centre, |&r| &rows[usize::from(r) * d..][..d]);
        columns(
            s,
            d,
            row,
            #[inline(always)]
            |j, column| s.store(s.sub(column, s.splat(centre[j])), &mut z[j * STRIDE + v]),
        );
        let ones = &mut z[d * STRIDE + v].0;
        *ones = [1.0; LANES];
        ones[members.len()..].fill(0.0);
    }
}

/// What columns of z are made of: `root (x - centre)`, the last from ones.
#[derive(Clone, Copy)]
struct Source<'a> {
    x: &'a [Lanes],
    centre: &'a [f64],
    roots: &'a [Lanes],
}

/// Adds `sum z_i z_j` for j <= i over some columns: a symmetric rank update in tiles of T x T, smaller ones at the end.
/// With MAKE the tiles on the diagonal, where a column is needed first, make it from the source: stores cost nothing
/// between the products.
#[inline(always)]
fn products<S: Simd, const T: usize, const MAKE: bool>(
    s: S,
    columns: usize,
    vectors: usize,
    source: Source<'_>,
    z: &mut [Lanes],
    sums: &mut [f64],
) {
    let whole = columns - columns % T;
    for i in (0..whole).step_by(T) {
        diagonal_tile::<S, T, MAKE>(s, vectors, source, z, i, sums);
        for j in (0..i).step_by(T) {
            tile::<S, T, T>(s, vectors, z, (i, j), sums);
        }
    }
    match columns - whole {
        1 => last_rows::<S, 1, T, MAKE>(s, vectors, source, z, whole, sums),
        2 => last_rows::<S, 2, T, MAKE>(s, vectors, source, z, whole, sums),
        3 => last_rows::<S, 3, T, MAKE>(s, vectors, source, z, whole, sums),
        _ => {}
    }
}

/// The R < T rows from `whole` on, below the last whole tile.
#[inline(always)]
fn last_rows<S: Simd, const R: usize, const T: usize, const MAKE: bool>(
    s: S,
    vectors: usize,
    source: Source<'_>,
    z: &mut [Lanes],
    whole: usize,
    sums: &mut [f64],
) {
    diagonal_tile::<S, R, MAKE>(s, vectors, source, z, whole, sums);
    for j in (0..whole).step_by(T) {
        tile::<S, R, T>(s, vectors, z, (whole, j), sums);
    }
}

/// Products of columns i to i + R of z with each other, where the second does not pass the first.
#[inline(always)]
fn diagonal_tile<S: Simd, const R: usize, const MAKE: bool>(
    s: S,
    vectors: usize,
    source: Source<'_>,
    z: &mut [Lanes],
    i: usize,
    sums: &mut [f64],
) {
    let Source { x, centre, roots } = source;
    let mut columns: [&mut [Lanes]; R] = std::array::from_fn(|_| &mut [][..]);
    for (column, z) in columns.iter_mut().zip(z[i * STRIDE..].chunks_exact_mut(STRIDE)) {
        *column = &mut z[..vectors];
    }
    let (mut from, mut c): ([&[Lanes]; R], _) = ([&[]; R], [s.splat(0.0); R]);
    if MAKE {
        for r in 0..R {
            from[r] = &x[(i + r) * STRIDE..][..vectors];
            c[r] = s.splat(centre.get(i + r).copied().unwrap_or(0.0));
        }
    }
    let mut products = [[s.splat(0.0); R]; R];
    for v in 0..vectors {
        let mut row = [s.splat(0.0); R];
        for r in 0..R {
            if MAKE {
                row[r] = s.mul(s.load(&roots[v]), s.sub(s.load(&from[r][v]), c[r]));
                s.store(row[r], &mut columns[r][v]);
            } else {
                row[r] = s.load(&columns[r][v]);
            }
        }
        for r in 0..R {
            for c in 0..=r {
                products[r][c] = s.mul_add(row[r], row[c], products[r][c]);
            }
        }
    }
    for r in 0..R {
        for c in 0..=r {
            sums[triangle::row(i + r) + i + c] += s.total(products[r][c]);
        }
    }
}

/// Products of columns i to i + R of z with columns j to j + C.
#[inline(always)]
fn tile<S: Simd, const R: usize, const C: usize>(
    s: S,
    vectors: usize,
    z: &[Lanes],
    (i, j): (usize, usize),
    sums: &mut [f64],
) {
    let mut left: [&[Lanes]; R] = [&[]; R];
    for r in 0..R {
        left[r] = &z[(i + r) * STRIDE..][..vectors];
    }
    let mut right: [&[Lanes]; C] = [&[]; C];
    for c in 0..C {
        right[c] = &z[(j + c) * STRIDE..][..vectors];
    }
    let mut products = [[s.splat(0.0); C]; R];
    for v in 0..vectors {
        let mut b = [s.splat(0.0); C];
        for c in 0..C {
            b[c] = s.load(&right[c][v]);
        }
        for r in 0..R {
            let a = s.load(&left[r][v]);
            for c in 0..C {
                products[r][c] = s.mul_add(a, b[c], products[r][c]);
            }
        }
    }
    for r in 0..R {
        for c in 0..C {
            sums[triangle::row(i + r) + j + c] += s.total(products[r][c]);
        }
    }
}
