//! The report of `gmm run`.

use super::{figures, lead, made, points, reconciled, tables};
use crate::config;
use crate::experiment::{DataSet, Experiment};
use crate::fitted::Outcome;
use crate::report::figure;
use crate::report::names::{counted, listed};
use crate::report::numbers::ln;
use crate::report::page::{Block, Notice, Page, Room, Table, Tone};
use crate::report::posteriors::{self, Listed, TextTable};
use crate::summary::Summary;

/// What the words of a report depend on.
#[derive(Clone, Copy)]
struct Has {
    truth: bool,
    held_out: bool,
    posterior: bool,
    intervals: bool,
}

/// The report of an experiment that ran.
pub(crate) fn run_page(experiment: &Experiment, outcome: &Outcome, summary: &Summary) -> Page {
    let has = Has {
        truth: experiment.data.truth.is_some(),
        held_out: experiment.data.held_out.is_some(),
        posterior: outcome.fits.iter().any(|fit| fit.gibbs.is_some()),
        intervals: outcome.fits.iter().any(|fit| !fit.quantities_with_intervals().is_empty()),
    };
    let mut page = Page::new(&experiment.name, "Gaussian mixtures", "summary.json");
    page.lead.extend(lead::lead(experiment, outcome, summary));
    page.lead.push(facts(experiment, summary));
    page.lead.extend(failures(outcome));
    page.lead.extend(warnings(outcome));
    if !outcome.fits.is_empty() {
        page.section("Fits", fits(outcome, summary, has));
        page.section("The fits over the data", over_the_data(experiment, outcome, has));
        page.section("Parameters", parameters(experiment, outcome, has));
    }
    page.section("Comparison", comparison(summary, has));
    if has.posterior {
        page.section("Point estimates beside the posterior", reconciliation(outcome, summary, has));
    }
    page.section("How they learned", learned(experiment, outcome));
    page.section("The chains", chains(outcome));
    page.section("How point estimates got there", climbs(outcome));
    page.section("Near-singular events", with_folded(points::singularities(outcome), SINGULARITIES));
    for (title, blocks) in evidence(experiment, outcome) {
        page.section(title, blocks);
    }
    let together = figures(Room::Half, figure::of_partitions(outcome)).into_iter().collect();
    page.section("Partition", below(posteriors::partitions(experiment, outcome), together));
    let checked = figures(Room::Half, figure::of_checks(experiment, outcome)).into_iter().collect();
    page.section("Predictive checks", below(posteriors::predictive_checks(experiment, outcome, Listed::All), checked));
    let trusted = figures(Room::Half, figure::of_accuracies(outcome)).into_iter().collect();
    page.section("Predictive accuracy", below(posteriors::accuracies(outcome), trusted));
    let held_out = posteriors::held_out(experiment, outcome);
    page.section(held_out.title.clone(), below(held_out, Vec::new()));
    page.section("Standard errors", Block::folded(points::standard_errors(outcome)));
    page.section("Posterior quantities", quantities(experiment, outcome, has));
    let code = Block::Code(config::to_ron(&experiment.config));
    let title = "experiment.ron, every default filled in".to_owned();
    page.section("The experiment as used", vec![Block::Folded { title, blocks: vec![code] }]);
    page.section("How this was made", made::how(experiment, outcome));
    page
}

const OPTIMA: &str = "Where the restarts of each point estimate ended: restarts are at the same optimum if their objectives agree \
    and their components do, whatever their order.";
const SINGULARITIES: &str = "Components that came close to a singularity of the likelihood, and what was done. Restarts, \
    iterations and components count from 0, components as the climb numbered them, not as the tables list them; eigenvalues \
    are those on data of unit standard deviations.";

/// Blocks below a table that has rows, without its title, which is that of the section.
fn below(table: TextTable, blocks: Vec<Block>) -> Vec<Block> {
    let mut table = Table::from(table);
    table.title.clear();
    let has_rows = !table.rows.is_empty();
    has_rows.then_some(Block::Table(table)).into_iter().chain(blocks).collect()
}

/// The chains, and the ladders of tempered ones.
fn chains(outcome: &Outcome) -> Vec<Block> {
    let mut blocks: Vec<Block> = figures(Room::Whole, figure::of_chains(outcome)).into_iter().collect();
    let ladders = figures(Room::Half, figure::of_ladders(outcome));
    let table = below(posteriors::ladders(outcome), ladders.into_iter().collect());
    if !table.is_empty() {
        blocks.push(Block::Heading("Tempering".to_owned()));
        blocks.extend(table);
    }
    blocks
}

/// The fits as they learned.
fn learned(experiment: &Experiment, outcome: &Outcome) -> Vec<Block> {
    let (players, without) = figure::learned::players(experiment, outcome);
    let without = (!without.is_empty()).then(|| Block::Text(format!("Not shown: {}.", without.join("; "))));
    let players = (!players.is_empty()).then_some(Block::Players(players));
    players.into_iter().chain(without).collect()
}

/// The climbs of all restarts, and the optima that they reached.
fn climbs(outcome: &Outcome) -> Vec<Block> {
    let drawn = figures(Room::Whole, figure::of_climbs(outcome));
    let optima = with_folded(points::modes(outcome), OPTIMA);
    let heading = (!optima.is_empty()).then(|| Block::Heading("Optima".to_owned()));
    drawn.into_iter().chain(heading).chain(optima).collect()
}

/// The evidences, and each group of fits that differ in the number of components: title and blocks.
fn evidence(experiment: &Experiment, outcome: &Outcome) -> Vec<(String, Vec<Block>)> {
    let evidences = posteriors::evidences(outcome);
    let mut sections = vec![(evidences.title.clone(), below(evidences, Vec::new()))];
    let drawn = figure::of_numbers_of_components(experiment, outcome);
    let tables = posteriors::numbers_of_components(experiment, outcome);
    sections.extend(tables.into_iter().zip(drawn).map(|(table, figure)| {
        let blocks = figures(Room::Whole, vec![figure]).into_iter().collect();
        (table.title.clone(), below(table, blocks))
    }));
    sections
}

/// Folded tables below a paragraph; nothing without tables.
fn with_folded(tables: Vec<Table>, text: &str) -> Vec<Block> {
    match tables.is_empty() {
        true => Vec::new(),
        false => std::iter::once(Block::text(text)).chain(Block::folded(tables)).collect(),
    }
}

fn failures(outcome: &Outcome) -> Option<Block> {
    let items: Vec<(String, String)> =
        outcome.failures.iter().map(|failed| (failed.name.clone(), failed.reason.clone())).collect();
    (!items.is_empty()).then(|| Block::Notice(Notice { tone: Tone::Failed, title: "Failed".to_owned(), items }))
}

fn warnings(outcome: &Outcome) -> Option<Block> {
    let of_fits = outcome.fits.iter().flat_map(|fit| fit.warnings().into_iter().map(move |warning| (fit, warning)));
    let items: Vec<(String, String)> = of_fits.map(|(fit, warning)| (fit.name.clone(), warning.to_string())).collect();
    (!items.is_empty()).then(|| Block::Notice(Notice { tone: Tone::Warning, title: "Warnings".to_owned(), items }))
}

fn fits(outcome: &Outcome, summary: &Summary, has: Has) -> Vec<Block> {
    let mut text = "Sweeps are passes over all rows, of all restarts. AIC = \u{2212}2 ln L + 2 p, BIC = \u{2212}2 ln L + p ln n, \
        ICL = BIC \u{2212} 2 \u{3a3} ln max r; for all three, smaller is better (the smallest in bold). mclust prints BIC and ICL \
        with the opposite sign."
        .to_owned();
    if has.posterior {
        text.push_str(
            " For Gibbs sampling everything is at the posterior means; R-hat should be at most 1.01 and the effective sample \
             size (ESS) at least 400 for every quantity, else it is marked !.",
        );
    }
    vec![Block::Table(tables::fits(outcome, summary)), Block::Text(text)]
}

fn over_the_data(experiment: &Experiment, outcome: &Outcome, has: Has) -> Vec<Block> {
    let mut blocks: Vec<Block> =
        figures(Room::Whole, figure::of_fits_together(experiment, outcome)).into_iter().collect();
    let d = experiment.data.data.d();
    if d > 1 {
        let truth = if has.truth { "; those of the truth are dashed" } else { "" };
        blocks.push(Block::Heading("Each fit".to_owned()));
        blocks.push(Block::Text(format!(
            "Rows are coloured by their most probable component. Ellipses hold 50 % and 90 % of the marginal distribution of \
             each component in the plane shown{truth}."
        )));
    }
    let room = if d == 2 || d > 4 { Room::Half } else { Room::Whole };
    blocks.extend(figures(room, figure::of_each_fit(experiment, outcome)));
    blocks
}

fn parameters(experiment: &Experiment, outcome: &Outcome, has: Has) -> Vec<Block> {
    let mut text = String::new();
    if has.intervals {
        text.push_str(
            "Estimates with 90 % intervals: of the posterior for Gibbs sampling, whose estimates are posterior means, else from \
             standard errors",
        );
        text.push_str(if has.truth { "; an interval \u{2713} covers the truth or \u{2717} does not. " } else { ". " });
        text.push_str("A standard deviation is the root of the (mean) variance. ");
    }
    let matched = if has.truth { " as they match the truth where it has as many, else" } else { "" };
    text.push_str(&format!("Components are listed{matched} in the order of their means."));
    if has.posterior {
        text.push_str(
            " Label kept: how probable it is, over the draws, that the rows of a component belong to just this one \
             (identifiability, 0 where no rows do; below 0.7 its summaries mean little, and it is marked !).",
        );
    }
    let tables = tables::parameters(experiment, outcome).into_iter().map(Block::Table);
    let drawn = figures(Room::Whole, figure::of_parameters(experiment, outcome));
    drawn.into_iter().chain([Block::Text(text)]).chain(tables).collect()
}

fn comparison(summary: &Summary, has: Has) -> Vec<Block> {
    let Some(table) = tables::comparison(summary.comparison()) else { return Vec::new() };
    let mut text = "Each fit against the truth or the known classes, where there are any, and against the other fits. Weights: the \
        largest absolute difference. Means: the root mean square difference, in standard deviations of the columns. \
        Covariances: the largest relative Frobenius distance. ARI: the adjusted Rand index of the two classifications, against \
        the known classes where there are any."
        .to_owned();
    if has.held_out {
        text.push_str(
            " Held-out density: how much higher the log predictive density of a held-out row is on average, with its standard \
             error over the rows.",
        );
    }
    vec![Block::Table(table), Block::Text(text)]
}

fn reconciliation(outcome: &Outcome, summary: &Summary, has: Has) -> Vec<Block> {
    let text = "Of each parameter maximum likelihood (ML) and the mode of the posterior (MAP) of the same model beside the draws. \
        Below: the posterior probability below an estimate, with its Monte Carlo error. Se / sd: the standard error by the \
        observed information over the posterior standard deviation. With many rows of components far apart the points are the \
        median and the ratios 1.";
    let drawn = figures(Room::Whole, figure::of_reconciliation(outcome, summary.reconciliation()));
    let mut blocks: Vec<Block> = drawn.into_iter().collect();
    blocks.extend(with_folded(reconciled::tables(summary.reconciliation(), has.truth), text));
    if let Some(alone) = reconciled::alone(outcome, summary.reconciliation()) {
        blocks.push(Block::Text(format!(
            "No such point estimate beside {alone}: add `Em()` and `Em(objective: Posterior)` with the same model and prior to the \
             fits."
        )));
    }
    blocks
}

fn quantities(experiment: &Experiment, outcome: &Outcome, has: Has) -> Vec<Block> {
    let mut text = "Indices count from 0: component first, then columns. Quantities before the weights do not depend on the labels \
        of components."
        .to_owned();
    if has.truth {
        text.push_str(" \u{2713}: the 90 % interval covers the truth, \u{2717}: it does not.");
    }
    with_folded(tables::quantities(experiment, outcome), &text)
}

/// What is known about the data, as pairs of a word and a text.
fn facts(experiment: &Experiment, summary: &Summary) -> Block {
    let DataSet { data, held_out, columns, source, sha256, labels, truth, .. } = &experiment.data;
    let mut facts = vec![
        ("Data", format!("{source}: {} of {}", counted(data.n(), "row"), counted(data.d(), "column"))),
        ("Names", listed(columns)),
        ("SHA-256", sha256.clone()),
        ("Seed", experiment.seed.to_string()),
    ];
    if let Some(rows) = held_out {
        facts.push(("Held out", format!("{}, drawn at random, that no fit saw", counted(rows.data.n(), "row"))));
    }
    if let Some(labels) = labels {
        let mut rows = vec![0; labels.classes.len()];
        labels.of_rows.iter().for_each(|class| rows[usize::from(*class)] += 1);
        let classes = labels.classes.iter().zip(rows);
        let classes: Vec<String> = classes.map(|(class, rows)| format!("{class} ({})", counted(rows, "row"))).collect();
        facts.push(("Known classes, not fitted", listed(&classes)));
    }
    if let Some(truth) = truth {
        let at_truth = summary.truth_ln_likelihood().map_or(String::new(), |x| format!(", ln L = {}", ln(x)));
        facts.push(("Truth", format!("a mixture of {}{at_truth}", truth.k())));
    }
    Block::Facts(facts.into_iter().map(|(word, text)| (word.to_owned(), text)).collect())
}
