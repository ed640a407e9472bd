//! Autocovariances of chains, one lag at a time as they are asked for.

use super::draws::{Draws, mean};

/// The chains less their own means.
///
/// A lag costs one pass over the draws. Chains that mix need few lags, which is cheaper than the Fourier transform of
/// all; a chain that is stuck needs all of them, n^2 / 2 products per chain.
#[derive(Debug)]
pub(super) struct Autocovariance {
    centred: Draws,
}

impl Autocovariance {
    pub(super) fn new(draws: &Draws) -> Self {
        let centred = draws.chains().flat_map(|chain| {
            let mean = mean(chain);
            chain.iter().map(move |value| value - mean)
        });
        Self { centred: draws.with_values(centred.collect()) }
    }

    /// The mean over the chains of `1/n sum_i (x_i - m) (x_(i + lag) - m)`, where m is the mean of the chain and n
    /// its length, whatever the lag.
    pub(super) fn at(&self, lag: usize) -> f64 {
        let sum: f64 = self.centred.chains().map(|chain| dot(&chain[lag..], chain)).sum();
        sum / self.centred.values().len() as f64
    }
}

/// The sum of products of two slices, as far as the first one reaches.
///
/// Eight sums at once: a single one would wait for each addition before the next.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (left_blocks, left_rest) = left.as_chunks::<8>();
    let (right_blocks, right_rest) = right[..left.len()].as_chunks::<8>();
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        for lane in 0..8 {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autocovariances_agree_with_their_definition() {
        let chains: Vec<Vec<f64>> = (0..3)
            .map(|chain| (0..29).map(|draw| f64::from((draw * 17 + chain * 5) % 23) + f64::from(chain)).collect())
            .collect();
        let autocovariance = Autocovariance::new(&Draws::new(&chains).unwrap());
        for lag in 0..29 {
            let by_definition: f64 = chains
                .iter()
                .map(|chain| {
                    let mean = chain.iter().sum::<f64>() / 29.0;
                    (0..29 - lag).map(|draw| (chain[draw] - mean) * (chain[draw + lag] - mean)).sum::<f64>() / 29.0
                })
                .sum();
            assert!((autocovariance.at(lag) - by_definition / 3.0).abs() < 1e-12, "lag {lag}");
        }
    }
}
