//! Independent random streams, all derived from one seed, so that results do not depend on threads.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// A node in a tree of random streams.
///
/// A node is split into child nodes by name or number, and opened as a generator by number; what comes
/// out depends only on the seed and the path, never on what was drawn elsewhere. Parallel code owns a
/// stream per task and shares none.
///
/// The generator is ChaCha with 8 rounds, keyed by the node (Salmon et al. 2011 on why counter-based
/// streams make parallel draws independent of the schedule).
///
/// ```
/// use gmm_core::Streams;
/// use rand::RngExt;
/// let chains = Streams::new(20).named("chains");
/// let (a, b): (f64, f64) = (chains.split(0).rng(7).random(), chains.split(1).rng(7).random());
/// assert_ne!(a, b);
/// assert_eq!(a, Streams::new(20).named("chains").split(0).rng(7).random::<f64>());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streams {
    key: [u8; 32],
}

impl Streams {
    /// The root of an experiment.
    pub fn new(seed: u64) -> Self {
        Self { key: ChaCha8Rng::seed_from_u64(seed).random() }
    }

    /// The child with this number.
    pub fn split(&self, index: u64) -> Self {
        // Children take their keys from the upper half of the stream numbers, generators use the lower.
        Self { key: self.open(index | 1 << 63).random() }
    }

    /// The child with this name (64-bit FNV-1a of its bytes is its number).
    pub fn named(&self, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { key: self.open(hash | 1 << 63).random() }.split(hash >> 63)
    }

    /// Opens the generator with this number, below 2^63.
    pub fn rng(&self, stream: u64) -> ChaCha8Rng {
        debug_assert!(stream < 1 << 63);
        self.open(stream)
    }

    fn open(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(stream);
        rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_path_alone() {
        let root = Streams::new(1);
        let first: u64 = root.split(3).rng(5).random();
        let _: u64 = root.rng(9).random();
        assert_eq!(first, Streams::new(1).split(3).rng(5).random::<u64>());
        let others =
            [root.split(3).rng(6), root.split(5).rng(3), root.rng(5), root.named("3").rng(5), Streams::new(2).rng(5)];
        for mut rng in others {
            assert_ne!(first, rng.random::<u64>());
        }
    }

    #[test]
    fn streams_keep_their_values_between_releases() {
        assert_eq!(Streams::new(20).named("data").rng(0).random::<u64>(), STABLE);
    }

    /// Changes only with a changelog entry that says "value-breaking".
    const STABLE: u64 = 6_013_784_546_175_829_899;
}
