//! The tables at the end of a run.

use std::fmt::Write;

use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use gmm_core::Mixture;
use gmm_em::Singularity;

use crate::compare::Comparison;
use crate::experiment::Experiment;
use crate::fitted::{FailedFit, FitResult, Outcome, PointDetail};
use crate::reconciled::{ReconciledParameter, Reconciliation};
use crate::report::numbers::{ln, maybe, seconds, short};
use crate::report::posteriors::Listed;
use crate::report::{names, posteriors};
use crate::summary::{Summary, structure_words};
use crate::warnings::EXTREME;

/// Parameters beyond these are left to `summary.json`.
const MOST_PARAMETERS: usize = 60;

/// Fits side by side in a table of parameters; more would not fit into a terminal.
const FITS_ABREAST: usize = 4;

/// The whole text.
pub(crate) fn terminal(experiment: &Experiment, outcome: &Outcome, summary: &Summary) -> String {
    let data = &experiment.data;
    let mut text = String::new();
    let (n, d) = (data.data.n(), data.data.d());
    let columns = names::listed(&data.columns);
    let held_out = data.held_out.as_ref().map_or(String::new(), |rows| format!(", {} held out", rows.data.n()));
    let _ = writeln!(
        text,
        "{}: {n} rows of {d} from {} ({columns}){held_out}, seed {}",
        experiment.name, data.source, experiment.seed
    );
    let mut counts: Vec<usize> = outcome.fits.iter().map(|fit| fit.mixture.k()).collect();
    counts.sort_unstable();
    counts.dedup();
    for k in counts {
        let fits: Vec<&FitResult> = outcome.fits.iter().filter(|fit| fit.mixture.k() == k).collect();
        let truth = data.truth.as_ref().filter(|truth| truth.k() == k);
        let _ = writeln!(text, "\nParameters, K = {k}{}", legend(&fits, truth));
        for some in fits.chunks(FITS_ABREAST) {
            let _ = writeln!(text, "{}", parameters(some, truth, k, d));
        }
    }
    if !outcome.fits.is_empty() {
        let _ = writeln!(
            text,
            "\nFits (BIC = -2 ln L + p ln n, smaller is better; mclust's sign is the opposite;\nended: iterations, restarts that agree with the best)\n{}",
            fits(outcome, summary)
        );
    }
    if !summary.comparison().is_empty() {
        let _ = writeln!(
            text,
            "\nComparison (means in column sds; covariances by relative Frobenius distance)\n{}",
            comparison(summary.comparison())
        );
    }
    text.push_str(&reconciled(summary.reconciliation()));
    for of_posteriors in posteriors::tables(experiment, outcome, Listed::Extreme) {
        text.push_str(&shown(of_posteriors));
    }
    text.push_str(&unremarkable_checks(outcome));
    let of_points = outcome.fits.iter().filter_map(|fit| Some((&fit.name, &fit.point.as_ref()?.singularities)));
    let of_failures = outcome.failures.iter().map(|failed| (&failed.name, &failed.singularities));
    for (name, events) in of_points.chain(of_failures) {
        text.push_str(&singularities(name, events));
    }
    for fit in &outcome.fits {
        for warning in fit.warnings() {
            let _ = writeln!(text, "\nwarning: {}: {warning}", fit.name);
        }
    }
    for FailedFit { name: fit, reason, .. } in &outcome.failures {
        let _ = writeln!(text, "\nfailed: {fit}: {reason}");
    }
    text
}

/// Parameters of a fit whose point estimates and posterior differ, that are shown one by one.
const MOST_DIFFERENCES: usize = 3;

/// Posteriors beside point estimates, a sentence and a few lines each.
fn reconciled(all: &[Reconciliation]) -> String {
    let mut text = String::new();
    if !all.is_empty() {
        text.push_str("\nPoint estimates beside the posterior\n");
    }
    for Reconciliation { fit, parameters, summary, .. } in all {
        let _ = writeln!(text, "{}", folded(&format!("{fit}: {summary}")));
        let differ: Vec<&ReconciledParameter> = parameters.iter().filter(|p| !p.agrees()).collect();
        for ReconciledParameter { name, words, .. } in differ.iter().take(MOST_DIFFERENCES) {
            let _ = writeln!(text, "  {}", folded(&format!("{name}: {words}")).replace('\n', "\n    "));
        }
        if differ.len() > MOST_DIFFERENCES {
            let _ = writeln!(text, "  and {} more in report.html", differ.len() - MOST_DIFFERENCES);
        }
    }
    text
}

/// The number of predictive checks where none is extreme, which has no table.
fn unremarkable_checks(outcome: &Outcome) -> String {
    let all = || outcome.fits.iter().filter_map(|fit| fit.gibbs.as_ref()).flat_map(|gibbs| gibbs.checks());
    match all().count() {
        0 => String::new(),
        _ if all().any(|check| check.is_extreme(EXTREME)) => String::new(),
        n => format!("\nPredictive checks: none of {n} is extreme (all are in report.html)\n"),
    }
}

fn legend(fits: &[&FitResult], truth: Option<&Mixture>) -> String {
    let any =
        |test: fn(&FitResult) -> bool| fits.iter().any(|fit| test(fit) && !fit.quantities_with_intervals().is_empty());
    let what = match (any(|fit| fit.point.is_some()), any(|fit| fit.gibbs.is_some())) {
        (true, true) => "estimate or posterior mean",
        (true, false) => "estimate",
        (false, true) => "posterior mean",
        (false, false) => return String::new(),
    };
    let covers = if truth.is_some() { "; + covers the truth, ! does not" } else { "" };
    format!(" ({what} [90 % interval]{covers})")
}

/// Near-singular events of a fit that are shown one by one.
const MOST_EVENTS: usize = 2;

/// What came near a singularity, and what was done.
fn singularities(name: &str, events: &[Singularity]) -> String {
    if events.is_empty() {
        return String::new();
    }
    let many = if events.len() == 1 {
        "1 near-singular event".to_owned()
    } else {
        format!("{} near-singular events", events.len())
    };
    let mut text = format!("\n{name}: {many}\n");
    for event in events.iter().take(MOST_EVENTS) {
        let _ = writeln!(text, "  {event}");
    }
    if events.len() > MOST_EVENTS {
        let _ = writeln!(text, "  and {} more in summary.json", events.len() - MOST_EVENTS);
    }
    text
}

/// One parameter as the tables show it: what it is, its value in a mixture, the quantity of a posterior.
struct Parameter {
    name: String,
    value: Box<dyn Fn(&Mixture) -> f64>,
    quantity: String,
    /// Whether the quantity is the square of the value.
    squared: bool,
}

/// Weights, means and standard deviations of all components.
fn listed(k: usize, d: usize) -> Vec<Parameter> {
    let mut all = Vec::new();
    for c in 0..k {
        let quantity = format!("weights[{c}]");
        let value = Box::new(move |m: &Mixture| m.weights()[c]);
        all.push(Parameter { name: format!("weight {c}"), value, quantity, squared: false });
    }
    let axis = |j: usize| if d > 1 { format!(", {j}") } else { String::new() };
    for c in 0..k {
        for j in 0..d {
            let quantity = format!("means[{c},{j}]");
            let value = Box::new(move |m: &Mixture| m.mean(c)[j]);
            all.push(Parameter { name: format!("mean {c}{}", axis(j)), value, quantity, squared: false });
        }
    }
    for c in 0..k {
        for j in 0..d {
            let quantity = format!("covariances[{c},{j},{j}]");
            let value = Box::new(move |m: &Mixture| m.covariance(c).as_symmetric().get(j, j).sqrt());
            all.push(Parameter { name: format!("sd {c}{}", axis(j)), value, quantity, squared: true });
        }
    }
    all
}

fn parameters(fits: &[&FitResult], truth: Option<&Mixture>, k: usize, d: usize) -> Table {
    let mut table = table();
    let mut header = vec![String::new()];
    header.extend(truth.map(|_| "truth".to_owned()));
    header.extend(fits.iter().map(|fit| fit.name.clone()));
    table.set_header(header);
    let all = listed(k, d);
    for parameter in all.iter().take(MOST_PARAMETERS) {
        let mut row = vec![Cell::new(&parameter.name)];
        row.extend(truth.map(|truth| right(short((parameter.value)(truth)))));
        row.extend(fits.iter().map(|fit| right(estimate(fit, parameter, truth))));
        table.add_row(row);
    }
    for c in (0..k.min(MOST_PARAMETERS)).filter(|_| fits.iter().any(|fit| fit.identifiability(0).is_some())) {
        let mut row = vec![Cell::new(format!("label {c} kept"))];
        row.extend(truth.map(|_| Cell::new("")));
        row.extend(fits.iter().map(|fit| right(maybe(fit.identifiability(c), short))));
        table.add_row(row);
    }
    if all.len() > MOST_PARAMETERS {
        table.add_row(vec![Cell::new(format!("and {} more in summary.json", all.len() - MOST_PARAMETERS))]);
    }
    table
}

fn estimate(fit: &FitResult, parameter: &Parameter, truth: Option<&Mixture>) -> String {
    let value = short((parameter.value)(&fit.mixture));
    let name = fit.stored_name(&parameter.quantity);
    let Some((low, high)) = fit.interval(&name) else { return value };
    let show = |q: f64| short(if parameter.squared { q.max(0.0).sqrt() } else { q });
    let mark = truth
        .and_then(|truth| fit.true_value(&parameter.quantity, truth))
        .map(|truth| if (low..=high).contains(&truth) { " +" } else { " !" });
    format!("{value} [{}, {}]{}", show(low), show(high), mark.unwrap_or_default())
}

fn fits(outcome: &Outcome, summary: &Summary) -> Table {
    let mut table = table();
    table.set_header(["fit", "model", "ln L", "ln post.", "p", "BIC", "ICL", "ended", "R-hat", "ESS", "time"]);
    if let Some(ln_likelihood) = summary.truth_ln_likelihood() {
        table.add_row(vec![Cell::new("truth"), Cell::new(""), right(ln(ln_likelihood))]);
    }
    for fit in &outcome.fits {
        let gibbs = fit.gibbs.as_ref();
        table.add_row(vec![
            Cell::new(&fit.name),
            Cell::new(model(fit)),
            right(ln(fit.ln_likelihood)),
            right(maybe(fit.ln_posterior, ln)),
            right(fit.model.n_parameters().to_string()),
            right(short(fit.criteria.bic)),
            right(short(fit.criteria.icl)),
            Cell::new(short_ending(fit)),
            right(maybe(gibbs.map(|gibbs| gibbs.worst_r_hat()), short)),
            right(maybe(gibbs.map(|gibbs| gibbs.least_ess()), |ess| format!("{ess:.0}"))),
            right(seconds(fit.seconds)),
        ]);
    }
    table
}

/// The model in the words of a config: `2 Free(Full)`.
pub(crate) fn model(fit: &FitResult) -> String {
    let (shape, tying) = structure_words(fit.model.structure());
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    format!("{} {}({})", fit.model.k(), capital(tying), capital(shape))
}

/// The same in the space of a terminal: iterations and agreeing restarts, or chains and draws.
pub(super) fn short_ending(fit: &FitResult) -> String {
    match &fit.point {
        Some(point) => {
            let open = if point.stop == gmm_em::Stop::Converged { "" } else { "max " };
            format!("{open}{} it, {}/{}", point.iterations, agreeing(point), point.restarts.len())
        }
        None => ending(fit),
    }
}

/// Restarts that reached the best objective, but for rounding.
fn agreeing(point: &PointDetail) -> usize {
    let best = point.restarts[point.best].objective;
    let close = |r: &&gmm_em::Restart| (r.objective - best).abs() <= 1e-9 * (1000.0 + best.abs());
    point.restarts.iter().filter(close).count()
}

/// How a fit ended, in a few words.
pub(crate) fn ending(fit: &FitResult) -> String {
    if let Some(point) = &fit.point {
        let same = agreeing(point);
        let stop = match point.stop {
            gmm_em::Stop::Converged => "converged",
            gmm_em::Stop::MaxIterations => "not converged",
        };
        return format!("{stop} in {} iterations; {same} of {} restarts", point.iterations, point.restarts.len());
    }
    match &fit.gibbs {
        Some(gibbs) => format!("{} chains x {} draws", gibbs.draws.chains().len(), gibbs.draws.n_draws()),
        None => String::new(),
    }
}

/// A table of texts under its title.
fn shown(posteriors::TextTable { title, note, header, words, rows }: posteriors::TextTable) -> String {
    let mut table = table();
    table.set_header(header);
    let cell = |(i, text)| if i < words { Cell::new(text) } else { right(text) };
    rows.into_iter().for_each(|row| {
        table.add_row(row.into_iter().enumerate().map(cell).collect::<Vec<Cell>>());
    });
    format!("\n{}\n{table}\n", folded(&format!("{title} ({note})")))
}

/// Words in lines of at most 100 characters.
pub(super) fn folded(text: &str) -> String {
    let (mut folded, mut column) = (String::new(), 0);
    for word in text.split(' ') {
        let width = word.chars().count() + 1;
        column += width;
        if column > 100 {
            folded.push('\n');
            column = width;
        } else if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

fn comparison(rows: &[Comparison]) -> Table {
    let mut table = table();
    let held_out = rows.iter().any(|row| row.held_out_difference.is_some());
    let header = ["fit", "against", "ln L difference", "weights", "means", "covariances", "ARI", "90 % covers"];
    table.set_header(header.into_iter().chain(held_out.then_some("held-out, a row")));
    for row in rows {
        let covers = row.coverage.map_or_else(|| "-".to_owned(), |c| format!("{} of {}", c.inside, c.of));
        let mut cells = vec![
            Cell::new(&row.fit),
            Cell::new(&row.against),
            right(maybe(row.ln_likelihood_difference, ln)),
            right(maybe(row.max_weight_error, short)),
            right(maybe(row.rms_mean_error, short)),
            right(maybe(row.max_covariance_error, short)),
            right(maybe(row.adjusted_rand_index, short)),
            right(covers),
        ];
        cells.extend(held_out.then(|| right(posteriors::held_out_difference(row))));
        table.add_row(cells);
    }
    table
}

/// Rules above, below and under the header, nothing between rows.
const RULES: TableStyle = TableStyle::new().top_border(RULE).header_separator(RULE).bottom_border(RULE);
const RULE: LineStyle = LineStyle::new('─', '─', '─', '─');

pub(super) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(RULES);
    table
}

pub(super) fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
