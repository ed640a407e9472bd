//! The report as one self-contained page.

mod points;
mod reconciled;
mod tables;
#[cfg(test)]
mod tests;
mod verification;

use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::config;
use crate::experiment::{DataSet, Experiment};
use crate::fitted::Outcome;
use crate::report::figure::{self, Figure, Key};
use crate::report::names::listed;
use crate::report::numbers::ln;
use crate::report::posteriors::{self, Listed};
use crate::summary::Summary;
pub(crate) use tables::method;
use tables::{Cell, Table};
pub(crate) use verification::verification_page;

/// The page; without scripts, links or anything from elsewhere.
///
/// # Errors
/// What the template engine or the drawing library says, in words.
pub(crate) fn html(experiment: &Experiment, outcome: &Outcome, summary: &Summary) -> Result<String, String> {
    let fits = figure::of_fits(experiment, outcome)?;
    let progress = figure::of_progress(outcome)?;
    let mut warnings = Vec::new();
    for fit in &outcome.fits {
        warnings
            .extend(fit.warnings().iter().map(|warning| context! { fit => &fit.name, text => warning.to_string() }));
    }
    let failures = outcome.failures.iter().map(|failed| context! { fit => &failed.name, reason => &failed.reason });
    let page = context! {
        name => &experiment.name,
        version => env!("CARGO_PKG_VERSION"),
        facts => facts(experiment, summary),
        d => experiment.data.data.d(),
        has_truth => experiment.data.truth.is_some(),
        has_held_out => experiment.data.held_out.is_some(),
        has_posterior => outcome.fits.iter().any(|fit| fit.gibbs.is_some()),
        has_intervals => outcome.fits.iter().any(|fit| !fit.quantities_with_intervals().is_empty()),
        warnings,
        failures => failures.collect::<Vec<Value>>(),
        fits => (!outcome.fits.is_empty()).then(|| tables::fits(outcome, summary)).map(Value::from),
        parameters => values(tables::parameters(experiment, outcome)),
        comparison => tables::comparison(summary.comparison()).map(Value::from),
        quantities => values(tables::quantities(experiment, outcome)),
        posteriors => values(posteriors::tables(experiment, outcome, Listed::All).into_iter().map(Table::from).collect()),
        reconciled => values(reconciled::tables(summary.reconciliation(), experiment.data.truth.is_some())),
        alone => reconciled::alone(outcome, summary.reconciliation()),
        co_clustering => values(figure::of_partitions(outcome)),
        modes => values(points::modes(outcome)),
        singularities => values(points::singularities(outcome)),
        standard_errors => values(points::standard_errors(outcome)),
        figures => values(fits),
        progress => values(progress),
        config => config::to_ron(&experiment.config),
    };
    render("page.html", page).map_err(|error| format!("{error:#}"))
}

fn render(template: &str, page: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Names that end in .html switch escaping on.
    environment.add_template("style.html", include_str!("style.html"))?;
    environment.add_template("parts.html", include_str!("parts.html"))?;
    environment.add_template("page.html", include_str!("page.html"))?;
    environment.add_template("verification.html", include_str!("verification.html"))?;
    environment.get_template(template)?.render(page)
}

/// What is known about the data, as pairs of a word and a text.
fn facts(experiment: &Experiment, summary: &Summary) -> Vec<Value> {
    let DataSet { data, held_out, columns, source, sha256, labels, truth, .. } = &experiment.data;
    let mut facts = vec![
        ("Data", format!("{source}: {} of {}", count(data.n(), "row"), count(data.d(), "column"))),
        ("Names", listed(columns)),
        ("SHA-256", sha256.clone()),
        ("Seed", experiment.seed.to_string()),
    ];
    if let Some(rows) = held_out {
        facts.push(("Held out", format!("{}, drawn at random, that no fit saw", count(rows.data.n(), "row"))));
    }
    if let Some(labels) = labels {
        let mut rows = vec![0; labels.classes.len()];
        labels.of_rows.iter().for_each(|class| rows[usize::from(*class)] += 1);
        let classes = labels.classes.iter().zip(rows);
        let classes: Vec<String> = classes.map(|(class, rows)| format!("{class} ({})", count(rows, "row"))).collect();
        facts.push(("Known classes, not fitted", listed(&classes)));
    }
    if let Some(truth) = truth {
        let at_truth = summary.truth_ln_likelihood().map_or(String::new(), |x| format!(", ln L = {}", ln(x)));
        facts.push(("Truth", format!("a mixture of {}{at_truth}", truth.k())));
    }
    facts.into_iter().map(|(word, text)| context! { word, text }).collect()
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn values<T: Into<Value>>(all: Vec<T>) -> Vec<Value> {
    all.into_iter().map(Into::into).collect()
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        let Table { title, note, header, rows, more } = table;
        context! { title, note, header => values(header), rows => rows.into_iter().map(values).collect::<Vec<_>>(), more }
    }
}

impl From<Cell> for Value {
    fn from(Cell { text, aside, kind, mark, key }: Cell) -> Self {
        let (class, sign, meaning) = mark.map_or(("", "", ""), tables::Mark::words);
        context! { text, aside, kind, class, sign, meaning, key => key.map(Value::from) }
    }
}

impl From<Key> for Value {
    fn from(Key { kind, sign, color, text }: Key) -> Self {
        context! { kind, sign, color, text }
    }
}

impl From<Figure> for Value {
    fn from(Figure { svg, title, caption, legend, width }: Figure) -> Self {
        context! { svg => Value::from_safe_string(svg), title, caption, legend => values(legend), width }
    }
}
