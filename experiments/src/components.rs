//! How probable each number of components is, from the evidences of fits that differ in nothing else.

use gmm_core::{ComponentPrior, Model, NormalInverseWishart};
use gmm_mcmc::evidence::{Evidence, PriorOfK, ProbabilityOfK, probabilities_of_k};

use crate::fitted::FitResult;

/// Scales this close, relative to their largest entry, are the same: one of them may have been computed otherwise.
const SAME: f64 = 1e-9;

/// The numbers of components of one kind of model.
#[derive(Debug)]
pub(crate) struct Compared<'a> {
    /// By K.
    pub(crate) rows: Vec<ComparedRow<'a>>,
}

/// A number of components, the fit that has it, and how its evidence was estimated.
#[derive(Debug)]
pub(crate) struct ComparedRow<'a> {
    pub(crate) fit: &'a FitResult,
    pub(crate) how: &'static str,
    pub(crate) method: &'static str,
    pub(crate) found: ProbabilityOfK,
}

/// A fit with its evidence.
type Entry<'a> = (&'a FitResult, &'static str, &'static str, Evidence);

/// The fits with an evidence, grouped so that those of a group differ in K alone; groups with a single K are left out. Of
/// several fits with the same K the first counts, or the first whose chains are tempered.
pub(crate) fn compare(fits: &[FitResult], prior: PriorOfK) -> Vec<Compared<'_>> {
    let mut groups: Vec<Vec<Entry<'_>>> = Vec::new();
    for fit in fits {
        let Some((found, evidence)) = fit.gibbs.as_ref().and_then(|gibbs| gibbs.best_evidence()) else { continue };
        let entry = (fit, found.word(), found.method(), evidence);
        let Some(group) = groups.iter_mut().find(|group| differ_in_k(&group[0].0.model, &fit.model)) else {
            groups.push(vec![entry]);
            continue;
        };
        match group.iter_mut().find(|(other, ..)| other.model.k() == fit.model.k()) {
            Some(same) if is_tempered(fit) && !is_tempered(same.0) => *same = entry,
            Some(_) => {}
            None => group.push(entry),
        }
    }
    groups.into_iter().filter_map(|group| table(group, prior)).collect()
}

fn is_tempered(fit: &FitResult) -> bool {
    fit.gibbs.as_ref().is_some_and(|gibbs| gibbs.settings.tempering.is_some())
}

fn table(mut group: Vec<Entry<'_>>, prior: PriorOfK) -> Option<Compared<'_>> {
    if group.len() < 2 {
        return None;
    }
    group.sort_by_key(|(fit, ..)| fit.model.k());
    let evidences: Vec<(usize, Evidence)> =
        group.iter().map(|(fit, .., evidence)| (fit.model.k(), *evidence)).collect();
    // The prior was checked, the evidences are finite, and each K is there once.
    let found = probabilities_of_k(&evidences, prior).ok()?;
    let rows = group.into_iter().zip(found);
    Some(Compared {
        rows: rows.map(|((fit, how, method, _), found)| ComparedRow { fit, how, method, found }).collect(),
    })
}

/// Whether two models have the same structure and the same prior but for the number of components: one concentration, the
/// same for all; the same prior of the components, or scales in proportion to `K^(-2/d)`, as the default prior has them.
fn differ_in_k(a: &Model, b: &Model) -> bool {
    let (first, all) =
        (a.prior().weights.concentration()[0], |model: &Model| model.prior().weights.concentration().to_vec());
    let same_weights = all(a).iter().chain(&all(b)).all(|x| *x == first);
    let same_components = match (&a.prior().components, &b.prior().components) {
        (ComponentPrior::Conjugate(p), ComponentPrior::Conjugate(q)) => same_prior((a.k(), p), (b.k(), q), a.d()),
        (p, q) => p == q,
    };
    a.structure() == b.structure() && same_weights && same_components
}

fn same_prior((k, p): (usize, &NormalInverseWishart), (l, q): (usize, &NormalInverseWishart), d: usize) -> bool {
    let same_scale = match (p.covariance(), q.covariance()) {
        (Some(p), Some(q)) => {
            let ratio = (k as f64 / l as f64).powf(-2.0 / d as f64);
            let (p_entries, q_entries) = (p.scale().entries(), q.scale().entries());
            let largest = p_entries.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            let close =
                |ratio: f64| p_entries.iter().zip(q_entries).all(|(x, y)| (x - ratio * y).abs() <= SAME * largest);
            p.dof() == q.dof() && (close(1.0) || close(ratio))
        }
        (None, None) => true,
        _ => false,
    };
    same_scale && p.mean() == q.mean() && p.kappa() == q.kappa()
}

/// A prior of the number of components as a config writes it.
pub(crate) fn prior_words(prior: PriorOfK) -> String {
    match prior {
        PriorOfK::Uniform => "Uniform".to_owned(),
        PriorOfK::Poisson { rate } => format!("Poisson(rate: {rate})"),
        PriorOfK::BetaNegativeBinomial { shape, a, b } => {
            format!("BetaNegativeBinomial(shape: {shape}, a: {a}, b: {b})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Data, Dirichlet, Prior, Shape, Structure};

    fn default(k: usize, structure: Structure) -> Model {
        let rows: Vec<[f64; 2]> = (0..30).map(|i| [f64::from(i % 7), f64::from(i % 11)]).collect();
        Model::with_default_prior(k, structure, &Data::from_rows(&rows).unwrap()).unwrap()
    }

    fn with(model: &Model, weights: Dirichlet, components: ComponentPrior) -> Model {
        Model::new(model.d(), model.structure().clone(), Prior { weights, components }).unwrap()
    }

    #[test]
    fn models_are_compared_that_differ_in_nothing_but_the_number_of_components() {
        let free = || Structure::Free(Shape::Full);
        let (one, three) = (default(1, free()), default(3, free()));
        assert!(differ_in_k(&one, &three) && differ_in_k(&three, &one));
        let even = |a: f64| Model::dirichlet(vec![a; 3]).unwrap();
        let other = |weights| with(&three, weights, three.prior().components.clone());
        assert!(!differ_in_k(&one, &other(even(2.0))));
        assert!(!differ_in_k(&three, &other(Model::dirichlet(vec![1.0, 1.0, 2.0]).unwrap())));
        // The same scale for every K, which is not the default.
        assert!(differ_in_k(&one, &with(&three, even(1.0), one.prior().components.clone())));
        let ComponentPrior::Conjugate(prior) = &three.prior().components else { unreachable!() };
        let covariance = prior.covariance().cloned();
        let changed = NormalInverseWishart::new(prior.mean().to_vec(), 2.0 * prior.kappa(), covariance).unwrap();
        assert!(!differ_in_k(&one, &with(&three, even(1.0), ComponentPrior::Conjugate(changed))));
        let two = default(2, free());
        assert!(!differ_in_k(&one, &with(&three, even(1.0), two.prior().components.clone())));
        assert!(!differ_in_k(&one, &default(3, Structure::Tied(Shape::Full))));
        assert!(!differ_in_k(&one, &default(3, Structure::Free(Shape::Diagonal))));
    }
}
