//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{OutputError, check_name};

/// Large enough that a chunk of draws costs few system calls.
const BUFFER_BYTES: usize = 1 << 18;

/// Writes `bytes` to `path`, so that at every moment `path` holds either all of what it held before or all of `bytes`,
/// after a power cut as well.
///
/// The bytes go to a hidden file in the same folder, reach the disk, and take the place of `path` by one rename. On any
/// error the hidden file is removed and `path` is as before. A kill can leave a hidden `.<name>.<process>.<count>.tmp`
/// behind. A link to a file stays a link: the file that it points to is replaced. A device or pipe, such as
/// `/dev/stdout`, is written to directly.
///
/// # Errors
///
/// [`OutputError::Io`], naming `path` and what the operating system said.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("summary.json");
/// experiments::output::write_whole(&path, b"{}\n")?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let fail = || OutputError::io("write", path);
    // A rename over a device would replace the device, and over a link the link.
    let target = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(fail()(io::ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => return write_through(path, bytes).map_err(fail()),
        Ok(_) => fs::canonicalize(path).map_err(fail())?,
        Err(_) => path.to_path_buf(),
    };
    let (temporary, file) = create_beside(&target).map_err(fail())?;
    let written = fill(file, |to| to.write_all(bytes)).and_then(|()| fs::rename(&temporary, &target));
    if let Err(cause) = written {
        // Should the removal fail too, the first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
        return Err(fail()(cause));
    }
    sync_folder(folder_of(&target)).map_err(fail())
}

/// Writes a folder of files, in place of an older one of that name: under another name until all are whole.
///
/// # Errors
///
/// [`OutputError::UnsafeName`] if a file is not named plainly; [`OutputError::Io`].
pub(crate) fn write_folder(dir: &Path, files: &[(String, Vec<u8>)]) -> Result<(), OutputError> {
    let mut temporary = dir.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    remove(&temporary)?;
    fs::create_dir(&temporary).map_err(OutputError::io("create the folder", &temporary))?;
    for (name, bytes) in files {
        check_name(name)?;
        write_new(&temporary.join(name), |to| to.write_all(bytes))?;
    }
    remove(dir)?;
    fs::rename(&temporary, dir).map_err(OutputError::io("write", dir))?;
    sync_folder(folder_of(dir)).map_err(OutputError::io("write", dir))
}

/// Writes a file that does not exist yet, in a folder that nobody else knows of yet: under another name until it is whole.
pub(super) fn write_new(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), OutputError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    File::create_new(&temporary)
        .and_then(|file| fill(file, content))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(OutputError::io("write", path))
}

/// Makes the entries of `folder` (names, renames, removals) survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};

    // Elsewhere a folder cannot be opened as a file.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems have no such call for folders, and a folder may be writable but not readable.
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported | PermissionDenied) => Ok(()),
        done => done,
    }
}

/// The folder that `path` is an entry of.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Removes a file, a link or a whole folder; nothing there is fine.
pub(super) fn remove(path: &Path) -> Result<(), OutputError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OutputError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Whether anything is at `path`, be it a link that leads nowhere.
pub(super) fn exists(path: &Path) -> Result<bool, OutputError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(OutputError::io("look at", path)(error)),
    }
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut device = OpenOptions::new().write(true).open(path)?;
    device.write_all(bytes)?;
    device.flush()
}

fn fill(file: File, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, file);
    let written = content(&mut buffered).and_then(|()| buffered.flush());
    // Taken apart rather than dropped: dropping it after an error would try to write the rest.
    let (file, _) = buffered.into_parts();
    written.and_then(|()| file.sync_all())
}

/// A new hidden file in the folder of `path`; the name tells processes, and writes of one process, apart.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    loop {
        let mut hidden = OsString::from(".");
        // Leaves room for what follows within the 255 bytes of a file name.
        if name.len() <= 200 {
            hidden.push(name);
        }
        hidden.push(format!(".{}.{}.tmp", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let temporary = folder_of(path).join(hidden);
        match File::create_new(&temporary) {
            // Left by a killed process that had the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => return created.map(|file| (temporary, file)),
        }
    }
}
