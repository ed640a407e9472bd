//! The table of `gmm verify`, and what it shares with the page.

use std::fmt::Write;

use comfy_table::Cell;

use crate::report::terminal::{right, table};
use crate::verify::{FitVerification, PartSummary, VerificationSummary, percent};

/// Findings and remarks beyond these are left to `verification.json`.
const MOST_FINDINGS: usize = 12;
const MOST_REMARKS: usize = 6;

/// The whole text.
pub(crate) fn verification(summary: &VerificationSummary) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: verified with seed {}, false alarms {} at most\n\n{}",
        summary.name,
        summary.seed,
        percent(summary.false_alarm_rate),
        parts(summary)
    );
    let _ = writeln!(text, "A least p-value at or below its limit (level / tests) is a finding.\n");
    let findings = summary.fits.iter().flat_map(|fit| fit.findings().map(move |found| (&fit.name, found)));
    let findings: Vec<String> = findings.map(|(fit, finding)| format!("finding: {fit}: {finding}")).collect();
    let failures = summary.fits.iter().flat_map(|fit| fit.failures.iter().map(move |words| (&fit.name, words)));
    let failures: Vec<String> = failures.map(|(fit, words)| format!("failed: {fit}: {words}")).collect();
    some(&mut text, &failures, MOST_FINDINGS);
    some(&mut text, &findings, MOST_FINDINGS);
    some(&mut text, &remarks(summary), MOST_REMARKS);
    let _ =
        writeln!(text, "{}{}", if summary.verdict.clean { "Clean. " } else { "NOT CLEAN. " }, summary.verdict.words);
    text
}

/// The first lines, and how many more there are.
fn some(text: &mut String, lines: &[String], most: usize) {
    for line in lines.iter().take(most) {
        let _ = writeln!(text, "{line}");
    }
    if lines.len() > most {
        let _ = writeln!(text, "and {} more in verification.json", lines.len() - most);
    }
    if !lines.is_empty() {
        text.push('\n');
    }
}

/// What was left out or not decided, and fits that others stand for.
pub(super) fn remarks(summary: &VerificationSummary) -> Vec<String> {
    let mut remarks = Vec::new();
    for fit in &summary.fits {
        let name = &fit.name;
        remarks.extend(fit.also.iter().map(|also| format!("{also}: as {name}, which has the same model and settings")));
        remarks.extend(fit.left_out.iter().map(|out| format!("{name}: no {}: {}", out.part, out.reason)));
        for part in &fit.parts {
            // The remarks of optima name the fit themselves.
            let place = if fit.rate.is_some() { format!("{name}: {}: ", part.part) } else { String::new() };
            remarks.extend(part.remarks.iter().map(|remark| format!("{place}{remark}")));
        }
    }
    remarks
}

fn parts(summary: &VerificationSummary) -> comfy_table::Table {
    let mut table = table();
    table.set_header(["fit", "part", "what ran", "tests", "least p", "limit", "level", "found"]);
    for fit in &summary.fits {
        for part in &fit.parts {
            table.add_row(vec![
                Cell::new(&fit.name),
                Cell::new(&part.part),
                Cell::new(what_ran(fit, part)),
                right(part.tests),
                right(part.least_p_value.map_or_else(|| "-".to_owned(), p_value)),
                right(limit(part).map_or_else(|| "-".to_owned(), p_value)),
                right(if part.level > 0.0 { p_value(part.level) } else { "-".to_owned() }),
                right(if part.findings.is_empty() { "-".to_owned() } else { part.findings.len().to_string() }),
            ]);
        }
        if fit.parts.is_empty() {
            let words = ["-", "-", "-", "-", "failed"].map(right);
            table.add_row([Cell::new(&fit.name), Cell::new("-"), Cell::new(&fit.method)].into_iter().chain(words));
        }
    }
    table
}

/// What the smallest p-value of a part must exceed.
pub(super) fn limit(part: &PartSummary) -> Option<f64> {
    (part.level > 0.0 && part.tests > 0).then(|| part.level / part.tests as f64)
}

/// What ran, in few words.
pub(super) fn what_ran(fit: &FitVerification, part: &PartSummary) -> String {
    match part.part.as_str() {
        "calibration" => fit.calibration.as_ref().map_or_else(String::new, |calibration| {
            let all = calibration.replications + calibration.failures.len();
            format!("{all} data set{} of {} rows", if all == 1 { "" } else { "s" }, calibration.rows)
        }),
        "joint test" => fit.joint_test.as_ref().map_or_else(String::new, |joint| {
            format!("{} chains of {} x {} rows", joint.chains, joint.alternations, joint.rows)
        }),
        "enumeration" => fit.enumeration.as_ref().map_or_else(String::new, |enumeration| {
            let (rows, runs) = (enumeration.rows, enumeration.runs);
            match enumeration.scans {
                Some(scans) => format!("{rows} rows, {runs} runs of {scans} scans"),
                None => format!("{rows} rows, {runs} pilot runs"),
            }
        }),
        _ => fit.optima.as_ref().map_or_else(String::new, |optima| {
            let of = |state: &str| optima.optima.iter().filter(|optimum| optimum.state == state).count();
            let counts =
                [("maximum", of("maximum")), ("flat", of("flat")), ("slope", of("slope")), ("saddle", of("saddle"))];
            let mut words: Vec<String> = counts
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(state, n)| if *n == 1 { format!("1 {state}") } else { format!("{n} {}", many(state)) })
                .collect();
            if !optima.unchecked.is_empty() {
                words.push(format!("{} unchecked", optima.unchecked.len()));
            }
            format!("{}: {}", fit.method, words.join(", "))
        }),
    }
}

fn many(state: &str) -> String {
    match state {
        "maximum" => "maxima".to_owned(),
        "flat" => "flat".to_owned(),
        other => format!("{other}s"),
    }
}

/// A probability, short.
pub(super) fn p_value(p: f64) -> String {
    match p {
        0.0 => "0".to_owned(),
        p if p < 1e-3 => format!("{p:.0e}"),
        p if p < 0.1 => format!("{p:.4}"),
        p => format!("{p:.2}"),
    }
}
