//! `verification.json`: what was verified and found, in numbers, for other programs. Its fields are a contract.

use std::fmt;

use gmm_verify::exact::{self, Method as Comparing};
use gmm_verify::geweke::{Geweke, JointTest, Moment};
use gmm_verify::optima::{self, State};
use gmm_verify::sbc::{Calibration, Sbc, Start};
use gmm_verify::verdict::PartVerdict;
use serde::{Deserialize, Serialize};

use crate::summary::DataSummary;

/// All of `verification.json`. Numbers that have no value are null; there are no times in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct VerificationSummary {
    pub(crate) schema_version: u32,
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) data: DataSummary,
    /// The probability of any finding if all samplers are right, at most.
    pub(crate) false_alarm_rate: f64,
    pub(crate) verdict: VerdictSummary,
    pub(crate) fits: Vec<FitVerification>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct VerdictSummary {
    /// Whether something was looked at, nothing was found and nothing failed.
    pub(crate) clean: bool,
    /// The same in sentences.
    pub(crate) words: String,
}

/// One fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FitVerification {
    pub(crate) name: String,
    /// The fits of the same model with the same settings, for which it stands.
    pub(crate) also: Vec<String>,
    /// What ran: the sampler with its settings, or the method of the point estimate.
    pub(crate) method: String,
    pub(crate) model: ModelWords,
    /// Its share of the rate of false alarms; null for point estimates.
    pub(crate) rate: Option<f64>,
    pub(crate) parts: Vec<PartSummary>,
    /// Parts that do not apply.
    pub(crate) left_out: Vec<LeftOut>,
    /// Why the fit, or a part of its verification, has no result.
    pub(crate) failures: Vec<String>,
    pub(crate) calibration: Option<CalibrationSummary>,
    pub(crate) joint_test: Option<JointTestSummary>,
    pub(crate) enumeration: Option<EnumerationSummary>,
    pub(crate) optima: Option<OptimaSummary>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ModelWords {
    pub(crate) components: usize,
    pub(crate) shape: &'static str,
    pub(crate) tying: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) part: String,
    pub(crate) reason: String,
}

/// What one part found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartSummary {
    /// `calibration`, `joint test`, `enumeration` or `optima`.
    pub(crate) part: String,
    /// The probability of any finding of a sampler that is right, at most; 0 for optima, where nothing is random.
    pub(crate) level: f64,
    /// How many tests it made, or optima it looked at.
    pub(crate) tests: usize,
    /// The smallest p-value: a finding if it is at most `level / tests`.
    pub(crate) least_p_value: Option<f64>,
    pub(crate) findings: Vec<FindingSummary>,
    pub(crate) remarks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FindingSummary {
    pub(crate) part: String,
    pub(crate) quantity: String,
    pub(crate) direction: String,
    pub(crate) words: String,
    /// Null where chance plays no part.
    pub(crate) p_value: Option<f64>,
}

impl fmt::Display for FindingSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, quantity, direction, words, p_value } = self;
        write!(f, "{part}: {quantity}: {direction}: {words}")?;
        p_value.map_or(Ok(()), |p| write!(f, " (p = {p:.1e})"))
    }
}

/// Something that failed, by its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FailureWords {
    pub(crate) what: String,
    pub(crate) index: u64,
    pub(crate) words: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CalibrationSummary {
    pub(crate) rows: usize,
    pub(crate) replications: usize,
    pub(crate) draws: usize,
    pub(crate) thin: usize,
    /// `stationary`, where ranks are exactly uniform, or `warmed_up`.
    pub(crate) start: &'static str,
    pub(crate) failures: Vec<FailureWords>,
    pub(crate) band: BandSummary,
    pub(crate) quantities: Vec<RankedQuantity>,
}

/// The band that each quantity alone leaves with probability `1 - level` at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BandSummary {
    pub(crate) level: f64,
    /// The least and the largest count of ranks at most r, for r from 0 to draws - 1.
    pub(crate) lower: Vec<usize>,
    pub(crate) upper: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RankedQuantity {
    pub(crate) name: String,
    pub(crate) counts: Vec<usize>,
    /// `counts[r] / replications - (r + 1) / (draws + 1)`.
    pub(crate) difference: Vec<Option<f64>>,
    pub(crate) outside: Vec<usize>,
    pub(crate) mean: Option<f64>,
    pub(crate) spread: Option<f64>,
    pub(crate) p_value: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JointTestSummary {
    pub(crate) rows: usize,
    pub(crate) draws: usize,
    pub(crate) chains: usize,
    pub(crate) alternations: usize,
    pub(crate) failures: Vec<FailureWords>,
    pub(crate) tests: Vec<TestSummary>,
    /// At 1 %, 2 %, .., 99 %.
    pub(crate) quantiles: Vec<QuantilePairs>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TestSummary {
    pub(crate) function: String,
    /// `location`, `spread` or `with`.
    pub(crate) moment: &'static str,
    /// The other function of a product.
    pub(crate) with: Option<String>,
    pub(crate) draws: Option<f64>,
    pub(crate) chains: Option<f64>,
    pub(crate) t: Option<f64>,
    pub(crate) p_value: Option<f64>,
    pub(crate) effective: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct QuantilePairs {
    pub(crate) function: String,
    pub(crate) draws: Vec<Option<f64>>,
    pub(crate) chains: Vec<Option<f64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EnumerationSummary {
    pub(crate) rows: usize,
    pub(crate) runs: usize,
    /// The scans of each run; null if chains do not mix.
    pub(crate) scans: Option<usize>,
    pub(crate) mixing: Vec<MixingSummary>,
    pub(crate) comparisons: Vec<ComparisonSummary>,
    pub(crate) failures: Vec<FailureWords>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MixingSummary {
    pub(crate) quantity: String,
    /// Null of a constant.
    pub(crate) r_hat: Option<f64>,
    pub(crate) effective_per_scan: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ComparisonSummary {
    pub(crate) quantity: String,
    pub(crate) exact: Option<f64>,
    pub(crate) sampled: Option<f64>,
    pub(crate) standard_error: Option<f64>,
    /// `student` or `markov`.
    pub(crate) method: String,
    pub(crate) p_value: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OptimaSummary {
    pub(crate) optima: Vec<OptimumSummary>,
    pub(crate) unchecked: Vec<UncheckedSummary>,
    pub(crate) falls: Vec<FallSummary>,
    /// Entries of the trace that were compared with the one before.
    pub(crate) steps: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OptimumSummary {
    /// From 0, best first, as in `modes` of `summary.json`.
    pub(crate) mode: usize,
    pub(crate) reported: Option<f64>,
    pub(crate) objective: Option<f64>,
    pub(crate) expected_gain: Option<f64>,
    pub(crate) rise: Option<f64>,
    pub(crate) bound: Option<f64>,
    pub(crate) least_curvature: Option<f64>,
    /// `maximum`, `flat`, `slope` or `saddle`.
    pub(crate) state: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UncheckedSummary {
    pub(crate) mode: usize,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FallSummary {
    pub(crate) place: usize,
    pub(crate) from: Option<f64>,
    pub(crate) to: Option<f64>,
    pub(crate) rounding: Option<f64>,
}

fn finite(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite())
}

fn least(p_values: impl Iterator<Item = f64>) -> Option<f64> {
    finite(p_values.fold(f64::INFINITY, f64::min))
}

impl FitVerification {
    /// All findings.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &FindingSummary> {
        self.parts.iter().flat_map(|part| &part.findings)
    }

    /// Whether nothing was found and nothing failed.
    pub(crate) fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.findings().next().is_none()
    }
}

impl PartSummary {
    /// Of a verdict and the p-values that it is made of.
    pub(crate) fn new(verdict: PartVerdict, p_values: impl Iterator<Item = f64>) -> Self {
        let finding = |finding: gmm_verify::Finding| FindingSummary {
            part: finding.part.to_string(),
            quantity: finding.quantity,
            direction: finding.direction.to_string(),
            words: finding.words,
            p_value: finding.p_value.and_then(finite),
        };
        Self {
            part: verdict.part.to_string(),
            level: verdict.level,
            tests: verdict.tests,
            least_p_value: least(p_values),
            findings: verdict.findings.into_iter().map(finding).collect(),
            remarks: verdict.remarks,
        }
    }
}

impl CalibrationSummary {
    pub(crate) fn new(calibration: &Calibration, settings: &Sbc) -> Self {
        let failure = |(index, failure): &(u64, gmm_verify::Failure)| FailureWords {
            what: "replication".to_owned(),
            index: *index,
            words: failure.to_string(),
        };
        let band = &calibration.band;
        Self {
            rows: settings.rows,
            replications: calibration.replications,
            draws: settings.draws,
            thin: settings.thin,
            start: match calibration.start {
                Start::Stationary => "stationary",
                Start::WarmedUp => "warmed_up",
            },
            failures: calibration.failures.iter().map(failure).collect(),
            band: BandSummary {
                level: band.level,
                lower: band.counts.iter().map(|counts| *counts.start()).collect(),
                upper: band.counts.iter().map(|counts| *counts.end()).collect(),
            },
            quantities: calibration
                .quantities
                .iter()
                .map(|quantity| RankedQuantity {
                    name: quantity.name.clone(),
                    counts: quantity.counts.clone(),
                    difference: quantity.difference.iter().map(|x| finite(*x)).collect(),
                    outside: quantity.outside.clone(),
                    mean: finite(quantity.mean),
                    spread: finite(quantity.spread),
                    p_value: finite(quantity.p_value),
                })
                .collect(),
        }
    }
}

fn failures(all: &[(&'static str, u64, gmm_verify::Failure)]) -> Vec<FailureWords> {
    let words = |(what, index, failure): &(&'static str, u64, gmm_verify::Failure)| FailureWords {
        what: (*what).to_owned(),
        index: *index,
        words: failure.to_string(),
    };
    all.iter().map(words).collect()
}

impl JointTestSummary {
    pub(crate) fn new(joint: &JointTest, settings: &Geweke) -> Self {
        let test = |test: &gmm_verify::geweke::Test| {
            let (moment, with) = match &test.moment {
                Moment::Location => ("location", None),
                Moment::Spread => ("spread", None),
                Moment::With(other) => ("with", Some(other.clone())),
            };
            TestSummary {
                function: test.function.clone(),
                moment,
                with,
                draws: finite(test.draws),
                chains: finite(test.chains),
                t: finite(test.t),
                p_value: finite(test.p_value),
                effective: finite(test.effective),
            }
        };
        let pairs = |quantiles: &gmm_verify::geweke::Quantiles| QuantilePairs {
            function: quantiles.function.clone(),
            draws: quantiles.draws.iter().map(|x| finite(*x)).collect(),
            chains: quantiles.chains.iter().map(|x| finite(*x)).collect(),
        };
        Self {
            rows: settings.rows,
            draws: settings.draws,
            chains: settings.chains,
            alternations: settings.alternations,
            failures: failures(&joint.failures),
            tests: joint.tests.iter().map(test).collect(),
            quantiles: joint.quantiles.iter().map(pairs).collect(),
        }
    }
}

impl EnumerationSummary {
    pub(crate) fn new(report: &exact::Report, runs: usize) -> Self {
        let mixing = |mixing: &exact::Mixing| MixingSummary {
            quantity: mixing.quantity.to_owned(),
            r_hat: finite(mixing.r_hat),
            effective_per_scan: finite(mixing.rate),
        };
        let comparison = |comparison: &exact::Comparison| ComparisonSummary {
            quantity: comparison.quantity.clone(),
            exact: finite(comparison.exact),
            sampled: finite(comparison.mean),
            standard_error: finite(comparison.standard_error),
            method: match comparison.method {
                Comparing::Student => "student",
                Comparing::Markov => "markov",
            }
            .to_owned(),
            p_value: finite(comparison.p_value),
        };
        Self {
            rows: report.rows,
            runs,
            scans: report.scans,
            mixing: report.mixing.iter().map(mixing).collect(),
            comparisons: report.comparisons.iter().map(comparison).collect(),
            failures: failures(&report.failures),
        }
    }
}

impl OptimaSummary {
    pub(crate) fn new(report: &optima::Report) -> Self {
        let optimum = |optimum: &optima::Optimum| OptimumSummary {
            mode: optimum.mode,
            reported: finite(optimum.reported),
            objective: finite(optimum.objective),
            expected_gain: finite(optimum.expected_gain),
            rise: finite(optimum.rise),
            bound: finite(optimum.bound),
            least_curvature: finite(optimum.least_curvature),
            state: match optimum.state {
                State::Maximum => "maximum",
                State::Flat => "flat",
                State::Slope => "slope",
                State::Saddle => "saddle",
            }
            .to_owned(),
        };
        let fall = |fall: &optima::Fall| FallSummary {
            place: fall.place,
            from: finite(fall.from),
            to: finite(fall.to),
            rounding: finite(fall.rounding),
        };
        let unchecked = report.unchecked.iter();
        Self {
            optima: report.optima.iter().map(optimum).collect(),
            unchecked: unchecked.map(|(mode, why)| UncheckedSummary { mode: *mode, reason: why.to_string() }).collect(),
            falls: report.falls.iter().map(fall).collect(),
            steps: report.steps,
        }
    }
}
