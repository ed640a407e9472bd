//! Uniform numbers for the rows of a block: eight generators in the lanes of a vector.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::simd::{LANES, Lanes};

/// Eight xoshiro256++ generators (Blackman & Vigna 2021) side by side, one for each lane.
///
/// Their states come from a cryptographic stream of the block's own, so that blocks, scans and chains are independent;
/// within the block they are a few shifts and additions per eight numbers.
#[derive(Debug, Clone)]
pub(crate) struct Uniforms {
    state: [[u64; LANES]; 4],
}

impl Uniforms {
    /// Generators for one block.
    pub(crate) fn new(mut rng: ChaCha8Rng) -> Self {
        let mut state: [[u64; LANES]; 4] = rng.random();
        // A state of zeros, of probability 2^-256, would stay there.
        state[0].iter_mut().for_each(|word| *word |= 1);
        Self { state }
    }

    /// Eight uniform numbers in [0, 1), multiples of 2^-52.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Lanes {
        let [a, b, c, d] = &mut self.state;
        let mut out = Lanes::ZERO;
        for l in 0..LANES {
            let bits = a[l].wrapping_add(d[l]).rotate_left(23).wrapping_add(a[l]);
            let shifted = b[l] << 17;
            c[l] ^= a[l];
            d[l] ^= b[l];
            b[l] ^= c[l];
            a[l] ^= d[l];
            c[l] ^= shifted;
            d[l] = d[l].rotate_left(45);
            // 52 random bits behind the exponent of 1.
            out.0[l] = f64::from_bits((bits >> 12) | 0x3FF0_0000_0000_0000) - 1.0;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // The first outputs from the state 1, 2, 3, 4, as published with the generator's reference code.
        let mut generator = Uniforms { state: [[1; LANES], [2; LANES], [3; LANES], [4; LANES]] };
        let published: [u64; 5] =
            [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205];
        for bits in published {
            let expected = (bits >> 12) as f64 / 2f64.powi(52);
            assert_eq!(generator.next().0, [expected; LANES]);
        }
    }

    #[test]
    fn numbers_are_uniform_and_lanes_independent() {
        let mut generator = Uniforms::new(Streams::new(5).rng(0));
        let n = 50_000;
        let (mut sum, mut squares, mut product) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let u = generator.next().0;
            assert!(u.iter().all(|u| (0.0..1.0).contains(u)));
            sum += u.iter().sum::<f64>();
            squares += u.iter().map(|u| u * u).sum::<f64>();
            product += (0..LANES).map(|l| (u[l] - 0.5) * (u[(l + 1) % LANES] - 0.5)).sum::<f64>();
        }
        let m = f64::from(n) * 8.0;
        // 4.5 standard errors each: false alarm 2e-5 in all.
        assert!((sum / m - 0.5).abs() < 4.5 * (1.0 / 12.0 / m).sqrt());
        assert!((squares / m - 1.0 / 3.0).abs() < 4.5 * (4.0 / 45.0 / m).sqrt());
        assert!((product / m).abs() < 4.5 / 12.0 / m.sqrt());
    }
}
