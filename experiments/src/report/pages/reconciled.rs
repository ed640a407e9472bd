//! The tables of point estimates beside the posterior.

use crate::fitted::Outcome;
use crate::reconciled::{ReconciledParameter, Reconciliation};
use crate::report::names::listed;
use crate::report::numbers::{maybe, short};
use crate::report::page::{Cell, CellKind, Table, number, word};

/// Rows beyond these are left to `summary.json`.
const MOST_PARAMETERS: usize = 300;

/// A table for each posterior with point estimates of the same model.
pub(super) fn tables(all: &[Reconciliation], has_truth: bool) -> Vec<Table> {
    all.iter().map(|one| table(one, has_truth)).collect()
}

fn table(Reconciliation { fit, parameters, summary, .. }: &Reconciliation, has_truth: bool) -> Table {
    let mut header = vec![word("parameter")];
    header.extend(has_truth.then(|| number("truth")));
    let numbers =
        ["ML", "MAP", "posterior mean, 5 .. 95 %", "median", "below ML", "below MAP", "ML: se / sd", "MAP: se / sd"];
    header.extend(numbers.map(number));
    header.push(word("why they differ"));
    let row = |parameter: &ReconciledParameter| {
        let ReconciledParameter { name, truth, ml, map, mean, median, q5, q95, .. } = parameter;
        let mut row = vec![word(name)];
        row.extend(has_truth.then(|| number(maybe(*truth, short))));
        row.extend([*ml, *map].map(|x| number(maybe(x, short))));
        row.push(stacked(short(*mean), format!("{} .. {}", short(*q5), short(*q95))));
        row.push(number(short(*median)));
        row.push(below(parameter.ml_below, parameter.ml_below_mcse));
        row.push(below(parameter.map_below, parameter.map_below_mcse));
        row.extend([parameter.ml_ratio, parameter.map_ratio].map(|x| number(maybe(x, short))));
        let why = if parameter.agrees() { "" } else { &parameter.words };
        row.push(Cell { kind: CellKind::Sentence, ..word(why) });
        row
    };
    let more = parameters.len().saturating_sub(MOST_PARAMETERS);
    Table {
        title: fit.clone(),
        note: summary.clone(),
        header,
        rows: parameters.iter().take(MOST_PARAMETERS).map(row).collect(),
        more: (more > 0).then(|| format!("{more} more in summary.json")),
    }
}

/// A probability with its Monte Carlo error.
fn below(value: Option<f64>, mcse: Option<f64>) -> Cell {
    let aside = mcse.filter(|mcse| mcse.is_finite()).map_or(String::new(), |mcse| format!("\u{b1} {}", short(mcse)));
    stacked(maybe(value, short), aside)
}

/// A number over an aside.
fn stacked(text: String, aside: String) -> Cell {
    Cell { aside, kind: CellKind::StackedNumber, ..number(text) }
}

/// The posteriors without a point estimate of the same model.
pub(super) fn alone(outcome: &Outcome, all: &[Reconciliation]) -> Option<String> {
    let sampled = outcome.fits.iter().filter(|fit| fit.gibbs.is_some());
    let names: Vec<String> =
        sampled.map(|fit| fit.name.clone()).filter(|name| all.iter().all(|one| one.fit != *name)).collect();
    (!names.is_empty()).then(|| listed(&names))
}
