//! What is verified, and how: the fits of an experiment and the arguments to settings of each part.

use gmm_core::Model;
use gmm_mcmc::Gibbs;
use gmm_mcmc::evidence::MOST_ROWS;
use gmm_verify::exact::Exact;
use gmm_verify::geweke::Geweke;
use gmm_verify::sbc::Sbc;
use gmm_verify::verdict::Budget;
use gmm_verify::{Part, Settings};

use super::{VerifyArgs, VerifyError};
use crate::config::nearest;
use crate::experiment::{Experiment, Fit, Method};
use crate::report::listed;

/// Rows of the simulated data sets of the calibration, unless the data have fewer.
const ROWS: usize = 50;

/// Rows that are enumerated, unless the data have fewer or there are more components.
const EXACT_ROWS: usize = 8;

/// Scans of a run against the enumeration, at most: chains that need more do not mix. Eight rows take seconds.
const MOST_SCANS: usize = 1_000_000;

/// What is verified, in the order of the experiment.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// The probability of any finding if all samplers are right, at most.
    pub(crate) rate: f64,
    /// The fits.
    pub(crate) checks: Vec<Check<'a>>,
}

/// One fit that is verified.
#[derive(Debug)]
pub(crate) struct Check<'a> {
    pub(crate) fit: &'a Fit,
    /// The names of later Gibbs fits of the same model with the same settings, for which it stands.
    pub(crate) also: Vec<String>,
    /// How a sampler is verified; `None` for point estimates, whose optima are looked at.
    pub(crate) sampler: Option<Sampler<'a>>,
}

/// How a sampler is verified.
#[derive(Debug)]
pub(crate) struct Sampler<'a> {
    pub(crate) model: &'a Model,
    pub(crate) budget: Budget,
    pub(crate) sbc: Sbc,
    pub(crate) geweke: Option<Geweke>,
    pub(crate) exact: Option<Exact>,
    /// Parts that do not apply, with the reason.
    pub(crate) left_out: Vec<(Part, String)>,
}

impl<'a> Plan<'a> {
    /// The rate is split evenly over the samplers, and by [`Budget`] over the parts of each: by Bonferroni's inequality the
    /// probability of any finding of samplers that are right is at most the rate.
    ///
    /// # Errors
    /// [`VerifyError`] for the first argument that cannot be.
    pub(crate) fn new(experiment: &'a Experiment, args: &VerifyArgs) -> Result<Self, VerifyError> {
        let rate = args.false_alarm;
        if !(rate > 0.0 && rate < 1.0) {
            return Err(VerifyError::Rate { rate });
        }
        let n = experiment.data.data.n();
        match args.exact {
            Some(rows) if rows > MOST_ROWS => return Err(VerifyError::ExactTooMany { rows, most: MOST_ROWS }),
            Some(rows) if rows > n => return Err(VerifyError::ExactBeyondData { rows, n }),
            _ => {}
        }
        let mut checks: Vec<Check<'a>> = Vec::new();
        for fit in chosen(experiment, &args.fit)? {
            let same = |check: &&mut Check<'a>| match (&check.fit.method, &fit.method) {
                (Method::Gibbs(a), Method::Gibbs(b)) => a.gibbs == b.gibbs && check.fit.model == fit.model,
                _ => false,
            };
            match checks.iter_mut().find(same) {
                Some(check) => check.also.push(fit.name.clone()),
                None => checks.push(Check { fit, also: Vec::new(), sampler: None }),
            }
        }
        let samplers = checks.iter().filter(|check| matches!(check.fit.method, Method::Gibbs(_))).count();
        for check in &mut checks {
            if let Method::Gibbs(sampling) = &check.fit.method {
                check.sampler = Some(Sampler::new(check.fit, &sampling.gibbs, n, rate / samplers as f64, args)?);
            }
        }
        Ok(Self { rate, checks })
    }
}

/// The fits of these names, all if there are none.
fn chosen<'a>(experiment: &'a Experiment, names: &[String]) -> Result<Vec<&'a Fit>, VerifyError> {
    let known: Vec<String> = experiment.fits.iter().map(|fit| fit.name.clone()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        let all: Vec<&str> = known.iter().map(String::as_str).collect();
        let nearest = nearest(name, &all).map(str::to_owned);
        return Err(VerifyError::NoSuchFit { name: name.clone(), known: listed(&known), nearest });
    }
    Ok(experiment.fits.iter().filter(|fit| names.is_empty() || names.contains(&fit.name)).collect())
}

impl<'a> Sampler<'a> {
    fn new(fit: &'a Fit, gibbs: &Gibbs, n: usize, rate: f64, args: &VerifyArgs) -> Result<Self, VerifyError> {
        let mut left_out = Vec::new();
        let replications = args.replications.map_or(Sbc::default().replications, |replications| replications as usize);
        // The other parts grow and shrink with the calibration.
        let scaled = |size: usize, least: usize| {
            let scaled = (size as u128 * replications as u128).div_ceil(Sbc::default().replications as u128);
            usize::try_from(scaled).unwrap_or(usize::MAX).max(least)
        };
        let rows = args.rows.map_or(n.min(ROWS), |rows| rows as usize);
        let sbc = Sbc { gibbs: gibbs.clone(), rows, replications, ..Sbc::default() };
        let geweke = Geweke::of(gibbs).map_err(|reason| left_out.push((Part::Geweke, reason.to_string()))).ok();
        let geweke = geweke.map(|geweke| Geweke {
            draws: scaled(geweke.draws, 400),
            alternations: scaled(geweke.alternations, 15),
            ..geweke
        });
        let least = fit.model.k().max(2);
        let rows = args.exact.unwrap_or_else(|| EXACT_ROWS.max(least).min(n).min(MOST_ROWS));
        let exact = match (rows >= least, args.exact) {
            (true, _) => {
                let default = Exact::default();
                let effective = scaled(default.effective, 20);
                Some(Exact { gibbs: gibbs.clone(), rows, effective, most_scans: MOST_SCANS, ..default })
            }
            (false, Some(rows)) => return Err(VerifyError::ExactTooFew { rows, fit: fit.name.clone(), least }),
            (false, None) => {
                let reason = format!("its chains start at {least} rows or more, of which {rows} can be enumerated");
                left_out.push((Part::Exact, reason));
                None
            }
        };
        let parts =
            Settings { rate, sbc: Some(sbc.clone()), geweke: geweke.clone(), exact: exact.clone() }.parts(false);
        Ok(Self { model: &fit.model, budget: Budget::new(rate, &parts), sbc, geweke, exact, left_out })
    }
}
