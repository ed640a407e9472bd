//! The statistics of predictive checks: as a config writes them, and as used.

use gmm_mcmc::predictive::Statistic;

use crate::config::{self, Column, ConfigError, Source, nearest};

/// A statistic as a config writes it: columns by name, or by number if names do not tell them apart.
pub(super) fn written(statistic: &Statistic, columns: &[String]) -> config::Statistic {
    let column = |j: &usize| {
        let name = &columns[*j];
        match columns.iter().filter(|other| *other == name).count() {
            1 => Column::Name(name.clone()),
            _ => Column::Number(*j),
        }
    };
    match statistic {
        Statistic::Mean { column: j } => config::Statistic::Mean(column(j)),
        Statistic::Sd { column: j } => config::Statistic::Sd(column(j)),
        Statistic::Skewness { column: j } => config::Statistic::Skewness(column(j)),
        Statistic::Kurtosis { column: j } => config::Statistic::Kurtosis(column(j)),
        Statistic::Minimum { column: j } => config::Statistic::Minimum(column(j)),
        Statistic::Maximum { column: j } => config::Statistic::Maximum(column(j)),
        Statistic::Quantile { column: j, probability } => config::Statistic::Quantile(column(j), *probability),
        Statistic::Correlation { first, second } => config::Statistic::Correlation(column(first), column(second)),
        Statistic::MeanLnDensity => config::Statistic::MeanLnDensity,
        Statistic::LowestLnDensity => config::Statistic::LowestLnDensity,
    }
}

/// The statistic that is written at a place in the config.
pub(super) fn statistic(
    source: &Source,
    place: &str,
    written: &config::Statistic,
    columns: &[String],
) -> Result<Statistic, ConfigError> {
    let find = |column: &Column| {
        find(column, columns).map_err(|(message, help)| source.error_at(place, message, help.as_deref()))
    };
    Ok(match written {
        config::Statistic::Mean(column) => Statistic::Mean { column: find(column)? },
        config::Statistic::Sd(column) => Statistic::Sd { column: find(column)? },
        config::Statistic::Skewness(column) => Statistic::Skewness { column: find(column)? },
        config::Statistic::Kurtosis(column) => Statistic::Kurtosis { column: find(column)? },
        config::Statistic::Minimum(column) => Statistic::Minimum { column: find(column)? },
        config::Statistic::Maximum(column) => Statistic::Maximum { column: find(column)? },
        config::Statistic::Quantile(column, probability) => {
            if !(0.0..=1.0).contains(probability) {
                let message = format!("{probability} is no probability from 0 to 1");
                return Err(source.error_at(place, message, Some("for example `Quantile(0, 0.9)`")));
            }
            Statistic::Quantile { column: find(column)?, probability: *probability }
        }
        config::Statistic::Correlation(first, second) => {
            let (first, second) = (find(first)?, find(second)?);
            if first == second {
                let message = "the correlation of a column with itself is 1";
                return Err(source.error_at(place, message, Some("name two columns")));
            }
            Statistic::Correlation { first, second }
        }
        config::Statistic::MeanLnDensity => Statistic::MeanLnDensity,
        config::Statistic::LowestLnDensity => Statistic::LowestLnDensity,
    })
}

/// A column among those that are fitted; else what is wrong, and what may help.
fn find(column: &Column, columns: &[String]) -> Result<usize, (String, Option<String>)> {
    match column {
        Column::Number(j) if *j < columns.len() => Ok(*j),
        Column::Number(j) => Err((format!("there is no column {j}: {} are fitted, from 0", columns.len()), None)),
        Column::Name(name) => columns.iter().position(|other| other == name).ok_or_else(|| {
            let names: Vec<&str> = columns.iter().map(String::as_str).collect();
            let help = match nearest(name, &names) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("the columns are {}", crate::report::listed(columns)),
            };
            (format!("no column {name:?} is fitted"), Some(help))
        }),
    }
}
