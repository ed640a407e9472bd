//! The spool file: rows of doubles that are decoded once and then mapped.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::mapped::MappedRows;
use crate::output::OutputError;

/// A file without a name, so that nothing is left whatever ends the process.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    folder: PathBuf,
    len: usize,
}

impl Spool {
    /// An empty spool file on the disk of `folder`, which need not exist yet.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(super) fn new(folder: &Path) -> Result<Self, OutputError> {
        let folder = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        let file = tempfile::tempfile_in(folder).map_err(OutputError::io("make a temporary file in", folder))?;
        Ok(Self { file, folder: folder.to_path_buf(), len: 0 })
    }

    /// Appends values.
    ///
    /// # Errors
    /// [`OutputError::Io`], such as a full disk.
    pub(super) fn write(&mut self, values: &[f64]) -> Result<(), OutputError> {
        self.len += values.len();
        let written = self.file.write_all(bytemuck::cast_slice(values));
        written.map_err(OutputError::io("write a temporary file in", &self.folder))
    }

    /// All values.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(super) fn into_rows(self) -> Result<MappedRows, OutputError> {
        let mapped = MappedRows::new(&self.file, 0, self.len).and_then(|rows| {
            // The beginning of a file is the beginning of a page.
            rows.ok_or_else(|| std::io::ErrorKind::Unsupported.into())
        });
        mapped.map_err(OutputError::io("map a temporary file in", &self.folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_mapped_and_no_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&folder.path().join("not/yet")).unwrap();
        spool.write(&[1.0, -2.5]).unwrap();
        spool.write(&[3.0]).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(spool.into_rows().unwrap().as_ref(), [1.0, -2.5, 3.0]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
