//! Permanents of positive matrices on the log scale: the sum of a product over all permutations, without listing them.

use gmm_core::Assignment;
use rand::{Rng, RngExt};

/// Below this a sum over permutations is not to be trusted: what it left out may have been rounded to zero.
const SMALLEST: f64 = 1e-150;

/// Up to this size all permutations are cheaper than finding those that do not count.
const SMALL: usize = 6;

/// What is left out of a permanent, relative to it, is below `exp(-40)`.
const LN_NEGLIGIBLE: f64 = -40.0;

/// The permanent of a matrix, and whether all permutations were summed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LnPermanent {
    /// Its logarithm, or that of an unbiased estimate.
    pub(crate) value: f64,
    /// False if it is an estimate.
    pub(crate) exact: bool,
}

/// How to estimate a permanent that is too large.
pub(crate) struct Sampling<'a> {
    /// Permutations, at least 1.
    pub(crate) n: usize,
    /// What they are drawn from.
    pub(crate) rng: &'a mut dyn Rng,
}

/// Permanents one after another, in memory that is reused.
///
/// ```text
/// per(A) = sum over permutations s of prod_i A[i, s(i)]
/// ```
///
/// The sum is built row by row over the sets of columns that are taken, `f(J) = sum_{j in J} f(J - j) A[|J|, j]`:
/// K 2^(K-1) products of positive numbers instead of K! and no cancellation, unlike the formulas of Ryser and Glynn.
///
/// Rows and columns are first scaled by the prices of the best assignment, so that no entry exceeds 1 and the best
/// permutation counts 1. Entries below `exp(-40) / K!` are then left out. What is left falls into blocks, the strongly
/// connected components of the graph of the exchanges that count, and the permanent is the product of theirs:
/// components that are far apart cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Permanent {
    assignment: Assignment,
    costs: Vec<f64>,
    scaled: Vec<f64>,
    prices: Vec<f64>,
    reaches: Vec<bool>,
    seen: Vec<bool>,
    members: Vec<usize>,
    block: Vec<f64>,
    sums: Vec<f64>,
    free: Vec<usize>,
}

impl Permanent {
    /// No memory yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The logarithm of the permanent of the K x K matrix `exp(ln)`, of finite logarithms. `None` if a block is larger than
    /// `most`.
    pub(crate) fn ln_all(&mut self, ln: &[f64], k: usize, most: usize) -> Option<f64> {
        self.ln(ln, k, most, None).map(|permanent| permanent.value)
    }

    /// As [`ln_all`](Self::ln_all), blocks larger than `most` estimated without bias from permutations that are drawn.
    pub(crate) fn ln_sampled(&mut self, ln: &[f64], k: usize, most: usize, sampling: Sampling<'_>) -> LnPermanent {
        // Nothing is too large to be sampled.
        self.ln(ln, k, most, Some(sampling)).unwrap_or(LnPermanent { value: f64::NAN, exact: false })
    }

    fn ln(&mut self, ln: &[f64], k: usize, most: usize, sampling: Option<Sampling<'_>>) -> Option<LnPermanent> {
        if k == 1 {
            return Some(LnPermanent { value: ln[0], exact: true });
        }
        if k <= SMALL.min(most)
            && let Some(value) = self.by_rows(ln, k)
        {
            return Some(LnPermanent { value, exact: true });
        }
        self.by_blocks(ln, k, most, sampling)
    }

    /// All permutations after dividing each row by its largest entry; `None` if that is no good scale.
    fn by_rows(&mut self, ln: &[f64], k: usize) -> Option<f64> {
        self.scaled.clear();
        let mut scale = 0.0;
        for row in ln.chunks_exact(k) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            scale += largest;
            self.scaled.extend(row.iter().map(|x| (x - largest).exp()));
        }
        let sum = sum_over_permutations(&self.scaled, k, &mut self.sums);
        (sum > SMALLEST).then(|| scale + sum.ln())
    }

    fn by_blocks(
        &mut self,
        ln: &[f64],
        k: usize,
        most: usize,
        mut sampling: Option<Sampling<'_>>,
    ) -> Option<LnPermanent> {
        let mut permanent = LnPermanent { value: self.scale(ln, k), exact: true };
        self.connect(k);
        self.seen.clear();
        self.seen.resize(k, false);
        for first in 0..k {
            if self.seen[first] {
                continue;
            }
            self.members.clear();
            self.members.extend(
                (first..k).filter(|&i| i == first || self.reaches[first * k + i] && self.reaches[i * k + first]),
            );
            self.block.clear();
            for &i in &self.members {
                self.seen[i] = true;
                self.block.extend(self.members.iter().map(|&j| self.scaled[i * k + j]));
            }
            let size = self.members.len();
            let sum = match &mut sampling {
                _ if size <= most => sum_over_permutations(&self.block, size, &mut self.sums),
                None => return None,
                Some(Sampling { n, rng }) => {
                    permanent.exact = false;
                    let draws: f64 = (0..*n).map(|_| one_permutation(&self.block, size, &mut self.free, *rng)).sum();
                    draws / *n as f64
                }
            };
            permanent.value += sum.ln();
        }
        Some(permanent)
    }

    /// Fills `scaled` with the matrix after dividing rows and columns by their prices, its columns in the order of the best
    /// assignment, which so is its diagonal of ones; what does not count is 0. Returns the logarithm of all prices.
    fn scale(&mut self, ln: &[f64], k: usize) -> f64 {
        self.costs.clear();
        self.costs.extend(ln.iter().map(|x| -x));
        let places = self.assignment.solve(&self.costs, k);
        // The price of row i is the least that leaves no entry above 1: a shortest path (Bellman & Ford).
        self.prices.clear();
        self.prices.resize(k, 0.0);
        for _ in 0..k {
            let mut changed = false;
            for i in 0..k {
                for j in 0..k {
                    let through = self.prices[i] + ln[j * k + places[j]] - ln[i * k + places[j]];
                    if through < self.prices[j] {
                        self.prices[j] = through;
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
        let least = LN_NEGLIGIBLE - ln_factorial(k);
        self.scaled.clear();
        for i in 0..k {
            for j in 0..k {
                let at = ln[i * k + places[j]] - self.prices[i] - (ln[j * k + places[j]] - self.prices[j]);
                self.scaled.push(if at < least { 0.0 } else { at.exp() });
            }
        }
        (0..k).map(|i| ln[i * k + places[i]]).sum()
    }

    /// Which rows lead to which by exchanges that count (Warshall 1962).
    fn connect(&mut self, k: usize) {
        self.reaches.clear();
        self.reaches.extend(self.scaled.iter().map(|x| *x > 0.0));
        for through in 0..k {
            for i in 0..k {
                if self.reaches[i * k + through] {
                    for j in 0..k {
                        self.reaches[i * k + j] |= self.reaches[through * k + j];
                    }
                }
            }
        }
    }
}

/// The permanent of a k x k matrix of numbers in [0, 1], by sets of columns.
fn sum_over_permutations(a: &[f64], k: usize, sums: &mut Vec<f64>) -> f64 {
    match k {
        1 => return a[0],
        2 => return a[0] * a[3] + a[1] * a[2],
        3 => {
            let two = |i: usize, j: usize| a[3 + i] * a[6 + j] + a[3 + j] * a[6 + i];
            return a[0] * two(1, 2) + a[1] * two(0, 2) + a[2] * two(0, 1);
        }
        _ => {}
    }
    sums.clear();
    sums.resize(1 << k, 0.0);
    sums[0] = 1.0;
    for set in 1usize..1 << k {
        let row = &a[(set.count_ones() as usize - 1) * k..];
        let mut rest = set;
        let mut sum = 0.0;
        while rest != 0 {
            let j = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            sum += sums[set & !(1 << j)] * row[j];
        }
        sums[set] = sum;
    }
    sums[(1 << k) - 1]
}

/// An unbiased estimate of the permanent from one permutation: row after row takes a free column with probability
/// proportional to its entry, and the sums that these are divided by multiply (Rasmussen 1994, for entries that differ).
fn one_permutation(a: &[f64], k: usize, free: &mut Vec<usize>, rng: &mut dyn Rng) -> f64 {
    free.clear();
    free.extend(0..k);
    let mut product = 1.0;
    for row in a.chunks_exact(k) {
        let total: f64 = free.iter().map(|&j| row[j]).sum();
        if total <= 0.0 {
            return 0.0;
        }
        product *= total;
        let u = rng.random::<f64>() * total;
        let mut cumulative = 0.0;
        let last = free.iter().rposition(|&j| row[j] > 0.0).unwrap_or(0);
        let chosen = (0..last).find(|&place| {
            cumulative += row[free[place]];
            u < cumulative
        });
        free.swap_remove(chosen.unwrap_or(last));
    }
    product
}

/// `ln n!`
pub(crate) fn ln_factorial(n: usize) -> f64 {
    (2..=n).map(|i| (i as f64).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Streams, log_sum_exp};

    /// All permutations, one by one.
    fn by_listing(ln: &[f64], k: usize) -> f64 {
        fn list(ln: &[f64], k: usize, row: usize, taken: usize, sum: f64, terms: &mut Vec<f64>) {
            if row == k {
                terms.push(sum);
            }
            for j in (0..k).filter(|j| taken >> j & 1 == 0) {
                list(ln, k, row + 1, taken | 1 << j, sum + ln[row * k + j], terms);
            }
        }
        let mut terms = Vec::new();
        list(ln, k, 0, 0, 0.0, &mut terms);
        log_sum_exp(&terms)
    }

    fn scattered(k: usize, spread: f64, seed: u64) -> Vec<f64> {
        let mut rng = Streams::new(seed).rng(0);
        (0..k * k).map(|_| spread * (rng.random::<f64>() - 0.5)).collect()
    }

    #[test]
    fn sums_over_sets_equal_the_list_of_all_permutations_on_any_scale() {
        let mut permanent = Permanent::new();
        for k in 1..=7 {
            for (seed, spread) in [(1, 0.0), (2, 3.0), (3, 50.0), (4, 3000.0), (5, 1e5)] {
                let ln = scattered(k, spread, seed);
                let expected = by_listing(&ln, k);
                let value = permanent.ln_all(&ln, k, 16).unwrap();
                assert!(
                    (value - expected).abs() < 1e-13 * (100.0 + expected.abs()),
                    "{k}, {spread}: {value} {expected}"
                );
                // With and without leaving out what does not count.
                let blocks = permanent.by_blocks(&ln, k, 16, None).unwrap().value;
                assert!((blocks - expected).abs() < 1e-13 * (100.0 + expected.abs()), "{k}, {spread}: {blocks}");
            }
        }
    }

    #[test]
    fn two_rows_that_want_the_same_column_do_not_make_the_sum_vanish() {
        // Scaled by rows alone both permutations would be exp(-2000).
        let ln = [0.0, -2000.0, 5.0, -1995.0];
        assert!((Permanent::new().ln_all(&ln, 2, 16).unwrap() - (-1995.0 + 2f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn far_components_fall_into_blocks_and_only_large_blocks_are_refused() {
        // 24 components in pairs: each pair exchanges, with probability a half, and no two pairs do.
        let k = 24;
        let at = |i: usize, j: usize| if i / 2 == j / 2 { -3.0 } else { -400.0 };
        let ln: Vec<f64> = (0..k * k).map(|i| at(i / k, i % k)).collect();
        let mut permanent = Permanent::new();
        let expected = -3.0 * k as f64 + 12.0 * 2f64.ln();
        assert!((permanent.ln_all(&ln, k, 2).unwrap() - expected).abs() < 1e-11);
        assert_eq!(permanent.ln_all(&ln, k, 1), None);
    }

    /// The false alarm of four standard errors is 6e-5.
    #[test]
    fn permutations_that_are_drawn_estimate_the_sum_without_bias() {
        let (k, n) = (8, 20_000);
        let ln = scattered(k, 4.0, 7);
        let mut permanent = Permanent::new();
        let exact = permanent.ln_all(&ln, k, 16).unwrap();
        let mut rng = Streams::new(8).rng(0);
        let draws: Vec<f64> = (0..n)
            .map(|_| {
                let drawn = permanent.ln_sampled(&ln, k, 7, Sampling { n: 1, rng: &mut rng });
                assert!(!drawn.exact);
                (drawn.value - exact).exp()
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        let error = (variance / f64::from(n)).sqrt();
        assert!(error < 0.02 && (mean - 1.0).abs() < 4.0 * error, "{mean} +- {error}");
        let all = permanent.ln_sampled(&ln, k, 8, Sampling { n: 1, rng: &mut rng });
        assert_eq!(all, LnPermanent { value: exact, exact: true });
    }
}
