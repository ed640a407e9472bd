//! The settings of Gibbs sampling and of what is computed from its draws.

use gmm_core::Model;
use gmm_mcmc::evidence::{Bridge, Chib, Estimate, LEAST_DRAWS, MOST_EXCHANGING, NoEvidence, PriorOfK};
use gmm_mcmc::predictive::{Checks, PredictiveAccuracy};
use gmm_mcmc::{
    Gibbs, GibbsError, Kind, LabelError, MOST_PARTITION_ROWS, MOST_SIMILARITY_ROWS, PartitionLoss, PartitionSearch,
    Relabelling, Tempering,
};

use super::checks;
use crate::config::{self, ConfigError, Source};
use crate::experiment::{DataSet, PAIRS, Sampling};

/// What is computed of draws and takes more than so many operations (a few seconds) is computed only where it is asked
/// for: evidence, WAIC with leave-one-out, a partition with co-clustering, predictive checks; identifiability never.
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
pub(super) fn fill_in(fit: &mut config::Fit, model: &Model, data: &DataSet) {
    let config::Fit::Gibbs { chains, draws, evidence, accuracy, partition, checks, .. } = fit else { return };
    let n = data.data.n();
    let all = chains.saturating_mul(*draws);
    let enough = *draws >= LEAST_DRAWS;
    evidence.get_or_insert_with(|| {
        let estimates = [Estimate::Bridge(Bridge::default()), Estimate::Chib(Chib::default())];
        let operations: f64 = estimates.iter().map(|estimate| estimate.operations(model, n, all)).sum();
        let computed = estimates.iter().filter(|_| enough && operations <= CHEAP);
        computed.map(written).collect()
    });
    accuracy.get_or_insert_with(|| enough && n <= MOST_ROWS && PredictiveAccuracy::operations(model, n, all) <= CHEAP);
    partition.get_or_insert_with(|| {
        match enough && n <= MOST_PARTITION_ROWS && partition_operations(model, n, all) <= CHEAP {
            true => config::Partition::VariationOfInformation,
            false => config::Partition::Off,
        }
    });
    checks.get_or_insert_with(|| {
        let Checks { statistics, replicates } = Checks::usual(model.d());
        let tables = replicates.min(all);
        let computed =
            statistics.iter().filter(|_| enough && n <= MOST_ROWS && check_operations(model, n, tables) <= CHEAP);
        computed.map(|statistic| checks::written(statistic, &data.columns)).collect()
    });
}

/// About how many operations it takes to classify n rows under so many draws, `n draws K (2 e + 40)` with e the entries of
/// a covariance.
fn classify_operations(model: &Model, n: usize, draws: usize) -> f64 {
    let entries = model.shape().n_entries(model.d()) as f64;
    n as f64 * draws as f64 * model.k() as f64 * (2.0 * entries + 40.0)
}

/// About how many a partition and the co-clustering take: some ten scans a run, each row looked at in K + 1 clusters against
/// each drawn partition; then the products of probabilities of all pairs, four at a time, or of some pairs.
fn partition_operations(model: &Model, n: usize, draws: usize) -> f64 {
    let PartitionSearch { draws: most, runs, .. } = PartitionSearch::default();
    let (drawn, k, rows) = (most.min(draws), model.k() as f64, n as f64);
    let search = 10.0 * runs as f64 * rows * drawn as f64 * (k + 1.0);
    let together = match n <= MOST_SIMILARITY_ROWS {
        true => classify_operations(model, n, draws) + rows * rows / 8.0 * draws as f64 * k,
        false => classify_operations(model, 2 * PAIRS, draws),
    };
    classify_operations(model, n, drawn) + search + together
}

/// About how many the usual checks take: in each table rows are drawn, those and the observed get a density, columns are
/// summed and ordered, and pairs of them multiplied.
fn check_operations(model: &Model, n: usize, tables: usize) -> f64 {
    let (d, rows) = (model.d() as f64, n as f64);
    let of_columns = d * (60.0 + 4.0 * rows.log2()) + 2.0 * d * d;
    2.0 * classify_operations(model, n, tables) + rows * tables as f64 * of_columns
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

/// What a fit that is filled in (at `path` in the config) asks for; a point estimate, nothing.
pub(super) fn settings(
    source: &Source,
    path: &str,
    fit: &config::Fit,
    model: &Model,
    data: &DataSet,
) -> Result<Sampling, ConfigError> {
    let config::Fit::Gibbs {
        chains,
        warmup,
        draws,
        kind,
        tempering,
        evidence,
        accuracy,
        labels,
        partition,
        checks: statistics,
        ..
    } = fit
    else {
        return Err(source.error_at(path, "this is not sampling", None));
    };
    let (chains, warmup, draws) = (*chains, *warmup, *draws);
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
    let statistic = |(i, written): (usize, &config::Statistic)| {
        checks::statistic(source, &format!("{path}.checks[{i}]"), written, &data.columns)
    };
    Ok(Sampling {
        gibbs: Gibbs { kind, chains, warmup, draws, tempering },
        evidence: evidence.iter().flatten().map(estimate).collect(),
        accuracy: accuracy.unwrap_or(false),
        relabelling: match labels {
            config::Relabelling::Ecr => Relabelling::Ecr,
            config::Relabelling::Stephens => Relabelling::Stephens,
        },
        identifiability: classify_operations(model, data.data.n(), chains.saturating_mul(draws)) <= CHEAP,
        partition: partition.and_then(|loss| match loss {
            config::Partition::Off => None,
            config::Partition::VariationOfInformation => Some(PartitionLoss::VariationOfInformation),
            config::Partition::Binder => Some(PartitionLoss::Binder),
        }),
        checks: statistics.iter().flatten().enumerate().map(statistic).collect::<Result<_, _>>()?,
    })
}

/// Settings that no machine could run, or that mean nothing, at their place in the config.
pub(super) fn limits(
    source: &Source,
    path: &str,
    model: &Model,
    n: usize,
    sampling: &Sampling,
) -> Result<(), ConfigError> {
    let Sampling { gibbs, evidence, relabelling, partition, .. } = sampling;
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
    if *relabelling == Relabelling::Stephens {
        few("labels", "the costs of permutations", all * (model.k() as u128).pow(2), MOST_NUMBERS)?;
    }
    if partition.is_some() && n > MOST_PARTITION_ROWS {
        return refused("partition", LabelError::TooManyRows { n, most: MOST_PARTITION_ROWS }.to_string());
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
