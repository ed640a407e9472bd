//! Statistics of a table of rows, by which replicated data are compared with those observed.

use std::fmt;

use gmm_core::{Mixture, RowDensities};

use crate::diagnostics::quantile_of_ordered;

/// A number that is computed of n rows, or of n rows and the mixture that they are drawn from; columns count from 0.
///
/// With `m_r = sum_i (x_i - mean)^r / n` of a column:
///
/// ```text
/// sd = sqrt(n m_2 / (n - 1)),   skewness = m_3 / m_2^(3/2),   kurtosis = m_4 / m_2^2 - 3
/// ```
///
/// What has no value, such as the skewness of a constant column, is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// The mean of a column.
    Mean {
        /// The column.
        column: usize,
    },
    /// Its standard deviation, divisor n - 1.
    Sd {
        /// The column.
        column: usize,
    },
    /// Its skewness.
    Skewness {
        /// The column.
        column: usize,
    },
    /// Its excess kurtosis.
    Kurtosis {
        /// The column.
        column: usize,
    },
    /// Its smallest number.
    Minimum {
        /// The column.
        column: usize,
    },
    /// Its largest number.
    Maximum {
        /// The column.
        column: usize,
    },
    /// Its quantile, between order statistics as in [`quantile`](fn@crate::diagnostics::quantile).
    Quantile {
        /// The column.
        column: usize,
        /// From 0 to 1.
        probability: f64,
    },
    /// The correlation of two columns.
    Correlation {
        /// A column.
        first: usize,
        /// Another one.
        second: usize,
    },
    /// `sum_i ln p(x_i | theta) / n`, which depends on the parameters: how near the rows lie to where the mixture expects
    /// them.
    MeanLnDensity,
    /// `min_i ln p(x_i | theta)`, which depends on the parameters: how far out the farthest row lies.
    LowestLnDensity,
}

/// A name such as `skewness[0]`, `quantile[1,0.5]`, `correlation[0,1]` or `mean_ln_density`.
impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean { column } => write!(f, "mean[{column}]"),
            Self::Sd { column } => write!(f, "sd[{column}]"),
            Self::Skewness { column } => write!(f, "skewness[{column}]"),
            Self::Kurtosis { column } => write!(f, "kurtosis[{column}]"),
            Self::Minimum { column } => write!(f, "minimum[{column}]"),
            Self::Maximum { column } => write!(f, "maximum[{column}]"),
            Self::Quantile { column, probability } => write!(f, "quantile[{column},{probability}]"),
            Self::Correlation { first, second } => write!(f, "correlation[{first},{second}]"),
            Self::MeanLnDensity => f.write_str("mean_ln_density"),
            Self::LowestLnDensity => f.write_str("lowest_ln_density"),
        }
    }
}

impl Statistic {
    /// Those of d columns that serve most often: of each column mean, sd, skewness, kurtosis, minimum, median and maximum,
    /// then the correlation of each pair, then the two that depend on the parameters.
    pub fn usual(d: usize) -> Vec<Self> {
        let columns = (0..d).flat_map(|column| {
            [
                Self::Mean { column },
                Self::Sd { column },
                Self::Skewness { column },
                Self::Kurtosis { column },
                Self::Minimum { column },
                Self::Quantile { column, probability: 0.5 },
                Self::Maximum { column },
            ]
        });
        let pairs = (0..d).flat_map(|first| (first + 1..d).map(move |second| Self::Correlation { first, second }));
        columns.chain(pairs).chain([Self::MeanLnDensity, Self::LowestLnDensity]).collect()
    }

    /// The columns that it is computed of.
    pub fn columns(&self) -> Vec<usize> {
        match *self {
            Self::Mean { column }
            | Self::Sd { column }
            | Self::Skewness { column }
            | Self::Kurtosis { column }
            | Self::Minimum { column }
            | Self::Maximum { column }
            | Self::Quantile { column, .. } => vec![column],
            Self::Correlation { first, second } => vec![first, second],
            Self::MeanLnDensity | Self::LowestLnDensity => Vec::new(),
        }
    }

    /// Whether it depends on the parameters too: a discrepancy in the words of Gelman, Meng & Stern (1996).
    pub fn depends_on_parameters(&self) -> bool {
        matches!(self, Self::MeanLnDensity | Self::LowestLnDensity)
    }
}

/// A column about its mean.
#[derive(Debug, Clone, Copy)]
struct Column {
    mean: f64,
    /// Central moments of order 2, 3, 4.
    moments: [f64; 3],
    minimum: f64,
    maximum: f64,
}

impl Column {
    fn of(rows: &[f64], d: usize, column: usize) -> Self {
        let values = || rows.iter().skip(column).step_by(d).copied();
        let n = (rows.len() / d) as f64;
        let origin = rows[column];
        let mean = origin + values().map(|x| x - origin).sum::<f64>() / n;
        let mut moments = [0.0; 3];
        for x in values() {
            let square = (x - mean).powi(2);
            moments[0] += square;
            moments[1] += square * (x - mean);
            moments[2] += square * square;
        }
        Self {
            mean,
            moments: moments.map(|sum| sum / n),
            minimum: values().fold(f64::INFINITY, f64::min),
            maximum: values().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// A list of statistics of tables of n rows of d columns, with the memory to compute them in.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    statistics: &'a [Statistic],
    d: usize,
    /// Of the columns that a statistic is computed of; the others are not looked at.
    columns: Vec<Option<Column>>,
    /// One column, to be ordered.
    values: Vec<f64>,
}

impl<'a> Evaluator<'a> {
    /// For statistics of columns below d, which must not be 0.
    pub(super) fn new(statistics: &'a [Statistic], d: usize) -> Self {
        Self { statistics, d, columns: vec![None; d], values: Vec::new() }
    }

    /// The statistics of rows (n d numbers), in order; NaN for those that depend on the parameters.
    pub(super) fn of_rows(&mut self, rows: &[f64]) -> Vec<f64> {
        self.columns.fill(None);
        for column in self.statistics.iter().flat_map(Statistic::columns) {
            self.columns[column].get_or_insert_with(|| Column::of(rows, self.d, column));
        }
        self.statistics.iter().map(|statistic| self.of_table(statistic, rows)).collect()
    }

    /// Fills in the statistics that depend on the parameters.
    pub(super) fn of_mixture(&self, rows: &[f64], mixture: &Mixture, values: &mut [f64]) {
        if !self.statistics.iter().any(Statistic::depends_on_parameters) {
            return;
        }
        let n = (rows.len() / self.d) as f64;
        let mut ln_densities = vec![0.0; rows.len() / self.d];
        RowDensities::new(rows, self.d).ln_densities(mixture, &mut ln_densities);
        let sum: f64 = ln_densities.iter().sum();
        let lowest = ln_densities.iter().copied().fold(f64::INFINITY, f64::min);
        for (statistic, value) in self.statistics.iter().zip(values) {
            match statistic {
                Statistic::MeanLnDensity => *value = sum / n,
                Statistic::LowestLnDensity => *value = lowest,
                _ => {}
            }
        }
    }

    fn of_table(&mut self, statistic: &Statistic, rows: &[f64]) -> f64 {
        let n = (rows.len() / self.d) as f64;
        let of = |column: usize, f: fn(Column) -> f64| self.columns[column].map_or(f64::NAN, f);
        match *statistic {
            Statistic::Mean { column } => of(column, |c| c.mean),
            Statistic::Sd { column } => (of(column, |c| c.moments[0]) * n / (n - 1.0)).sqrt(),
            Statistic::Skewness { column } => of(column, |c| c.moments[1] / c.moments[0].powf(1.5)),
            Statistic::Kurtosis { column } => of(column, |c| c.moments[2] / c.moments[0].powi(2) - 3.0),
            Statistic::Minimum { column } => of(column, |c| c.minimum),
            Statistic::Maximum { column } => of(column, |c| c.maximum),
            Statistic::Quantile { column, probability } => {
                self.values.clear();
                self.values.extend(rows.iter().skip(column).step_by(self.d));
                quantile_by_selection(&mut self.values, probability)
            }
            Statistic::Correlation { first, second } => {
                let [a, b] = [of(first, |c| c.mean), of(second, |c| c.mean)];
                let products = rows.chunks_exact(self.d).map(|row| (row[first] - a) * (row[second] - b));
                let scale = of(first, |c| c.moments[0].sqrt()) * of(second, |c| c.moments[0].sqrt());
                products.sum::<f64>() / n / scale
            }
            Statistic::MeanLnDensity | Statistic::LowestLnDensity => f64::NAN,
        }
    }
}

/// The quantile of values, at least one, without putting them all in order.
fn quantile_by_selection(values: &mut [f64], probability: f64) -> f64 {
    let last = values.len() - 1;
    let index = ((last as f64 * probability).floor() as usize).min(last);
    let (_, below, rest) = values.select_nth_unstable_by(index, f64::total_cmp);
    let below = *below;
    let above = rest.iter().copied().reduce(f64::min).unwrap_or(below);
    quantile_of_ordered(|r| if r <= index { below } else { above }, last + 1, probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::quantile;
    use gmm_core::Covariance;

    #[test]
    fn statistics_are_those_computed_by_hand() {
        // Columns 1, 2, 6, 3 and 0, 1, 5, -2: deviations -2, -1, 3, 0 and -1, 0, 4, -3.
        let rows = [1.0, 0.0, 2.0, 1.0, 6.0, 5.0, 3.0, -2.0];
        let expected = [
            ("mean[0]", 3.0),
            ("sd[0]", (14.0f64 / 3.0).sqrt()),
            ("skewness[0]", 18.0 / 4.0 / 3.5f64.powf(1.5)),
            ("kurtosis[0]", 98.0 / 4.0 / 3.5f64.powi(2) - 3.0),
            ("minimum[0]", 1.0),
            ("quantile[0,0.5]", 2.5),
            ("maximum[0]", 6.0),
            ("mean[1]", 1.0),
            ("sd[1]", (26.0f64 / 3.0).sqrt()),
            ("skewness[1]", 36.0 / 4.0 / 6.5f64.powf(1.5)),
            ("kurtosis[1]", 338.0 / 4.0 / 6.5f64.powi(2) - 3.0),
            ("minimum[1]", -2.0),
            ("quantile[1,0.5]", 0.5),
            ("maximum[1]", 5.0),
            ("correlation[0,1]", 14.0 / (14.0f64 * 26.0).sqrt()),
            ("mean_ln_density", -(2.0 * std::f64::consts::PI).ln() - 0.125 * (1.0 + 5.0 + 61.0 + 13.0)),
            ("lowest_ln_density", -(2.0 * std::f64::consts::PI).ln() - 0.5 * 61.0),
        ];
        let statistics = Statistic::usual(2);
        let mut evaluator = Evaluator::new(&statistics, 2);
        let unit = Covariance::isotropic(2, 1.0).unwrap();
        let mixture = Mixture::new(vec![1.0], vec![vec![0.0, 0.0]], vec![unit]).unwrap();
        let mut values = evaluator.of_rows(&rows);
        assert!(values[15].is_nan() && values[16].is_nan());
        evaluator.of_mixture(&rows, &mixture, &mut values);
        assert_eq!(statistics.len(), expected.len());
        for ((statistic, value), (name, expected)) in statistics.iter().zip(values).zip(expected) {
            assert_eq!(statistic.to_string(), name);
            assert!((value - expected).abs() < 1e-13, "{name}: {value} where {expected}");
        }
        assert!(Evaluator::new(&statistics, 2).of_rows(&[7.0; 6])[2].is_nan());
    }

    #[test]
    fn quantiles_by_selection_are_those_by_order() {
        let values: Vec<f64> = (0..101).map(|i| f64::from(i * 37 % 53)).collect();
        for probability in [0.0, 0.013, 0.25, 0.5, 0.7777, 0.995, 1.0] {
            let found = quantile_by_selection(&mut values.clone(), probability);
            assert_eq!(found, quantile(&values, probability), "{probability}");
        }
        assert_eq!(quantile_by_selection(&mut [3.0], 0.3), 3.0);
    }
}
