//! What is read of the `summary.json` of a run.

use std::io;
use std::path::{Path, PathBuf};

use gmm_core::{Covariance, Mixture, Symmetric};
use serde_json::Value;

use super::CompareError;
use super::field::Field;

/// The version of `summary.json` that is read.
const SCHEMA_VERSION: u64 = 1;

/// Files that tell the results of other commands.
const OTHERS: [(&str, &str); 3] =
    [("verification.json", "verify"), ("study.json", "study"), ("selection.json", "select")];

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct StoredRun {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) source: String,
    pub(super) n: u64,
    pub(super) n_held_out: u64,
    pub(super) columns: Vec<String>,
    pub(super) sha256: String,
    pub(super) fits: Vec<StoredFit>,
    /// Fits that failed, with the reason.
    pub(super) failures: Vec<(String, String)>,
    /// The summary without names, seconds and versions: equal for the same results.
    pub(super) content: Value,
}

/// One fit.
#[derive(Debug, Clone)]
pub(super) struct StoredFit {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) objective: Option<String>,
    pub(super) shape: String,
    pub(super) tying: String,
    pub(super) mixture: Mixture,
    pub(super) ln_likelihood: Option<f64>,
    pub(super) n_parameters: u64,
    pub(super) bic: Option<f64>,
    pub(super) icl: Option<f64>,
    pub(super) held_out: Option<Estimate>,
    pub(super) loo: Option<Estimate>,
    /// The first estimate of the log evidence that there is.
    pub(super) evidence: Option<Estimate>,
    pub(super) to_truth: Option<Distance>,
    pub(super) stop: Option<String>,
    pub(super) r_hat: Option<f64>,
    pub(super) ess: Option<f64>,
    pub(super) seconds: Option<f64>,
    /// 90 % intervals by the names of quantities.
    pub(super) intervals: Vec<(String, (f64, f64))>,
}

/// A number with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Estimate {
    pub(crate) value: Option<f64>,
    pub(crate) se: Option<f64>,
}

/// How far a fit is from the truth, of components matched.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Distance {
    /// The largest absolute difference of weights.
    pub(crate) weights: Option<f64>,
    /// The root mean square of differences of means, in column standard deviations.
    pub(crate) means: Option<f64>,
    /// The largest relative Frobenius distance of covariances.
    pub(crate) covariances: Option<f64>,
}

impl StoredRun {
    /// Reads a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, CompareError> {
        let unreadable = |path: &Path| {
            let path = path.to_path_buf();
            |cause| CompareError::Unreadable { path, cause }
        };
        if !std::fs::metadata(folder).map_err(unreadable(folder))?.is_dir() {
            return Err(CompareError::NotAFolder { path: folder.to_path_buf() });
        }
        let file = folder.join("summary.json");
        let bytes = match std::fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Self::without_summary(folder)),
            read => read.map_err(unreadable(&file))?,
        };
        let damaged = |cause| CompareError::Damaged { path: file.clone(), cause };
        let all: Value = serde_json::from_slice(&bytes).map_err(damaged)?;
        Self::of_summary(folder, &Field::of_file(&file, &all), &all, &file)
    }

    fn without_summary(folder: &Path) -> CompareError {
        let path = folder.to_path_buf();
        match OTHERS.into_iter().find(|(file, _)| folder.join(file).exists()) {
            Some((file, command)) => CompareError::OtherCommand { path, command, file },
            None => CompareError::NoSummary { path },
        }
    }

    fn of_summary(folder: &Path, summary: &Field<'_>, all: &Value, file: &Path) -> Result<Self, CompareError> {
        let found = all.get("schema_version").unwrap_or(&Value::Null);
        if found.as_u64() != Some(SCHEMA_VERSION) {
            let (path, found) = (file.to_path_buf(), found.to_string());
            return Err(CompareError::Version { path, found, expected: SCHEMA_VERSION });
        }
        let data = summary.get("data")?;
        let comparison = summary.get("comparison")?.list()?;
        let fits = summary.get("fits")?.list()?;
        let columns = data.get("columns")?.list()?.iter().map(Field::text).collect::<Result<Vec<_>, _>>()?;
        let fits = fits.iter().map(|fit| StoredFit::read(fit, &comparison, columns.len()));
        let failure = |failure: &Field<'_>| Ok((failure.get("fit")?.text()?, failure.get("reason")?.text()?));
        let mut content = all.clone();
        forget(&mut content);
        Ok(Self {
            folder: folder.to_path_buf(),
            name: summary.get("name")?.text()?,
            seed: summary.get("seed")?.count()?,
            source: data.get("source")?.text()?,
            n: data.get("n")?.count()?,
            n_held_out: data.get("n_held_out")?.count()?,
            sha256: data.get("sha256")?.text()?,
            fits: fits.collect::<Result<_, _>>()?,
            failures: summary.get("failures")?.list()?.iter().map(failure).collect::<Result<_, _>>()?,
            columns,
            content,
        })
    }

    /// Whether both fitted, and held out, the same rows: of the same bytes the same columns, and, with rows held out, the
    /// same seed, which says which they are.
    pub(super) fn has_rows_of(&self, other: &Self) -> bool {
        let same = self.sha256 == other.sha256 && self.columns == other.columns;
        let same_parts = (self.n, self.n_held_out) == (other.n, other.n_held_out);
        same && same_parts && (self.n_held_out == 0 || self.seed == other.seed)
    }
}

/// Removes what differs between runs with the same results: the name of the experiment and all times.
fn forget(summary: &mut Value) {
    if let Some(object) = summary.as_object_mut() {
        object.remove("name");
    }
    without_seconds(summary);
}

fn without_seconds(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("seconds");
            object.values_mut().for_each(without_seconds);
        }
        Value::Array(list) => list.iter_mut().for_each(without_seconds),
        _ => {}
    }
}

impl StoredFit {
    fn read(fit: &Field<'_>, comparison: &[Field<'_>], d: usize) -> Result<Self, CompareError> {
        let (name, model) = (fit.get("name")?.text()?, fit.get("model")?);
        let estimate = |of: &Field<'_>, value: &str| -> Result<Estimate, CompareError> {
            Ok(Estimate { value: of.get(value)?.number()?, se: of.get("se")?.number()? })
        };
        let mut evidence = None;
        for found in fit.get("evidence")?.list()? {
            let found = estimate(&found, "ln_evidence")?;
            evidence = evidence.or(found.value.is_some().then_some(found));
        }
        let mut to_truth = None;
        for row in comparison {
            if row.get("against_kind")?.text()? == "truth" && row.get("fit")?.text()? == name {
                to_truth = Some(Distance {
                    weights: row.get("max_weight_error")?.number()?,
                    means: row.get("rms_mean_error")?.number()?,
                    covariances: row.get("max_covariance_error")?.number()?,
                });
            }
        }
        let (mut r_hat, mut ess, mut intervals) = (None, None, Vec::new());
        let farther = |a: Option<f64>, b: Option<f64>, choose: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(choose(a, b)),
            (a, b) => a.or(b),
        };
        if let Some(posterior) = fit.get("posterior")?.some() {
            for quantity in posterior.get("quantities")?.list()? {
                r_hat = farther(r_hat, quantity.get("r_hat")?.number()?, f64::max);
                for name in ["ess_bulk", "ess_tail"] {
                    ess = farther(ess, quantity.get(name)?.number()?, f64::min);
                }
                let ends = quantity.get("q5")?.number()?.zip(quantity.get("q95")?.number()?);
                intervals.extend(ends.map(|ends| Ok((quantity.get("name")?.text()?, ends))).transpose()?);
            }
        }
        if let Some(errors) = fit.get("standard_errors")?.some()
            && errors.get("level")?.number()? == Some(0.9)
        {
            for row in errors.get("intervals")?.list()? {
                let ends = row.get("lower")?.number()?.zip(row.get("upper")?.number()?);
                intervals.extend(ends.map(|ends| Ok((row.get("name")?.text()?, ends))).transpose()?);
            }
        }
        Ok(Self {
            method: fit.get("algorithm")?.text()?,
            objective: fit.get("objective")?.some().map(|objective| objective.text()).transpose()?,
            shape: model.get("shape")?.text()?,
            tying: model.get("tying")?.text()?,
            mixture: mixture(&fit.get("mixture")?, d)?,
            ln_likelihood: fit.get("ln_likelihood")?.number()?,
            n_parameters: fit.get("n_parameters")?.count()?,
            bic: fit.get("bic")?.number()?,
            icl: fit.get("icl")?.number()?,
            held_out: fit.get("holdout")?.some().map(|rows| estimate(&rows, "mean")).transpose()?,
            loo: fit.get("loo")?.some().map(|loo| estimate(&loo, "elpd")).transpose()?,
            stop: fit.get("stop")?.some().map(|stop| stop.text()).transpose()?,
            seconds: fit.get("seconds")?.number()?,
            name,
            evidence,
            to_truth,
            r_hat,
            ess,
            intervals,
        })
    }
}

fn mixture(field: &Field<'_>, d: usize) -> Result<Mixture, CompareError> {
    let means = field.get("means")?;
    let rows = means.list()?.iter().map(Field::numbers).collect::<Result<Vec<_>, _>>()?;
    if let Some(other) = rows.iter().find(|mean| mean.len() != d) {
        return Err(means.fault(format!("has {} numbers for {d} columns", other.len())));
    }
    let covariances = field.get("covariances")?.list()?;
    let covariance = |field: &Field<'_>| {
        let rows = field.list()?.iter().map(Field::numbers).collect::<Result<Vec<_>, _>>()?;
        let matrix = Symmetric::full(&rows).map_err(|error| field.fault(format!("is no covariance: {error}")))?;
        Covariance::new(matrix).map_err(|error| field.fault(format!("is no covariance: {error}")))
    };
    let covariances = covariances.iter().map(covariance).collect::<Result<Vec<_>, _>>()?;
    if covariances.len() != rows.len() {
        return Err(field.fault(format!("has {} covariances for {} means", covariances.len(), rows.len())));
    }
    let weights = field.get("weights")?.numbers()?;
    Mixture::new(weights, rows, covariances).map_err(|error| field.fault(format!("is no mixture: {error}")))
}
