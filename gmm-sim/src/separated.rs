//! Mixtures made at random whose separation is given, not guessed.

use gmm_core::{Covariance, MAX_COMPONENTS, Mixture, Shape, Symmetric};
use rand::{Rng, RngExt};
use thiserror::Error;

use crate::overlap::overlap;
use crate::rotation::random_reflection;

/// How far the components of a mixture are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Separation {
    /// The average over pairs of the probability that rows of one are taken for the other, both ways (Maitra & Melnykov 2010,
    /// see [`Overlap`](crate::Overlap)).
    AverageOverlap(f64),
    /// The largest over pairs.
    MaximumOverlap(f64),
    /// The least over pairs of `|mu_i - mu_j| / sqrt(d max eigenvalue of S_i and S_j)` (Dasgupta 1999): 2 and more is well
    /// separated, 0.5 hardly.
    C(f64),
}

/// What a mixture is to be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// The weights (K), up to a factor; as many as components.
    pub weights: Vec<f64>,
    /// The dimension d.
    pub d: usize,
    /// The shape of the covariances.
    pub shape: Shape,
    /// Whether all components have the same covariance.
    pub tied: bool,
    /// The ratio of the largest to the smallest eigenvalue of each covariance, at least 1; of no effect on isotropic ones.
    pub condition: f64,
    /// How far the components are apart.
    pub separation: Separation,
}

/// Why there is no such mixture.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DesignError {
    /// There are too few or too many components.
    #[error("{k} components: a separation is that of at least 2, and there may be at most {MAX_COMPONENTS}")]
    Components {
        /// The number of components.
        k: usize,
    },
    /// There are no dimensions.
    #[error("0 columns: there must be at least 1")]
    Dimensions,
    /// A weight is not positive.
    #[error("weight {component} is {value}: weights must be positive")]
    Weight {
        /// The component, from 0.
        component: usize,
        /// Its weight.
        value: f64,
    },
    /// The condition number is none.
    #[error("the condition number is {value}: it must be from 1 to {MOST_CONDITION:e}")]
    Condition {
        /// Its value.
        value: f64,
    },
    /// The separation is none.
    #[error("{what} of {value}: it must be positive and {bound}")]
    Separation {
        /// Which.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it must be below.
        bound: &'static str,
    },
    /// No scale of the covariances gives the overlap.
    #[error("{what} of {value} was not reached in {TRIES} attempts: the largest was {reached:.4}")]
    Unreachable {
        /// Which.
        what: &'static str,
        /// What was asked for.
        value: f64,
        /// The largest that was found.
        reached: f64,
    },
}

/// Larger ratios would leave a covariance no digits.
const MOST_CONDITION: f64 = 1e8;

/// Mixtures that are drawn until one can have the overlap.
const TRIES: usize = 100;

/// A mixture of a design: means uniform in the unit cube, covariances with eigenvalues log-uniform between their extremes, along
/// axes turned at random (Full), and all covariances then multiplied by the one number that gives the separation.
///
/// ```
/// use gmm_core::{Shape, Streams};
/// use gmm_sim::{Design, Separation, overlap, separated_mixture};
/// let separation = Separation::AverageOverlap(0.05);
/// let design = Design { weights: vec![1.0, 2.0, 3.0], d: 2, shape: Shape::Full, tied: false, condition: 10.0, separation };
/// let mixture = separated_mixture(&design, &mut Streams::new(1).rng(0))?;
/// assert!((overlap(&mixture).average - 0.05).abs() < 1e-9);
/// # Ok::<(), gmm_sim::DesignError>(())
/// ```
///
/// # Errors
/// [`DesignError`]: numbers that make no mixture, or an overlap that none of 100 mixtures can have (as large covariances
/// make means equal, rows are told apart by spread and weight alone).
pub fn separated_mixture<R: Rng + ?Sized>(design: &Design, rng: &mut R) -> Result<Mixture, DesignError> {
    design.check()?;
    let (what, value) = match design.separation {
        Separation::C(c) => {
            let mixture = design.draw(rng).ok_or(DesignError::Dimensions)?;
            let factor = (c_separation(&mixture) / c).powi(2);
            return scaled(&mixture, factor).ok_or(DesignError::Dimensions);
        }
        Separation::AverageOverlap(value) => ("an average overlap", value),
        Separation::MaximumOverlap(value) => ("a maximum overlap", value),
    };
    let mut reached: f64 = 0.0;
    for _ in 0..TRIES {
        let mixture = design.draw(rng).ok_or(DesignError::Dimensions)?;
        match design.with_overlap(&mixture, value) {
            Ok(mixture) => return Ok(mixture),
            Err(most) => reached = reached.max(most),
        }
    }
    Err(DesignError::Unreachable { what, value, reached })
}

/// The least over pairs of the distance of means in units of `sqrt(d lambda)`, lambda the largest eigenvalue of both
/// covariances (Dasgupta 1999); infinite for one component.
pub fn c_separation(mixture: &Mixture) -> f64 {
    let (k, d) = (mixture.k(), mixture.d() as f64);
    let largest: Vec<f64> = (0..k).map(|c| mixture.covariance(c).to_matrix().symmetric_eigenvalues().max()).collect();
    let mut least = f64::INFINITY;
    for i in 0..k {
        for j in 0..i {
            let squares = mixture.mean(i).iter().zip(mixture.mean(j)).map(|(x, y)| (x - y).powi(2));
            least = least.min((squares.sum::<f64>() / (d * largest[i].max(largest[j]))).sqrt());
        }
    }
    least
}

impl Design {
    fn check(&self) -> Result<(), DesignError> {
        let k = self.weights.len();
        if !(2..=MAX_COMPONENTS).contains(&k) {
            return Err(DesignError::Components { k });
        }
        if self.d == 0 {
            return Err(DesignError::Dimensions);
        }
        if let Some(component) = self.weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
            return Err(DesignError::Weight { component, value: self.weights[component] });
        }
        if !(1.0..=MOST_CONDITION).contains(&self.condition) {
            return Err(DesignError::Condition { value: self.condition });
        }
        let (what, value, most, bound) = match self.separation {
            Separation::AverageOverlap(value) => ("an average overlap", value, 1.0, "below 1"),
            Separation::MaximumOverlap(value) => ("a maximum overlap", value, 1.0, "below 1"),
            Separation::C(value) => ("a c-separation", value, 1e6, "below 1e6"),
        };
        match value > 0.0 && value < most {
            true => Ok(()),
            false => Err(DesignError::Separation { what, value, bound }),
        }
    }

    /// Before it is scaled; `None` does not happen for a design that was checked.
    fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<Mixture> {
        let k = self.weights.len();
        let means = (0..k).map(|_| (0..self.d).map(|_| rng.random()).collect()).collect();
        let distinct = if self.tied { 1 } else { k };
        let covariances = (0..distinct).map(|_| self.covariance(rng)).collect::<Option<Vec<_>>>()?;
        Mixture::new(self.weights.clone(), means, covariances).ok()
    }

    /// With a largest eigenvalue of 1 and, in two dimensions and more, a smallest of one over the condition number.
    fn covariance<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<Covariance> {
        let d = self.d;
        // Isotropic covariances differ in size instead.
        let mut between = || self.condition.powf(-rng.random::<f64>());
        if self.shape == Shape::Isotropic || d == 1 {
            let v = between();
            return match self.shape {
                Shape::Full => Covariance::full(&[[v]]).ok(),
                Shape::Diagonal => Covariance::diagonal(vec![v]).ok(),
                Shape::Isotropic => Covariance::isotropic(d, v).ok(),
            };
        }
        let mut eigenvalues: Vec<f64> = (0..d).map(|_| between()).collect();
        let large = rng.random_range(0..d);
        let small = (large + rng.random_range(1..d)) % d;
        (eigenvalues[large], eigenvalues[small]) = (1.0, 1.0 / self.condition);
        match self.shape {
            Shape::Full => random_reflection(&eigenvalues, rng),
            _ => Covariance::diagonal(eigenvalues).ok(),
        }
    }

    /// The mixture with covariances multiplied so that it has this overlap, or the largest overlap that it can have.
    fn with_overlap(&self, mixture: &Mixture, value: f64) -> Result<Mixture, f64> {
        let at = |ln_factor: f64| {
            let mixture = scaled(mixture, ln_factor.exp());
            let overlap = mixture.as_ref().map(overlap);
            let measured = overlap.map_or(f64::NAN, |overlap| match self.separation {
                Separation::MaximumOverlap(_) => overlap.maximum,
                _ => overlap.average,
            });
            (measured, mixture)
        };
        // The first scale, from small ones up, at which there is as much.
        let mut high = -16.0;
        let mut most: f64 = 0.0;
        loop {
            let (measured, _) = at(high);
            most = most.max(measured);
            if measured >= value {
                break;
            }
            high += 1.0;
            if high > 12.0 {
                return Err(most);
            }
        }
        let mut low = high - 1.0;
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if at(middle).0 >= value {
                high = middle;
            } else {
                low = middle;
            }
        }
        at(high).1.ok_or(most)
    }
}

/// The mixture with its covariances multiplied by a factor.
fn scaled(mixture: &Mixture, factor: f64) -> Option<Mixture> {
    let scale = |covariance: &Covariance| {
        let mut matrix: Symmetric = covariance.as_symmetric().clone();
        matrix.scale(factor);
        Covariance::new(matrix).ok()
    };
    let covariances = mixture.covariances().iter().map(scale).collect::<Option<Vec<_>>>()?;
    let means = (0..mixture.k()).map(|k| mixture.mean(k).to_vec()).collect();
    Mixture::new(mixture.weights().to_vec(), means, covariances).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Streams;

    fn design(shape: Shape, tied: bool, separation: Separation) -> Design {
        Design { weights: vec![1.0, 2.0, 5.0], d: 3, shape, tied, condition: 20.0, separation }
    }

    #[test]
    fn mixtures_have_the_separation_and_the_condition_that_were_asked_for() {
        let mut rng = Streams::new(11).rng(0);
        for shape in Shape::ALL {
            for tied in [false, true] {
                for value in [1e-4, 0.01, 0.1] {
                    let of = |separation| design(shape, tied, separation);
                    let mixture = separated_mixture(&of(Separation::AverageOverlap(value)), &mut rng).unwrap();
                    assert!((overlap(&mixture).average - value).abs() < 1e-9);
                    let mixture = separated_mixture(&of(Separation::MaximumOverlap(value)), &mut rng).unwrap();
                    assert!((overlap(&mixture).maximum - value).abs() < 1e-9);
                    let mixture = separated_mixture(&of(Separation::C(10.0 * value)), &mut rng).unwrap();
                    assert!((c_separation(&mixture) / (10.0 * value) - 1.0).abs() < 1e-12);
                    assert_eq!((mixture.shape(), mixture.covariances().len()), (shape, if tied { 1 } else { 3 }));
                    assert!((mixture.weights()[2] - 0.625).abs() < 1e-15);
                    for covariance in mixture.covariances() {
                        let eigenvalues = covariance.to_matrix().symmetric_eigenvalues();
                        let condition = eigenvalues.max() / eigenvalues.min();
                        let expected = if shape == Shape::Isotropic { 1.0 } else { 20.0 };
                        assert!((condition / expected - 1.0).abs() < 1e-9, "{shape:?}: {condition}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut rng = Streams::new(12).rng(0);
        let good = design(Shape::Full, false, Separation::MaximumOverlap(0.1));
        let mut refused = |change: &dyn Fn(&mut Design)| {
            let mut design = good.clone();
            change(&mut design);
            separated_mixture(&design, &mut rng).unwrap_err()
        };
        assert_eq!(refused(&|design| design.weights.truncate(1)), DesignError::Components { k: 1 });
        assert_eq!(refused(&|design| design.d = 0), DesignError::Dimensions);
        assert_eq!(refused(&|design| design.weights[1] = 0.0), DesignError::Weight { component: 1, value: 0.0 });
        assert!(matches!(refused(&|design| design.condition = 0.5), DesignError::Condition { .. }));
        let separations = [0.0, 1.0, f64::NAN].map(Separation::AverageOverlap);
        for separation in separations.into_iter().chain([Separation::C(-1.0), Separation::MaximumOverlap(2.0)]) {
            assert!(matches!(refused(&|design| design.separation = separation), DesignError::Separation { .. }));
        }
        // Rows of three components with weights 1, 2 and 5 are never all mistaken for each other.
        let error = refused(&|design| design.separation = Separation::AverageOverlap(0.999));
        assert!(matches!(error, DesignError::Unreachable { reached, .. } if reached < 0.999), "{error:?}");
    }
}
