//! What a study found, in sentences.

use crate::report::names::{counted, joined, upper};
use crate::report::numbers::short;
use crate::report::varied::Varied;
use crate::study::{Measure, MeasureName, StudyFit, StudySummary};

/// The nominal coverage of the intervals that are judged.
pub(super) const NOMINAL: f64 = 0.9;
/// Monte Carlo errors beyond which a difference counts.
pub(super) const ERRORS: f64 = 2.0;

/// The sentences: what was simulated, what failed, and what came out in numbers.
pub(super) fn findings(summary: &StudySummary, varied: &Varied) -> Vec<String> {
    let mut all = vec![simulated(summary), failures(summary)];
    all.extend(errors(summary, varied));
    all.extend(coverage(summary));
    all.extend(prediction(summary));
    all
}

fn simulated(summary: &StudySummary) -> String {
    let sets = summary.cells.len() * summary.replicates;
    let names: Vec<String> = summary.fits.iter().map(|fit| fit.name.clone()).collect();
    let labels: Vec<String> = summary.factors.iter().map(|factor| factor.label.clone()).collect();
    let varied = match labels.is_empty() {
        true => "Nothing varies".to_owned(),
        false => format!("What varies: {}", joined(&labels)),
    };
    format!(
        "{} ({} of {}), each fitted by {}. {varied}.",
        upper(&counted(sets, "replicate")),
        counted(summary.cells.len(), "cell"),
        summary.replicates,
        joined(&names)
    )
}

fn failures(summary: &StudySummary) -> String {
    let of = |fit: &StudyFit| {
        let n: usize = summary.failures.iter().filter(|f| f.fit == fit.name).map(|f| f.count).sum();
        (n > 0).then(|| format!("{n} of {}", fit.name))
    };
    let failed: Vec<String> = summary.fits.iter().filter_map(of).collect();
    match failed.is_empty() {
        true => "No fit failed.".to_owned(),
        false => format!("Fits that failed: {}.", joined(&failed)),
    }
}

/// The RMSE of the means at both ends of what varies, or its slope against the rows.
fn errors(summary: &StudySummary, varied: &Varied) -> Option<String> {
    let inside = varied.sets.first()?.panels.first()?;
    let of = |fit: &StudyFit| -> Vec<(usize, &Measure)> {
        let found = |cell: &usize| summary.measure(*cell, &fit.name, Some("means"), MeasureName::Rmse);
        inside.iter().enumerate().filter_map(|(i, cell)| Some((i, found(cell)?))).collect()
    };
    let all: Vec<(&StudyFit, Vec<(usize, &Measure)>)> = summary.fits.iter().map(|fit| (fit, of(fit))).collect();
    let value = |measure: &Measure| Some(short(measure.value?) + &plus_minus(measure.mcse));
    let what = "The RMSE of the means, in true standard deviations,";
    let places: Vec<usize> = all.iter().flat_map(|(_, points)| points.iter().map(|(i, _)| *i)).collect();
    let (low, high) = (places.iter().copied().min()?, places.iter().copied().max()?);
    if low == high {
        let one = |(fit, points): &(&StudyFit, Vec<(usize, &Measure)>)| {
            Some(format!("{} ({})", value(points.first()?.1)?, fit.name))
        };
        let all: Vec<String> = all.iter().filter_map(one).collect();
        return Some(format!("{what} is{} {}.", at(summary, *inside.get(low)?), joined(&all)));
    }
    let of_set = of_first_set(summary, varied);
    let slopes = |(fit, points): &(&StudyFit, Vec<(usize, &Measure)>)| {
        let (slope, error) = slope(summary, varied, points)?;
        Some(format!("n^({slope:.2} \u{b1} {error:.2}) ({})", fit.name))
    };
    if varied.rows(summary) {
        let slopes: Vec<String> = all.iter().filter_map(slopes).collect();
        return (!slopes.is_empty()).then(|| format!("{what}{of_set} goes as {}.", joined(&slopes)));
    }
    let factor = &summary.factors[varied.first?];
    let ends = |(fit, points): &(&StudyFit, Vec<(usize, &Measure)>)| {
        let at = |place: usize| points.iter().find(|(i, _)| *i == place).and_then(|(_, measure)| value(measure));
        Some(format!("from {} to {} ({})", at(low)?, at(high)?, fit.name))
    };
    let (label, first, last) = (&factor.label, &factor.values[low], &factor.values[high]);
    let ends: Vec<String> = all.iter().filter_map(ends).collect();
    (!ends.is_empty()).then(|| format!("{what}{of_set} goes, with {label} from {first} to {last}, {}.", joined(&ends)))
}

/// Which cells the sentence is about, where there are more than those of one line.
fn of_first_set(summary: &StudySummary, varied: &Varied) -> String {
    let second = varied.second.and_then(|second| {
        let factor = summary.factors.get(second)?;
        Some(format!("{} {}", factor.label, factor.values.first()?))
    });
    let words = varied.sets.first().map(|cells| cells.words.clone()).filter(|words| !words.is_empty());
    let all: Vec<String> = second.into_iter().chain(words).collect();
    if all.is_empty() { String::new() } else { format!(" at {},", all.join(", ")) }
}

pub(super) fn plus_minus(mcse: Option<f64>) -> String {
    mcse.map_or(String::new(), |mcse| format!(" \u{b1} {}", short(mcse)))
}

/// The slope of ln RMSE against ln n by least squares, with the Monte Carlo error that the errors of the values leave: cells of
/// other n have other rows, so these are independent.
///
/// ```text
/// slope = sum (x - mean x) y / sum (x - mean x)^2,   error^2 = sum (x - mean x)^2 (mcse / value)^2 / (sum (x - mean x)^2)^2
/// ```
fn slope(summary: &StudySummary, varied: &Varied, points: &[(usize, &Measure)]) -> Option<(f64, f64)> {
    let factor = summary.factors.get(varied.first?)?;
    let point = |(i, measure): &(usize, &Measure)| {
        let crate::study::FactorValue::Number(n) = factor.values.get(*i)? else { return None };
        let value = measure.value.filter(|value| *value > 0.0)?;
        Some((n.ln(), value.ln(), measure.mcse? / value))
    };
    let points: Vec<(f64, f64, f64)> = points.iter().filter_map(point).collect();
    let mean = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
    let squares: f64 = points.iter().map(|p| (p.0 - mean).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - mean) * p.1).sum::<f64>() / squares;
    let variance = points.iter().map(|p| ((p.0 - mean) * p.2).powi(2)).sum::<f64>() / squares / squares;
    (points.len() > 1 && squares > 0.0).then_some((slope, variance.sqrt()))
}

/// In how many cells intervals of the means cover as they should, and where they miss most.
fn coverage(summary: &StudySummary) -> Option<String> {
    let of = |fit: &StudyFit| {
        let is = |m: &&Measure| {
            m.fit == fit.name && m.parameter.as_deref() == Some("means") && m.name == MeasureName::Coverage90
        };
        let all: Vec<(&Measure, f64)> =
            summary.measures.iter().filter(is).filter_map(|measure| Some((measure, measure.value?))).collect();
        let near = all.iter().filter(|(m, value)| (value - NOMINAL).abs() <= ERRORS * m.mcse.unwrap_or(0.0)).count();
        let (measure, value) = all.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let at = at(summary, measure.cell);
        let lowest = format!("{value:.3}{}{at}", plus_minus(measure.mcse));
        Some(match all.len() {
            1 => format!("{lowest} ({})", fit.name),
            n => format!("in {near} of {n} cells, the lowest {lowest} ({})", fit.name),
        })
    };
    let all: Vec<String> = summary.fits.iter().filter_map(of).collect();
    match (all.is_empty(), summary.cells.len()) {
        (true, _) => None,
        (false, 1) => {
            Some(format!("The 90 % intervals of the means cover the truth with a frequency of {}.", joined(&all)))
        }
        (false, _) => Some(format!(
            "The 90 % intervals of the means cover the truth as often as they say, within {ERRORS} Monte Carlo errors, {}.",
            joined(&all)
        )),
    }
}

/// A cell, by the values of its factors.
pub(super) fn at(summary: &StudySummary, cell: usize) -> String {
    let Some(cell) = summary.cells.get(cell).filter(|cell| !cell.values.is_empty()) else { return String::new() };
    let named = summary.factors.iter().zip(&cell.values).map(|(factor, value)| format!("{} {value}", factor.label));
    format!(" at {}", named.collect::<Vec<_>>().join(", "))
}

/// How the others predict beside the first fit, on the same data sets.
fn prediction(summary: &StudySummary) -> Option<String> {
    let (first, others) = summary.fits.split_first()?;
    let of = |fit: &StudyFit| {
        let (mut below, mut above, mut cells) = (0, 0, 0);
        for cell in &summary.cells {
            let found = summary.measure(cell.number, &fit.name, None, MeasureName::KlDifference);
            let Some((value, error)) = found.and_then(|found| Some((found.value?, found.mcse?))) else { continue };
            cells += 1;
            below += usize::from(value < -ERRORS * error);
            above += usize::from(value > ERRORS * error);
        }
        let of_cells = counted(cells, "cell");
        (cells > 0).then(|| format!("that of {} is lower in {below} and higher in {above} of {of_cells}", fit.name))
    };
    let all: Vec<String> = others.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| {
        format!(
            "The Kullback-Leibler divergence of the fit from the truth, beside that of {} on the same data sets: {} (by more than \
             {ERRORS} Monte Carlo errors of the difference).",
            first.name,
            joined(&all)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::study_example::{example, measure};
    use crate::study::FailureCount;

    fn with(factors: &[(&str, &[f64])], rmse: impl Fn(usize) -> Option<f64>) -> StudySummary {
        let mut summary = example(factors);
        for cell in 0..summary.cells.len() {
            let of = |fit| rmse(cell).map(|value| measure(cell, fit, Some("means"), MeasureName::Rmse, value));
            summary.measures.extend(of("em"));
        }
        summary
    }

    fn sentences(summary: &StudySummary) -> Vec<String> {
        findings(summary, &Varied::of(summary))
    }

    #[test]
    fn slopes_have_the_errors_that_the_values_leave() {
        let n: [f64; 3] = [100.0, 400.0, 1600.0];
        let summary = with(&[("data.n", &n)], |cell| Some(n[cell].powf(-0.5)));
        // x - mean x = -ln 4, 0, ln 4, and each ln RMSE has the error 0.1: 0.1 sqrt(2) ln 4 / (2 ln(4)^2).
        let error = 0.1 / 2f64.sqrt() / 4f64.ln();
        let expected =
            format!("The RMSE of the means, in true standard deviations, goes as n^(-0.50 \u{b1} {error:.2}) (em).");
        assert_eq!(sentences(&summary)[2], expected);
        assert_eq!(format!("{error:.2}"), "0.05");
    }

    #[test]
    fn other_factors_go_from_end_to_end_of_what_is_there() {
        let at = |present: &[usize]| {
            let summary =
                with(&[("overlap", &[0.1, 0.2, 0.3])], |cell| present.contains(&cell).then_some(0.5 * cell as f64));
            sentences(&summary)[2].clone()
        };
        let what = "The RMSE of the means, in true standard deviations,";
        let all = "goes, with overlap from 0.1 to 0.3, from 0 \u{b1} 0 to 1.0000 \u{b1} 0.1000 (em).";
        assert_eq!(at(&[0, 1, 2]), format!("{what} {all}"));
        assert_eq!(at(&[1]), format!("{what} is at overlap 0.2 0.5000 \u{b1} 0.0500 (em)."));
    }

    #[test]
    fn coverage_failures_and_the_best_predictions_are_counted() {
        let mut summary = example(&[("data.n", &[100.0, 400.0])]);
        summary.failures.push(FailureCount { cell: 1, fit: "em".to_owned(), reason: "collapsed".to_owned(), count: 3 });
        for (cell, value, error) in [(0, 0.7, 0.05), (1, 0.88, 0.02)] {
            let found = measure(cell, "gibbs", Some("means"), MeasureName::Coverage90, value);
            summary.measures.push(Measure { mcse: Some(error), ..found });
        }
        for (cell, difference) in [(0, -1.0), (1, 0.01)] {
            let found = measure(cell, "gibbs", None, MeasureName::KlDifference, difference);
            summary.measures.push(Measure { mcse: Some(0.01), ..found });
        }
        // Results have them cell by cell.
        summary.measures.sort_by_key(|measure| measure.cell);
        let found = sentences(&summary);
        assert_eq!(found[0], "20 replicates (2 cells of 10), each fitted by em and gibbs. What varies: data.n.");
        assert_eq!(found[1], "Fits that failed: 3 of em.");
        assert!(
            found[2].ends_with("in 1 of 2 cells, the lowest 0.700 \u{b1} 0.0500 at data.n 100 (gibbs)."),
            "{}",
            found[2]
        );
        assert!(found[3].contains("that of gibbs is lower in 1 and higher in 0 of 2 cells"), "{}", found[3]);
        assert_eq!(sentences(&example(&[]))[1], "No fit failed.");
    }
}
