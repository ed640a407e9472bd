//! The tables of posteriors, as texts, for the terminal and for the page: ladders, evidences, numbers of components,
//! predictive accuracy, and the rows held out.

use gmm_mcmc::evidence::Permutations;

use crate::components::{self, prior_words};
use crate::experiment::Experiment;
use crate::fitted::{FitResult, Outcome};
use crate::posterior::{EvidenceFound, GibbsDetail};
use crate::report::numbers::{ln, short};
use crate::report::terminal::model;

/// A table of texts.
pub(super) struct TextTable {
    pub(super) title: String,
    /// What its columns mean.
    pub(super) note: String,
    pub(super) header: Vec<&'static str>,
    /// How many of the first columns hold words; the others hold numbers.
    pub(super) words: usize,
    pub(super) rows: Vec<Vec<String>>,
}

/// All tables that have rows.
pub(super) fn tables(experiment: &Experiment, outcome: &Outcome) -> Vec<TextTable> {
    let mut all = vec![evidences(outcome)];
    all.extend(numbers_of_components(experiment, outcome));
    all.extend([accuracies(outcome), held_out(experiment, outcome), ladders(outcome)]);
    all.retain(|table| !table.rows.is_empty());
    all
}

fn sampled(outcome: &Outcome) -> impl Iterator<Item = (&FitResult, &GibbsDetail)> {
    outcome.fits.iter().filter_map(|fit| Some((fit, fit.gibbs.as_ref()?)))
}

fn evidences(outcome: &Outcome) -> TextTable {
    let row = |fit: &FitResult, found: &EvidenceFound| {
        let mut row = vec![fit.name.clone(), model(fit), found.method().to_owned()];
        row.extend(match &found.result {
            Ok(evidence) => {
                let numberings = match evidence.permutations {
                    Permutations::All => "all".to_owned(),
                    Permutations::Sampled { n } => format!("{n} a draw"),
                };
                [ln(evidence.ln_evidence), short(evidence.standard_error), numberings]
            }
            Err(_) => ["-", "-", "-"].map(str::to_owned),
        });
        row
    };
    let each = |(fit, gibbs): (_, &GibbsDetail)| gibbs.evidence.iter().map(|found| row(fit, found)).collect::<Vec<_>>();
    TextTable {
        title: "Evidence".to_owned(),
        note: "the log marginal likelihood of each model, averaged over the numberings of its components".to_owned(),
        header: vec!["fit", "model", "method", "ln evidence", "standard error", "numberings"],
        words: 3,
        rows: sampled(outcome).flat_map(each).collect(),
    }
}

fn numbers_of_components(experiment: &Experiment, outcome: &Outcome) -> Vec<TextTable> {
    let prior = experiment.prior_of_k;
    let groups = components::compare(&outcome.fits, prior);
    let several = groups.len() > 1;
    let table = |compared: components::Compared<'_>| {
        let structure = compared.rows.first().map_or(String::new(), |row| {
            let words = model(row.fit);
            words.split_once(' ').map_or(String::new(), |(_, structure)| format!(", {structure}"))
        });
        let row = |row: components::ComparedRow<'_>| {
            let found = row.found;
            let (name, method) = (row.fit.name.clone(), row.method.to_owned());
            let ln_evidence = [ln(found.evidence.ln_evidence), short(found.evidence.standard_error)];
            let probabilities = [found.prior, found.probability, found.standard_error].map(short);
            [vec![found.k.to_string(), name, method], ln_evidence.to_vec(), probabilities.to_vec()].concat()
        };
        TextTable {
            title: format!("Number of components{}", if several { structure } else { String::new() }),
            note: format!(
                "prior of K: {}, among those compared; errors are those of the evidences",
                prior_words(prior)
            ),
            header: vec!["K", "fit", "evidence by", "ln evidence", "its error", "prior", "probability", "its error"],
            words: 3,
            rows: compared.rows.into_iter().map(row).collect(),
        }
    };
    groups.into_iter().map(table).collect()
}

fn accuracies(outcome: &Outcome) -> TextTable {
    let row = |(fit, gibbs): (&FitResult, &GibbsDetail)| {
        let accuracy = gibbs.accuracy.as_ref()?.as_ref().ok()?;
        let with_error = |x: f64, se: f64| format!("{} \u{b1} {}", short(x), short(se));
        let (waic, loo) = (accuracy.waic, accuracy.loo);
        Some(vec![
            fit.name.clone(),
            short(accuracy.lppd),
            with_error(waic.elpd, waic.standard_error),
            short(waic.effective_parameters),
            short(-2.0 * waic.elpd),
            with_error(loo.elpd, loo.standard_error),
            short(loo.effective_parameters),
            short(-2.0 * loo.elpd),
            format!("{} of {}", accuracy.n_unreliable(), accuracy.pareto_k.len()),
        ])
    };
    TextTable {
        title: "Predictive accuracy".to_owned(),
        note: "the expected log density of as many new rows (elpd), larger is better; WAIC and LOOIC are -2 elpd; p: \
               effective parameters; high k: rows of which leave-one-out cannot be trusted"
            .to_owned(),
        header: vec!["fit", "lppd", "elpd (WAIC)", "p", "WAIC", "elpd (LOO)", "p", "LOOIC", "high k"],
        words: 1,
        rows: sampled(outcome).filter_map(row).collect(),
    }
}

fn held_out(experiment: &Experiment, outcome: &Outcome) -> TextTable {
    let rows = experiment.data.held_out.as_ref().map_or(0, |rows| rows.data.n());
    let row = |fit: &FitResult| {
        let score = fit.held_out.as_ref()?.as_ref().ok()?;
        let how = if fit.gibbs.is_some() { "average over draws" } else { "estimate" };
        let numbers = [ln(score.total()), short(score.mean()), short(score.standard_error())];
        Some([vec![fit.name.clone(), how.to_owned()], numbers.to_vec()].concat())
    };
    TextTable {
        title: format!("Held-out {}", if rows == 1 { "row" } else { "rows" }),
        note: format!("the log predictive density of {rows} that no fit saw; larger is better"),
        header: vec!["fit", "density of", "sum", "mean of a row", "its error"],
        words: 2,
        rows: outcome.fits.iter().filter_map(row).collect(),
    }
}

fn ladders(outcome: &Outcome) -> TextTable {
    let row = |(fit, gibbs): (&FitResult, &GibbsDetail)| {
        let (ladder, tempering) = (gibbs.ladder()?, gibbs.settings.tempering?);
        Some(vec![
            fit.name.clone(),
            tempering.rungs.to_string(),
            short(ladder.least_rate),
            short(ladder.mean_rate),
            ladder.least_trips.to_string(),
            ladder.trips.to_string(),
            short(ladder.barrier),
        ])
    };
    TextTable {
        title: "Tempering".to_owned(),
        note: "how often neighbouring rungs swap, and how often states go from the posterior to the prior and back; twice \
               the barrier plus one is a good number of rungs"
            .to_owned(),
        header: vec!["fit", "rungs", "least swap rate", "mean", "round trips, least chain", "all chains", "barrier"],
        words: 1,
        rows: sampled(outcome).filter_map(row).collect(),
    }
}

/// How much better the rows held out are predicted, with its standard error.
pub(super) fn held_out_difference(row: &crate::compare::Comparison) -> String {
    match (row.held_out_difference, row.held_out_se) {
        (Some(difference), Some(se)) => format!("{} \u{b1} {}", short(difference), short(se)),
        (Some(difference), None) => short(difference),
        (None, _) => "-".to_owned(),
    }
}
