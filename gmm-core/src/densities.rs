//! Log densities of the same rows under one mixture after another: the first steps of the kernel, without weights of
//! rows and without statistics.

use rayon::prelude::*;

use crate::kernel::{BLOCK, STRIDE, exponentials, ln_joint_axes, ln_joint_full, ln_joint_small, pack};
use crate::parameters::{Parameters, SMALL};
use crate::simd::{LANES, Lanes, Simd, Work};
use crate::{Data, InstructionSet, Mixture, Shape};

/// Rows of one parallel task of [`ln_densities`].
const CHUNK: usize = 4 * BLOCK;

/// The log density of each row, natural and with all constants: `out[i] = ln sum_k w_k Normal(x_i | mu_k, S_k)`, -infinity
/// where that is no positive double even in units of the largest term.
///
/// Runs in the current rayon pool; nothing depends on the number of threads. For many mixtures on the same rows, see
/// [`RowDensities`].
///
/// ```
/// use gmm_core::{Covariance, Data, Mixture, ln_densities};
/// let data = Data::from_rows(&[[-1.0], [0.5], [2.0]])?;
/// let mixture =
///     Mixture::new(vec![0.5, 0.5], vec![vec![-1.0], vec![1.0]], vec![Covariance::isotropic(1, 1.0)?])?;
/// let mut densities = vec![0.0; 3];
/// ln_densities(&data, &mixture, &mut densities);
/// assert!((densities[1] - mixture.ln_density(&[0.5])).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If dimensions or lengths do not fit each other: a fault of the caller's code, not of data.
pub fn ln_densities(data: &Data, mixture: &Mixture, out: &mut [f64]) {
    assert!(out.len() == data.n(), "{} places for {} rows", out.len(), data.n());
    let d = data.d();
    let chunks = out.par_chunks_mut(CHUNK).zip(data.values().par_chunks(CHUNK * d));
    chunks.for_each(|(out, rows)| RowDensities::new(rows, d).ln_densities(mixture, out));
}

/// Some rows, packed once as the kernel wants them, whose log densities are taken under one mixture after another.
///
/// Takes `8 n (d + 1)` bytes, rounded up to whole blocks of 512 rows, and works on one thread.
///
/// ```
/// use gmm_core::{Covariance, DensitySums, Mixture, RowDensities};
/// let normal = |mean| Mixture::new(vec![1.0], vec![vec![mean]], vec![Covariance::isotropic(1, 1.0).unwrap()]);
/// let mut rows = RowDensities::new(&[0.0, 3.0], 1);
/// let (mut densities, mut sums) = ([0.0; 2], DensitySums::new(2));
/// for mean in [0.0, 1.0] {
///     rows.ln_densities(&normal(mean)?, &mut densities);
///     rows.add_to(&normal(mean)?, &mut sums);
/// }
/// assert!((densities[1] - normal(1.0)?.ln_density(&[3.0])).abs() < 1e-14);
/// let expected = (normal(0.0)?.ln_density(&[3.0]).exp() + normal(1.0)?.ln_density(&[3.0]).exp()).ln();
/// assert!((sums.ln()[1] - expected).abs() < 1e-14);
/// # Ok::<(), gmm_core::MixtureError>(())
/// ```
#[derive(Debug)]
pub struct RowDensities {
    set: InstructionSet,
    n: usize,
    d: usize,
    /// d columns of each block.
    columns: Vec<Lanes>,
    parameters: Parameters,
    q: Vec<Lanes>,
    /// Of one block.
    sums: LaneSums,
}

/// Sums of numbers `2^q`, one in each lane: `total` in units of the largest `2^q` so far, of its square with roots.
#[derive(Debug, Clone)]
struct LaneSums {
    largest: Vec<Lanes>,
    total: Vec<Lanes>,
}

impl LaneSums {
    /// No numbers yet.
    fn new(vectors: usize) -> Self {
        // Finite, so that no difference of two is NaN; nothing that is finite is less.
        Self { largest: vec![Lanes([f64::MIN; LANES]); vectors], total: vec![Lanes::ZERO; vectors] }
    }
}

impl RowDensities {
    /// Rows, one after the other, of d numbers each, for the best instruction set of this machine.
    ///
    /// # Panics
    /// If the numbers are not those of whole rows: a fault of the caller's code, not of data.
    pub fn new(rows: &[f64], d: usize) -> Self {
        Self::with_instruction_set(InstructionSet::best(), rows, d)
    }

    /// [`new`](Self::new) for a given instruction set, or the best one if this machine does not have it.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_instruction_set(set: InstructionSet, rows: &[f64], d: usize) -> Self {
        assert!(d > 0 && rows.len().is_multiple_of(d), "{} numbers in rows of {d}", rows.len());
        let available = InstructionSet::available();
        let set = if available.contains(&set) { set } else { available[0] };
        let mut columns = vec![Lanes::ZERO; rows.len().div_ceil(BLOCK * d) * d * STRIDE];
        for (rows, columns) in rows.chunks(BLOCK * d).zip(columns.chunks_exact_mut(d * STRIDE)) {
            set.run(Pack { rows, d, columns });
        }
        let (sums, parameters) = (LaneSums::new(BLOCK / LANES), Parameters::new());
        Self { set, n: rows.len() / d, d, columns, parameters, q: Vec::new(), sums }
    }

    /// The number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The log density of each row under a mixture, as [`ln_densities`].
    ///
    /// # Panics
    /// If dimensions or lengths do not fit each other: a fault of the caller's code, not of data.
    pub fn ln_densities(&mut self, mixture: &Mixture, out: &mut [f64]) {
        assert!(out.len() == self.n, "{} places for {} rows", out.len(), self.n);
        self.set_mixture(mixture);
        let (unit, Self { set, d, columns, parameters, q, sums, .. }) = (ln_unit(&self.parameters), self);
        for (out, columns) in out.chunks_mut(BLOCK).zip(columns.chunks_exact(*d * STRIDE)) {
            let LaneSums { largest, total } = sums;
            let vectors = out.len().div_ceil(LANES);
            let sums = (&mut largest[..vectors], &mut total[..vectors]);
            Block { parameters, columns, q, sums, fresh: true }.run_on(*set);
            let lanes = numbers(largest).zip(numbers(total));
            out.iter_mut().zip(lanes).for_each(|(out, (largest, total))| *out = largest * unit + total.ln());
        }
    }

    /// Adds the density of each row under a mixture to a sum of each row.
    ///
    /// # Panics
    /// If dimensions or lengths do not fit each other, or the sums have terms under mixtures of another shape: a fault of the
    /// caller's code, not of data.
    pub fn add_to(&mut self, mixture: &Mixture, sums: &mut DensitySums) {
        assert!(sums.n == self.n, "sums of {} rows for {}", sums.n, self.n);
        self.set_mixture(mixture);
        let unit = ln_unit(&self.parameters);
        assert!(*sums.unit.get_or_insert(unit) == unit, "densities under mixtures of different shapes");
        let lanes = sums.lanes.largest.chunks_mut(BLOCK / LANES).zip(sums.lanes.total.chunks_mut(BLOCK / LANES));
        for (sums, columns) in lanes.zip(self.columns.chunks_exact(self.d * STRIDE)) {
            Block { parameters: &self.parameters, columns, q: &mut self.q, sums, fresh: false }.run_on(self.set);
        }
    }

    fn set_mixture(&mut self, mixture: &Mixture) {
        assert!(mixture.d() == self.d, "a mixture in {} dimensions on {} columns", mixture.d(), self.d);
        self.parameters.set(mixture);
        self.q.resize((mixture.k() | 1) * STRIDE, Lanes::ZERO);
    }
}

/// The natural logarithm of the density at q = 1.
fn ln_unit(parameters: &Parameters) -> f64 {
    std::f64::consts::LN_2 * if parameters.roots() { 2.0 } else { 1.0 }
}

/// A sum of densities of each row, under mixtures of one shape and dimension, without overflow or underflow: what the
/// average over draws of a posterior needs, at one exponential a draw and row besides those of the components, and no
/// logarithm.
#[derive(Debug, Clone)]
pub struct DensitySums {
    n: usize,
    /// The natural logarithm of the unit of q, once there is a term.
    unit: Option<f64>,
    lanes: LaneSums,
}

impl DensitySums {
    /// No terms yet, for n rows: 16 bytes for each.
    pub fn new(n: usize) -> Self {
        Self { n, unit: None, lanes: LaneSums::new(n.div_ceil(LANES)) }
    }

    /// Adds the sums of other terms of the same rows. Terms that are added in another order differ by rounding.
    ///
    /// # Panics
    /// If the sums are not of as many rows, or of terms under mixtures of another shape: a fault of the caller's code.
    pub fn merge(&mut self, other: &Self) {
        assert!(self.n == other.n, "sums of {} rows and of {}", self.n, other.n);
        let Some(unit) = other.unit else { return };
        assert!(*self.unit.get_or_insert(unit) == unit, "densities under mixtures of different shapes");
        let (mine, others) = (&mut self.lanes, &other.lanes);
        let largest = numbers_mut(&mut mine.largest).zip(numbers(&others.largest));
        let totals = numbers_mut(&mut mine.total).zip(numbers(&others.total));
        for ((largest, other_largest), (total, other_total)) in largest.zip(totals) {
            let most = largest.max(*other_largest);
            *total = *total * ((*largest - most) * unit).exp() + other_total * ((other_largest - most) * unit).exp();
            *largest = most;
        }
    }

    /// The natural logarithm of each sum (n), -infinity of none.
    pub fn ln(&self) -> Vec<f64> {
        let unit = self.unit.unwrap_or(1.0);
        let lanes = numbers(&self.lanes.largest).zip(numbers(&self.lanes.total));
        lanes.take(self.n).map(|(largest, total)| largest * unit + total.ln()).collect()
    }
}

/// The numbers in lanes, in order.
fn numbers(lanes: &[Lanes]) -> impl Iterator<Item = &f64> {
    lanes.iter().flat_map(|lanes| &lanes.0)
}

/// The same, to be changed.
fn numbers_mut(lanes: &mut [Lanes]) -> impl Iterator<Item = &mut f64> {
    lanes.iter_mut().flat_map(|lanes| &mut lanes.0)
}

/// Rows of one block to columns.
struct Pack<'a> {
    rows: &'a [f64],
    d: usize,
    columns: &'a mut [Lanes],
}

impl Work for Pack<'_> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        let Self { rows, d, columns } = self;
        pack(s, rows, d, rows.len() / d, columns);
    }
}

/// One block of rows under a mixture: what `fresh` sums were before does not count.
struct Block<'a> {
    parameters: &'a Parameters,
    columns: &'a [Lanes],
    q: &'a mut [Lanes],
    sums: (&'a mut [Lanes], &'a mut [Lanes]),
    fresh: bool,
}

impl Block<'_> {
    /// Each kind of block is a function of its own for each instruction set.
    fn run_on(self, set: InstructionSet) {
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
}

/// A block of full covariances in D <= 4 dimensions.
struct Small<'a, const D: usize>(Block<'a>);

impl<const D: usize> Work for Small<'_, D> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        let Block { parameters, columns, q, sums, fresh } = self.0;
        ln_joint_small::<S, D>(s, parameters, (columns, &[]), sums.0.len(), q);
        add::<S, false>(s, parameters.k(), q, sums, fresh);
    }
}

/// A block of full covariances in more dimensions, whose exponentials are roots.
struct Full<'a>(Block<'a>);

impl Work for Full<'_> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        let Block { parameters, columns, q, sums, fresh } = self.0;
        ln_joint_full::<S, G>(s, parameters, (columns, &[]), sums.0.len(), q);
        add::<S, true>(s, parameters.k(), q, sums, fresh);
    }
}

/// A block of diagonal covariances, or isotropic ones with ONE.
struct Axes<'a, const ONE: bool>(Block<'a>);

impl<const ONE: bool> Work for Axes<'_, ONE> {
    #[inline(always)]
    fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
        let Block { parameters, columns, q, sums, fresh } = self.0;
        ln_joint_axes::<S, G, ONE>(s, parameters, (columns, &[]), sums.0.len(), q);
        add::<S, false>(s, parameters.k(), q, sums, fresh);
    }
}

/// Adds `2^q` of all components, or its square with ROOTS, to the sums of the rows.
#[inline(always)]
fn add<S: Simd, const ROOTS: bool>(
    s: S,
    k: usize,
    q: &mut [Lanes],
    (largest, totals): (&mut [Lanes], &mut [Lanes]),
    fresh: bool,
) {
    for ((q, before), total) in q.chunks_exact_mut(k | 1).zip(largest).zip(totals) {
        let q = &mut q[..k];
        let least = if fresh { s.splat(f64::MIN) } else { s.load(before) };
        let most = q.iter().fold(least, |most, q| s.max(most, s.load(q)));
        let mut sum = s.splat(0.0);
        if !fresh {
            exponentials::<S, ROOTS>(
                s,
                std::slice::from_mut(before),
                most,
                #[inline(always)]
                |e, _| sum = s.mul(if ROOTS { s.mul(e, e) } else { e }, s.load(total)),
            );
        }
        exponentials::<S, ROOTS>(
            s,
            q,
            most,
            #[inline(always)]
            |e, _| sum = s.add(sum, if ROOTS { s.mul(e, e) } else { e }),
        );
        s.store(most, before);
        s.store(sum, total);
    }
}
