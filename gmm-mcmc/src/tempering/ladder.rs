//! The powers of a ladder and how they are fitted to the rates at which rungs refuse to swap.

/// Powers from 1 down to 0, and what swaps between neighbours have shown of them since they were set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ladder {
    powers: Vec<f64>,
    /// Sums of the probabilities of acceptance, and how many, of each pair of neighbours.
    acceptance: Vec<(f64, u64)>,
}

impl Ladder {
    /// `n^(-r / (R - 2))` for r = 0..R-2, then 0: at power 1 / n the rows weigh as much as one.
    pub(crate) fn new(rungs: usize, n: usize) -> Self {
        let inner = (rungs - 2).max(1) as f64;
        let power = |r: usize| (-(n as f64).ln() * r as f64 / inner).exp();
        let mut powers: Vec<f64> = (0..rungs - 1).map(power).collect();
        powers.push(0.0);
        Self { acceptance: vec![(0.0, 0); powers.len() - 1], powers }
    }

    pub(crate) fn powers(&self) -> &[f64] {
        &self.powers
    }

    /// Takes note of the probability with which the rungs `pair` and `pair + 1` swap.
    pub(crate) fn record(&mut self, pair: usize, acceptance: f64) {
        let (sum, n) = &mut self.acceptance[pair];
        *sum += acceptance;
        *n += 1;
    }

    /// Forgets what was recorded.
    pub(crate) fn forget(&mut self) {
        self.acceptance.fill((0.0, 0));
    }

    /// The mean probability of a swap of each pair; NaN where none was tried.
    pub(crate) fn rates(&self) -> Vec<f64> {
        self.acceptance.iter().map(|(sum, n)| sum / *n as f64).collect()
    }

    /// Places the powers so that all pairs refuse equally often, and forgets what was recorded (Syed et al. 2022, algorithm 3:
    /// the rates of refusal add up to the communication barrier as a function of the power, here taken to be linear
    /// between the old powers). Nothing changes unless every pair was tried.
    pub(crate) fn equalise(&mut self) {
        let refusals: Vec<f64> = self.rates().iter().map(|rate| 1.0 - rate).collect();
        self.forget();
        let barrier: f64 = refusals.iter().sum();
        if !barrier.is_finite() {
            return;
        }
        // No pair is left out of account: powers stay distinct.
        let pairs = refusals.len();
        let least = 1e-3 * (barrier / pairs as f64).max(1e-3);
        let lengths: Vec<f64> = refusals.iter().map(|r| r.max(least)).collect();
        let step = lengths.iter().sum::<f64>() / pairs as f64;
        let old = self.powers.clone();
        let (mut pair, mut before) = (0, 0.0);
        for r in 1..pairs {
            let target = r as f64 * step;
            while pair + 1 < pairs && before + lengths[pair] < target {
                before += lengths[pair];
                pair += 1;
            }
            let fraction = ((target - before) / lengths[pair]).clamp(0.0, 1.0);
            self.powers[r] = old[pair] + fraction * (old[pair + 1] - old[pair]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_goes_from_one_to_zero() {
        for rungs in 2..9 {
            let ladder = Ladder::new(rungs, 50);
            assert_eq!((ladder.powers()[0], ladder.powers()[rungs - 1], ladder.powers().len()), (1.0, 0.0, rungs));
            assert!(ladder.powers().windows(2).all(|pair| pair[0] > pair[1]), "{:?}", ladder.powers());
        }
    }

    #[test]
    fn equalised_powers_part_the_barrier_equally() {
        // Refusals that add up to the square root of the power: equal parts are at ((R - 1 - r) / (R - 1))^2.
        let rungs = 6;
        let mut ladder = Ladder::new(rungs, 100);
        for _ in 0..60 {
            let powers = ladder.powers().to_vec();
            for pair in 0..rungs - 1 {
                ladder.record(pair, 1.0 - (powers[pair].sqrt() - powers[pair + 1].sqrt()));
            }
            ladder.equalise();
        }
        for (r, power) in ladder.powers().iter().enumerate() {
            let expected = ((rungs - 1 - r) as f64 / (rungs - 1) as f64).powi(2);
            assert!((power - expected).abs() < 1e-6, "rung {r}: {power}, not {expected}");
        }
    }

    #[test]
    fn nothing_changes_where_a_pair_was_not_tried_and_powers_stay_distinct_where_none_refused() {
        let mut ladder = Ladder::new(5, 100);
        let before = ladder.clone();
        ladder.record(0, 0.5);
        ladder.equalise();
        assert_eq!(ladder, before);
        (0..4).for_each(|pair| ladder.record(pair, 1.0));
        ladder.equalise();
        assert!(ladder.powers().windows(2).all(|pair| pair[0] > pair[1]), "{:?}", ladder.powers());
        for pair in 0..4 {
            ladder.record(pair, if pair == 2 { 0.0 } else { 1.0 });
        }
        ladder.equalise();
        assert!(ladder.powers().windows(2).all(|pair| pair[0] > pair[1]), "{:?}", ladder.powers());
    }
}
