//! The observed information of an estimate by Louis' formula, and the covariance matrices that follow from it.

use gmm_core::{Data, Mixture, Model, Rule, Statistics, Workspace, sweep};
use nalgebra::{DMatrix, DVector};

use super::complete::complete_information;
use super::inverse::inverse;
use super::layout::Layout;
use super::products::{Products, centre};
use super::{MAX_PARAMETERS, NoStandardErrors};
use crate::{Coordinates, Objective};

/// How far from the maximum an estimate may lie, in standard errors.
const FARTHEST: f64 = 0.5;

/// The observed information of a mixture: minus the matrix of second derivatives of the objective in
/// [`Coordinates`], p x p for p free parameters. It need not be positive definite away from a maximum.
///
/// By Louis (1982) it is what rows and allocations would tell less what the allocations, which are not seen, would:
///
/// ```text
/// I = sum_i { sum_k r_ik B_ik - [ sum_k r_ik g_ik g_ik' - t_i t_i' ] },   t_i = sum_k r_ik g_ik
/// ```
///
/// for gradient g and minus second derivatives B of the log joint density of row i and component k. The first sum is
/// known from the statistics of an E-step; for the posterior the prior's part is in it. There is no Jacobian. The rest
/// takes `n p^2` operations where all components overlap, and where they do not the square of the coordinates of one
/// component for each row. The bits do not depend on the number of threads.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_em::{Em, Objective, fit, observed_information};
/// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let mixture = fit(&model, &data, &Em::default(), &Streams::new(1), &|_| {})?.mixture;
/// let information = observed_information(&model, &data, &mixture, Objective::Likelihood)?;
/// // Components far apart: the information of 40 draws with probability 1/2 on the log ratio of the weights.
/// assert!((information[(0, 0)] - 40.0 * 0.5 * 0.5).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NoStandardErrors`] if model, data and mixture do not fit each other or there are more than [`MAX_PARAMETERS`].
pub fn observed_information(
    model: &Model,
    data: &Data,
    mixture: &Mixture,
    objective: Objective,
) -> Result<DMatrix<f64>, NoStandardErrors> {
    check(model, data, mixture)?;
    Ok(Found::new(model, data, mixture, objective, false).information)
}

/// Refuses what is not of one model, and too many parameters.
pub(crate) fn check(model: &Model, data: &Data, mixture: &Mixture) -> Result<(), NoStandardErrors> {
    check_model(model, data, mixture)?;
    match model.n_parameters() {
        parameters if parameters > MAX_PARAMETERS => Err(NoStandardErrors::TooManyParameters { parameters }),
        _ => Ok(()),
    }
}

/// Refuses data and mixtures that are not of the model.
pub(crate) fn check_model(model: &Model, data: &Data, mixture: &Mixture) -> Result<(), NoStandardErrors> {
    let (k, d) = (model.k(), model.d());
    let pairs = [
        ("the number of columns", data.d(), d),
        ("the dimension of the mixture", mixture.d(), d),
        ("the number of components of the mixture", mixture.k(), k),
        ("the number of covariances", mixture.covariances().len(), model.structure().n_covariances(k)),
        ("the number of stored entries of a covariance", mixture.shape().n_entries(d), model.shape().n_entries(d)),
    ];
    match pairs.into_iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(NoStandardErrors::OtherModel { what, found, expected }),
        None => Ok(()),
    }
}

/// What a pass over the rows finds of a mixture, all in its coordinates.
struct Found {
    information: DMatrix<f64>,
    gradient: DVector<f64>,
    /// How the scores of rows vary, `sum_i (s_i - mean)(s_i - mean)'`, where it was asked for.
    variation: Option<DMatrix<f64>>,
}

impl Found {
    fn new(model: &Model, data: &Data, mixture: &Mixture, objective: Objective, both: bool) -> Self {
        let layout = Layout::new(model);
        let plain = model.without_prior();
        let fitted = if objective == Objective::Likelihood { &plain } else { model };
        let mut coordinates = Coordinates::new(model, data);
        let mut statistics = model.blank_statistics();
        sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
        let mut gradient_of = |model: &Model, statistics: &Statistics| {
            let mut gradient = DVector::zeros(layout.n());
            coordinates.gradient(&model.posterior(statistics), mixture, gradient.as_mut_slice());
            gradient
        };
        let gradient = gradient_of(fitted, &statistics);
        // The products are of scores without -w: their sum is the gradient and n w.
        let mut sum = gradient_of(&plain, &statistics);
        sum.iter_mut().zip(mixture.weights()).take(layout.k - 1).for_each(|(g, w)| *g += data.n() as f64 * w);
        let scales = coordinates.scales();
        let products = Products::new(data, mixture, layout, scales, both);
        let complete = complete_information(layout, scales, &fitted.posterior(&statistics), mixture);
        let variation = products.observed.map(|mut observed| {
            centre(&mut observed, &sum, data.n());
            observed
        });
        Self { information: complete - products.missing, gradient, variation }
    }
}

/// The covariance matrix of an estimate in its coordinates, and how far it lies from the maximum in standard errors.
pub(crate) struct Asymptotic {
    pub(crate) covariance: DMatrix<f64>,
    pub(crate) distance: f64,
}

/// The inverse of the observed information or, `sandwich`, `inverse(I) J inverse(I)` with the variation J of the rows'
/// scores.
pub(crate) fn asymptotic(
    model: &Model,
    data: &Data,
    mixture: &Mixture,
    objective: Objective,
    sandwich: bool,
) -> Result<Asymptotic, NoStandardErrors> {
    check(model, data, mixture)?;
    let Found { information, gradient, variation } = Found::new(model, data, mixture, objective, sandwich);
    let inverse = inverse(information).map_err(|flat| NoStandardErrors::NotPositiveDefinite {
        eigenvalue: flat.curvature,
        parameter: Layout::new(model).parameter(flat.place),
    })?;
    let distance = gradient.dot(&(&inverse * &gradient)).abs().sqrt();
    if distance.is_nan() || distance > FARTHEST {
        return Err(NoStandardErrors::NotAMaximum { distance, limit: FARTHEST });
    }
    let covariance = match variation {
        Some(variation) => &inverse * variation * &inverse,
        None => inverse,
    };
    Ok(Asymptotic { covariance, distance })
}
