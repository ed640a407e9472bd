//! The tables of posteriors, as texts, for the terminal and for the page: partitions, predictive checks, ladders, evidences,
//! numbers of components, predictive accuracy, and the rows held out.

use gmm_core::adjusted_rand_index;
use gmm_mcmc::evidence::Permutations;
use gmm_mcmc::predictive::{Check, Spread, Statistic};

use crate::components::{self, prior_words};
use crate::experiment::Experiment;
use crate::fitted::{FitResult, Outcome};
use crate::posterior::{EvidenceFound, GibbsDetail, loss};
use crate::report::numbers::{ln, short};
use crate::report::terminal::model;
use crate::warnings::EXTREME;

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

/// Which predictive checks are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    All,
    Extreme,
}

/// All tables that have rows.
pub(super) fn tables(experiment: &Experiment, outcome: &Outcome, checks: Listed) -> Vec<TextTable> {
    let mut all = vec![evidences(outcome)];
    all.extend(numbers_of_components(experiment, outcome));
    all.extend([partitions(experiment, outcome), predictive_checks(experiment, outcome, checks)]);
    all.extend([accuracies(outcome), held_out(experiment, outcome), ladders(outcome)]);
    all.retain(|table| !table.rows.is_empty());
    all
}

fn sampled(outcome: &Outcome) -> impl Iterator<Item = (&FitResult, &GibbsDetail)> {
    outcome.fits.iter().filter_map(|fit| Some((fit, fit.gibbs.as_ref()?)))
}

pub(super) fn evidences(outcome: &Outcome) -> TextTable {
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

pub(super) fn numbers_of_components(experiment: &Experiment, outcome: &Outcome) -> Vec<TextTable> {
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

/// Sizes of clusters beyond these are not listed.
const MOST_SIZES: usize = 12;

pub(super) fn partitions(experiment: &Experiment, outcome: &Outcome) -> TextTable {
    let labels = experiment.data.labels.as_ref();
    let row = |(fit, gibbs): (&FitResult, &GibbsDetail)| {
        let found = gibbs.partition()?;
        let (estimate, sizes) = (&found.estimate, found.sizes());
        let shown: Vec<String> = sizes.iter().take(MOST_SIZES).map(usize::to_string).collect();
        let more = if sizes.len() > MOST_SIZES { ", .." } else { "" };
        let ari = labels.map(|labels| adjusted_rand_index(&estimate.clusters, &labels.of_rows));
        let numbers = [short(estimate.expected_loss), short(estimate.standard_error)];
        let words = vec![fit.name.clone(), loss(found.loss).to_owned(), format!("{}{more}", shown.join(", "))];
        let found = format!("{} of {} runs", estimate.n_found, estimate.n_runs);
        Some([words, numbers.to_vec(), vec![found], ari.map(short).into_iter().collect()].concat())
    };
    let mut header = vec!["fit", "loss", "rows of the clusters", "expected loss", "its error", "found by"];
    header.extend(labels.map(|_| "ARI, known classes"));
    TextTable {
        title: "Partition".to_owned(),
        note: "of the rows, with the least posterior expected loss; clusters are no components, and need no labels"
            .to_owned(),
        header,
        words: 3,
        rows: sampled(outcome).filter_map(row).collect(),
    }
}

/// Predictive checks beyond these are left to `summary.json`.
const MOST_CHECKS: usize = 300;

pub(super) fn predictive_checks(experiment: &Experiment, outcome: &Outcome, listed: Listed) -> TextTable {
    let columns = &experiment.data.columns;
    let row = |fit: &FitResult, check: &Check| {
        let spread = |Spread { q5, q50, q95 }: Spread| match q5 == q95 {
            true => short(q50),
            false => format!("{} [{}, {}]", short(q50), short(q5), short(q95)),
        };
        let sign = if check.is_extreme(EXTREME) { " !" } else { "" };
        let two_sided = format!("{} \u{b1} {}{sign}", short(check.two_sided.value), short(check.two_sided.mcse));
        let numbers = [spread(check.observed), spread(check.replicated), short(check.upper.value), two_sided];
        [vec![fit.name.clone(), statistic(&check.statistic, columns)], numbers.to_vec()].concat()
    };
    let all: Vec<(&FitResult, &Check)> =
        sampled(outcome).flat_map(|(fit, gibbs)| gibbs.checks().iter().map(move |check| (fit, check))).collect();
    let is_shown = |(_, check): &&(&FitResult, &Check)| listed == Listed::All || check.is_extreme(EXTREME);
    let rows: Vec<Vec<String>> = all.iter().filter(is_shown).map(|(fit, check)| row(fit, check)).collect();
    let extreme = all.iter().filter(|(_, check)| check.is_extreme(EXTREME)).count();
    let cut = if rows.len() > MOST_CHECKS { format!("; the first {MOST_CHECKS} are listed") } else { String::new() };
    TextTable {
        title: "Predictive checks".to_owned(),
        note: format!(
            "statistics of replicated data beside those observed, median [90 %]; upper: the probability of at least the \
             observed; {extreme} of {} extreme: a two-sided probability below {EXTREME}, marked !{cut}",
            all.len()
        ),
        header: vec!["fit", "statistic", "observed", "replicated", "upper", "two-sided"],
        words: 2,
        rows: rows.into_iter().take(MOST_CHECKS).collect(),
    }
}

/// A statistic with the names of its columns.
pub(super) fn statistic(statistic: &Statistic, columns: &[String]) -> String {
    let of = |what: &str, column: &usize| match columns {
        [_] => what.to_owned(),
        _ => format!("{what} of {}", columns[*column]),
    };
    match statistic {
        Statistic::Mean { column } => of("mean", column),
        Statistic::Sd { column } => of("sd", column),
        Statistic::Skewness { column } => of("skewness", column),
        Statistic::Kurtosis { column } => of("excess kurtosis", column),
        Statistic::Minimum { column } => of("minimum", column),
        Statistic::Maximum { column } => of("maximum", column),
        Statistic::Quantile { column, probability } if *probability == 0.5 => of("median", column),
        Statistic::Quantile { column, probability } => of(&format!("quantile {probability}"), column),
        Statistic::Correlation { first, second } => {
            format!("correlation of {} and {}", columns[*first], columns[*second])
        }
        Statistic::MeanLnDensity => "mean ln density".to_owned(),
        Statistic::LowestLnDensity => "lowest ln density".to_owned(),
    }
}

pub(super) fn accuracies(outcome: &Outcome) -> TextTable {
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

pub(super) fn held_out(experiment: &Experiment, outcome: &Outcome) -> TextTable {
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

pub(super) fn ladders(outcome: &Outcome) -> TextTable {
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
