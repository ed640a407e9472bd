//! The hot loop: one block of rows through log densities, the rule, and the sums that statistics are made of.
//!
//! A block holds up to [`BLOCK`] rows, packed into columns: the row index is the SIMD lane. Four steps, each a
//! function or a few below, in the order in which they run:
//!
//! 1. `pack`: rows to columns, padded to whole vectors with copies of the last row.
//! 2. `ln_joint_*`: per component k and row, in base 2, `q = c_k - |T_k (x - mu_k)|^2`, where T_k is the whitening
//!    factor with sqrt(log2(e) / 2) folded in. Differences are centred per component: the form that keeps all
//!    digits whatever the distance of a component from the origin.
//! 3. `weigh`: one exponential per component and row, their sum, and what the rule makes of them.
//! 4. `sums_*`: per component, sums of w, w (x - c), w (x - c)(x - c)' about a centre c.
//!
//! The code is written once, on the vectors of [`Simd`], and compiled for each instruction set. What is summed per
//! lane does not depend on how many vectors the registers hold.

use crate::simd::{LANES, Lanes, Simd, Work};
use crate::uniforms::Uniforms;
use crate::{Mixture, Shape, triangle};

/// Rows in a block. Fixed, so that results do not depend on anything else.
pub(crate) const BLOCK: usize = 512;

/// Vectors in a full block.
const VECTORS: usize = BLOCK / LANES;

/// Vectors between the starts of two columns: not a power of two, so that columns do not share cache sets; with room
/// for the padding of the last group.
const STRIDE: usize = VECTORS + 1;

/// The instruction set that the hot loop runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// x86-64 with AVX-512 F.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// Whatever the compiler may assume everywhere.
    Portable,
}

impl InstructionSet {
    /// All that this machine can run, the best first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(crate::simd::Avx512::detect().map(|_| Self::Avx512));
            sets.extend(crate::simd::Avx2::detect().map(|_| Self::Avx2));
        }
        sets.push(Self::Portable);
        sets
    }

    /// The best that this machine can run.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// The name in results: `avx512`, `avx2`, `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Runs work on this instruction set, or on the portable one where it is not available.
    fn run<W: Work>(self, work: W) {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Avx512 => {
                if let Some(simd) = crate::simd::Avx512::detect() {
                    return simd.run(work);
                }
            }
            Self::Avx2 => {
                if let Some(simd) = crate::simd::Avx2::detect() {
                    return simd.run(work);
                }
            }
            Self::Portable => {}
        }
        crate::simd::Portable.run(work);
    }
}

/// What turns log densities into weights of the rows.
pub(crate) enum BlockRule<'a> {
    /// The weights are the responsibilities.
    Responsibilities,
    /// One component per row has weight 1, drawn by inverting its running sums at a uniform number in [0, 1).
    Draw { uniforms: &'a mut Uniforms, labels: &'a mut [u16] },
    /// One component per row has weight 1: the most probable.
    Classify { labels: &'a mut [u16] },
}

/// The parameters of a mixture as the kernel wants them.
#[derive(Debug)]
pub(crate) struct Parameters {
    shape: Shape,
    k: usize,
    d: usize,
    /// K x d.
    means: Vec<f64>,
    /// K whitening factors times sqrt(log2(e) / 2), packed; a shared one is repeated.
    factors: Vec<f64>,
    /// c_k: the base-2 logarithm of weight and normalising constant.
    constants: Vec<f64>,
}

impl Parameters {
    pub(crate) fn new() -> Self {
        Self { shape: Shape::Full, k: 0, d: 0, means: Vec::new(), factors: Vec::new(), constants: Vec::new() }
    }

    /// Takes over a mixture; allocates only when it is larger than any before.
    pub(crate) fn set(&mut self, mixture: &Mixture) {
        let log2_e = std::f64::consts::LOG2_E;
        let fold = (0.5 * log2_e).sqrt();
        (self.shape, self.k, self.d) = (mixture.shape(), mixture.k(), mixture.d());
        self.means.clear();
        self.means.extend_from_slice(mixture.means());
        self.factors.clear();
        self.constants.clear();
        let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
        for (k, w) in mixture.weights().iter().enumerate() {
            let covariance = mixture.covariance(k);
            self.factors.extend(covariance.whitener().iter().map(|t| fold * t));
            let ln_norm = -0.5 * (self.d as f64 * ln_two_pi + covariance.ln_det());
            self.constants.push(w.log2() + log2_e * ln_norm);
        }
    }

    /// Factor, mean and constant of each component.
    #[inline(always)]
    fn components(&self) -> impl Iterator<Item = ((&[f64], &[f64]), &f64)> {
        let factors = self.factors.chunks_exact(self.shape.n_entries(self.d));
        factors.zip(self.means.chunks_exact(self.d)).zip(&self.constants)
    }
}

/// Sums over rows: per component about a centre, and of the log-likelihood.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    pub(crate) weights: Vec<f64>,
    /// K x d.
    pub(crate) first: Vec<f64>,
    /// K x entries of the shape, packed.
    pub(crate) second: Vec<f64>,
    /// Base 2: the largest log joint density of each row, and the logarithm of the sum relative to it.
    pub(crate) log2_largest: f64,
    pub(crate) log2_relative: f64,
}

impl Sums {
    pub(crate) fn new() -> Self {
        let (weights, first, second) = (Vec::new(), Vec::new(), Vec::new());
        Self { weights, first, second, log2_largest: 0.0, log2_relative: 0.0 }
    }

    pub(crate) fn clear(&mut self, shape: Shape, k: usize, d: usize) {
        for (sums, length) in
            [(&mut self.weights, k), (&mut self.first, k * d), (&mut self.second, k * shape.n_entries(d))]
        {
            sums.clear();
            sums.resize(length, 0.0);
        }
        (self.log2_largest, self.log2_relative) = (0.0, 0.0);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sums, others) in
            [(&mut self.weights, &other.weights), (&mut self.first, &other.first), (&mut self.second, &other.second)]
        {
            sums.iter_mut().zip(others).for_each(|(a, b)| *a += b);
        }
        self.log2_largest += other.log2_largest;
        self.log2_relative += other.log2_relative;
    }
}

/// Working memory for one block.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// d columns of rows.
    x: Vec<Lanes>,
    /// For each vector of rows K log joint densities, then exponentials; an odd number of vectors apart.
    q: Vec<Lanes>,
    /// For each vector of rows: the inverse of the sum of exponentials, or the labels.
    rule: Vec<Lanes>,
    /// The responsibilities of one component.
    w: Vec<Lanes>,
    /// d columns of differences to a centre, scaled by the roots of weights.
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
            rule: Vec::new(),
            w: Vec::new(),
            z: Vec::new(),
            order: Vec::new(),
            starts: Vec::new(),
        }
    }

    pub(crate) fn reserve(&mut self, k: usize, d: usize) {
        for (lanes, length) in [
            (&mut self.x, d * STRIDE),
            (&mut self.q, (k | 1) * STRIDE),
            (&mut self.rule, STRIDE),
            (&mut self.w, STRIDE),
            (&mut self.z, d * STRIDE),
        ] {
            lanes.resize(length, Lanes::ZERO);
        }
        self.order.resize(BLOCK, 0);
        self.starts.resize(k + 2, 0);
    }
}

/// One block of at most [`BLOCK`] rows (row after row, d columns), whose sums are added about `centres` (K x d).
pub(crate) struct Block<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) centres: &'a [f64],
    pub(crate) rows: &'a [f64],
    pub(crate) rule: BlockRule<'a>,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) sums: &'a mut Sums,
}

impl Block<'_> {
    pub(crate) fn run_on(self, set: InstructionSet) {
        set.run(self);
    }
}

impl Work for Block<'_> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        match (self.parameters.shape, self.parameters.d) {
            (Shape::Full, 1) => small::<S, 1>(s, self),
            (Shape::Full, 2) => small::<S, 2>(s, self),
            (Shape::Full, 3) => small::<S, 3>(s, self),
            (Shape::Full, 4) => small::<S, 4>(s, self),
            _ => large::<S, G, T>(s, self),
        }
    }
}

/// A block of full covariances in d = D <= 4: rows stay in registers while the components pass.
#[inline(always)]
fn small<S: Simd, const D: usize>(s: S, block: Block<'_>) {
    let Block { parameters: p, centres, rows, rule, scratch, sums } = block;
    let n = rows.len() / D;
    let vectors = n.div_ceil(LANES);
    pack(rows, D, n, &mut scratch.x);
    ln_joint_small::<S, D>(s, p, &scratch.x, vectors, &mut scratch.q);
    let hot = !matches!(rule, BlockRule::Responsibilities);
    weigh(s, p.k, n, &mut scratch.q, &mut scratch.rule, rule, sums);
    let (q, rule) = (&scratch.q[..], &scratch.rule[..vectors]);
    let mut x: [&[Lanes]; D] = [&[]; D];
    for j in 0..D {
        x[j] = &scratch.x[j * STRIDE..][..vectors];
    }
    for (k, centre) in centres.chunks_exact(D).enumerate() {
        let totals = match hot {
            true => sums_of_label::<S, D>(s, k, centre, x, rule),
            false => sums_of_weight::<S, D>(s, k, p.k | 1, centre, x, q, rule),
        };
        totals.add_to(s, k, sums);
    }
}

/// A block of any other covariances.
#[inline(always)]
fn large<S: Simd, const G: usize, const T: usize>(s: S, block: Block<'_>) {
    let Block { parameters: p, centres, rows, rule, scratch, sums } = block;
    let d = p.d;
    let n = rows.len() / d;
    let vectors = n.div_ceil(LANES);
    pack(rows, d, n, &mut scratch.x);
    match p.shape {
        Shape::Full => ln_joint_full::<S, G>(s, p, &scratch.x, vectors, &mut scratch.q),
        Shape::Diagonal => ln_joint_axes::<S, G, false>(s, p, &scratch.x, vectors, &mut scratch.q),
        Shape::Isotropic => ln_joint_axes::<S, G, true>(s, p, &scratch.x, vectors, &mut scratch.q),
    }
    let hot = !matches!(rule, BlockRule::Responsibilities);
    weigh(s, p.k, n, &mut scratch.q, &mut scratch.rule, rule, sums);
    if hot {
        sums_of_members::<S, T>(s, p, centres, rows, scratch, sums);
    } else {
        sums_of_weights::<S, T>(s, p, centres, vectors, scratch, sums);
    }
}

/// Sums under responsibilities, component after component.
#[inline(always)]
fn sums_of_weights<S: Simd, const T: usize>(
    s: S,
    p: &Parameters,
    centres: &[f64],
    vectors: usize,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    let (d, e, stride) = (p.d, p.shape.n_entries(p.d), p.k | 1);
    let Scratch { x, q, rule, z, w, .. } = scratch;
    for (k, centre) in centres.chunks_exact(d).enumerate() {
        let w = &mut w[..vectors];
        let mut weight = s.splat(0.0);
        for (v, w) in w.iter_mut().enumerate() {
            let responsibility = s.mul(s.load(&q[v * stride + k]), s.load(&rule[v]));
            weight = s.add(weight, responsibility);
            s.store(responsibility, w);
        }
        sums.weights[k] += s.total(weight);
        let (first, second) = (&mut sums.first[k * d..(k + 1) * d], &mut sums.second[k * e..(k + 1) * e]);
        if p.shape == Shape::Full {
            // Rows scaled by the root of their weight serve both sides of the products.
            w.iter_mut().for_each(|w| s.store(s.sqrt(s.load(w)), w));
            for (((x, z), c), first) in x.chunks_exact(STRIDE).zip(z.chunks_exact_mut(STRIDE)).zip(centre).zip(first) {
                let (c, mut sum) = (s.splat(*c), s.splat(0.0));
                for ((x, root), z) in x.iter().zip(&*w).zip(z) {
                    let root = s.load(root);
                    let scaled = s.mul(root, s.sub(s.load(x), c));
                    s.store(scaled, z);
                    sum = s.mul_add(root, scaled, sum);
                }
                *first += s.total(sum);
            }
            second_moments::<S, T>(s, (d, vectors), z, second);
        } else {
            for (j, ((x, c), first)) in x.chunks_exact(STRIDE).zip(centre).zip(first).enumerate() {
                let (c, mut sum, mut squares) = (s.splat(*c), s.splat(0.0), s.splat(0.0));
                for (x, w) in x.iter().zip(&*w) {
                    let z = s.sub(s.load(x), c);
                    let wz = s.mul(s.load(w), z);
                    sum = s.add(sum, wz);
                    squares = s.mul_add(wz, z, squares);
                }
                *first += s.total(sum);
                second[j.min(e - 1)] += s.total(squares);
            }
        }
    }
}

/// Sums under labels: the rows of each component are gathered, so that each counts once.
#[inline(always)]
fn sums_of_members<S: Simd, const T: usize>(
    s: S,
    p: &Parameters,
    centres: &[f64],
    rows: &[f64],
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    let (d, e) = (p.d, p.shape.n_entries(p.d));
    let Scratch { rule, z, order, starts, .. } = scratch;
    sort_by_label(p.k, rows.len() / d, rule, order, starts);
    for (k, centre) in centres.chunks_exact(d).enumerate() {
        let members = &order[starts[k]..starts[k + 1]];
        let vectors = members.len().div_ceil(LANES);
        sums.weights[k] += members.len() as f64;
        gather(rows, d, members, centre, z);
        let (first, second) = (&mut sums.first[k * d..(k + 1) * d], &mut sums.second[k * e..(k + 1) * e]);
        for (first, z) in first.iter_mut().zip(z.chunks_exact(STRIDE)) {
            *first += s.total(z[..vectors].iter().fold(s.splat(0.0), |sum, z| s.add(sum, s.load(z))));
        }
        if p.shape == Shape::Full {
            second_moments::<S, T>(s, (d, vectors), z, second);
        } else {
            for (j, z) in z.chunks_exact(STRIDE).take(d).enumerate() {
                let squares = z[..vectors].iter().fold(s.splat(0.0), |sum, z| s.mul_add(s.load(z), s.load(z), sum));
                second[j.min(e - 1)] += s.total(squares);
            }
        }
    }
}

/// Rows to columns; vectors up to the next multiple of four are filled up with copies of the last row.
#[inline(always)]
fn pack(rows: &[f64], d: usize, n: usize, x: &mut [Lanes]) {
    let whole = n / LANES;
    for (v, chunk) in rows.chunks_exact(LANES * d).enumerate() {
        for j in 0..d {
            let lanes = &mut x[j * STRIDE + v].0;
            for l in 0..LANES {
                lanes[l] = chunk[l * d + j];
            }
        }
    }
    let padded = n.div_ceil(LANES).next_multiple_of(4);
    for r in whole * LANES..padded * LANES {
        let row = &rows[r.min(n - 1) * d..][..d];
        for (j, value) in row.iter().enumerate() {
            x[j * STRIDE + r / LANES].0[r % LANES] = *value;
        }
    }
}

#[inline(always)]
fn ln_joint_small<S: Simd, const D: usize>(s: S, p: &Parameters, x: &[Lanes], vectors: usize, q: &mut [Lanes]) {
    for (v, q) in q.chunks_exact_mut(p.k | 1).take(vectors).enumerate() {
        let x: [S::V; D] = std::array::from_fn(
            #[inline(always)]
            |j| s.load(&x[j * STRIDE + v]),
        );
        for (((factor, mean), constant), q) in p.components().zip(q) {
            let mut z = x;
            for j in 0..D {
                z[j] = s.sub(x[j], s.splat(mean[j]));
            }
            let mut square = s.splat(0.0);
            for i in 0..D {
                let mut y = s.mul(s.splat(factor[triangle::row(i)]), z[0]);
                for j in 1..=i {
                    y = s.mul_add(s.splat(factor[triangle::row(i) + j]), z[j], y);
                }
                square = s.mul_add(y, y, square);
            }
            s.store(s.sub(s.splat(*constant), square), q);
        }
    }
}

/// Full covariances in any dimension: panels of four rows of the factor against G vectors of rows. Differences are
/// taken anew in each panel: a subtraction costs less than a store.
#[inline(always)]
fn ln_joint_full<S: Simd, const G: usize>(s: S, p: &Parameters, x: &[Lanes], vectors: usize, q: &mut [Lanes]) {
    let (d, stride) = (p.d, p.k | 1);
    for v in (0..vectors).step_by(G) {
        for (k, ((factor, mean), constant)) in p.components().enumerate() {
            let mut square = [s.splat(0.0); G];
            let mut i = 0;
            while i + 4 <= d {
                panel::<S, G, 4>(s, factor, mean, (&x[v..], i), &mut square);
                i += 4;
            }
            match d - i {
                3 => panel::<S, G, 3>(s, factor, mean, (&x[v..], i), &mut square),
                2 => panel::<S, G, 2>(s, factor, mean, (&x[v..], i), &mut square),
                1 => panel::<S, G, 1>(s, factor, mean, (&x[v..], i), &mut square),
                _ => {}
            }
            for g in 0..G {
                s.store(s.sub(s.splat(*constant), square[g]), &mut q[(v + g) * stride + k]);
            }
        }
    }
}

/// Adds the squares of entries i to i + R of `factor (x - mean)` for G vectors of rows.
#[inline(always)]
fn panel<S: Simd, const G: usize, const R: usize>(
    s: S,
    factor: &[f64],
    mean: &[f64],
    (x, i): (&[Lanes], usize),
    square: &mut [S::V; G],
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
            square[g] = s.mul_add(y[r][g], y[r][g], square[g]);
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

/// Diagonal and isotropic covariances: one factor per axis, or one for all.
#[inline(always)]
fn ln_joint_axes<S: Simd, const G: usize, const ONE: bool>(
    s: S,
    p: &Parameters,
    x: &[Lanes],
    vectors: usize,
    q: &mut [Lanes],
) {
    let stride = p.k | 1;
    for v in (0..vectors).step_by(G) {
        for (k, ((factor, mean), constant)) in p.components().enumerate() {
            let mut square = [s.splat(0.0); G];
            for (j, m) in mean.iter().enumerate() {
                let (m, t) = (s.splat(*m), s.splat(if ONE { factor[0] } else { factor[j] }));
                let x = &x[j * STRIDE + v..][..G];
                for g in 0..G {
                    let y = s.mul(t, s.sub(s.load(&x[g]), m));
                    square[g] = s.mul_add(y, y, square[g]);
                }
            }
            for g in 0..G {
                s.store(s.sub(s.splat(*constant), square[g]), &mut q[(v + g) * stride + k]);
            }
        }
    }
}

/// Exponentiates once and adds the log-likelihood. For responsibilities the exponentials replace q and `out` gets the
/// inverse of their sum; otherwise `out` gets the labels. Lanes past the last row get 0 or label -1.
#[inline(always)]
fn weigh<S: Simd>(
    s: S,
    k: usize,
    n: usize,
    q: &mut [Lanes],
    out: &mut [Lanes],
    mut rule: BlockRule<'_>,
    sums: &mut Sums,
) {
    /// Sums of at most 2^16 terms of at most 1: a product of 32 stays far below the largest double.
    const PRODUCT: usize = 32;
    let (vectors, one) = (n.div_ceil(LANES), s.splat(1.0));
    let mut largest_total = s.splat(0.0);
    let mut product = one;
    for (v, (q, out)) in q.chunks_exact_mut(k | 1).zip(out).take(vectors).enumerate() {
        let q = &mut q[..k];
        let mut largest = q[1..].iter().fold(s.load(&q[0]), |largest, q| s.max(largest, s.load(q)));
        let mut total = s.splat(0.0);
        let rows = (n - v * LANES).min(LANES);
        match &mut rule {
            BlockRule::Responsibilities => {
                for q in q.iter_mut() {
                    let e = s.exp2(s.sub(s.load(q), largest));
                    s.store(e, q);
                    total = s.add(total, e);
                }
                s.store(s.div(one, total), out);
                out.0[rows..].fill(0.0);
            }
            BlockRule::Draw { uniforms, labels } => {
                // Running sums in place of q; the label counts those at or below the threshold.
                for q in q.iter_mut() {
                    total = s.add(total, s.exp2(s.sub(s.load(q), largest)));
                    s.store(total, q);
                }
                let threshold = s.mul(total, s.load(&uniforms.next()));
                let mut label = s.splat(0.0);
                for q in &q[..k - 1] {
                    label = s.count_at_most(label, s.load(q), threshold);
                }
                write_labels(s, label, out, &mut labels[v * LANES..][..rows]);
            }
            BlockRule::Classify { labels } => {
                // The number of components before the first that attains the maximum.
                let (mut label, mut open) = (s.splat(0.0), one);
                for q in q.iter() {
                    let q = s.load(q);
                    total = s.add(total, s.exp2(s.sub(q, largest)));
                    open = s.add_where(s.equal(q, largest), open, s.sub(s.splat(0.0), open));
                    label = s.add(label, open);
                }
                write_labels(s, label, out, &mut labels[v * LANES..][..rows]);
            }
        }
        if rows < LANES {
            largest = keep(s, largest, rows, 0.0);
            total = keep(s, total, rows, 1.0);
        }
        largest_total = s.add(largest_total, largest);
        product = s.mul(product, total);
        if (v + 1) % PRODUCT == 0 || v + 1 == vectors {
            let mut lanes = Lanes::ZERO;
            s.store(product, &mut lanes);
            sums.log2_relative += lanes.0.iter().map(|x| x.log2()).sum::<f64>();
            product = one;
        }
    }
    sums.log2_largest += s.total(largest_total);
}

/// The first lanes of a vector, the others replaced.
#[inline(always)]
fn keep<S: Simd>(s: S, x: S::V, rows: usize, otherwise: f64) -> S::V {
    let mut lanes = Lanes::ZERO;
    s.store(x, &mut lanes);
    lanes.0[rows..].fill(otherwise);
    s.load(&lanes)
}

/// Hands the labels out; lanes past the last row become -1.
#[inline(always)]
fn write_labels<S: Simd>(s: S, label: S::V, out: &mut Lanes, labels: &mut [u16]) {
    s.store(label, out);
    match labels.as_mut_array::<LANES>() {
        Some(labels) => *labels = s.to_labels(label),
        None => {
            labels.copy_from_slice(&s.to_labels(label)[..labels.len()]);
            out.0[labels.len()..].fill(-1.0);
        }
    }
}

/// Sums of one component in d = D <= 4, all in registers.
struct SmallSums<V, const D: usize> {
    weight: V,
    first: [V; D],
    second: [[V; D]; D],
}

impl<V: Copy, const D: usize> SmallSums<V, D> {
    #[inline(always)]
    fn new(zero: V) -> Self {
        Self { weight: zero, first: [zero; D], second: [[zero; D]; D] }
    }

    #[inline(always)]
    fn add_to<S: Simd<V = V>>(&self, s: S, k: usize, sums: &mut Sums) {
        sums.weights[k] += s.total(self.weight);
        for i in 0..D {
            sums.first[k * D + i] += s.total(self.first[i]);
            for j in 0..=i {
                sums.second[k * triangle::row(D) + triangle::row(i) + j] += s.total(self.second[i][j]);
            }
        }
    }
}

/// Sums under the responsibilities of component k: exponentials times the inverses of their sums.
#[inline(always)]
fn sums_of_weight<S: Simd, const D: usize>(
    s: S,
    k: usize,
    stride: usize,
    centre: &[f64],
    x: [&[Lanes]; D],
    q: &[Lanes],
    inverses: &[Lanes],
) -> SmallSums<S::V, D> {
    let mut sums = SmallSums::new(s.splat(0.0));
    for (v, inverse) in inverses.iter().enumerate() {
        let w = s.mul(s.load(&q[v * stride + k]), s.load(inverse));
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

/// Sums of the rows with label k.
#[inline(always)]
fn sums_of_label<S: Simd, const D: usize>(
    s: S,
    k: usize,
    centre: &[f64],
    x: [&[Lanes]; D],
    labels: &[Lanes],
) -> SmallSums<S::V, D> {
    let (mut sums, label, one) = (SmallSums::new(s.splat(0.0)), s.splat(k as f64), s.splat(1.0));
    for (v, labels) in labels.iter().enumerate() {
        let members = s.equal(s.load(labels), label);
        sums.weight = s.add_where(members, sums.weight, one);
        let mut z = [one; D];
        for i in 0..D {
            z[i] = s.sub(s.load(&x[i][v]), s.splat(centre[i]));
            sums.first[i] = s.add_where(members, sums.first[i], z[i]);
            for j in 0..=i {
                sums.second[i][j] = s.mul_add_where(members, z[i], z[j], sums.second[i][j]);
            }
        }
    }
    sums
}

/// Sorts the rows of a block by label; component k has `order[starts[k]..starts[k + 1]]`.
#[inline(always)]
fn sort_by_label(k: usize, n: usize, labels: &[Lanes], order: &mut [u16], starts: &mut [usize]) {
    let label = |r: usize| labels[r / LANES].0[r % LANES] as usize;
    starts.fill(0);
    // Counts two places ahead become ends one place ahead, which turn into starts as rows are put in place.
    (0..n).for_each(|r| starts[label(r) + 2] += 1);
    for k in 0..k {
        starts[k + 2] += starts[k + 1];
    }
    for r in 0..n {
        let next = &mut starts[label(r) + 1];
        order[*next] = r as u16;
        *next += 1;
    }
}

/// Fills z with the differences of some rows of a block to a centre, zeros up to the next whole vector.
#[inline(always)]
fn gather(rows: &[f64], d: usize, members: &[u16], centre: &[f64], z: &mut [Lanes]) {
    for (v, members) in members.chunks(LANES).enumerate() {
        if members.len() < LANES {
            (0..d).for_each(|j| z[j * STRIDE + v] = Lanes::ZERO);
        }
        for (l, &r) in members.iter().enumerate() {
            let row = &rows[usize::from(r) * d..][..d];
            for (j, (x, c)) in row.iter().zip(centre).enumerate() {
                z[j * STRIDE + v].0[l] = x - c;
            }
        }
    }
}

/// Adds `sum z_i z_j` for j <= i: a symmetric rank update in tiles of T x T, smaller ones at the end.
#[inline(always)]
fn second_moments<S: Simd, const T: usize>(s: S, (d, vectors): (usize, usize), z: &[Lanes], second: &mut [f64]) {
    let whole = d - d % T;
    for i in (0..whole).step_by(T) {
        for j in (0..=i).step_by(T) {
            tile::<S, T, T>(s, vectors, z, (i, j), second);
        }
    }
    match d - whole {
        1 => last_rows::<S, 1, T>(s, vectors, z, whole, second),
        2 => last_rows::<S, 2, T>(s, vectors, z, whole, second),
        3 => last_rows::<S, 3, T>(s, vectors, z, whole, second),
        _ => {}
    }
}

/// The R < T rows from `whole` on, below the last whole tile.
#[inline(always)]
fn last_rows<S: Simd, const R: usize, const T: usize>(
    s: S,
    vectors: usize,
    z: &[Lanes],
    whole: usize,
    second: &mut [f64],
) {
    for j in (0..whole).step_by(T) {
        tile::<S, R, T>(s, vectors, z, (whole, j), second);
    }
    tile::<S, R, R>(s, vectors, z, (whole, whole), second);
}

/// Products of columns i to i + R of z with columns j to j + C, kept where the second does not pass the first.
#[inline(always)]
fn tile<S: Simd, const R: usize, const C: usize>(
    s: S,
    vectors: usize,
    z: &[Lanes],
    (i, j): (usize, usize),
    second: &mut [f64],
) {
    let mut left: [&[Lanes]; R] = [&[]; R];
    for r in 0..R {
        left[r] = &z[(i + r) * STRIDE..][..vectors];
    }
    let mut right: [&[Lanes]; C] = [&[]; C];
    for c in 0..C {
        right[c] = &z[(j + c) * STRIDE..][..vectors];
    }
    let mut sums = [[s.splat(0.0); C]; R];
    for v in 0..vectors {
        let mut b = [s.splat(0.0); C];
        for c in 0..C {
            b[c] = s.load(&right[c][v]);
        }
        for r in 0..R {
            let a = s.load(&left[r][v]);
            for c in 0..C {
                sums[r][c] = s.mul_add(a, b[c], sums[r][c]);
            }
        }
    }
    for r in 0..R {
        for c in 0..C.min(i + r + 1 - j) {
            second[triangle::row(i + r) + j + c] += s.total(sums[r][c]);
        }
    }
}
