//! The report of `gmm verify` as one self-contained page.

use minijinja::context;
use minijinja::value::Value;

use super::tables::{Cell, Mark, Table, number, word};
use super::{render, values};
use crate::experiment::DataSet;
use crate::report::figure::verification::{quantiles, rank_keys, ranks};
use crate::report::numbers::{ln, maybe, short};
use crate::report::verification::{limit, p_value, remarks, what_ran};
use crate::verify::{FindingSummary, FitVerification, PartSummary, VerificationSummary, percent};

/// The page; without scripts, links or anything from elsewhere.
///
/// # Errors
/// What the template engine or the drawing library says, in words.
pub(crate) fn verification_page(data: &DataSet, summary: &VerificationSummary) -> Result<String, String> {
    let mut findings = Vec::new();
    let mut failures = Vec::new();
    for fit in &summary.fits {
        findings.extend(fit.findings().map(|finding| context! { fit => &fit.name, text => finding.to_string() }));
        failures.extend(fit.failures.iter().map(|reason| context! { fit => &fit.name, text => reason }));
    }
    let fits = summary.fits.iter().map(of_fit).collect::<Result<Vec<Value>, String>>()?;
    let page = context! {
        name => &summary.name,
        version => env!("CARGO_PKG_VERSION"),
        clean => summary.verdict.clean,
        verdict => &summary.verdict.words,
        rate => percent(summary.false_alarm_rate),
        seed => summary.seed,
        source => &data.source,
        n => data.data.n(),
        d => data.data.d(),
        sha256 => &data.sha256,
        findings,
        failures,
        remarks => remarks(summary),
        overview => Value::from(overview(summary)),
        fits,
        rank_keys => values(rank_keys()),
    };
    render("verification.html", page).map_err(|error| format!("{error:#}"))
}

fn p_cell(p: Option<f64>) -> Cell {
    number(maybe(p, p_value))
}

fn flagged(cell: Cell, wrong: bool) -> Cell {
    Cell { mark: wrong.then_some(Mark::Found), ..cell }
}

/// A line for each part of each fit.
fn overview(summary: &VerificationSummary) -> Table {
    let mut header = vec![word("fit"), word("part"), word("what ran")];
    header.extend(["tests", "least p", "its limit", "level", "findings"].map(number));
    let row = |fit: &FitVerification, part: &PartSummary| {
        let wrong = !part.findings.is_empty();
        vec![
            Cell { kind: "long", ..word(&fit.name) },
            word(&part.part),
            word(what_ran(fit, part)),
            number(part.tests.to_string()),
            p_cell(part.least_p_value),
            p_cell(limit(part)),
            p_cell(Some(part.level).filter(|level| *level > 0.0)),
            flagged(number(part.findings.len().to_string()), wrong),
        ]
    };
    let rows = summary.fits.iter().flat_map(|fit| fit.parts.iter().map(move |part| row(fit, part))).collect();
    Table { header, rows, ..Table::default() }
}

fn of_fit(fit: &FitVerification) -> Result<Value, String> {
    let findings: Vec<FindingSummary> = fit.findings().cloned().collect();
    let of = |part: &str| -> Vec<FindingSummary> {
        findings.iter().filter(|finding| finding.part == part).cloned().collect()
    };
    let calibration = match &fit.calibration {
        None => None,
        Some(calibration) => Some(context! {
            rows => calibration.rows,
            replications => calibration.replications,
            draws => calibration.draws,
            thin => calibration.thin,
            stationary => calibration.start == "stationary",
            failures => calibration.failures.len(),
            level => percent(1.0 - calibration.band.level),
            figures => values(ranks(calibration, &of("calibration"))?),
        }),
    };
    let joint_test = match &fit.joint_test {
        None => None,
        Some(joint) => Some(context! {
            rows => joint.rows,
            draws => joint.draws,
            chains => joint.chains,
            alternations => joint.alternations,
            figures => values(quantiles(joint, &of("joint test"))?),
        }),
    };
    let model = &fit.model;
    Ok(context! {
        name => &fit.name,
        method => &fit.method,
        model => format!("K = {}, {} {} covariance", model.components, model.tying, model.shape),
        calibration,
        joint_test,
        enumeration => enumeration(fit, &of("enumeration")).map(Value::from),
        mixing => mixing(fit).map(Value::from),
        scans => fit.enumeration.as_ref().and_then(|enumeration| enumeration.scans),
        runs => fit.enumeration.as_ref().map(|enumeration| enumeration.runs),
        enumerated => fit.enumeration.as_ref().map(|enumeration| enumeration.rows),
        optima => optima(fit).map(Value::from),
        falls => fit.optima.as_ref().map(|optima| optima.falls.len()),
        steps => fit.optima.as_ref().map(|optima| optima.steps),
    })
}

fn enumeration(fit: &FitVerification, findings: &[FindingSummary]) -> Option<Table> {
    let enumeration = fit.enumeration.as_ref().filter(|enumeration| !enumeration.comparisons.is_empty())?;
    let mut header = vec![word("")];
    header.extend(["exact", "sampled", "standard error", "p"].map(number));
    header.push(word("by"));
    let rows = enumeration.comparisons.iter().map(|comparison| {
        let wrong = findings.iter().any(|finding| finding.quantity == comparison.quantity);
        let value = |x: Option<f64>| number(maybe(x, |x| format!("{x:.5}")));
        vec![
            word(&comparison.quantity),
            value(comparison.exact),
            value(comparison.sampled),
            number(maybe(comparison.standard_error, |x| format!("{x:.1e}"))),
            flagged(p_cell(comparison.p_value), wrong),
            word(if comparison.method == "student" { "Student's t" } else { "Markov" }),
        ]
    });
    Some(Table { header, rows: rows.collect(), ..Table::default() })
}

fn mixing(fit: &FitVerification) -> Option<Table> {
    let enumeration = fit.enumeration.as_ref()?;
    let mut header = vec![word("")];
    header.extend(["R\u{2011}hat", "effective draws a scan"].map(number));
    let rows = enumeration.mixing.iter().map(|mixing| {
        vec![
            word(&mixing.quantity),
            number(maybe(mixing.r_hat, |x| format!("{x:.3}"))),
            number(maybe(mixing.effective_per_scan, short)),
        ]
    });
    Some(Table { header, rows: rows.collect(), ..Table::default() })
}

fn optima(fit: &FitVerification) -> Option<Table> {
    let optima = fit.optima.as_ref()?;
    let mut header = vec![number("mode"), word("it is")];
    header.extend(["objective", "expected gain", "found rise", "allowed", "least curvature"].map(number));
    let small = |x: Option<f64>| number(maybe(x, |x| if x == 0.0 { "0".to_owned() } else { format!("{x:.1e}") }));
    let mut rows: Vec<(usize, Vec<Cell>)> = Vec::new();
    for optimum in &optima.optima {
        let wrong = matches!(optimum.state.as_str(), "slope" | "saddle");
        let cells = vec![
            number((optimum.mode + 1).to_string()),
            flagged(word(words(&optimum.state)), wrong),
            number(maybe(optimum.objective, ln)),
            small(optimum.expected_gain),
            small(optimum.rise),
            small(optimum.bound),
            small(optimum.least_curvature),
        ];
        rows.push((optimum.mode, cells));
    }
    for unchecked in &optima.unchecked {
        let mut cells = vec![
            number((unchecked.mode + 1).to_string()),
            Cell { aside: unchecked.reason.clone(), ..word("unchecked:") },
        ];
        cells.resize_with(header.len(), || number("-"));
        rows.push((unchecked.mode, cells));
    }
    rows.sort_by_key(|(mode, _)| *mode);
    Some(Table { header, rows: rows.into_iter().map(|(_, cells)| cells).collect(), ..Table::default() })
}

fn words(state: &str) -> &'static str {
    match state {
        "maximum" => "a maximum",
        "flat" => "flat in some direction",
        "slope" => "on a slope",
        _ => "a saddle",
    }
}
