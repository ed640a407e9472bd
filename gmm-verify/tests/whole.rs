//! All parts as a command would run them.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use gmm_core::{ComponentPrior, Data, Model, NormalInverseWishart, Prior, Shape, Streams, Structure};
use gmm_em::{Ascent, Em, Objective, fit};
use gmm_mcmc::{Gibbs, Kind};
use gmm_verify::exact::{self, Exact};
use gmm_verify::geweke::{self, Geweke};
use gmm_verify::optima::{self, Claim};
use gmm_verify::sbc::{self, Sbc};
use gmm_verify::verdict::{Budget, of_calibration, of_enumeration, of_joint_test, of_optima};
use gmm_verify::{Part, Simulator, Verdict};

/// Every part of a verification with its default settings, but for what is scaled down.
fn verify(model: &Model, data: &Data, kind: Kind, scale: usize, print: bool) -> Verdict {
    let streams = Streams::new(12);
    let gibbs = Gibbs { kind, ..Gibbs::default() };
    let budget = Budget::new(Budget::RATE, &[Part::Sbc, Part::Geweke, Part::Exact, Part::Optima]);
    let signs = AtomicUsize::new(0);
    let progress = |_| {
        signs.fetch_add(1, Ordering::Relaxed);
    };
    let (mut clock, mut parts) = (Instant::now(), Vec::new());
    let mut lap = |what: &str| {
        if print {
            println!("{kind:?} {what}: {:.1} s", clock.elapsed().as_secs_f64());
        }
        clock = Instant::now();
    };

    let defaults = Sbc::default();
    let settings = Sbc { gibbs: gibbs.clone(), replications: defaults.replications / scale, ..defaults };
    let ranks = sbc::replications(model, &settings, &streams.named("sbc"), &progress);
    parts.push(of_calibration(&budget, &sbc::calibration(model, &settings, &ranks, 0.99)));
    lap("calibration");

    let defaults = Geweke::default();
    let settings = Geweke { kind, alternations: defaults.alternations / scale, ..defaults };
    let simulations = geweke::simulations(model, &settings, &streams.named("geweke"), &progress);
    parts.push(of_joint_test(&budget, &geweke::compare(model, &simulations)));
    lap("joint test");

    let settings =
        Exact { gibbs, evidences: if scale > 1 { 0 } else { Exact::default().evidences }, ..Exact::default() };
    let report = exact::compare(model, data, &settings, &streams.named("exact"), &progress).unwrap();
    parts.push(of_enumeration(&budget, &report));
    lap("enumeration");

    let reports = [Objective::Likelihood, Objective::Posterior].map(|objective| {
        let em = Em { objective, ..Em::default() };
        let estimate = fit(model, data, &em, &streams.named("em"), &|_| {}).unwrap();
        let claim = Claim::of(&em.plan(), true);
        (format!("{objective:?}"), optima::check(model, data, &estimate, &claim))
    });
    parts.push(of_optima(&reports));
    lap("optima");
    assert!(signs.into_inner() > 0);
    Verdict::new(&budget, parts)
}

fn faithful_like(n: usize) -> (Model, Data) {
    let rows: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let (x, y) = (f64::from((i * 37 % 101) as u32) / 101.0 - 0.5, f64::from((i * 53 % 97) as u32) / 97.0 - 0.5);
            if i % 3 == 0 { [2.0 + x, 55.0 + 15.0 * y + 5.0 * x] } else { [4.3 + 1.3 * x, 80.0 + 18.0 * y + 4.0 * x] }
        })
        .collect();
    let data = Data::from_rows(&rows).unwrap();
    (Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap(), data)
}

#[test]
fn the_program_is_clean_under_a_weak_and_an_informative_prior() {
    let (weak, data) = faithful_like(120);
    let ComponentPrior::Conjugate(prior) = &weak.prior().components else { unreachable!() };
    let informative = NormalInverseWishart::new(prior.mean().to_vec(), 0.3, prior.covariance().cloned()).unwrap();
    let prior = Prior {
        weights: Model::dirichlet(vec![1.5, 2.5]).unwrap(),
        components: ComponentPrior::Conjugate(informative),
    };
    let informative = Model::new(2, weak.structure().clone(), prior).unwrap();
    for (model, kind) in [(&weak, Kind::Blocked), (&informative, Kind::Collapsed)] {
        let verdict = verify(model, &data, kind, 10, false);
        assert!(verdict.is_clean(), "{:#?}", verdict.findings().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(verdict.parts.len(), 4);
        assert!(verdict.parts.iter().all(|part| part.tests > 0));
    }
}

/// Prints how long each part takes.
#[test]
#[ignore = "long: a minute or two; all parts with their default settings"]
fn the_program_is_clean_with_default_settings() {
    let (model, data) = faithful_like(200);
    for kind in [Kind::Blocked, Kind::Collapsed] {
        let verdict = verify(&model, &data, kind, 1, true);
        assert!(verdict.is_clean(), "{:#?}", verdict.findings().map(ToString::to_string).collect::<Vec<_>>());
    }
}

#[test]
fn a_simulator_of_a_flat_prior_is_refused() {
    let (model, _) = faithful_like(30);
    assert!(Simulator::new(&model.without_prior()).is_err());
}
