//! A model with its priors from a config: what is left out is taken from the data.

use std::cell::{OnceCell, RefCell};

use gmm_core::{
    ComponentPrior, Data, InverseWishart, Model, ModelError, NormalInverseWishart, Prior, Shape, Structure, Symmetric,
};

use crate::config::{self, ConfigError, Matrix, Source};
use crate::resolve::matrix;

/// The data and the defaults taken from them, each computed once: it costs a pass over all rows.
pub(super) struct Defaults<'a> {
    pub(super) data: &'a Data,
    mean: OnceCell<Vec<f64>>,
    scales: RefCell<Vec<DefaultScale>>,
}

/// The default scale of a shape for k components.
struct DefaultScale {
    shape: Shape,
    k: usize,
    scale: Result<Symmetric, ModelError>,
}

impl<'a> Defaults<'a> {
    pub(super) fn new(data: &'a Data) -> Self {
        Self { data, mean: OnceCell::new(), scales: RefCell::new(Vec::new()) }
    }

    fn mean(&self) -> Vec<f64> {
        self.mean.get_or_init(|| NormalInverseWishart::default_mean(self.data)).clone()
    }

    fn scale(&self, shape: Shape, k: usize) -> Result<Symmetric, ModelError> {
        let mut scales = self.scales.borrow_mut();
        if let Some(known) = scales.iter().find(|known| (known.shape, known.k) == (shape, k)) {
            return known.scale.clone();
        }
        let scale = NormalInverseWishart::default_scale(self.data, shape, k);
        scales.push(DefaultScale { shape, k, scale: scale.clone() });
        scale
    }
}

/// A model as one fit sees it: each field with the path at which it is written.
#[derive(Clone)]
pub(super) struct Written<'a> {
    pub(super) k: At<usize>,
    pub(super) covariance: At<&'a config::Covariance>,
    pub(super) concentration: At<Option<&'a config::Concentration>>,
    pub(super) components: At<Option<&'a config::ComponentPrior>>,
    /// Whether covariance and prior of the components are written in the same block, so that they must fit as they are.
    pub(super) together: bool,
}

/// A value and the path at which it is written, or would be.
#[derive(Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) path: String,
}

impl<'a> Written<'a> {
    /// The model of the experiment.
    pub(super) fn base(model: &'a config::Model) -> Self {
        let at = |path: &str| path.to_owned();
        let prior = model.prior.as_ref();
        Self {
            k: At { value: model.components, path: at("model.components") },
            covariance: At { value: &model.covariance, path: at("model.covariance") },
            concentration: At {
                value: prior.and_then(|prior| prior.concentration.as_ref()),
                path: at("model.prior.concentration"),
            },
            components: At {
                value: prior.and_then(|prior| prior.components.as_ref()),
                path: at("model.prior.components"),
            },
            together: true,
        }
    }

    /// The same with the single fields that a fit has otherwise.
    pub(super) fn overridden(model: &'a config::Model, other: Option<&'a config::ModelOverride>, path: &str) -> Self {
        let mut written = Self::base(model);
        let Some(other) = other else { return written };
        if let Some(value) = other.components {
            written.k = At { value, path: format!("{path}.components") };
        }
        if let Some(value) = &other.covariance {
            written.covariance = At { value, path: format!("{path}.covariance") };
        }
        let prior = other.prior.as_ref();
        if let value @ Some(_) = prior.and_then(|prior| prior.concentration.as_ref()) {
            written.concentration = At { value, path: format!("{path}.prior.concentration") };
        }
        let components = prior.and_then(|prior| prior.components.as_ref());
        if components.is_some() {
            written.components = At { value: components, path: format!("{path}.prior.components") };
        }
        written.together = other.covariance.is_some() == components.is_some();
        written
    }
}

/// A model whose prior is given in full, before there are data.
pub(super) fn without_data(source: &Source, model: &config::Model) -> Result<Model, ConfigError> {
    let complete = "`SimulateFromPrior` needs a complete prior: Conjugate(mean: .., kappa: .., dof: .., scale: ..)";
    let missing = |what: &str| {
        source.error_at(&format!("model.prior.components.{what}"), format!("{what} is missing"), Some(complete))
    };
    let components = model.prior.as_ref().and_then(|prior| prior.components.as_ref());
    let Some(config::ComponentPrior::Conjugate { mean, kappa, dof, scale }) = components else {
        return Err(source.error_at("model.prior", "no prior to draw from", Some(complete)));
    };
    let mean = mean.as_ref().ok_or_else(|| missing("mean"))?;
    let known = matches!(model.covariance, config::Covariance::Known(_));
    kappa.ok_or_else(|| missing("kappa"))?;
    if !known {
        dof.ok_or_else(|| missing("dof"))?;
        scale.as_ref().ok_or_else(|| missing("scale"))?;
    }
    resolve(source, &Written::base(model), mean.len(), None)
}

/// The most numbers in the covariances of a model: 2 GiB.
pub(super) const MOST_ENTRIES: usize = 1 << 28;

/// Refuses covariances that no memory holds, before any of them is made.
fn check_size(source: &Source, covariance: &At<&config::Covariance>, k: usize, d: usize) -> Result<(), ConfigError> {
    let per_component = match covariance.value {
        config::Covariance::Free(config::Shape::Full) | config::Covariance::Tied(config::Shape::Full) => {
            d.saturating_mul(d + 1) / 2
        }
        _ => d,
    };
    if k.saturating_mul(per_component) <= MOST_ENTRIES {
        return Ok(());
    }
    let message = format!("{k} components in {d} dimensions have more than {MOST_ENTRIES} variances and covariances");
    let help = "a row is an observation, a column a variable: is the table transposed?";
    Err(source.error_at(&covariance.path, message, Some(help)))
}

/// The model in d dimensions. `data` gives what the prior leaves out.
pub(super) fn resolve(
    source: &Source,
    written: &Written<'_>,
    d: usize,
    data: Option<&Defaults<'_>>,
) -> Result<Model, ConfigError> {
    let k = written.k.value;
    if k == 0 || k > gmm_core::MAX_COMPONENTS {
        return Err(source.error_at(&written.k.path, ModelError::Components { k }, None));
    }
    check_size(source, &written.covariance, k, d)?;
    let structure = structure(source, &written.covariance, d)?;
    let weights = weights(source, &written.concentration, k)?;
    let path = &written.components.path;
    let components = match written.components.value {
        Some(config::ComponentPrior::Flat) => ComponentPrior::Flat,
        None | Some(config::ComponentPrior::FromData) => {
            ComponentPrior::Conjugate(conjugate(source, path, &Fields::default(), k, d, &structure, data)?)
        }
        Some(config::ComponentPrior::Conjugate { mean, kappa, dof, scale }) => {
            let known = matches!(structure, Structure::Known(_));
            for (field, given) in [("dof", dof.is_some()), ("scale", scale.is_some())] {
                if known && given && written.together {
                    let message = format!("the covariance is known, so {field} has no effect");
                    return Err(source.error_at(&format!("{path}.{field}"), message, Some("leave it out")));
                }
            }
            let fields = Fields { mean: mean.as_deref(), kappa: *kappa, dof: *dof, scale: scale.as_ref() };
            ComponentPrior::Conjugate(conjugate(source, path, &fields, k, d, &structure, data)?)
        }
    };
    Model::new(d, structure, Prior { weights, components }).map_err(|error| source.error_at(path, error, None))
}

/// The model as a config writes it, every default a number.
pub(super) fn written(model: &Model) -> config::ModelOverride {
    let shape = |shape| match shape {
        Shape::Full => config::Shape::Full,
        Shape::Diagonal => config::Shape::Diagonal,
        Shape::Isotropic => config::Shape::Isotropic,
    };
    let covariance = match model.structure() {
        Structure::Free(s) => config::Covariance::Free(shape(*s)),
        Structure::Tied(s) => config::Covariance::Tied(shape(*s)),
        Structure::Known(covariance) => config::Covariance::Known(matrix::written(covariance.as_symmetric())),
    };
    let components = match &model.prior().components {
        ComponentPrior::Flat => config::ComponentPrior::Flat,
        ComponentPrior::Conjugate(conjugate) => config::ComponentPrior::Conjugate {
            mean: Some(conjugate.mean().to_vec()),
            kappa: Some(conjugate.kappa()),
            dof: conjugate.covariance().map(InverseWishart::dof),
            scale: conjugate.covariance().map(|prior| matrix::written(prior.scale())),
        },
    };
    let concentration = config::Concentration::Each(model.prior().weights.concentration().to_vec());
    config::ModelOverride {
        components: Some(model.k()),
        covariance: Some(covariance),
        prior: Some(config::Prior { concentration: Some(concentration), components: Some(components) }),
    }
}

/// The experiment's own model with every default filled in, where the data determine them.
pub(super) fn as_used(source: &Source, model: &config::Model, data: &Defaults<'_>) -> config::Model {
    let resolved = resolve(source, &Written::base(model), data.data.d(), Some(data));
    let prior = resolved.ok().and_then(|resolved| written(&resolved).prior);
    config::Model { prior: prior.or_else(|| model.prior.clone()), ..model.clone() }
}

fn structure(source: &Source, written: &At<&config::Covariance>, d: usize) -> Result<Structure, ConfigError> {
    let shape = |shape: &config::Shape| match shape {
        config::Shape::Full => Shape::Full,
        config::Shape::Diagonal => Shape::Diagonal,
        config::Shape::Isotropic => Shape::Isotropic,
    };
    Ok(match written.value {
        config::Covariance::Free(s) => Structure::Free(shape(s)),
        config::Covariance::Tied(s) => Structure::Tied(shape(s)),
        config::Covariance::Known(known) => Structure::Known(matrix::covariance(source, &written.path, known, d)?),
    })
}

fn weights(
    source: &Source,
    written: &At<Option<&config::Concentration>>,
    k: usize,
) -> Result<gmm_core::Dirichlet, ConfigError> {
    let path = &written.path;
    let (concentration, one_for_all) = match written.value {
        None => (vec![1.0; k], true),
        Some(config::Concentration::Same(a)) => (vec![*a; k], true),
        Some(config::Concentration::Each(list)) => (list.clone(), false),
    };
    if concentration.len() != k {
        let message = format!("{} concentrations where there are {k} components", concentration.len());
        return Err(source.error_at(path, message, Some("one number for all, or one for each")));
    }
    Model::dirichlet(concentration).map_err(|error| {
        let place = match &error {
            ModelError::Concentration { component, .. } if !one_for_all => format!("{path}[{component}]"),
            _ => path.clone(),
        };
        source.error_at(&place, error, None)
    })
}

/// What a config gives of the conjugate prior.
#[derive(Default)]
struct Fields<'a> {
    mean: Option<&'a [f64]>,
    kappa: Option<f64>,
    dof: Option<f64>,
    scale: Option<&'a Matrix>,
}

fn conjugate(
    source: &Source,
    path: &str,
    fields: &Fields<'_>,
    k: usize,
    d: usize,
    structure: &Structure,
    data: Option<&Defaults<'_>>,
) -> Result<NormalInverseWishart, ConfigError> {
    let needs_data = |what: &str| source.error_at(&format!("{path}.{what}"), format!("{what} is missing"), None);
    let mean = match (fields.mean, data) {
        (Some(mean), _) => mean.to_vec(),
        (None, Some(data)) => data.mean(),
        (None, None) => return Err(needs_data("mean")),
    };
    if mean.len() != d {
        let message = format!("the mean has {} coordinates where the data have {d} columns", mean.len());
        return Err(source.error_at(&format!("{path}.mean"), message, None));
    }
    let shape = structure.shape();
    let covariance = match structure {
        Structure::Known(_) => None,
        Structure::Free(_) | Structure::Tied(_) => {
            let scale: Symmetric = match (fields.scale, data) {
                // A scale of another shape is brought into that of the covariances.
                (Some(scale), _) => matrix::symmetric(source, &format!("{path}.scale"), scale, d)?.project(shape),
                (None, Some(data)) => data
                    .scale(shape, k)
                    .map_err(|error| source.error_at(&format!("{path}.scale"), error, DEFAULT_HELP))?,
                (None, None) => return Err(needs_data("scale")),
            };
            let dof = fields.dof.unwrap_or_else(|| NormalInverseWishart::default_dof(shape, d));
            let prior = InverseWishart::new(dof, scale).map_err(|error| match &error {
                ModelError::Scale(not_positive) => matrix::not_positive(source, &format!("{path}.scale"), not_positive),
                _ => source.error_at(&format!("{path}.dof"), error, None),
            })?;
            Some(prior)
        }
    };
    let kappa = fields.kappa.unwrap_or(NormalInverseWishart::DEFAULT_KAPPA);
    NormalInverseWishart::new(mean, kappa, covariance).map_err(|error| {
        let place = match &error {
            ModelError::PriorMean { coordinate, .. } => format!("{path}.mean[{coordinate}]"),
            _ => format!("{path}.kappa"),
        };
        source.error_at(&place, error, None)
    })
}

const DEFAULT_HELP: Option<&str> =
    Some("the default prior is taken from the data; give `prior: (components: Conjugate(.., scale: ..))` instead");
