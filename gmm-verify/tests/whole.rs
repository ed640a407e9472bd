//! All parts as a command would run them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Mutex;
use std::time::Instant;

use gmm_core::{ComponentPrior, Data, Model, NormalInverseWishart, Prior, Shape, Streams, Structure};
use gmm_em::{Ascent, Em, Objective, fit};
use gmm_mcmc::{Gibbs, Kind};
use gmm_verify::optima::Claim;
use gmm_verify::{Estimate, Part, Progress, Settings, Simulator, Verdict, verify};

/// A verification with the default settings, but for what is scaled down.
fn verified(model: &Model, data: &Data, kind: Kind, scale: usize) -> Verdict {
    let mut settings = Settings::of(&Gibbs { kind, ..Gibbs::default() });
    if let (Some(sbc), Some(geweke), Some(exact)) = (&mut settings.sbc, &mut settings.geweke, &mut settings.exact) {
        sbc.replications /= scale;
        geweke.alternations /= scale;
        exact.effective /= scale;
        exact.evidences /= scale;
    }
    let streams = Streams::new(12);
    let fits = [Objective::Likelihood, Objective::Posterior].map(|objective| {
        let em = Em { objective, ..Em::default() };
        let estimate = fit(model, data, &em, &streams.named("em"), &|_| {}).unwrap();
        (format!("{objective:?}"), estimate, Claim::of(&em.plan(), true))
    });
    let estimates = fits.each_ref().map(|(name, estimate, claim)| Estimate { name, model, estimate, claim });
    let (signs, clock) = (Mutex::new(Vec::new()), Instant::now());
    let progress = |progress: Progress| signs.lock().unwrap().push((progress, clock.elapsed()));
    let verification = verify(model, data, &estimates, &settings, &streams, &progress).unwrap();
    let mut signs = signs.into_inner().unwrap();
    for part in [Part::Sbc, Part::Geweke, Part::Exact] {
        signs.sort_by_key(|(progress, _)| progress.done);
        let last = signs.iter().rfind(|(progress, _)| progress.part == part).unwrap();
        assert_eq!(last.0.done, last.0.of, "{part}");
        println!("{kind:?}, {part} done after {:.1} s", last.1.as_secs_f64());
    }
    verification.verdict
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
        let verdict = verified(model, &data, kind, 40);
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
        let verdict = verified(&model, &data, kind, 1);
        assert!(verdict.is_clean(), "{:#?}", verdict.findings().map(ToString::to_string).collect::<Vec<_>>());
    }
}

#[test]
fn a_simulator_of_a_flat_prior_is_refused() {
    let (model, _) = faithful_like(30);
    assert!(Simulator::new(&model.without_prior()).is_err());
}
