//! What follows when a climb ends in a collapse.

use gmm_core::{Covariance, Data, Mixture, Model, Shape, Statistics, Structure, Symmetric};

use crate::{Action, Collapse, Ending, Singularities};

/// The policy of one restart, and the rows that components were reset to.
pub(crate) struct Remedy {
    policy: Singularities,
    rows: Vec<usize>,
}

/// Where the restart goes on, if it does.
pub(crate) type Next = Option<(Model, Mixture)>;

impl Remedy {
    pub(crate) fn new(policy: Singularities) -> Self {
        Self { policy, rows: Vec::new() }
    }

    /// What is done about a collapse at a mixture of a model, and where the climb goes on.
    pub(crate) fn of(&mut self, collapse: &Collapse, mixture: &Mixture, model: &Model, data: &Data) -> (Action, Next) {
        let component = collapse.component;
        let own = matches!(model.structure(), Structure::Free(_));
        let result = match self.policy {
            Singularities::ResetComponent | Singularities::RemoveComponent if !own => Err(Ending::Shared),
            Singularities::ResetComponent => self.reset(component, mixture, model, data),
            Singularities::RemoveComponent => remove(component, mixture, model),
            Singularities::Fail => Err(Ending::Policy),
            _ => Err(Ending::OutOfRange),
        };
        match result {
            Ok((action, model, mixture)) => (action, Some((model, mixture))),
            Err(ending) => (Action::RestartEnded(ending), None),
        }
    }

    fn reset(
        &mut self,
        component: usize,
        mixture: &Mixture,
        model: &Model,
        data: &Data,
    ) -> Result<(Action, Model, Mixture), Ending> {
        if self.rows.len() >= Singularities::RESETS {
            return Err(Ending::ResetsSpent);
        }
        let row = worst_explained(mixture, data, &self.rows).ok_or(Ending::ResetsSpent)?;
        let k = model.k() as f64;
        let mut weights: Vec<f64> = mixture.weights().to_vec();
        weights[component] = 0.0;
        let others: f64 = weights.iter().sum();
        if model.k() > 1 && others <= 0.0 {
            return Err(Ending::LastComponent);
        }
        weights.iter_mut().for_each(|w| *w *= (1.0 - 1.0 / k) / others.max(f64::MIN_POSITIVE));
        weights[component] = 1.0 / k;
        let mut means: Vec<Vec<f64>> = (0..mixture.k()).map(|k| mixture.mean(k).to_vec()).collect();
        means[component] = data.row(row).to_vec();
        let mut covariances = mixture.covariances().to_vec();
        covariances[component] = covariance_of_all(model, data).ok_or(Ending::OutOfRange)?;
        let start = Mixture::new(weights, means, covariances).map_err(|_| Ending::OutOfRange)?;
        self.rows.push(row);
        Ok((Action::MeanReset { row }, model.clone(), start))
    }
}

fn remove(component: usize, mixture: &Mixture, model: &Model) -> Result<(Action, Model, Mixture), Ending> {
    let parts = (model.without_component(component), mixture.without_component(component));
    let (Some(model), Some(mixture)) = parts else { return Err(Ending::LastComponent) };
    Ok((Action::ComponentRemoved { left: model.k() }, model, mixture))
}

/// The row of lowest density that equals none of the given ones; the first of several.
fn worst_explained(mixture: &Mixture, data: &Data, besides: &[usize]) -> Option<usize> {
    let mut worst: Option<(usize, f64)> = None;
    for (i, row) in data.rows().enumerate() {
        let density = mixture.ln_density(row);
        // A row out of reach of all components.
        let density = if density.is_nan() { f64::NEG_INFINITY } else { density };
        let new = || besides.iter().all(|&other| data.row(other) != row);
        if worst.is_none_or(|(_, least)| density < least) && new() {
            worst = Some((i, density));
        }
    }
    worst.map(|(row, _)| row)
}

/// The covariance of all rows over `K^(2/d)`, in the shape, plus a thousandth of the columns' variances so that it is
/// positive definite.
fn covariance_of_all(model: &Model, data: &Data) -> Option<Covariance> {
    let (n, d, k) = (data.n() as f64, data.d(), model.k() as f64);
    // The mean of the variances needs each of them.
    let needed = if model.shape() == Shape::Full { Shape::Full } else { Shape::Diagonal };
    let statistics = Statistics::of_all(data, needed);
    let mut all: Symmetric = statistics.scatter(0).clone();
    let sds = data.standard_deviations();
    for (j, sd) in sds.iter().enumerate() {
        let mut axis = vec![0.0; d];
        axis[j] = *sd;
        all.add_outer(1e-3 * n, &axis);
    }
    let mut all = all.project(model.shape());
    all.scale(1.0 / n / k.powf(2.0 / d as f64));
    Covariance::new(all).ok()
}
