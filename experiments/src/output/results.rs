//! The folder of one experiment's results: the old one stays until the new one is complete.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{OutputError, check_name};
use super::files::{exists, folder_of, remove, sync_folder, write_new, write_whole};

/// A file in every folder of results: only a folder that has it is ever replaced.
const MARK: &str = ".gmm-results";
const MARK_TEXT: &[u8] = b"A run wrote this folder, and the next run of the same name replaces it as a whole.\n";

/// The results of one experiment while they are being written.
///
/// ```text
/// DIR/.<name>.lock       held while a run writes; empty, and stays
/// DIR/.<name>.partial/   everything is written here; a killed run leaves it, the next one replaces it
/// DIR/.<name>.old/       the previous results, between the two renames of `finish`
/// DIR/<name>/            the results, always complete
/// ```
///
/// A kill at any moment leaves the complete old results or the complete new ones. Between the two renames there is no
/// `DIR/<name>`; [`ResultsDir::create`] and [`ResultsDir::latest`] then put the old results back. Dropping a
/// `ResultsDir` without [`finish`](ResultsDir::finish) is the same as a kill.
///
/// ```
/// use experiments::output::ResultsDir;
///
/// let out = tempfile::tempdir()?;
/// let results = ResultsDir::create(out.path(), "two-clusters")?;
/// results.write("summary.json", b"{}\n")?;
/// let folder = results.finish()?;
/// assert_eq!(folder, out.path().join("two-clusters"));
/// assert_eq!(std::fs::read(folder.join("summary.json"))?, b"{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the results appear only with `finish`"]
pub struct ResultsDir {
    places: Places,
    _lock: Lock,
}

impl ResultsDir {
    /// Starts the results `name` in the folder `out_dir`, which is made if need be.
    ///
    /// # Errors
    ///
    /// [`OutputError::UnsafeName`]; [`OutputError::AnotherRun`] while another `ResultsDir` of this name is alive in any
    /// process; [`OutputError::NotResults`] if `out_dir/name` is something that no run wrote;
    /// [`OutputError::Io`].
    pub fn create(out_dir: &Path, name: &str) -> Result<Self, OutputError> {
        Self::start(out_dir, name, None)
    }

    /// As [`create`](ResultsDir::create), but the hidden folder holds the file `kept` of a run that was killed, else a copy of
    /// that of the complete results, if there is one.
    ///
    /// # Errors
    ///
    /// As [`create`](ResultsDir::create).
    pub fn create_keeping(out_dir: &Path, name: &str, kept: &str) -> Result<Self, OutputError> {
        check_name(kept)?;
        Self::start(out_dir, name, Some(kept))
    }

    fn start(out_dir: &Path, name: &str, kept: Option<&str>) -> Result<Self, OutputError> {
        check_name(name)?;
        if !exists(out_dir)? {
            fs::create_dir_all(out_dir)
                .and_then(|()| sync_folder(folder_of(out_dir)))
                .map_err(OutputError::io("create the folder", out_dir))?;
        }
        let places = Places::new(out_dir, name);
        let lock = places.lock()?;
        places.recover()?;
        places.check_replaceable()?;
        places.clear(kept)?;
        write_whole(&places.partial.join(MARK), MARK_TEXT)?;
        Ok(Self { places, _lock: lock })
    }

    /// The complete results `name` in `out_dir`, if there are any, for reading.
    ///
    /// # Errors
    ///
    /// [`OutputError::UnsafeName`]; [`OutputError::AnotherRun`] if another run is just now replacing them;
    /// [`OutputError::Io`].
    pub fn latest(out_dir: &Path, name: &str) -> Result<Option<PathBuf>, OutputError> {
        check_name(name)?;
        let places = Places::new(out_dir, name);
        if !exists(&places.results)? && exists(&places.old)? {
            let _lock = places.lock()?;
            places.recover()?;
        }
        Ok(exists(&places.results)?.then_some(places.results))
    }

    /// The folder to write into, hidden until [`finish`](ResultsDir::finish).
    pub fn path(&self) -> &Path {
        &self.places.partial
    }

    /// Writes one file of the results, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`OutputError::UnsafeName`] (`file_name` is a plain name, not a path); [`OutputError::Io`].
    pub fn write(&self, file_name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        check_name(file_name)?;
        write_whole(&self.places.partial.join(file_name), bytes)
    }

    /// Writes one new file of the results piece by piece, whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`write`](ResultsDir::write).
    pub fn write_with(
        &self,
        file_name: &str,
        content: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), OutputError> {
        check_name(file_name)?;
        write_new(&self.places.partial.join(file_name), |to| content(to))
    }

    /// Puts the results in their place, instead of any older ones, and returns that place.
    ///
    /// # Errors
    ///
    /// [`OutputError::NotResults`] and [`OutputError::Io`]; the old results are then still in their place, and what was
    /// written is still in the hidden folder.
    pub fn finish(self) -> Result<PathBuf, OutputError> {
        let Places { out_dir, results, partial, old, .. } = &self.places;
        let synced = OutputError::io("write", out_dir);
        self.places.check_replaceable()?;
        sync_folder(partial).map_err(OutputError::io("write", partial))?;
        if exists(results)? {
            fs::rename(results, old).map_err(OutputError::io("replace", results))?;
        }
        if let Err(cause) = fs::rename(partial, results) {
            // Should this fail too, the next `create` or `latest` does it.
            let _ = fs::rename(old, results);
            return Err(OutputError::io("write", results)(cause));
        }
        sync_folder(out_dir).map_err(synced)?;
        // The new results are in place whatever becomes of the old; the next `create` tries again.
        let _ = remove(old);
        Ok(results.clone())
    }
}

/// A locked file.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of the results `name` in `out_dir` until it is dropped. The operating system frees it when the process
    /// dies. The file itself stays: removing it would let two processes hold locks on two files of the same name.
    pub(super) fn take(out_dir: &Path, name: &str) -> Result<Self, OutputError> {
        let path = out_dir.join(format!(".{name}.lock"));
        let opened = File::options().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(OutputError::io("create", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OutputError::AnotherRun { path: out_dir.join(name) }),
            Err(TryLockError::Error(cause)) => Err(OutputError::io("lock", &path)(cause)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting has a copy of the file until it runs.
        let _ = self.0.unlock();
    }
}

/// Where the parts of one experiment's results are.
#[derive(Debug)]
struct Places {
    out_dir: PathBuf,
    results: PathBuf,
    partial: PathBuf,
    old: PathBuf,
    name: String,
}

impl Places {
    fn new(out_dir: &Path, name: &str) -> Self {
        Self {
            out_dir: out_dir.to_path_buf(),
            results: out_dir.join(name),
            partial: out_dir.join(format!(".{name}.partial")),
            old: out_dir.join(format!(".{name}.old")),
            name: name.to_owned(),
        }
    }

    /// See [`Lock::take`].
    fn lock(&self) -> Result<Lock, OutputError> {
        Lock::take(&self.out_dir, &self.name)
    }

    /// Ends what a process that died in `finish` began. Needs the lock.
    fn recover(&self) -> Result<(), OutputError> {
        if exists(&self.results)? {
            remove(&self.old)
        } else if exists(&self.old)? {
            fs::rename(&self.old, &self.results).map_err(OutputError::io("put back", &self.results))
        } else {
            Ok(())
        }
    }

    /// An empty folder to write into, but for a file that is kept. Needs the lock.
    fn clear(&self, kept: Option<&str>) -> Result<(), OutputError> {
        // Not a link to a folder, which is somebody else's.
        let is_folder = fs::symlink_metadata(&self.partial).is_ok_and(|found| found.is_dir());
        if kept.is_none() || !is_folder {
            remove(&self.partial)?;
            fs::create_dir(&self.partial).map_err(OutputError::io("create the folder", &self.partial))?;
        }
        let Some(kept) = kept else { return Ok(()) };
        for entry in fs::read_dir(&self.partial).map_err(OutputError::io("read", &self.partial))? {
            let entry = entry.map_err(OutputError::io("read", &self.partial))?;
            if entry.file_name() != kept {
                remove(&entry.path())?;
            }
        }
        let (file, older) = (self.partial.join(kept), self.results.join(kept));
        if !exists(&file)? && exists(&older)? {
            // Under another name until it is whole.
            let copy = self.partial.join(format!("{kept}.tmp"));
            fs::copy(&older, &copy).and_then(|_| fs::rename(&copy, &file)).map_err(OutputError::io("copy", &older))?;
        }
        Ok(())
    }

    /// Results and empty folders may be replaced; anything else may be somebody's work.
    fn check_replaceable(&self) -> Result<(), OutputError> {
        if !exists(&self.results)? || exists(&self.results.join(MARK)).unwrap_or(false) {
            return Ok(());
        }
        let not_ours = || OutputError::NotResults { path: self.results.clone() };
        let mut entries = fs::read_dir(&self.results).map_err(|_| not_ours())?;
        match entries.next() {
            None => Ok(()),
            Some(_) => Err(not_ours()),
        }
    }
}
