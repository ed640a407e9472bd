//! The distribution of a quadratic form in normal variables.

use nalgebra::Complex;

/// `Q = sum_l c_l u_l^2 + 2 b_l u_l` for independent standard normal u: a sum of scaled noncentral chi-squared variables, and
/// of normal ones where c is 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuadraticForm {
    /// Pairs (c, b).
    terms: Vec<(f64, f64)>,
}

/// The angle to the real axis at which the path of integration goes to infinity.
const ANGLE: f64 = 1.3;

/// Halvings of the step of the trapezoidal rule: from 0.4 on.
const HALVINGS: u32 = 9;

impl QuadraticForm {
    /// From pairs (c, b).
    pub(crate) fn new(terms: Vec<(f64, f64)>) -> Self {
        Self { terms }
    }

    /// `P(Q < t)`, to about 1e-12 of the smaller of it and its complement; one half where Q is t and nothing else.
    ///
    /// ```text
    /// P(Q > t) = 1/(2 pi i) integral exp(K(s) - s t) ds / s,    0 < Re s < 1 / (2 max c)
    /// K(s)     = sum_l -1/2 ln(1 - 2 c_l s) + 2 b_l^2 s^2 / (1 - 2 c_l s)
    /// ```
    ///
    /// and for Re s < 0 minus `P(Q < t)`. The path crosses the real axis at the saddle point of the integrand (Daniels 1954)
    /// and goes as a hyperbola to where it vanishes exponentially, so that the trapezoidal rule converges geometrically
    /// (Weideman & Trefethen 2007).
    pub(crate) fn below(&self, t: f64) -> f64 {
        if self.terms.iter().all(|(c, b)| *c == 0.0 && *b == 0.0) {
            return match t.total_cmp(&0.0) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Greater => 1.0,
            };
        }
        // What the exponent tends to along the path: -s (t + sum b^2 / c). A bounded Q has no more on one side.
        let drift = t + self.terms.iter().filter(|(c, _)| *c != 0.0).map(|(c, b)| b * b / c).sum::<f64>();
        let unbounded = |sign: f64| self.terms.iter().any(|(c, b)| sign * c > 0.0 || (*c == 0.0 && *b != 0.0));
        if drift >= 0.0 && !unbounded(1.0) {
            return 1.0;
        }
        if drift <= 0.0 && !unbounded(-1.0) {
            return 0.0;
        }
        let mean: f64 = self.terms.iter().map(|(c, _)| c).sum();
        let side = if t >= mean { 1.0 } else { -1.0 };
        let tail = self.tail(t, side, if drift >= 0.0 { 1.0 } else { -1.0 }).clamp(0.0, 1.0);
        if side > 0.0 { 1.0 - tail } else { tail }
    }

    /// `P(Q > t)` for side 1, `P(Q < t)` for side -1, along a path that opens to the right or (`opens` -1) to the left.
    fn tail(&self, t: f64, side: f64, opens: f64) -> f64 {
        let saddle = self.saddle(t, side);
        let curvature = self.terms.iter().map(|(c, b)| {
            let root = 1.0 - 2.0 * c * saddle;
            2.0 * c * c / (root * root) + 4.0 * b * b / root.powi(3)
        });
        let width = (curvature.sum::<f64>() + 1.0 / (saddle * saddle)).sqrt().recip();
        let integrand = |theta: f64| {
            let (along, across) = (opens * ANGLE.cos(), ANGLE.sin());
            let s = Complex::new(saddle + width * along * (theta.cosh() - 1.0), width * across * theta.sinh());
            let derivative = Complex::new(width * along * theta.sinh(), width * across * theta.cosh());
            ((self.exponent(s) - s * t).exp() / s * derivative).im
        };
        let sum_from = |first: f64, step: f64| {
            let mut sum = 0.0;
            let mut small = 0;
            let mut theta = first;
            // It vanishes like exp(-exp(theta)), so it has to have come to its end.
            while small < 4 && theta < 60.0 {
                let value = integrand(theta);
                sum += value;
                small = if value.abs() <= 1e-18 * f64::abs(sum) { small + 1 } else { 0 };
                theta += step;
            }
            sum
        };
        let mut step = 0.4;
        let mut sum = 0.5 * integrand(0.0) + sum_from(step, step);
        let mut integral = step * sum;
        for _ in 0..HALVINGS {
            sum += sum_from(0.5 * step, step);
            step *= 0.5;
            let before = std::mem::replace(&mut integral, step * sum);
            // The error of a step is the square of that of the step before.
            if (integral - before).abs() <= 1e-7 * integral.abs() {
                break;
            }
        }
        side * integral / std::f64::consts::PI
    }

    /// Where `K(s) - s t - ln|s|` is least, on the side of 0 that is asked for.
    fn saddle(&self, t: f64, side: f64) -> f64 {
        let bound = self.terms.iter().map(|(c, _)| side * c).fold(0.0, f64::max);
        let slope = |s: f64| {
            let of_terms = self.terms.iter().map(|(c, b)| {
                let root = 1.0 - 2.0 * c * s;
                c / root + 4.0 * b * b * s * (1.0 - c * s) / (root * root)
            });
            side * (of_terms.sum::<f64>() - t) - 1.0 / s.abs()
        };
        let (mut low, mut high) = (0.0, 0.5 / bound);
        if bound == 0.0 {
            high = 1.0;
            while slope(side * high) < 0.0 && high < 1e300 {
                high *= 2.0;
            }
        }
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if slope(side * middle) < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        side * low
    }

    fn exponent(&self, s: Complex<f64>) -> Complex<f64> {
        let of_terms = self.terms.iter().map(|(c, b)| {
            let root = Complex::new(1.0, 0.0) - s * (2.0 * c);
            s * s * (2.0 * b * b) / root - root.ln() * 0.5
        });
        of_terms.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Streams;
    use rand_distr::{Distribution, StandardNormal};
    use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

    #[test]
    fn equal_squares_have_a_chi_squared_distribution() {
        for d in [1, 2, 3, 10] {
            let exact = ChiSquared::new(f64::from(d)).unwrap();
            for scale in [1e-3, 1.0, 50.0] {
                let form = QuadraticForm::new(vec![(scale, 0.0); d as usize]);
                let mirrored = QuadraticForm::new(vec![(-scale, 0.0); d as usize]);
                for x in [0.01, 0.5, 1.0, 3.0, 12.0, 60.0] {
                    let (below, above) = (form.below(scale * x), mirrored.below(-scale * x));
                    assert!((below - exact.cdf(x)).abs() < 1e-11, "{d}, {x}: {below}, not {}", exact.cdf(x));
                    assert!((above / exact.sf(x) - 1.0).abs() < 1e-9, "{d}, {x}: {above}, not {}", exact.sf(x));
                }
                assert_eq!(form.below(-1.0), 0.0);
                assert_eq!(mirrored.below(0.0), 1.0);
            }
        }
    }

    #[test]
    fn one_term_is_a_square_of_a_normal_variable() {
        // c u^2 + 2 b u < t where u lies between two roots.
        let normal = Normal::standard();
        for (c, b) in [(1.0, 0.7), (0.02, -1.5), (3.0, 4.0), (1e-9, 2.0)] {
            for t in [-0.3, 0.1, 2.0, 9.0] {
                let discriminant: f64 = b * b + c * t;
                // The roots without cancellation.
                let sum = -b - discriminant.max(0.0).sqrt() * f64::signum(b);
                let (x, y) = (sum / c, -t / sum);
                let exact = if discriminant <= 0.0 { 0.0 } else { normal.cdf(x.max(y)) - normal.cdf(x.min(y)) };
                let found = QuadraticForm::new(vec![(c, b)]).below(t);
                // As precise as the normal probabilities that it is compared with.
                assert!((found - exact).abs() < 1e-10, "{c}, {b}, {t}: {found}, not {exact}");
                let found = QuadraticForm::new(vec![(-c, b)]).below(-t);
                assert!((found - (1.0 - exact)).abs() < 1e-10, "-{c}, {b}, {t}: {found}");
            }
        }
        // By mpmath, 30 digits.
        assert!((QuadraticForm::new(vec![(1.0, 0.7)]).below(2.0) - 0.798_656_836_782_010_4).abs() < 1e-14);
        let line = QuadraticForm::new(vec![(0.0, 1.5)]);
        assert!((line.below(2.0) - normal.cdf(2.0 / 3.0)).abs() < 1e-10);
    }

    #[test]
    fn forms_of_both_signs_have_the_distribution_of_their_draws() {
        let mut rng = Streams::new(7).rng(0);
        let draws = 200_000;
        for terms in [
            vec![(1.0, 0.3), (-0.5, 1.0)],
            vec![(4.0, 0.0), (-3.9, 0.1), (0.0, 0.5)],
            vec![(0.2, 2.0), (0.1, -1.0), (-2.0, 0.0), (1e-6, 0.4)],
            vec![(-0.7, 3.0), (0.6, -3.0)],
        ] {
            let form = QuadraticForm::new(terms.clone());
            let values: Vec<f64> = (0..draws)
                .map(|_| {
                    let value = |(c, b): &(f64, f64)| {
                        let u: f64 = StandardNormal.sample(&mut rng);
                        c * u * u + 2.0 * b * u
                    };
                    terms.iter().map(value).sum()
                })
                .collect();
            for t in [-6.0, -1.0, 0.0, 0.4, 3.0, 12.0] {
                let share = values.iter().filter(|x| **x < t).count() as f64 / f64::from(draws);
                let p = form.below(t);
                let error = (p * (1.0 - p) / f64::from(draws)).sqrt();
                // 24 comparisons at 4.5 standard errors: a false alarm in 6000 seeds.
                assert!((share - p).abs() <= 4.5 * error + 1e-5, "{terms:?}, {t}: {p}, drawn {share}");
            }
        }
    }
}
