//! The model to be fitted: number of components, covariance structure, priors; valid once made.

use thiserror::Error;

use crate::posterior::Posterior;
use crate::{
    Covariance, Data, Dirichlet, InverseWishart, MAX_COMPONENTS, Mixture, NormalInverseWishart, NotPositiveDefinite,
    Shape, Statistics, Structure,
};

/// The prior of means and covariances.
#[derive(Debug, Clone, PartialEq)]
pub enum ComponentPrior {
    /// Density 1 everywhere: no prior. Improper, so it has a mode for data but no draws.
    Flat,
    /// The conjugate prior.
    Conjugate(NormalInverseWishart),
}

/// The priors of a mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Of the weights.
    pub weights: Dirichlet,
    /// Of each component's mean and covariance.
    pub components: ComponentPrior,
}

/// A Gaussian mixture model with its priors: K components in R^d.
///
/// ```
/// use gmm_core::{ComponentPrior, Data, Model, Shape, Structure};
/// let data = Data::from_rows(&[[1.0], [2.0], [4.0], [8.0]])?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// assert_eq!(model.n_parameters(), 5);
/// assert!(matches!(model.prior().components, ComponentPrior::Conjugate(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    d: usize,
    structure: Structure,
    prior: Prior,
    /// The normalising constant of the prior of the weights.
    ln_weights_normaliser: f64,
}

/// Why a model or its prior cannot be.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ModelError {
    /// The number of components is 0 or beyond [`MAX_COMPONENTS`].
    #[error("{k} components: there must be at least 1 and at most {MAX_COMPONENTS}")]
    Components {
        /// The number of components.
        k: usize,
    },
    /// A concentration is not positive and finite.
    #[error("concentration {component} is {value}: concentrations must be positive and finite")]
    Concentration {
        /// The component, from 0.
        component: usize,
        /// The concentration.
        value: f64,
    },
    /// The prior mean or covariance, or the known covariance, has another dimension than the data.
    #[error("{what} has dimension {found} where {expected} was expected")]
    Dimension {
        /// What has the wrong dimension.
        what: &'static str,
        /// Its dimension.
        found: usize,
        /// The dimension of the data.
        expected: usize,
    },
    /// The scale of the prior has another shape than the covariances.
    #[error("the scale of the prior is {found:?} where the covariances are {expected:?}")]
    Shape {
        /// The shape of the scale.
        found: Shape,
        /// The shape of the covariances.
        expected: Shape,
    },
    /// The covariance is known but its prior is given, or it is learned and has none.
    #[error("{}", if *known { "the covariance is known: its prior has neither dof nor scale" }
                  else { "the covariance is learned: its prior needs dof and scale" })]
    CovariancePrior {
        /// Whether the covariance is known.
        known: bool,
    },
    /// A coordinate of the prior mean is not finite.
    #[error("coordinate {coordinate} of the prior mean is {value}, not a finite number")]
    PriorMean {
        /// The coordinate, from 0.
        coordinate: usize,
        /// Its value.
        value: f64,
    },
    /// kappa is not positive and finite.
    #[error("kappa is {value}: it must be positive and finite")]
    Kappa {
        /// Its value.
        value: f64,
    },
    /// The degrees of freedom are too small.
    #[error("dof is {value}: it must exceed {least} and be finite")]
    Dof {
        /// Their value.
        value: f64,
        /// The bound.
        least: f64,
    },
    /// The scale of the prior is not positive definite.
    #[error("the scale of the prior: {0}")]
    Scale(NotPositiveDefinite),
    /// The default prior needs at least two rows.
    #[error("the default prior needs at least 2 rows, not {n}: give a prior")]
    TooFewRows {
        /// The number of rows.
        n: usize,
    },
    /// The default prior needs columns that are not linearly dependent.
    #[error(
        "the columns are linearly dependent (smallest eigenvalue of their correlation {value:.1e}), so the default prior \
         has no scale: drop a column, use diagonal covariances or give a prior"
    )]
    DependentColumns {
        /// The smallest eigenvalue of the covariance on columns of unit sd.
        value: f64,
    },
    /// The default prior needs columns that vary.
    #[error("column {column} is constant, so the default prior has no scale: drop the column or give a prior")]
    ConstantColumn {
        /// The column, from 0.
        column: usize,
    },
}

impl Model {
    /// A model of K (the number of concentrations) components in R^d.
    ///
    /// # Errors
    /// [`ModelError`] if the parts do not fit each other.
    pub fn new(d: usize, structure: Structure, prior: Prior) -> Result<Self, ModelError> {
        let k = prior.weights.k();
        if k == 0 || k > MAX_COMPONENTS {
            return Err(ModelError::Components { k });
        }
        let dimension = |what, found| match found == d {
            true => Ok(()),
            false => Err(ModelError::Dimension { what, found, expected: d }),
        };
        if let Structure::Known(covariance) = &structure {
            dimension("the known covariance", covariance.d())?;
        }
        if let ComponentPrior::Conjugate(conjugate) = &prior.components {
            dimension("the mean of the prior", conjugate.mean().len())?;
            let known = matches!(structure, Structure::Known(_));
            match conjugate.covariance() {
                Some(covariance) if !known => {
                    dimension("the scale of the prior", covariance.scale().d())?;
                    let (found, expected) = (covariance.scale().shape(), structure.shape());
                    if found != expected {
                        return Err(ModelError::Shape { found, expected });
                    }
                }
                None if known => {}
                _ => return Err(ModelError::CovariancePrior { known }),
            }
        }
        Ok(Self { d, structure, ln_weights_normaliser: prior.weights.ln_normaliser(), prior })
    }

    /// A symmetric Dirichlet prior of the weights of `k` components, ready for [`Prior`].
    ///
    /// # Errors
    /// [`ModelError`] if `k` is 0 or too large or a concentration is not positive.
    pub fn dirichlet(concentration: Vec<f64>) -> Result<Dirichlet, ModelError> {
        let k = concentration.len();
        if k == 0 || k > MAX_COMPONENTS {
            return Err(ModelError::Components { k });
        }
        let bad = concentration.iter().position(|a| !(*a > 0.0 && a.is_finite()));
        let component = bad.unwrap_or(0);
        let value = concentration[component];
        Dirichlet::new(concentration).ok_or(ModelError::Concentration { component, value })
    }

    /// A model with the data-dependent default prior (Fraley & Raftery 2007): concentration 1, mean = column
    /// means, kappa 0.01, and for the covariance [`NormalInverseWishart::default_dof`] and
    /// [`NormalInverseWishart::default_scale`].
    ///
    /// # Errors
    /// [`ModelError`] if the data do not determine a prior.
    pub fn with_default_prior(k: usize, structure: Structure, data: &Data) -> Result<Self, ModelError> {
        let (d, shape) = (data.d(), structure.shape());
        let covariance = match structure {
            Structure::Known(_) => None,
            Structure::Free(_) | Structure::Tied(_) => {
                let scale = NormalInverseWishart::default_scale(data, shape, k)?;
                Some(InverseWishart::new(NormalInverseWishart::default_dof(shape, d), scale)?)
            }
        };
        let mean = NormalInverseWishart::default_mean(data);
        let conjugate = NormalInverseWishart::new(mean, NormalInverseWishart::DEFAULT_KAPPA, covariance)?;
        let components = ComponentPrior::Conjugate(conjugate);
        Self::new(d, structure, Prior { weights: Self::dirichlet(vec![1.0; k])?, components })
    }

    /// The same structure without any prior: uniform weights, flat components. Its mode is the maximum of
    /// the likelihood.
    pub fn without_prior(&self) -> Self {
        let weights = self.prior.weights.uniform();
        Self {
            d: self.d,
            structure: self.structure.clone(),
            ln_weights_normaliser: weights.ln_normaliser(),
            prior: Prior { weights, components: ComponentPrior::Flat },
        }
    }

    /// The same model with one component fewer, that with concentration `component`, from 0; its other priors are kept as
    /// they are. `None` if there is no such component or no other.
    ///
    /// ```
    /// use gmm_core::{ComponentPrior, Model, Prior, Shape, Structure};
    /// let prior = Prior { weights: Model::dirichlet(vec![1.0, 2.0, 3.0])?, components: ComponentPrior::Flat };
    /// let model = Model::new(2, Structure::Free(Shape::Full), prior)?;
    /// let smaller = model.without_component(1).ok_or("the only component")?;
    /// assert_eq!(smaller.prior().weights.concentration(), [1.0, 3.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_component(&self, component: usize) -> Option<Self> {
        let mut concentration = self.prior.weights.concentration().to_vec();
        if component >= concentration.len() {
            return None;
        }
        concentration.remove(component);
        let weights = Dirichlet::new(concentration)?;
        Some(Self {
            d: self.d,
            structure: self.structure.clone(),
            ln_weights_normaliser: weights.ln_normaliser(),
            prior: Prior { weights, components: self.prior.components.clone() },
        })
    }

    /// Number of components K.
    pub fn k(&self) -> usize {
        self.prior.weights.k()
    }

    /// Dimension d.
    pub fn d(&self) -> usize {
        self.d
    }

    /// The covariance structure.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// The shape of the covariances.
    pub fn shape(&self) -> Shape {
        self.structure.shape()
    }

    /// The priors.
    pub fn prior(&self) -> &Prior {
        &self.prior
    }

    /// Whether the prior of the components is proper, so that the posterior can be sampled.
    pub fn is_proper(&self) -> bool {
        matches!(self.prior.components, ComponentPrior::Conjugate(_))
    }

    /// The number of free parameters, see [`Structure::n_parameters`].
    pub fn n_parameters(&self) -> usize {
        self.structure.n_parameters(self.k(), self.d)
    }

    /// A mixture of this model's structure to be written into: equal weights, means 0, unit (or known) covariances.
    pub fn blank_mixture(&self) -> Mixture {
        let n_covariances = self.structure.n_covariances(self.k());
        let mut mixture = Mixture::blank(self.shape(), self.k(), self.d, n_covariances);
        if let Structure::Known(covariance) = &self.structure {
            mixture.parts_mut().2[0].clone_from(covariance);
        }
        mixture
    }

    /// Statistics of no rows, of this model's shape.
    pub fn blank_statistics(&self) -> Statistics {
        Statistics::new(self.shape(), self.k(), self.d)
    }

    /// The posterior given statistics; see [`Posterior::update`] to reuse its memory.
    pub fn posterior(&self, statistics: &Statistics) -> Posterior {
        let mut posterior = Posterior::new(self);
        posterior.update(statistics);
        posterior
    }

    /// Where concentrations differ, components are not exchangeable: of all ways to number those of a mixture, the one of
    /// highest prior density gives the larger weight the larger concentration. `None` if the mixture is numbered so.
    pub fn best_numbering(&self, mixture: &Mixture) -> Option<Mixture> {
        let concentration = self.prior.weights.concentration();
        let by = |values: &[f64]| {
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
            order
        };
        if self.prior.weights.is_symmetric() {
            return None;
        }
        let mut numbering = vec![0; concentration.len()];
        for (place, component) in by(concentration).into_iter().zip(by(mixture.weights())) {
            numbering[place] = component;
        }
        let better = mixture.permuted(&numbering);
        let density = |m: &Mixture| self.prior.weights.ln_density(m.weights());
        (density(&better) > density(mixture)).then_some(better)
    }

    /// The log prior density of weights, means and covariances, with all constants; flat parts count 0.
    ///
    /// ```text
    /// ln Dirichlet(w | a) + sum over distinct covariances ln InverseWishart(S) + sum_k ln Normal(mu_k | m0, S_k / kappa)
    /// ```
    pub fn ln_prior(&self, mixture: &Mixture) -> f64 {
        let weights = self.prior.weights.ln_kernel(mixture.weights()) - self.ln_weights_normaliser;
        let ComponentPrior::Conjugate(conjugate) = &self.prior.components else {
            return weights;
        };
        let ln_precision = (conjugate.kappa() / (2.0 * std::f64::consts::PI)).ln();
        let means: f64 = (0..mixture.k())
            .map(|k| {
                let covariance: &Covariance = mixture.covariance(k);
                let quadratic = conjugate.kappa() * covariance.squared_distance(mixture.mean(k), conjugate.mean());
                0.5 * (self.d as f64 * ln_precision - covariance.ln_det() - quadratic)
            })
            .sum();
        let covariances: f64 =
            conjugate.covariance().map_or(0.0, |prior| mixture.covariances().iter().map(|c| prior.ln_density(c)).sum());
        weights + means + covariances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_with_a_component_fewer_is_the_model_of_the_other_concentrations() {
        let data = Data::from_rows(&[[1.0], [2.0], [4.0], [8.0]]).unwrap();
        let mut model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
        model.prior.weights = Model::dirichlet(vec![2.5, 1.0, 1.5]).unwrap();
        let mut prior = model.prior.clone();
        prior.weights = Model::dirichlet(vec![2.5, 1.5]).unwrap();
        let expected = Model::new(1, model.structure.clone(), prior).unwrap();
        assert_eq!(model.without_component(1), Some(expected));
        assert_eq!(model.without_component(3), None);
        let one = Model::with_default_prior(1, Structure::Free(Shape::Full), &data).unwrap();
        assert_eq!(one.without_component(0), None);
    }

    #[test]
    fn without_a_prior_only_the_uniform_density_of_the_weights_is_left() {
        let data = Data::from_rows(&[[1.0], [2.0], [4.0], [8.0]]).unwrap();
        let mut model = Model::with_default_prior(4, Structure::Free(Shape::Full), &data).unwrap();
        model.prior.weights = Model::dirichlet(vec![2.5; 4]).unwrap();
        let model = Model::new(1, model.structure, model.prior).unwrap().without_prior();
        // Gamma(4) = 6.
        assert!((model.ln_prior(&model.blank_mixture()) - 6f64.ln()).abs() < 1e-14);
    }
}
