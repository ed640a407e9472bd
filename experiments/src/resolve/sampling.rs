//! The settings of Gibbs sampling and of what is computed from its draws.

use gmm_core::Model;
use gmm_mcmc::evidence::{Bridge, Chib, Estimate, LEAST_DRAWS, MOST_EXCHANGING, NoEvidence, PriorOfK};
use gmm_mcmc::predictive::PredictiveAccuracy;
use gmm_mcmc::{Gibbs, GibbsError, Kind, Tempering};

use crate::config::{self, ConfigError, Source};
use crate::experiment::Sampling;

/// Evidence, and WAIC with leave-one-out, that take more than so many operations each (a few seconds) are computed only
/// where they are asked for.
const CHEAP: f64 = 2e9;

/// So are WAIC and leave-one-out, which hold some numbers for each row, of more rows.
const MOST_ROWS: usize = 100_000;

/// The most chains, all rungs counted, and scans; the most numbers that the draws of a fit, or the densities at points, may
/// hold (64 GiB), and the most allocations of all chains at once (as much).
const MOST_CHAINS: usize = 100_000;
const MOST_SCANS: usize = 1 << 34;
const MOST_NUMBERS: u128 = 1 << 33;
const MOST_ALLOCATIONS: u128 = 1 << 35;

/// Fills in what a fit leaves out of what is computed from draws.
pub(super) fn fill_in(fit: &mut config::Fit, model: &Model, n: usize) {
    let config::Fit::Gibbs { chains, draws, evidence, accuracy, .. } = fit else { return };
    let all = chains.saturating_mul(*draws);
    let enough = *draws >= LEAST_DRAWS;
    evidence.get_or_insert_with(|| {
        let estimates = [Estimate::Bridge(Bridge::default()), Estimate::Chib(Chib::default())];
        let operations: f64 = estimates.iter().map(|estimate| estimate.operations(model, n, all)).sum();
        let computed = estimates.iter().filter(|_| enough && operations <= CHEAP);
        computed.map(written).collect()
    });
    accuracy.get_or_insert_with(|| enough && n <= MOST_ROWS && PredictiveAccuracy::operations(model, n, all) <= CHEAP);
}

/// An estimate as a config writes it.
fn written(estimate: &Estimate) -> config::Evidence {
    match *estimate {
        Estimate::Bridge(Bridge { components, proposals }) => config::Evidence::Bridge { components, proposals },
        Estimate::Chib(Chib { points, most_exchanging, sampled }) => {
            config::Evidence::Chib { points, most_exchanging, sampled }
        }
    }
}

/// What a config that is filled in asks for.
pub(super) fn settings(
    (chains, warmup, draws): (usize, usize, usize),
    kind: config::Kind,
    tempering: Option<config::Tempering>,
    (evidence, accuracy): (Option<&[config::Evidence]>, Option<bool>),
) -> Sampling {
    let kind = match kind {
        config::Kind::Blocked => Kind::Blocked,
        config::Kind::Collapsed => Kind::Collapsed,
    };
    let tempering = tempering.map(|config::Tempering { rungs }| Tempering { rungs });
    let estimate = |written: &config::Evidence| match *written {
        config::Evidence::Bridge { components, proposals } => Estimate::Bridge(Bridge { components, proposals }),
        config::Evidence::Chib { points, most_exchanging, sampled } => {
            Estimate::Chib(Chib { points, most_exchanging, sampled })
        }
    };
    Sampling {
        gibbs: Gibbs { kind, chains, warmup, draws, tempering },
        evidence: evidence.unwrap_or_default().iter().map(estimate).collect(),
        accuracy: accuracy.unwrap_or(false),
    }
}

/// Settings that no machine could run, or that mean nothing, at their place in the config.
pub(super) fn limits(
    source: &Source,
    path: &str,
    model: &Model,
    n: usize,
    sampling: &Sampling,
) -> Result<(), ConfigError> {
    let Sampling { gibbs, evidence, .. } = sampling;
    let refused = |field: &str, message: String| Err(source.error_at(&format!("{path}.{field}"), message, None));
    let within = |field: &str, value: usize, most: usize| match value <= most {
        true => Ok(()),
        false => refused(field, format!("{value} is beyond the limit of {most}")),
    };
    let few = |field: &str, what: &str, value: u128, most: u128| match value <= most {
        true => Ok(()),
        false => refused(field, format!("{what} would hold {value} numbers, beyond the limit of {most}")),
    };
    within("chains", gibbs.chains, MOST_CHAINS)?;
    within("warmup", gibbs.warmup, MOST_SCANS)?;
    within("draws", gibbs.draws, MOST_SCANS)?;
    let all = (gibbs.chains as u128) * (gibbs.draws as u128);
    few("draws", "the draws", all * (model.n_parameters() as u128 + 8), MOST_NUMBERS)?;
    if let Some(Tempering { rungs }) = gibbs.tempering {
        let states = gibbs.chains.saturating_mul(rungs);
        if states > MOST_CHAINS {
            let chains = gibbs.chains;
            let message = format!("{chains} chains of {rungs} rungs are beyond the limit of {MOST_CHAINS} chains");
            return refused("tempering.rungs", message);
        }
        few("tempering.rungs", "the allocations of all rungs", states as u128 * n as u128, MOST_ALLOCATIONS)?;
    }
    for (i, estimate) in evidence.iter().enumerate() {
        let place = format!("evidence[{i}]");
        let same = |other: &Estimate| std::mem::discriminant(other) == std::mem::discriminant(estimate);
        if evidence[..i].iter().any(same) {
            return refused(&place, "there is one of this kind already".to_owned());
        }
        if gibbs.draws < LEAST_DRAWS {
            return refused(&place, NoEvidence::TooFewDraws { found: gibbs.draws }.to_string());
        }
        let at_least_1 = |name: &'static str, value: usize| match value {
            0 => refused(&format!("{place}.{name}"), NoEvidence::Zero { name }.to_string()),
            _ => Ok(()),
        };
        match estimate {
            Estimate::Bridge(Bridge { components, proposals }) => {
                at_least_1("components", *components)?;
                at_least_1("proposals", *proposals)?;
                within(&format!("{place}.proposals"), *proposals, MOST_SCANS)?;
                let numbers = all.min(*components as u128) * (model.n_parameters() as u128 + 8);
                few(&format!("{place}.components"), "the proposal", numbers, MOST_NUMBERS)?;
            }
            Estimate::Chib(Chib { points, most_exchanging, sampled }) => {
                at_least_1("points", *points)?;
                at_least_1("sampled", *sampled)?;
                within(&format!("{place}.most_exchanging"), *most_exchanging, MOST_EXCHANGING)?;
                within(&format!("{place}.sampled"), *sampled, MOST_SCANS)?;
                let numbers = 2 * all.min(*points as u128) * all;
                few(&format!("{place}.points"), "the densities at the points", numbers, MOST_NUMBERS)?;
            }
        }
    }
    Ok(())
}

/// Where in the settings of a fit the library finds fault; none if it is not there.
pub(super) fn place(error: &GibbsError) -> Option<&'static str> {
    match error {
        GibbsError::Zero { name } => Some(name),
        GibbsError::Rungs { .. } => Some("tempering.rungs"),
        _ => None,
    }
}

/// The prior of the number of components, its parameters positive and finite.
pub(super) fn prior_of_k(source: &Source, written: config::PriorOfK) -> Result<PriorOfK, ConfigError> {
    let positive = |name: &str, value: f64| match value > 0.0 && value.is_finite() {
        true => Ok(value),
        false => {
            let message = format!("{value}: {name} must be positive and finite");
            Err(source.error_at(&format!("prior_of_k.{name}"), message, None))
        }
    };
    Ok(match written {
        config::PriorOfK::Uniform => PriorOfK::Uniform,
        config::PriorOfK::Poisson { rate } => PriorOfK::Poisson { rate: positive("rate", rate)? },
        config::PriorOfK::BetaNegativeBinomial { shape, a, b } => {
            let (shape, a, b) = (positive("shape", shape)?, positive("a", a)?, positive("b", b)?);
            PriorOfK::BetaNegativeBinomial { shape, a, b }
        }
    })
}
