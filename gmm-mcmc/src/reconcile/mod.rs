//! Point estimates beside the posterior: where maximum likelihood and MAP lie among the draws of a parameter, how their
//! standard errors compare with its spread, and why they differ where they do.
//!
//! In the regular limit, many rows of components far apart, the posterior is normal about MAP with the inverse observed
//! information as its covariance (Bernstein & von Mises): MAP then is its median, and the ratio of the asymptotic standard error to
//! the posterior standard deviation is 1. What is found instead is explained by rules with fixed thresholds, which
//! [`Reason`] states.
//!
//! Nothing here knows how points were found; names of quantities are those of [`Draws::quantities`](crate::Draws::quantities).
//! Components of points and draws must have been matched.
//!
//! ```
//! use gmm_mcmc::Quantity;
//! use gmm_mcmc::reconcile::{Point, Points, Reason, Situation, reconcile};
//! let chain = |start: u32| (0..1009).map(|i| f64::from((i + start) * 7919 % 1009) / 1008.0).collect::<Vec<f64>>();
//! let quantity = Quantity { name: "means[0,0]".to_owned(), values: vec![chain(0), chain(250)] };
//! let points = Points { ml: Some(Point::new(0.9)), map: Some(Point::new(0.5)), ..Points::default() };
//! let found = reconcile(&quantity, &points, &Situation::default());
//! assert!((found.ml.unwrap().below.value - 0.9).abs() < 0.01);
//! assert!(matches!(found.reason, Reason::PriorPull { .. }));
//! assert_eq!(found.to_string(), "means[0,0]: the prior moves the optimum by -1.38 posterior sd, from ML to MAP");
//! ```

mod identifiability;
mod standing;

mod reason;

use std::fmt;

use crate::diagnostics::mcse_sd;
use crate::{MonteCarlo, Quantity, QuantitySummary, summarise};

pub use identifiability::identifiability;
pub use reason::{Optimum, Reason, Sign};
pub use standing::Standing;

/// A point estimate of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The estimate.
    pub value: f64,
    /// Its asymptotic standard error: from the observed information of its own objective.
    pub standard_error: Option<f64>,
}

impl Point {
    /// An estimate without a standard error.
    pub fn new(value: f64) -> Self {
        Self { value, standard_error: None }
    }

    /// An estimate with its standard error.
    pub fn with_standard_error(value: f64, standard_error: f64) -> Self {
        Self { value, standard_error: Some(standard_error) }
    }
}

/// What is known of one parameter besides its draws.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Points {
    /// The true value.
    pub truth: Option<f64>,
    /// Maximum likelihood.
    pub ml: Option<Point>,
    /// The mode of the posterior.
    pub map: Option<Point>,
}

/// What is known of the fits as a whole, and of the component of the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Situation {
    /// Whether chains sit at different levels: [`Levels::disagree`](crate::Levels::disagree).
    pub chains_disagree: bool,
    /// How the likelihood of maximum likelihood stands to those of the draws: [`Standing::of_ml`].
    pub ml: Option<Standing>,
    /// How the posterior density of MAP stands to those of the draws: [`Standing::of_map`].
    pub map: Option<Standing>,
    /// How surely rows are allocated to the component, from [`identifiability`], of a shared covariance the least of all
    /// components; `None` for quantities of no component.
    pub identifiability: Option<f64>,
}

/// A value among the draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The value.
    pub value: f64,
    /// Its distance from the posterior mean in posterior standard deviations; NaN where there is no spread.
    pub distance: f64,
    /// The posterior probability below it, its quantile; draws that equal it count half.
    pub below: MonteCarlo,
    /// Its standard error over the posterior standard deviation; `None` unless both are positive and finite.
    pub ratio: Option<MonteCarlo>,
}

/// One parameter in the posterior and as a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// Name, posterior mean, standard deviation, quantiles, diagnostics.
    pub posterior: QuantitySummary,
    /// The skewness of the draws; NaN where there is no spread.
    pub skewness: f64,
    /// The true value among the draws.
    pub truth: Option<Placed>,
    /// Maximum likelihood among the draws.
    pub ml: Option<Placed>,
    /// MAP among the draws.
    pub map: Option<Placed>,
    /// Why points and posterior differ, or that they do not.
    pub reason: Reason,
    /// Whatever else applies, in the order of [`Reason`].
    pub further: Vec<Reason>,
}

/// The name, and the reasons in a sentence each.
impl fmt::Display for Reconciled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.posterior.name, self.reason)?;
        self.further.iter().try_for_each(|reason| write!(f, "; {reason}"))
    }
}

impl Reconciled {
    /// All reasons, the first first.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        std::iter::once(&self.reason).chain(&self.further)
    }
}

/// Places points among the draws of a quantity and says why they differ, by the rules of [`Reason`].
///
/// What cannot be had is NaN or `None` and leaves out the rules that need it: a constant quantity, a draw or point that is
/// not finite, a standard error that is missing or not positive.
pub fn reconcile(quantity: &Quantity, points: &Points, situation: &Situation) -> Reconciled {
    let posterior = summarise(std::slice::from_ref(quantity)).swap_remove(0);
    let (draws, mean, sd) = (quantity.values.as_slice(), posterior.mean, posterior.sd);
    let usable = |x: f64| x > 0.0 && x.is_finite();
    let place = |point: Point| {
        let error = point.standard_error.filter(|error| usable(*error) && usable(sd));
        Placed {
            value: point.value,
            distance: if sd > 0.0 { (point.value - mean) / sd } else { f64::NAN },
            below: MonteCarlo::probability_below(draws, point.value),
            // The error of the ratio by the delta method.
            ratio: error.map(|error| MonteCarlo { value: error / sd, mcse: error / sd * mcse_sd(draws) / sd }),
        }
    };
    let skewness = skewness(draws, mean, sd);
    let (ml, map) = (points.ml.map(place), points.map.map(place));
    let mut reasons = reason::reasons(&posterior, skewness, (ml, map), situation).into_iter();
    Reconciled {
        reason: reasons.next().unwrap_or(Reason::NoPoint),
        further: reasons.collect(),
        truth: points.truth.map(|truth| place(Point::new(truth))),
        posterior,
        skewness,
        ml,
        map,
    }
}

/// `sum ((x - mean) / s)^3 / n` with the standard deviation s of divisor n; NaN without spread.
fn skewness(draws: &[Vec<f64>], mean: f64, sd: f64) -> f64 {
    let n = draws.iter().map(Vec::len).sum::<usize>() as f64;
    if !(sd > 0.0 && sd.is_finite()) {
        return f64::NAN;
    }
    let scale = sd * ((n - 1.0) / n).sqrt();
    draws.iter().flatten().map(|x| ((x - mean) / scale).powi(3)).sum::<f64>() / n
}
