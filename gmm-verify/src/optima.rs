//! Are the optima of point estimates optima?

use gmm_core::{Data, Mixture, Model, Rule, Statistics, Workspace, sweep};
use gmm_em::{
    Coordinates, ModeKind, NoStandardErrors, Objective, Plan, PointEstimate, Singularities, observed_information,
};
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use thiserror::Error;

/// What a point estimate claims of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What is maximised.
    pub objective: Objective,
    /// How far from its limit a climb may have stopped, relative to 1 + |objective|.
    pub tolerance: f64,
    /// What holds estimates away from maxima.
    pub singularities: Singularities,
    /// Whether the objective may not fall on the way: so of EM, and not of minibatches or blocks of rows.
    pub rises: bool,
}

impl Claim {
    /// The claim of a method with such a plan.
    pub fn of(plan: &Plan, rises: bool) -> Self {
        Self { objective: plan.objective, tolerance: plan.tolerance, singularities: plan.singularities, rises }
    }
}

/// What was found at a reported optimum.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// The mode, from 0, best first.
    pub mode: usize,
    /// Its objective as reported.
    pub reported: f64,
    /// The objective there, computed anew.
    pub objective: f64,
    /// What a Newton step is expected to gain, `g' inverse(I) g / 2` over the directions that curve downwards, with the slope g by
    /// differences of the objective: half the squared number of standard errors to the maximum.
    pub expected_gain: f64,
    /// The largest rise of the objective that was found by a Newton step or along directions that do not curve downwards.
    pub rise: f64,
    /// What it may be: ten times what the tolerance, 1e-9 at least, leaves to a climb.
    pub bound: f64,
    /// The smallest eigenvalue of the observed information in units of that of rows *and* allocations: 1 less the rate at
    /// which EM converges.
    pub least_curvature: f64,
    /// What it is.
    pub state: State,
}

/// What a reported optimum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A maximum: nothing to be gained, and every direction leads down.
    Maximum,
    /// Some direction hardly curves, and nothing was found to be gained along it: not disproved.
    Flat,
    /// The objective rises by more than the bound along its slope.
    Slope,
    /// The objective rises by more than the bound along a direction without slope.
    Saddle,
}

/// An objective that fell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fall {
    /// Where in the trace, from 1.
    pub place: usize,
    /// The objective before.
    pub from: f64,
    /// The objective after.
    pub to: f64,
    /// By how much rounding may let it fall.
    pub rounding: f64,
}

/// Why an optimum was not looked at.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Unchecked {
    /// Climbs to it ran out of iterations, collapsed or fell.
    #[error("no climb to it converged")]
    NotConverged,
    /// A constraint within the M-steps holds it away from a maximum.
    #[error("a policy at singularities acts within the M-steps")]
    Constrained,
    /// Components were removed on the way to it.
    #[error("it has {components} components, the estimate another number")]
    Components {
        /// Their number.
        components: usize,
    },
    /// A component stands for less than one row: at the boundary there is no curvature.
    #[error("component {component} stands for {rows:.2e} rows")]
    Boundary {
        /// The component, from 0.
        component: usize,
        /// Its weight times the number of rows.
        rows: f64,
    },
    /// There is no information matrix.
    #[error(transparent)]
    Information(#[from] NoStandardErrors),
}

/// What was found of a point estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The optima that were looked at.
    pub optima: Vec<Optimum>,
    /// The others: mode, from 0, and reason.
    pub unchecked: Vec<(usize, Unchecked)>,
    /// The falls of its trace, where it may not fall.
    pub falls: Vec<Fall>,
    /// Entries of the trace that were compared with the one before.
    pub steps: usize,
}

/// What a climb may have stopped short of: as in the atlas of modes.
const SLACK: f64 = 10.0;
const ROUNDING: f64 = 1e-9;

/// The information of a direction is none below this part of that of rows and allocations.
const FLAT: f64 = 1e-7;

/// The step of differences, in standard errors of rows and allocations.
const STEP: f64 = 1e-3;

/// Looks at all optima that the restarts of an estimate converged to, and at its trace.
///
/// The slope comes from differences of the objective itself, log-likelihood plus log prior density, and not from the posterior
/// whose mode an M-step goes to: an M-step to a wrong place is found. An optimum is disproved by a mixture of higher objective,
/// never by a matrix alone.
///
/// `estimate` is of `model` and `data`; it takes O(p) sweeps for each optimum of p free parameters, and as many for each direction that is flat.
pub fn check(model: &Model, data: &Data, estimate: &PointEstimate, claim: &Claim) -> Report {
    let mut report = Report { optima: Vec::new(), unchecked: Vec::new(), falls: Vec::new(), steps: 0 };
    for (mode, found) in estimate.modes.iter().enumerate() {
        let k = found.mixture.k();
        let of = [model, &estimate.model].into_iter().find(|model| model.k() == k);
        let examined = match (&found.kind, of) {
            (ModeKind::Unfinished | ModeKind::Collapsed(_) | ModeKind::Decreased, _) => Err(Unchecked::NotConverged),
            _ if claim.singularities.acts_in_m_step() => Err(Unchecked::Constrained),
            (ModeKind::Optimum, None) => Err(Unchecked::Components { components: k }),
            (ModeKind::Optimum, Some(model)) => examine(model, data, &found.mixture, found.objective, claim),
        };
        match examined {
            Ok(optimum) => report.optima.push(Optimum { mode, ..optimum }),
            Err(reason) => report.unchecked.push((mode, reason)),
        }
    }
    if claim.rises && !matches!(claim.singularities, Singularities::Regularise(_)) {
        let rounding = rounding(data, &estimate.mixture);
        report.steps = estimate.trace.len().saturating_sub(estimate.parts.len());
        report.falls = falls(&estimate.trace, &estimate.parts, rounding);
    }
    report
}

/// Looks at one mixture that is said to be an optimum with such an objective.
///
/// # Errors
/// [`Unchecked`] if it has no information matrix or a component stands for less than one row.
pub fn examine(
    model: &Model,
    data: &Data,
    mixture: &Mixture,
    reported: f64,
    claim: &Claim,
) -> Result<Optimum, Unchecked> {
    let rows = |w: &f64| w * data.n() as f64;
    if let Some(component) = mixture.weights().iter().position(|w| rows(w) < 1.0) {
        return Err(Unchecked::Boundary { component, rows: rows(&mixture.weights()[component]) });
    }
    let information = observed_information(model, data, mixture, claim.objective)?;
    let mut surface = Surface::new(model, data, mixture, claim.objective);
    let objective = surface.height(&DVector::zeros(surface.n()));
    let bound = SLACK * claim.tolerance.max(ROUNDING) * (1.0 + objective.abs());
    let n = surface.n();
    let slope = surface.slope(&DVector::zeros(n));
    let scaled = DMatrix::from_fn(n, n, |i, j| {
        let pair = 0.5 * (information[(i, j)] + information[(j, i)]);
        pair * surface.units[i] * surface.units[j]
    });
    let eigen = SymmetricEigen::new(scaled);
    let least_curvature = eigen.eigenvalues.iter().copied().fold(f64::INFINITY, f64::min);

    let newton = newton_step(&eigen, &slope);
    let expected_gain = 0.5 * newton.dot(&slope);
    let along_slope = [1.0, 0.5, 0.1, 0.01].map(|part| surface.height(&(&newton * part)) - objective);
    let along_slope = along_slope.into_iter().fold(0.0, f64::max);
    let mut elsewhere = 0.0f64;
    for (value, vector) in eigen.eigenvalues.iter().zip(eigen.eigenvectors.column_iter()) {
        if *value <= FLAT {
            elsewhere = elsewhere.max(surface.climb(&vector.into_owned(), &eigen, objective));
        }
    }
    let state = match least_curvature > FLAT {
        _ if along_slope > bound => State::Slope,
        _ if elsewhere > bound => State::Saddle,
        true => State::Maximum,
        false => State::Flat,
    };
    let rise = along_slope.max(elsewhere);
    Ok(Optimum { mode: 0, reported, objective, expected_gain, rise, bound, least_curvature, state })
}

/// The objective about a mixture, in coordinates whose units are standard errors of rows and allocations.
struct Surface<'a> {
    model: &'a Model,
    data: &'a Data,
    objective: Objective,
    coordinates: Coordinates,
    origin: Vec<f64>,
    units: Vec<f64>,
    mixture: Mixture,
    statistics: Statistics,
    workspace: Workspace,
}

impl<'a> Surface<'a> {
    fn new(model: &'a Model, data: &'a Data, mixture: &Mixture, objective: Objective) -> Self {
        let mut coordinates = Coordinates::new(model, data);
        let (mut statistics, mut workspace) = (model.blank_statistics(), Workspace::new());
        sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut workspace);
        let plain = model.without_prior();
        let fitted = if objective == Objective::Likelihood { &plain } else { model };
        let mut units = vec![0.0; coordinates.n()];
        coordinates.information(&fitted.posterior(&statistics), mixture, &mut units);
        // A coordinate without information keeps its own unit.
        units.iter_mut().for_each(|x| *x = if *x > 0.0 && x.is_finite() { 1.0 / x.sqrt() } else { 1.0 });
        let mut origin = vec![0.0; coordinates.n()];
        coordinates.write(mixture, &mut origin);
        Self { model, data, objective, coordinates, origin, units, mixture: mixture.clone(), statistics, workspace }
    }

    fn n(&self) -> usize {
        self.origin.len()
    }

    /// The objective at a displacement; minus infinity where there is no mixture.
    fn height(&mut self, displacement: &DVector<f64>) -> f64 {
        let at = |i: usize| self.origin[i] + self.units[i] * displacement[i];
        let x: Vec<f64> = (0..self.origin.len()).map(at).collect();
        if self.coordinates.read(&x, &mut self.mixture).is_err() {
            return f64::NEG_INFINITY;
        }
        let rule = Rule::Responsibilities;
        let totals = sweep(self.data, &self.mixture, rule, &mut self.statistics, &mut self.workspace);
        let height = match self.objective {
            Objective::Likelihood => totals.ln_likelihood,
            Objective::Posterior => totals.ln_likelihood + self.model.ln_prior(&self.mixture),
        };
        if height.is_nan() { f64::NEG_INFINITY } else { height }
    }

    /// The slope at a displacement, by central differences.
    fn slope(&mut self, displacement: &DVector<f64>) -> DVector<f64> {
        let mut beside = displacement.clone();
        DVector::from_fn(self.n(), |i, _| {
            beside[i] = displacement[i] + STEP;
            let ahead = self.height(&beside);
            beside[i] = displacement[i] - STEP;
            let behind = self.height(&beside);
            beside[i] = displacement[i];
            (ahead - behind) / (2.0 * STEP)
        })
    }

    /// The rise along a direction either way, in growing steps as long as it does not go down. The directions that do curve
    /// downwards follow, by Newton steps: where two components are equal, the way up leads along a bent path on which they move
    /// apart and become narrower.
    fn climb(&mut self, direction: &DVector<f64>, eigen: &SymmetricEigen<f64, nalgebra::Dyn>, objective: f64) -> f64 {
        let rounding = 1e-12 * (1.0 + objective.abs());
        let mut most = 0.0f64;
        for sign in [1.0, -1.0] {
            let (mut before, mut bend) = (objective, DVector::zeros(self.n()));
            for step in [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4] {
                // A bend grows with the square of the way.
                bend *= 4.0;
                for _ in 0..2 {
                    let slope = self.slope(&(direction * (sign * step) + &bend));
                    bend += newton_step(eigen, &slope);
                }
                let height = self.height(&(direction * (sign * step) + &bend));
                if height.is_nan() || height < before - rounding {
                    break;
                }
                before = before.max(height);
            }
            most = most.max(before - objective);
        }
        most
    }
}

/// The Newton step along the directions that curve downwards.
fn newton_step(eigen: &SymmetricEigen<f64, nalgebra::Dyn>, slope: &DVector<f64>) -> DVector<f64> {
    let mut step = DVector::zeros(slope.len());
    for (value, vector) in eigen.eigenvalues.iter().zip(eigen.eigenvectors.column_iter()) {
        if *value > FLAT {
            step.axpy(vector.dot(slope) / value, &vector, 1.0);
        }
    }
    step
}

/// By how much rounding may let an objective fall, relative to n d + |objective|: 1e-11, and the square of the condition of the
/// least round covariance times the rounding of a number.
fn rounding(data: &Data, mixture: &Mixture) -> f64 {
    let condition = |covariance: &gmm_core::Covariance| {
        let values = covariance.to_matrix().symmetric_eigenvalues();
        values.max() / values.min()
    };
    let worst = mixture.covariances().iter().map(condition).fold(1.0, f64::max);
    (1e-11 + f64::EPSILON * worst) * (data.n() * data.d()) as f64
}

/// The falls within the parts of a trace; `rounding` is that of an objective of 0.
fn falls(trace: &[f64], parts: &[usize], rounding: f64) -> Vec<Fall> {
    let steps = trace.windows(2).enumerate().map(|(i, pair)| (i + 1, pair));
    steps
        .filter(|(place, _)| !parts.contains(place))
        .filter_map(|(place, pair)| {
            let (from, to) = (pair[0], pair[1]);
            let rounding = rounding + 1e-11 * from.abs();
            (to < from - rounding || to.is_nan()).then_some(Fall { place, from, to, rounding })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;
    use crate::test_models::models;
    use gmm_core::{Shape, Streams, Structure};
    use gmm_em::{Acceleration, Ascent, Em, fit};

    fn claim(objective: Objective) -> Claim {
        Claim::of(&Em { objective, ..Em::default() }.plan(), true)
    }

    /// A data set of its prior for each of the nine structures.
    fn examples() -> Vec<(String, Model, Data)> {
        let of = |(name, model): (String, Model)| {
            let data =
                Simulator::new(&model).unwrap().draw(120, &mut Streams::new(8).named(&name).rng(0)).unwrap().data;
            (name, model, data)
        };
        models().into_iter().map(of).collect()
    }

    #[test]
    fn optima_of_em_are_maxima_in_every_structure() {
        for (name, model, data) in examples() {
            for objective in [Objective::Posterior, Objective::Likelihood] {
                for acceleration in [Acceleration::None, Acceleration::Squarem] {
                    let em = Em { objective, acceleration, restarts: 6, ..Em::default() };
                    let estimate = fit(&model, &data, &em, &Streams::new(2), &|_| {}).unwrap();
                    let report = check(&model, &data, &estimate, &Claim::of(&em.plan(), true));
                    assert!(report.falls.is_empty() && report.steps > 3, "{name}: {report:?}");
                    assert!(!report.optima.is_empty(), "{name}: {report:?}");
                    for optimum in &report.optima {
                        assert!(matches!(optimum.state, State::Maximum | State::Flat), "{name}: {optimum:?}");
                        assert!((optimum.objective - optimum.reported).abs() < 1e-9 * (1.0 + optimum.objective.abs()));
                    }
                    assert_eq!(report.optima[0].state, State::Maximum, "{name}");
                    assert!(report.optima[0].expected_gain < report.optima[0].bound, "{name}");
                }
            }
        }
    }

    #[test]
    fn an_optimum_that_was_moved_a_little_is_none() {
        for (name, model, data) in examples() {
            let em = Em { objective: Objective::Posterior, restarts: 4, ..Em::default() };
            let mut estimate = fit(&model, &data, &em, &Streams::new(2), &|_| {}).unwrap();
            let best = &mut estimate.modes[0].mixture;
            // A twentieth of a standard error of one mean.
            let step = 0.05 * (best.covariance(0).as_symmetric().get(0, 0) / (best.weights()[0] * 120.0)).sqrt();
            let mean = vec![best.mean(0)[0] + step, best.mean(0)[1]];
            best.set_mean(0, &mean).unwrap();
            let report = check(&model, &data, &estimate, &claim(Objective::Posterior));
            assert_eq!(report.optima[0].state, State::Slope, "{name}: {:?}", report.optima[0]);
            // 0.05^2 / 2 nats but for the overlap and the prior.
            let rise = report.optima[0].rise;
            assert!((3e-4..3e-3).contains(&rise), "{name}: {rise}");
        }
    }

    #[test]
    fn the_mode_of_another_prior_is_none() {
        let data = examples().remove(0).2;
        let [one, other] =
            [0.5, 0.55].map(|kappa| crate::test_models::model(Structure::Free(Shape::Full), 2.0, kappa, 8.0));
        let em = Em { objective: Objective::Posterior, restarts: 4, ..Em::default() };
        let estimate = fit(&one, &data, &em, &Streams::new(2), &|_| {}).unwrap();
        assert_eq!(check(&one, &data, &estimate, &claim(em.objective)).optima[0].state, State::Maximum);
        assert_eq!(check(&other, &data, &estimate, &claim(em.objective)).optima[0].state, State::Slope);
    }

    /// Two equal components: the fit of one, where EM rests.
    #[test]
    fn the_symmetric_saddle_is_found() {
        let rows: Vec<[f64; 1]> =
            (0..60).map(|i| [f64::from(i % 20) / 10.0 + if i < 30 { 0.0 } else { 6.0 }]).collect();
        let data = Data::from_rows(&rows).unwrap();
        let model = Model::with_default_prior(2, Structure::Tied(Shape::Full), &data).unwrap();
        let (mean, sd) = (data.means()[0], data.standard_deviations()[0]);
        let n = 60.0;
        // The maximum of one normal has divisor n; standard deviations here have whichever the data use.
        let variance = rows.iter().map(|row| (row[0] - mean).powi(2)).sum::<f64>() / n;
        assert!((sd * sd / variance - 1.0).abs() < 0.05);
        let covariance = gmm_core::Covariance::full(&[[variance]]).unwrap();
        let mixture = Mixture::new(vec![0.4, 0.6], vec![vec![mean]; 2], vec![covariance]).unwrap();
        let objective = data.rows().map(|x| mixture.ln_density(x)).sum();
        let optimum = examine(&model, &data, &mixture, objective, &claim(Objective::Likelihood)).unwrap();
        assert_eq!(optimum.state, State::Saddle, "{optimum:?}");
        // The curvature is none, since a variance makes up for the distance; the rise is of fourth order.
        assert!(optimum.least_curvature.abs() < 1e-9 && optimum.rise > 0.1, "{optimum:?}");

        let known = gmm_core::Covariance::full(&[[0.5 * variance]]).unwrap();
        let model = Model::with_default_prior(2, Structure::Known(known.clone()), &data).unwrap();
        let mixture = Mixture::new(vec![0.4, 0.6], vec![vec![mean]; 2], vec![known]).unwrap();
        let objective = data.rows().map(|x| mixture.ln_density(x)).sum();
        let optimum = examine(&model, &data, &mixture, objective, &claim(Objective::Likelihood)).unwrap();
        assert_eq!(optimum.state, State::Saddle, "{optimum:?}");
        assert!(optimum.least_curvature < -0.1 && optimum.rise > 0.1, "{optimum:?}");
    }

    #[test]
    fn a_fall_of_the_trace_is_found_but_not_where_another_climb_begins() {
        let trace = [-10.0, -9.0, -8.5, -8.6, -8.0, -12.0, -7.0];
        let found = falls(&trace, &[0, 5], 1e-9);
        assert_eq!(found.iter().map(|fall| fall.place).collect::<Vec<_>>(), [3]);
        assert!(falls(&[-8.0, -8.0 - 1e-12], &[0], 1e-9).is_empty());
    }
}
