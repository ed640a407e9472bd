//! The hot loop: one block of rows through log densities, the rule, and the sums that statistics are made of.
//!
//! A block holds up to [`BLOCK`] rows, packed into columns: the row index is the SIMD lane. Four steps, each a
//! function below, in the order in which they run:
//!
//! 1. [`pack`]: rows to columns, padded to whole vectors with copies of the last row.
//! 2. `ln_joint_*`: per component k and row, in base 2, `q = c_k - |T_k (x - mu_k)|^2`, where T_k is the whitening
//!    factor with sqrt(log2(e) / 2) folded in. Differences are centred per component: the form that keeps all
//!    digits whatever the distance of a component from the origin.
//! 3. [`weigh`]: one exponential per component and row, their sum, and the rule's weights in place of q.
//! 4. `sums_*`: per component, sums of w, w (x - mu), w (x - mu)(x - mu)' about the current mean.
//!
//! The code is written once, on [`Lanes`], and compiled for each instruction set by `#[target_feature]`; this is
//! the only file with `unsafe`, and the only unsafe act is to call a function whose instruction set was detected.

use crate::{Mixture, Shape, triangle};

/// Rows in a block. Fixed, so that results do not depend on anything else.
pub(crate) const BLOCK: usize = 512;

/// Doubles in a vector.
const LANES: usize = 8;

/// Vectors in a full block.
const VECTORS: usize = BLOCK / LANES;

/// Vectors between the starts of two columns: not a power of two, so that columns do not share cache sets.
const STRIDE: usize = VECTORS + 1;

/// Vectors of rows that are processed together against one factor.
const GROUP: usize = 4;

/// The instruction set that the hot loop runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// x86-64 with AVX-512 (F and DQ).
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
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                sets.push(Self::Avx512);
            }
            if fma {
                sets.push(Self::Avx2);
            }
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
}

/// What turns log densities into weights of the rows.
pub(crate) enum BlockRule<'a> {
    /// The weights are the responsibilities.
    Responsibilities,
    /// One component per row has weight 1, drawn by inverting its running sums at a uniform number.
    Draw { uniforms: &'a Uniforms, labels: &'a mut [u16] },
    /// One component per row has weight 1: the most probable.
    Classify { labels: &'a mut [u16] },
}

/// Eight doubles that stay together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANES]);

/// One uniform number in [0, 1) for each row of a block.
pub(crate) type Uniforms = [Lanes; VECTORS];

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self([x; LANES])
    }

    #[inline(always)]
    fn map2(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = f(self.0[l], other.0[l]);
        }
        out
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.map2(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.map2(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.map2(other, |a, b| a * b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.map2(other, |a, b| if a > b { a } else { b })
    }

    /// `self * b + c`: fused where the instruction set fuses, else two roundings (a library call would cost more
    /// than all the rest).
    #[inline(always)]
    fn mul_add<const FMA: bool>(self, b: Self, c: Self) -> Self {
        let mut out = self;
        for l in 0..LANES {
            out.0[l] = if FMA { self.0[l].mul_add(b.0[l], c.0[l]) } else { self.0[l] * b.0[l] + c.0[l] };
        }
        out
    }

    #[inline(always)]
    fn total(self) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    /// `2^x` for x <= 0, to 1 ulp; exactly 0 below 2^-1021.
    #[inline(always)]
    fn exp2<const FMA: bool>(self) -> Self {
        /// 1.5 * 2^52: adding it rounds to an integer and leaves that integer in the low bits.
        const ROUND: f64 = 6_755_399_441_055_744.0;
        let x = self.max(Self::splat(-1021.0));
        let shifted = x.add(Self::splat(ROUND));
        let f = x.sub(shifted.sub(Self::splat(ROUND)));
        let mut p = Self::splat(EXP2[EXP2.len() - 1]);
        for c in EXP2[..EXP2.len() - 1].iter().rev() {
            p = p.mul_add::<FMA>(f, Self::splat(*c));
        }
        let mut out = p;
        for l in 0..LANES {
            let scaled = f64::from_bits(p.0[l].to_bits().wrapping_add(shifted.0[l].to_bits() << 52));
            out.0[l] = if self.0[l] < -1021.0 { 0.0 } else { scaled };
        }
        out
    }
}

/// ln(2)^i / i!: the Taylor series of 2^f; on |f| <= 1/2 the first term left out is below 5e-18.
const EXP2: [f64; 14] = [
    1.0,
    std::f64::consts::LN_2,
    0.240_226_506_959_100_72,
    0.055_504_108_664_821_58,
    0.009_618_129_107_628_477,
    0.001_333_355_814_642_844_3,
    0.000_154_035_303_933_816_1,
    1.525_273_380_405_984_1e-5,
    1.321_548_679_014_431e-6,
    1.017_808_600_923_97e-7,
    7.054_911_620_801_123e-9,
    4.445_538_271_870_811_6e-10,
    2.567_843_599_348_820_6e-11,
    1.369_148_885_390_412_8e-12,
];

/// The parameters of a mixture as the kernel wants them.
#[derive(Debug)]
pub(crate) struct Parameters {
    shape: Shape,
    k: usize,
    d: usize,
    /// K x d.
    means: Vec<f64>,
    /// Whitening factors times sqrt(log2(e) / 2), packed; one that all share or one for each component.
    factors: Vec<f64>,
    shared: bool,
    /// c_k: the base-2 logarithm of weight and normalising constant.
    constants: Vec<f64>,
}

impl Parameters {
    pub(crate) fn new() -> Self {
        let (means, factors, constants) = (Vec::new(), Vec::new(), Vec::new());
        Self { shape: Shape::Full, k: 0, d: 0, means, factors, shared: true, constants }
    }

    /// Takes over a mixture; allocates only when it is larger than any before.
    pub(crate) fn set(&mut self, mixture: &Mixture) {
        let log2_e = std::f64::consts::LOG2_E;
        let fold = (0.5 * log2_e).sqrt();
        (self.shape, self.k, self.d) = (mixture.shape(), mixture.k(), mixture.d());
        self.shared = mixture.covariances().len() == 1;
        self.means.clear();
        self.means.extend_from_slice(mixture.means());
        self.factors.clear();
        for covariance in mixture.covariances() {
            self.factors.extend(covariance.whitener().iter().map(|t| fold * t));
        }
        let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
        self.constants.clear();
        for (k, w) in mixture.weights().iter().enumerate() {
            let ln_norm = -0.5 * (self.d as f64 * ln_two_pi + mixture.covariance(k).ln_det());
            self.constants.push(w.log2() + log2_e * ln_norm);
        }
    }

    fn factor(&self, k: usize) -> &[f64] {
        let e = self.shape.n_entries(self.d);
        let k = if self.shared { 0 } else { k };
        &self.factors[k * e..(k + 1) * e]
    }

    fn mean(&self, k: usize) -> &[f64] {
        &self.means[k * self.d..(k + 1) * self.d]
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
    /// K columns: q, then the weights.
    q: Vec<Lanes>,
    /// d columns of differences to a mean, and d more of weighted differences.
    z: Vec<Lanes>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { x: Vec::new(), q: Vec::new(), z: Vec::new() }
    }

    pub(crate) fn reserve(&mut self, k: usize, d: usize) {
        self.x.resize(d * STRIDE, Lanes::ZERO);
        self.q.resize(k * STRIDE, Lanes::ZERO);
        self.z.resize(2 * d * STRIDE, Lanes::ZERO);
    }
}

/// Runs one block of at most [`BLOCK`] rows (row after row, d columns) and adds to the sums about `centres` (K x d).
pub(crate) fn run_block(
    set: InstructionSet,
    parameters: &Parameters,
    centres: &[f64],
    rows: &[f64],
    rule: BlockRule<'_>,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    match set {
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: `InstructionSet::available` lists this set only where the processor has these features.
        InstructionSet::Avx512 => unsafe { block_avx512(parameters, centres, rows, rule, scratch, sums) },
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: as above.
        InstructionSet::Avx2 => unsafe { block_avx2(parameters, centres, rows, rule, scratch, sums) },
        _ => block::<false>(parameters, centres, rows, rule, scratch, sums),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn block_avx512(
    parameters: &Parameters,
    centres: &[f64],
    rows: &[f64],
    rule: BlockRule<'_>,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    block::<true>(parameters, centres, rows, rule, scratch, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn block_avx2(
    parameters: &Parameters,
    centres: &[f64],
    rows: &[f64],
    rule: BlockRule<'_>,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    block::<true>(parameters, centres, rows, rule, scratch, sums);
}

#[inline(always)]
fn block<const FMA: bool>(
    p: &Parameters,
    centres: &[f64],
    rows: &[f64],
    rule: BlockRule<'_>,
    scratch: &mut Scratch,
    sums: &mut Sums,
) {
    let n = rows.len() / p.d;
    let vectors = n.div_ceil(LANES);
    pack(rows, p.d, n, &mut scratch.x);
    let (x, q, z) = (&scratch.x[..], &mut scratch.q[..], &mut scratch.z[..]);
    match (p.shape, p.d) {
        (Shape::Full, 1) => ln_joint_small::<FMA, 1>(p, x, vectors, q),
        (Shape::Full, 2) => ln_joint_small::<FMA, 2>(p, x, vectors, q),
        (Shape::Full, 3) => ln_joint_small::<FMA, 3>(p, x, vectors, q),
        (Shape::Full, 4) => ln_joint_small::<FMA, 4>(p, x, vectors, q),
        (Shape::Full, _) => ln_joint_full::<FMA>(p, x, vectors, q, z),
        (Shape::Diagonal, _) => ln_joint_axes::<FMA>(p, x, vectors, q, |factor, j| factor[j]),
        (Shape::Isotropic, _) => ln_joint_axes::<FMA>(p, x, vectors, q, |factor, _| factor[0]),
    }
    weigh::<FMA>(p.k, n, q, rule, sums);
    match (p.shape, p.d) {
        (Shape::Full, 1) => sums_small::<FMA, 1>(p.k, centres, x, q, vectors, sums),
        (Shape::Full, 2) => sums_small::<FMA, 2>(p.k, centres, x, q, vectors, sums),
        (Shape::Full, 3) => sums_small::<FMA, 3>(p.k, centres, x, q, vectors, sums),
        (Shape::Full, 4) => sums_small::<FMA, 4>(p.k, centres, x, q, vectors, sums),
        (Shape::Full, d) => sums_full::<FMA>((p.k, d), centres, x, q, vectors, z, sums),
        (shape, d) => sums_axes::<FMA>(shape, (p.k, d), centres, x, q, vectors, sums),
    }
}

/// Rows to columns; the last group of vectors is filled up with copies of the last row.
#[inline(always)]
fn pack(rows: &[f64], d: usize, n: usize, x: &mut [Lanes]) {
    let padded = n.next_multiple_of(LANES * GROUP);
    for (r, row) in rows.chunks_exact(d).enumerate() {
        for (j, value) in row.iter().enumerate() {
            x[j * STRIDE + r / LANES].0[r % LANES] = *value;
        }
    }
    for j in 0..d {
        let last = rows[(n - 1) * d + j];
        for r in n..padded {
            x[j * STRIDE + r / LANES].0[r % LANES] = last;
        }
    }
}

/// Full covariances in d = D <= 4: rows stay in registers while the components pass.
#[inline(always)]
fn ln_joint_small<const FMA: bool, const D: usize>(p: &Parameters, x: &[Lanes], vectors: usize, q: &mut [Lanes]) {
    for k in 0..p.k {
        let (factor, mean) = (p.factor(k), p.mean(k));
        let constant = Lanes::splat(p.constants[k]);
        let column = &mut q[k * STRIDE..][..vectors];
        for (v, out) in column.iter_mut().enumerate() {
            let mut z = [Lanes::ZERO; D];
            for j in 0..D {
                z[j] = x[j * STRIDE + v].sub(Lanes::splat(mean[j]));
            }
            let mut square = Lanes::ZERO;
            for i in 0..D {
                let mut y = Lanes::ZERO;
                for j in 0..=i {
                    y = Lanes::splat(factor[triangle::row(i) + j]).mul_add::<FMA>(z[j], y);
                }
                square = y.mul_add::<FMA>(y, square);
            }
            *out = constant.sub(square);
        }
    }
}

/// Full covariances in any dimension: panels of four rows of the factor against four vectors of rows.
#[inline(always)]
fn ln_joint_full<const FMA: bool>(p: &Parameters, x: &[Lanes], vectors: usize, q: &mut [Lanes], z: &mut [Lanes]) {
    let d = p.d;
    for k in 0..p.k {
        let (factor, mean) = (p.factor(k), p.mean(k));
        let constant = Lanes::splat(p.constants[k]);
        for v in (0..vectors).step_by(GROUP) {
            let z: &mut [[Lanes; GROUP]] = groups(&mut z[..d * GROUP]);
            for j in 0..d {
                let m = Lanes::splat(mean[j]);
                for g in 0..GROUP {
                    z[j][g] = x[j * STRIDE + v + g].sub(m);
                }
            }
            let mut square = [Lanes::ZERO; GROUP];
            let mut i = 0;
            while i + GROUP <= d {
                let rows: [&[f64]; GROUP] = std::array::from_fn(|a| &factor[triangle::row(i + a)..][..=i + a]);
                let mut y = [[Lanes::ZERO; GROUP]; GROUP];
                for j in 0..i {
                    for a in 0..GROUP {
                        let t = Lanes::splat(rows[a][j]);
                        for g in 0..GROUP {
                            y[a][g] = t.mul_add::<FMA>(z[j][g], y[a][g]);
                        }
                    }
                }
                for b in 0..GROUP {
                    for a in b..GROUP {
                        let t = Lanes::splat(rows[a][i + b]);
                        for g in 0..GROUP {
                            y[a][g] = t.mul_add::<FMA>(z[i + b][g], y[a][g]);
                        }
                    }
                }
                for a in 0..GROUP {
                    for g in 0..GROUP {
                        square[g] = y[a][g].mul_add::<FMA>(y[a][g], square[g]);
                    }
                }
                i += GROUP;
            }
            for i in i..d {
                let row = &factor[triangle::row(i)..][..=i];
                let mut y = [Lanes::ZERO; GROUP];
                for j in 0..=i {
                    let t = Lanes::splat(row[j]);
                    for g in 0..GROUP {
                        y[g] = t.mul_add::<FMA>(z[j][g], y[g]);
                    }
                }
                for g in 0..GROUP {
                    square[g] = y[g].mul_add::<FMA>(y[g], square[g]);
                }
            }
            for g in 0..GROUP {
                q[k * STRIDE + v + g] = constant.sub(square[g]);
            }
        }
    }
}

/// Diagonal and isotropic covariances: one factor per axis.
#[inline(always)]
fn ln_joint_axes<const FMA: bool>(
    p: &Parameters,
    x: &[Lanes],
    vectors: usize,
    q: &mut [Lanes],
    axis: impl Fn(&[f64], usize) -> f64,
) {
    for k in 0..p.k {
        let (factor, mean) = (p.factor(k), p.mean(k));
        let constant = Lanes::splat(p.constants[k]);
        for v in (0..vectors).step_by(GROUP) {
            let mut square = [Lanes::ZERO; GROUP];
            for j in 0..p.d {
                let (m, t) = (Lanes::splat(mean[j]), Lanes::splat(axis(factor, j)));
                for g in 0..GROUP {
                    let y = t.mul(x[j * STRIDE + v + g].sub(m));
                    square[g] = y.mul_add::<FMA>(y, square[g]);
                }
            }
            for g in 0..GROUP {
                q[k * STRIDE + v + g] = constant.sub(square[g]);
            }
        }
    }
}

/// Exponentiates once, adds the log-likelihood, and leaves the rule's weights in place of q.
#[inline(always)]
fn weigh<const FMA: bool>(k: usize, n: usize, q: &mut [Lanes], mut rule: BlockRule<'_>, sums: &mut Sums) {
    /// Sums of at most 2^16 terms of at most 1: a product of 32 stays far below the largest double.
    const PRODUCT: usize = 32;
    let vectors = n.div_ceil(LANES);
    let mut largest_total = Lanes::ZERO;
    let mut product = Lanes::splat(1.0);
    let mut log2_relative = 0.0;
    for v in 0..vectors {
        let mut largest = q[v];
        for k in 1..k {
            largest = largest.max(q[k * STRIDE + v]);
        }
        // Lanes past the last row count nothing.
        let rows = (n - v * LANES).min(LANES);
        let keep = |x: Lanes, otherwise: f64| {
            let mut x = x;
            x.0[rows..].fill(otherwise);
            x
        };
        let mut total = Lanes::ZERO;
        match &mut rule {
            BlockRule::Responsibilities => {
                for k in 0..k {
                    let e = q[k * STRIDE + v].sub(largest).exp2::<FMA>();
                    q[k * STRIDE + v] = e;
                    total = total.add(e);
                }
                let inverse = keep(Lanes::splat(1.0).map2(total, |a, b| a / b), 0.0);
                for k in 0..k {
                    q[k * STRIDE + v] = q[k * STRIDE + v].mul(inverse);
                }
            }
            BlockRule::Draw { uniforms, labels } => {
                // Running sums in place of q; the label counts those at or below the threshold.
                for k in 0..k {
                    total = total.add(q[k * STRIDE + v].sub(largest).exp2::<FMA>());
                    q[k * STRIDE + v] = total;
                }
                let threshold = total.mul(uniforms[v]);
                let mut label = Lanes::ZERO;
                for k in 0..k - 1 {
                    label = label.add(q[k * STRIDE + v].map2(threshold, |a, b| if a <= b { 1.0 } else { 0.0 }));
                }
                one_hot(k, v, keep(label, -1.0), q);
                write_labels(label, &mut labels[v * LANES..][..rows]);
            }
            BlockRule::Classify { labels } => {
                // The number of components before the first that attains the maximum.
                let (mut label, mut open) = (Lanes::ZERO, Lanes::splat(1.0));
                for k in 0..k {
                    total = total.add(q[k * STRIDE + v].sub(largest).exp2::<FMA>());
                    open = open.mul(q[k * STRIDE + v].map2(largest, |a, b| if a < b { 1.0 } else { 0.0 }));
                    label = label.add(open);
                }
                one_hot(k, v, keep(label, -1.0), q);
                write_labels(label, &mut labels[v * LANES..][..rows]);
            }
        }
        largest_total = largest_total.add(keep(largest, 0.0));
        product = product.mul(keep(total, 1.0));
        if (v + 1) % PRODUCT == 0 || v + 1 == vectors {
            log2_relative += product.0.iter().map(|x| x.log2()).sum::<f64>();
            product = Lanes::splat(1.0);
        }
    }
    sums.log2_largest += largest_total.total();
    sums.log2_relative += log2_relative;
}

#[inline(always)]
fn one_hot(k: usize, v: usize, label: Lanes, q: &mut [Lanes]) {
    for k in 0..k {
        q[k * STRIDE + v] = label.map2(Lanes::splat(k as f64), |a, b| if a == b { 1.0 } else { 0.0 });
    }
}

#[inline(always)]
fn write_labels(label: Lanes, labels: &mut [u16]) {
    for (out, label) in labels.iter_mut().zip(label.0) {
        *out = label as u16;
    }
}

/// Sums for full covariances in d = D <= 4, all in registers.
#[inline(always)]
fn sums_small<const FMA: bool, const D: usize>(
    k: usize,
    centres: &[f64],
    x: &[Lanes],
    w: &[Lanes],
    vectors: usize,
    sums: &mut Sums,
) {
    for k in 0..k {
        let centre: [Lanes; D] = std::array::from_fn(|j| Lanes::splat(centres[k * D + j]));
        let mut weight = Lanes::ZERO;
        let mut first = [Lanes::ZERO; D];
        let mut second = [[Lanes::ZERO; D]; D];
        for v in 0..vectors {
            let w = w[k * STRIDE + v];
            weight = weight.add(w);
            let mut z = [Lanes::ZERO; D];
            for i in 0..D {
                z[i] = x[i * STRIDE + v].sub(centre[i]);
                let wz = w.mul(z[i]);
                first[i] = first[i].add(wz);
                for j in 0..=i {
                    second[i][j] = wz.mul_add::<FMA>(z[j], second[i][j]);
                }
            }
        }
        sums.weights[k] += weight.total();
        for i in 0..D {
            sums.first[k * D + i] += first[i].total();
            for j in 0..=i {
                sums.second[k * triangle::row(D) + triangle::row(i) + j] += second[i][j].total();
            }
        }
    }
}

/// Sums for full covariances in any dimension: a symmetric rank update in tiles of 4 x 4.
#[inline(always)]
fn sums_full<const FMA: bool>(
    (k, d): (usize, usize),
    centres: &[f64],
    x: &[Lanes],
    w: &[Lanes],
    vectors: usize,
    z: &mut [Lanes],
    sums: &mut Sums,
) {
    for k in 0..k {
        let w = &w[k * STRIDE..][..vectors];
        let weight = w.iter().fold(Lanes::ZERO, |sum, w| sum.add(*w)).total();
        if weight == 0.0 {
            continue;
        }
        sums.weights[k] += weight;
        let (z, wz) = z.split_at_mut(d * STRIDE);
        for i in 0..d {
            let centre = Lanes::splat(centres[k * d + i]);
            let mut first = Lanes::ZERO;
            for v in 0..vectors {
                let difference = x[i * STRIDE + v].sub(centre);
                z[i * STRIDE + v] = difference;
                wz[i * STRIDE + v] = w[v].mul(difference);
                first = first.add(wz[i * STRIDE + v]);
            }
            sums.first[k * d + i] += first.total();
        }
        let second = &mut sums.second[k * triangle::row(d)..][..triangle::row(d)];
        for i in (0..d).step_by(GROUP) {
            for j in (0..=i).step_by(GROUP) {
                if i + GROUP <= d {
                    let a: [&[Lanes]; GROUP] = std::array::from_fn(|a| &wz[(i + a) * STRIDE..][..vectors]);
                    let b: [&[Lanes]; GROUP] = std::array::from_fn(|b| &z[(j + b) * STRIDE..][..vectors]);
                    let mut tile = [[Lanes::ZERO; GROUP]; GROUP];
                    for v in 0..vectors {
                        for r in 0..GROUP {
                            for c in 0..GROUP {
                                tile[r][c] = a[r][v].mul_add::<FMA>(b[c][v], tile[r][c]);
                            }
                        }
                    }
                    for r in 0..GROUP {
                        for c in 0..GROUP {
                            if j + c <= i + r {
                                second[triangle::row(i + r) + j + c] += tile[r][c].total();
                            }
                        }
                    }
                } else {
                    for i in i..d {
                        let a = &wz[i * STRIDE..][..vectors];
                        for j in j..(j + GROUP).min(i + 1) {
                            let b = &z[j * STRIDE..][..vectors];
                            let mut sum = Lanes::ZERO;
                            for v in 0..vectors {
                                sum = a[v].mul_add::<FMA>(b[v], sum);
                            }
                            second[triangle::row(i) + j] += sum.total();
                        }
                    }
                }
            }
        }
    }
}

/// Sums for diagonal and isotropic covariances.
#[inline(always)]
fn sums_axes<const FMA: bool>(
    shape: Shape,
    (k, d): (usize, usize),
    centres: &[f64],
    x: &[Lanes],
    w: &[Lanes],
    vectors: usize,
    sums: &mut Sums,
) {
    let entries = shape.n_entries(d);
    for k in 0..k {
        let w = &w[k * STRIDE..][..vectors];
        sums.weights[k] += w.iter().fold(Lanes::ZERO, |sum, w| sum.add(*w)).total();
        for j in 0..d {
            let centre = Lanes::splat(centres[k * d + j]);
            let (mut first, mut second) = (Lanes::ZERO, Lanes::ZERO);
            for v in 0..vectors {
                let z = x[j * STRIDE + v].sub(centre);
                let wz = w[v].mul(z);
                first = first.add(wz);
                second = wz.mul_add::<FMA>(z, second);
            }
            sums.first[k * d + j] += first.total();
            sums.second[k * entries + j.min(entries - 1)] += second.total();
        }
    }
}

/// A slice of whole groups as an array of groups.
#[inline(always)]
fn groups(lanes: &mut [Lanes]) -> &mut [[Lanes; GROUP]] {
    lanes.as_chunks_mut::<GROUP>().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp2_is_right_to_an_ulp_and_vanishes_below_the_smallest_normal_number() {
        for i in 0..2_000 {
            let x = -0.511 * f64::from(i);
            let ours = Lanes::splat(x).exp2::<false>().0[0];
            let theirs = x.exp2();
            if x >= -1021.0 {
                assert!((ours - theirs).abs() <= 2.3e-16 * theirs, "2^{x}: {ours} and {theirs}");
            } else {
                assert_eq!(ours, 0.0);
            }
        }
        assert_eq!(Lanes::splat(f64::NEG_INFINITY).exp2::<false>().0, [0.0; LANES]);
        assert_eq!(Lanes::splat(0.0).exp2::<false>().0, [1.0; LANES]);
    }
}
