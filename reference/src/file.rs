//! Finding and reading the files of the folder `data`.

use std::path::PathBuf;

use serde::de::DeserializeOwned;

/// The path of a file of the folder `data`, given relative to it.
pub(crate) fn path(name: &str) -> PathBuf {
    [concat!(env!("CARGO_MANIFEST_DIR"), "/data"), name].iter().collect()
}

/// The whole text of a file.
pub(crate) fn text(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The value that a JSON file holds.
pub(crate) fn json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("cannot understand {name}: {error}"))
}
