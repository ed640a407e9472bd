//! One quantity's draws with what its diagnostics share: their order and the normal scores of their ranks.

use std::borrow::Cow;

use super::draws::Draws;
use super::order::increasing_order;
use super::quantile::quantile_of_ordered;
use super::rank::NormalScores;

/// Draws in increasing order, the halves of their chains as normal scores.
#[derive(Debug)]
pub(crate) struct Ranked<'a> {
    draws: Draws,
    /// The places of the draws from the smallest to the largest.
    order: Vec<u32>,
    /// The table from which scores are taken.
    table: Cow<'a, NormalScores>,
    /// The halves of the chains; nothing if the chains have one draw only.
    scores: Option<Draws>,
}

impl<'a> Ranked<'a> {
    /// Ranks the draws, or nothing if no diagnostic of these chains can have a value. `table` is used if it is that
    /// of the number of draws in all halves, else another one is made.
    pub(crate) fn new<C: AsRef<[f64]>>(chains: &[C], table: &'a NormalScores) -> Option<Self> {
        let draws = Draws::new(chains)?;
        let split = draws.split();
        let n_values = split.as_ref().map_or(0, |split| split.values().len());
        let table = match table.n_values() == n_values {
            true => Cow::Borrowed(table),
            false => Cow::Owned(NormalScores::new(n_values)),
        };
        let order = increasing_order(draws.values());
        let scores = split.map(|split| match n_values == draws.values().len() {
            true => table.of(&split, &order),
            // A draw of each chain is left out.
            false => table.of(&split, &increasing_order(split.values())),
        });
        Some(Self { draws, order, table, scores })
    }

    /// The draws.
    pub(super) fn draws(&self) -> &Draws {
        &self.draws
    }

    /// The halves of the chains as normal scores of their ranks among all halves.
    pub(super) fn scores(&self) -> Option<&Draws> {
        self.scores.as_ref()
    }

    /// The same of the distances of the draws from their median, which make a difference in spread one in location.
    pub(super) fn folded_scores(&self) -> Option<Draws> {
        let median = self.quantile(0.5);
        let split = self.draws.map(|value| (value - median).abs()).split()?;
        Some(self.table.of(&split, &increasing_order(split.values())))
    }

    /// The r-th smallest draw, r from 0.
    pub(super) fn order_statistic(&self, r: usize) -> f64 {
        self.draws.values()[self.order[r] as usize]
    }

    /// The quantile of all draws; NaN for a probability outside [0, 1].
    pub(crate) fn quantile(&self, probability: f64) -> f64 {
        quantile_of_ordered(|r| self.order_statistic(r), self.order.len(), probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_scores_are_those_of_the_distances_from_the_median_of_all_chains() {
        // The median is 2, and the distances are 2, 1, 1, 7, in ranks 3, 1.5, 1.5, 4.
        let none = NormalScores::default();
        let ranked = Ranked::new(&[[0.0, 1.0], [3.0, 9.0]], &none).unwrap();
        let distances = Ranked::new(&[[2.0, 1.0], [1.0, 7.0]], &none).unwrap();
        assert_eq!(ranked.folded_scores().unwrap().values(), distances.scores().unwrap().values());
    }

    #[test]
    fn a_middle_draw_counts_for_quantiles_but_not_for_ranks() {
        let none = NormalScores::default();
        let ranked = Ranked::new(&[[4.0, -1.0, 6.0], [1.0, 90.0, 2.0]], &none).unwrap();
        let without = Ranked::new(&[[4.0, 6.0], [1.0, 2.0]], &none).unwrap();
        assert_eq!(ranked.scores().unwrap().values(), without.scores().unwrap().values());
        assert_eq!((ranked.quantile(0.0), ranked.quantile(1.0)), (-1.0, 90.0));
    }

    #[test]
    fn a_table_of_another_size_is_not_used() {
        let chains = [[4.0, 6.0, 1.0, 2.0]];
        let (none, right, wrong) = (NormalScores::default(), NormalScores::new(4), NormalScores::new(6));
        let scores = |table| Ranked::new(&chains, table).unwrap().scores().unwrap().values().to_vec();
        assert_eq!(scores(&none), scores(&right));
        assert_eq!(scores(&none), scores(&wrong));
    }
}
