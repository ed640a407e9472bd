//! The report of `gmm study`.

use std::collections::BTreeMap;

use super::figures;
use crate::report::figure::study as drawn;
use crate::report::names::upper;
use crate::report::numbers::{seconds, short};
use crate::report::page::{Block, Cell, CellKind, Notice, Page, Room, Table, Tone, number, word};
use crate::report::study_doubts::doubts;
use crate::report::study_findings::findings;
use crate::report::varied::{Varied, groups};
use crate::study::{CellSummary, FitSeconds, Measure, MeasureName, StudyFit, StudySummary};

/// Combinations of the other factors that are drawn.
const MOST_SETS: usize = 8;
/// Rows of a table; those beyond are left to `measures.csv`.
const MOST_ROWS: usize = 400;
/// Reasons of failures that are listed.
const MOST_FAILURES: usize = 60;

/// The report of a study; `ron` is the study as used.
pub(crate) fn study_page(summary: &StudySummary, ron: &str) -> Page {
    let mut page = Page::new(&summary.name, "simulation study", "study.json");
    let varied = Varied::of(summary);
    page.lead.extend(findings(summary, &varied).into_iter().chain(doubts(summary)).map(Block::Text));
    page.lead.push(facts(summary));
    page.lead.extend(failed(summary));
    page.section("Measures", measures(summary, &varied));
    page.section("Tables of measures", tables(summary));
    page.section("Failures", failures(summary));
    page.section("Cells", vec![Block::Table(cells(summary))]);
    page.section("Time", times(summary));
    let code = Block::Code(ron.to_owned());
    let title = "study.ron, every default filled in".to_owned();
    page.section("The study as used", vec![Block::Folded { title, blocks: vec![code] }]);
    page
}

fn facts(summary: &StudySummary) -> Block {
    let mut facts = vec![
        ("Replicates of each cell".to_owned(), summary.replicates.to_string()),
        ("Cells".to_owned(), summary.cells.len().to_string()),
    ];
    for factor in &summary.factors {
        let values: Vec<String> = factor.values.iter().map(ToString::to_string).collect();
        facts.push((format!("Varied: {}", factor.label), values.join(", ")));
    }
    let fit = |fit: &StudyFit| match &fit.objective {
        Some(objective) => format!("{} ({}, {objective})", fit.name, fit.method),
        None => format!("{} ({})", fit.name, fit.method),
    };
    facts.push(("Fits".to_owned(), summary.fits.iter().map(fit).collect::<Vec<_>>().join(", ")));
    facts.push(("Fresh rows that judge a fit".to_owned(), summary.test_rows.to_string()));
    facts.push(("Seed".to_owned(), summary.seed.to_string()));
    Block::Facts(facts)
}

fn failed(summary: &StudySummary) -> Option<Block> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for failure in &summary.failures {
        *counts.entry(&failure.fit).or_default() += failure.count;
    }
    let all = summary.cells.len() * summary.replicates;
    let items: Vec<(String, String)> = counts
        .into_iter()
        .map(|(fit, n)| (fit.to_owned(), format!("{n} of {all} replicates without an estimate")))
        .collect();
    (!items.is_empty()).then(|| Block::Notice(Notice { tone: Tone::Warning, title: "Failed".to_owned(), items }))
}

fn measures(summary: &StudySummary, varied: &Varied) -> Vec<Block> {
    let mut blocks = vec![Block::Text(format!(
        "Components are matched to those of the truth by {}. Parameters are pooled: {}.",
        summary.matching, summary.pooling
    ))];
    for cells in varied.sets.iter().take(MOST_SETS) {
        if !cells.words.is_empty() {
            blocks.push(Block::Heading(cells.words.clone()));
        }
        blocks.extend(figures(Room::Whole, drawn::figures(summary, varied, cells)));
    }
    if varied.sets.len() > MOST_SETS {
        let more = varied.sets.len() - MOST_SETS;
        blocks.push(Block::Text(format!("{more} more combinations are in the tables and in measures.csv.")));
    }
    blocks
}

/// The cells and fits of a table, each with its measures of one parameter or group.
fn table(summary: &StudySummary, title: &str, parameter: Option<&str>) -> Table {
    let mut of: BTreeMap<(usize, &str), Vec<&Measure>> = BTreeMap::new();
    for measure in summary.measures.iter().filter(|measure| measure.parameter.as_deref() == parameter) {
        of.entry((measure.cell, measure.fit.as_str())).or_default().push(measure);
    }
    let mut names: Vec<MeasureName> = of.values().flatten().map(|measure| measure.name).collect();
    names.sort_unstable();
    names.dedup();
    let mut header: Vec<Cell> = summary.factors.iter().map(|factor| word(&factor.label)).collect();
    header.push(word("fit"));
    header.extend(names.iter().map(|name| number(drawn::words(*name))));
    header.push(number("replicates"));
    let row = |cell: &CellSummary, fit: &StudyFit| {
        let found = of.get(&(cell.number, fit.name.as_str()))?;
        let mut row: Vec<Cell> = cell.values.iter().map(|value| word(value.to_string())).collect();
        row.push(word(&fit.name));
        let value =
            |name: &MeasureName| found.iter().find(|measure| measure.name == *name).map_or(number("-"), |m| figure(m));
        row.extend(names.iter().map(value));
        let fewest = found.iter().map(|measure| measure.n).min().unwrap_or(0);
        row.push(number(fewest.to_string()));
        Some(row)
    };
    let pairs = summary.cells.iter().flat_map(|cell| summary.fits.iter().map(move |fit| (cell, fit)));
    let mut rows: Vec<Vec<Cell>> = pairs.filter_map(|(cell, fit)| row(cell, fit)).collect();
    let more = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    let mut note =
        "values over their Monte Carlo standard errors, and the fewest replicates that one comes from".to_owned();
    if names.contains(&MeasureName::Bias) {
        note.push_str(". ");
        note.push_str(drawn::CANCEL);
    }
    Table {
        title: title.to_owned(),
        note,
        header,
        rows,
        more: (more > 0).then(|| format!("{more} more in measures.csv")),
    }
}

/// A value over its Monte Carlo error.
fn figure(measure: &Measure) -> Cell {
    let value = measure.value.map_or("-".to_owned(), short);
    let aside = measure.mcse.map_or(String::new(), |mcse| format!("\u{b1} {}", short(mcse)));
    Cell { aside, kind: CellKind::StackedNumber, ..number(value) }
}

fn tables(summary: &StudySummary) -> Vec<Block> {
    let mut all = vec![table(summary, "Fits", None)];
    all.extend(groups(summary).into_iter().map(|group| table(summary, &upper(group), Some(group))));
    all.retain(|table| !table.rows.is_empty());
    let mut blocks = Block::folded(all);
    blocks.extend(parameters(summary));
    blocks
}

/// The measures of single parameters, where the truth is the same in all replicates.
fn parameters(summary: &StudySummary) -> Option<Block> {
    let is_single = |measure: &&Measure| measure.parameter.as_deref().is_some_and(|name| name.contains('['));
    type Of<'a> = ((usize, &'a str, &'a str), Vec<&'a Measure>);
    let mut of: Vec<Of<'_>> = Vec::new();
    for measure in summary.measures.iter().filter(is_single) {
        let key = (measure.cell, measure.parameter.as_deref().unwrap_or_default(), measure.fit.as_str());
        // Measures of a parameter follow each other.
        match of.last_mut().filter(|(other, _)| *other == key) {
            Some((_, found)) => found.push(measure),
            None => of.push((key, vec![measure])),
        }
    }
    let mut names: Vec<MeasureName> = of.iter().flat_map(|(_, found)| found).map(|measure| measure.name).collect();
    names.sort_unstable();
    names.dedup();
    let mut header: Vec<Cell> = summary.factors.iter().map(|factor| word(&factor.label)).collect();
    header.extend(["parameter", "fit"].map(word));
    header.extend(names.iter().map(|name| number(drawn::words(*name))));
    let all = of.len();
    let row = |((cell, parameter, fit), found): Of<'_>| {
        let values = summary.cells.get(cell).map_or(&[][..], |cell| &cell.values);
        let mut row: Vec<Cell> = values.iter().map(|value| word(value.to_string())).collect();
        row.extend([word(parameter), word(fit)]);
        row.extend(names.iter().map(|name| found.iter().find(|m| m.name == *name).map_or(number("-"), |m| figure(m))));
        row
    };
    let rows: Vec<Vec<Cell>> = of.into_iter().take(MOST_ROWS).map(row).collect();
    let table = Table {
        title: "Single parameters".to_owned(),
        note: "in their own units, values over their Monte Carlo standard errors".to_owned(),
        header,
        rows,
        more: (all > MOST_ROWS).then(|| format!("{} more in measures.csv", all - MOST_ROWS)),
    };
    (all > 0).then(|| Block::folded(vec![table])).and_then(|blocks| blocks.into_iter().next())
}

fn failures(summary: &StudySummary) -> Vec<Block> {
    if summary.failures.is_empty() {
        return Vec::new();
    }
    let mut header: Vec<Cell> = summary.factors.iter().map(|factor| word(&factor.label)).collect();
    header.extend([word("fit"), number("replicates"), word("reason")]);
    let row = |failure: &crate::study::FailureCount| {
        let values = summary.cells.get(failure.cell).map_or(&[][..], |cell| &cell.values);
        let mut row: Vec<Cell> = values.iter().map(|value| word(value.to_string())).collect();
        row.extend([word(&failure.fit), number(failure.count.to_string())]);
        row.push(Cell { kind: CellKind::Sentence, ..word(&failure.reason) });
        row
    };
    let more = summary.failures.len().saturating_sub(MOST_FAILURES);
    vec![Block::Table(Table {
        header,
        rows: summary.failures.iter().take(MOST_FAILURES).map(row).collect(),
        more: (more > 0).then(|| format!("{more} more in study.json")),
        ..Table::default()
    })]
}

fn cells(summary: &StudySummary) -> Table {
    let mut header = vec![number("cell")];
    header.extend(summary.factors.iter().map(|factor| word(&factor.label)));
    header.extend(["average overlap of the truth", "maximum overlap"].map(number));
    let row = |cell: &CellSummary| {
        let mut row = vec![number(cell.number.to_string())];
        row.extend(cell.values.iter().map(|value| word(value.to_string())));
        let overlaps = [cell.average_overlap, cell.maximum_overlap];
        row.extend(overlaps.map(|overlap| number(overlap.map_or("-".to_owned(), short))));
        row
    };
    let more = summary.cells.len().saturating_sub(MOST_ROWS);
    Table {
        note: "The overlap of two components is the sum of the probabilities that a row of one is taken for one of the other; \
            averages are over pairs and replicates"
            .to_owned(),
        header,
        rows: summary.cells.iter().take(MOST_ROWS).map(row).collect(),
        more: (more > 0).then(|| format!("{more} more in study.json")),
        ..Table::default()
    }
}

fn times(summary: &StudySummary) -> Vec<Block> {
    if summary.seconds.is_empty() {
        return Vec::new();
    }
    let mut header: Vec<Cell> = summary.factors.iter().map(|factor| word(&factor.label)).collect();
    header.push(word("fit"));
    header.extend(["median", "sum", "replicates"].map(number));
    let row = |time: &FitSeconds| {
        let values = summary.cells.get(time.cell).map_or(&[][..], |cell| &cell.values);
        let mut row: Vec<Cell> = values.iter().map(|value| word(value.to_string())).collect();
        row.push(word(&time.fit));
        row.push(number(time.median.map_or("-".to_owned(), seconds)));
        row.extend([number(seconds(time.total)), number(time.n.to_string())]);
        row
    };
    let total: f64 = summary.seconds.iter().map(|time| time.total).sum();
    let text = format!("All fits together: {} of one thread.", seconds(total));
    let rows = summary.seconds.iter().take(MOST_ROWS).map(row).collect();
    vec![Block::Text(text), Block::Table(Table { header, rows, ..Table::default() })]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html;
    use crate::report::study_example::{example, measure};

    /// Every measure that there can be, some without value or error.
    fn full(factors: &[(&str, &[f64])]) -> StudySummary {
        let mut summary = example(factors);
        for cell in 0..summary.cells.len() {
            for (i, parameter) in [None, Some("means"), Some("weights"), Some("means[0,1]")].into_iter().enumerate() {
                let mut found = measure(cell, "em", parameter, MeasureName::Rmse, 0.5 / (cell + 1) as f64);
                found.mcse = found.mcse.filter(|_| i > 0);
                let missing =
                    Measure { value: None, mcse: None, ..measure(cell, "gibbs", parameter, MeasureName::Bias, 1.0) };
                let coverage = measure(cell, "gibbs", parameter, MeasureName::Coverage90, 0.85);
                summary.measures.extend([found, missing, coverage]);
            }
            summary.measures.push(measure(cell, "em", None, MeasureName::KlDivergence, 1e-9));
            summary.seconds.push(FitSeconds { cell, fit: "em".to_owned(), median: None, total: 0.0, n: 0 });
        }
        let reason = "<b>collapsed".to_owned();
        summary.failures.push(crate::study::FailureCount { cell: 0, fit: "em".to_owned(), reason, count: 2 });
        summary
    }

    #[test]
    fn studies_of_any_number_of_factors_have_a_page() {
        let (n, b, c): (&[f64], &[f64], &[f64]) = (&[100.0, 400.0, 1600.0], &[1.0, 2.0], &[0.1, 0.2]);
        let cases: [&[(&str, &[f64])]; 4] =
            [&[], &[("data.n", n)], &[("b", b), ("data.n", n)], &[("b", b), ("c", c), ("data.n", n)]];
        for factors in cases {
            for summary in [full(factors), example(factors)] {
                let page = html(&study_page(&summary, "Study(name: \"<i>\")")).unwrap();
                assert!(!page.contains("NaN") && !page.contains("<b>collapsed") && !page.contains("(name: \"<i>"));
                assert_eq!(page.contains("<g data-marks="), !summary.measures.is_empty(), "{}", factors.len());
                assert!(page.contains("Study(name:"));
            }
        }
    }

    #[test]
    fn tables_hold_every_measure_once() {
        let summary = full(&[("data.n", &[100.0, 400.0])]);
        let found = table(&summary, "Means", Some("means"));
        let texts = |row: &Vec<Cell>| row.iter().map(|cell| cell.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&found.header), ["data.n", "fit", "bias", "RMSE", "coverage of 90 % intervals", "replicates"]);
        let rows: Vec<Vec<String>> = found.rows.iter().map(texts).collect();
        assert_eq!(rows[0], ["100", "em", "-", "0.5000", "-", "10"]);
        assert_eq!(rows[3], ["400", "gibbs", "-", "-", "0.8500", "10"]);
        assert!(
            found.note.contains("signed errors, which cancel")
                && !table(&summary, "Fits", Some("none")).note.contains("cancel")
        );
        assert_eq!(found.rows[0][3].aside, "\u{b1} 0.0500");
    }
}
