//! From the records of a study to its summary.

use std::collections::BTreeMap;

use super::formulas::{average, median};
use super::grid::Grid;
use super::measures::{MATCHING, POOLING, measures};
use super::record::{Record, Status};
use super::summary::{CellSummary, Factor, FailureCount, FitSeconds, StudySummary};

/// Records by cell, replicate and fit.
pub(super) type Reported = BTreeMap<(usize, u64, usize), Record>;

/// The summary of all records of a grid.
pub(super) fn summarise(grid: &Grid, reported: &Reported) -> StudySummary {
    let mut of_fits: BTreeMap<(usize, usize), Vec<&Record>> = BTreeMap::new();
    for ((cell, _, fit), record) in reported {
        of_fits.entry((*cell, *fit)).or_default().push(record);
    }
    let mut all = Vec::new();
    let (mut failures, mut seconds) = (Vec::new(), Vec::new());
    for ((cell, fit), records) in &of_fits {
        let name = &grid.fits[*fit].name;
        let first = of_fits.get(&(*cell, 0)).filter(|_| *fit > 0);
        all.extend(measures(*cell, name, records, first.map(Vec::as_slice)));
        failures.extend(reasons(*cell, name, records));
        let taken: Vec<f64> = records.iter().filter_map(|record| record.seconds).collect();
        let (fit, n) = (name.clone(), taken.len());
        seconds.push(FitSeconds { cell: *cell, fit, median: median(&taken), total: taken.iter().sum(), n });
    }
    let factor = |axis: &super::grid::Axis| Factor {
        name: axis.name.to_owned(),
        label: axis.label.to_owned(),
        values: axis.values.clone(),
    };
    let cell = |cell: &super::grid::Cell| CellSummary {
        number: cell.number,
        values: cell.values.clone(),
        average_overlap: overlap(reported, cell.number, |record| record.row.average_overlap),
        maximum_overlap: overlap(reported, cell.number, |record| record.row.maximum_overlap),
    };
    StudySummary {
        schema_version: 1,
        name: grid.study.name.clone(),
        seed: grid.study.seed,
        replicates: grid.study.replicates,
        test_rows: grid.study.test_rows,
        matching: MATCHING.to_owned(),
        pooling: POOLING.to_owned(),
        factors: grid.factors.iter().map(factor).collect(),
        cells: grid.cells.iter().map(cell).collect(),
        fits: grid.fit_summaries(),
        measures: all,
        failures,
        seconds,
    }
}

/// How often fits failed for each reason, the most frequent first. Reasons that differ in their numbers alone are one, in the
/// words of its first replicate.
fn reasons(cell: usize, fit: &str, records: &[&Record]) -> Vec<FailureCount> {
    let mut counts: BTreeMap<String, FailureCount> = BTreeMap::new();
    for record in records.iter().filter(|record| record.row.status != Status::Done) {
        let reason = record.row.error.clone().unwrap_or_default();
        let first = || FailureCount { cell, fit: fit.to_owned(), reason: reason.clone(), count: 0 };
        counts.entry(without_numbers(&reason)).or_insert_with(first).count += 1;
    }
    let mut all: Vec<FailureCount> = counts.into_values().collect();
    all.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    all
}

/// The words of a text.
fn without_numbers(text: &str) -> String {
    text.split(|c: char| c.is_ascii_digit()).filter(|part| !matches!(*part, "" | "." | "e-" | "e")).collect()
}

/// The mean over the replicates of a cell of an overlap, each replicate once; none where one has none.
fn overlap(reported: &Reported, cell: usize, of: fn(&Record) -> Option<f64>) -> Option<f64> {
    let mut found: BTreeMap<u64, Option<f64>> = BTreeMap::new();
    for ((_, replicate, _), record) in reported.range((cell, 0, 0)..(cell + 1, 0, 0)) {
        let value = found.entry(*replicate).or_default();
        *value = value.or(of(record));
    }
    // Replicates without data have no overlap.
    let all: Vec<f64> = found.into_values().flatten().collect();
    Some(average(&all)).filter(|_| !all.is_empty())
}

/// `measures.csv`: the measures of a summary, with the values of the factors in columns of their own.
///
/// # Errors
/// What the writer of CSV says; none is known.
pub(super) fn measures_csv(summary: &StudySummary) -> Result<Vec<u8>, csv::Error> {
    let mut to = csv::Writer::from_writer(Vec::new());
    let factors = summary.factors.iter().map(|factor| factor.name.replace('.', "_"));
    let names = ["fit", "parameter", "measure", "value", "mcse", "n"].map(str::to_owned);
    to.write_record(std::iter::once("cell".to_owned()).chain(factors).chain(names))?;
    let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    for measure in &summary.measures {
        let values = summary.cells.get(measure.cell).map(|cell| cell.values.iter().map(ToString::to_string));
        let parameter = measure.parameter.clone().unwrap_or_default();
        let fields = [
            measure.fit.clone(),
            parameter,
            measure.name.word().to_owned(),
            number(measure.value),
            number(measure.mcse),
            measure.n.to_string(),
        ];
        to.write_record(std::iter::once(measure.cell.to_string()).chain(values.into_iter().flatten()).chain(fields))?;
    }
    to.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_numbers_are_one() {
        let of = |x: &str| without_numbers(&format!("the largest was {x}, in 100 attempts"));
        assert_eq!(of("0.6501"), of("12"));
        assert_eq!(of("0.6501"), of("1.2e-7"));
        assert_ne!(without_numbers("component 3 collapsed"), without_numbers("component 3 vanished"));
    }
}
