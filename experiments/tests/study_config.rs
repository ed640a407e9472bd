//! Studies and data of a given separation as written: what parses, what comes back, and what every error shows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use experiments::config::{
    Config, Covariance, Data, MixtureWeights, Mixtures, Separation, Shape, Study, StudyData, Varied, parse, parse_any,
    parse_study, study_to_ron, to_ron,
};
use miette::{GraphicalReportHandler, GraphicalTheme};

const STUDY: &str = r#"Study(
    name: "small",
    seed: 3,
    replicates: 10,
    data: SimulateSeparated(
        n: [100, 400],
        components: 3,
        dims: 2,
        separation: [AverageOverlap(0.01), C(1.5)],
        weights: Given([1, 2, 3]),
        shape: Diagonal,
        outliers: [0, 0.05],
    ),
    model: (components: [2, 3], covariance: Tied(Full)),
    fits: [Em(), Gibbs(draws: 100)],
)
"#;

fn read(text: &str) -> Study {
    parse_study("x.ron", text).unwrap_or_else(|error| panic!("{error}\n{text}")).0
}

#[test]
fn a_value_may_stand_alone_or_in_a_list() {
    let study = read(STUDY);
    assert_eq!((study.test_rows, study.model.prior.is_none()), (1000, true));
    assert_eq!(study.model.covariance, Some(Varied(vec![Covariance::Tied(Shape::Full)])));
    let StudyData::SimulateSeparated { n, separation, weights, shape, tied, condition, outliers, mixtures, .. } =
        &study.data
    else {
        panic!("{study:?}")
    };
    assert_eq!((n, shape, tied), (&Varied(vec![100, 400]), &Varied(vec![Shape::Diagonal]), &Varied(vec![false])));
    assert_eq!(separation, &Varied(vec![Separation::AverageOverlap(0.01), Separation::C(1.5)]));
    assert_eq!(weights, &Varied(vec![MixtureWeights::Given(vec![1.0, 2.0, 3.0])]));
    assert_eq!((condition, outliers), (&Varied(vec![10.0]), &Varied(vec![0.0, 0.05])));
    assert_eq!(*mixtures, Mixtures::EachReplicate);
    let lists = STUDY.replace("Tied(Full)", "[Tied(Full)]").replace("dims: 2", "dims: [2]");
    assert_eq!(read(&lists), study);
    let other = STUDY
        .replace("Given([1, 2, 3])", "[Equal, Given([1, 2, 3])]")
        .replace("    model: (components: [2, 3], covariance: Tied(Full)),\n", "");
    let StudyData::SimulateSeparated { weights, .. } = read(&other).data else { panic!() };
    assert_eq!(weights.0.len(), 2);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let study = read(STUDY);
    let text = study_to_ron(&study);
    assert!(text.starts_with("Study(\n"), "{text}");
    assert_eq!(read(&text), study);
    assert_eq!(study_to_ron(&read(&text)), text);
    assert!(matches!(parse_any("x.ron", &text), Ok((Config::Study(_), _))));
    let experiment =
        "Experiment(name: \"a\", seed: 1, data: SimulateSeparated(n: 9, dims: 2, separation: C(1.0), seed: 7),
        model: (components: 2, covariance: Free(Full)), fits: [Em()])";
    let (read, _) = parse("x.ron", experiment).unwrap();
    assert_eq!(parse("x.ron", &to_ron(&read)).unwrap().0, read);
    assert!(matches!(&read.data, Data::SimulateSeparated { components: None, seed: Some(7), mixture_seed: None, .. }));
}

/// Checks that a text with one part marked by « and » has an error there, of a field, that says something.
fn assert_error(part: &str, marked: &str, field: &str, says: &[&str]) {
    assert_eq!(STUDY.matches(part).count(), 1, "{part}");
    let text = STUDY.replace(part, marked);
    let (start, end) = (text.find('«').unwrap(), text.find('»').unwrap() - '«'.len_utf8());
    let error = parse_study("x.ron", &text.replace(['«', '»'], "")).unwrap_err();
    let mut report = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(200);
    handler.render_report(&mut report, &error).unwrap();
    assert_eq!((error.span(), error.field()), (Some(start..end), field), "\n{report}");
    says.iter().for_each(|words| assert!(report.contains(words), "{words:?} in\n{report}"));
}

#[test]
fn errors_stand_at_their_place_whether_values_are_alone_or_in_lists() {
    assert_error("dims: 2", "«dim»: 2", "data.dim", &["did you mean `dims`?"]);
    assert_error("components: 3", "«componets»: 3", "data.componets", &["did you mean `components`?"]);
    let data = &STUDY[STUDY.find("SimulateSeparated").unwrap()..STUDY.find("    model").unwrap()];
    let csv = &["`Simulate` and `SimulateSeparated`", "`data: SimulateSeparated("];
    assert_error(data, "«Csv»(path: \"a.csv\"),\n", "data", csv);
    assert_error("dims: 2", "dims: «2.5»", "data.dims", &["expected a whole number", "`dims: 2`"]);
    assert_error("dims: 2", "dims: «\"2\"»", "data.dims", &["expected a whole number"]);
    assert_error("[100, 400]", "[100, «x»]", "data.n[1]", &["expected a whole number, found `x`"]);
    assert_error("shape: Diagonal", "shape: «Diagnal»", "data.shape", &["did you mean `Diagonal`?"]);
    assert_error("C(1.5)", "«D»(1.5)", "data.separation[1]", &["`AverageOverlap`, `MaximumOverlap` and `C`"]);
    assert_error("AverageOverlap(0.01)", "AverageOverlap(«x»)", "data.separation[0]", &["expected a number"]);
    assert_error("Given([1, 2, 3])", "Given(«3»)", "data.weights", &["expected a list of numbers"]);
    assert_error("Given([1, 2, 3])", "«3»", "data.weights", &["`Equal` or `Given([..])`"]);
    assert_error("Tied(Full)", "Tied(«Ful»)", "model.covariance", &["did you mean `Full`?"]);
    assert_error("covariance: Tied", "«covarience»: Tied", "model.covarience", &["did you mean `covariance`?"]);
    assert_error("replicates: 10,", "replicates: 10, «holdout»: 0.1,", "holdout", &["the fields of `Study` are"]);
    assert_error("Gibbs(draws: 100)", "Gibbs(«drawz»: 100)", "fits[1].drawz", &["did you mean `draws`?"]);
    assert_error("Study(\n    name: \"small\",", "«Study»(", "", &["the field `name` is missing"]);
}

#[test]
fn studies_and_experiments_are_told_apart() {
    let error = parse("x.ron", STUDY).unwrap_err();
    assert!(error.to_string().contains("this is a study"), "{error}");
    let error = parse_study("x.ron", "Experiment(name: \"a\")").unwrap_err();
    assert!(error.to_string().contains("this is not a study"), "{error}");
}
