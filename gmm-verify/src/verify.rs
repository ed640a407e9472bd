//! All parts, one after the other.

use gmm_core::{Data, Model, Streams};
use gmm_em::PointEstimate;
use gmm_mcmc::Gibbs;

use crate::exact::{self, Exact};
use crate::geweke::{self, Geweke, JointTest};
use crate::optima::{self, Claim};
use crate::sbc::{self, Calibration, Sbc};
use crate::verdict::{Budget, of_calibration, of_enumeration, of_joint_test, of_optima};
use crate::{Failure, Part, Progress, Verdict};

/// Which parts run, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The rate of false alarms of all parts together, see [`Budget`].
    pub rate: f64,
    /// Simulation-based calibration.
    pub sbc: Option<Sbc>,
    /// The joint distribution test.
    pub geweke: Option<Geweke>,
    /// The comparison with the enumeration.
    pub exact: Option<Exact>,
}

impl Settings {
    /// All parts that apply to a sampler, in their default size: half a minute on two cores for two components in the plane.
    /// Tempered chains have no joint distribution test.
    pub fn of(gibbs: &Gibbs) -> Self {
        Self {
            rate: Budget::RATE,
            sbc: Some(Sbc { gibbs: gibbs.clone(), ..Sbc::default() }),
            geweke: Geweke::of(gibbs).ok(),
            exact: Some(Exact { gibbs: gibbs.clone(), ..Exact::default() }),
        }
    }

    /// The parts that run, with the optima where there are estimates.
    pub fn parts(&self, estimates: bool) -> Vec<Part> {
        let parts = [
            (self.sbc.is_some(), Part::Sbc),
            (self.geweke.is_some(), Part::Geweke),
            (self.exact.is_some(), Part::Exact),
            (estimates, Part::Optima),
        ];
        parts.into_iter().filter(|(runs, _)| *runs).map(|(_, part)| part).collect()
    }
}

/// A point estimate to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Estimate<'a> {
    /// Its name in findings.
    pub name: &'a str,
    /// The model that was fitted.
    pub model: &'a Model,
    /// What was found.
    pub estimate: &'a PointEstimate,
    /// What it claims.
    pub claim: &'a Claim,
}

/// What all parts measured, and what of it is a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The calibration, with bands of the level at which one quantity alone would be a finding.
    pub calibration: Option<Calibration>,
    /// The joint distribution test.
    pub joint_test: Option<JointTest>,
    /// The comparison with the enumeration.
    pub enumeration: Option<exact::Report>,
    /// Names and reports of the point estimates.
    pub optima: Vec<(String, optima::Report)>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Verifies that a sampler samples the posterior of a model given any data, and that of the first rows of these; and that
/// estimates are optima. The result does not depend on the number of threads.
///
/// # Errors
/// [`Failure`] if there is nothing to be verified: a flat prior, fewer rows than components, settings that cannot run.
pub fn verify(
    model: &Model,
    data: &Data,
    estimates: &[Estimate<'_>],
    settings: &Settings,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Verification, Failure> {
    let budget = Budget::new(settings.rate, &settings.parts(!estimates.is_empty()));
    let mut parts = Vec::new();
    let calibration = settings.sbc.as_ref().map(|sbc| {
        let ranks = sbc::replications(model, sbc, &streams.named("calibration"), progress);
        let level = 1.0 - budget.level(Part::Sbc) / sbc::quantities(model).len() as f64;
        let calibration = sbc::calibration(model, sbc, &ranks, level);
        parts.push(of_calibration(&budget, &calibration));
        calibration
    });
    let joint_test = settings.geweke.as_ref().map(|geweke| {
        let simulations = geweke::simulations(model, geweke, &streams.named("joint test"), progress);
        let joint = geweke::compare(model, &simulations);
        parts.push(of_joint_test(&budget, &joint));
        joint
    });
    let enumeration = match &settings.exact {
        None => None,
        Some(exact) => {
            let report = exact::compare(model, data, exact, &streams.named("enumeration"), progress)?;
            parts.push(of_enumeration(&budget, &report));
            Some(report)
        }
    };
    let of_estimate = |of: &Estimate<'_>| (of.name.to_owned(), optima::check(of.model, data, of.estimate, of.claim));
    let optima: Vec<(String, optima::Report)> = estimates.iter().map(of_estimate).collect();
    if !optima.is_empty() {
        parts.push(of_optima(&optima));
    }
    Ok(Verification { calibration, joint_test, enumeration, optima, verdict: Verdict::new(&budget, parts) })
}
