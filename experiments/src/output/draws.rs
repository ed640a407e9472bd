//! Posterior draws as a table of named arrays, and what makes such a table consistent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::{NameFault, name_fault};

/// The draws of one run: arrays over chain, draw and named further dimensions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DrawsTable {
    /// Coordinate of each chain.
    pub chains: Vec<i64>,
    /// Coordinate of each draw.
    pub draws: Vec<i64>,
    /// Coordinates of further dimensions, by name; a dimension that is not listed is counted from 0.
    pub coordinates: BTreeMap<String, Vec<i64>>,
    /// Attributes of every group, beside the library's name and version; anything that differs between two runs of the
    /// same experiment, such as a date, makes their bytes differ.
    pub attributes: BTreeMap<String, Value>,
    /// The parameters; at least one.
    pub posterior: Vec<Variable>,
    /// What the sampler says of each draw, such as `lp`; without any the group is left out.
    pub sample_stats: Vec<Variable>,
}

/// One array of draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name, such as `means`.
    pub name: String,
    /// The dimensions after chain and draw, such as `["component", "dim"]`; none twice (a covariance has `dim` and
    /// `dim_bis`).
    pub dims: Vec<String>,
    /// The lengths of `dims`.
    pub shape: Vec<usize>,
    /// The values in the order `[chain][draw][dims...]`, the last dimension fastest.
    pub values: Values,
}

/// The values of a [`Variable`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Real numbers.
    Float(Vec<f64>),
    /// Integers, such as counts and labels.
    Integer(Vec<i64>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
        }
    }
}

/// Why a [`DrawsTable`] contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawsFault {
    /// No chain, no draw, no variable, or a dimension of length 0.
    #[error("`{what}` is empty")]
    Empty {
        /// What there is nothing of.
        what: String,
    },
    /// A variable or dimension whose name cannot be the name of a folder.
    #[error("the name {name:?} cannot be used: {fault}")]
    UnsafeName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// A name that the format keeps for itself: `zarr.json`, or a leading `__`.
    #[error("the name {name:?} is reserved by the Zarr format")]
    ReservedName {
        /// The name as given.
        name: String,
    },
    /// Two arrays of one group with the same name, or a variable named like a dimension.
    #[error("the name `{name}` is used twice in the group `{group}`")]
    DuplicateName {
        /// The group.
        group: &'static str,
        /// The name.
        name: String,
    },
    /// One variable has a dimension twice.
    #[error("`{variable}` has the dimension `{dim}` twice (call the second `{dim}_bis`)")]
    RepeatedDimension {
        /// The variable.
        variable: String,
        /// The dimension.
        dim: String,
    },
    /// As many lengths as dimensions are needed.
    #[error("`{variable}` has {n_dims} dimensions after chain and draw but {n_lengths} lengths")]
    DimsAndShape {
        /// The variable.
        variable: String,
        /// The number of names in `dims`.
        n_dims: usize,
        /// The number of lengths in `shape`.
        n_lengths: usize,
    },
    /// A dimension has two lengths.
    #[error("the dimension `{dim}` has length {found} in `{variable}` but {expected} elsewhere")]
    DimensionLength {
        /// The variable.
        variable: String,
        /// The dimension.
        dim: String,
        /// The length in the coordinates or in an earlier variable.
        expected: usize,
        /// The length in this variable.
        found: usize,
    },
    /// Coordinates of a dimension that no variable has.
    #[error("there are coordinates for the dimension `{dim}`, which no variable has")]
    UnusedCoordinate {
        /// The dimension.
        dim: String,
    },
    /// More or fewer values than chains x draws x lengths.
    #[error("`{variable}` has {found} values, not {expected}")]
    WrongLength {
        /// The variable.
        variable: String,
        /// Chains x draws x lengths.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// The number of values does not fit a `usize`.
    #[error("`{variable}` is too large")]
    TooLarge {
        /// The variable.
        variable: String,
    },
}

impl DrawsTable {
    /// A table without variables, its chains and draws counted from 0.
    pub fn new(n_chains: usize, n_draws: usize) -> Self {
        Self { chains: counted(n_chains), draws: counted(n_draws), ..Self::default() }
    }

    /// The groups that are written, each with its variables.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&'static str, &[Variable])> {
        [("posterior", &self.posterior[..]), ("sample_stats", &self.sample_stats[..])]
            .into_iter()
            .filter(|(_, variables)| !variables.is_empty())
    }

    /// The coordinates of every dimension, once the table is known to be consistent.
    pub(super) fn checked(&self) -> Result<BTreeMap<&str, Vec<i64>>, DrawsFault> {
        let mut dims = BTreeMap::from([("chain", self.chains.clone()), ("draw", self.draws.clone())]);
        let explicit = self.coordinates.iter().map(|(dim, values)| (dim.as_str(), values.clone()));
        for (dim, values) in explicit {
            check_free_name(dim)?;
            if dims.insert(dim, values).is_some() {
                return Err(DrawsFault::DuplicateName { group: "posterior", name: dim.to_owned() });
            }
        }
        if self.posterior.is_empty() {
            return Err(DrawsFault::Empty { what: "posterior".to_owned() });
        }
        for (_, variables) in self.groups() {
            for variable in variables {
                check_dimensions(variable, &mut dims)?;
            }
        }
        if let Some((dim, _)) = dims.iter().find(|(_, values)| values.is_empty()) {
            return Err(DrawsFault::Empty { what: (*dim).to_owned() });
        }
        for (group, variables) in self.groups() {
            let mut seen: BTreeSet<&str> = dims.keys().copied().collect();
            for variable in variables {
                check_free_name(&variable.name)?;
                if !seen.insert(&variable.name) {
                    return Err(DrawsFault::DuplicateName { group, name: variable.name.clone() });
                }
                self.check_length(variable)?;
            }
        }
        let is_used = |dim: &String| self.groups().flat_map(|(_, all)| all).any(|one| one.dims.contains(dim));
        match self.coordinates.keys().find(|dim| !is_used(dim)) {
            Some(dim) => Err(DrawsFault::UnusedCoordinate { dim: dim.clone() }),
            None => Ok(dims),
        }
    }

    fn check_length(&self, variable: &Variable) -> Result<(), DrawsFault> {
        let lengths = [self.chains.len(), self.draws.len()].into_iter().chain(variable.shape.iter().copied());
        let mut expected: usize = 1;
        for length in lengths {
            expected =
                expected.checked_mul(length).ok_or_else(|| DrawsFault::TooLarge { variable: variable.name.clone() })?;
        }
        let found = variable.values.len();
        if found == expected {
            Ok(())
        } else {
            Err(DrawsFault::WrongLength { variable: variable.name.clone(), expected, found })
        }
    }
}

/// Checks the dimensions of `variable` against those known so far, and adds the new ones.
fn check_dimensions<'a>(variable: &'a Variable, known: &mut BTreeMap<&'a str, Vec<i64>>) -> Result<(), DrawsFault> {
    let Variable { name, dims, shape, .. } = variable;
    if dims.len() != shape.len() {
        return Err(DrawsFault::DimsAndShape { variable: name.clone(), n_dims: dims.len(), n_lengths: shape.len() });
    }
    let mut seen = BTreeSet::from(["chain", "draw"]);
    for (dim, &length) in dims.iter().zip(shape) {
        check_free_name(dim)?;
        if !seen.insert(dim) {
            return Err(DrawsFault::RepeatedDimension { variable: name.clone(), dim: dim.clone() });
        }
        let expected = known.entry(dim).or_insert_with(|| counted(length)).len();
        if expected != length {
            return Err(DrawsFault::DimensionLength {
                variable: name.clone(),
                dim: dim.clone(),
                expected,
                found: length,
            });
        }
    }
    Ok(())
}

fn check_free_name(name: &str) -> Result<(), DrawsFault> {
    if let Some(fault) = name_fault(name) {
        return Err(DrawsFault::UnsafeName { name: name.to_owned(), fault });
    }
    if name == "zarr.json" || name.starts_with("__") {
        return Err(DrawsFault::ReservedName { name: name.to_owned() });
    }
    Ok(())
}

/// `0, 1, ..., n - 1`.
fn counted(n: usize) -> Vec<i64> {
    (0_i64..).take(n).collect()
}
