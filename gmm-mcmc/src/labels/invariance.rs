//! Tests: no reported number depends on how the sampler numbered the components of a draw.

use gmm_core::{Data, Label, Model, Prior, Rule, Shape, Streams, Structure, Workspace, sweep};
use rand::seq::SliceRandom;
use reference::{data, table};

use super::classifier::{Classifier, Order};
use super::{PartitionLoss, PartitionSearch, Relabelling};
use crate::draws::Layout;
use crate::evidence::{Bridge, Chib, Estimate, evidence};
use crate::predictive::predictive_accuracy;
use crate::{Draws, Gibbs, match_components, sample};

/// The same draws, components with equal concentrations numbered at random in each draw.
fn renumbered(draws: &Draws, streams: &Streams) -> Draws {
    let model = draws.model();
    let (layout, concentration) = (Layout::of(model), model.prior().weights.concentration());
    let mut chains = draws.chains().to_vec();
    for (c, chain) in chains.iter_mut().enumerate() {
        let mut rng = streams.rng(c as u64);
        let mut parameters = Vec::new();
        for t in 0..draws.n_draws() {
            // Component j becomes the old order[j].
            let mut order: Vec<usize> = (0..model.k()).collect();
            for a in concentration {
                let places: Vec<usize> = (0..model.k()).filter(|j| concentration[*j] == *a).collect();
                let mut shuffled = places.clone();
                shuffled.shuffle(&mut rng);
                places.iter().zip(shuffled).for_each(|(place, j)| order[*place] = j);
            }
            let old = &chain.parameters[t * layout.width()..(t + 1) * layout.width()];
            let (weights, rest) = old.split_at(layout.k);
            let (means, covariances) = rest.split_at(layout.k * layout.d);
            let mut push = |blocks: &[f64], length: usize| {
                order.iter().for_each(|j| parameters.extend_from_slice(&blocks[j * length..(j + 1) * length]));
            };
            push(weights, 1);
            push(means, layout.d);
            match layout.n_covariances {
                1 => parameters.extend_from_slice(covariances),
                _ => push(covariances, covariances.len() / layout.k),
            }
            for component in &mut chain.permutations[t * model.k()..(t + 1) * model.k()] {
                *component = order.iter().position(|old| *old == usize::from(*component)).unwrap() as Label;
            }
        }
        chain.parameters = parameters;
    }
    let mut new = draws.clone();
    new.replace_chains(chains);
    new
}

/// Relabels by allocations that are drawn anew, whatever the permutations were. Two components that are empty in the
/// same draw are equals to ECR, so that their labels depend on their numbers.
fn relabel_ecr(draws: &mut Draws, data: &Data) {
    let model = draws.model().clone();
    let mut permutations: Vec<Label> = Vec::new();
    let mut classifier = Classifier::new(draws, Order::Weights);
    for number in 0..draws.n_all() {
        classifier.set(number).unwrap();
        let mut labels = vec![0; data.n()];
        let rule = Rule::Draw { streams: &Streams::new(77), sweep: number as u64, labels: &mut labels };
        sweep(data, &classifier.mixture(), rule, &mut model.blank_statistics(), &mut Workspace::new());
        let labels: Vec<Label> =
            labels.iter().map(|label| classifier.component(usize::from(*label)) as Label).collect();
        let places = match_components(draws.pivot(), &labels, &model.prior().weights);
        permutations.extend(places.iter().map(|component| *component as Label));
    }
    draws.relabel(&permutations, Relabelling::Ecr);
}

fn cases() -> Vec<(&'static str, Draws, Data)> {
    let case = |name: &'static str, set: &str, structure: Structure, concentration: Vec<f64>| {
        let rows = data(&table(set).rows);
        let default = Model::with_default_prior(concentration.len(), structure.clone(), &rows).unwrap();
        let components = default.prior().components.clone();
        let weights = Model::dirichlet(concentration).unwrap();
        let model = Model::new(rows.d(), structure, Prior { weights, components }).unwrap();
        let settings = Gibbs { chains: 2, warmup: 100, draws: 120, ..Gibbs::default() };
        (name, sample(&model, &rows, &settings, &[], &Streams::new(40), &|_| {}).unwrap(), rows)
    };
    vec![
        case("galaxies", "galaxies", Structure::Free(Shape::Full), vec![1.0; 3]),
        case("overlap", "overlap2d", Structure::Free(Shape::Full), vec![1.0; 2]),
        case("empty components", "overlap2d", Structure::Free(Shape::Diagonal), vec![1.0; 4]),
        case("different concentrations", "overlap2d", Structure::Tied(Shape::Full), vec![1.0, 3.0, 1.0]),
    ]
}

/// Beyond the bits: relative to 1 + |b|.
fn assert_close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} where {b} was expected");
}

/// Whatever is computed of draws and rows is equal.
fn assert_equal(old: &Draws, new: &Draws, data: &Data, name: &str) {
    for (a, b) in new.summaries().iter().zip(old.summaries()) {
        if a.name != "sum_squared_weights" {
            assert_eq!(format!("{a:?}"), format!("{b:?}"), "{name}");
            continue;
        }
        // Summed in another order, which the folded ranks of R-hat see: the two draws next to the median are as far
        // from it.
        for (x, y) in [(a.mean, b.mean), (a.sd, b.sd), (a.q5, b.q5), (a.q50, b.q50), (a.q95, b.q95)] {
            assert_close(x, y, 1e-12, name);
        }
        assert_close(a.mcse_mean, b.mcse_mean, 1e-10, name);
    }
    let [a, b] = [new, old].map(Draws::quantities);
    for (a, b) in a.iter().zip(&b) {
        for (x, y) in a.values.iter().flatten().zip(b.values.iter().flatten()) {
            match a.name.as_str() {
                "sum_squared_weights" => assert_close(*x, *y, 1e-12, name),
                _ => assert_eq!(x.to_bits(), y.to_bits(), "{name}, {}", a.name),
            }
        }
    }
    assert_eq!(new.mean_mixture(), old.mean_mixture(), "{name}");
    assert_eq!(new.identifiability(data), old.identifiability(data), "{name}");
    assert_eq!(new.allocation_probabilities(data), old.allocation_probabilities(data), "{name}");
    assert_eq!(new.classification(data), old.classification(data), "{name}");
    let [a, b] = [new, old].map(|draws| predictive_accuracy(draws, data).unwrap());
    // Densities of components are summed in another order.
    for (x, y) in [(a.waic, b.waic), (a.loo, b.loo)] {
        assert_close(x.elpd, y.elpd, 1e-13, name);
        assert_close(x.standard_error, y.standard_error, 1e-13, name);
        assert_close(x.effective_parameters, y.effective_parameters, 1e-13, name);
    }
}

/// What needs no labels is equal whatever the relabelling.
fn assert_equal_without_labels(old: &Draws, new: &Draws, data: &Data, name: &str) {
    let streams = Streams::new(41);
    assert_eq!(new.co_clustering(data, 0, &streams), old.co_clustering(data, 0, &streams), "{name}");
    for loss in [PartitionLoss::VariationOfInformation, PartitionLoss::Binder] {
        let search = PartitionSearch { loss, draws: 100, runs: 4, ..PartitionSearch::default() };
        let [a, b] = [new, old].map(|draws| draws.partition(data, &search, &streams).unwrap());
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn numbering_the_components_of_each_draw_otherwise_changes_nothing() {
    let mut n_changed = 0;
    for (name, mut old, data) in cases() {
        let mut new = renumbered(&old, &Streams::new(42));
        let moved = (0..2).flat_map(|c| (0..120).map(move |t| (c, t)));
        let moved = moved.filter(|(c, t)| new.mixture(*c, *t).unwrap() != old.mixture(*c, *t).unwrap()).count();
        assert!(moved > 80, "{name}: {moved}");

        assert_equal(&old, &new, &data, name);
        assert_equal_without_labels(&old, &new, &data, name);
        let before = old.clone();
        if ["galaxies", "overlap"].contains(&name) {
            relabel_ecr(&mut old, &data);
            relabel_ecr(&mut new, &data);
            assert_equal(&old, &new, &data, name);
            assert_equal_without_labels(&before, &new, &data, name);
        }
        let reports = [&mut old, &mut new].map(|draws| draws.relabel_stephens(&data).unwrap());
        assert_eq!(reports[0], reports[1], "{name}");
        assert!(reports[0].converged, "{name}: {reports:?}");
        n_changed += reports[0].n_changed;
        assert_equal(&old, &new, &data, name);
        assert_equal_without_labels(&before, &new, &data, name);
    }
    assert!(n_changed > 20, "{n_changed}");
}

#[test]
fn stephens_undoes_random_labels_up_to_one_permutation_of_all() {
    let (name, mut old, data) = cases().swap_remove(0);
    old.relabel_stephens(&data).unwrap();
    // Not the permutations that belong to the new numbers.
    let mut new = renumbered(&old, &Streams::new(43));
    let permutations: Vec<Label> = old.permutations().flatten().copied().collect();
    new.relabel(&permutations, Relabelling::Ecr);
    assert!(new.identifiability(&data).unwrap().overall < 0.6);
    let report = new.relabel_stephens(&data).unwrap();
    assert!(report.n_changed > 80, "{report:?}");
    // Listed in the order of their means in both.
    assert_equal(&old, &new, &data, name);
}

#[test]
fn evidences_are_invariant_within_their_errors() {
    for (name, old, data) in cases() {
        let new = renumbered(&old, &Streams::new(44));
        let bridge = Estimate::Bridge(Bridge { components: 20, proposals: 400 });
        for how in [bridge, Estimate::Chib(Chib::default())] {
            let [a, b] = [&new, &old].map(|draws| evidence(&data, draws, &how, &Streams::new(45)).unwrap());
            assert!(a.discrepancy(&b) < 4.0, "{name}, {how:?}: {a:?} {b:?}");
        }
    }
}
