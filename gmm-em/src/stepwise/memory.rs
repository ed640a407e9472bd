//! Statistics that forget: a running mean of those of blocks, and its average.

use gmm_core::Statistics;

/// The first step is `3^-exponent`.
const OFFSET: f64 = 2.0;

/// The statistics that stepwise EM maximises, and their average over the blocks.
///
/// ```text
/// s_t = (1 - gamma_t) s_{t-1} + gamma_t n/b E_t[sum of the b rows of block t],   gamma_t = (t + 2)^-exponent
/// a_t = (1 - omega_t) a_{t-1} + omega_t s_t,                                     omega_t = 2 / (t + 1)
/// ```
///
/// The steps are those of Liang & Klein (2009). The second line is averaging after Polyak & Ruppert with the weights of
/// Lacoste-Julien, Schmidt & Bach (2012), where s_t counts in proportion to t: the start is forgotten with the square
/// of t. Both sums are of the centred statistics, by their merge.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    exponent: f64,
    t: usize,
    current: Statistics,
    average: Option<Statistics>,
}

impl Memory {
    /// From the statistics of all rows at the start.
    pub(crate) fn new(start: &Statistics, exponent: f64, average: bool) -> Self {
        Self { exponent, t: 0, current: start.clone(), average: average.then(|| start.clone()) }
    }

    /// Takes in a block, whose statistics are scaled to all rows.
    pub(crate) fn follow(&mut self, block: &mut Statistics) {
        self.t += 1;
        let t = self.t as f64;
        mix(&mut self.current, block, (t + OFFSET).powf(-self.exponent));
        if let Some(average) = &mut self.average {
            mix(average, &mut self.current.clone(), 2.0 / (t + 1.0));
        }
    }

    /// What the next M-step maximises.
    pub(crate) fn current(&self) -> &Statistics {
        &self.current
    }

    /// What the estimate is made of.
    pub(crate) fn estimate(&self) -> &Statistics {
        self.average.as_ref().unwrap_or(&self.current)
    }
}

/// `(1 - fraction) a + fraction b` into a; b is scaled.
fn mix(a: &mut Statistics, b: &mut Statistics, fraction: f64) {
    a.scale(1.0 - fraction);
    b.scale(fraction);
    a.merge(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Shape;

    /// Raw sums (N, sum x, sum x^2) of one component in one dimension.
    fn sums(statistics: &Statistics) -> [f64; 3] {
        let (n, mean) = (statistics.weights()[0], statistics.mean(0)[0]);
        [n, n * mean, statistics.scatter(0).get(0, 0) + n * mean * mean]
    }

    #[test]
    fn raw_sums_follow_the_recursions_written_out() {
        let block = |rows: &[f64]| {
            let mut statistics = Statistics::new(Shape::Full, 1, 1);
            rows.iter().for_each(|x| statistics.push(0, 1.0, &[*x]));
            statistics
        };
        let start = block(&[1.0, 2.0, 6.0]);
        let (mut memory, mut s) = (Memory::new(&start, 0.7, true), sums(&start));
        let mut a = s;
        for (t, rows) in [[3.0, 4.0, -1.0], [0.5, 0.0, 7.0], [2.0, 2.5, 9.0]].iter().enumerate() {
            memory.follow(&mut block(rows));
            let (t, b) = (t as f64 + 1.0, sums(&block(rows)));
            let (gamma, omega) = ((t + 2.0).powf(-0.7), 2.0 / (t + 1.0));
            for i in 0..3 {
                s[i] += gamma * (b[i] - s[i]);
                a[i] += omega * (s[i] - a[i]);
                assert!((sums(memory.current())[i] - s[i]).abs() < 1e-12, "t {t}, sum {i}");
                assert!((sums(memory.estimate())[i] - a[i]).abs() < 1e-12, "t {t}, average {i}");
            }
        }
    }
}
