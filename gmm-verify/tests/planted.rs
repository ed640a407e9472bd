//! The verifier verified: errors that people make, planted one by one in the program itself, are found; and nothing is found in
//! the program without them.
//!
//! `cargo test -p gmm-verify --features planted-defects --test planted -- --nocapture` prints for each defect the parts that
//! found it and what they cost.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gmm_core::planted::{Defect, plant};
use gmm_core::{
    ComponentPrior, Data, InverseWishart, Model, NormalInverseWishart, Prior, Shape, Streams, Structure, Symmetric,
};
use gmm_em::{Ascent, Em, EmError, Objective, fit};
use gmm_mcmc::{Gibbs, Kind, Tempering};
use gmm_verify::exact::Exact;
use gmm_verify::geweke::Geweke;
use gmm_verify::optima::Claim;
use gmm_verify::sbc::Sbc;
use gmm_verify::{Estimate, Part, Settings, Simulator, Verdict, verify};

/// A defect is planted in the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Two components in the plane under a prior that says something.
fn model(structure: Structure) -> Model {
    model_of(structure, &[1.5; 2], 0.4, 6.0)
}

/// Components in the plane.
fn model_of(structure: Structure, concentration: &[f64], kappa: f64, dof: f64) -> Model {
    let scale = Symmetric::full(&[[3.0, 0.8], [0.8, 1.5]]).unwrap();
    let covariance = match structure {
        Structure::Known(_) => None,
        Structure::Free(shape) | Structure::Tied(shape) => {
            Some(InverseWishart::new(dof, scale.project(shape)).unwrap())
        }
    };
    let prior = NormalInverseWishart::new(vec![1.0, -2.0], kappa, covariance).unwrap();
    let weights = Model::dirichlet(concentration.to_vec()).unwrap();
    Model::new(2, structure, Prior { weights, components: ComponentPrior::Conjugate(prior) }).unwrap()
}

/// Where a defect can be seen.
fn case(defect: Defect) -> (Structure, Kind, Option<Tempering>) {
    use Defect as D;
    let full = Structure::Free(Shape::Full);
    match defect {
        D::IsotropicDofWithoutD => (Structure::Free(Shape::Isotropic), Kind::Blocked, None),
        D::TiedDofOfOneComponent => (Structure::Tied(Shape::Full), Kind::Blocked, None),
        D::RateForScale => (Structure::Free(Shape::Diagonal), Kind::Blocked, None),
        D::CollapsedKeepsOwnRow
        | D::CollapsedConcentrationDropped
        | D::CollapsedDofOffByOne
        | D::CollapsedMeanCertain => (full, Kind::Collapsed, None),
        D::SwapsAlways | D::SwapRatioInverted => (full, Kind::Blocked, Some(Tempering { rungs: 3 })),
        _ => (full, Kind::Blocked, None),
    }
}

/// What the program said.
struct Run {
    verdict: Verdict,
    /// Whether EM itself refused its result: its objective fell.
    refused: bool,
    seconds: BTreeMap<Part, f64>,
}

/// All parts that apply, at the stated rate for all together, and how long each took.
fn run((model, kind, tempering): (&Model, Kind, Option<Tempering>), defect: Option<Defect>, seed: u64) -> Run {
    let streams = Streams::new(seed);
    // The data are made, and their optimum found, by a program without defects: they are the user's.
    let data: Data = Simulator::new(model).unwrap().draw(60, &mut streams.named("data").rng(0)).unwrap().data;
    plant(defect);
    let gibbs = Gibbs { kind, tempering, warmup: 50, ..Gibbs::default() };
    let mut settings = Settings::of(&gibbs);
    settings.sbc = Some(Sbc { gibbs: gibbs.clone(), rows: 30, replications: 500, draws: 49, thin: 3 });
    settings.geweke =
        settings.geweke.map(|geweke| Geweke { rows: 6, draws: 3000, chains: 80, alternations: 200, ..geweke });
    settings.exact = Some(Exact { gibbs, rows: 6, runs: 12, effective: 500, most_scans: 50_000, evidences: 6 });
    let fits = [Objective::Likelihood, Objective::Posterior].map(|objective| {
        let em = Em { objective, restarts: 4, ..Em::default() };
        (fit(model, &data, &em, &streams.named("em"), &|_| {}), Claim::of(&em.plan(), true))
    });
    let estimates: Vec<Estimate<'_>> = fits
        .iter()
        .filter_map(|(found, claim)| Some(Estimate { name: "EM", model, estimate: found.as_ref().ok()?, claim }))
        .collect();
    let refused = fits.iter().any(|(found, _)| matches!(found, Err(EmError::Decreased { .. })));
    let (begun, ends) = (Instant::now(), Mutex::new(BTreeMap::new()));
    let progress = |progress: gmm_verify::Progress| {
        ends.lock().unwrap().insert(progress.part, begun.elapsed());
    };
    let verification = verify(model, &data, &estimates, &settings, &streams, &progress).unwrap();
    plant(None);
    let mut seconds = BTreeMap::new();
    let mut before = Duration::ZERO;
    for (part, end) in ends.into_inner().unwrap() {
        seconds.insert(part, (end - before).as_secs_f64());
        before = end;
    }
    Run { verdict: verification.verdict, refused, seconds }
}

#[test]
fn every_planted_defect_is_found() {
    let _alone = ALONE.lock();
    let mut missed = Vec::new();
    println!("| planted defect | found by |\n|---|---|");
    for defect in Defect::ALL {
        let (structure, kind, tempering) = case(*defect);
        let run = run((&model(structure), kind, tempering), Some(*defect), 2024);
        let found = |part: &Part| run.verdict.findings().any(|finding| finding.part == *part);
        let mut by: Vec<String> = [Part::Sbc, Part::Geweke, Part::Exact, Part::Optima]
            .iter()
            .filter(|part| found(part))
            .map(|part| match run.seconds.get(part) {
                Some(seconds) => format!("{part} ({seconds:.1} s)"),
                None => part.to_string(),
            })
            .collect();
        if run.refused {
            by.push("EM itself, whose objective fell".to_owned());
        }
        println!("| {} | {} |", defect.words().trim_end_matches('.'), by.join(", "));
        if by.is_empty() {
            missed.push(*defect);
        }
    }
    assert!(missed.is_empty(), "missed: {missed:?}");
}

/// At a rate of false alarms of 1 % for all parts together: none is expected in 20 seeds with a probability of 0.82 or more.
#[test]
fn nothing_is_found_in_the_program_as_it_is() {
    let _alone = ALONE.lock();
    let mut alarms = Vec::new();
    let cases = [
        (Structure::Free(Shape::Full), Kind::Blocked, None),
        (Structure::Free(Shape::Full), Kind::Collapsed, None),
        (Structure::Tied(Shape::Diagonal), Kind::Blocked, None),
        (Structure::Free(Shape::Full), Kind::Blocked, Some(Tempering { rungs: 3 })),
    ];
    for (seed, case) in (1..=20).zip(cases.iter().cycle()) {
        let (structure, kind, tempering) = case.clone();
        let run = run((&model(structure), kind, tempering), None, seed);
        assert!(!run.refused);
        alarms.extend(run.verdict.findings().map(|finding| format!("seed {seed}: {finding}")));
    }
    assert!(alarms.is_empty(), "{alarms:#?}");
}

/// Where rounding, underflow, slow mixing and rare partitions are at home: weights that vanish, means that are anywhere, covariances
/// nearly without a prior, one component.
#[test]
fn nothing_is_found_under_extreme_priors() {
    let _alone = ALONE.lock();
    let full = || Structure::Free(Shape::Full);
    let models = [
        model_of(full(), &[0.05; 3], 0.4, 6.0),
        model_of(full(), &[0.01; 2], 0.4, 6.0),
        model_of(full(), &[5.0, 0.2], 1e-6, 6.0),
        model_of(full(), &[1.0; 2], 0.4, 2.2),
        model_of(Structure::Tied(Shape::Full), &[0.1; 3], 1e-4, 4.0),
        model_of(full(), &[1.0], 0.01, 4.0),
    ];
    let mut alarms = Vec::new();
    for (seed, model) in (101..).zip(&models) {
        for kind in [Kind::Blocked, Kind::Collapsed] {
            let run = run((model, kind, None), None, seed);
            alarms.extend(run.verdict.findings().map(|finding| format!("seed {seed}, {kind:?}: {finding}")));
        }
    }
    assert!(alarms.is_empty(), "{alarms:#?}");
}
