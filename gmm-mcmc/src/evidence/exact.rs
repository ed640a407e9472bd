//! The exact posterior of a few rows, by a sum over all their partitions.

use gmm_core::{Data, Model, Statistics};
use statrs::function::gamma::ln_gamma;

use super::NoEvidence;
use super::permanent::ln_factorial;

/// The most rows that [`enumerate`] takes: Bell(12) = 4,213,597 partitions.
pub const MOST_ROWS: usize = 12;

/// What is known exactly of the posterior of a few rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Enumeration {
    /// The evidence `ln m(y)`.
    pub ln_evidence: f64,
    /// The posterior probabilities that 1, 2, .., K components have rows.
    pub p_occupied: Vec<f64>,
    /// The posterior probabilities that two rows come from the same component, n x n.
    pub together: Vec<Vec<f64>>,
}

/// Sums over all partitions of the rows into at most K sets, with the parameters integrated out.
///
/// ```text
/// m(y) = sum over partitions C  prod_{c in C} m(y_c)  Gamma(A) / Gamma(A + n) sum_f prod_c Gamma(a_f(c) + n_c) / Gamma(a_f(c))
/// ```
///
/// with A = sum a, and f over the ways to give the sets of rows distinct components: K! / (K - |C|)! equal terms for a
/// symmetric prior. Of a tied covariance the product of marginals is one marginal of all sets. Costs a partition
/// O(n d^2 + K d^3), and 2^K K more where concentrations differ.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Structure};
/// let data = Data::from_rows(&[[0.0], [0.5], [4.0], [4.5]])?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let exact = gmm_mcmc::evidence::enumerate(&model, &data)?;
/// assert!(exact.together[0][1] > exact.together[0][2]);
/// assert!((exact.p_occupied.iter().sum::<f64>() - 1.0).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NoEvidence`] if there are more than [`MOST_ROWS`] rows, the prior is flat, the data have another dimension than the
/// model, concentrations differ among more than 16 components, or a marginal leaves the range of doubles.
pub fn enumerate(model: &Model, data: &Data) -> Result<Enumeration, NoEvidence> {
    let (n, k) = (data.n(), model.k());
    if n > MOST_ROWS {
        return Err(NoEvidence::TooManyRows { n, most: MOST_ROWS });
    }
    if !model.is_proper() {
        return Err(NoEvidence::FlatPrior);
    }
    if data.d() != model.d() {
        return Err(NoEvidence::OtherData { what: "columns", found: data.d(), expected: model.d() });
    }
    let ways = Ways::new(model.prior().weights.concentration())?;
    let mut sums = Sums::new(n, k);
    let mut labels = vec![0; n];
    let mut posterior = model.posterior(&model.blank_statistics());
    loop {
        let statistics = Statistics::from_partition(data, &labels, model.shape(), k);
        posterior.update(&statistics);
        let marginal = posterior.ln_marginal().filter(|ln| ln.is_finite());
        let ln_marginal = marginal.ok_or(NoEvidence::NoMarginal)?;
        let n_sets = labels.iter().max().map_or(0, |last| last + 1);
        sums.add(ln_marginal + ways.ln(&statistics.weights()[..n_sets]), &labels, n_sets);
        if !next_partition(&mut labels, k) {
            return Ok(sums.normalised());
        }
    }
}

/// The next partition into at most `k` sets: labels that grow by one at most beyond all before them (Knuth, The Art of
/// Computer Programming 4A, 7.2.1.5).
fn next_partition(labels: &mut [usize], k: usize) -> bool {
    for i in (1..labels.len()).rev() {
        let most = labels[..i].iter().max().map_or(0, |last| last + 1).min(k - 1);
        if labels[i] < most {
            labels[i] += 1;
            labels[i + 1..].fill(0);
            return true;
        }
    }
    false
}

/// In how many ways, weighed by the prior of the weights, sets of rows are given components.
enum Ways<'a> {
    /// Equal concentrations: only the number of sets counts.
    Symmetric { k: usize },
    /// The first sets have the first components in a marginal; others are compared with that.
    Different(&'a [f64]),
}

impl<'a> Ways<'a> {
    fn new(concentration: &'a [f64]) -> Result<Self, NoEvidence> {
        let k = concentration.len();
        match concentration.iter().all(|a| *a == concentration[0]) {
            true => Ok(Self::Symmetric { k }),
            false if k > 16 => Err(NoEvidence::TooManyComponents { k, most: 16 }),
            false => Ok(Self::Different(concentration)),
        }
    }

    /// The logarithm of the sum over all ways, relative to the way that gives set c component c.
    fn ln(&self, counts: &[f64]) -> f64 {
        match self {
            Self::Symmetric { k } => ln_factorial(*k) - ln_factorial(k - counts.len()),
            Self::Different(concentration) => {
                let ln_rising = |a: f64, n: f64| ln_gamma(a + n) - ln_gamma(a);
                let own: f64 = counts.iter().zip(*concentration).map(|(n, a)| ln_rising(*a, *n)).sum();
                // By sets of components that are taken, as a permanent.
                let mut sums = vec![0.0; 1 << concentration.len()];
                sums[0] = (-own).exp();
                let mut all = 0.0;
                for set in 1usize..sums.len() {
                    let taken = set.count_ones() as usize;
                    if taken <= counts.len() {
                        let factor = |j: usize| ln_rising(concentration[j], counts[taken - 1]).exp();
                        let chosen = (0..concentration.len()).filter(|j| set >> j & 1 == 1);
                        sums[set] = chosen.map(|j| sums[set & !(1 << j)] * factor(j)).sum();
                        all += if taken == counts.len() { sums[set] } else { 0.0 };
                    }
                }
                all.ln()
            }
        }
    }
}

/// Sums of probabilities relative to the largest so far.
struct Sums {
    ln_largest: f64,
    total: f64,
    occupied: Vec<f64>,
    together: Vec<Vec<f64>>,
}

impl Sums {
    fn new(n: usize, k: usize) -> Self {
        Self { ln_largest: f64::NEG_INFINITY, total: 0.0, occupied: vec![0.0; k], together: vec![vec![0.0; n]; n] }
    }

    fn add(&mut self, ln: f64, labels: &[usize], n_sets: usize) {
        if ln > self.ln_largest {
            self.scale((self.ln_largest - ln).exp());
            self.ln_largest = ln;
        }
        let p = (ln - self.ln_largest).exp();
        self.total += p;
        self.occupied[n_sets - 1] += p;
        for (row, a) in self.together.iter_mut().zip(labels) {
            for (sum, b) in row.iter_mut().zip(labels) {
                *sum += if a == b { p } else { 0.0 };
            }
        }
    }

    fn scale(&mut self, factor: f64) {
        self.total *= factor;
        self.occupied.iter_mut().chain(self.together.iter_mut().flatten()).for_each(|sum| *sum *= factor);
    }

    fn normalised(mut self) -> Enumeration {
        let ln_evidence = self.ln_largest + self.total.ln();
        self.scale(1.0 / self.total);
        Enumeration { ln_evidence, p_occupied: self.occupied, together: self.together }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Prior, Shape, Structure, log_sum_exp};

    #[test]
    fn partitions_are_counted_by_the_numbers_of_stirling_and_bell() {
        // Of six rows: into at most 1, 2, .. sets.
        for (k, expected) in [(1, 1), (2, 32), (3, 122), (4, 187), (5, 202), (6, 203), (9, 203)] {
            let mut labels = vec![0; 6];
            let mut count = 1;
            while next_partition(&mut labels, k) {
                count += 1;
            }
            assert_eq!(count, expected, "{k}");
        }
    }

    #[test]
    fn different_concentrations_are_summed_over_all_labelled_allocations() {
        let data = Data::from_rows(&[[0.0], [0.3], [2.0], [2.4], [5.0]]).unwrap();
        let symmetric = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
        for concentration in [vec![0.5, 2.0, 1.0], vec![1.0, 1.0, 3.0], vec![0.7; 3]] {
            let weights = Model::dirichlet(concentration).unwrap();
            let prior = Prior { weights, components: symmetric.prior().components.clone() };
            let model = Model::new(1, Structure::Free(Shape::Full), prior).unwrap();
            let (mut terms, mut pairs) = (Vec::new(), Vec::new());
            for code in 0..3usize.pow(5) {
                let labels: Vec<usize> = (0..5).map(|i| code / 3usize.pow(i) % 3).collect();
                let statistics = Statistics::from_partition(&data, &labels, Shape::Full, 3);
                terms.push(model.posterior(&statistics).ln_marginal().unwrap());
                pairs.push(labels[1] == labels[3]);
            }
            let all = log_sum_exp(&terms);
            let together: f64 = terms.iter().zip(&pairs).filter(|(_, p)| **p).map(|(t, _)| (t - all).exp()).sum();
            let exact = enumerate(&model, &data).unwrap();
            assert!((exact.ln_evidence - all).abs() < 1e-12, "{} {all}", exact.ln_evidence);
            assert!((exact.together[1][3] - together).abs() < 1e-12);
            assert_eq!(exact.together[3][1], exact.together[1][3]);
        }
    }

    #[test]
    fn what_cannot_be_enumerated_is_refused() {
        let data = Data::from_rows(&(0..13).map(|i| [f64::from(i)]).collect::<Vec<_>>()).unwrap();
        let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
        assert_eq!(enumerate(&model, &data), Err(NoEvidence::TooManyRows { n: 13, most: 12 }));
        let two = Data::from_rows(&[[0.0, 1.0]]).unwrap();
        let other = NoEvidence::OtherData { what: "columns", found: 2, expected: 1 };
        assert_eq!(enumerate(&model, &two), Err(other));
        let few = Data::from_rows(&[[0.0]]).unwrap();
        assert_eq!(enumerate(&model.without_prior(), &few), Err(NoEvidence::FlatPrior));
    }
}
