//! The verdict in sentences.

use super::summary::{FitVerification, VerdictSummary};
use crate::report::{counted, joined};

impl VerdictSummary {
    /// Of all fits, at a rate of false alarms of all together.
    pub(crate) fn new(fits: &[FitVerification], rate: f64) -> Self {
        let (samplers, estimates): (Vec<_>, Vec<_>) = fits.iter().partition(|fit| fit.rate.is_some());
        // What nothing is known of is not clean.
        let looked_at = tests(&samplers) + tests(&estimates);
        let clean = looked_at > 0 && fits.iter().all(FitVerification::is_clean);
        let mut words = Vec::new();
        let findings: usize = fits.iter().map(|fit| fit.findings().count()).sum();
        let failures: usize = fits.iter().map(|fit| fit.failures.len()).sum();
        let unclean: Vec<&str> = fits.iter().filter(|fit| !fit.is_clean()).map(|fit| fit.name.as_str()).collect();
        words.push(match (findings, failures) {
            (0, 0) if looked_at == 0 => "Nothing could be looked at.".to_owned(),
            (0, 0) => "Nothing was found.".to_owned(),
            (n, 0) => format!("{} in {}.", counted(n, "finding"), joined(&unclean)),
            (0, n) => format!("{} in {}: nothing can be said of what failed.", counted(n, "failure"), joined(&unclean)),
            (n, m) => format!("{} and {} in {}.", counted(n, "finding"), counted(m, "failure"), joined(&unclean)),
        });
        let of = |fits: &[&FitVerification], n: usize, what: &str, many: &str| {
            (!fits.is_empty()).then(|| format!("{n} {} of {}", if n == 1 { what } else { many }, names(fits)))
        };
        let made =
            [of(&samplers, tests(&samplers), "test", "tests"), of(&estimates, tests(&estimates), "optimum", "optima")];
        let made: Vec<String> = made.into_iter().flatten().collect();
        words.push(format!("This rests on {}.", made.join(" and on ")));
        let unchecked = |fit: &&FitVerification| fit.optima.as_ref().map_or(0, |optima| optima.unchecked.len());
        match estimates.iter().map(unchecked).sum::<usize>() {
            0 => {}
            1 => words.push("One more mode could not be looked at.".to_owned()),
            n => words.push(format!("{n} more modes could not be looked at.")),
        }
        let nothing: Vec<&str> =
            fits.iter().filter(|fit| looked_at > 0 && tests(&[fit]) == 0).map(|fit| fit.name.as_str()).collect();
        if !nothing.is_empty() {
            words.push(format!("Nothing could be looked at of {}.", joined(&nothing)));
        }
        let by_chance = samplers.iter().flat_map(|fit| fit.findings()).all(|finding| finding.p_value.is_some());
        if !samplers.is_empty() && by_chance && failures == 0 {
            let right = if samplers.len() == 1 { "the sampler is" } else { "all samplers are" };
            let percent = percent(rate);
            words.push(format!(
                "If {right} right, chance alone finds something with a probability of {percent} at most."
            ));
        }
        Self { clean, words: words.join(" ") }
    }
}

fn tests(fits: &[&FitVerification]) -> usize {
    fits.iter().flat_map(|fit| &fit.parts).map(|part| part.tests).sum()
}

fn names(fits: &[&FitVerification]) -> String {
    joined(&fits.iter().map(|fit| fit.name.as_str()).collect::<Vec<_>>())
}

/// A rate as people say it.
pub(crate) fn percent(rate: f64) -> String {
    // Three digits.
    let percent: f64 = format!("{:.2e}", 100.0 * rate).parse().unwrap_or(100.0 * rate);
    if percent < 1e-4 { format!("{percent:e} %") } else { format!("{percent} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_said_in_percent() {
        assert_eq!(percent(0.01), "1 %");
        assert_eq!(percent(0.07), "7 %");
        assert_eq!(percent(0.000_5), "0.05 %");
        assert_eq!(percent(1e-12), "1e-10 %");
        assert_eq!(percent(0.004 / 13.0), "0.0308 %");
        assert_eq!(percent(0.1), "10 %");
    }
}
