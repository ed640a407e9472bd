//! Autocovariances of chains: the first lags one at a time as they are asked for, the others all at once.

use std::cell::{OnceCell, RefCell};

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::draws::{Draws, mean};

thread_local! {
    /// Keeps the transforms of the lengths that it has met: to plan one takes as long as to use it.
    static PLANNER: RefCell<FftPlanner<f64>> = RefCell::new(FftPlanner::new());
}

/// Lags below this are computed one by one: chains that mix need no others.
const FEW: usize = 64;

/// The chains less their own means.
///
/// A short lag costs one pass over the draws, which is cheaper than the Fourier transform of all. A chain that is stuck needs
/// all lags: the first long one that is asked for computes them together, in O(n log n).
#[derive(Debug)]
pub(super) struct Autocovariance {
    centred: Draws,
    all: OnceCell<Vec<f64>>,
}

impl Autocovariance {
    pub(super) fn new(draws: &Draws) -> Self {
        let centred = draws.chains().flat_map(|chain| {
            let mean = mean(chain);
            chain.iter().map(move |value| value - mean)
        });
        Self { centred: draws.with_values(centred.collect()), all: OnceCell::new() }
    }

    /// The mean over the chains of `1/n sum_i (x_i - m) (x_(i + lag) - m)`, where m is the mean of the chain and n
    /// its length, whatever the lag.
    pub(super) fn at(&self, lag: usize) -> f64 {
        let sum: f64 = match lag < FEW {
            true => self.centred.chains().map(|chain| dot(&chain[lag..], chain)).sum(),
            false => self.all.get_or_init(|| self.sums_of_products())[lag],
        };
        sum / self.centred.values().len() as f64
    }

    /// The sums of products of all lags, added over the chains: the inverse transform of the power spectrum of each chain,
    /// with zeros behind it so that its ends do not meet.
    ///
    /// Two chains x, y make one complex sequence x + i y, whose sums of products have the sum of theirs as real part.
    fn sums_of_products(&self) -> Vec<f64> {
        let n = self.centred.chains().map(<[f64]>::len).max().unwrap_or(0);
        let length = (2 * n).next_power_of_two();
        let (forward, inverse) =
            PLANNER.with_borrow_mut(|planner| (planner.plan_fft_forward(length), planner.plan_fft_inverse(length)));
        let zero = Complex::new(0.0, 0.0);
        let (mut power, mut spectrum) = (vec![zero; length], vec![zero; length]);
        let mut chains = self.centred.chains();
        while let Some(left) = chains.next() {
            spectrum.fill(zero);
            spectrum.iter_mut().zip(left).for_each(|(z, x)| z.re = *x);
            if let Some(right) = chains.next() {
                spectrum.iter_mut().zip(right).for_each(|(z, y)| z.im = *y);
            }
            forward.process(&mut spectrum);
            power.iter_mut().zip(&spectrum).for_each(|(sum, x)| sum.re += x.norm_sqr());
        }
        inverse.process(&mut power);
        power[..n].iter().map(|x| x.re / length as f64).collect()
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
            .map(|chain| (0..229).map(|draw| f64::from((draw * 17 + chain * 5) % 23) + f64::from(chain)).collect())
            .collect();
        let autocovariance = Autocovariance::new(&Draws::new(&chains).unwrap());
        for lag in 0..229 {
            let by_definition: f64 = chains
                .iter()
                .map(|chain| {
                    let mean = chain.iter().sum::<f64>() / 229.0;
                    (0..229 - lag).map(|draw| (chain[draw] - mean) * (chain[draw + lag] - mean)).sum::<f64>() / 229.0
                })
                .sum();
            assert!((autocovariance.at(lag) - by_definition / 3.0).abs() < 1e-12, "lag {lag}");
        }
    }
}
