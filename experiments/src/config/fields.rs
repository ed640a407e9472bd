//! What each field of a config holds, in words and by example: the text of the messages, and nothing that is enforced.

use super::outline::Step;

/// What belongs at a path: in words, and an example that is shown as help.
pub(super) fn expected(path: &[Step]) -> (&'static str, &'static str) {
    let depth = path.iter().rev().take_while(|step| matches!(step, Step::Index(_))).count();
    let mut names = path.iter().rev().filter_map(|step| match step {
        Step::Field(name) | Step::Variant(name) => Some(name.as_str()),
        Step::Index(_) => None,
    });
    let last = names.next().unwrap_or("");
    let outer = names.next().unwrap_or("");
    let is_variant = matches!(path.iter().rev().nth(depth), Some(Step::Variant(_)));
    if is_variant { inside_variant(outer, last, depth) } else { of_field(outer, last, depth) }
}

const NUMBER: &str = "a number";
const NUMBERS: &str = "a list of numbers";
const ROWS: &str = "a list of rows, each a list of numbers";
pub(super) const COUNT: &str = "a whole number";
const TEXT: &str = "a text in quotes";
const MATRIX: &str = "a matrix: `Full(..)`, `Diagonal(..)` or `Isotropic(..)`";
const MATRIX_EXAMPLES: &str =
    "for example `Full([[1.0, 0.2], [0.2, 1.0]])`, `Diagonal([1.0, 0.5])` or `Isotropic(0.25)`";
pub(super) const FIELD: &str = "`field: value`";

fn inside_variant(outer: &str, variant: &str, depth: usize) -> (&'static str, &'static str) {
    match (variant, depth) {
        ("Given", 0) if outer == "weights" => (NUMBERS, WEIGHTS),
        ("Given", _) if outer == "weights" => (NUMBER, WEIGHTS),
        ("AverageOverlap" | "MaximumOverlap" | "C", _) => (NUMBER, SEPARATION),
        ("SimulateSeparated", _) => (FIELD, SEPARATED),
        ("Full", 0) => (ROWS, MATRIX_EXAMPLES),
        ("Full", 1) => ("a row, a list of numbers", MATRIX_EXAMPLES),
        ("Diagonal", 0) => (NUMBERS, MATRIX_EXAMPLES),
        ("Isotropic", 0) | ("Full" | "Diagonal", _) => (NUMBER, MATRIX_EXAMPLES),
        ("Free" | "Tied", _) => ("a shape: `Full`, `Diagonal` or `Isotropic`", "for example `covariance: Free(Full)`"),
        ("Known", _) => (MATRIX, MATRIX_EXAMPLES),
        ("Csv", _) => (FIELD, "fields are written by name: `Csv(path: \"../data/faithful.csv\")`"),
        ("Npy", _) => (FIELD, "fields are written by name: `Npy(path: \"rows.npy\", columns: [0, 1])`"),
        ("Parquet", _) => (FIELD, "fields are written by name: `Parquet(path: \"rows.parquet\")`"),
        ("SimulateInBall", _) => (FIELD, "for example `SimulateInBall(n: 1000, dims: 2, radius: 10.0)`"),
        ("Conjugate", _) => (FIELD, "fields are written by name: `Conjugate(kappa: 0.1, dof: 4.0)`"),
        ("Em", _) => (FIELD, "fields are written by name: `Em(restarts: 20)`"),
        ("StepwiseEm", _) => (FIELD, "fields are written by name: `StepwiseEm(block: 1000)`"),
        ("Gradient", _) => (FIELD, "fields are written by name: `Gradient(optimizer: Lbfgs())`"),
        ("FloorEigenvalues", _) => (NUMBER, "the least variance in any direction: `FloorEigenvalues(1e-6)`"),
        ("Regularise", _) => (NUMBER, "what every variance gains: `Regularise(1e-6)`"),
        ("BoundRatio", _) => (NUMBER, "the largest ratio of variances: `BoundRatio(100.0)`"),
        ("Given", _) => (FIELD, "for example `Given(weights: [1, 1], means: [[0], [3]], covariances: [..])`"),
        ("Stored", _) => (FIELD, "for example `Stored(results: \"../results/faithful\", fit: \"em\")`"),
        ("BestOfShort", _) => (FIELD, "fields are written by name: `BestOfShort(runs: 10, iterations: 5)`"),
        ("ParametricBootstrap" | "WeightedBootstrap", _) => {
            (FIELD, "fields are written by name: `ParametricBootstrap(replicates: 200)`")
        }
        ("Adam", _) => (FIELD, "fields are written by name: `Adam(step: 0.1)`"),
        ("Lbfgs", _) => (FIELD, "fields are written by name: `Lbfgs(memory: 10)`"),
        ("Exponential", _) => (FIELD, "fields are written by name: `Exponential(half_life: 100.0)`"),
        ("Gibbs", _) => (FIELD, "fields are written by name: `Gibbs(draws: 1000)`"),
        ("Bridge", _) => (FIELD, "fields are written by name: `Bridge(components: 100)`"),
        ("Chib", _) => (FIELD, "fields are written by name: `Chib(points: 20)`"),
        ("Mean" | "Sd" | "Skewness" | "Kurtosis" | "Minimum" | "Maximum", _) => (COLUMN, CHECKS),
        ("Quantile", _) => ("a column and a probability", "for example `Quantile(\"waiting\", 0.9)`"),
        ("Correlation", _) => ("two columns", "for example `Correlation(\"eruptions\", \"waiting\")`"),
        ("Poisson", _) => (FIELD, "fields are written by name: `Poisson(rate: 1.0)`"),
        ("BetaNegativeBinomial", _) => {
            (FIELD, "fields are written by name: `BetaNegativeBinomial(shape: 1.0, a: 4.0, b: 3.0)`")
        }
        _ => (FIELD, "fields are written by name: `components: 2`"),
    }
}

fn of_field(outer: &str, field: &str, depth: usize) -> (&'static str, &'static str) {
    match (field, depth) {
        ("", _) => ("`Experiment( .. )`", EXPERIMENT),
        ("name", _) => (TEXT, "for example `name: \"faithful\"`"),
        ("seed", _) => (COUNT, "for example `seed: 20`; any number from 0 to 18446744073709551615"),
        ("data", _) => (
            "`Csv(..)`, `Npy(..)`, `Parquet(..)`, `Simulate(..)`, `SimulateInBall(..)`, \
             `SimulateSeparated(..)` or `SimulateFromPrior(..)`",
            "for example `data: Csv(path: \"../data/faithful.csv\")`",
        ),
        ("model", _) => ("a model `( .. )`", "for example `model: (components: 2, covariance: Free(Full))`"),
        ("fits", 0) => ("a list of fits", "for example `fits: [Em(restarts: 20), Gibbs(draws: 1000)]`"),
        ("fits", _) => {
            ("`Em(..)`, `StepwiseEm(..)`, `Gradient(..)` or `Gibbs(..)`", "for example `Em(restarts: 20)` or `Gibbs()`")
        }
        ("path", _) => (TEXT, "for example `path: \"../data/faithful.csv\"`"),
        ("columns", 0) if outer == "Npy" => ("a list of column numbers", NUMBERED),
        ("columns", _) if outer == "Npy" => (COUNT, NUMBERED),
        ("labels", _) if outer == "Gibbs" => {
            ("`Ecr` or `Stephens`", "how label switching is undone, for example `labels: Stephens`")
        }
        ("partition", _) => {
            ("`Off`, `VariationOfInformation` or `Binder`", "the loss, for example `partition: VariationOfInformation`")
        }
        ("checks", 0) => ("a list of statistics", CHECKS),
        ("checks", _) => ("a statistic such as `Mean(..)`", CHECKS),
        ("labels", _) if outer == "Npy" => (COUNT, "the number of one column, from 0, for example `labels: 4`"),
        ("columns", 0) => ("a list of column names", "for example `columns: [\"eruptions\", \"waiting\"]`"),
        ("columns", _) => (TEXT, "for example `columns: [\"eruptions\", \"waiting\"]`"),
        ("labels", _) => (TEXT, "the name of one column, for example `labels: \"species\"`"),
        ("n", _) => (COUNT, "the number of rows, for example `n: 1000`"),
        ("mixture" | "truth", _) => ("a mixture `( .. )`", MIXTURE),
        ("dims", _) => (COUNT, "the number of columns, for example `dims: 2`"),
        ("radius", _) => (NUMBER, "of the ball that holds the means, for example `radius: 10.0`"),
        ("sizes", 0) => {
            ("a list of whole numbers", "the number of rows of each component, for example `sizes: [100, 50]`")
        }
        ("sizes", _) => (COUNT, "the number of rows of each component, for example `sizes: [100, 50]`"),
        ("weights", _) if outer == "SimulateSeparated" => ("`Equal` or `Given([..])`", WEIGHTS),
        ("shape", _) if outer == "SimulateSeparated" => {
            ("a shape: `Full`, `Diagonal` or `Isotropic`", "of the covariances, for example `shape: Diagonal`")
        }
        ("separation", _) => ("`AverageOverlap(..)`, `MaximumOverlap(..)` or `C(..)`", SEPARATION),
        ("tied", _) => {
            ("`true` or `false`", "whether all components have the same covariance, for example `tied: true`")
        }
        ("condition", _) => (NUMBER, "of each covariance, for example `condition: 10.0`"),
        ("outliers", _) => (NUMBER, "the share of the rows that come from no component, for example `outliers: 0.05`"),
        ("widening", _) => (NUMBER, "of the box of outliers on each side, for example `widening: 0.1`"),
        ("mixture_seed", _) => (COUNT, "for example `mixture_seed: 20`; any number from 0 to 18446744073709551615"),
        ("mixtures", _) => ("`EachReplicate` or `Once`", "for example `mixtures: Once`"),
        ("test_rows", _) => (COUNT, "fresh rows by which fits are judged, for example `test_rows: 1000`"),
        ("weights", 0) => (NUMBERS, "one for each component, for example `weights: [0.5, 0.5]`"),
        ("weights", _) => (NUMBER, "one for each component, for example `weights: [0.5, 0.5]`"),
        ("means", 0) => ("a list of means, each a list of numbers", MEANS),
        ("means", 1) => ("a mean, a list of numbers", MEANS),
        ("means", _) => (NUMBER, MEANS),
        ("covariances", 0) => ("a list of matrices", MATRIX_EXAMPLES),
        ("covariances" | "scale", _) => (MATRIX, MATRIX_EXAMPLES),
        ("components", _) if outer == "prior" || outer == "Prior" => {
            ("`FromData`, `Flat` or `Conjugate(..)`", "for example `components: Conjugate(kappa: 0.1, dof: 4.0)`")
        }
        ("components", _) if outer == "Bridge" => {
            (COUNT, "draws whose allocations make the proposal, for example `components: 100`")
        }
        ("components", _) => (COUNT, "the number of components, for example `components: 2`"),
        ("covariance", _) => (
            "`Free(..)`, `Tied(..)` or `Known(..)`",
            "for example `covariance: Free(Full)`, `Tied(Diagonal)` or `Known(Isotropic(0.25))`",
        ),
        ("prior", _) => ("a prior `( .. )`", "for example `prior: (concentration: 1.0, components: FromData)`"),
        ("concentration", 0) => (
            "a number, or a list of numbers",
            "for example `concentration: 1.0`, or one number for each component: `[1.0, 2.0]`",
        ),
        ("concentration", _) => (NUMBER, "one for each component, for example `concentration: [1.0, 2.0]`"),
        ("mean", 0) => (NUMBERS, "one for each column, for example `mean: [0.0, 0.0]`"),
        ("mean", _) => (NUMBER, "one for each column, for example `mean: [0.0, 0.0]`"),
        ("kappa", _) => (NUMBER, "for example `kappa: 0.01`"),
        ("dof", _) => (NUMBER, "for example `dof: 4.0`"),
        ("objective", _) => ("`Likelihood` or `Posterior`", "for example `objective: Posterior`"),
        ("restarts", _) => (COUNT, "for example `restarts: 20`"),
        ("tolerance", _) => (NUMBER, "for example `tolerance: 1e-10`"),
        ("max_iterations", _) => (COUNT, "for example `max_iterations: 10000`"),
        ("init", _) => (
            "`KMeansPlusPlus`, `RandomRows`, `RandomResponsibilities`, `Alternate`, `Given(..)`, `Stored(..)` or \
             `BestOfShort(..)`",
            "for example `init: RandomRows` or `init: Stored(results: \"../results/faithful\", fit: \"em\")`",
        ),
        ("passes", _) => (COUNT, "passes over the rows, for example `passes: 20`"),
        ("block", _) => (COUNT, "rows between two M-steps, for example `block: 1000`"),
        ("exponent", _) => (NUMBER, "above 0.5, at most 1, for example `exponent: 0.6`"),
        ("average", _) => ("`true` or `false`", "for example `average: true`"),
        ("results", _) => (TEXT, "a folder of results, for example `results: \"../results/faithful\"`"),
        ("fit", _) => (TEXT, "the name of a fit of these results, for example `fit: \"em\"`"),
        ("runs", _) => (COUNT, "short runs for each start, for example `runs: 10`"),
        ("iterations", _) => (COUNT, "iterations of a short run, for example `iterations: 5`"),
        ("singularities", _) => (
            "`Fail`, `ResetComponent`, `RemoveComponent`, `FloorEigenvalues(..)`, `Regularise(..)` or `BoundRatio(..)`",
            "for example `singularities: FloorEigenvalues(1e-6)`",
        ),
        ("standard_errors", _) => (
            "`Off`, `Observed`, `Sandwich`, `ParametricBootstrap(..)` or `WeightedBootstrap(..)`",
            "for example `standard_errors: Sandwich`",
        ),
        ("replicates", _) => (COUNT, "for example `replicates: 200`"),
        ("acceleration", _) => ("`Off` or `Squarem`", "for example `acceleration: Squarem`"),
        ("collapse", _) => ("limits `( .. )`", "for example `collapse: (min_eigenvalue: 1e-6, min_rows: 2.0)`"),
        ("min_eigenvalue", _) => (NUMBER, "for example `min_eigenvalue: 1e-6`"),
        ("min_rows", _) => (NUMBER, "for example `min_rows: 2.0`"),
        ("optimizer", _) => ("`Adam(..)` or `Lbfgs(..)`", "for example `optimizer: Adam(step: 0.1)` or `Lbfgs()`"),
        ("batch", _) => (COUNT, "rows of a minibatch, for example `batch: 256`"),
        ("log_every", _) => (COUNT, "iterations from record to record, for example `log_every: 10`"),
        ("step" | "weights_step" | "components_step", _) => (NUMBER, "for example `step: 0.1`"),
        ("beta1" | "beta2", _) => (NUMBER, "for example `beta1: 0.9, beta2: 0.999`"),
        ("epsilon", _) => (NUMBER, "for example `epsilon: 1e-8`"),
        ("decay", _) => {
            ("`Constant`, `InverseSqrt` or `Exponential(..)`", "for example `decay: Exponential(half_life: 100.0)`")
        }
        ("half_life", _) => (NUMBER, "iterations in which steps halve, for example `half_life: 100.0`"),
        ("memory", _) => (COUNT, "steps to remember, for example `memory: 10`"),
        ("chains", _) => (COUNT, "for example `chains: 4`"),
        ("warmup", _) => (COUNT, "for example `warmup: 500`"),
        ("draws", _) => (COUNT, "for example `draws: 1000`"),
        ("kind", _) => ("`Blocked` or `Collapsed`", "for example `kind: Collapsed`"),
        ("tempering", _) => ("a ladder `( .. )`", "for example `tempering: (rungs: 8)`"),
        ("rungs", _) => (COUNT, "from the posterior to the prior, for example `rungs: 8`"),
        ("evidence", 0) => ("a list of estimates", EVIDENCE),
        ("evidence", _) => ("`Bridge(..)` or `Chib(..)`", EVIDENCE),
        ("proposals", _) => (COUNT, "draws from the proposal, for example `proposals: 2000`"),
        ("points", _) => (COUNT, "points from each half of the draws, for example `points: 20`"),
        ("most_exchanging", _) => (COUNT, "components at most 16, for example `most_exchanging: 16`"),
        ("sampled", _) => (COUNT, "permutations for each draw, for example `sampled: 100`"),
        ("accuracy", _) => ("`true` or `false`", "WAIC and leave-one-out, for example `accuracy: true`"),
        ("holdout", _) => (NUMBER, "the share of the rows that are not fitted, for example `holdout: 0.2`"),
        ("prior_of_k", _) => {
            ("`Uniform`, `Poisson(..)` or `BetaNegativeBinomial(..)`", "for example `prior_of_k: Poisson(rate: 1.0)`")
        }
        ("rate", _) => (NUMBER, "the mean of K - 1, for example `rate: 1.0`"),
        ("shape" | "a" | "b", _) => (NUMBER, "for example `BetaNegativeBinomial(shape: 1.0, a: 4.0, b: 3.0)`"),
        _ => ("a value", ""),
    }
}

const EVIDENCE: &str = "for example `evidence: [Bridge(), Chib()]`, or `[]` for none";
const COLUMN: &str = "the name of a column in quotes, or its number from 0";
const CHECKS: &str = "for example `checks: [Mean(\"waiting\"), Skewness(0), MeanLnDensity]`, or `[]` for none";
const NUMBERED: &str = "the columns of an array count from 0, for example `columns: [0, 1]`";
const MEANS: &str = "one mean for each component, for example `means: [[0.0, 0.0], [3.0, 1.0]]`";
const SEPARATED: &str =
    "for example `SimulateSeparated(n: 500, components: 3, dims: 2, separation: AverageOverlap(0.05))`";
const SEPARATION: &str = "for example `separation: AverageOverlap(0.05)`";
const WEIGHTS: &str = "for example `weights: Equal` or `weights: Given([0.5, 0.3, 0.2])`";
const MIXTURE: &str =
    "for example `(weights: [0.5, 0.5], means: [[0.0], [3.0]], covariances: [Isotropic(1.0), Isotropic(0.25)])`";

/// The smallest whole config, for one who has none yet.
pub(super) const EXPERIMENT: &str = "the smallest experiment:
Experiment(
    name: \"faithful\",
    seed: 20,
    data: Csv(path: \"../data/faithful.csv\"),
    model: (components: 2, covariance: Free(Full)),
    fits: [Em()],
)";
