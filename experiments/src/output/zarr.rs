//! Posterior draws as a Zarr v3 folder that ArviZ and xarray open as they are.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::draws::{DrawsTable, Values, Variable};
use super::error::OutputError;
use super::files::{exists, folder_of, remove, sync_folder, write_new};

/// Writes `draws` as the folder `dir`, customarily named `<name>.zarr`.
///
/// ```text
/// dir/zarr.json                    root group, with the metadata of everything below ("consolidated")
/// dir/posterior/zarr.json          group; so sample_stats, if there are any
/// dir/posterior/chain/c.0          int64 coordinate; so draw and every further dimension of the group
/// dir/posterior/means/zarr.json    array [chain, draw, component, dim]
/// dir/posterior/means/c.1.0.0.0    all draws of chain 1, little-endian, not compressed
/// ```
///
/// ArviZ 1.x opens it with `az.from_zarr(dir)`, ArviZ 0.x with
/// `az.InferenceData.from_datatree(xr.open_datatree(dir, engine="zarr"))`. The same table gives the same bytes. The
/// folder is written as `dir` + `.tmp` and appears by one rename; a leftover `.tmp` is replaced, and on an error it is
/// removed. Two writers of one `dir` at once are the caller's to prevent, as [`ResultsDir`](super::ResultsDir) does.
///
/// # Errors
///
/// [`OutputError::Draws`] if the table contradicts itself, [`OutputError::AlreadyExists`] if something is at `dir`,
/// [`OutputError::Io`].
///
/// ```
/// use experiments::output::{DrawsTable, Values, Variable, write_draws};
///
/// let (n_chains, n_draws, n_components) = (2, 3, 2);
/// let mut draws = DrawsTable::new(n_chains, n_draws);
/// draws.posterior.push(Variable {
///     name: "weights".to_owned(),
///     dims: vec!["component".to_owned()],
///     shape: vec![n_components],
///     values: Values::Float(vec![0.5; n_chains * n_draws * n_components]),
/// });
/// let folder = tempfile::tempdir()?;
/// write_draws(&folder.path().join("draws.zarr"), &draws)?;
/// assert!(folder.path().join("draws.zarr/posterior/weights/c.1.0.0").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_draws(dir: &Path, draws: &DrawsTable) -> Result<(), OutputError> {
    let dims = draws.checked().map_err(|fault| OutputError::Draws { path: dir.to_path_buf(), fault })?;
    if exists(dir)? {
        return Err(OutputError::AlreadyExists { path: dir.to_path_buf() });
    }
    let mut temporary = dir.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    remove(&temporary)?;
    let written = write_root(&temporary, draws, &dims)
        .and_then(|()| fs::rename(&temporary, dir).map_err(OutputError::io("write", dir)));
    if let Err(error) = written {
        // Should the removal fail too, the first error is the one worth telling.
        let _ = remove(&temporary);
        return Err(error);
    }
    sync_folder(folder_of(dir)).map_err(OutputError::io("write", dir))
}

fn write_root(root: &Path, draws: &DrawsTable, dims: &BTreeMap<&str, Vec<i64>>) -> Result<(), OutputError> {
    create_folder(root)?;
    let mut consolidated = Map::new();
    for (group, variables) in draws.groups() {
        for (path, metadata) in write_group(&root.join(group), draws, variables, dims)? {
            let key = if path.is_empty() { group.to_owned() } else { format!("{group}/{path}") };
            consolidated.insert(key, metadata);
        }
    }
    let metadata = group_metadata(json!({}), consolidated);
    write_metadata(root, &metadata)?;
    sync_folder(root).map_err(OutputError::io("write", root))
}

/// Writes one group and returns the metadata of its nodes by their path within it; the group's own path is empty.
fn write_group(
    folder: &Path,
    draws: &DrawsTable,
    variables: &[Variable],
    dims: &BTreeMap<&str, Vec<i64>>,
) -> Result<Map<String, Value>, OutputError> {
    create_folder(folder)?;
    let mut nodes = Map::new();
    for (&dim, coordinates) in dims {
        let is_used = matches!(dim, "chain" | "draw")
            || variables.iter().any(|variable| variable.dims.iter().any(|name| name == dim));
        if is_used {
            let shape = [coordinates.len()];
            let metadata = array_metadata("int64", &shape, &shape, &[dim]);
            write_array(&folder.join(dim), &metadata, [("c.0".to_owned(), Chunk::Integer(coordinates))])?;
            nodes.insert(dim.to_owned(), metadata);
        }
    }
    for variable in variables {
        let metadata = variable_metadata(draws, variable);
        write_array(&folder.join(&variable.name), &metadata, chunks(draws, variable))?;
        nodes.insert(variable.name.clone(), metadata);
    }
    let mut attributes: Map<String, Value> = draws.attributes.clone().into_iter().collect();
    attributes.insert("inference_library".to_owned(), json!("gmm"));
    attributes.insert("inference_library_version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    let attributes = Value::Object(attributes);
    // The group opens by itself as well (`xr.open_zarr(dir, group="posterior")`), so it too knows what is below it.
    write_metadata(folder, &group_metadata(attributes.clone(), nodes.clone()))?;
    sync_folder(folder).map_err(OutputError::io("write", folder))?;
    nodes.insert(String::new(), group_metadata(attributes, Map::new()));
    Ok(nodes)
}

fn write_array<'a>(
    folder: &Path,
    metadata: &Value,
    chunks: impl IntoIterator<Item = (String, Chunk<'a>)>,
) -> Result<(), OutputError> {
    create_folder(folder)?;
    write_metadata(folder, metadata)?;
    for (key, chunk) in chunks {
        write_new(&folder.join(key), |to| chunk.write(to))?;
    }
    sync_folder(folder).map_err(OutputError::io("write", folder))
}

fn create_folder(folder: &Path) -> Result<(), OutputError> {
    fs::create_dir(folder).map_err(OutputError::io("create the folder", folder))
}

fn write_metadata(folder: &Path, metadata: &Value) -> Result<(), OutputError> {
    write_new(&folder.join("zarr.json"), |to| writeln!(to, "{metadata:#}"))
}

fn group_metadata(attributes: Value, below: Map<String, Value>) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "group",
        "attributes": attributes,
        "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": below },
    })
}

fn variable_metadata(draws: &DrawsTable, variable: &Variable) -> Value {
    let data_type = match variable.values {
        Values::Float(_) => "float64",
        Values::Integer(_) => "int64",
    };
    let per_chain = || [draws.draws.len()].into_iter().chain(variable.shape.iter().copied());
    let shape: Vec<usize> = [draws.chains.len()].into_iter().chain(per_chain()).collect();
    let chunk_shape: Vec<usize> = [1].into_iter().chain(per_chain()).collect();
    let names: Vec<&str> = ["chain", "draw"].into_iter().chain(variable.dims.iter().map(String::as_str)).collect();
    array_metadata(data_type, &shape, &chunk_shape, &names)
}

fn array_metadata(data_type: &str, shape: &[usize], chunk_shape: &[usize], dimension_names: &[&str]) -> Value {
    // What a reader sees where a chunk file was lost: nothing that could pass for a draw.
    let fill_value = if data_type == "float64" { json!("NaN") } else { json!(i64::MIN) };
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": data_type,
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": chunk_shape } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "." } },
        "fill_value": fill_value,
        "codecs": [{ "name": "bytes", "configuration": { "endian": "little" } }],
        "dimension_names": dimension_names,
        "attributes": {},
    })
}

/// The chunks of a variable, one per chain, with their keys.
fn chunks<'a>(draws: &DrawsTable, variable: &'a Variable) -> Vec<(String, Chunk<'a>)> {
    let n_values = draws.draws.len() * variable.shape.iter().product::<usize>();
    let rest = ".0".repeat(variable.shape.len() + 1);
    let pieces: Vec<Chunk<'a>> = match &variable.values {
        Values::Float(values) => values.chunks_exact(n_values).map(Chunk::Float).collect(),
        Values::Integer(values) => values.chunks_exact(n_values).map(Chunk::Integer).collect(),
    };
    pieces.into_iter().enumerate().map(|(chain, chunk)| (format!("c.{chain}{rest}"), chunk)).collect()
}

/// The values of one file.
enum Chunk<'a> {
    Float(&'a [f64]),
    Integer(&'a [i64]),
}

impl Chunk<'_> {
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Float(values) => values.iter().try_for_each(|value| to.write_all(&value.to_le_bytes())),
            Self::Integer(values) => values.iter().try_for_each(|value| to.write_all(&value.to_le_bytes())),
        }
    }
}
