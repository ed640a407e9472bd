//! The table of `gmm select`.

use std::fmt::Write;

use comfy_table::{Cell, Table};

use crate::experiment::Experiment;
use crate::fitted::FailedFit;
use crate::report::numbers::{ln, short};
use crate::report::pages::method;
use crate::report::terminal::{right, short_ending, table};
use crate::select::Selection;
use crate::warnings::Warning;

/// Cells beyond these are left to `selection.json`.
const MOST_ROWS: usize = 30;

/// The whole text.
pub(crate) fn selection(experiment: &Experiment, selection: &Selection) -> String {
    let mut text = String::new();
    let (data, n_fits) = (&experiment.data, selection.fits.len());
    let (n, d) = (data.data.n(), data.data.d());
    let how = selection.fits.first().map_or(String::new(), |fit| format!("; {}", method(fit)));
    let _ = writeln!(text, "{}: {n} rows of {d} from {}, seed {}{how}", experiment.name, data.source, experiment.seed);
    let _ = writeln!(
        text,
        "\nModels by BIC (-2 ln L + p ln n, smaller is better; mclust's sign is the opposite;\nended: iterations, restarts \
         that agree with the best)\n{}",
        rows(selection)
    );
    if n_fits > MOST_ROWS {
        let _ = writeln!(text, "and {} more in selection.json", n_fits - MOST_ROWS);
    }
    let best = |name: Option<&str>| name.unwrap_or("none").to_owned();
    let (bic, icl, aic) = (selection.best(|c| c.bic), selection.best(|c| c.icl), selection.best(|c| c.aic));
    let _ = writeln!(text, "Best by BIC: {}. By ICL: {}. By AIC: {}.", best(bic), best(icl), best(aic));
    for FailedFit { name: fit, reason, .. } in &selection.failures {
        let _ = writeln!(text, "\nfailed: {fit}: {reason}");
    }
    let winners = [bic, icl, aic];
    for fit in &selection.fits {
        let named = winners.contains(&Some(fit.name.as_str()));
        for warning in fit.warnings().iter().filter(|w| named || matches!(w, Warning::Removed { .. })) {
            let _ = writeln!(text, "\nwarning: {}: {warning}", fit.name);
        }
    }
    text
}

fn rows(selection: &Selection) -> Table {
    let mut table = table();
    table.set_header(["model", "BIC", "difference", "ICL", "AIC", "ln L", "p", "ended"]);
    let least = selection.fits.first().map_or(f64::NAN, |fit| fit.criteria.bic);
    for fit in selection.fits.iter().take(MOST_ROWS) {
        table.add_row(vec![
            Cell::new(&fit.name),
            right(short(fit.criteria.bic)),
            right(short(fit.criteria.bic - least)),
            right(short(fit.criteria.icl)),
            right(short(fit.criteria.aic)),
            right(ln(fit.ln_likelihood)),
            right(fit.model.n_parameters().to_string()),
            Cell::new(short_ending(fit)),
        ]);
    }
    table
}
