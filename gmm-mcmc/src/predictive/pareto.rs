//! The generalised Pareto distribution, and its fit to the tail of importance ratios.

/// Rows that the prior of the shape is worth, and its mean.
const PRIOR: (f64, f64) = (10.0, 0.5);

/// The distribution of excesses over a threshold.
///
/// ```text
/// F(x) = 1 - (1 + k x / sigma)^(-1/k),   x >= 0
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneralisedPareto {
    /// The shape k: moments up to the order 1/k exist.
    pub shape: f64,
    /// The scale sigma.
    pub scale: f64,
}

impl GeneralisedPareto {
    /// The fit to a sample of positive numbers in ascending order by Zhang & Stephens (2009), its shape drawn towards
    /// 0.5 as if ten more rows said so (Vehtari, Simpson, Gelman, Yao & Gabry 2024, appendix G). `None` where the sample
    /// has fewer than two numbers, a quartile of 0, or the fit is not finite.
    ///
    /// ```text
    /// theta_j = 1 / x_n + (1 - sqrt(m / (j - 1/2))) / (3 x_q),   j = 1..m,  m = 30 + floor(sqrt(n)),  x_q the quartile
    /// k(theta) = mean ln(1 - theta x),   l(theta) = n [ ln(-theta / k) - k - 1 ],   theta = sum_j theta_j softmax(l)_j
    /// k = k(theta),  sigma = -k / theta,   then k <- (n k + 10 * 0.5) / (n + 10)
    /// ```
    pub fn fit(sample: &[f64]) -> Option<Self> {
        let n = sample.len() as f64;
        let (last, quartile) = (*sample.last()?, *sample.get(((n / 4.0 + 0.5) as usize).checked_sub(1)?)?);
        if !(quartile > 0.0 && last.is_finite()) {
            return None;
        }
        let m = 30 + n.sqrt() as usize;
        let shape = |theta: f64| sample.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n;
        let thetas: Vec<f64> =
            (1..=m).map(|j| 1.0 / last + (1.0 - (m as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile)).collect();
        let profile = |theta: f64| {
            let k = shape(theta);
            n * ((-theta / k).ln() - k - 1.0)
        };
        let heights: Vec<f64> = thetas.iter().map(|theta| profile(*theta)).collect();
        let normaliser = gmm_core::log_sum_exp(&heights);
        let theta: f64 = thetas.iter().zip(&heights).map(|(theta, l)| theta * (l - normaliser).exp()).sum();
        let k = shape(theta);
        let (rows, centre) = PRIOR;
        let fit = Self { shape: (n * k + rows * centre) / (n + rows), scale: -k / theta };
        (fit.shape.is_finite() && fit.scale.is_finite()).then_some(fit)
    }

    /// The quantile of p in [0, 1).
    pub fn quantile(&self, p: f64) -> f64 {
        let ln_survival = (-p).ln_1p();
        match self.shape {
            0.0 => -self.scale * ln_survival,
            k => self.scale * (-k * ln_survival).exp_m1() / k,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_of_quantiles_gives_its_distribution_back() {
        for (shape, scale) in [(-0.2, 3.0), (0.3, 1.0), (0.8, 0.1)] {
            let truth = GeneralisedPareto { shape, scale };
            let n = 20_000;
            let sample: Vec<f64> = (0..n).map(|i| truth.quantile((f64::from(i) + 0.5) / f64::from(n))).collect();
            let fit = GeneralisedPareto::fit(&sample).unwrap();
            assert!((fit.shape - shape).abs() < 0.01 && (fit.scale / scale - 1.0).abs() < 0.02, "{fit:?}");
        }
        assert_eq!(GeneralisedPareto { shape: 0.0, scale: 2.0 }.quantile(0.5), 2.0 * 2f64.ln());
        assert_eq!(GeneralisedPareto::fit(&[0.0, 0.0, 0.0, 0.0]), None);
        assert_eq!(GeneralisedPareto::fit(&[]), None);
    }
}
