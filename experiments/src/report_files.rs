//! The files of a report: what is shown as plain data, the page, and each figure by itself.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::output::{OutputError, write_folder, write_whole};
use crate::report::page::{Block, Page, SCHEMA_VERSION, Section};
use crate::report::{figures, html};

/// What is shown, as data: all that the other files are made from.
const DATA: &str = "report.json";
/// The page.
pub(crate) const PAGE: &str = "report.html";
/// What runs and verifications have in common if they are of the same experiment.
const EXPERIMENT: &str = "experiment.ron";
/// The section that holds what a verification found.
const VERIFICATION: &str = "Verification";
/// The folder of the figures.
const FIGURES: &str = "figures";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The folder has no report.
    #[error("`{}` cannot be read: {cause}; `gmm run`, `gmm verify` and `gmm study` write it", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// The file is not a report.
    #[error("`{}` is not a report: {cause}", path.display())]
    Damaged { path: PathBuf, cause: serde_json::Error },
    /// Another version of the program wrote it.
    #[error(
        "`{}` has the form {found}, and this program reads {SCHEMA_VERSION}: it was written by another version of gmm",
        path.display()
    )]
    OtherVersion { path: PathBuf, found: u64 },
    /// It cannot be drawn or written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// A file by its name, which may name a folder, and its bytes.
pub(crate) type NamedFile = (String, Vec<u8>);

/// Writes a report into a folder, and returns what was written.
///
/// # Errors
/// [`OutputError::Drawing`], [`OutputError::Io`].
pub(crate) fn write_report(folder: &Path, page: &Page) -> Result<Vec<NamedFile>, OutputError> {
    let drawing = |reason: String| OutputError::Drawing { path: folder.to_path_buf(), reason };
    let data = serde_json::to_vec(page).map_err(|error| drawing(error.to_string()))?;
    // Drawn from what was stored, so that a report that is made again is the same.
    let page = serde_json::from_slice(&data).map_err(|error| drawing(error.to_string()))?;
    let mut written = vec![(DATA.to_owned(), data)];
    write_whole(&folder.join(DATA), &written[0].1)?;
    written.extend(write_drawn(folder, &page)?);
    Ok(written)
}

/// Draws the report of a folder once more from what is stored there. Returns the page.
///
/// # Errors
/// All of [`ReportError`].
pub(crate) fn rebuild(folder: &Path) -> Result<PathBuf, ReportError> {
    let path = folder.join(DATA);
    let data = fs::read(&path).map_err(|cause| ReportError::Unreadable { path: path.clone(), cause })?;
    let damaged = |cause| ReportError::Damaged { path: path.clone(), cause };
    // The version first: another form need not have the same fields.
    let value: serde_json::Value = serde_json::from_slice(&data).map_err(damaged)?;
    match value.get("schema_version").and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(SCHEMA_VERSION) => {
            Err(ReportError::OtherVersion { path: path.clone(), found })
        }
        _ => Ok(()),
    }?;
    let page: Page = serde_json::from_slice(&data).map_err(damaged)?;
    write_drawn(folder, &page)?;
    Ok(folder.join(PAGE))
}

/// A report with that of the verification of the same experiment, if there is one beside its folder.
fn with_verification<'a>(folder: &Path, page: &'a Page) -> Cow<'a, Page> {
    let beside = folder.parent().unwrap_or(Path::new(".")).join(format!("{}-verification", page.title));
    let read = |folder: &Path, file: &str| fs::read(folder.join(file)).ok();
    let same = read(folder, EXPERIMENT).is_some_and(|own| read(&beside, EXPERIMENT).is_some_and(|other| other == own));
    let found =
        read(&beside, DATA).filter(|_| same && page.sections.iter().all(|section| section.title != VERIFICATION));
    // A verification that cannot be read has a report of its own that says so.
    let found = found.and_then(|data| serde_json::from_slice::<Page>(&data).ok());
    match found.filter(|found| found.schema_version == SCHEMA_VERSION && found.kind != page.kind) {
        None => Cow::Borrowed(page),
        Some(found) => {
            let folded = |section: Section| Block::Folded { title: section.title, blocks: section.blocks };
            let blocks = found.lead.into_iter().chain(found.sections.into_iter().map(folded)).collect();
            let mut page = page.clone();
            page.section(VERIFICATION, blocks);
            Cow::Owned(page)
        }
    }
}

fn write_drawn(folder: &Path, page: &Page) -> Result<Vec<NamedFile>, OutputError> {
    let page = &*with_verification(folder, page);
    let drawing = |reason: String| OutputError::Drawing { path: folder.to_path_buf(), reason };
    let html = html(page).map_err(drawing)?.into_bytes();
    let figures: Vec<NamedFile> =
        figures(page).map_err(drawing)?.into_iter().map(|(name, svg)| (name, svg.into_bytes())).collect();
    write_folder(&folder.join(FIGURES), &figures)?;
    write_whole(&folder.join(PAGE), &html)?;
    let figures = figures.into_iter().map(|(name, bytes)| (format!("{FIGURES}/{name}"), bytes));
    Ok(std::iter::once((PAGE.to_owned(), html)).chain(figures).collect())
}
