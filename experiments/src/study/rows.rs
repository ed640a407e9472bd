//! Records to tables and back.

use std::collections::HashMap;
use std::sync::Arc;

use super::grid::Grid;
use super::record::{Estimate, FitRow, Group, Key, Record, Status};
use super::summary::FactorValue;
use super::table::{Column, Table, TableFault};

/// Where a record stands in a grid.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    grid: &'a Grid,
    cells: HashMap<&'a str, usize>,
    fits: HashMap<&'a str, usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(grid: &'a Grid) -> Self {
        let cells = grid.cells.iter().map(|cell| (&*cell.key, cell.number)).collect();
        let fits = grid.fits.iter().enumerate().map(|(i, fit)| (&*fit.key, i)).collect();
        Self { grid, cells, fits }
    }

    /// Cell, replicate and fit; `None` if the grid does not have it.
    pub(crate) fn of(&self, key: &Key) -> Option<(usize, u64, usize)> {
        let (cell, fit) = (*self.cells.get(&*key.cell)?, *self.fits.get(&*key.fit)?);
        (key.replicate < self.grid.study.replicates as u64).then_some((cell, key.replicate, fit))
    }

    fn cell(&self, key: &Key) -> Option<usize> {
        self.cells.get(&*key.cell).copied()
    }
}

/// The columns that name a record.
fn names<'r>(places: &Places<'_>, records: impl Iterator<Item = &'r Record> + Clone) -> Vec<(&'static str, Column)> {
    let cells = records.clone().map(|record| places.cell(&record.key).map(|cell| cell as i64)).collect();
    let reported = records.clone().map(|record| Some(places.of(&record.key).is_some())).collect();
    let texts =
        |of: fn(&Record) -> &Arc<str>| Column::Texts(records.clone().map(|r| Some(Arc::clone(of(r)))).collect());
    vec![
        ("cell", Column::Integers(cells)),
        ("replicate", Column::Integers(records.clone().map(|record| Some(record.key.replicate as i64)).collect())),
        ("fit", texts(|record| &record.fit)),
        ("reported", Column::Truths(reported)),
        ("cell_key", texts(|record| &record.key.cell)),
        ("fit_key", texts(|record| &record.key.fit)),
    ]
}

/// `fits.parquet`: a row for each record.
pub(crate) fn fits(places: &Places<'_>, records: &[&Record]) -> Vec<(String, Column)> {
    let all = || records.iter().copied();
    let mut columns: Vec<(String, Column)> =
        names(places, all()).into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    for (i, factor) in places.grid.factors.iter().enumerate() {
        let value = |record: &Record| Some(&places.grid.cells[places.cell(&record.key)?].values[i]);
        let is_number = factor.values.iter().all(|value| matches!(value, FactorValue::Number(_)));
        let column = match is_number {
            true => Column::Numbers(all().map(|record| value(record).and_then(as_number)).collect()),
            false => {
                Column::Texts(all().map(|record| value(record).map(|value| Arc::from(value.to_string()))).collect())
            }
        };
        columns.push((factor.name.replace('.', "_"), column));
    }
    let texts = |of: fn(&Record) -> Option<Arc<str>>| Column::Texts(all().map(of).collect());
    let numbers = |of: fn(&FitRow) -> Option<f64>| Column::Numbers(all().map(|record| of(&record.row)).collect());
    let integers = |of: fn(&FitRow) -> Option<i64>| Column::Integers(all().map(|record| of(&record.row)).collect());
    let more = [
        ("status", texts(|record| Some(Arc::from(record.row.status.word())))),
        ("error", texts(|record| record.row.error.as_deref().map(Arc::from))),
        ("ln_likelihood", numbers(|row| row.ln_likelihood)),
        ("ln_likelihood_of_truth", numbers(|row| row.ln_likelihood_of_truth)),
        ("adjusted_rand_index", numbers(|row| row.adjusted_rand_index)),
        ("held_out_ln_density", numbers(|row| row.held_out)),
        ("kl_divergence", numbers(|row| row.kl_divergence)),
        ("kl_divergence_mcse", numbers(|row| row.kl_mcse)),
        ("average_overlap", numbers(|row| row.average_overlap)),
        ("maximum_overlap", numbers(|row| row.maximum_overlap)),
        ("components", integers(|row| row.components)),
        ("restarts", integers(|row| row.restarts)),
        ("collapses", integers(|row| row.collapses)),
        ("converged", Column::Truths(all().map(|record| record.row.converged).collect())),
        ("iterations", integers(|row| row.iterations)),
        ("largest_r_hat", numbers(|row| row.r_hat)),
        ("least_ess", numbers(|row| row.ess)),
        ("without_intervals", texts(|record| record.row.without_intervals.as_deref().map(Arc::from))),
        ("n_estimates", Column::Integers(all().map(|record| Some(record.estimates.len() as i64)).collect())),
        ("cell_content", texts(|record| Some(Arc::clone(&record.cell_content)))),
        ("fit_content", texts(|record| Some(Arc::clone(&record.fit_content)))),
    ];
    columns.extend(more.into_iter().map(|(name, column)| (name.to_owned(), column)));
    columns
}

fn as_number(value: &FactorValue) -> Option<f64> {
    match value {
        FactorValue::Number(number) => Some(*number),
        FactorValue::Text(_) => None,
    }
}

/// `estimates.parquet`: a row for each parameter of each record.
pub(crate) fn estimates(places: &Places<'_>, records: &[&Record]) -> Vec<(&'static str, Column)> {
    let pairs: Vec<(&Record, &Estimate)> =
        records.iter().flat_map(|record| record.estimates.iter().map(move |estimate| (*record, estimate))).collect();
    let all = || pairs.iter().map(|(_, estimate)| *estimate);
    let numbers = |of: fn(&Estimate) -> Option<f64>| Column::Numbers(all().map(of).collect());
    let mut columns = names(places, pairs.iter().map(|(record, _)| *record));
    columns.extend([
        ("parameter", Column::Texts(all().map(|estimate| Some(Arc::clone(&estimate.parameter))).collect())),
        ("group", Column::Texts(all().map(|estimate| Some(Arc::from(estimate.group.word()))).collect())),
        ("truth", numbers(|estimate| estimate.truth)),
        ("unit", numbers(|estimate| estimate.unit)),
        ("estimate", numbers(|estimate| Some(estimate.estimate))),
        ("standard_error", numbers(|estimate| estimate.standard_error)),
        ("lower_50", numbers(|estimate| estimate.interval_50.map(|(lower, _)| lower))),
        ("upper_50", numbers(|estimate| estimate.interval_50.map(|(_, upper)| upper))),
        ("lower_90", numbers(|estimate| estimate.interval_90.map(|(lower, _)| lower))),
        ("upper_90", numbers(|estimate| estimate.interval_90.map(|(_, upper)| upper))),
    ]);
    columns
}

/// `seconds.parquet`: a row for each record.
pub(crate) fn seconds(places: &Places<'_>, records: &[&Record]) -> Vec<(&'static str, Column)> {
    let mut columns = names(places, records.iter().copied());
    columns.push(("seconds", Column::Numbers(records.iter().map(|record| record.seconds).collect())));
    columns
}

/// The records of three tables, those left out whose estimates are not all there.
///
/// # Errors
/// A table has not the columns of results, or a value that no program of ours wrote.
pub(crate) fn read(fits: &Table, estimates: &Table, seconds: &Table) -> Result<Vec<Record>, TableFault> {
    let mut of_key: HashMap<Key, Vec<Estimate>> = HashMap::new();
    for (key, estimate) in keys(estimates)?.into_iter().zip(read_estimates(estimates)?) {
        of_key.entry(key).or_default().push(estimate);
    }
    let seconds: HashMap<Key, Option<f64>> =
        keys(seconds)?.into_iter().zip(seconds.numbers("seconds")?.iter().copied()).collect();
    let (names, cells, contents) = (fits.texts("fit")?, fits.texts("cell_content")?, fits.texts("fit_content")?);
    let counts = fits.integers("n_estimates")?;
    let mut records = Vec::new();
    for (i, (key, row)) in keys(fits)?.into_iter().zip(read_fits(fits)?).enumerate() {
        let estimates = of_key.remove(&key).unwrap_or_default();
        if i64::try_from(estimates.len()).ok() != required(counts, i, "n_estimates")? {
            continue;
        }
        let seconds = seconds.get(&key).copied().flatten();
        let text = |of: &[Option<Arc<str>>], name: &str| required(of, i, name);
        let (Some(fit), Some(cell_content), Some(fit_content)) =
            (text(names, "fit")?, text(cells, "cell_content")?, text(contents, "fit_content")?)
        else {
            continue;
        };
        records.push(Record { key, cell_content, fit_content, fit, row, estimates, seconds });
    }
    Ok(records)
}

/// A value that must be there.
fn required<T: Clone>(column: &[Option<T>], row: usize, name: &str) -> Result<Option<T>, TableFault> {
    match column.get(row) {
        Some(Some(value)) => Ok(Some(value.clone())),
        _ => Err(TableFault::Value { row, what: format!("{name} is missing") }),
    }
}

fn keys(table: &Table) -> Result<Vec<Key>, TableFault> {
    let (cells, replicates, fits) = (table.texts("cell_key")?, table.integers("replicate")?, table.texts("fit_key")?);
    let key = |row: usize| {
        let missing = || TableFault::Value { row, what: "it is not said of which fit it is".to_owned() };
        let cell = cells[row].clone().ok_or_else(missing)?;
        let fit = fits[row].clone().ok_or_else(missing)?;
        let replicate = replicates[row].and_then(|replicate| u64::try_from(replicate).ok()).ok_or_else(missing)?;
        Ok(Key { cell, replicate, fit })
    };
    (0..table.n()).map(key).collect()
}

fn read_estimates(table: &Table) -> Result<Vec<Estimate>, TableFault> {
    let (parameters, groups) = (table.texts("parameter")?, table.texts("group")?);
    let (truth, unit, estimate) = (table.numbers("truth")?, table.numbers("unit")?, table.numbers("estimate")?);
    let standard_error = table.numbers("standard_error")?;
    let [lower_50, upper_50] = [table.numbers("lower_50")?, table.numbers("upper_50")?];
    let [lower_90, upper_90] = [table.numbers("lower_90")?, table.numbers("upper_90")?];
    let one = |row: usize| {
        let wrong = |what: &str| TableFault::Value { row, what: what.to_owned() };
        let word = groups[row].as_deref();
        let group = Group::ALL.into_iter().find(|group| word == Some(group.word()));
        Ok(Estimate {
            parameter: parameters[row].clone().ok_or_else(|| wrong("a parameter has no name"))?,
            group: group.ok_or_else(|| wrong("an unknown group of parameters"))?,
            truth: truth[row],
            unit: unit[row],
            estimate: estimate[row].ok_or_else(|| wrong("an estimate is missing"))?,
            standard_error: standard_error[row],
            interval_50: lower_50[row].zip(upper_50[row]),
            interval_90: lower_90[row].zip(upper_90[row]),
        })
    };
    (0..table.n()).map(one).collect()
}

fn read_fits(table: &Table) -> Result<Vec<FitRow>, TableFault> {
    let (status, error) = (table.texts("status")?, table.texts("error")?);
    let without_intervals = table.texts("without_intervals")?;
    let converged = table.truths("converged")?;
    let numbers = |name: &str| table.numbers(name);
    let integers = |name: &str| table.integers(name);
    let (ln_likelihood, of_truth) = (numbers("ln_likelihood")?, numbers("ln_likelihood_of_truth")?);
    let (ari, held_out) = (numbers("adjusted_rand_index")?, numbers("held_out_ln_density")?);
    let (kl, kl_mcse) = (numbers("kl_divergence")?, numbers("kl_divergence_mcse")?);
    let (average, maximum) = (numbers("average_overlap")?, numbers("maximum_overlap")?);
    let (components, restarts) = (integers("components")?, integers("restarts")?);
    let (collapses, iterations) = (integers("collapses")?, integers("iterations")?);
    let (r_hat, ess) = (numbers("largest_r_hat")?, numbers("least_ess")?);
    let one = |row: usize| {
        let found = status[row].as_deref().and_then(Status::from_word);
        Ok(FitRow {
            status: found.ok_or_else(|| TableFault::Value { row, what: "an unknown status".to_owned() })?,
            error: error[row].as_deref().map(str::to_owned),
            without_intervals: without_intervals[row].as_deref().map(str::to_owned),
            ln_likelihood: ln_likelihood[row],
            ln_likelihood_of_truth: of_truth[row],
            adjusted_rand_index: ari[row],
            held_out: held_out[row],
            kl_divergence: kl[row],
            kl_mcse: kl_mcse[row],
            average_overlap: average[row],
            maximum_overlap: maximum[row],
            components: components[row],
            restarts: restarts[row],
            collapses: collapses[row],
            converged: converged[row],
            iterations: iterations[row],
            r_hat: r_hat[row],
            ess: ess[row],
        })
    };
    (0..table.n()).map(one).collect()
}
