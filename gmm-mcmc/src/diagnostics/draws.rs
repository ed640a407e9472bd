//! One quantity's draws as a table of chains x draws, checked once, and the transformations of such a table.

/// Draws of one quantity: at least one chain, chains of equal length, every value finite, fewer than 2^32 in all.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    n_draws: usize,
    /// Chain after chain.
    values: Vec<f64>,
}

impl Draws {
    /// The table, or nothing if no diagnostic of these chains can have a value.
    pub(super) fn new<C: AsRef<[f64]>>(chains: &[C]) -> Option<Self> {
        let n_draws = chains.first()?.as_ref().len();
        if n_draws == 0 || chains.iter().any(|chain| chain.as_ref().len() != n_draws) {
            return None;
        }
        let values: Vec<f64> = chains.iter().map(AsRef::as_ref).collect::<Vec<_>>().concat();
        let few = u32::try_from(values.len()).is_ok();
        (few && values.iter().all(|value| value.is_finite())).then_some(Self { n_draws, values })
    }

    /// The number of draws of each chain.
    pub(super) fn n_draws(&self) -> usize {
        self.n_draws
    }

    /// The draws of one chain after another.
    pub(super) fn chains(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.n_draws)
    }

    /// All draws, chain after chain.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Whether all draws are the same number.
    pub(super) fn is_constant(&self) -> bool {
        self.values.iter().all(|value| *value == self.values[0])
    }

    /// The table with other values in the same places.
    pub(super) fn map(&self, function: impl Fn(f64) -> f64) -> Self {
        Self { n_draws: self.n_draws, values: self.values.iter().map(|value| function(*value)).collect() }
    }

    /// The table with the given values, in the order of [`Draws::values`].
    pub(super) fn with_values(&self, values: Vec<f64>) -> Self {
        debug_assert_eq!(values.len(), self.values.len());
        Self { n_draws: self.n_draws, values }
    }

    /// Each chain as two, its first half and its second; the middle draw of an odd number is left out.
    ///
    /// Nothing if the chains have one draw only.
    pub(super) fn split(&self) -> Option<Self> {
        let half = self.n_draws / 2;
        if half == 0 {
            return None;
        }
        let mut values = Vec::with_capacity(self.values.len());
        for chain in self.chains() {
            values.extend_from_slice(&chain[..half]);
            values.extend_from_slice(&chain[self.n_draws - half..]);
        }
        Some(Self { n_draws: half, values })
    }

    /// The draws less the first one, divided by the largest of the differences (1 if there is none); and that divisor.
    ///
    /// R-hat and effective sample sizes do not change. An offset that is large beside the spread then costs no
    /// digits, and the squares of very small or very large values neither vanish nor overflow.
    pub(super) fn standardised(&self) -> (Self, f64) {
        let origin = self.values[0];
        let largest = self.values.iter().map(|value| (value - origin).abs()).fold(0.0, f64::max);
        let scale = if largest > 0.0 { largest } else { 1.0 };
        (self.map(|value| (value - origin) / scale), scale)
    }
}

/// The arithmetic mean of some values, at least one.
///
/// Computed from the differences to the first, so that equal values have exactly their mean, and no variance.
pub(super) fn mean(values: &[f64]) -> f64 {
    let origin = values[0];
    origin + sum_of(values, |value| value - origin) / values.len() as f64
}

/// The sample variance of some values, with the divisor one less than their number.
pub(super) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    sum_of(values, |value| (value - mean).powi(2)) / (values.len() as f64 - 1.0)
}

/// The sum of a function of some values.
///
/// Eight sums at once: a single one would wait for each addition before the next.
fn sum_of(values: &[f64], function: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for lane in 0..8 {
            sums[lane] += function(block[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| function(*value)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_that_no_diagnostic_can_use_are_refused() {
        assert!(Draws::new::<Vec<f64>>(&[]).is_none());
        assert!(Draws::new::<&[f64]>(&[&[], &[]]).is_none());
        assert!(Draws::new(&[vec![1.0, 2.0], vec![1.0]]).is_none());
        assert!(Draws::new(&[[1.0, f64::NAN]]).is_none());
        assert!(Draws::new(&[[1.0, f64::INFINITY]]).is_none());
        assert!(Draws::new(&[[1.0, 2.0], [3.0, 4.0]]).is_some());
    }

    #[test]
    fn splitting_halves_each_chain_and_drops_the_middle_draw_of_an_odd_number() {
        let split = Draws::new(&[[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]]).unwrap().split().unwrap();
        let halves: Vec<&[f64]> = split.chains().collect();
        assert_eq!(halves, [[1.0, 2.0], [4.0, 5.0], [6.0, 7.0], [9.0, 10.0]]);
        assert!(Draws::new(&[[1.0], [2.0]]).unwrap().split().is_none());
    }

    #[test]
    fn standardised_draws_lie_within_one_of_the_first() {
        let (standardised, scale) = Draws::new(&[[1e9, 1e9 + 4.0], [1e9 - 1.0, 1e9 + 2.0]]).unwrap().standardised();
        assert_eq!(standardised.values(), [0.0, 1.0, -0.25, 0.5]);
        assert_eq!(scale, 4.0);
        assert_eq!(Draws::new(&[[7.0; 3]]).unwrap().standardised().0.values(), [0.0; 3]);
    }

    #[test]
    fn equal_values_have_no_variance_at_all() {
        assert_eq!(mean(&[0.1; 10]), 0.1);
        assert_eq!(variance(&[0.1; 10]), 0.0);
        assert_eq!((mean(&[1.0, 2.0, 6.0]), variance(&[1.0, 2.0, 6.0])), (3.0, 7.0));
    }
}
