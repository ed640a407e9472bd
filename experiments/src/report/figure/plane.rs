//! Two dimensions of the rows: two columns, or their first two principal components.

use gmm_core::{Data, Eigen, Mixture, Shape, Statistics, Symmetric};

use super::clip::Point;

/// A linear function of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Direction {
    /// What it is of each column (d).
    weights: Vec<f64>,
    /// Its value at the origin of the figure.
    origin: f64,
}

/// Two linear functions of a row, drawn against each other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) x: Direction,
    pub(super) y: Direction,
}

/// The mean and the covariance of two linear functions of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Normal2 {
    pub(super) mean: Point,
    /// Variance of the first, covariance, variance of the second.
    pub(super) covariance: [f64; 3],
}

/// The first two principal components of the columns, each with mean 0 and standard deviation 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Principal {
    pub(super) plane: Plane,
    /// The entry of each column in both eigenvectors (d).
    pub(super) loadings: [Vec<f64>; 2],
    /// The shares of the variance that both explain.
    pub(super) explained: [f64; 2],
}

impl Direction {
    fn column(d: usize, column: usize) -> Self {
        Self { weights: (0..d).map(|i| if i == column { 1.0 } else { 0.0 }).collect(), origin: 0.0 }
    }

    /// Of a row, `w'x - origin`.
    pub(super) fn of(&self, row: &[f64]) -> f64 {
        dot(&self.weights, row) - self.origin
    }

    /// The covariance of two of a vector with a given covariance, `a'Sb`.
    fn covariance(&self, other: &Self, of: impl Fn(usize, usize) -> f64) -> f64 {
        // Columns without weight are left out: most of them, where a direction is a column.
        let used = |direction: &Self| -> Vec<(usize, f64)> {
            direction.weights.iter().copied().enumerate().filter(|(_, weight)| *weight != 0.0).collect()
        };
        let (first, second) = (used(self), used(other));
        first.iter().map(|(i, a)| a * second.iter().map(|(j, b)| of(*i, *j) * b).sum::<f64>()).sum()
    }
}

fn dot(weights: &[f64], row: &[f64]) -> f64 {
    weights.iter().zip(row).map(|(weight, x)| weight * x).sum()
}

impl Plane {
    /// Two of d columns.
    pub(super) fn columns(d: usize, (i, j): (usize, usize)) -> Self {
        Self { x: Direction::column(d, i), y: Direction::column(d, j) }
    }

    /// The place of a row.
    pub(super) fn of(&self, row: &[f64]) -> Point {
        (self.x.of(row), self.y.of(row))
    }

    /// A normal distribution of rows, in the plane; `covariance` has the entries of its covariance.
    pub(super) fn normal(&self, mean: &[f64], covariance: impl Fn(usize, usize) -> f64) -> Normal2 {
        let pairs = [(&self.x, &self.x), (&self.x, &self.y), (&self.y, &self.y)];
        Normal2 { mean: self.of(mean), covariance: pairs.map(|(a, b)| a.covariance(b, &covariance)) }
    }

    /// The components of a mixture, in the plane.
    pub(super) fn components(&self, mixture: &Mixture) -> Vec<Normal2> {
        let component = |k: usize| {
            let matrix = mixture.covariance(k).as_symmetric();
            self.normal(mixture.mean(k), |i, j| matrix.get(i, j))
        };
        (0..mixture.k()).map(component).collect()
    }
}

impl Normal2 {
    /// The ellipse that holds a share of it: all points at the Mahalanobis distance whose square is the quantile of a
    /// chi-square with two degrees of freedom, `-2 ln(1 - share)`. So many corners; the last point is the first.
    pub(super) fn ellipse(&self, share: f64, corners: usize) -> Vec<Point> {
        let [xx, xy, yy] = self.covariance;
        let radius = (-2.0 * (1.0 - share).ln()).sqrt();
        let first = xx.max(0.0).sqrt();
        let shared = if first > 0.0 { xy / first } else { 0.0 };
        let second = (yy - shared * shared).max(0.0).sqrt();
        let corner = |c: usize| {
            let (sin, cos) = (2.0 * std::f64::consts::PI * c as f64 / corners as f64).sin_cos();
            (self.mean.0 + radius * first * cos, self.mean.1 + radius * (shared * cos + second * sin))
        };
        (0..=corners).map(corner).collect()
    }
}

impl Principal {
    /// Those of the correlations of the columns; columns that do not vary have no part in them. The largest entry of each
    /// vector is positive. `None` for fewer than two columns that vary.
    pub(super) fn of(data: &Data) -> Option<Self> {
        let (d, sds) = (data.d(), data.standard_deviations());
        let scatter = Statistics::of_all(data, Shape::Full);
        let entry = |i: usize, j: usize| match (i == j, sds[i] * sds[j] > 0.0) {
            (_, false) => 0.0,
            (true, true) => 1.0,
            (false, true) => scatter.scatter(0).get(i, j) / sds[i] / sds[j] / data.n() as f64,
        };
        let varying = sds.iter().filter(|sd| **sd > 0.0).count();
        let rows: Vec<Vec<f64>> = (0..d).map(|i| (0..d).map(|j| entry(i, j)).collect()).collect();
        let eigen = Eigen::of(&Symmetric::full(&rows).ok().filter(|_| varying > 1)?);
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|a, b| eigen.values()[*b].total_cmp(&eigen.values()[*a]));
        let loadings = [order[0], order[1]].map(|place| {
            let vector = eigen.vector(place, d);
            let largest = vector.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a }).unwrap_or(1.0);
            vector.into_iter().map(|x| x * largest.signum()).collect::<Vec<f64>>()
        });
        let means = data.means();
        let direction = |loadings: &Vec<f64>| {
            let weight = |(loading, sd): (&f64, &f64)| if *sd > 0.0 { loading / sd } else { 0.0 };
            let weights: Vec<f64> = loadings.iter().zip(sds).map(weight).collect();
            Direction { origin: dot(&weights, &means), weights }
        };
        let plane = Plane { x: direction(&loadings[0]), y: direction(&loadings[1]) };
        let explained = [order[0], order[1]].map(|place| eigen.values()[place] / varying as f64);
        Some(Self { plane, loadings, explained })
    }
}

#[cfg(test)]
mod tests {
    use gmm_core::Covariance;

    use super::*;

    fn mixture() -> Mixture {
        let matrix = [[2.0, 0.3, -0.9], [0.3, 1.0, 0.1], [-0.9, 0.1, 3.0]];
        Mixture::new(vec![1.0], vec![vec![5.0, -1.0, 2.0]], vec![Covariance::full(&matrix).unwrap()]).unwrap()
    }

    #[test]
    fn all_points_of_an_ellipse_are_at_its_distance() {
        let marginal = Covariance::full(&[[2.0, -0.9], [-0.9, 3.0]]).unwrap();
        // qchisq(0.9, 2) in R.
        let quantile = 4.605170185988091;
        let normal = Plane::columns(3, (0, 2)).components(&mixture())[0];
        assert_eq!(normal, Normal2 { mean: (5.0, 2.0), covariance: [2.0, -0.9, 3.0] });
        for (x, y) in normal.ellipse(0.9, 40) {
            assert!((marginal.squared_distance(&[x, y], &[5.0, 2.0]) - quantile).abs() < 1e-12);
        }
    }

    /// Rows along (1, 2, -1), scattered little in the other directions, with a column that is always 7.
    fn rows() -> Data {
        let noise = |i: usize, step: usize| ((i * step) % 101) as f64 / 101.0 - 0.5;
        let row = |i: usize| {
            let along = 4.0 * noise(i, 37);
            [100.0 * (along + noise(i, 11)), 7.0, 2.0 * along + noise(i, 29), -along + 0.5 * noise(i, 53)]
        };
        Data::from_rows(&(0..101).map(row).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn principal_components_are_centred_uncorrelated_and_explain_what_they_vary() {
        let data = rows();
        let found = Principal::of(&data).unwrap();
        let points: Vec<Point> = data.rows().map(|row| found.plane.of(row)).collect();
        let mean = |f: &dyn Fn(&Point) -> f64| points.iter().map(f).sum::<f64>() / 101.0;
        let (first, second) = (mean(&|p| p.0 * p.0), mean(&|p| p.1 * p.1));
        assert!(mean(&|p| p.0).abs() < 1e-12 && mean(&|p| p.1).abs() < 1e-12 && mean(&|p| p.0 * p.1).abs() < 1e-12);
        assert!((first / 3.0 - found.explained[0]).abs() < 1e-12 && (second / 3.0 - found.explained[1]).abs() < 1e-12);
        assert!(found.explained[0] > 0.85 && found.explained[0] + found.explained[1] < 1.0, "{:?}", found.explained);
        // Three columns that say the same but for a sign, and one that says nothing.
        let [a, b, c, e] = found.loadings[0][..] else { panic!("{:?}", found.loadings) };
        assert!(b == 0.0 && [a.abs(), c.abs(), e.abs()].iter().all(|x| (x - 3f64.powf(-0.5)).abs() < 0.05));
        assert!(a * c > 0.0 && a * e < 0.0 && found.loadings.iter().all(|vector| vector.iter().any(|x| *x > 0.5)));
    }

    #[test]
    fn mixtures_are_projected_as_rows_are() {
        // Means and covariance of the rows themselves become those of the points.
        let data = rows();
        let found = Principal::of(&data).unwrap();
        let scatter = Statistics::of_all(&data, Shape::Full);
        let normal = found.plane.normal(&data.means(), |i, j| scatter.scatter(0).get(i, j) / 101.0);
        assert!(normal.mean.0.abs() < 1e-12 && normal.mean.1.abs() < 1e-12);
        let [xx, xy, yy] = normal.covariance;
        assert!((xx - 3.0 * found.explained[0]).abs() < 1e-12 && (yy - 3.0 * found.explained[1]).abs() < 1e-12);
        assert!(xy.abs() < 1e-12);
    }

    #[test]
    fn one_column_that_varies_has_no_plane() {
        let rows: Vec<[f64; 3]> = (0..9).map(|i| [1.0, f64::from(i), 2.0]).collect();
        assert_eq!(Principal::of(&Data::from_rows(&rows).unwrap()), None);
        assert_eq!(Principal::of(&Data::from_rows(&rows[..1]).unwrap()), None);
    }
}
