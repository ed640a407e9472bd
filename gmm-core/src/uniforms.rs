//! Uniform numbers for rows: eight generators in the lanes of a vector.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::simd::{Simd, Words};

/// Eight xoshiro256++ generators (Blackman & Vigna 2021) side by side, one for each lane.
///
/// Their states come from a cryptographic stream of the chunk's own, so that chunks, scans and chains are independent;
/// within the chunk they are a few shifts and additions per eight numbers.
#[derive(Debug, Clone)]
pub(crate) struct Uniforms {
    state: [Words; 4],
}

impl Uniforms {
    /// Generators for one chunk of rows.
    pub(crate) fn new(mut rng: ChaCha8Rng) -> Self {
        let mut state: [Words; 4] = std::array::from_fn(|_| Words(rng.random()));
        // A state of zeros, of probability 2^-256, would stay there.
        state[0].0.iter_mut().for_each(|word| *word |= 1);
        Self { state }
    }

    /// Eight uniform numbers in [0, 1), multiples of 2^-52.
    #[inline(always)]
    pub(crate) fn next<S: Simd>(&mut self, s: S) -> S::V {
        let [a, b, c, d] = &mut self.state;
        let [mut w, mut x, mut y, mut z] = [s.load_words(a), s.load_words(b), s.load_words(c), s.load_words(d)];
        let bits = s.add_words(s.rotate_left(s.add_words(w, z), 23), w);
        let shifted = s.shift_left(x, 17);
        y = s.xor(y, w);
        z = s.xor(z, x);
        x = s.xor(x, y);
        w = s.xor(w, z);
        y = s.xor(y, shifted);
        z = s.rotate_left(z, 45);
        s.store_words(w, a);
        s.store_words(x, b);
        s.store_words(y, c);
        s.store_words(z, d);
        s.fraction(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{LANES, Lanes, Portable, Work};
    use crate::{InstructionSet, Streams};

    impl Uniforms {
        fn next_lanes<S: Simd>(&mut self, s: S) -> [f64; LANES] {
            let mut lanes = Lanes::ZERO;
            s.store(self.next(s), &mut lanes);
            lanes.0
        }
    }

    struct CheckGenerator;

    impl Work for CheckGenerator {
        #[inline(always)]
        fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
            // The first outputs from the state 1, 2, 3, 4, as published with the generator's reference code.
            let mut generator = Uniforms { state: [1, 2, 3, 4].map(|word| Words([word; LANES])) };
            let published: [u64; 5] =
                [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205];
            for bits in published {
                let expected = (bits >> 12) as f64 / 2f64.powi(52);
                assert_eq!(generator.next_lanes(s), [expected; LANES]);
            }
            // Lanes of different states do not mix.
            let mut generator = Uniforms::new(Streams::new(5).rng(0));
            let mut portable = generator.clone();
            for _ in 0..100 {
                assert_eq!(generator.next_lanes(s), portable.next_lanes(Portable));
            }
        }
    }

    #[test]
    fn the_generator_is_xoshiro256_plus_plus_on_every_instruction_set() {
        InstructionSet::available().into_iter().for_each(|set| set.run(CheckGenerator));
    }

    #[test]
    fn numbers_are_uniform_and_lanes_independent() {
        let mut generator = Uniforms::new(Streams::new(5).rng(0));
        let n = 50_000;
        let (mut sum, mut squares, mut product) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let u = generator.next_lanes(Portable);
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
