//! The convergence diagnostics equal those of arviz and posterior.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers may panic, as tests may")]

use gmm_mcmc::diagnostics::{
    ess_bulk, ess_mean, ess_median, ess_quantile, ess_tail, mcse_mean, mcse_median, mcse_quantile, mcse_sd,
    r_hat_identity, r_hat_rank, r_hat_split,
};
use reference::{DiagnosticsCase, diagnostic_chains, diagnostics_cases};

/// The diagnostics of `big_offset_4x1000` on which the packages differ, by exact rational arithmetic on its draws.
const EXACT_BIG_OFFSET: [(&str, f64); 5] = [
    ("rhat_identity", 1.0031762082272255),
    ("rhat_split", 1.0046251886264812),
    ("ess_mean", 1026.927440347173),
    ("mcse_mean", 0.03875520940458892),
    ("mcse_sd", 0.020633936734200047),
];

/// The diagnostic that the reference calls by that name; none for those that this crate does not have.
fn diagnostic(name: &str, chains: &[Vec<f64>]) -> Option<f64> {
    let value = match name {
        "rhat_rank" => r_hat_rank(chains),
        "rhat_split" => r_hat_split(chains),
        "rhat_identity" => r_hat_identity(chains),
        "ess_bulk" => ess_bulk(chains),
        "ess_tail" => ess_tail(chains),
        "ess_mean" => ess_mean(chains),
        "ess_median" => ess_median(chains),
        "ess_quantile_0.05" => ess_quantile(chains, 0.05),
        "ess_quantile_0.95" => ess_quantile(chains, 0.95),
        "mcse_mean" => mcse_mean(chains),
        "mcse_sd" => mcse_sd(chains),
        "mcse_median" => mcse_median(chains),
        "mcse_quantile_0.05" => mcse_quantile(chains, 0.05),
        "mcse_quantile_0.95" => mcse_quantile(chains, 0.95),
        "ess_sd" => return None,
        _ => panic!("the reference has a diagnostic that no test knows: {name}"),
    };
    Some(value)
}

fn case(name: &str) -> (DiagnosticsCase, Vec<Vec<f64>>) {
    let case = diagnostics_cases().into_iter().find(|case| case.name == name).unwrap();
    (case, diagnostic_chains(name))
}

fn assert_close(value: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (value - expected).abs();
    assert!(error <= tolerance * expected.abs(), "{what}: {value} instead of {expected}");
}

#[test]
fn every_diagnostic_on_which_the_packages_agree_is_theirs() {
    let mut n_compared = 0;
    for case in diagnostics_cases() {
        let chains = diagnostic_chains(&case.name);
        for (name, expected) in &case.agreed {
            let value = diagnostic(name, &chains).unwrap();
            assert_close(value, *expected, 1e-8, &format!("{} {name}", case.name));
            n_compared += 1;
        }
    }
    assert_eq!(n_compared, 107);
}

#[test]
fn the_standard_error_of_the_standard_deviation_is_that_of_posterior() {
    let mut n_compared = 0;
    for case in diagnostics_cases() {
        // Very short chains follow arviz; where posterior has no value there is none here.
        if case.name == "short_4x10" {
            continue;
        }
        let Some(peers) = case.differ.get("mcse_sd") else { continue };
        let value = mcse_sd(&diagnostic_chains(&case.name));
        if peers["posterior"].is_nan() {
            assert!(value.is_nan(), "{}", case.name);
        } else {
            // The package itself loses digits to the offset of 1e9.
            let tolerance = if case.name == "big_offset_4x1000" { 1e-7 } else { 1e-8 };
            assert_close(value, peers["posterior"], tolerance, &case.name);
        }
        n_compared += 1;
    }
    assert_eq!(n_compared, 10);
}

#[test]
fn a_constant_quantity_and_one_with_a_nan_have_no_diagnostics() {
    for name in ["constant_4x100", "with_nan_4x200"] {
        let (case, chains) = case(name);
        for diagnostic_name in case.differ.keys() {
            if let Some(value) = diagnostic(diagnostic_name, &chains) {
                assert!(value.is_nan(), "{name} {diagnostic_name}: {value}");
            }
        }
    }
}

#[test]
fn a_single_chain_has_the_r_hat_of_posterior_between_its_halves_and_none_unsplit() {
    let (case, chains) = case("single_chain_1x1000");
    assert_close(r_hat_rank(&chains), case.differ["rhat_rank"]["posterior"], 1e-8, "rhat_rank");
    assert_close(r_hat_split(&chains), case.differ["rhat_split"]["posterior"], 1e-8, "rhat_split");
    assert!(r_hat_identity(&chains).is_nan());
}

#[test]
fn chains_of_ten_draws_have_the_diagnostics_of_arviz() {
    let (case, chains) = case("short_4x10");
    let mut n_compared = 0;
    for (name, peers) in &case.differ {
        let Some(value) = diagnostic(name, &chains) else { continue };
        assert_close(value, peers["arviz"], 1e-8, name);
        n_compared += 1;
    }
    assert_eq!(n_compared, 11);
    // The largest value that an effective sample size can have, 40 log10(40).
    assert_close(ess_bulk(&chains), 64.08239965311849, 1e-12, "ess_bulk");
}

#[test]
fn an_offset_of_a_billion_costs_no_digits() {
    // The packages agree with each other to 8 digits at best: they lose the rest to the offset.
    let (case, chains) = case("big_offset_4x1000");
    for (name, expected) in EXACT_BIG_OFFSET {
        let value = diagnostic(name, &chains).unwrap();
        assert_close(value, expected, 1e-12, name);
        assert_close(value, case.differ[name]["posterior"], 1e-7, name);
    }
}
