//! The tables of the page: what stands in each cell, before it is markup.

use gmm_core::Mixture;
use gmm_em::Objective;
use gmm_mcmc::{Identifiability, Kind, QuantitySummary};

use crate::compare::Comparison;
use crate::experiment::Experiment;
use crate::fitted::{FitResult, Outcome};
use crate::report::figure::key_of_component;
use crate::report::names::upper;
use crate::report::numbers::{ln, maybe, seconds, short};
use crate::report::page::{Cell, CellKind, Mark, Table, number, word};
use crate::report::parameters::{Parameter, kinds};
use crate::report::posteriors::{TextTable, held_out_difference};
use crate::report::terminal::{ending, model};
use crate::summary::Summary;

/// Rows beyond these are left to `summary.json`.
const MOST_PARAMETERS: usize = 300;
const MOST_QUANTITIES: usize = 600;

/// Two lines.
fn stacked(text: String, aside: String) -> Cell {
    Cell { text, aside, kind: CellKind::Stacked, ..Cell::default() }
}

fn marked(cell: Cell, mark: Option<Mark>) -> Cell {
    Cell { mark, ..cell }
}

fn whole(x: f64) -> String {
    if x.is_finite() { format!("{x:.0}") } else { "-".to_owned() }
}

/// R-hat is infinite where chains sit still at different values.
fn diverging(x: f64) -> String {
    if x == f64::INFINITY { "\u{221e}".to_owned() } else { short(x) }
}

/// All fits in numbers.
pub(super) fn fits(outcome: &Outcome, summary: &Summary) -> Table {
    let numbers = ["ln L", "ln posterior", "p", "AIC", "BIC", "ICL"];
    let mut header = vec![word("fit"), word("model, method")];
    header.extend(numbers.map(number));
    header.push(word("how it ended"));
    header.extend(["worst R\u{2011}hat", "least ESS", "time"].map(number));
    let mut rows = Vec::new();
    if let Some(ln_likelihood) = summary.truth_ln_likelihood() {
        let mut row = vec![word("truth"), word(""), number(ln(ln_likelihood))];
        row.resize_with(header.len(), || word(""));
        rows.push(row);
    }
    let smallest = |of: fn(&FitResult) -> f64| outcome.fits.iter().map(of).fold(f64::INFINITY, f64::min);
    let (aic, bic, icl) =
        (smallest(|fit| fit.criteria.aic), smallest(|fit| fit.criteria.bic), smallest(|fit| fit.criteria.icl));
    let criterion = |x: f64, least: f64| {
        let best = x == least && outcome.fits.len() > 1;
        Cell { kind: if best { CellKind::Best } else { CellKind::Number }, ..number(short(x)) }
    };
    for fit in &outcome.fits {
        let gibbs = fit.gibbs.as_ref();
        let (r_hat, ess) = (gibbs.map(|g| g.worst_r_hat()), gibbs.map(|g| g.least_ess()));
        let high = r_hat.is_some_and(|r_hat| r_hat > QuantitySummary::R_HAT_LIMIT);
        let low = ess.is_some_and(|ess| ess < QuantitySummary::ESS_LIMIT);
        rows.push(vec![
            Cell { kind: CellKind::Long, ..word(&fit.name) },
            stacked(model(fit), method(fit)),
            number(ln(fit.ln_likelihood)),
            number(maybe(fit.ln_posterior, ln)),
            number(fit.model.n_parameters().to_string()),
            criterion(fit.criteria.aic, aic),
            criterion(fit.criteria.bic, bic),
            criterion(fit.criteria.icl, icl),
            how_it_ended(fit),
            marked(number(maybe(r_hat, diverging)), high.then_some(Mark::Alert)),
            marked(number(maybe(ess, whole)), low.then_some(Mark::Alert)),
            number(seconds(fit.seconds)),
        ]);
    }
    Table { header, rows, ..Table::default() }
}

fn how_it_ended(fit: &FitResult) -> Cell {
    let ending = ending(fit);
    match ending.split_once("; ") {
        Some((stop, restarts)) => {
            let sweeps =
                fit.point.iter().flat_map(|point| &point.restarts).map(|restart| restart.sweeps).sum::<usize>();
            stacked(stop.to_owned(), format!("{restarts} agree; {sweeps} sweeps"))
        }
        None => word(ending),
    }
}

/// The method and what it maximises, in words.
pub(crate) fn method(fit: &FitResult) -> String {
    match fit.point.as_ref() {
        Some(point) => {
            let objective = match point.objective {
                Objective::Likelihood => "likelihood",
                Objective::Posterior => "posterior",
            };
            format!("{}, {objective}", point.method.name())
        }
        None => {
            let collapsed = fit.gibbs.as_ref().filter(|gibbs| gibbs.settings.kind == Kind::Collapsed);
            let tempering = fit.gibbs.as_ref().and_then(|gibbs| gibbs.settings.tempering);
            let rungs = tempering.map_or(String::new(), |tempering| format!(", {} rungs", tempering.rungs));
            format!("Gibbs sampling{}{rungs}", if collapsed.is_some() { ", collapsed" } else { "" })
        }
    }
}

impl From<TextTable> for Table {
    fn from(TextTable { title, note, header, words, rows }: TextTable) -> Self {
        let cells = |texts: Vec<String>| -> Vec<Cell> {
            let cell = |(i, text): (usize, String)| if i < words { word(text) } else { number(text) };
            texts.into_iter().enumerate().map(cell).collect()
        };
        let header = cells(header.into_iter().map(str::to_owned).collect());
        let note = upper(&note);
        Self { title, note, header, rows: rows.into_iter().map(cells).collect(), ..Self::default() }
    }
}

/// Weights, means, standard deviations and covariances: a table for each number of components.
pub(super) fn parameters(experiment: &Experiment, outcome: &Outcome) -> Vec<Table> {
    let mut counts: Vec<usize> = outcome.fits.iter().map(|fit| fit.mixture.k()).collect();
    counts.sort_unstable();
    counts.dedup();
    counts.into_iter().map(|k| parameters_of(experiment, outcome, k)).collect()
}

fn parameters_of(experiment: &Experiment, outcome: &Outcome, k: usize) -> Table {
    let fits: Vec<&FitResult> = outcome.fits.iter().filter(|fit| fit.mixture.k() == k).collect();
    let truth = experiment.data.truth.as_ref().filter(|truth| truth.k() == k);
    let mut header = vec![word("component"), word("parameter")];
    header.extend(truth.map(|_| number("truth")));
    header.extend(fits.iter().map(|fit| number(&fit.name)));

    let kinds = kinds(&experiment.data.columns, &fits);
    let keep_labels = fits.iter().any(|fit| fit.identifiability(0).is_some());
    let (mut rows, mut n_shown) = (Vec::new(), 0);
    for component in 0..k {
        for (i, (name, parameter)) in kinds.iter().enumerate().take(MOST_PARAMETERS - n_shown) {
            let first = Cell { key: (i == 0).then(|| key_of_component(component)), ..Cell::default() };
            let mut row = vec![first, word(name)];
            row.extend(truth.map(|truth| number(short(parameter.value(truth, component)))));
            row.extend(fits.iter().map(|fit| estimate(fit, *parameter, component, truth)));
            rows.push(row);
            n_shown += 1;
        }
        if keep_labels && n_shown < MOST_PARAMETERS {
            let mut row = vec![word(""), word("label kept")];
            row.extend(truth.map(|_| word("")));
            row.extend(fits.iter().map(|fit| kept_label(fit, component)));
            rows.push(row);
        }
    }
    let more = k * kinds.len() - n_shown;
    Table {
        title: format!("K = {k}"),
        more: (more > 0).then(|| format!("{more} more in summary.json")),
        header,
        rows,
        ..Table::default()
    }
}

fn estimate(fit: &FitResult, parameter: Parameter, component: usize, truth: Option<&Mixture>) -> Cell {
    let value = number(short(parameter.value(&fit.mixture, component)));
    let Some((low, high)) = parameter.interval(fit, component) else { return value };
    let aside = format!("[{}, {}]", short(low), short(high));
    let mark = truth.and_then(|truth| parameter.truth(fit, component, truth)).map(|truth| covering((low, high), truth));
    Cell { aside, mark, ..value }
}

/// How well a component keeps its label over the draws.
fn kept_label(fit: &FitResult, component: usize) -> Cell {
    let score = fit.identifiability(component);
    let low = score.is_some_and(|score| score < Identifiability::COMPONENT_LIMIT);
    marked(number(score.map_or(String::new(), short)), low.then_some(Mark::Alert))
}

fn covering((low, high): (f64, f64), truth: f64) -> Mark {
    if (low..=high).contains(&truth) { Mark::Covers } else { Mark::Misses }
}

/// The comparisons, if there is anything to compare.
pub(super) fn comparison(rows: &[Comparison]) -> Option<Table> {
    let mut header = vec![word("fit"), word("against")];
    header.extend(["ln L difference", "weights", "means", "covariances", "ARI", "90 % intervals cover"].map(number));
    let held_out = rows.iter().any(|row| row.held_out_difference.is_some());
    header.extend(held_out.then(|| number("held-out density, a row")));
    let rows: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let covers = row.coverage.map_or_else(|| "-".to_owned(), |c| format!("{} of {}", c.inside, c.of));
            let mut cells = vec![
                word(&row.fit),
                word(&row.against),
                number(maybe(row.ln_likelihood_difference, ln)),
                number(maybe(row.max_weight_error, short)),
                number(maybe(row.rms_mean_error, short)),
                number(maybe(row.max_covariance_error, short)),
                number(maybe(row.adjusted_rand_index, short)),
                number(covers),
            ];
            cells.extend(held_out.then(|| number(held_out_difference(row))));
            cells
        })
        .collect();
    (!rows.is_empty()).then(|| Table { header, rows, ..Table::default() })
}

/// The posterior quantities of each fit that has some.
pub(super) fn quantities(experiment: &Experiment, outcome: &Outcome) -> Vec<Table> {
    let sampled = outcome.fits.iter().filter_map(|fit| fit.gibbs.as_ref().map(|gibbs| (fit, gibbs)));
    sampled
        .map(|(fit, gibbs)| {
            let truth = experiment.data.truth.as_ref().filter(|truth| truth.k() == fit.mixture.k());
            let mut header = vec![word("quantity")];
            header.extend(truth.map(|_| number("truth")));
            let numbers = ["mean", "sd", "5 %", "50 %", "95 %", "MCSE of mean", "ESS bulk", "ESS tail", "R-hat"];
            header.extend(numbers.map(number));
            let shown = &gibbs.quantities[..gibbs.quantities.len().min(MOST_QUANTITIES)];
            let more = gibbs.quantities.len() - shown.len();
            Table {
                title: fit.name.clone(),
                note: format!("{} quantities, {}", gibbs.quantities.len(), ending(fit)),
                header,
                rows: shown.iter().map(|quantity| quantity_row(fit, quantity, truth)).collect(),
                more: (more > 0).then(|| format!("{more} more in summary.json")),
            }
        })
        .collect()
}

fn quantity_row(fit: &FitResult, quantity: &QuantitySummary, truth: Option<&Mixture>) -> Vec<Cell> {
    let ess = |x: f64| marked(number(whole(x)), (x < QuantitySummary::ESS_LIMIT).then_some(Mark::Alert));
    let mut row = vec![word(&quantity.name)];
    if let Some(truth) = truth {
        let value = fit.true_value(&quantity.name, truth);
        row.push(marked(
            number(value.map_or(String::new(), short)),
            value.map(|truth| covering((quantity.q5, quantity.q95), truth)),
        ));
    }
    let QuantitySummary { mean, sd, q5, q50, q95, mcse_mean, .. } = quantity;
    row.extend([mean, sd, q5, q50, q95, mcse_mean].map(|x| number(short(*x))));
    row.extend([ess(quantity.ess_bulk), ess(quantity.ess_tail)]);
    row.push(marked(number(diverging(quantity.r_hat)), quantity.has_high_r_hat().then_some(Mark::Alert)));
    row
}
