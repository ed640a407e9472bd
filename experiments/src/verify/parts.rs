//! The parts of a verification, each from what is known on, to a summary.

use gmm_core::{Data, Streams};
use gmm_em::{Ascent, Optimizer};
use gmm_mcmc::{Gibbs, Kind};
use gmm_verify::geweke::{Reduced, Reference};
use gmm_verify::optima::Claim;
use gmm_verify::sbc::Ranks;
use gmm_verify::verdict::{of_calibration, of_enumeration, of_joint_test, of_optima};
use gmm_verify::{Failure, Part, exact, geweke, optima, sbc};
use serde::{Deserialize, Serialize};

use super::checkpoint::{Bits, Checkpoint, Piece};
use super::plan::{Check, Sampler};
use super::signs::Signs;
use super::summary::{
    CalibrationSummary, EnumerationSummary, FitVerification, JointTestSummary, LeftOut, ModelWords, OptimaSummary,
    PartSummary,
};
use crate::experiment::{Experiment, Fit, Method};
use crate::output::OutputError;
use crate::summary::structure_words;

/// Where everything is taken from and written to.
pub(crate) struct Verifier<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) signs: &'a Signs<'a>,
}

impl Verifier<'_> {
    /// Verifies one fit. The result does not depend on the number of threads, nor on what was known.
    ///
    /// # Errors
    /// [`OutputError`] of the disk.
    pub(crate) fn check(&self, check: &Check<'_>) -> Result<FitVerification, OutputError> {
        let fit = check.fit;
        let (shape, tying) = structure_words(fit.model.structure());
        let mut verification = FitVerification {
            name: fit.name.clone(),
            also: check.also.clone(),
            method: method(&fit.method),
            model: ModelWords { components: fit.model.k(), shape, tying },
            rate: check.sampler.as_ref().map(|sampler| sampler.budget.rate()),
            parts: Vec::new(),
            left_out: Vec::new(),
            failures: Vec::new(),
            calibration: None,
            joint_test: None,
            enumeration: None,
            optima: None,
        };
        match &check.sampler {
            Some(sampler) => self.sampler(&fit.name, sampler, &mut verification)?,
            None => self.estimate(fit, &mut verification)?,
        }
        Ok(verification)
    }

    fn sampler(&self, name: &str, sampler: &Sampler<'_>, to: &mut FitVerification) -> Result<(), OutputError> {
        let streams = Streams::new(self.experiment.seed).named("verification").named(name);
        self.calibration(name, sampler, &streams.named("calibration"), to)?;
        self.joint_test(name, sampler, &streams.named("joint test"), to)?;
        self.enumeration(name, sampler, &streams.named("enumeration"), to)?;
        let left_out = sampler.left_out.iter();
        to.left_out = left_out.map(|(part, why)| LeftOut { part: part.to_string(), reason: why.clone() }).collect();
        Ok(())
    }

    fn calibration(
        &self,
        name: &str,
        sampler: &Sampler<'_>,
        streams: &Streams,
        to: &mut FitVerification,
    ) -> Result<(), OutputError> {
        let (model, settings) = (sampler.model, &sampler.sbc);
        let ranks = self.signs.during(name, Part::Sbc, settings.replications, |bar| {
            let make = |index| sbc::replicate(model, settings, streams, index).map(|ranks| ranks.ranks);
            self.checkpoint.all(name, Piece::Replication, settings.replications, make, &|| bar.inc(1))
        })?;
        let numbered = |(index, ranks): (usize, Result<Vec<usize>, Failure>)| {
            ranks.map(|ranks| Ranks { index: index as u64, ranks })
        };
        let ranks: Vec<Result<Ranks, Failure>> = ranks.into_iter().enumerate().map(numbered).collect();
        // The band that one quantity alone leaves where its p-value is that of a finding.
        let level = 1.0 - sampler.budget.level(Part::Sbc) / sbc::quantities(model).len() as f64;
        let calibration = sbc::calibration(model, settings, &ranks, level);
        let p_values = calibration.quantities.iter().map(|quantity| quantity.p_value);
        to.parts.push(PartSummary::new(of_calibration(&sampler.budget, &calibration), p_values));
        to.calibration = Some(CalibrationSummary::new(&calibration, settings));
        Ok(())
    }

    fn joint_test(
        &self,
        name: &str,
        sampler: &Sampler<'_>,
        streams: &Streams,
        to: &mut FitVerification,
    ) -> Result<(), OutputError> {
        let (model, Some(settings)) = (sampler.model, &sampler.geweke) else { return Ok(()) };
        let joint = self.signs.during(name, Part::Geweke, settings.chains, |bar| {
            let draw = |index| geweke::draw(model, settings, streams, index).map(Bits);
            let draws = self.checkpoint.all(name, Piece::Draw, settings.draws, draw, &|| {})?;
            let draws: Vec<Result<Vec<f64>, Failure>> = draws.into_iter().map(|draw| draw.map(|bits| bits.0)).collect();
            let reference = Reference::new(model, &draws);
            let chain = |index| {
                let states = geweke::chain(model, settings, streams, index)?;
                Ok(StoredChain::from(reference.reduce(&states)))
            };
            let chains = self.checkpoint.all(name, Piece::Chain, settings.chains, chain, &|| bar.inc(1))?;
            let chains: Vec<Result<Reduced, Failure>> =
                chains.into_iter().map(|chain| chain.map(Reduced::from)).collect();
            Ok(reference.compare(&chains))
        })?;
        let p_values = joint.tests.iter().map(|test| test.p_value);
        to.parts.push(PartSummary::new(of_joint_test(&sampler.budget, &joint), p_values));
        to.joint_test = Some(JointTestSummary::new(&joint, settings));
        Ok(())
    }

    fn enumeration(
        &self,
        name: &str,
        sampler: &Sampler<'_>,
        streams: &Streams,
        to: &mut FitVerification,
    ) -> Result<(), OutputError> {
        let Some(settings) = &sampler.exact else { return Ok(()) };
        let data = &self.experiment.data.data;
        let done = self.signs.during(name, Part::Exact, 2 * settings.runs + settings.evidences, |bar| {
            self.checkpoint.one(name, Piece::Enumeration, || {
                let report = exact::compare(sampler.model, data, settings, streams, &|progress| {
                    bar.set_position(progress.done as u64);
                })?;
                let p_values = report.comparisons.iter().map(|comparison| comparison.p_value);
                let part = PartSummary::new(of_enumeration(&sampler.budget, &report), p_values);
                Ok((part, EnumerationSummary::new(&report, settings.runs)))
            })
        })?;
        match done {
            Ok((part, enumeration)) => {
                to.parts.push(part);
                to.enumeration = Some(enumeration);
            }
            Err(failure) => to.failures.push(format!("{}: {failure}", Part::Exact)),
        }
        Ok(())
    }

    /// The very estimate that `gmm run` reports.
    fn estimate(&self, fit: &Fit, to: &mut FitVerification) -> Result<(), OutputError> {
        let restarts = fit.method.plan().map_or(0, |plan| plan.restarts);
        let done = self.signs.during(&fit.name, Part::Optima, restarts, |bar| {
            let step = |step: gmm_em::Progress| {
                if step.finished {
                    bar.inc(1);
                }
            };
            self.checkpoint.one(&fit.name, Piece::Optima, || match &fit.method {
                Method::Em(em) => self.optima(fit, em, true, &step),
                Method::Stepwise(stepwise) => self.optima(fit, stepwise, false, &step),
                Method::Gradient(gradient) => {
                    let rises = matches!(gradient.optimizer, Optimizer::Lbfgs(_)) && gradient.batch.is_none();
                    self.optima(fit, gradient, rises, &step)
                }
                Method::Gibbs(_) => Err(Failure::Stored("draws have no optima".to_owned())),
            })
        })?;
        match done {
            Ok((part, optima)) => {
                to.parts.push(part);
                to.optima = Some(optima);
            }
            Err(failure) => to.failures.push(failure.to_string()),
        }
        Ok(())
    }

    fn optima<A: Ascent>(
        &self,
        fit: &Fit,
        settings: &A,
        rises: bool,
        step: &(dyn Fn(gmm_em::Progress) + Sync),
    ) -> Result<(PartSummary, OptimaSummary), Failure> {
        let data: &Data = &self.experiment.data.data;
        let streams = Streams::new(self.experiment.seed).named("fits").named(&fit.name);
        let estimate = gmm_em::fit(&fit.model, data, settings, &streams, &|progress| step(progress))
            .map_err(|error| Failure::Stored(error.to_string()))?;
        let report = optima::check(&fit.model, data, &estimate, &Claim::of(&settings.plan(), rises));
        let summary = OptimaSummary::new(&report);
        let verdict = of_optima(&[(fit.name.clone(), report)]);
        Ok((PartSummary::new(verdict, std::iter::empty()), summary))
    }
}

/// A chain of the joint test as it is written down.
#[derive(Debug, Serialize, Deserialize)]
struct StoredChain {
    means: Bits,
    states: Vec<Bits>,
}

impl From<Reduced> for StoredChain {
    fn from(Reduced { means, states }: Reduced) -> Self {
        Self { means: Bits(means), states: states.into_iter().map(Bits).collect() }
    }
}

impl From<StoredChain> for Reduced {
    fn from(StoredChain { means, states }: StoredChain) -> Self {
        Self { means: means.0, states: states.into_iter().map(|state| state.0).collect() }
    }
}

/// What ran.
fn method(method: &Method) -> String {
    match method {
        Method::Em(_) => "EM".to_owned(),
        Method::Stepwise(_) => "stepwise EM".to_owned(),
        Method::Gradient(gradient) => match gradient.optimizer {
            Optimizer::Adam(_) => "Adam".to_owned(),
            Optimizer::Lbfgs(_) => "L-BFGS".to_owned(),
        },
        Method::Gibbs(sampling) => sampler(&sampling.gibbs),
    }
}

fn sampler(gibbs: &Gibbs) -> String {
    let kind = match gibbs.kind {
        Kind::Blocked => "blocked Gibbs sampling",
        Kind::Collapsed => "collapsed Gibbs sampling",
    };
    match gibbs.tempering {
        None => kind.to_owned(),
        Some(tempering) => format!("{kind}, tempered on {} rungs", tempering.rungs),
    }
}
