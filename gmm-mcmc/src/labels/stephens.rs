//! Relabelling by classification probabilities.

use std::ops::Range;

use gmm_core::{Assignment, Data, Label};
use rayon::prelude::*;

use super::classifier::{Classifier, Order, row_tasks};
use super::error::check;
use super::{LabelError, Relabelling};
use crate::Draws;

/// Iterations after which the permutations stay what they are.
const MOST_ITERATIONS: usize = 100;

/// What a permutation must gain to be taken, relative to 1 + what it costs: more than rounding.
const LEAST_GAIN: f64 = 1e-9;

/// How a relabelling by the algorithm of Stephens (2000) went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StephensReport {
    /// What is minimised, at the permutations that the draws had before.
    pub objective_at_start: f64,
    /// And at those they have now.
    pub objective: f64,
    /// Passes over all rows and draws.
    pub iterations: usize,
    /// Whether the last pass changed no permutation; else there were 100 of them.
    pub converged: bool,
    /// Draws that have another permutation than before.
    pub n_changed: usize,
}

impl Draws {
    /// Relabels the draws by the algorithm of Stephens (2000), from the permutations that they have. It finds the
    /// permutations nu_s of the draws s that minimise the Kullback-Leibler divergence of their classifications from the
    /// mean of all,
    ///
    /// ```text
    /// sum_s sum_ij p_s,i,nu_s(j) ln( p_s,i,nu_s(j) / q_ij ),    q_ij = mean_s p_s,i,nu_s(j)
    /// ```
    ///
    /// by turns: q given the permutations, each permutation given q by an optimal assignment. The objective falls in
    /// every turn until nothing changes, at a minimum that can depend on the start; from ECR's permutations that is
    /// seldom far. Components whose concentrations differ are never exchanged. The components are then listed in the
    /// order of the posterior means of their first coordinates, as those of new draws.
    ///
    /// The p are computed from the parameters in every iteration: O(draws n K (d^2 + K)) each, of which there are few
    /// (two where nothing changes), and O(threads (2^21 + draws K^2)) numbers.
    ///
    /// ```
    /// use gmm_core::{Data, Model, Shape, Streams, Structure};
    /// use gmm_mcmc::{Gibbs, Relabelling, sample};
    /// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
    /// let data = Data::from_rows(&rows)?;
    /// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
    /// let mut draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(1), &|_| {})?;
    /// let report = draws.relabel_stephens(&data)?;
    /// assert!(report.converged && report.objective <= report.objective_at_start);
    /// assert_eq!(draws.relabelling(), Relabelling::Stephens);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LabelError`]: other data than the draws', or a draw that is no mixture. The draws are unchanged then.
    pub fn relabel_stephens(&mut self, data: &Data) -> Result<StephensReport, LabelError> {
        check(self, data)?;
        let k = self.model().k();
        let exchangeable = exchangeable(self.model().prior().weights.concentration());
        // Of the components in the places that they have: entry j is the place whose component comes to place j.
        let start: Vec<Label> = (0..self.n_all()).flat_map(|_| (0..k).map(|j| j as Label)).collect();
        let mut places = start.clone();
        let mut report =
            StephensReport { objective_at_start: 0.0, objective: 0.0, iterations: 0, converged: false, n_changed: 0 };
        loop {
            let costs = costs(self, data, &places)?;
            report.objective = costs.chunks_exact(k * k).zip(places.chunks_exact(k)).map(|(c, p)| total(c, p)).sum();
            report.iterations += 1;
            if report.iterations == 1 {
                report.objective_at_start = report.objective;
            }
            let better = improve(&costs, &places, &exchangeable);
            report.converged = better == places;
            if report.converged || report.iterations == MOST_ITERATIONS {
                break;
            }
            places = better;
        }
        report.n_changed = places.chunks_exact(k).zip(start.chunks_exact(k)).filter(|(a, b)| a != b).count();
        let composed: Vec<Label> = self
            .permutations()
            .zip(places.chunks_exact(k))
            .flat_map(|(old, places)| places.iter().map(|place| old[usize::from(*place)]))
            .collect();
        self.relabel(&composed, Relabelling::Stephens);
        Ok(report)
    }
}

/// The components by equal concentration.
fn exchangeable(concentration: &[f64]) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for (j, a) in concentration.iter().enumerate() {
        match sets.iter_mut().find(|set| concentration[set[0]] == *a) {
            Some(set) => set.push(j),
            None => sets.push(vec![j]),
        }
    }
    sets
}

/// For each draw what it costs to have in place j the component that is in place k now, K x K:
/// `sum_i p_ik ln(p_ik / q_ij)`, with q of the given permutations.
fn costs(draws: &Draws, data: &Data, places: &[Label]) -> Result<Vec<f64>, LabelError> {
    let k = draws.model().k();
    let mut costs = vec![0.0; draws.n_all() * k * k];
    // Tasks of all rows at once would hold too much.
    for wave in row_tasks(draws, data).chunks(2 * rayon::current_num_threads()) {
        let parts: Vec<_> = wave.par_iter().map(|rows| costs_of_rows(draws, data, rows.clone(), places)).collect();
        for part in parts {
            costs.iter_mut().zip(part?).for_each(|(sum, cost)| *sum += cost);
        }
    }
    Ok(costs)
}

/// What some rows contribute to the costs.
fn costs_of_rows(draws: &Draws, data: &Data, rows: Range<usize>, places: &[Label]) -> Result<Vec<f64>, LabelError> {
    let (k, n) = (draws.model().k(), rows.len());
    let all = Classifier::new(draws, Order::Pivot).of_all_draws(data, rows)?;
    let mut means = vec![0.0; n * k];
    for (of_draw, places) in all.chunks_exact(n * k).zip(places.chunks_exact(k)) {
        for (sums, p) in means.chunks_exact_mut(k).zip(of_draw.chunks_exact(k)) {
            sums.iter_mut().zip(places).for_each(|(sum, place)| *sum += p[usize::from(*place)]);
        }
    }
    let n_draws = draws.n_all() as f64;
    // Where no draw classifies a row so, as far as doubles reach, it is as good as impossible.
    let ln_means: Vec<f64> = means.iter().map(|sum| (sum / n_draws).max(f64::MIN_POSITIVE).ln()).collect();
    let mut costs = vec![0.0; draws.n_all() * k * k];
    for (of_draw, costs) in all.chunks_exact(n * k).zip(costs.chunks_exact_mut(k * k)) {
        for (p, ln_q) in of_draw.chunks_exact(k).zip(ln_means.chunks_exact(k)) {
            for (component, p) in p.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                let ln_p = p.ln();
                ln_q.iter().enumerate().for_each(|(j, ln_q)| costs[j * k + component] += p * (ln_p - ln_q));
            }
        }
    }
    Ok(costs)
}

/// The cost of a permutation.
fn total(costs: &[f64], places: &[Label]) -> f64 {
    places.iter().enumerate().map(|(j, place)| costs[j * places.len() + usize::from(*place)]).sum()
}

/// The best permutation of each draw, or the one that it has where no other is better by more than rounding.
fn improve(costs: &[f64], places: &[Label], exchangeable: &[Vec<usize>]) -> Vec<Label> {
    let k = exchangeable.iter().map(Vec::len).sum::<usize>();
    let mut assignment = Assignment::new();
    let mut better = places.to_vec();
    let (mut new, mut square) = (vec![0; k], Vec::new());
    for (costs, places) in costs.chunks_exact(k * k).zip(better.chunks_exact_mut(k)) {
        for set in exchangeable {
            square.clear();
            square.extend(set.iter().flat_map(|j| set.iter().map(move |component| costs[j * k + component])));
            let solved = assignment.solve(&square, set.len());
            set.iter().zip(solved).for_each(|(j, at)| new[*j] = set[*at] as Label);
        }
        let old = total(costs, places);
        if total(costs, &new) < old - LEAST_GAIN * (1.0 + old.abs()) {
            places.copy_from_slice(&new);
        }
    }
    better
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::ChainDraws;
    use crate::{Start, match_components};
    use gmm_core::{Model, Shape, Structure};
    use reference::{RelabellingCase, data, relabelling_cases, table};

    /// The draws of a case, not relabelled.
    fn draws(case: &RelabellingCase) -> Draws {
        let k = case.n_components;
        let model = Model::with_default_prior(k, Structure::Free(Shape::Full), &rows(case)).unwrap();
        let of_draw = |s: usize| [&case.weights[s][..], &case.means[s], &case.variances[s]].concat();
        let chain = ChainDraws {
            start: Start::Dispersed,
            swaps: None,
            parameters: (0..case.draws).flat_map(of_draw).collect(),
            ln_likelihood: vec![0.0; case.draws],
            ln_posterior: vec![0.0; case.draws],
            n_occupied: vec![k; case.draws],
            permutations: (0..case.draws).flat_map(|_| 0..k as Label).collect(),
        };
        Draws::new(model, vec![chain], case.allocations[case.pivot].clone())
    }

    fn rows(case: &RelabellingCase) -> Data {
        data(&table(&case.dataset).rows)
    }

    fn permutations(of: &[Vec<usize>]) -> Vec<Label> {
        of.iter().flatten().map(|component| *component as Label).collect()
    }

    #[test]
    fn the_reference_permutations_are_found_from_any_start() {
        for case in relabelling_cases() {
            let weights = Model::dirichlet(vec![1.0; case.n_components]).unwrap();
            let pivot = &case.allocations[case.pivot];
            let ecr: Vec<Vec<usize>> =
                case.allocations.iter().map(|labels| match_components(pivot, labels, &weights)).collect();
            assert_eq!(ecr, case.ecr);

            let unrelabelled = draws(&case);
            let mut from_ecr = unrelabelled.clone();
            from_ecr.relabel(&permutations(&ecr), Relabelling::Ecr);
            let mut all = vec![from_ecr.relabel_stephens(&rows(&case)).unwrap()];
            let (mut from_samplers, mut again) = (unrelabelled, from_ecr.clone());
            all.push(from_samplers.relabel_stephens(&rows(&case)).unwrap());
            all.push(again.relabel_stephens(&rows(&case)).unwrap());
            for report in &all {
                assert!(report.converged && report.objective <= case.objective + 1e-6, "{report:?}");
                // Those permutations are the best of all starts, so no lower objective is expected either.
                assert!((report.objective - case.objective).abs() < 1e-6, "{report:?}");
            }
            assert!(all[1].objective_at_start > 1.5 * all[1].objective && all[1].n_changed > case.draws / 2, "{all:?}");
            assert_eq!((all[2].iterations, all[2].n_changed), (1, 0));
            assert_eq!((&again, again.relabelling()), (&from_ecr, Relabelling::Stephens));
            for draws in [&from_ecr, &from_samplers] {
                // One permutation of labels makes all permutations those of the case.
                let own: Vec<&[Label]> = draws.permutations().collect();
                let label = |j: &Label| own[0].iter().position(|own| own == j);
                let global: Vec<usize> =
                    permutations(&case.stephens[..1]).iter().map(|component| label(component).unwrap()).collect();
                for (own, expected) in own.iter().zip(&case.stephens) {
                    let own: Vec<usize> = global.iter().map(|j| usize::from(own[*j])).collect();
                    assert_eq!(own, *expected);
                }
                // Listed in the order of their means.
                let mixture = draws.mean_mixture().unwrap();
                for (j, [weight, mean, variance]) in case.relabelled_means.iter().enumerate() {
                    let found =
                        [mixture.weights()[j], mixture.mean(j)[0], mixture.covariance(j).as_symmetric().get(0, 0)];
                    for (found, expected) in found.iter().zip([weight, mean, variance]) {
                        assert!((found - expected).abs() < 1e-9 * expected, "{found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn costs_are_the_divergences_of_the_formula() {
        let case = &relabelling_cases()[0];
        let (mut draws, rows, k) = (draws(case), rows(case), case.n_components);
        draws.relabel(&permutations(&case.ecr), Relabelling::Ecr);
        // Shifted in some draws, so that places matter.
        let places: Vec<Label> =
            (0..case.draws).flat_map(|s| (0..k).map(move |j| ((j + s / 70) % k) as Label)).collect();
        let p = |s: usize, i: usize| -> Vec<f64> {
            let mixture = draws.mixture(0, s).unwrap().permuted(&case.ecr[s]);
            mixture.responsibilities(rows.row(i))
        };
        let all: Vec<Vec<Vec<f64>>> = (0..case.draws).map(|s| (0..rows.n()).map(|i| p(s, i)).collect()).collect();
        let q = |i: usize, j: usize| {
            let sum: f64 = all.iter().zip(places.chunks(k)).map(|(draw, places)| draw[i][usize::from(places[j])]).sum();
            sum / case.draws as f64
        };
        let costs = costs(&draws, &rows, &places).unwrap();
        for s in [0, 66, 69, 70, 199] {
            for (j, component) in (0..k).flat_map(|j| (0..k).map(move |component| (j, component))) {
                let term = |i: usize| match all[s][i][component] {
                    0.0 => 0.0,
                    p => p * (p / q(i, j)).ln(),
                };
                let expected: f64 = (0..rows.n()).map(term).sum();
                let found = costs[(s * k + j) * k + component];
                assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found} {expected}");
            }
        }
    }

    #[test]
    fn components_are_exchanged_within_equal_concentrations_alone() {
        assert_eq!(exchangeable(&[1.0, 2.0, 1.0, 0.5]), [vec![0, 2], vec![1], vec![3]]);
        // Everything would be cheaper in another place.
        let costs = [9.0, 0.0, 5.0, 0.0, 9.0, 0.0, 4.0, 0.0, 9.0];
        assert_eq!(improve(&costs, &[0, 1, 2], &exchangeable(&[1.0, 2.0, 1.0])), [2, 1, 0]);
        assert_eq!(improve(&costs, &[0, 1, 2], &exchangeable(&[1.0, 2.0, 3.0])), [0, 1, 2]);
        assert_eq!(improve(&costs, &[0, 1, 2], &exchangeable(&[1.0; 3])), [1, 2, 0]);
        // A gain within rounding is none.
        assert_eq!(improve(&[1.0, 1.0 - 1e-12, 1.0, 1.0], &[0, 1], &[vec![0, 1]]), [0, 1]);
    }
}
