//! The report of `gmm verify`.

use super::figures;
use crate::experiment::DataSet;
use crate::report::figure::verification::{quantiles, rank_keys, ranks};
use crate::report::numbers::{ln, maybe, short};
use crate::report::page::{Block, Cell, CellKind, Mark, Notice, Page, Room, Table, Tone, number, word};
use crate::report::verification::{limit, p_value, remarks, what_ran};
use crate::verify::{
    CalibrationSummary, FindingSummary, FitVerification, JointTestSummary, OptimaSummary, PartSummary,
    VerificationSummary, percent,
};

/// The report of a verification.
pub(crate) fn verification_page(data: &DataSet, summary: &VerificationSummary) -> Page {
    let mut page = Page::new(&summary.name, "verification", "verification.json");
    let (title, tone) = if summary.verdict.clean { ("Clean", Tone::Good) } else { ("Not clean", Tone::Failed) };
    let items = vec![(String::new(), summary.verdict.words.clone())];
    page.lead.push(Block::Notice(Notice { tone, title: title.to_owned(), items }));
    let named = |fit: &FitVerification, text: String| (fit.name.clone(), text);
    let failures = summary.fits.iter().flat_map(|fit| fit.failures.iter().map(|reason| named(fit, reason.clone())));
    page.lead.extend(notice(Tone::Failed, "Failed", failures.collect()));
    let findings = summary.fits.iter().flat_map(|fit| fit.findings().map(|finding| named(fit, finding.to_string())));
    page.lead.extend(notice(Tone::Failed, "Findings", findings.collect()));
    let remarks = remarks(summary).into_iter().map(|remark| (String::new(), remark));
    page.lead.extend(notice(Tone::Warning, "Left out or not decided", remarks.collect()));
    page.section("What ran", what_ran_in_all(data, summary));
    for fit in &summary.fits {
        page.section(&fit.name, of_fit(fit));
    }
    page
}

fn notice(tone: Tone, title: &str, items: Vec<(String, String)>) -> Option<Block> {
    (!items.is_empty()).then(|| Block::Notice(Notice { tone, title: title.to_owned(), items }))
}

fn what_ran_in_all(data: &DataSet, summary: &VerificationSummary) -> Vec<Block> {
    let rate = format!("{} at most, of all tests together", percent(summary.false_alarm_rate));
    let facts = [
        ("Data", format!("{}: {} rows of {}", data.source, data.data.n(), data.data.d())),
        ("SHA-256", data.sha256.clone()),
        ("Seed", summary.seed.to_string()),
        ("False alarms", rate),
    ];
    let text = "The rate of false alarms is split evenly over the samplers, and over the parts of each. Within a part the tests are \
        Holm's (1979): the least p-value is a finding if it is at most its limit, which is the level over the number of tests. \
        What is found of optima is not a matter of chance.";
    vec![
        Block::Facts(facts.map(|(word, text)| (word.to_owned(), text)).into()),
        Block::Table(overview(summary)),
        Block::text(text),
    ]
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
            Cell { kind: CellKind::Long, ..word(&fit.name) },
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

fn of_fit(fit: &FitVerification) -> Vec<Block> {
    let findings: Vec<FindingSummary> = fit.findings().cloned().collect();
    let of = |part: &str| -> Vec<FindingSummary> {
        findings.iter().filter(|finding| finding.part == part).cloned().collect()
    };
    let model = &fit.model;
    let (components, tying, shape) = (model.components, &model.tying, &model.shape);
    let mut blocks = vec![Block::Text(format!("{}; K = {components}, {tying} {shape} covariance.", fit.method))];
    blocks.extend(fit.calibration.iter().flat_map(|calibration| of_calibration(calibration, &of("calibration"))));
    blocks.extend(fit.joint_test.iter().flat_map(|joint| of_joint_test(joint, &of("joint test"))));
    blocks.extend(of_enumeration(fit, &of("enumeration")));
    blocks.extend(fit.optima.iter().flat_map(of_optima));
    blocks
}

fn of_calibration(calibration: &CalibrationSummary, findings: &[FindingSummary]) -> Vec<Block> {
    let CalibrationSummary { replications, rows, draws, thin, .. } = calibration;
    let ranks_are = match calibration.start == "stationary" {
        true => {
            "The truth has a random place in that sequence, so its rank among the draws is exactly uniform if the sampler is right, \
             however slowly it mixes."
        }
        false => {
            "Chains are tempered and were warmed up: ranks are uniform if the sampler is right and its draws are independent."
        }
    };
    let failed = match calibration.failures.len() {
        0 => String::new(),
        n => format!(" {n} more failed."),
    };
    let level = percent(1.0 - calibration.band.level);
    let text = format!(
        "{replications} times parameters were drawn from the prior, {rows} rows from these, and {draws} draws from the sampler \
         given the rows, {thin} scans apart. {ranks_are}{failed} The lines show how the distribution of ranks differs from the \
         uniform one. A line of independent uniform ranks leaves its band with a probability of {level} at most. A line above \
         its band at small ranks: draws are too high."
    );
    let mut blocks =
        vec![Block::Heading("Simulation-based calibration".to_owned()), Block::Text(text), Block::Legend(rank_keys())];
    blocks.extend(figures(Room::Third, ranks(calibration, findings)));
    blocks
}

fn of_joint_test(joint: &JointTestSummary, findings: &[FindingSummary]) -> Vec<Block> {
    let JointTestSummary { rows, draws, chains, alternations, .. } = joint;
    let text = format!(
        "Two simulators of parameters and {rows} rows (Geweke 2004): {draws} independent draws, and {chains} chains in which a scan \
         of the sampler and new rows take turns, {alternations} times. Where the sampler is right the quantiles (1 % to 99 %) of \
         both lie on the dashed line. p-values are of location, spread and products."
    );
    let mut blocks = vec![Block::Heading("Joint distribution test".to_owned()), Block::Text(text)];
    blocks.extend(figures(Room::Third, quantiles(joint, findings)));
    blocks
}

fn of_enumeration(fit: &FitVerification, findings: &[FindingSummary]) -> Vec<Block> {
    let Some(found) = &fit.enumeration else { return Vec::new() };
    let scans = match found.scans {
        Some(scans) => format!("of {scans} scans each"),
        None => "that do not mix".to_owned(),
    };
    let (rows, runs) = (found.rows, found.runs);
    let text = format!(
        "The first {rows} rows: exact probabilities by a sum over all partitions, against {runs} runs of the sampler {scans}."
    );
    let tables = enumeration(fit, findings).into_iter().chain(mixing(fit)).map(Block::Table);
    [Block::Heading("Enumeration".to_owned()), Block::Text(text)].into_iter().chain(tables).collect()
}

fn of_optima(found: &OptimaSummary) -> Vec<Block> {
    let steps = match (found.steps, found.falls.len()) {
        (0, _) => String::new(),
        (steps, 0) => format!(" On the way there the objective never fell in {steps} steps."),
        (steps, falls) => format!(" On the way there the objective fell {falls} times in {steps} steps."),
    };
    let text = format!(
        "Each optimum that the restarts reached: whether the objective rises from there, along its slope by differences of the \
         objective or along directions that do not curve downwards. Curvature is in units of the information of rows and \
         allocations.{steps}"
    );
    vec![Block::Heading("Optima".to_owned()), Block::Text(text), Block::Table(optima(found))]
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

fn optima(optima: &OptimaSummary) -> Table {
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
    Table { header, rows: rows.into_iter().map(|(_, cells)| cells).collect(), ..Table::default() }
}

fn words(state: &str) -> &'static str {
    match state {
        "maximum" => "a maximum",
        "flat" => "flat in some direction",
        "slope" => "on a slope",
        _ => "a saddle",
    }
}
