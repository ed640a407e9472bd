//! The folder of a study: parts as they come, whole tables when all is done.
//!
//! ```text
//! DIR/<name>/.gmm-study                      whose results these are
//! DIR/<name>/parts/000000-estimates.parquet  of some replicates, in any order
//! DIR/<name>/parts/000000-seconds.parquet
//! DIR/<name>/parts/000000-fits.parquet       the last of the three: the sign that they are complete
//! DIR/<name>/{estimates,seconds,fits}.parquet  everything in canonical order; the parts are gone then
//! ```
//!
//! A kill at any moment leaves whole files; a record that is there twice, since the tables were written and the parts not
//! yet removed, is the same twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gmm_core::InstructionSet;
use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};

use super::error::StudyError;
use super::grid::Grid;
use super::record::{Key, Record};
use super::rows::{self, Places};
use super::table::{self, Column, Table, TableFault};
use crate::output::{GrowingDir, Opened, OutputError};

const MARK: &str = ".gmm-study";
const PARTS: &str = "parts";
/// The tables, in the order in which they are written.
const TABLES: [&str; 3] = ["estimates", "seconds", "fits"];

/// A part is written when what is pending is a tenth of the work of this process so far: this bounds the share that a kill
/// can cost, and the number of parts. These are the least and the most time from one to the next.
const LEAST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(5);

/// What all rows of a folder have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    schema_version: u32,
    study: String,
    seed: u64,
    test_rows: usize,
    program: String,
    instruction_set: String,
}

impl Identity {
    fn of(grid: &Grid) -> Self {
        Self {
            schema_version: 1,
            study: grid.study.name.clone(),
            seed: grid.study.seed,
            test_rows: grid.study.test_rows,
            program: format!("gmm {}", env!("CARGO_PKG_VERSION")),
            instruction_set: InstructionSet::best().name().to_owned(),
        }
    }

    /// How another differs, in words.
    fn difference(&self, found: &Self) -> String {
        let fields = [
            ("the layout", found.schema_version.to_string(), self.schema_version.to_string()),
            ("the name", found.study.clone(), self.study.clone()),
            ("the seed", found.seed.to_string(), self.seed.to_string()),
            ("the number of test rows", found.test_rows.to_string(), self.test_rows.to_string()),
            ("the program", found.program.clone(), self.program.clone()),
            ("the instruction set", found.instruction_set.clone(), self.instruction_set.clone()),
        ];
        let differ = fields.into_iter().filter(|(_, found, wanted)| found != wanted);
        let words: Vec<String> =
            differ.map(|(what, found, wanted)| format!("{what} is {found}, not {wanted}")).collect();
        words.join(", ")
    }
}

/// The folder of a study that this process writes.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    folder: GrowingDir,
    places: Places<'a>,
    inner: Mutex<Inner>,
}

/// A study whose tables are on disk.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its folder.
    pub(crate) folder: GrowingDir,
    /// The records of the grid, by cell, replicate and fit.
    pub(crate) reported: BTreeMap<(usize, u64, usize), Record>,
}

#[derive(Debug)]
struct Inner {
    /// Everything that is known, by key.
    known: BTreeMap<Key, Record>,
    pending: Vec<Key>,
    next_part: u64,
    started: Instant,
    flushed: Instant,
}

impl<'a> Store<'a> {
    /// Opens the folder of a study in `out` and reads what is there. What cannot be read is set aside, told to `say`, and
    /// computed again.
    ///
    /// # Errors
    /// [`StudyError::Another`] if the folder holds another study; [`StudyError::Output`] of the disk.
    pub(crate) fn open(out: &Path, grid: &'a Grid, say: &dyn Fn(&str)) -> Result<Self, StudyError> {
        let wanted = Identity::of(grid);
        let mark = serde_json::to_vec(&wanted).unwrap_or_default();
        let parse = |found: &[u8]| serde_json::from_slice::<Identity>(found).ok();
        let name = &grid.study.name;
        let folder = match GrowingDir::open(out, name, (MARK, &mark), |found| parse(found).as_ref() == Some(&wanted))? {
            Opened::Ours(folder) => folder,
            Opened::Another(found) => {
                let difference =
                    parse(&found).map_or("it cannot be read".to_owned(), |found| wanted.difference(&found));
                return Err(StudyError::Another { path: out.join(name), difference });
            }
        };
        let store = Self {
            places: Places::new(grid),
            inner: Mutex::new(Inner {
                known: BTreeMap::new(),
                pending: Vec::new(),
                next_part: 0,
                started: Instant::now(),
                flushed: Instant::now(),
            }),
            folder,
        };
        store.folder.remove_retired(PARTS)?;
        store.load("", say)?;
        for part in store.parts()? {
            store.load(&part, say)?;
        }
        Ok(store)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The prefixes of the parts that are complete; what belongs to no complete part is removed.
    fn parts(&self) -> Result<Vec<String>, OutputError> {
        let folder = self.folder.folder(PARTS)?;
        let fail = || OutputError::io("read", &folder);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(fail())? {
            names.push(entry.map_err(fail())?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        let number = |name: &str| name.split('-').next().and_then(|digits| digits.parse::<u64>().ok());
        self.lock().next_part = names.iter().filter_map(|name| number(name)).max().map_or(0, |last| last + 1);
        let complete: Vec<String> = names
            .iter()
            .filter_map(|name| name.strip_suffix("fits.parquet").map(|part| format!("{PARTS}/{part}")))
            .collect();
        for name in names.iter().filter(|name| name.ends_with(".parquet")) {
            let path = format!("{PARTS}/{name}");
            if !complete.iter().any(|part| path.starts_with(part.as_str())) {
                self.folder.remove(&path)?;
            }
        }
        Ok(complete)
    }

    /// Reads three tables, if they are there.
    fn load(&self, prefix: &str, say: &dyn Fn(&str)) -> Result<(), OutputError> {
        let paths = TABLES.map(|name| format!("{prefix}{name}.parquet"));
        let [estimates, seconds, fits] = paths.each_ref().map(|path| self.folder.path().join(path));
        if !fits.exists() && !estimates.exists() {
            return Ok(());
        }
        let table = |path: &PathBuf| Table::read(path).map_err(|fault| (path.clone(), fault));
        let tables = || Ok((table(&fits)?, table(&estimates)?, table(&seconds)?));
        let read = tables().and_then(|(of_fits, estimates, seconds)| {
            rows::read(&of_fits, &estimates, &seconds).map_err(|fault| (fits.clone(), fault))
        });
        match read {
            Ok(records) => {
                let mut inner = self.lock();
                records.into_iter().for_each(|record| drop(inner.known.insert(record.key.clone(), record)));
            }
            // Tables that were not written to the end: parts still hold what they would.
            Err((_, TableFault::Io(error))) if error.kind() == std::io::ErrorKind::NotFound && prefix.is_empty() => {}
            Err((path, TableFault::Io(error))) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(OutputError::io("read", &path)(error));
            }
            Err((path, fault)) => {
                say(&format!("{} cannot be used ({fault}): its replicates are computed again", path.display()));
                for (name, path) in paths.iter().zip([&estimates, &seconds, &fits]) {
                    if path.exists() {
                        self.folder.set_aside(name)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the record of a fit is there.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.lock().known.contains_key(key)
    }

    /// Keeps records; now and then they reach the disk.
    ///
    /// # Errors
    /// [`OutputError`] of the disk; what reached it before stays.
    pub(crate) fn add(&self, records: Vec<Record>) -> Result<(), OutputError> {
        let mut inner = self.lock();
        for record in records {
            inner.pending.push(record.key.clone());
            inner.known.insert(record.key.clone(), record);
        }
        let is_due = inner.flushed.elapsed() >= (inner.started.elapsed() / 10).clamp(LEAST, MOST);
        drop(inner);
        if is_due { self.flush() } else { Ok(()) }
    }

    /// Writes what has not reached the disk as one part.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn flush(&self) -> Result<(), OutputError> {
        let mut inner = self.lock();
        let pending = std::mem::take(&mut inner.pending);
        let records: Vec<Record> = pending.iter().filter_map(|key| inner.known.get(key).cloned()).collect();
        let part = inner.next_part;
        inner.next_part += 1;
        inner.flushed = Instant::now();
        drop(inner); // Others go on while this is written.
        match records.is_empty() {
            true => Ok(()),
            false => self.write(&format!("{PARTS}/{part:06}-"), &records.iter().collect::<Vec<_>>()),
        }
    }

    /// The fits last: they are the sign that all is there.
    fn write(&self, prefix: &str, records: &[&Record]) -> Result<(), OutputError> {
        let [estimates, seconds, fits] = TABLES.map(|name| format!("{prefix}{name}.parquet"));
        self.write_table(&estimates, &rows::estimates(&self.places, records))?;
        self.write_table(&seconds, &rows::seconds(&self.places, records))?;
        self.write_table(&fits, &rows::fits(&self.places, records))
    }

    fn write_table(&self, name: &str, columns: &[(impl AsRef<str>, Column)]) -> Result<(), OutputError> {
        let fail =
            |error: ParquetError| OutputError::io("encode", &self.path().join(name))(std::io::Error::other(error));
        self.folder.write(name, &table::bytes(columns).map_err(fail)?)
    }

    /// Writes everything that is known as whole tables and removes the parts: first what the grid has, in the order of cells,
    /// replicates and fits, then the rest by its keys.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn finish(self) -> Result<Finished, OutputError> {
        let known = std::mem::take(&mut self.lock().known);
        let (mut reported, mut others) = (BTreeMap::new(), Vec::new());
        for (key, record) in known {
            match self.places.of(&key) {
                Some(place) => drop(reported.insert(place, record)),
                None => others.push(record),
            }
        }
        let all: Vec<&Record> = reported.values().chain(&others).collect();
        self.write("", &all)?;
        self.folder.retire(PARTS)?;
        Ok(Finished { folder: self.folder, reported })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
