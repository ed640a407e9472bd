//! Runs side by side, as texts: the terminal and the page show the same.

use std::fmt::Write;

use comfy_table::Cell;

use super::numbers::{ln, maybe, seconds, short};
use super::terminal::{right, table};
use crate::compare_runs::{FitRow, ParameterTable, RunRow, RunsComparison};

/// What a terminal shows at most; the rest is in `comparison.html`.
const MOST_FITS: usize = 14;
const MOST_PARAMETERS: usize = 12;
const MOST_TABLES: usize = 1;
const MOST_FAILURES: usize = 4;
const FITS_ABREAST: usize = 4;

/// A table of texts; its first columns are words, the others numbers.
pub(super) struct Texts {
    pub(super) header: Vec<String>,
    pub(super) words: usize,
    pub(super) rows: Vec<Vec<String>>,
}

/// All of the terminal's text.
pub(crate) fn runs(comparison: &RunsComparison) -> String {
    let mut text = String::new();
    for run in &comparison.runs {
        let _ = writeln!(text, "{}", line(run));
    }
    for note in &comparison.notes {
        let _ = writeln!(text, "\n{}", super::terminal::folded(note));
    }
    if !comparison.fits.is_empty() {
        let _ = writeln!(text, "\n{}\n{}", FITS, shown(&fits(comparison), MOST_FITS, usize::MAX));
    }
    for parameters in comparison.parameters.iter().take(MOST_TABLES) {
        let k = parameters.components;
        let _ = writeln!(text, "\nParameters, K = {k} (components matched with those of the first)");
        let _ = writeln!(text, "{}", shown(&side_by_side(parameters, false), MOST_PARAMETERS, FITS_ABREAST + 1));
    }
    match comparison.parameters.len().saturating_sub(MOST_TABLES) {
        0 => {}
        1 => text.push_str("\nand parameters of another K or other columns in comparison.html\n"),
        more => text.push_str(&format!("\nand {more} more tables of parameters in comparison.html\n")),
    }
    for failure in comparison.failures.iter().take(MOST_FAILURES) {
        let _ = writeln!(text, "\nfailed: run {}, {}: {}", failure.run, failure.fit, failure.reason);
    }
    text.truncate(text.trim_end().len());
    text
}

/// What the columns of fits mean.
pub(super) const FITS: &str =
    "Fits (BIC and ICL: smaller is better; held out: a row; truth: rms distance of means in column sds)";

/// A run in a line.
fn line(run: &RunRow) -> String {
    let held_out = if run.n_held_out > 0 { format!(", {} held out", run.n_held_out) } else { String::new() };
    let RunRow { run, folder, name, n, d, source, seed, .. } = run;
    format!("run {run}: {name}, {n} rows of {d} from {source}{held_out}, seed {seed} ({folder})")
}

/// The fits of all runs; columns that are empty in all of them are left out.
pub(super) fn fits(comparison: &RunsComparison) -> Texts {
    let estimate = |found: Option<crate::compare_runs::Estimate>| match found {
        Some(found) => match found.se {
            Some(se) => format!("{} ± {}", maybe(found.value, short), short(se)),
            None => maybe(found.value, short),
        },
        None => "-".to_owned(),
    };
    type Column = (&'static str, Box<dyn Fn(&FitRow) -> String>);
    let columns: Vec<Column> = vec![
        ("run", Box::new(|fit| fit.run.to_string())),
        ("fit", Box::new(|fit| fit.fit.clone())),
        ("model", Box::new(FitRow::model)),
        ("ln L", Box::new(|fit| maybe(fit.ln_likelihood, ln))),
        ("BIC", Box::new(|fit| maybe(fit.bic, short))),
        ("ICL", Box::new(|fit| maybe(fit.icl, short))),
        ("held out", Box::new(move |fit| estimate(fit.held_out))),
        ("LOO", Box::new(move |fit| estimate(fit.loo))),
        ("ln evidence", Box::new(move |fit| estimate(fit.ln_evidence))),
        ("truth", Box::new(|fit| maybe(fit.to_truth.and_then(|truth| truth.means), short))),
        ("R-hat", Box::new(|fit| maybe(fit.worst_r_hat, short))),
        ("ESS", Box::new(|fit| maybe(fit.least_ess, |ess| format!("{ess:.0}")))),
        ("time", Box::new(|fit| maybe(fit.seconds, seconds))),
    ];
    let filled = |column: &Column| comparison.fits.iter().any(|fit| column.1(fit) != "-");
    let columns: Vec<Column> = columns.into_iter().filter(filled).collect();
    let row = |fit: &FitRow| columns.iter().map(|(_, text)| text(fit)).collect();
    Texts {
        header: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
        words: 3,
        rows: comparison.fits.iter().map(row).collect(),
    }
}

/// Parameters of fits, with their intervals if asked for.
pub(super) fn side_by_side(parameters: &ParameterTable, intervals: bool) -> Texts {
    let mut header = vec![String::new()];
    header.extend(parameters.fits.iter().map(|place| format!("{}: {}", place.run, place.fit)));
    let rows = parameters.parameters.iter().map(|row| {
        let values = row.values.iter().map(|found| match found.lower.zip(found.upper).filter(|_| intervals) {
            Some((lower, upper)) => format!("{} [{}, {}]", short(found.estimate), short(lower), short(upper)),
            None => short(found.estimate),
        });
        std::iter::once(row.name.clone()).chain(values).collect()
    });
    Texts { header, words: 1, rows: rows.collect() }
}

/// A table of at most so many rows and columns, and what was left out.
fn shown(texts: &Texts, most_rows: usize, most_columns: usize) -> String {
    let mut table = table();
    table.set_header(texts.header.iter().take(most_columns));
    for row in texts.rows.iter().take(most_rows) {
        let cell = |(i, text): (usize, &String)| if i < texts.words { Cell::new(text) } else { right(text) };
        table.add_row(row.iter().take(most_columns).enumerate().map(cell).collect::<Vec<_>>());
    }
    let mut text = table.to_string();
    let beyond = [
        (texts.rows.len().saturating_sub(most_rows), "rows"),
        (texts.header.len().saturating_sub(most_columns), "columns"),
    ];
    for (left, what) in beyond.into_iter().filter(|(left, _)| *left > 0) {
        let _ = write!(text, "\nand {left} more {what} in comparison.html");
    }
    text
}
