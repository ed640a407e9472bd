//! The report of `gmm compare`.

use crate::compare_runs::{RunRow, RunsComparison};
use crate::report::page::{Block, Cell, Notice, Page, Table, Tone, number, word};
use crate::report::runs::{FITS, Texts, fits, side_by_side};

/// Runs side by side.
pub(crate) fn runs_page(comparison: &RunsComparison) -> Page {
    let mut page = Page::new("Runs side by side", "comparison", "comparison.json");
    let failed = |failure: &crate::compare_runs::FailureRow| {
        (format!("run {}, {}", failure.run, failure.fit), failure.reason.clone())
    };
    let failures: Vec<(String, String)> = comparison.failures.iter().map(failed).collect();
    let notes: Vec<(String, String)> = comparison.notes.iter().map(|note| (String::new(), note.clone())).collect();
    let (title, tone) = if comparison.identical { ("Identical", Tone::Good) } else { ("Note", Tone::Warning) };
    for (tone, title, items) in [(Tone::Failed, "Failed", failures), (tone, title, notes)] {
        if !items.is_empty() {
            page.lead.push(Block::Notice(Notice { tone, title: title.to_owned(), items }));
        }
    }
    page.section("Runs", vec![Block::Table(runs(comparison))]);
    if !comparison.fits.is_empty() {
        let text = format!("{FITS}. Mean or total with its standard error after \u{b1}.");
        page.section("Fits", vec![Block::Table(table(fits(comparison))), Block::Text(text)]);
    }
    let text = "Estimates with 90 % intervals where there are any, one column for each run and fit. Components are those of the first \
        column; the others are matched with it by the assignment of least total Bhattacharyya distance.";
    let tables = comparison.parameters.iter().map(|parameters| {
        let title = format!("K = {} ({})", parameters.components, parameters.columns.join(", "));
        Block::Table(Table { title, ..table(side_by_side(parameters, true)) })
    });
    if !comparison.parameters.is_empty() {
        page.section("Parameters", std::iter::once(Block::text(text)).chain(tables).collect());
    }
    page
}

fn runs(comparison: &RunsComparison) -> Table {
    let mut header = vec![word("run"), word("name"), word("data"), word("folder")];
    header.extend(["rows", "held out", "columns", "seed"].map(number));
    header.extend([word("SHA-256"), word("same rows as"), word("same results as")]);
    let row = |run: &RunRow| {
        let mut cells = vec![word(run.run.to_string()), word(&run.name), word(&run.source), word(&run.folder)];
        cells.extend([run.n, run.n_held_out, run.d as u64, run.seed].map(|count| number(count.to_string())));
        cells.push(word(run.sha256.chars().take(12).collect::<String>()));
        let earlier = |other: usize| if other == run.run { word("-") } else { word(format!("run {other}")) };
        cells.extend([earlier(run.rows_of), earlier(run.results_of)]);
        cells
    };
    Table { header, rows: comparison.runs.iter().map(row).collect(), ..Table::default() }
}

fn table(texts: Texts) -> Table {
    let words = texts.words;
    let cells = |row: Vec<String>| -> Vec<Cell> {
        row.into_iter().enumerate().map(|(i, text)| if i < words { word(text) } else { number(text) }).collect()
    };
    Table { header: cells(texts.header), rows: texts.rows.into_iter().map(cells).collect(), ..Table::default() }
}
