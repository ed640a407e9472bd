//! The config as written: what parses, what comes back, and what every error shows.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes the helpers of an integration test for production code"
)]

use std::path::Path;

use experiments::config::{
    Acceleration, Collapse, Column, ComponentPrior, Concentration, ConfigError, Covariance, Data, Decay, Evidence,
    Experiment, Fit, Init, Kind, Matrix, Mixture, Model, ModelOverride, Objective, Optimizer, Partition, Prior,
    PriorOfK, Relabelling, Shape, Singularities, StandardErrors, Statistic, Tempering, load, parse, to_ron,
};
use miette::{GraphicalReportHandler, GraphicalTheme};

/// The example of the contract.
const EXAMPLE: &str = r#"Experiment(
    name: "faithful",
    seed: 20,
    data: Csv(path: "../data/faithful.csv", columns: ["eruptions", "waiting"]),
    // data: Csv(path: "iris.csv", columns: [...], labels: "species"),   labels are compared with, never fitted
    // data: Simulate(n: 1000, mixture: (weights: [0.5, 0.25, 0.25], means: [[-3.0], [0.0], [3.0]],
    //                                  covariances: [Full([[1.0]]), Diagonal([0.5]), Isotropic(0.25)])),
    model: (
        components: 2,
        covariance: Free(Full),          // Free(..) | Tied(..) of Full | Diagonal | Isotropic
        prior: (                         // any field may be left out, here and inside Conjugate
            concentration: 1.0,          // or a list of K numbers
            components: Conjugate(mean: [0.0, 0.0], kappa: 0.1, dof: 4.0, scale: Full([[0.5, 0.0], [0.0, 0.5]])),
        ),                               // components: FromData (the default) | Flat
    ),
    fits: [                              // each runs on the same data
        Em(objective: Likelihood, restarts: 20, tolerance: 1e-10, max_iterations: 10000),
        Em(objective: Posterior),
        Em(name: "one variance", model: (covariance: Tied(Isotropic))),
        Gibbs(chains: 4, warmup: 500, draws: 1000),
    ],
)
"#;

fn read(text: &str) -> Experiment {
    match parse("x.ron", text) {
        Ok((experiment, _)) => experiment,
        Err(error) => panic!("{}\n{text}", rendered(&error)),
    }
}

fn rendered(error: &ConfigError) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(200);
    handler.render_report(&mut text, error).unwrap();
    text
}

/// The example with one part replaced.
fn example_with(part: &str, other: &str) -> String {
    assert_eq!(EXAMPLE.matches(part).count(), 1, "{part:?} does not stand in the example exactly once");
    EXAMPLE.replace(part, other)
}

const CSV: &str = r#"Csv(path: "../data/faithful.csv", columns: ["eruptions", "waiting"])"#;
const CONJUGATE: &str =
    "Conjugate(mean: [0.0, 0.0], kappa: 0.1, dof: 4.0, scale: Full([[0.5, 0.0], [0.0, 0.5]])),\n        ), ";
const GIBBS: &str = "Gibbs(chains: 4, warmup: 500, draws: 1000)";

fn em() -> Fit {
    Fit::Em {
        name: None,
        model: None,
        objective: Objective::Likelihood,
        restarts: None,
        tolerance: 1e-10,
        max_iterations: 10_000,
        acceleration: Acceleration::Off,
        init: Init::KMeansPlusPlus,
        collapse: None,
        singularities: Singularities::Fail,
        standard_errors: None,
    }
}

fn gibbs() -> Fit {
    Fit::Gibbs {
        name: None,
        model: None,
        chains: 4,
        warmup: 500,
        draws: 1000,
        kind: Kind::Blocked,
        tempering: None,
        evidence: None,
        accuracy: None,
        labels: Relabelling::Ecr,
        partition: None,
        checks: None,
    }
}

fn mixture() -> Mixture {
    Mixture {
        weights: vec![0.5, 0.25, 0.25],
        means: vec![vec![-3.0], vec![0.0], vec![3.0]],
        covariances: vec![Matrix::Full(vec![vec![1.0]]), Matrix::Diagonal(vec![0.5]), Matrix::Isotropic(0.25)],
    }
}

#[test]
fn the_example_of_the_contract_parses_to_what_it_says() {
    let conjugate = ComponentPrior::Conjugate {
        mean: Some(vec![0.0, 0.0]),
        kappa: Some(0.1),
        dof: Some(4.0),
        scale: Some(Matrix::Full(vec![vec![0.5, 0.0], vec![0.0, 0.5]])),
    };
    let prior = Prior { concentration: Some(Concentration::Same(1.0)), components: Some(conjugate) };
    let (mut first, mut posterior, mut one_variance) = (em(), em(), em());
    if let Fit::Em { restarts, .. } = &mut first {
        *restarts = Some(20);
    }
    if let Fit::Em { objective, .. } = &mut posterior {
        *objective = Objective::Posterior;
    }
    if let Fit::Em { name, model, .. } = &mut one_variance {
        *name = Some("one variance".to_owned());
        *model = Some(ModelOverride { covariance: Some(Covariance::Tied(Shape::Isotropic)), ..Default::default() });
    }
    let expected = Experiment {
        name: "faithful".to_owned(),
        seed: 20,
        data: Data::Csv {
            path: "../data/faithful.csv".to_owned(),
            columns: Some(vec!["eruptions".to_owned(), "waiting".to_owned()]),
            labels: None,
            truth: None,
        },
        holdout: None,
        model: Model { components: 2, covariance: Covariance::Free(Shape::Full), prior: Some(prior) },
        prior_of_k: PriorOfK::Uniform,
        fits: vec![first, posterior, one_variance, gibbs()],
    };
    assert_eq!(read(EXAMPLE), expected);
}

#[test]
fn every_alternative_of_the_data_parses() {
    let data = |text: &str| read(&example_with(CSV, text)).data;
    let Data::Csv { labels, columns, truth, .. } = data(r#"Csv(path: "iris.csv", labels: "species")"#) else {
        panic!()
    };
    assert_eq!((labels.as_deref(), columns, truth), (Some("species"), None, None));

    let whole = Data::Npy { path: "a.npy".to_owned(), columns: Some(vec![2, 0]), labels: Some(5), truth: None };
    assert_eq!(data(r#"Npy(path: "a.npy", columns: [2, 0], labels: 5)"#), whole);
    let least = Data::Npy { path: "a.npy".to_owned(), columns: None, labels: None, truth: None };
    assert_eq!(data(r#"Npy(path: "a.npy")"#), least);
    let columns = Some(vec!["x".to_owned()]);
    let whole = Data::Parquet { path: "a".to_owned(), columns, labels: Some("kind".to_owned()), truth: None };
    assert_eq!(data(r#"Parquet(path: "a", columns: ["x"], labels: "kind")"#), whole);

    let simulate = "Simulate(n: 1000, mixture: (weights: [0.5, 0.25, 0.25], means: [[-3.0], [0.0], [3.0]],
        covariances: [Full([[1.0]]), Diagonal([0.5]), Isotropic(0.25)]))";
    let whole = Data::Simulate { n: Some(1000), mixture: mixture(), sizes: None, seed: None };
    assert_eq!(data(simulate), whole);

    let sizes = simulate.replace("n: 1000", "sizes: [5, 6, 7], seed: 3");
    let whole = Data::Simulate { n: None, mixture: mixture(), sizes: Some(vec![5, 6, 7]), seed: Some(3) };
    assert_eq!(data(&sizes), whole);

    assert_eq!(data("SimulateFromPrior(n: 7)"), Data::SimulateFromPrior { n: 7, seed: None });

    let truth = r#"Csv(path: "a.csv", truth: Mixture(weights: [1], means: [[0]], covariances: [Isotropic(1)]))"#;
    let Data::Csv { truth: Some(truth), .. } = data(truth) else { panic!() };
    assert_eq!(truth.covariances, [Matrix::Isotropic(1.0)]);
}

#[test]
fn every_shape_and_tying_parses() {
    let covariance = |text: &str| read(&example_with("Free(Full),", &format!("{text},"))).model.covariance;
    for (name, shape) in [("Full", Shape::Full), ("Diagonal", Shape::Diagonal), ("Isotropic", Shape::Isotropic)] {
        assert_eq!(covariance(&format!("Free({name})")), Covariance::Free(shape));
        assert_eq!(covariance(&format!("Tied({name})")), Covariance::Tied(shape));
    }
    let full = Matrix::Full(vec![vec![1.0, 0.0], vec![0.0, 2.0]]);
    assert_eq!(covariance("Known(Full([[1.0, 0], [0, 2.0]]))"), Covariance::Known(full));
    assert_eq!(covariance("Known(Diagonal([1, 2]))"), Covariance::Known(Matrix::Diagonal(vec![1.0, 2.0])));
    assert_eq!(covariance("Known(Isotropic(3))"), Covariance::Known(Matrix::Isotropic(3.0)));
}

#[test]
fn every_alternative_of_the_prior_parses() {
    let components = |text: &str| {
        let text = example_with(CONJUGATE, &format!("{text},\n        ), "));
        read(&text).model.prior.unwrap().components.unwrap()
    };
    assert_eq!(components("FromData"), ComponentPrior::FromData);
    assert_eq!(components("Flat"), ComponentPrior::Flat);
    let nothing = ComponentPrior::Conjugate { mean: None, kappa: None, dof: None, scale: None };
    assert_eq!(components("Conjugate()"), nothing);
    let kappa = ComponentPrior::Conjugate { mean: None, kappa: Some(1.0), dof: None, scale: None };
    assert_eq!(components("Conjugate(kappa: 1)"), kappa);

    let concentration = |text: &str| {
        let text = example_with("concentration: 1.0", &format!("concentration: {text}"));
        read(&text).model.prior.unwrap().concentration.unwrap()
    };
    for (text, number) in
        [("0.1", 0.1), ("2", 2.0), ("-2", -2.0), ("1e-7", 1e-7), ("18446744073709551616", 2f64.powi(64))]
    {
        assert_eq!(concentration(text), Concentration::Same(number), "{text}");
    }
    assert_eq!(concentration("[1, 0.1, 5]"), Concentration::Each(vec![1.0, 0.1, 5.0]));
    assert_eq!(concentration("[]"), Concentration::Each(vec![]));
    assert_eq!(read(&example_with("concentration: 1.0,", "")).model.prior.unwrap().concentration, None);
}

#[test]
fn every_setting_of_a_fit_parses_and_is_filled_in_where_it_is_left_out() {
    let fit = |text: &str| read(&example_with(GIBBS, text)).fits.pop().unwrap();
    assert_eq!(fit("Em()"), em());
    assert_eq!(fit("Gibbs()"), gibbs());
    for (text, value) in [
        ("[]", vec![]),
        ("[Bridge(proposals: 5)]", vec![Evidence::Bridge { components: 100, proposals: 5 }]),
        (
            "[Chib(), Bridge()]",
            vec![
                Evidence::Chib { points: 20, most_exchanging: 16, sampled: 100 },
                Evidence::Bridge { components: 100, proposals: 2000 },
            ],
        ),
    ] {
        let Fit::Gibbs { evidence, .. } = fit(&format!("Gibbs(evidence: {text})")) else { panic!() };
        assert_eq!(evidence, Some(value));
    }
    let Fit::Gibbs { kind, tempering, accuracy, .. } = fit("Gibbs(kind: Collapsed, tempering: (), accuracy: false)")
    else {
        panic!()
    };
    assert_eq!((kind, tempering, accuracy), (Kind::Collapsed, Some(Tempering { rungs: 8 }), Some(false)));
    for (text, value) in [
        ("Off", Partition::Off),
        ("VariationOfInformation", Partition::VariationOfInformation),
        ("Binder", Partition::Binder),
    ] {
        let Fit::Gibbs { labels, partition, .. } = fit(&format!("Gibbs(labels: Stephens, partition: {text})")) else {
            panic!()
        };
        assert_eq!((labels, partition), (Relabelling::Stephens, Some(value)));
    }
    let Fit::Gibbs { checks, .. } =
        fit(r#"Gibbs(checks: [Mean("a b"), Quantile(3, 0.9), Correlation("a", 0), MeanLnDensity])"#)
    else {
        panic!()
    };
    let name = |name: &str| Column::Name(name.to_owned());
    let statistics = vec![
        Statistic::Mean(name("a b")),
        Statistic::Quantile(Column::Number(3), 0.9),
        Statistic::Correlation(name("a"), Column::Number(0)),
        Statistic::MeanLnDensity,
    ];
    assert_eq!(checks, Some(statistics));
    let Fit::Gibbs { checks, .. } = fit("Gibbs(checks: [])") else { panic!() };
    assert_eq!(checks, Some(vec![]));
    for (text, value) in [
        ("KMeansPlusPlus", Init::KMeansPlusPlus),
        ("RandomRows", Init::RandomRows),
        ("RandomResponsibilities", Init::RandomResponsibilities),
        ("Alternate", Init::Alternate),
        ("BestOfShort()", Init::BestOfShort { runs: 10, iterations: 5 }),
        ("Stored(results: \"r\", fit: \"em\")", Init::Stored { results: "r".to_owned(), fit: "em".to_owned() }),
        (
            "Given(weights: [1], means: [[0]], covariances: [Isotropic(2)])",
            Init::Given { weights: vec![1.0], means: vec![vec![0.0]], covariances: vec![Matrix::Isotropic(2.0)] },
        ),
    ] {
        let Fit::Em { init, .. } = fit(&format!("Em(init: {text})")) else { panic!() };
        assert_eq!(init, value);
    }
    for (text, value) in [
        ("Fail", Singularities::Fail),
        ("ResetComponent", Singularities::ResetComponent),
        ("RemoveComponent", Singularities::RemoveComponent),
        ("FloorEigenvalues(1e-6)", Singularities::FloorEigenvalues(1e-6)),
        ("Regularise(2)", Singularities::Regularise(2.0)),
        ("BoundRatio(50)", Singularities::BoundRatio(50.0)),
    ] {
        let Fit::Em { singularities, .. } = fit(&format!("Em(singularities: {text})")) else { panic!() };
        assert_eq!(singularities, value);
    }
    for (text, value) in [
        ("Off", StandardErrors::Off),
        ("Observed", StandardErrors::Observed),
        ("Sandwich", StandardErrors::Sandwich),
        ("ParametricBootstrap(replicates: 9)", StandardErrors::ParametricBootstrap { replicates: 9 }),
        ("WeightedBootstrap()", StandardErrors::WeightedBootstrap { replicates: 200 }),
    ] {
        let Fit::Em { standard_errors, .. } = fit(&format!("Em(standard_errors: {text})")) else { panic!() };
        assert_eq!(standard_errors, Some(value));
    }
    let Fit::Em { acceleration, .. } = fit("Em(acceleration: Squarem)") else { panic!() };
    assert_eq!(acceleration, Acceleration::Squarem);
    let Fit::StepwiseEm { passes, block, exponent, average, .. } = fit("StepwiseEm()") else { panic!() };
    assert_eq!((passes, block, exponent, average), (20, 1000, 0.6, true));
    let gradient = Fit::Gradient {
        name: None,
        model: None,
        objective: Objective::Likelihood,
        optimizer: Optimizer::Lbfgs { memory: None },
        batch: None,
        restarts: None,
        tolerance: 1e-10,
        max_iterations: 1000,
        log_every: 10,
        init: Init::KMeansPlusPlus,
        collapse: None,
        singularities: Singularities::Fail,
        standard_errors: None,
    };
    assert_eq!(fit("Gradient()"), gradient);
    assert_eq!(fit("Gradient(optimizer: Lbfgs())"), gradient);
    for (text, value) in [
        ("Constant", Decay::Constant),
        ("InverseSqrt", Decay::InverseSqrt),
        ("Exponential(half_life: 3)", Decay::Exponential { half_life: 3.0 }),
    ] {
        let text = format!("Gradient(optimizer: Adam(step: 0.5, decay: {text}))");
        let Fit::Gradient { optimizer: Optimizer::Adam { step, decay, beta1, .. }, .. } = fit(&text) else { panic!() };
        assert_eq!((step, decay, beta1), (Some(0.5), Some(value), None));
    }
    let Fit::Em { collapse, .. } = fit("Em(collapse: (min_eigenvalue: 1e-6))") else { panic!() };
    assert_eq!(collapse, Some(Collapse { min_eigenvalue: Some(1e-6), min_rows: None }));
    let Fit::Gibbs { name, model, .. } = fit(r#"Gibbs(name: "wide", model: Model(components: 5, prior: ()))"#) else {
        panic!()
    };
    let five = ModelOverride { components: Some(5), covariance: None, prior: Some(Prior::default()) };
    assert_eq!((name.as_deref(), model), (Some("wide"), Some(five)));
}

#[test]
fn names_of_structs_and_some_may_be_written_or_left_out() {
    let plain = read(EXAMPLE);
    assert_eq!(read(&example_with("Experiment(", "(")), plain);
    assert_eq!(read(&example_with("    model: (\n", "    model: Model(\n")), plain);
    assert_eq!(read(&example_with("prior: ( ", "prior: Prior( ")), plain);
    assert_eq!(read(&example_with("concentration: 1.0", "concentration: Some(1.0)")), plain);
    assert_eq!(read(&example_with("kappa: 0.1", "kappa: Some(0.1)")), plain);
    assert_eq!(
        read(&example_with("model: (covariance: Tied(Isotropic))", "model: Some((covariance: Tied(Isotropic)))")),
        plain
    );
    assert_eq!(read(&format!("\u{FEFF}{EXAMPLE}")), plain);
    assert_eq!(read(&EXAMPLE.replace('\n', "\r\n")), plain);
}

/// An experiment in which every field has a value, and the values are hard ones.
fn everything() -> Experiment {
    let hard = vec![0.1 + 0.2, 5e-324, f64::MAX, f64::MIN_POSITIVE, -0.0, 1e300, 1.0 / 3.0, 123_456_789.125, 1e21];
    let model = ModelOverride {
        components: Some(0),
        covariance: Some(Covariance::Known(Matrix::Diagonal(hard.clone()))),
        prior: Some(Prior {
            concentration: Some(Concentration::Each(hard.clone())),
            components: Some(ComponentPrior::Flat),
        }),
    };
    Experiment {
        name: "a \"quoted\" \\ name,\nof two lines: (ünïcode \u{7} \u{200E})".to_owned(),
        seed: u64::MAX,
        data: Data::Csv {
            path: "..\\data\\r#\"x\"#.csv".to_owned(),
            columns: Some((0..40).map(|i| format!("column {i}")).collect()),
            labels: Some(String::new()),
            truth: Some(mixture()),
        },
        holdout: Some(0.1 + 0.2),
        prior_of_k: PriorOfK::BetaNegativeBinomial { shape: 1.0, a: 1.0 / 3.0, b: 5e-324 },
        model: Model {
            components: usize::MAX,
            covariance: Covariance::Known(Matrix::Full(vec![hard.clone(); 3])),
            prior: Some(Prior {
                concentration: Some(Concentration::Same(0.1)),
                components: Some(ComponentPrior::Conjugate {
                    mean: Some(hard.clone()),
                    kappa: Some(1e-3),
                    dof: Some(4.5),
                    scale: Some(Matrix::Isotropic(2.0)),
                }),
            }),
        },
        fits: vec![
            Fit::Em {
                name: Some("em".to_owned()),
                model: Some(model.clone()),
                objective: Objective::Posterior,
                restarts: Some(0),
                tolerance: 0.1 + 0.7,
                max_iterations: 1,
                acceleration: Acceleration::Squarem,
                init: Init::Given { weights: vec![1.0], means: vec![hard.clone()], covariances: vec![] },
                collapse: Some(Collapse { min_eigenvalue: Some(1e-12), min_rows: Some(2.0) }),
                singularities: Singularities::FloorEigenvalues(5e-324),
                standard_errors: Some(StandardErrors::Sandwich),
            },
            em(),
            Fit::Gradient {
                name: Some("adam".to_owned()),
                model: Some(model.clone()),
                objective: Objective::Posterior,
                optimizer: Optimizer::Adam {
                    step: Some(0.5),
                    weights_step: Some(5e-324),
                    components_step: Some(1.0 / 3.0),
                    beta1: Some(0.9),
                    beta2: Some(0.999),
                    epsilon: Some(1e-8),
                    decay: Some(Decay::Exponential { half_life: 7.5 }),
                },
                batch: Some(64),
                restarts: Some(3),
                tolerance: 0.0,
                max_iterations: 9,
                log_every: 2,
                init: Init::Stored { results: "../x y".to_owned(), fit: "em \"2\"".to_owned() },
                collapse: Some(Collapse { min_eigenvalue: None, min_rows: Some(0.5) }),
                singularities: Singularities::RemoveComponent,
                standard_errors: Some(StandardErrors::WeightedBootstrap { replicates: 7 }),
            },
            Fit::Gradient {
                name: None,
                model: None,
                objective: Objective::Likelihood,
                optimizer: Optimizer::Lbfgs { memory: Some(4) },
                batch: None,
                restarts: Some(1),
                tolerance: 1e-9,
                max_iterations: 10,
                log_every: 1,
                init: Init::BestOfShort { runs: 3, iterations: 4 },
                collapse: None,
                singularities: Singularities::BoundRatio(1e3),
                standard_errors: Some(StandardErrors::Off),
            },
            Fit::StepwiseEm {
                name: Some("stepwise".to_owned()),
                model: None,
                objective: Objective::Likelihood,
                restarts: Some(2),
                passes: 3,
                block: 4,
                exponent: 1.0 / 3.0,
                average: false,
                tolerance: 0.0,
                log_every: 5,
                init: Init::RandomResponsibilities,
                collapse: None,
                singularities: Singularities::Regularise(0.1),
                standard_errors: Some(StandardErrors::ParametricBootstrap { replicates: 1 }),
            },
            Fit::Gibbs {
                name: Some("gibbs".to_owned()),
                model: Some(model),
                chains: 1,
                warmup: 0,
                draws: 2,
                kind: Kind::Collapsed,
                tempering: Some(Tempering { rungs: 3 }),
                evidence: Some(vec![
                    Evidence::Bridge { components: 7, proposals: 8 },
                    Evidence::Chib { points: 9, most_exchanging: 10, sampled: 11 },
                ]),
                accuracy: Some(true),
                labels: Relabelling::Stephens,
                partition: Some(Partition::Binder),
                checks: Some(
                    (0..12)
                        .flat_map(|i| {
                            let column = Column::Name(format!("of \"{i}\""));
                            let quantile = Statistic::Quantile(Column::Number(i), 0.1 + 0.2);
                            [
                                Statistic::Skewness(column.clone()),
                                quantile,
                                Statistic::Correlation(column, Column::Number(0)),
                            ]
                        })
                        .chain([Statistic::LowestLnDensity])
                        .collect(),
                ),
            },
        ],
    }
}

#[test]
fn what_is_written_reads_back_the_same_bit_for_bit() {
    let mut experiments = vec![read(EXAMPLE), everything()];
    for data in [
        Data::Simulate { n: Some(3), mixture: mixture(), sizes: Some(vec![1, 2, 3]), seed: Some(0) },
        Data::Simulate { n: None, mixture: mixture(), sizes: None, seed: None },
        Data::SimulateInBall { n: 5, components: Some(2), dims: 3, radius: 0.1 + 0.2, seed: Some(1) },
        Data::SimulateInBall { n: 5, components: None, dims: 3, radius: 1.0, seed: None },
        Data::SimulateFromPrior { n: 5, seed: Some(9) },
    ] {
        let prior_of_k = PriorOfK::Poisson { rate: 0.1 };
        experiments.push(Experiment { data, holdout: None, prior_of_k, fits: vec![], ..everything() });
    }
    for experiment in experiments {
        let text = to_ron(&experiment);
        assert!(text.starts_with("Experiment(\n"));
        let again = read(&text);
        assert_eq!(again, experiment, "{text}");
        // Debug tells -0.0 from 0.0 and shows every bit that matters.
        assert_eq!(format!("{again:?}"), format!("{experiment:?}"));
        assert_eq!(to_ron(&again), text);
    }
}

#[test]
fn what_is_written_is_laid_out_for_people_with_every_default_filled_in() {
    let text = r#"Experiment(
    name: "faithful",
    seed: 20,
    data: Csv(path: "../data/faithful.csv", columns: ["eruptions", "waiting"]),
    model: (
        components: 2,
        covariance: Free(Full),
        prior: (
            concentration: 1.0,
            components: Conjugate(
                mean: [0.0, 0.0],
                kappa: 0.1,
                dof: 4.0,
                scale: Full([[0.5, 0.0], [0.0, 0.5]]),
            ),
        ),
    ),
    prior_of_k: Uniform,
    fits: [
        Em(
            objective: Likelihood,
            restarts: 20,
            tolerance: 1e-10,
            max_iterations: 10000,
            acceleration: Off,
            init: KMeansPlusPlus,
            singularities: Fail,
        ),
        Em(
            objective: Posterior,
            tolerance: 1e-10,
            max_iterations: 10000,
            acceleration: Off,
            init: KMeansPlusPlus,
            singularities: Fail,
        ),
        Em(
            name: "one variance",
            model: (covariance: Tied(Isotropic)),
            objective: Likelihood,
            tolerance: 1e-10,
            max_iterations: 10000,
            acceleration: Off,
            init: KMeansPlusPlus,
            singularities: Fail,
        ),
        Gibbs(chains: 4, warmup: 500, draws: 1000, kind: Blocked, labels: Ecr),
    ],
)
"#;
    assert_eq!(to_ron(&read(EXAMPLE)), text);
}

#[test]
fn no_line_that_is_written_is_wider_than_a_hundred_columns() {
    let text = to_ron(&everything());
    let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let columns = text.lines().filter(|line| line.contains("\"column ")).count();
    assert!(columns < 10, "a long list takes {columns} lines");
}

/// Asserts that a text fails with the caret exactly under the part between « and », that the report names file, line,
/// column and field, and that it says all of `says`.
#[track_caller]
fn assert_error(marked: &str, field: &str, says: &[&str]) {
    let start = marked.find('«').unwrap();
    let end = marked.find('»').unwrap() - '«'.len_utf8();
    let text = marked.replace(['«', '»'], "");
    let Err(error) = parse("dir/x.ron", &text) else { panic!("this parses:\n{text}") };
    let report = rendered(&error);
    assert_eq!(error.span(), Some(start..end), "\n{report}");
    assert_eq!(error.field(), field, "\n{report}");
    assert!(report.contains(field), "{field} in\n{report}");
    let line = 1 + text[..start].matches('\n').count();
    let column = 1 + text[..start].chars().rev().take_while(|&c| c != '\n').count();
    assert_eq!(error.line_and_column(), Some((line, column)));
    let place = format!("[dir/x.ron:{line}:{column}]");
    assert!(report.contains(&place), "{place} in\n{report}");
    for words in says {
        assert!(report.contains(words), "{words:?} in\n{report}");
    }
}

#[test]
fn an_unknown_field_is_shown_with_the_nearest_name_and_all_names() {
    let names = "`name`, `model`, `objective`, `restarts`, `tolerance`, `max_iterations`, `acceleration`, `init`, `collapse`, \
         `singularities` and `standard_errors`";
    let bad = example_with(GIBBS, "Em(«restart»: 5)");
    assert_error(&bad, "fits[3].restart", &["unknown field `restart`", "did you mean `restarts`?", names]);
    let bad = example_with(GIBBS, "Gibbs(chains: 4, «iterations»: 5)");
    assert_error(
        &bad,
        "fits[3].iterations",
        &[
            "not a field of `Gibbs`",
            "`chains`, `warmup`, `draws`, `kind`, `tempering`, `evidence`, `accuracy`, `labels`, \
          `partition` and `checks`",
        ],
    );
    let bad = example_with("seed: 20", "«sede»: 20");
    assert_error(&bad, "sede", &["did you mean `seed`?"]);
    let bad = example_with("kappa: 0.1", "«Kapa» /* , */ : 0.1");
    assert_error(&bad, "model.prior.components.Kapa", &["did you mean `kappa`?", "`mean`, `kappa`, `dof` and `scale`"]);
    let bad = example_with("concentration: 1.0", "«concentrations»: 1.0");
    assert_error(&bad, "model.prior.concentrations", &["did you mean `concentration`?"]);
}

#[test]
fn a_field_of_the_model_inside_a_fit_is_told_where_it_belongs() {
    let bad = example_with(GIBBS, "Em(«covariance»: Tied(Full))");
    assert_error(&bad, "fits[3].covariance", &["unknown field", "`model: (covariance: ..)`"]);
}

#[test]
fn an_unknown_variant_is_shown_with_the_nearest_name_and_all_names() {
    let bad = example_with("Free(Full),", "«Fre»(Full),");
    assert_error(
        &bad,
        "model.covariance",
        &["unknown name `Fre`", "did you mean `Free`?", "`Free`, `Tied` and `Known`"],
    );
    let bad = example_with("Free(Full),", "Free(«full»),");
    assert_error(&bad, "model.covariance", &["did you mean `Full`?", "`Full`, `Diagonal` and `Isotropic`"]);
    let bad = example_with("Free(Full),", "«Diagonal»,");
    assert_error(&bad, "model.covariance", &["did you mean `Free(Diagonal)`?"]);
    let bad = example_with(GIBBS, "Gibbs(checks: [Sd(0), «Skew»(1)])");
    assert_error(&bad, "fits[3].checks[1]", &["did you mean `Skewness`?", "`Quantile`, `Correlation`"]);
    let bad = example_with(GIBBS, "Gibbs(labels: «Stephen»)");
    assert_error(&bad, "fits[3].labels", &["did you mean `Stephens`?"]);
    let bad = example_with(GIBBS, "Gibbs(checks: [Mean(«-1.5»)])");
    assert_error(&bad, "fits[3].checks[0]", &["the name of a column in quotes, or its number from 0", "`-1.5`"]);
    let bad = example_with(GIBBS, "«Gibs»(chains: 4)");
    assert_error(&bad, "fits[3]", &["did you mean `Gibbs`?", "`Em`, `StepwiseEm`, `Gradient` and `Gibbs`"]);
    let bad = example_with("objective: Posterior", "objective: «posterior»");
    assert_error(&bad, "fits[1].objective", &["did you mean `Posterior`?"]);
    let bad = example_with(CSV, "«Excel»(path: 3)");
    assert_error(&bad, "data", &["`SimulateInBall`, `SimulateSeparated` and `SimulateFromPrior`"]);
    let bad = example_with("Full([[0.5, 0.0], [0.0, 0.5]])", "«Spherical»(1)");
    assert_error(&bad, "model.prior.components.scale", &["not one of the names", "`Full`, `Diagonal` and `Isotropic`"]);
}

#[test]
fn a_value_of_the_wrong_type_is_shown_with_what_was_expected_and_what_stands_there() {
    let whole = "expected a whole number";
    for (value, found) in [
        ("2.5", "the number `2.5`"),
        ("2.0", "the number `2.0`"),
        ("\"20\"", "the text \"20\""),
        ("twenty", "`twenty`"),
        ("true", "`true`"),
        ("[20]", "a list `[..]`"),
        ("(20)", "`(..)`"),
        ("Seed(20)", "`Seed(..)`"),
        ("0x", "`0x`"),
        ("0b12", "`0b12`"),
        ("20.", "the number `20.`"),
        ("1_000_u", "`1_000_u`"),
        ("'2'", "`'2'`"),
        ("20u8", "`20u8`"),
    ] {
        let bad = example_with("seed: 20", &format!("seed:/* : */ «{value}»"));
        assert_error(&bad, "seed", &[whole, found, "`seed: 20`"]);
    }
    let bad = example_with("draws: 1000", "draws: «\"many\"»");
    assert_error(&bad, "fits[3].draws", &[whole, "`draws: 1000`"]);
    let bad = example_with("tolerance: 1e-10", "tolerance: «1e-x»");
    assert_error(&bad, "fits[0].tolerance", &["expected a number, found `1e-x`"]);
    let bad = example_with("\"faithful\"", "«faithful»");
    assert_error(&bad, "name", &["expected a text in quotes, found `faithful`"]);
    let bad = example_with("\"eruptions\"", "«3»");
    assert_error(&bad, "data.columns[0]", &["expected a text in quotes"]);
    let bad = example_with("mean: [0.0, 0.0]", "mean: «0.0»");
    assert_error(&bad, "model.prior.components.mean", &["expected a list of numbers"]);
    let bad = example_with("mean: [0.0, 0.0]", "mean: «(0.0, 0.0)»");
    assert_error(&bad, "model.prior.components.mean", &["a list stands in square brackets"]);
    let bad = example_with("[0.0, 0.5]]", "[0.0, «x»]]");
    assert_error(&bad, "model.prior.components.scale[1][1]", &["expected a number, found `x`"]);
    let bad = example_with("Full([[0.5, 0.0], [0.0, 0.5]])", "Full([«0.5», 0.5])");
    assert_error(&bad, "model.prior.components.scale[0]", &["expected a row, a list of numbers"]);
    let bad = example_with("Full([[0.5, 0.0], [0.0, 0.5]])", "«[[0.5]]»");
    assert_error(&bad, "model.prior.components.scale", &["expected a matrix", "`Isotropic(0.25)`"]);
    let bad = example_with("Free(Full),", "«3»,");
    assert_error(&bad, "model.covariance", &["expected `Free(..)`, `Tied(..)` or `Known(..)`, found the number `3`"]);
    let bad = example_with("Free(Full),", "«Free»,");
    assert_error(&bad, "model.covariance", &["`Free` needs its brackets"]);
    let bad = example_with("Free(Full),", "«Free» /* ( */,");
    assert_error(&bad, "model.covariance", &["`Free` needs its brackets"]);
    let bad = example_with("Free(Full),", "«Free()»,");
    assert_error(&bad, "model.covariance", &["found `Free()`"]);
    let bad = example_with("Free(Full),", "Free(Full, «Full»),");
    assert_error(&bad, "model.covariance", &["`Free(..)` holds one value"]);
    let bad = example_with("objective: Posterior", "objective: «Posterior()»");
    assert_error(&bad, "fits[1].objective", &["expected `Likelihood` or `Posterior`"]);
    let bad = example_with(GIBBS, "«Gibbs»");
    assert_error(&bad, "fits[3]", &["`Gibbs` needs its brackets"]);
    let bad = example_with(GIBBS, "Gibbs(evidence: [«Bridge»])");
    assert_error(&bad, "fits[3].evidence[0]", &["`Bridge` needs its brackets", "`evidence: [Bridge(), Chib()]`"]);
    let bad = example_with(GIBBS, "Gibbs(tempering: «8»)");
    assert_error(&bad, "fits[3].tempering", &["expected a ladder", "`tempering: (rungs: 8)`"]);
    let bad = example_with(GIBBS, "«4»");
    assert_error(&bad, "fits[3]", &["expected `Em(..)`, `StepwiseEm(..)`, `Gradient(..)` or `Gibbs(..)`"]);
    let bad = example_with(CSV, "«\"faithful.csv\"»");
    assert_error(&bad, "data", &["expected `Csv(..)`", "`data: Csv(path: \"../data/faithful.csv\")`"]);
    let bad = example_with("    model: (\n", "    model: «{»\n").replacen("    ),\n    fits", "    },\n    fits", 1);
    assert_error(&bad, "model", &["expected a model", "RON writes fields in round brackets"]);
    let bad = example_with("    model: (\n", "    model: «Prior»(\n");
    assert_error(&bad, "model", &["expected a model `( .. )`, found `Prior(..)`"]);
    let bad = example_with("Experiment(", "«Experimnt»(");
    assert_error(&bad, "", &["expected `Experiment( .. )`, found `Experimnt(..)`", "the smallest experiment"]);
}

#[test]
fn a_concentration_is_a_number_or_a_list_and_nothing_else() {
    for value in ["\"x\"", "Flat", "true", "(a: 1)", "{\"a\": 1}", "'x'", "None_", "1..2", "0x_"] {
        let bad = example_with("concentration: 1.0", &format!("concentration: «{value}»"));
        assert_error(&bad, "model.prior.concentration", &["expected a number, or a list of numbers"]);
    }
    let bad = example_with("concentration: 1.0", "concentration: [1, «\"x\"», 3]");
    assert_error(&bad, "model.prior.concentration[1]", &["expected a number, found the text \"x\""]);
    let bad = example_with("concentration: 1.0", "concentration: Some([1, «[2]»])");
    assert_error(&bad, "model.prior.concentration[1]", &["expected a number, found a list"]);
}

#[test]
fn a_value_without_the_name_of_its_field_is_told_to_have_one() {
    let bad = example_with(CSV, "Csv(«\"faithful.csv\"»)");
    assert_error(&bad, "data", &["expected `field: value`", "`Csv(path: "]);
    let bad = example_with("components: 2,", "«2»,");
    assert_error(&bad, "model", &["expected `field: value`, found the number `2`"]);
    let bad = example_with("seed: 20", "«\"seed\"»: 20");
    assert_error(&bad, "", &["a field name stands in quotes", "write `seed:`"]);
}

#[test]
fn a_missing_field_is_shown_at_the_head_of_the_group_that_lacks_it() {
    let bad = example_with("Experiment(", "«Experiment»(").replacen("seed: 20,", "", 1);
    assert_error(&bad, "", &["the field `seed` is missing", "`seed: 20`"]);
    let bad = example_with("    model: (\n", "    «model»: (\n").replacen("components: 2,", "", 1);
    assert_error(&bad, "model", &["the field `components` is missing", "the number of components"]);
    let bad = example_with(CSV, "«Csv»(columns: [])");
    assert_error(&bad, "data", &["the field `path` is missing"]);
    let bad = example_with(CSV, "Simulate(n: 5, «mixture»: (weights: [], means: []))");
    assert_error(&bad, "data.mixture", &["the field `covariances` is missing", "a list of matrices"]);
    let bad = example_with(CSV, "«SimulateFromPrior» /* ) */ ( /* ( */ )");
    assert_error(&bad, "data", &["the field `n` is missing", "`n: 1000`"]);
    assert_error("«(»)", "", &["the field `name` is missing"]);
}

#[test]
fn a_duplicate_field_is_shown_at_both_places() {
    let bad = example_with("seed: 20,", "seed: 20, «seed»: 21,");
    assert_error(&bad, "seed", &["given twice", "first given here", "given again here"]);
    let bad = example_with(GIBBS, "Gibbs(draws: 1, chains: 4, «draws»: 2)");
    assert_error(&bad, "fits[3].draws", &["given twice", "first given here"]);
}

#[test]
fn a_negative_count_is_called_negative() {
    let bad = example_with("chains: 4", "chains: «-1»");
    assert_error(
        &bad,
        "fits[3].chains",
        &["expected a whole number", "`-1`, which is negative", "must not be negative"],
    );
    let bad = example_with(CSV, "SimulateFromPrior(n: «-100»)");
    assert_error(&bad, "data.n", &["negative"]);
}

#[test]
fn a_number_out_of_range_is_shown_with_the_range() {
    let bad = example_with("seed: 20", "seed: «18446744073709551616»");
    assert_error(&bad, "seed", &["too large", "18446744073709551615"]);
    let bad = example_with("chains: 4", "chains: «1000000000000000000000000000000»");
    assert_error(&bad, "fits[3].chains", &["too large"]);
    let bad = example_with("tolerance: 1e-10", "tolerance: «1e999»");
    assert_error(&bad, "fits[0].tolerance", &["too large", "1.8e308"]);
    let bad = example_with("mean: [0.0, 0.0]", "mean: [0.0, «-1_0e999»]");
    assert_error(&bad, "model.prior.components.mean[1]", &["too large"]);
}

#[test]
fn a_bracket_that_is_not_closed_is_shown_where_it_opens() {
    let cut = EXAMPLE.trim_end().strip_suffix(')').unwrap();
    assert_error(&cut.replace("Experiment(", "Experiment«(»"), "", &["`(` is not closed", "lacks its `)`"]);
    // The indentation tells which one: the closing bracket of `model` would otherwise close `prior`.
    let bad = example_with("prior: ( ", "prior: «(» ").replacen("        ), ", "          ", 1);
    assert_error(&bad, "model.prior", &["`(` is not closed", "indented otherwise"]);
    let bad = example_with("\"waiting\"])", "\"waiting\"«)»");
    assert_error(&bad, "data.columns", &["expected `]`, found `)`", "to close this"]);
    let bad = "Experiment«(»";
    assert_error(bad, "", &["`(` is not closed"]);
}

#[test]
fn a_string_or_comment_that_is_not_closed_is_shown_where_it_begins() {
    let bad = example_with("\"faithful\",", "«\"faithful,»");
    assert_error(&bad, "name", &["goes on for several lines", "is its closing quote missing?"]);
    let bad = example_with("\"waiting\"]", "«\"waiting]),»");
    assert_error(&bad.replacen("»),", "»", 1), "data.columns[1]", &["is its closing quote missing?"]);
    let bad = example_with("\"eruptions\",", "\"eruptions,").replacen(" \"waiting\"", " \"«waiting»\"", 1);
    assert_error(&bad, "data.columns[0]", &["expected `,` or `]`", "a quote too many or too few"]);
    let bad = example_with("components: 2,", "components: 2, «/*» two");
    assert_error(&bad, "model", &["this comment is not finished"]);
    assert_error("(name: «\"x)»\n", "", &["this text in quotes is not finished"]);
    assert_error("(name: «r#\"x\"»", "", &["this text in quotes is not finished"]);
    assert_error("«/*» /* */ (", "", &["this comment is not finished"]);
}

#[test]
fn a_missing_comma_colon_or_value_is_named() {
    let bad = example_with("seed: 20,\n    data", "seed: 20\n    «data»");
    assert_error(&bad, "seed", &["expected `,` or `)` after this value, found `data`"]);
    let bad = example_with("[0.0, 0.0], kappa", "[0.0 «0.0»], kappa");
    assert_error(&bad, "model.prior.components.mean[0]", &["expected `,` or `]`"]);
    let bad = example_with("Free(Full),", "Free(Full) «(»1),");
    assert_error(&bad, "model.covariance", &["expected `,` or `)` after this value, found `(`"]);
    let bad = example_with("seed: 20", "seed «=» 20");
    assert_error(&bad, "seed", &["expected `:` after the name of the field, found `=`"]);
    let bad = example_with("chains: 4", "chains «4»");
    assert_error(&bad, "fits[3].chains", &["expected `:`", "found `4`"]);
    let bad = example_with("seed: 20", "seed:«,»").replacen(",»,", ",»", 1);
    assert_error(&bad, "seed", &["expected a whole number, found `,`"]);
    assert_error("(name: \"x\", seed:«»\n\n", "seed", &["expected a whole number, found the end of the file"]);
    let bad = example_with("concentration: 1.0,", "concentration: 1.0,«,»");
    assert_error(&bad, "model.prior", &["expected a value, found `,`"]);
    let bad = example_with("components: 2", "components: 2«;»");
    assert_error(&bad, "model", &["`;` has no meaning here"]);
    let bad = example_with("components: 2", "components: 2«\u{a0}»");
    assert_error(&bad, "model", &["`\\u{a0}` has no meaning here"]);
}

#[test]
fn a_backslash_in_a_path_is_explained() {
    let bad = example_with("\"../data/faithful.csv\"", r#""..«\d»ata\faithful.csv""#);
    assert_error(&bad, "data.path", &[r"`\d` means nothing", r"write `\\` for one backslash"]);
    let bad = example_with("\"../data/faithful.csv\"", r#""C:\\data«\u{110000}».csv""#);
    assert_error(&bad, "data.path", &["means nothing inside a text"]);
}

#[test]
fn what_follows_the_experiment_is_an_error() {
    assert_error(&format!("{EXAMPLE}«)»"), "", &["the experiment has ended, but `)` follows", "a bracket too many?"]);
    assert_error(&format!("{EXAMPLE}/* ) */ «Experiment»()"), "", &["but `Experiment` follows"]);
    assert_error(&format!("{}«,»", EXAMPLE.trim_end()), "", &["but `,` follows"]);
    // One bracket too many in the middle: not "the field `fits` is missing".
    let bad = example_with("Full([[0.5, 0.0], [0.0, 0.5]])),", "Full([[0.5, 0.0], [0.0, 0.5]]))),").replacen(
        "\n    ),\n    fits",
        "\n    )«,»\n    fits",
        1,
    );
    assert_error(&bad, "", &["has ended, but `,` follows", "indented otherwise"]);
}

#[test]
fn a_file_without_an_experiment_is_given_one_as_an_example() {
    for text in ["", "\n", "  // nothing\n", "/* */ #![enable(implicit_some)]"] {
        assert_error(&format!("«»{text}"), "", &["the file holds no experiment", "Experiment(", "fits: [Em()]"]);
    }
    assert_error("«Experiment»", "", &["expected `Experiment( .. )`", "needs its brackets"]);
    assert_error("«[]»", "", &["expected `Experiment( .. )`, found an empty list"]);
    assert_error("«{\"name\": \"x\"}»", "", &["expected `Experiment( .. )`", "round brackets"]);
    assert_error("«)»", "", &["expected a value, found `)`"]);
    assert_error("«#![enable(magic)]»\nExperiment()", "", &["not understood"]);
}

#[test]
fn columns_are_counted_in_characters_and_line_ends_of_windows_are_line_ends() {
    assert_error("(name: \"Zürich ≠ 日本\", «sed»: 20)", "sed", &["did you mean `seed`?"]);
    assert_error("(\r\n    name: \"x\",\r\n    «sed»: 20)", "sed", &["did you mean `seed`?"]);
}

#[test]
fn every_field_says_what_it_holds_and_no_group_takes_an_unknown_one() {
    let text = to_ron(&everything());
    let simulate = r"(name: '', seed: 1, data: Simulate(n: 1, mixture: (weights: [1], means: [[1]],
        covariances: [Full([[1]])]), sizes: [1], seed: 1), model: (components: 1, covariance: Free(Full)), fits: [])";
    let mut fields = 0;
    let poisson = simulate.replace("model:", "prior_of_k: Poisson(rate: 1), model:");
    let ball = r"(name: '', seed: 1, data: SimulateInBall(n: 1, components: 1, dims: 1, radius: 1, seed: 1),
        model: (components: 1, covariance: Free(Full)), fits: [])";
    for text in
        [text.as_str(), &simulate.replace("''", "\"\""), &poisson.replace("''", "\"\""), &ball.replace("''", "\"\"")]
    {
        let keys = text.match_indices(": ").filter(|(at, _)| text[..*at].ends_with(|c: char| c.is_ascii_lowercase()));
        for (at, _) in keys {
            let key = text[..at].rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap();
            if text[..at].trim_end_matches(key).ends_with(['"', 'n']) || key == "lines" {
                continue; // the words of the name, not a field
            }
            let bad = format!("{}«#»{}", &text[..at + 2], &text[at + 2..]).replace("«#»", "«'x'», ");
            let field = parse("x.ron", &bad.replace(['«', '»'], "")).unwrap_err().field().to_owned();
            assert!(field == key || field.ends_with(&format!(".{key}")), "{key}: {field}");
            assert_error(&bad, &field, &["expected ", "found `'x'`", "help: "]);
            let report = rendered(&parse("x.ron", &bad.replace(['«', '»'], "")).unwrap_err());
            assert!(!report.contains("expected a value"), "{report}");
            let start = at - key.len();
            let bad = format!("{}«qqqq»: 1, {}", &text[..start], &text[start..]);
            let group = field.strip_suffix(key).unwrap_or_default();
            assert_error(&bad, &format!("{group}qqqq"), &["unknown field `qqqq`", "not a field of", key]);
            fields += 1;
        }
    }
    assert!(fields > 50, "{fields}");
}

#[test]
fn an_error_found_later_is_shown_at_its_value_or_at_the_nearest_one_around_it() {
    let (_, source) = parse("x.ron", EXAMPLE).unwrap();
    for (path, shown) in [
        ("seed", "20"),
        ("data", CSV),
        ("data.path", "\"../data/faithful.csv\""),
        ("data.columns[1]", "\"waiting\""),
        ("model", "model"),
        ("model.covariance", "Free(Full)"),
        ("model.prior.components.scale", "Full([[0.5, 0.0], [0.0, 0.5]])"),
        ("model.prior.components.scale[1][1]", "0.5"),
        ("fits", "fits"),
        ("fits[0].restarts", "20"),
        ("fits[2].model.covariance", "Tied(Isotropic)"),
        ("", "Experiment"),
        // not written: the head of the nearest value around it
        ("data.labels", "Csv"),
        ("data.columns[2]", "columns"),
        ("model.prior.concentration[3]", "1.0"),
        ("fits[1].restarts", "Em"),
        ("fits[2].model.prior.components", "model"),
        ("fits[9]", "fits"),
        ("nonsense[", "Experiment"),
    ] {
        let error = source.error_at(path, "does not fit", Some("do something"));
        assert_eq!(&EXAMPLE[error.span().unwrap()], shown, "{path}");
        assert_eq!(error.field(), path);
        let report = rendered(&error);
        assert!(report.contains("does not fit") && report.contains("help: do something"), "{report}");
        assert!(path.is_empty() || report.contains(&format!("`{path}`: does not fit")), "{report}");
    }
    let report = rendered(&source.error_at("fits[1].restarts", "is too small", None));
    assert!(report.contains("`restarts` is not written here"), "{report}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faithful.ron");
    std::fs::write(&path, EXAMPLE).unwrap();
    let (experiment, source) = load(&path).unwrap();
    assert_eq!(experiment, read(EXAMPLE));
    assert_eq!((source.name, source.text.as_str()), (path.display().to_string(), EXAMPLE));

    let report = rendered(&load(&folder.path().join("fathful.ron")).unwrap_err());
    assert!(report.contains("there is no config file") && report.contains("fathful.ron"), "{report}");
    assert!(report.contains("did you mean") && report.contains("faithful.ron"), "{report}");
    let error = load(Path::new("no/such/folder/x.ron")).unwrap_err();
    assert_eq!((error.file(), error.span(), error.line_and_column()), ("no/such/folder/x.ron", None, None));
    assert!(rendered(&error).contains("there is no config file `no/such/folder/x.ron`"));
    let report = rendered(&load(folder.path()).unwrap_err());
    assert!(report.contains("cannot read the config") && report.contains("directory"), "{report}");
}

#[test]
fn a_file_that_is_not_utf8_is_shown_at_the_first_bad_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1.ron");
    std::fs::write(&path, b"Experiment(\n    name: \"Z\xfcrich\",\n)").unwrap();
    let error = load(&path).unwrap_err();
    assert_eq!(error.line_and_column(), Some((2, 13)));
    let report = rendered(&error);
    assert!(report.contains("not UTF-8") && report.contains("latin1.ron:2:13"), "{report}");
}

/// Whatever a text is, it parses or has an error whose span and report can be shown.
fn assert_no_panic(text: &str) -> bool {
    let Err(error) = parse("x.ron", text) else { return false };
    let span = error.span().unwrap();
    assert!(text.get(span.clone()).is_some(), "{span:?} is not inside\n{text}");
    let (line, column) = error.line_and_column().unwrap();
    let report = rendered(&error);
    assert!(report.contains(&format!("[x.ron:{line}:{column}]")), "{line}:{column} in\n{report}\nof\n{text}");
    true
}

#[test]
fn an_example_with_any_character_deleted_or_replaced_never_panics() {
    let strange =
        "data: Simulate(n: 1_0, mixture: (weights: [1e0], means: [[-3.0]], covariances: [Known /* é */ (r#\"x\"#)]))";
    let few = ["(", ")", "\"", "x"];
    let many = ["[", "]", "'", "\\", ",", ":", "/", "#", "-", ".", "7", "é", "\n", "\0", "/*", ""];
    let mut errors = 0;
    for (text, others) in [
        (EXAMPLE, [&few[..], &many].concat()),
        (strange, [&few[..], &many].concat()),
        (&to_ron(&everything()), few.to_vec()),
    ] {
        for (at, c) in text.char_indices() {
            for other in &others {
                let mutant = format!("{}{other}{}", &text[..at], &text[at + c.len_utf8()..]);
                errors += usize::from(assert_no_panic(&mutant));
            }
        }
    }
    assert!(errors > 10_000, "{errors}");
}

#[test]
fn an_example_cut_off_anywhere_is_an_error_and_never_panics() {
    for text in [EXAMPLE.trim_end(), to_ron(&everything()).trim_end()] {
        for (at, _) in text.char_indices() {
            assert!(assert_no_panic(&text[..at]), "cut off at {at}, it still parses");
            assert_no_panic(&text[at..]);
        }
    }
}

#[test]
fn texts_that_are_no_config_at_all_never_panic() {
    for bracket in ["(", "[", "{", "a(", "(a:", "Some(", "/*", "\"", "r#", "#![", "#!["] {
        assert_no_panic(&bracket.repeat(10_000));
        assert_no_panic(&format!("(model: (prior: (concentration: {}", bracket.repeat(1000)));
    }
    let tokens = [
        "(", ")", "[", "]", "{", "}", ",", ":", "name", "\"x\"", "1", "-", ".", "'", "\"", "r#", "b", "\\", "/", "*",
        "é", " ", "\n", "Some", "fits", "Em",
    ];
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::from("(");
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(tokens[(state >> 33) as usize % tokens.len()]);
        }
        assert_no_panic(&text);
    }
}
