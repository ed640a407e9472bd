//! `study.json`: what a study found, for other programs and for the report. Its fields are a contract.

use serde::{Deserialize, Serialize};

/// All of `study.json`. Numbers that have no value are null. The same bytes on any number of threads and however often the
/// study was killed, but for [`seconds`](Self::seconds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudySummary {
    /// The version of this layout.
    pub schema_version: u32,
    /// The name of the study.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// Replicates of each cell.
    pub replicates: usize,
    /// Fresh rows of the truth by which each fit is judged.
    pub test_rows: usize,
    /// How components were matched to those of the truth, in words.
    pub matching: String,
    /// How parameters are pooled, in words.
    pub pooling: String,
    /// What varies between the cells, in the order of the config.
    pub factors: Vec<Factor>,
    /// The cells: every combination of the values of the factors, the last factor running fastest.
    pub cells: Vec<CellSummary>,
    /// The fits, in the order of the config.
    pub fits: Vec<StudyFit>,
    /// The measures: for each cell and fit those of no parameter, of each group of parameters, and of each parameter.
    pub measures: Vec<Measure>,
    /// Why fits failed, and how often, cell by cell.
    pub failures: Vec<FailureCount>,
    /// How long fits took.
    pub seconds: Vec<FitSeconds>,
}

/// Something that varies between cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// Where the config has it: `data.n`, `data.separation`, `model.components`, ..
    pub name: String,
    /// What it is, for people: `rows`, `average overlap`, `components of the fit`, ..
    pub label: String,
    /// Its values, in the order of the config.
    pub values: Vec<FactorValue>,
}

/// A value of a factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactorValue {
    /// A number.
    Number(f64),
    /// Anything else, as a config writes it.
    Text(String),
}

impl std::fmt::Display for FactorValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A combination of values of the factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellSummary {
    /// Its number, from 0.
    pub number: usize,
    /// The value of each factor, in their order.
    pub values: Vec<FactorValue>,
    /// The overlap of the true components, averaged over pairs, and that over replicates; null where it was not computed.
    pub average_overlap: Option<f64>,
    /// The largest overlap of a pair, averaged over replicates.
    pub maximum_overlap: Option<f64>,
}

/// A fit of every replicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyFit {
    /// Its name.
    pub name: String,
    /// `em`, `stepwise_em`, `gradient` or `gibbs`.
    pub method: String,
    /// `likelihood` or `posterior`; null for sampling.
    pub objective: Option<String>,
}

/// What is measured. The first six and coverage are those of table 6 of Morris, White & Crowther (2019), with their Monte
/// Carlo standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasureName {
    /// The mean error of the estimate.
    Bias,
    /// The standard deviation of the error over replicates.
    EmpiricalSe,
    /// The root of the mean squared error.
    Rmse,
    /// The root of the mean squared standard error, or posterior standard deviation, that fits claim.
    ModelSe,
    /// The share of the 50 % intervals that hold the truth.
    #[serde(rename = "coverage_50")]
    Coverage50,
    /// The share of the 90 % intervals that hold the truth.
    #[serde(rename = "coverage_90")]
    Coverage90,
    /// The mean width of the 50 % intervals.
    #[serde(rename = "width_50")]
    Width50,
    /// The mean width of the 90 % intervals.
    #[serde(rename = "width_90")]
    Width90,
    /// The mean adjusted Rand index of the classification and the true components.
    AdjustedRandIndex,
    /// The mean log predictive density of a fresh row of the truth.
    HeldOutLnDensity,
    /// The mean Kullback-Leibler divergence of the predictive distribution from the truth, in nats.
    KlDivergence,
    /// The mean divergence less that of the first fit, over the replicates in which both ended: they see the same data.
    KlDifference,
    /// The mean log predictive density of a fresh row less that of the first fit, over the same replicates.
    HeldOutDifference,
    /// The mean of ln L at the estimate less ln L at the truth.
    LnLikelihoodGain,
    /// The share of replicates without an estimate.
    ShareFailed,
    /// The share of restarts that collapsed, of point estimates.
    ShareCollapsed,
    /// The share of estimates that did not converge; of samples whose R-hat is too large.
    ShareUnconverged,
    /// The share of estimates without standard errors.
    ShareWithoutIntervals,
}

impl MeasureName {
    /// The name in `study.json` and `measures.csv`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bias => "bias",
            Self::EmpiricalSe => "empirical_se",
            Self::Rmse => "rmse",
            Self::ModelSe => "model_se",
            Self::Coverage50 => "coverage_50",
            Self::Coverage90 => "coverage_90",
            Self::Width50 => "width_50",
            Self::Width90 => "width_90",
            Self::AdjustedRandIndex => "adjusted_rand_index",
            Self::HeldOutLnDensity => "held_out_ln_density",
            Self::KlDivergence => "kl_divergence",
            Self::KlDifference => "kl_difference",
            Self::HeldOutDifference => "held_out_difference",
            Self::LnLikelihoodGain => "ln_likelihood_gain",
            Self::ShareFailed => "share_failed",
            Self::ShareCollapsed => "share_collapsed",
            Self::ShareUnconverged => "share_unconverged",
            Self::ShareWithoutIntervals => "share_without_intervals",
        }
    }
}

/// A measure of a fit in a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The number of the cell.
    pub cell: usize,
    /// The name of the fit.
    pub fit: String,
    /// The group of parameters (`weights`, `means`, `variances`, `covariances`), or the parameter (`means[0,1]`) where the
    /// truth is the same in all replicates; null for what has no parameter.
    pub parameter: Option<String>,
    /// Which measure.
    pub name: MeasureName,
    /// Its value.
    pub value: Option<f64>,
    /// Its Monte Carlo standard error: how much it would vary with other replicates.
    pub mcse: Option<f64>,
    /// The replicates that it comes from.
    pub n: usize,
}

/// How often fits of a cell failed for a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureCount {
    /// The number of the cell.
    pub cell: usize,
    /// The name of the fit.
    pub fit: String,
    /// The reason. Those that differ in their numbers alone are one, in the words of its first replicate.
    pub reason: String,
    /// In how many replicates.
    pub count: usize,
}

/// How long a fit took in a cell, on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitSeconds {
    /// The number of the cell.
    pub cell: usize,
    /// The name of the fit.
    pub fit: String,
    /// The median over replicates.
    pub median: Option<f64>,
    /// The sum.
    pub total: f64,
    /// The replicates that it comes from.
    pub n: usize,
}

impl StudySummary {
    /// As pretty JSON, with a line break at the end.
    ///
    /// # Errors
    /// What serde_json says; none is known for this type.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// The text is not that of a summary.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// A measure of a cell and a fit, by its parameter or group (`None` for what has none).
    pub fn measure(&self, cell: usize, fit: &str, parameter: Option<&str>, name: MeasureName) -> Option<&Measure> {
        // They come cell by cell.
        let start = self.measures.partition_point(|measure| measure.cell < cell);
        let mut of_cell = self.measures[start..].iter().take_while(|measure| measure.cell == cell);
        of_cell.find(|measure| measure.fit == fit && measure.parameter.as_deref() == parameter && measure.name == name)
    }
}
