//! The table of `gmm study`: cells and fits with the main measures, on one screen.

use std::fmt::Write;

use comfy_table::{Cell, Table};
use gmm_mcmc::QuantitySummary;

use crate::report::names::counted;
use crate::report::numbers::{seconds, short};
use crate::report::study_doubts::percent;
use crate::report::terminal::{right, table};
use crate::study::{FactorValue, MeasureName, StudySummary};

/// Rows beyond these are left to `measures.csv`.
const MOST_ROWS: usize = 24;

/// Failures beyond these are left to `study.json`.
const MOST_FAILURES: usize = 4;

/// The whole text.
pub(crate) fn study(summary: &StudySummary) -> String {
    let mut text = String::new();
    let (cells, fits, replicates) = (summary.cells.len(), summary.fits.len(), summary.replicates);
    let _ = writeln!(
        text,
        "{}: {}, {} of each, {} of each replicate, seed {}",
        summary.name,
        counted(cells, "cell"),
        counted(replicates, "replicate"),
        counted(fits, "fit"),
        summary.seed
    );
    let _ = writeln!(
        text,
        "\nMeasures, with the Monte Carlo standard error of the last digits in brackets (RMSE of means in true standard\n\
         deviations; covers: share of the 90 % intervals of means that hold the truth, and of how many replicates where it is not\n\
         all; not converged: per cent of the estimates, or of the samples with an R-hat above {})\n{}",
        QuantitySummary::R_HAT_LIMIT,
        rows(summary)
    );
    if cells * fits > MOST_ROWS {
        let _ = writeln!(text, "and {} more in measures.csv", cells * fits - MOST_ROWS);
    }
    for failure in summary.failures.iter().take(MOST_FAILURES) {
        let of = values(summary, failure.cell);
        let times = if failure.count == 1 { "once".to_owned() } else { format!("{} times", failure.count) };
        let _ = writeln!(text, "failed {times}: {}{of}: {}", failure.fit, beginning(&failure.reason));
    }
    if summary.failures.len() > MOST_FAILURES {
        let _ = writeln!(text, "and {} more reasons of failures in study.json", summary.failures.len() - MOST_FAILURES);
    }
    text
}

/// A text as far as it fits a line: the whole is in `study.json`.
fn beginning(text: &str) -> String {
    const MOST: usize = 80;
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(MOST) {
        None => line.to_owned(),
        Some((end, _)) => {
            let words = line[..end].rsplit_once(' ').map_or(&line[..end], |(words, _)| words);
            format!("{words} \u{2026}")
        }
    }
}

fn values(summary: &StudySummary, cell: usize) -> String {
    let Some(cell) = summary.cells.get(cell).filter(|cell| !cell.values.is_empty()) else { return String::new() };
    let named = summary.factors.iter().zip(&cell.values).map(|(factor, value)| format!("{} {value}", factor.label));
    format!(" at {}", named.collect::<Vec<_>>().join(", "))
}

fn rows(summary: &StudySummary) -> Table {
    let mut table = table();
    let factors = summary.factors.iter().map(|factor| factor.label.clone());
    let names =
        ["fit", "failed", "not converged", "RMSE means", "covers", "ARI", "held out", "KL to truth", "median time"];
    table.set_header(factors.chain(names.map(str::to_owned)));
    let pairs = summary.cells.iter().flat_map(|cell| summary.fits.iter().map(move |fit| (cell, fit)));
    for (cell, fit) in pairs.take(MOST_ROWS) {
        let figure = |parameter: Option<&str>, name: MeasureName| {
            let measure = summary.measure(cell.number, &fit.name, parameter, name);
            measure.map_or("-".to_owned(), |measure| with_error(measure.value, measure.mcse))
        };
        let unconverged = summary.measure(cell.number, &fit.name, None, MeasureName::ShareUnconverged);
        let failed = summary.failures.iter().filter(|f| f.cell == cell.number && f.fit == fit.name).map(|f| f.count);
        let time = summary.seconds.iter().find(|s| s.cell == cell.number && s.fit == fit.name).and_then(|s| s.median);
        let mut row: Vec<Cell> = cell.values.iter().map(value).collect();
        row.push(Cell::new(&fit.name));
        row.push(right(failed.sum::<usize>().to_string()));
        row.push(right(unconverged.and_then(|measure| measure.value).map_or("-".to_owned(), percent)));
        row.push(right(figure(Some("means"), MeasureName::Rmse)));
        row.push(right(covers(summary, cell.number, &fit.name)));
        row.push(right(figure(None, MeasureName::AdjustedRandIndex)));
        row.push(right(figure(None, MeasureName::HeldOutLnDensity)));
        row.push(right(figure(None, MeasureName::KlDivergence)));
        row.push(right(time.map_or("-".to_owned(), seconds)));
        table.add_row(row);
    }
    table
}

/// The coverage of the means, and from how many replicates it comes where these are not all.
fn covers(summary: &StudySummary, cell: usize, fit: &str) -> String {
    let Some(measure) = summary.measure(cell, fit, Some("means"), MeasureName::Coverage90) else {
        return "-".to_owned();
    };
    let of = if measure.n < summary.replicates { format!(" of {}", measure.n) } else { String::new() };
    with_error(measure.value, measure.mcse) + &of
}

fn value(value: &FactorValue) -> Cell {
    match value {
        FactorValue::Number(_) => right(value.to_string()),
        FactorValue::Text(text) => Cell::new(text),
    }
}

/// A value to two digits of its error, which stand behind it in brackets: 0.1234(56).
fn with_error(value: Option<f64>, error: Option<f64>) -> String {
    let (Some(value), error) = (value, error.unwrap_or(f64::NAN)) else { return "-".to_owned() };
    if !(error > 0.0 && error < 1e4 && value.abs() < 1e7) || error < 1e-12 {
        return short(value);
    }
    let digits = (1.0 - error.log10().floor()).clamp(0.0, 14.0) as usize;
    let of_error = (error * 10f64.powi(digits as i32)).round();
    format!("{value:.digits$}({of_error})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study_example::{example, measure};
    use crate::study::Measure;

    #[test]
    fn the_table_says_what_did_not_converge_and_what_coverage_rests_on() {
        let mut summary = example(&[]);
        summary.measures.push(measure(0, "gibbs", None, MeasureName::ShareUnconverged, 0.748));
        let coverage = |fit| measure(0, fit, Some("means"), MeasureName::Coverage90, 0.9);
        summary.measures.push(Measure { n: 7, ..coverage("em") });
        summary.measures.push(coverage("gibbs"));
        let text = study(&summary);
        let row = |fit: &str| text.lines().find(|line| line.contains(&format!(" {fit} "))).unwrap().to_owned();
        assert!(row("gibbs").contains(" 74.8 ") && row("gibbs").contains(" 0.900(90) "), "{text}");
        assert!(row("em").contains(" 0.900(90) of 7 ") && !row("gibbs").contains(" of "), "{text}");
        assert!(
            text.starts_with("example: 1 cell, 10 replicates of each, 2 fits of each replicate, seed 1\n"),
            "{text}"
        );
        summary.replicates = 1;
        summary.fits.truncate(1);
        assert!(study(&summary).starts_with("example: 1 cell, 1 replicate of each, 1 fit of each replicate, seed 1\n"));
    }

    #[test]
    fn values_have_two_digits_of_their_errors() {
        assert_eq!(with_error(Some(0.123_456), Some(0.0056)), "0.1235(56)");
        assert_eq!(with_error(Some(-2.0), Some(0.25)), "-2.00(25)");
        assert_eq!(with_error(Some(1234.5), Some(31.0)), "1234(31)");
        assert_eq!(with_error(Some(0.9), None), "0.9000");
        assert_eq!(
            (with_error(Some(1.0), Some(0.0)), with_error(None, Some(1.0))),
            ("1.0000".to_owned(), "-".to_owned())
        );
    }
}
