//! What is a finding, at one rate of false alarms for all parts together.

use std::fmt;

use crate::geweke::{JointTest, Moment};
use crate::optima::State;
use crate::sbc::{Calibration, QuantityCalibration};
use crate::{Failure, Part, exact, holm, optima};

/// The rate of false alarms, split over the parts that run.
///
/// ```text
/// calibration 0.4,  joint test 0.3,  enumeration 0.3  of the rate, divided by the sum of the shares of the parts that run
/// ```
///
/// Within a part the tests are Holm's ([`holm`]), so the probability of any finding of a sampler that is right is at most
/// the rate. The optima need no share: what is found there is not random.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    rate: f64,
    parts: Vec<Part>,
}

impl Budget {
    /// The rate of a whole verification unless told otherwise.
    pub const RATE: f64 = 0.01;

    /// Of a rate for the parts that run.
    pub fn new(rate: f64, parts: &[Part]) -> Self {
        let mut parts = parts.to_vec();
        parts.sort_unstable();
        parts.dedup();
        Self { rate, parts }
    }

    /// The rate of all parts together.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The level of a part, 0 if it does not run.
    ///
    /// ```
    /// use gmm_verify::{Part, verdict::Budget};
    /// let budget = Budget::new(0.01, &[Part::Sbc, Part::Geweke, Part::Exact, Part::Optima]);
    /// assert!((budget.level(Part::Sbc) - 0.004).abs() < 1e-15);
    /// assert_eq!(Budget::new(0.01, &[Part::Geweke]).level(Part::Geweke), 0.01);
    /// ```
    pub fn level(&self, part: Part) -> f64 {
        let total: f64 = self.parts.iter().map(|part| share(*part)).sum();
        match self.parts.contains(&part) && total > 0.0 {
            true => self.rate * share(part) / total,
            false => 0.0,
        }
    }
}

fn share(part: Part) -> f64 {
    match part {
        Part::Sbc => 0.4,
        Part::Geweke | Part::Exact => 0.3,
        Part::Optima => 0.0,
    }
}

/// In which way something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The sampler's values are too low.
    TooLow,
    /// They are too high.
    TooHigh,
    /// They spread too little.
    TooNarrow,
    /// They spread too much.
    TooWide,
    /// Two quantities go together less than they should, or in opposite ways.
    TooLittleTogether,
    /// Two quantities go together more than they should.
    TooMuchTogether,
    /// Chains from different starts disagree.
    NotMixed,
    /// Something could not be computed.
    Failed,
    /// A reported optimum is none.
    NotAnOptimum,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLow => "too low",
            Self::TooHigh => "too high",
            Self::TooNarrow => "too narrow",
            Self::TooWide => "too wide",
            Self::TooLittleTogether => "too little together",
            Self::TooMuchTogether => "too much together",
            Self::NotMixed => "chains do not mix",
            Self::Failed => "failed",
            Self::NotAnOptimum => "not an optimum",
        })
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The part that found it.
    pub part: Part,
    /// What is wrong.
    pub quantity: String,
    /// In which way.
    pub direction: Direction,
    /// By how much, in words.
    pub words: String,
    /// The probability of as much under a sampler that is right, where it is a matter of chance.
    pub p_value: Option<f64>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, quantity, direction, words, p_value } = self;
        write!(f, "{part}: {quantity}: {direction}: {words}")?;
        p_value.map_or(Ok(()), |p| write!(f, " (p = {p:.1e})"))
    }
}

/// What one part found.
#[derive(Debug, Clone, PartialEq)]
pub struct PartVerdict {
    /// The part.
    pub part: Part,
    /// Its level.
    pub level: f64,
    /// How many tests it made, or optima it looked at.
    pub tests: usize,
    /// What is wrong, the least probable first.
    pub findings: Vec<Finding>,
    /// What was left out or not decided, and why.
    pub remarks: Vec<String>,
}

/// What all parts found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The probability of any finding of a sampler that is right, at most.
    pub rate: f64,
    /// The parts that ran.
    pub parts: Vec<PartVerdict>,
}

impl Verdict {
    /// Of the verdicts of the parts of a budget.
    pub fn new(budget: &Budget, parts: Vec<PartVerdict>) -> Self {
        Self { rate: budget.rate, parts }
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings().next().is_none()
    }

    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.parts.iter().flat_map(|part| &part.findings)
    }
}

/// The findings of tests by Holm, the least probable first.
fn significant(level: f64, p_values: &[f64], finding: impl Fn(usize) -> Finding) -> Vec<Finding> {
    let rejected = holm(p_values, level);
    let mut places: Vec<usize> = (0..p_values.len()).filter(|&i| rejected[i]).collect();
    places.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    places.into_iter().map(finding).collect()
}

/// Failures of draws, replications or runs, in words: how many of how many where that is known.
fn failed(part: Part, n: usize, of: Option<usize>, what: &str, first: &dyn fmt::Display) -> Option<Finding> {
    let of = of.map_or(String::new(), |of| format!(" of {of}"));
    (n > 0).then(|| Finding {
        part,
        quantity: what.to_owned(),
        direction: Direction::Failed,
        words: format!("{n}{of} failed, so the others are a selection and nothing is decided; the first: {first}"),
        p_value: None,
    })
}

/// The failures of each kind.
fn failures_by_kind(part: Part, failures: &[(&'static str, u64, Failure)]) -> Vec<Finding> {
    let mut kinds: Vec<&'static str> = failures.iter().map(|(what, ..)| *what).collect();
    kinds.dedup();
    let of_kind = |kind: &&'static str| {
        let mut own = failures.iter().filter(|(what, ..)| what == kind);
        let (_, _, first) = own.next()?;
        failed(part, 1 + own.count(), None, &format!("{kind}s"), first)
    };
    kinds.iter().filter_map(of_kind).collect()
}

/// Replications below which calibration sees gross errors alone.
const FEW_REPLICATIONS: usize = 500;

/// What simulation-based calibration found.
pub fn of_calibration(budget: &Budget, calibration: &Calibration) -> PartVerdict {
    let (part, quantities) = (Part::Sbc, &calibration.quantities);
    let level = budget.level(part);
    let p_values: Vec<f64> = quantities.iter().map(|quantity| quantity.p_value).collect();
    let mut findings = significant(level, &p_values, |i| {
        let quantity = &quantities[i];
        let (direction, words) = shape(quantity, calibration.replications);
        Finding { part, quantity: quantity.name.clone(), direction, words, p_value: Some(quantity.p_value) }
    });
    let of = calibration.replications + calibration.failures.len();
    if let Some((_, first)) = calibration.failures.first() {
        findings.extend(failed(part, calibration.failures.len(), Some(of), "replications", first));
    }
    let mut remarks = Vec::new();
    if calibration.replications < FEW_REPLICATIONS {
        remarks.push(format!("replications: {}, enough for gross errors alone", calibration.replications));
    }
    if calibration.start == crate::sbc::Start::WarmedUp {
        remarks
            .push("tempered chains have no stationary start: ranks are uniform only if draws are independent".into());
    }
    PartVerdict { part, level, tests: quantities.len(), findings, remarks }
}

/// In which way ranks are not uniform. Where the truth ranks low, draws are too high; where it ranks at the ends, too narrow.
fn shape(quantity: &QuantityCalibration, n: usize) -> (Direction, String) {
    // Both in standard errors of uniform ranks: the sd of u is 1 / sqrt(12), that of 12 (u - 1/2)^2 is 1 / sqrt(1.25).
    let shift = (quantity.mean - 0.5) * (12.0 * n as f64).sqrt();
    let spread = (quantity.spread.powi(2) - 1.0) * (1.25 * n as f64).sqrt();
    let direction = match shift.abs() >= spread.abs() {
        true if shift < 0.0 => Direction::TooHigh,
        true => Direction::TooLow,
        false if spread > 0.0 => Direction::TooNarrow,
        false => Direction::TooWide,
    };
    let widest = quantity.difference.iter().copied().enumerate().fold((0, 0.0f64), |most, (r, difference)| {
        if difference.abs() > most.1.abs() { (r, difference) } else { most }
    });
    let last = quantity.difference.len();
    let words = format!(
        "the truth ranks at {:.3} of the draws on average where it should be 0.5, with {:.2} times the spread; {:.3} of the \
         truths are among the lowest {:.2} where {:.3} should be",
        quantity.mean,
        quantity.spread,
        (widest.0 + 1) as f64 / (last + 1) as f64 + widest.1,
        (widest.0 + 1) as f64 / (last + 1) as f64,
        (widest.0 + 1) as f64 / (last + 1) as f64,
    );
    (direction, words)
}

/// What the joint distribution test found.
pub fn of_joint_test(budget: &Budget, joint: &JointTest) -> PartVerdict {
    let part = Part::Geweke;
    let level = budget.level(part);
    let p_values: Vec<f64> = joint.tests.iter().map(|test| test.p_value).collect();
    let mut findings = significant(level, &p_values, |i| {
        let test = &joint.tests[i];
        let direction = match (&test.moment, test.t > 0.0) {
            (Moment::Location, true) => Direction::TooHigh,
            (Moment::Location, false) => Direction::TooLow,
            (Moment::Spread, true) => Direction::TooWide,
            (Moment::Spread, false) => Direction::TooNarrow,
            (Moment::With(_), true) => Direction::TooMuchTogether,
            (Moment::With(_), false) => Direction::TooLittleTogether,
        };
        let (quantity, what) = match &test.moment {
            Moment::Location => (test.function.clone(), "the mean of F(g)"),
            Moment::Spread => (test.function.clone(), "the mean of (F(g) - 1/2)^2"),
            Moment::With(other) => (format!("{} and {other}", test.function), "the mean of (F(g) - 1/2)(F(h) - 1/2)"),
        };
        let words = format!(
            "{what} is {:.4} in chains of the sampler and {:.4} in independent draws, {:.1} standard errors apart",
            test.chains,
            test.draws,
            test.t.abs()
        );
        Finding { part, quantity, direction, words, p_value: Some(test.p_value) }
    });
    findings.extend(failures_by_kind(part, &joint.failures));
    PartVerdict { part, level, tests: joint.tests.len(), findings, remarks: Vec::new() }
}

/// What the comparison with the enumeration found.
pub fn of_enumeration(budget: &Budget, report: &exact::Report) -> PartVerdict {
    let part = Part::Exact;
    let level = budget.level(part);
    let p_values: Vec<f64> = report.comparisons.iter().map(|comparison| comparison.p_value).collect();
    let mut findings = significant(level, &p_values, |i| {
        let comparison = &report.comparisons[i];
        let direction = if comparison.mean > comparison.exact { Direction::TooHigh } else { Direction::TooLow };
        let words = format!(
            "{:.6} with standard error {:.1e}, where {:.6} is exact",
            comparison.mean, comparison.standard_error, comparison.exact
        );
        let (quantity, p_value) = (comparison.quantity.clone(), Some(comparison.p_value));
        Finding { part, quantity, direction, words, p_value }
    });
    let mut remarks = Vec::new();
    if report.scans.is_none() {
        let worst = |a: f64, b: f64| if b.is_nan() { a } else { a.max(b) };
        let r_hat = report.mixing.iter().map(|m| m.r_hat).fold(f64::NAN, worst);
        let rate = report.mixing.iter().map(|m| m.rate).fold(f64::NAN, f64::min);
        let words = format!("R-hat up to {r_hat:.2}, from {rate:.1e} effective draws a scan on");
        match r_hat <= exact::MOST_R_HAT {
            true => remarks.push(format!("chains mix too slowly for runs of any use ({words}): nothing was compared")),
            false => findings.push(Finding {
                part,
                quantity: format!("the posterior of {} rows", report.rows),
                direction: Direction::NotMixed,
                words,
                p_value: None,
            }),
        }
    }
    findings.extend(failures_by_kind(part, &report.failures));
    PartVerdict { part, level, tests: report.comparisons.len(), findings, remarks }
}

/// What was found of the optima of point estimates with their names.
pub fn of_optima(estimates: &[(String, optima::Report)]) -> PartVerdict {
    let part = Part::Optima;
    let (mut findings, mut remarks, mut tests) = (Vec::new(), Vec::new(), 0);
    for (name, report) in estimates {
        let finding = |quantity: String, words: String| {
            let direction = Direction::NotAnOptimum;
            Finding { part, quantity, direction, words, p_value: None }
        };
        for optimum in &report.optima {
            tests += 1;
            let quantity = format!("{name}, mode {}", optimum.mode + 1);
            let error = (optimum.objective - optimum.reported).abs();
            if error > 1e-9 * (1.0 + optimum.objective.abs()) || error.is_nan() {
                let (reported, objective) = (optimum.reported, optimum.objective);
                let words = format!("its objective is {objective:.9} where {reported:.9} is reported");
                findings.push(finding(quantity.clone(), words));
            }
            match optimum.state {
                State::Maximum => {}
                State::Flat => remarks.push(format!(
                    "{quantity}: some direction hardly curves ({:.1e} of the information of rows and allocations)",
                    optimum.least_curvature
                )),
                State::Slope | State::Saddle => {
                    let how = if optimum.state == State::Slope { "along its slope" } else { "away from a saddle" };
                    let words = format!(
                        "the objective rises by {:.2e} {how}, where {:.1e} may be left",
                        optimum.rise, optimum.bound
                    );
                    findings.push(finding(quantity, words));
                }
            }
        }
        remarks.extend(report.unchecked.iter().map(|(mode, reason)| format!("{name}, mode {}: {reason}", mode + 1)));
        if let Some(fall) = report.falls.first() {
            let words = format!(
                "its objective fell in {} of {} iterations, first from {} to {} at iteration {} (rounding: {:.1e})",
                report.falls.len(),
                report.steps,
                fall.from,
                fall.to,
                fall.place,
                fall.rounding
            );
            findings.push(finding(name.clone(), words));
        }
    }
    PartVerdict { part, level: 0.0, tests, findings, remarks }
}
