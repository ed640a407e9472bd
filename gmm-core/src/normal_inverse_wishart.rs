//! The conjugate prior of a component: inverse-Wishart covariance, normal mean given the covariance.

use rand::Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use statrs::function::gamma::ln_gamma;

use crate::planted::{Defect, is_planted, sound};
use crate::statistics::Statistics;
use crate::{Covariance, Data, ModelError, Shape, Symmetric, ln_multivariate_gamma, triangle};

/// The inverse-Wishart distribution and its kin for the other shapes.
///
/// ```text
/// Full        S   ~ InverseWishart(dof, scale),            E[S] = scale / (dof - d - 1)
/// Diagonal    v_j ~ InverseGamma(dof / 2, scale_j / 2),    independent
/// Isotropic   v   ~ InverseGamma(dof / 2, scale / 2)
/// ```
///
/// All three have the density `|S|^(-(dof + c)/2) exp(-trace(scale inverse(S)) / 2) / Z`, taken over the numbers
/// that the shape stores, with c = d + 1, 2, 2 ([`Shape::mode_offset`]).
#[derive(Debug, Clone, PartialEq)]
pub struct InverseWishart {
    dof: f64,
    scale: Covariance,
    ln_normaliser: f64,
}

impl InverseWishart {
    /// A distribution of covariances of the scale's shape.
    ///
    /// # Errors
    /// [`ModelError::Dof`] unless dof exceeds d - 1 (Full) or 0, [`ModelError::Scale`] unless the scale is positive
    /// definite.
    pub fn new(dof: f64, scale: Symmetric) -> Result<Self, ModelError> {
        let least = scale.shape().least_dof(scale.d());
        if !(dof > least && dof.is_finite()) {
            return Err(ModelError::Dof { value: dof, least });
        }
        let scale = Covariance::new(scale).map_err(ModelError::Scale)?;
        Ok(Self { dof, ln_normaliser: ln_normaliser(dof, &scale), scale })
    }

    /// Degrees of freedom.
    pub fn dof(&self) -> f64 {
        self.dof
    }

    /// The scale matrix.
    pub fn scale(&self) -> &Symmetric {
        self.scale.as_symmetric()
    }

    /// The logarithm of the normalising constant Z.
    pub fn ln_normaliser(&self) -> f64 {
        self.ln_normaliser
    }

    /// The log density at a covariance of the same shape.
    pub fn ln_density(&self, covariance: &Covariance) -> f64 {
        let (shape, d) = (covariance.shape(), covariance.d());
        -self.ln_normaliser
            - 0.5 * (self.dof + shape.mode_offset(d)) * ln_det_of_shape(covariance)
            - 0.5 * covariance.trace_of_solve(self.scale())
    }
}

/// The logarithm of Z for a scale with its factor.
pub(crate) fn ln_normaliser(dof: f64, scale: &Covariance) -> f64 {
    let d = scale.d() as f64;
    let ln_2 = std::f64::consts::LN_2;
    let gamma = match scale.shape() {
        Shape::Full => 0.5 * dof * d * ln_2 + ln_multivariate_gamma(scale.d(), 0.5 * dof),
        Shape::Diagonal => d * (0.5 * dof * ln_2 + ln_gamma(0.5 * dof)),
        Shape::Isotropic => 0.5 * dof * ln_2 + ln_gamma(0.5 * dof),
    };
    gamma - 0.5 * dof * ln_det_of_shape(scale)
}

/// The log determinant over the numbers that the shape stores: for `Isotropic` ln v, not d ln v.
fn ln_det_of_shape(covariance: &Covariance) -> f64 {
    match covariance.shape() {
        Shape::Full | Shape::Diagonal => covariance.ln_det(),
        Shape::Isotropic => covariance.as_symmetric().entries()[0].ln(),
    }
}

/// Draws the whitening factor T of a covariance in R^d, `inverse(S) = T' T`, from the Cholesky factor L of the scale (both
/// packed as the shape stores them).
///
/// `T = B inverse(L)` with scale `L L'` and B lower triangular: a Wishart matrix `B' B` with unit scale by Bartlett's
/// decomposition taken from the last row up, `B_ii^2 ~ ChiSquared(dof - (d - 1 - i))`, normal below the diagonal
/// (Smith & Hocking 1972). T is triangular as it is drawn: nothing is inverted.
pub(crate) fn draw_whitener<R: Rng + ?Sized>(
    dof: f64,
    (shape, d): (Shape, usize),
    factor: &[f64],
    rng: &mut R,
    t: &mut [f64],
) {
    match shape {
        Shape::Full => {
            for i in 0..d {
                let start = triangle::row(i);
                let row = &mut t[start..=start + i];
                row[..i].iter_mut().for_each(|b| *b = StandardNormal.sample(rng));
                if is_planted(Defect::BartlettDiagonal) {
                    row[..i].fill(0.0);
                }
                let lost = sound(d - 1 - i, Defect::BartlettTransposed, i);
                row[i] = chi(dof - sound(lost, Defect::BartlettDofConstant, 0) as f64, rng);
                triangle::divide_row(row, factor);
            }
        }
        Shape::Diagonal | Shape::Isotropic => {
            t.iter_mut()
                .zip(factor)
                .for_each(|(t, factor)| *t = chi(dof, rng) / sound(*factor, Defect::RateForScale, 1.0 / factor));
        }
    }
}

/// The square root of a chi-squared draw.
fn chi<R: Rng + ?Sized>(dof: f64, rng: &mut R) -> f64 {
    // ChiSquared::new fails only for dof that are not positive, which `InverseWishart::new` excludes.
    ChiSquared::new(dof).map_or(f64::NAN, |chi_squared| chi_squared.sample(rng).sqrt())
}

/// The normal-inverse-Wishart prior of one component, and its kin for the other shapes.
///
/// ```text
/// S ~ InverseWishart(dof, scale),   mu | S ~ Normal(mean, S / kappa)
/// ```
///
/// With a known covariance there is no inverse-Wishart part.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalInverseWishart {
    mean: Vec<f64>,
    kappa: f64,
    covariance: Option<InverseWishart>,
}

impl NormalInverseWishart {
    /// A prior of means in R^d and, unless `covariance` is `None` (it is known), of their covariance.
    ///
    /// # Errors
    /// [`ModelError`] unless the mean is finite and kappa positive.
    pub fn new(mean: Vec<f64>, kappa: f64, covariance: Option<InverseWishart>) -> Result<Self, ModelError> {
        if let Some(coordinate) = mean.iter().position(|m| !m.is_finite()) {
            return Err(ModelError::PriorMean { coordinate, value: mean[coordinate] });
        }
        if !(kappa > 0.0 && kappa.is_finite()) {
            return Err(ModelError::Kappa { value: kappa });
        }
        Ok(Self { mean, kappa, covariance })
    }

    /// The location of the means (d).
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// How many rows the prior of the mean weighs.
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// The prior of the covariance; `None` when it is known.
    pub fn covariance(&self) -> Option<&InverseWishart> {
        self.covariance.as_ref()
    }

    /// The mean of the data-dependent default prior: the column means.
    pub fn default_mean(data: &Data) -> Vec<f64> {
        data.means()
    }

    /// The kappa of the default prior.
    pub const DEFAULT_KAPPA: f64 = 0.01;

    /// The degrees of freedom of the default prior: d + 2 for `Full`, otherwise 3.
    pub fn default_dof(shape: Shape, d: usize) -> f64 {
        if shape == Shape::Full { d as f64 + 2.0 } else { 3.0 }
    }

    /// The scale of the default prior (Fraley & Raftery 2007): the sample covariance (divisor n - 1) in the
    /// shape, divided by `K^(2/d)`.
    ///
    /// # Errors
    /// [`ModelError::TooFewRows`] for a single row, [`ModelError::ConstantColumn`] if a column does not vary,
    /// [`ModelError::DependentColumns`] if they are linearly dependent.
    pub fn default_scale(data: &Data, shape: Shape, k: usize) -> Result<Symmetric, ModelError> {
        let (n, d) = (data.n(), data.d());
        if n < 2 {
            return Err(ModelError::TooFewRows { n });
        }
        let constant = data.standard_deviations().iter().position(|sd| *sd == 0.0);
        if let (Some(column), true) = (constant, shape != Shape::Isotropic || d == 1) {
            return Err(ModelError::ConstantColumn { column });
        }
        // The mean of the variances needs each of them.
        let needed = if shape == Shape::Full { Shape::Full } else { Shape::Diagonal };
        let all = Statistics::of_all(data, needed);
        let mut scale = all.scatter(0).project(shape);
        scale.scale(1.0 / (n - 1) as f64 / (k as f64).powf(2.0 / d as f64));
        let dependent = |value| ModelError::DependentColumns { value };
        let covariance = Covariance::new(scale.clone()).map_err(|_| dependent(0.0))?;
        let value = covariance.smallest_scaled_eigenvalue(data.standard_deviations());
        // Rounding of the covariance alone moves eigenvalues by about d eps.
        if value < 1e-13 * d as f64 { Err(dependent(value)) } else { Ok(scale) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;
    use crate::covariance::factorise;

    #[test]
    fn impossible_hyperparameters_are_refused() {
        let scale = || Symmetric::full(&[[1.0, 0.0], [0.0, 1.0]]).unwrap();
        assert_eq!(InverseWishart::new(1.0, scale()), Err(ModelError::Dof { value: 1.0, least: 1.0 }));
        assert!(InverseWishart::new(1.0, Symmetric::diagonal(vec![1.0, 1.0]).unwrap()).is_ok());
        let indefinite = Symmetric::full(&[[1.0, 2.0], [2.0, 1.0]]).unwrap();
        assert!(matches!(InverseWishart::new(4.0, indefinite), Err(ModelError::Scale(_))));
        assert_eq!(NormalInverseWishart::new(vec![0.0], 0.0, None), Err(ModelError::Kappa { value: 0.0 }));
        assert!(matches!(
            NormalInverseWishart::new(vec![0.0, f64::NAN], 1.0, None),
            Err(ModelError::PriorMean { coordinate: 1, .. })
        ));
    }

    /// E[S] = scale / (dof - d - 1) for Full; for the others of each variance scale / (dof - 2).
    #[test]
    fn drawn_covariances_have_the_mean_of_the_distribution() {
        let full = Symmetric::full(&[[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 0.7]]).unwrap();
        let (dof, n) = (14.0, 60_000);
        for shape in Shape::ALL {
            let mut factor = full.project(shape).entries().to_vec();
            factorise(shape, &mut factor, 3).unwrap();
            let mut drawn = Covariance::unit(shape, 3);
            let mut sum = Symmetric::zeros(shape, 3);
            let mut squares = vec![0.0; sum.entries().len()];
            let mut rng = Streams::new(12).rng(0);
            let mut scratch = squares.clone();
            for _ in 0..n {
                drawn.set_whitener(&mut scratch, |t| draw_whitener(dof, (shape, 3), &factor, &mut rng, t));
                sum.add_scaled(1.0, drawn.as_symmetric());
                squares.iter_mut().zip(drawn.as_symmetric().entries()).for_each(|(s, x)| *s += x * x);
            }
            for i in 0..squares.len() {
                let mean = sum.entries()[i] / f64::from(n);
                let se = ((squares[i] / f64::from(n) - mean * mean) / f64::from(n)).sqrt();
                let expected = full.project(shape).entries()[i] / (dof - shape.mode_offset(3));
                assert!((mean - expected).abs() < 4.5 * se, "{shape:?} {i}: {mean}, not {expected}, se {se}");
            }
        }
    }
}
