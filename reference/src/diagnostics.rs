//! Convergence diagnostics as two independent packages compute them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::file;

/// The diagnostics of one set of chains, which [`diagnostic_chains`](crate::diagnostic_chains) reads.
///
/// The names are `rhat_rank`, `rhat_split`, `rhat_identity` (not split), `ess_bulk`, `ess_tail`, `ess_mean`,
/// `ess_median`, `ess_quantile_0.05`, `ess_quantile_0.95`, `mcse_mean`, `mcse_sd`, `mcse_median`,
/// `mcse_quantile_0.05`, `mcse_quantile_0.95`; `ess_sd` occurs in `differ` alone.
#[derive(Clone, Debug, PartialEq)]
pub struct DiagnosticsCase {
    /// The name of the set: what it shows, then chains x draws.
    pub name: String,
    /// The diagnostics that arviz and posterior agree on, by name.
    pub agreed: BTreeMap<String, f64>,
    /// The diagnostics that they do not agree on: by name, then by package (`arviz`, `arviz_stats`, `posterior`).
    /// A missing value (null or `NA` in the file) is NaN here.
    pub differ: BTreeMap<String, BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseAsWritten {
    agreed: BTreeMap<String, f64>,
    differ: BTreeMap<String, BTreeMap<String, PeerValue>>,
}

struct PeerValue(f64);

impl<'de> Deserialize<'de> for PeerValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum AsWritten {
            Number(f64),
            Word(String),
            Missing,
        }
        match AsWritten::deserialize(deserializer)? {
            AsWritten::Number(value) => Ok(PeerValue(value)),
            AsWritten::Missing => Ok(PeerValue(f64::NAN)),
            AsWritten::Word(word) if word == "NA" || word == "NaN" => Ok(PeerValue(f64::NAN)),
            AsWritten::Word(word) => Err(serde::de::Error::custom(format!("{word:?} is neither a number nor NA"))),
        }
    }
}

/// All sets of chains with their diagnostics, in alphabetical order.
pub fn diagnostics_cases() -> Vec<DiagnosticsCase> {
    let cases: BTreeMap<String, CaseAsWritten> = file::json("diagnostics.json");
    cases
        .into_iter()
        .map(|(name, case)| DiagnosticsCase {
            name,
            agreed: case.agreed,
            differ: case
                .differ
                .into_iter()
                .map(|(diagnostic, peers)| {
                    (diagnostic, peers.into_iter().map(|(peer, PeerValue(value))| (peer, value)).collect())
                })
                .collect(),
        })
        .collect()
}
