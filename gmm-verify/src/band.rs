//! Simultaneous bands of the empirical distribution function of ranks, exactly.

use std::ops::RangeInclusive;

/// The distribution of how many of N independent uniform ranks from 0 to L are at most r, for all r at once.
///
/// A band leaves out the counts whose binomial tail probability is at most g/2 at some r, with the same g for all:
///
/// ```text
/// c_r ~ Binomial(N, (r + 1) / (L + 1)),   r = 0..L-1
/// inside:  P(Bin <= c_r) > g/2  and  P(Bin >= c_r) > g/2   for every r
/// ```
///
/// Säilynoja, Bürkner & Vehtari (2022) choose g so that independent ranks stay inside with the probability asked for. That
/// probability is computed here by their recursion, without simulation: counts are a Markov chain,
///
/// ```text
/// c_r - c_(r-1)  given  c_(r-1)   ~   Binomial(N - c_(r-1), 1 / (L + 1 - r))
/// ```
///
/// It takes O(L w^2) operations for bands of width w, about 6 sqrt(N) / 2.
///
/// ```
/// use gmm_verify::band::UniformRanks;
/// let ranks = UniformRanks::new(200, 99);
/// let band = ranks.band(0.95);
/// assert!(ranks.coverage(band.pointwise) >= 0.95);
/// assert!(band.pointwise < 0.05 && band.counts[49].contains(&100));
/// ```
#[derive(Debug, Clone)]
pub struct UniformRanks {
    n: usize,
    last: usize,
    ln_factorials: Vec<f64>,
}

/// Counts that are no surprise.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// The probability that all counts of independent uniform ranks are inside, at least.
    pub level: f64,
    /// The probability g that one given count is outside, at most.
    pub pointwise: f64,
    /// The counts of ranks at most r that are inside, for r from 0 to L - 1.
    pub counts: Vec<RangeInclusive<usize>>,
}

/// How the level of a band is found: halvings of the logarithm of g.
const HALVINGS: usize = 40;

impl UniformRanks {
    /// Of `n` ranks from 0 to `last`.
    pub fn new(n: usize, last: usize) -> Self {
        let mut ln_factorials = vec![0.0; n + 1];
        for i in 1..=n {
            ln_factorials[i] = ln_factorials[i - 1] + (i as f64).ln();
        }
        Self { n, last, ln_factorials }
    }

    /// The widest band of the kind that holds uniform ranks with probability `level` or more, but for the steps of the
    /// search. Of no ranks, or of ranks that are all 0, the band holds everything.
    pub fn band(&self, level: f64) -> Band {
        let (mut below, mut above) = ((1e-300f64).ln(), 0.0f64);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (below + above);
            match self.coverage(middle.exp()) >= level {
                true => below = middle,
                false => above = middle,
            }
        }
        let pointwise = below.exp();
        Band { level, pointwise, counts: self.inside(pointwise) }
    }

    /// The probability that all counts of independent uniform ranks are inside the band of g.
    pub fn coverage(&self, g: f64) -> f64 {
        let inside = self.inside(g);
        // The probabilities of the counts from `start` on, of those that stayed inside.
        let (mut start, mut probabilities) = (0, vec![1.0]);
        for (r, counts) in inside.iter().enumerate() {
            let share = 1.0 / (self.last + 1 - r) as f64;
            let (ln_share, ln_rest) = (share.ln(), (-share).ln_1p());
            let mut next = vec![0.0; counts.end().saturating_sub(*counts.start()) + usize::from(!counts.is_empty())];
            for (i, p) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                let before = start + i;
                let n = self.n - before;
                let first = before.max(*counts.start());
                for (count, next) in (first..=*counts.end()).zip(next.iter_mut().skip(first - counts.start())) {
                    let new = count - before;
                    let ways = self.ln_factorials[n] - self.ln_factorials[new] - self.ln_factorials[n - new];
                    *next += p * (ways + new as f64 * ln_share + (n - new) as f64 * ln_rest).exp();
                }
            }
            (start, probabilities) = (*counts.start(), next);
        }
        probabilities.iter().sum::<f64>().min(1.0)
    }

    /// The p-value of counts (L, of ranks at most r): the probability that independent uniform ranks have a count as
    /// improbable as the most improbable one of these.
    pub fn p_value(&self, counts: &[usize]) -> f64 {
        let tails = counts.iter().enumerate().map(|(r, count)| {
            let terms = self.probabilities(r);
            let lower: f64 = terms[..=*count].iter().sum();
            let upper: f64 = terms[*count..].iter().rev().sum();
            lower.min(upper)
        });
        let least = tails.fold(1.0, f64::min);
        // Rounding of the sums must not put the count inside.
        let g = (2.0 * least * (1.0 + 1e-9)).min(1.0);
        let bound = (self.last as f64 * g).min(1.0);
        // The complement of a coverage has no digits left where the bound of the union is that small.
        if bound < 1e-10 { bound } else { (1.0 - self.coverage(g)).clamp(0.0, bound) }
    }

    /// The counts inside at each r.
    fn inside(&self, g: f64) -> Vec<RangeInclusive<usize>> {
        (0..self.last)
            .map(|r| {
                let terms = self.probabilities(r);
                // Near g = 1 there may be no count inside: the range is empty then.
                let from = passed(terms.iter(), 0.5 * g).unwrap_or(self.n);
                let to = self.n - passed(terms.iter().rev(), 0.5 * g).unwrap_or(self.n);
                from..=to
            })
            .collect()
    }

    /// The binomial probabilities (n + 1) of the counts at r.
    fn probabilities(&self, r: usize) -> Vec<f64> {
        let p = (r + 1) as f64 / (self.last + 1) as f64;
        let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
        let n = self.n;
        let ln_term = |c: usize| {
            let ways = self.ln_factorials[n] - self.ln_factorials[c] - self.ln_factorials[n - c];
            ways + c as f64 * ln_p + (n - c) as f64 * ln_q
        };
        (0..=n).map(|c| ln_term(c).exp()).collect()
    }
}

/// Where the cumulative sum of terms passes a bound.
fn passed<'a>(terms: impl Iterator<Item = &'a f64>, bound: f64) -> Option<usize> {
    let mut sum = 0.0;
    terms.enumerate().find_map(|(i, term)| {
        sum += term;
        (sum > bound).then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Streams;
    use rand::RngExt;

    fn counts(ranks: &[usize], last: usize) -> Vec<usize> {
        (0..last).map(|r| ranks.iter().filter(|rank| **rank <= r).count()).collect()
    }

    /// All 4^3 sequences of three ranks from 0 to 3.
    #[test]
    fn coverages_and_p_values_of_three_ranks_are_those_of_all_sequences() {
        let uniform = UniformRanks::new(3, 3);
        let all: Vec<Vec<usize>> = (0..64).map(|code| counts(&[code % 4, code / 4 % 4, code / 16], 3)).collect();
        for g in [0.9, 0.3, 0.1, 0.05, 0.01] {
            let inside = uniform.inside(g);
            let within = all.iter().filter(|c| c.iter().zip(&inside).all(|(c, range)| range.contains(c))).count();
            assert!((uniform.coverage(g) - within as f64 / 64.0).abs() < 1e-12, "{g}");
        }
        // Of a p-value p, at most p of the sequences have one as small; and some p-value is attained with equality.
        let p_values: Vec<f64> = all.iter().map(|counts| uniform.p_value(counts)).collect();
        for p in &p_values {
            let as_small = p_values.iter().filter(|q| **q <= p + 1e-9).count() as f64 / 64.0;
            assert!((as_small - p).abs() < 1e-7, "{p} {as_small}");
        }
    }

    /// 4000 times 150 ranks; within 4 standard errors, false alarm 6e-5.
    #[test]
    fn simulated_ranks_stay_inside_as_often_as_the_level_says() {
        let (n, last, repeats) = (150, 99, 4000);
        let uniform = UniformRanks::new(n, last);
        let mut rng = Streams::new(3).rng(0);
        let samples: Vec<Vec<usize>> = (0..repeats)
            .map(|_| counts(&(0..n).map(|_| rng.random_range(0..=last)).collect::<Vec<_>>(), last))
            .collect();
        for level in [0.5, 0.9, 0.99] {
            let band = uniform.band(level);
            let nominal = uniform.coverage(band.pointwise);
            // Counts are whole numbers: the level is met as well as they let it.
            assert!((level..level + 0.05).contains(&nominal), "{level} {nominal}");
            let inside = samples.iter().filter(|c| c.iter().zip(&band.counts).all(|(c, r)| r.contains(c))).count();
            let error = (nominal * (1.0 - nominal) / repeats as f64).sqrt();
            let share = inside as f64 / repeats as f64;
            assert!((share - nominal).abs() < 4.0 * error, "{level}: {share} where {nominal} was expected");
        }
    }

    #[test]
    fn ranks_that_are_far_from_uniform_have_tiny_p_values() {
        let uniform = UniformRanks::new(1000, 99);
        let low: Vec<usize> = (0..1000).map(|i| i % 50).collect();
        let p = uniform.p_value(&counts(&low, 99));
        assert!(p > 0.0 && p < 1e-100, "{p}");
        let even: Vec<usize> = (0..1000).map(|i| i % 100).collect();
        assert!(uniform.p_value(&counts(&even, 99)) > 0.99);
    }
}
