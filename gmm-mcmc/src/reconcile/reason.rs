//! The rules by which it is said why points and posterior differ.

use std::fmt;

use super::{Placed, Situation, Standing};
use crate::QuantitySummary;

/// A point estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimum {
    /// Maximum likelihood.
    Ml,
    /// The mode of the posterior.
    Map,
}

impl fmt::Display for Optimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ml => "ML",
            Self::Map => "MAP",
        })
    }
}

/// By what another mode shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sign {
    /// Chains sit at different levels of the likelihood.
    Levels,
    /// The chains are at different values of the quantity.
    RHat {
        /// R-hat of the quantity.
        r_hat: f64,
    },
    /// The objective of the optimum is not that of the mode of the draws.
    Objective {
        /// The optimum.
        of: Optimum,
        /// How it stands; not [`Standing::Near`].
        standing: Standing,
    },
    /// The optimum lies outside the draws.
    Tail {
        /// The optimum.
        of: Optimum,
        /// Its distance from the posterior mean in posterior standard deviations.
        distance: f64,
    },
}

/// Why the points and the posterior of a parameter differ, or that they do not. Distances are in posterior standard
/// deviations s.
///
/// The rules in order; the thresholds are constants of this type. Of the reasons from `AnotherMode` to `Skewness` several can hold
/// together, the others stand alone.
///
/// 1. `NoPoint`: neither ML nor MAP is a finite number.
/// 2. `NoSpread`: the draws are all the same or not finite. If they are all the same and so are the points (to 1e-9
///    relative), `Agree`.
/// 3. `Agree`: `AnotherMode` does not hold, ML, MAP and the median are within 0.25 s of the mean, and the ratios of
///    standard errors to s are within 10 % of 1; what is missing does not count.
/// 4. `AnotherMode`, by the first of these signs: chains sit at different levels; R-hat of the quantity is above 1.1; MAP
///    stands lower or higher than the draws, or ML lower; MAP (without one, ML) is outside the central 99 % of the draws
///    by more than two Monte Carlo errors, or farther than 5 s from the mean. Outside on the steep side of skewed draws,
///    within 3 s, does not count: the mode of a joint density may lie there. Nor does ML outside while MAP is inside, for
///    which the prior is reason enough.
/// 5. `Overlap`: the identifiability of the component is below 0.9.
/// 6. `PriorPull`: ML and MAP are more than 0.25 s apart.
/// 7. `PriorWidth`: the ratio of ML is more than 10 % from 1 and that of MAP is not.
/// 8. `Skewness`: the skewness is above 0.5 in absolute value, the mean lies on its side of the median, and either MAP
///    (without one, ML) or the median lies more than 0.25 s from the mean on the other side, or a ratio is more than 10 %
///    from 1.
/// 9. `Unexplained`: none of 4 to 8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// There is no point to compare.
    NoPoint,
    /// The draws have no spread to compare by.
    NoSpread,
    /// They do not differ.
    Agree,
    /// The optimum lies in another mode than the draws, or draws lie in several.
    AnotherMode(Sign),
    /// The allocation of rows to the component is uncertain: the curvature at an optimum does not describe the posterior.
    Overlap {
        /// The identifiability of the component.
        identifiability: f64,
    },
    /// The prior moves the optimum.
    PriorPull {
        /// (MAP - ML) / s.
        by: f64,
    },
    /// The prior adds to what the rows say of the parameter, or takes from it.
    PriorWidth {
        /// The standard error of ML over s.
        ml: f64,
        /// That of MAP.
        map: f64,
    },
    /// The posterior is skewed.
    Skewness {
        /// The skewness of the draws.
        skewness: f64,
    },
    /// They differ and no rule says why.
    Unexplained {
        /// The largest distance from the mean, of ML, MAP and the median.
        distance: f64,
        /// The ratio farthest from 1.
        ratio: Option<f64>,
    },
}

/// The thresholds of the rules.
impl Reason {
    /// The distance in posterior standard deviations up to which two values agree.
    pub const DISTANCE_LIMIT: f64 = 0.25;
    /// How far the ratio of a standard error to the posterior standard deviation may be from 1.
    pub const RATIO_LIMIT: f64 = 0.1;
    /// The probability in either tail in which an optimum is outside: all but the central 99 %.
    pub const TAIL_LIMIT: f64 = 0.005;
    /// The distance in posterior standard deviations beyond which an optimum is outside, whatever few draws say of the tail.
    pub const FAR_LIMIT: f64 = 5.0;
    /// The distance up to which skewness can explain an optimum that is outside, on the steep side.
    pub const SKEW_REACH_LIMIT: f64 = 3.0;
    /// The absolute skewness from which draws are skewed.
    pub const SKEWNESS_LIMIT: f64 = 0.5;
    /// The [`identifiability`](super::identifiability) below which the component overlaps with others.
    pub const IDENTIFIABILITY_LIMIT: f64 = 0.9;
    /// The R-hat above which chains sit in different places: far beyond slow mixing.
    pub const R_HAT_LIMIT: f64 = 1.1;
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Levels => f.write_str("the chains sit at different levels of the likelihood, so in different modes"),
            Self::RHat { r_hat } => write!(f, "the chains sit in different places (R-hat {r_hat:.2})"),
            Self::Objective { of, standing: Standing::Higher { by } } => {
                write!(f, "{of} lies in another mode than the draws, which stay {by:.1} below its objective")
            }
            Self::Objective { of, standing: Standing::Lower { by } } => {
                write!(f, "{of} lies in another mode than the draws, which reach {by:.1} above its objective")
            }
            Self::Objective { of, standing: Standing::Near } => write!(f, "{of} lies in another mode than the draws"),
            Self::Tail { of, distance } => {
                write!(f, "{of} lies outside the draws, {distance:+.1} posterior sd from their mean: in another mode")
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPoint => f.write_str("there is no point estimate to compare with the draws"),
            Self::NoSpread => f.write_str("the draws have no spread to compare a point estimate with"),
            Self::Agree => f.write_str("the point estimates and the posterior agree"),
            Self::AnotherMode(sign) => sign.fmt(f),
            Self::Overlap { identifiability } => write!(
                f,
                "the component overlaps with others (rows are its own with probability {identifiability:.2}), so that the \
                 curvature at an optimum does not describe the posterior"
            ),
            Self::PriorPull { by } => {
                write!(f, "the prior moves the optimum by {by:+.2} posterior sd, from ML to MAP")
            }
            Self::PriorWidth { ml, map } => write!(
                f,
                "the prior changes how much is known: the standard error of ML is {ml:.2} posterior sd, that of MAP {map:.2}"
            ),
            Self::Skewness { skewness } => {
                write!(f, "the posterior is skewed ({skewness:+.2}): its mean and spread are not those at its mode")
            }
            Self::Unexplained { distance, ratio } => {
                write!(f, "they differ by {distance:+.2} posterior sd")?;
                if let Some(ratio) = ratio {
                    write!(f, ", with a standard error of {ratio:.2} posterior sd")?;
                }
                f.write_str(", and no rule says why")
            }
        }
    }
}

/// The reasons that hold, in order; at least one.
pub(super) fn reasons(
    posterior: &QuantitySummary,
    skewness: f64,
    (ml, map): (Option<Placed>, Option<Placed>),
    situation: &Situation,
) -> Vec<Reason> {
    let finite = |point: Option<Placed>| point.filter(|point| point.value.is_finite());
    let (ml, map) = (finite(ml), finite(map));
    let Some(optimum) = map.or(ml) else { return vec![Reason::NoPoint] };
    let (mean, median, sd) = (posterior.mean, posterior.q50, posterior.sd);
    let points = || [ml, map].into_iter().flatten();
    if !(sd > 0.0 && sd.is_finite()) {
        let same = |point: Placed| (point.value - median).abs() <= 1e-9 * median.abs();
        return vec![if sd == 0.0 && points().all(same) { Reason::Agree } else { Reason::NoSpread }];
    }
    let ratios = || points().filter_map(|point| point.ratio).map(|ratio| ratio.value);
    let ratio_is_off = |ratio: f64| (ratio - 1.0).abs() > Reason::RATIO_LIMIT;
    let of_median = (median - mean) / sd;
    let distances = || points().map(|point| point.distance).chain([of_median]);

    // The side on which the long tail is; 0 if there is none.
    let side = match skewness.abs() > Reason::SKEWNESS_LIMIT && skewness * of_median < 0.0 {
        true => skewness.signum(),
        false => 0.0,
    };
    let another = another_mode(posterior, side, (ml, map), situation);
    if another.is_none() && distances().all(|z| z.abs() <= Reason::DISTANCE_LIMIT) && !ratios().any(ratio_is_off) {
        return vec![Reason::Agree];
    }
    let overlap = situation.identifiability.filter(|identifiability| *identifiability < Reason::IDENTIFIABILITY_LIMIT);
    let pull = ml.zip(map).map(|(ml, map)| map.distance - ml.distance).filter(|by| by.abs() > Reason::DISTANCE_LIMIT);
    let both = ml.and_then(|ml| ml.ratio).zip(map.and_then(|map| map.ratio)).map(|(ml, map)| (ml.value, map.value));
    let width = both.filter(|(ml, map)| ratio_is_off(*ml) && !ratio_is_off(*map));
    let displaced = [optimum.distance, of_median].iter().any(|z| -side * z > Reason::DISTANCE_LIMIT);
    let skewed = side != 0.0 && (displaced || ratios().any(ratio_is_off));
    let found: Vec<Reason> = [
        another.map(Reason::AnotherMode),
        overlap.map(|identifiability| Reason::Overlap { identifiability }),
        pull.map(|by| Reason::PriorPull { by }),
        width.map(|(ml, map)| Reason::PriorWidth { ml, map }),
        skewed.then_some(Reason::Skewness { skewness }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !found.is_empty() {
        return found;
    }
    vec![Reason::Unexplained {
        distance: distances().fold(0.0, |most: f64, z| if z.abs() > most.abs() { z } else { most }),
        ratio: ratios().max_by(|a, b| (a - 1.0).abs().total_cmp(&(b - 1.0).abs())),
    }]
}

/// The first sign of another mode.
fn another_mode(
    posterior: &QuantitySummary,
    side: f64,
    (ml, map): (Option<Placed>, Option<Placed>),
    situation: &Situation,
) -> Option<Sign> {
    if situation.chains_disagree {
        return Some(Sign::Levels);
    }
    if posterior.r_hat > Reason::R_HAT_LIMIT {
        return Some(Sign::RHat { r_hat: posterior.r_hat });
    }
    let standings = [(Optimum::Map, map.and(situation.map)), (Optimum::Ml, ml.and(situation.ml))];
    let elsewhere = standings.into_iter().find_map(|(of, standing)| {
        standing.filter(|standing| *standing != Standing::Near).map(|standing| Sign::Objective { of, standing })
    });
    if elsewhere.is_some() {
        return elsewhere;
    }
    let (of, point) = match (map, ml) {
        (Some(map), _) => (Optimum::Map, map),
        (None, ml) => (Optimum::Ml, ml?),
    };
    let in_tail = point.below.value.min(1.0 - point.below.value) + 2.0 * point.below.mcse < Reason::TAIL_LIMIT;
    let outside = in_tail || point.distance.abs() > Reason::FAR_LIMIT;
    let by_skewness = side * point.distance < 0.0 && point.distance.abs() <= Reason::SKEW_REACH_LIMIT;
    (outside && !by_skewness).then_some(Sign::Tail { of, distance: point.distance })
}
