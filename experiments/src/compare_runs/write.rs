//! The files of a comparison.

use std::fs;
use std::path::Path;

use super::RunsComparison;
use crate::output::{OutputError, write_whole};
use crate::report::{html, runs_page};

/// Writes `comparison.json` and `comparison.html` to a folder, which is made if need be; each whole or not at all.
///
/// # Errors
/// [`OutputError::Io`], [`OutputError::Drawing`].
pub(crate) fn write(comparison: &RunsComparison, folder: &Path) -> Result<(), OutputError> {
    fs::create_dir_all(folder).map_err(OutputError::io("create the folder", folder))?;
    let mut json = serde_json::to_vec_pretty(comparison).unwrap_or_default();
    json.push(b'\n');
    write_whole(&folder.join("comparison.json"), &json)?;
    let drawing = |reason| OutputError::Drawing { path: folder.to_path_buf(), reason };
    let page = html(&runs_page(comparison)).map_err(drawing)?;
    write_whole(&folder.join("comparison.html"), page.as_bytes())
}
