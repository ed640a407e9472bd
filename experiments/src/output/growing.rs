//! A folder of results that grows: what is in it stays, and more is added by one process at a time.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{OutputError, check_name};
use super::files::{exists, folder_of, remove, sync_folder, write_whole};
use super::results::Lock;

/// The results of something that is computed piece by piece, in one run or in several.
///
/// ```text
/// DIR/.<name>.lock       held while a process writes; empty, and stays
/// DIR/<name>/            the results, each file whole
/// DIR/<name>/<mark>      says whose results these are
/// ```
#[derive(Debug)]
pub(crate) struct GrowingDir {
    path: PathBuf,
    _lock: Lock,
}

/// A folder that was opened.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is new, or what was there has the same mark.
    Ours(GrowingDir),
    /// What is there has another mark, of these bytes. Nothing was touched.
    Another(Vec<u8>),
}

impl GrowingDir {
    /// Opens the results `name` in the folder `out_dir`, both of which are made if need be. `is_same` judges the mark of a
    /// folder that is there; a new one gets `mark`.
    ///
    /// # Errors
    /// [`OutputError::UnsafeName`]; [`OutputError::AnotherRun`] while another process has it; [`OutputError::NotResults`] if
    /// something without a mark is there; [`OutputError::Io`].
    pub(crate) fn open(
        out_dir: &Path,
        name: &str,
        (mark_name, mark): (&str, &[u8]),
        is_same: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Opened, OutputError> {
        check_name(name)?;
        let path = out_dir.join(name);
        if !exists(out_dir)? {
            let made = fs::create_dir_all(out_dir).and_then(|()| sync_folder(folder_of(out_dir)));
            made.map_err(OutputError::io("create the folder", out_dir))?;
        }
        let lock = Lock::take(out_dir, name)?;
        let mark_path = path.join(mark_name);
        if exists(&path)? {
            if exists(&mark_path).unwrap_or(false) {
                let found = fs::read(&mark_path).map_err(OutputError::io("read", &mark_path))?;
                if !is_same(&found) {
                    return Ok(Opened::Another(found));
                }
                let folder = Self { path, _lock: lock };
                folder.sweep(&folder.path)?;
                return Ok(Opened::Ours(folder));
            }
            let not_ours = || OutputError::NotResults { path: path.clone() };
            // A process that was killed at once leaves a hidden file of its own.
            let is_leftover = |name: &std::ffi::OsStr| is_temporary(&name.to_string_lossy());
            let mut entries = fs::read_dir(&path).map_err(|_| not_ours())?;
            if entries.any(|entry| entry.map_or(true, |entry| !is_leftover(&entry.file_name()))) {
                return Err(not_ours());
            }
        } else {
            let made = fs::create_dir(&path).and_then(|()| sync_folder(out_dir));
            made.map_err(OutputError::io("create the folder", &path))?;
        }
        write_whole(&mark_path, mark)?;
        let folder = Self { path, _lock: lock };
        folder.sweep(&folder.path)?;
        Ok(Opened::Ours(folder))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it, made if need be, without the hidden files of processes that were killed.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, OutputError> {
        let path = self.path.join(name);
        if !exists(&path)? {
            let made = fs::create_dir(&path).and_then(|()| sync_folder(&self.path));
            made.map_err(OutputError::io("create the folder", &path))?;
        }
        self.sweep(&path)?;
        Ok(path)
    }

    /// Writes a file, named by its path in the folder, whole or not at all.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        write_whole(&self.path.join(name), bytes)
    }

    /// Removes a file or a folder; nothing there is fine.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(crate) fn remove(&self, name: &str) -> Result<(), OutputError> {
        remove(&self.path.join(name))
    }

    /// Removes a folder as a whole: it is first given a hidden name, so that a kill leaves no half of it.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(crate) fn retire(&self, name: &str) -> Result<(), OutputError> {
        self.remove_retired(name)?;
        let (from, to) = (self.path.join(name), self.retired(name));
        match fs::rename(&from, &to) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(OutputError::io("rename", &from)(cause)),
            _ => remove(&to),
        }
    }

    /// Removes what is left of a folder whose removal a kill ended.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(crate) fn remove_retired(&self, name: &str) -> Result<(), OutputError> {
        remove(&self.retired(name))
    }

    fn retired(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.retired"))
    }

    /// Renames a file that cannot be read to `<name>.damaged`, in the place of an older one.
    ///
    /// # Errors
    /// [`OutputError::Io`].
    pub(crate) fn set_aside(&self, name: &str) -> Result<(), OutputError> {
        let (from, to) = (self.path.join(name), self.path.join(format!("{name}.damaged")));
        fs::rename(&from, to).map_err(OutputError::io("rename", &from))
    }

    /// Removes what processes that were killed while they wrote a file left of it.
    fn sweep(&self, folder: &Path) -> Result<(), OutputError> {
        for entry in fs::read_dir(folder).map_err(OutputError::io("read", folder))? {
            let entry = entry.map_err(OutputError::io("read", folder))?;
            if is_temporary(&entry.file_name().to_string_lossy()) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a name is one that [`write_whole`] gives to files that are not whole yet.
fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(out: &Path, mark: &str) -> Result<Opened, OutputError> {
        GrowingDir::open(out, "study", (".mark", mark.as_bytes()), |found| found == mark.as_bytes())
    }

    #[test]
    fn a_folder_grows_and_belongs_to_one_process_and_one_mark() {
        let out = tempfile::tempdir().unwrap();
        let Opened::Ours(folder) = open(out.path(), "a").unwrap() else { unreachable!() };
        folder.write("numbers", b"1").unwrap();
        assert!(matches!(open(out.path(), "a"), Err(OutputError::AnotherRun { .. })));
        drop(folder);
        assert!(matches!(open(out.path(), "b").unwrap(), Opened::Another(found) if found == b"a"));
        std::fs::write(out.path().join("study/.numbers.1.0.tmp"), b"half").unwrap();
        let Opened::Ours(folder) = open(out.path(), "a").unwrap() else { unreachable!() };
        assert_eq!(std::fs::read(folder.path().join("numbers")).unwrap(), b"1");
        assert!(!folder.path().join(".numbers.1.0.tmp").exists());
    }

    #[test]
    fn what_nobody_marked_is_not_touched() {
        let out = tempfile::tempdir().unwrap();
        std::fs::create_dir(out.path().join("study")).unwrap();
        std::fs::write(out.path().join("study/thesis"), b"mine").unwrap();
        assert!(matches!(open(out.path(), "a"), Err(OutputError::NotResults { .. })));
        std::fs::remove_file(out.path().join("study/thesis")).unwrap();
        assert!(matches!(open(out.path(), "a"), Ok(Opened::Ours(_))));
    }
}
