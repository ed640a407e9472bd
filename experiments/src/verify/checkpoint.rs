//! What was computed so far, on disk: a verification that is killed goes on from there.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gmm_verify::Failure;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::output::OutputError;

/// Lines reach the disk itself so often; a killed process loses none, a power cut those of this time.
const SYNC: Duration = Duration::from_secs(1);

/// What is numbered from 0 and computed on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    /// Of the calibration.
    Replication,
    /// Of the joint test.
    Draw,
    /// Of the joint test.
    Chain,
    /// All of it.
    Enumeration,
    /// All of a point estimate.
    Optima,
}

/// The first line: results are those of this key alone.
#[derive(Debug, Serialize, Deserialize)]
struct Key {
    gmm: String,
    key: String,
}

/// A line: one piece of one fit, its result or the words of its failure.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    fit: String,
    piece: Piece,
    index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// What an older checkpoint is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There was none.
    Nothing,
    /// It is of another program, experiment or setting, and was dropped.
    Another,
    /// It holds so many results.
    Results(usize),
}

/// A file of lines that grows by one for each piece, in whichever order they end.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    known: HashMap<(String, Piece, u64), Line>,
    appended: Mutex<Appended>,
}

#[derive(Debug)]
struct Appended {
    file: File,
    synced: Instant,
    /// The disk has refused a line: what follows it could not be read again.
    broken: bool,
}

impl Checkpoint {
    /// Reads what is there, as far as it is whole, and goes on behind it. Of another key it starts anew.
    ///
    /// # Errors
    /// [`OutputError`] of the disk.
    pub(crate) fn open(path: &Path, key: &str) -> Result<(Self, Found), OutputError> {
        let fail = || OutputError::io("write", path);
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(fail())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(OutputError::io("read", path))?;
        let first = Key { gmm: env!("CARGO_PKG_VERSION").to_owned(), key: key.to_owned() };
        let (known, whole, found) = match read(&bytes, key) {
            Some((known, whole)) => {
                let found = Found::Results(known.len());
                (known, whole, found)
            }
            None => (HashMap::new(), 0, if bytes.is_empty() { Found::Nothing } else { Found::Another }),
        };
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(fail())?;
        let appended = Mutex::new(Appended { file, synced: Instant::now(), broken: false });
        let checkpoint = Self { path: path.to_path_buf(), known, appended };
        if whole == 0 {
            checkpoint.append(&first)?;
        }
        Ok((checkpoint, found))
    }

    /// All of `n` pieces in order, on all threads: those that are known, and the others made and written down.
    ///
    /// # Errors
    /// [`OutputError`] of the disk; what was written before stays.
    pub(crate) fn all<T: Serialize + DeserializeOwned + Send>(
        &self,
        fit: &str,
        piece: Piece,
        n: usize,
        make: impl Fn(u64) -> Result<T, Failure> + Sync,
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<Result<T, Failure>>, OutputError> {
        let one = |index: u64| {
            let result = match self.known(fit, piece, index) {
                Some(known) => known,
                None => {
                    let made = make(index);
                    self.put(fit, piece, index, &made)?;
                    made
                }
            };
            done();
            Ok(result)
        };
        let all = (0..n as u64).into_par_iter().map(one).collect::<Result<Vec<_>, OutputError>>()?;
        self.sync()?;
        Ok(all)
    }

    /// One piece, known or made on this thread, and whether it was known.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub(crate) fn one<T: Serialize + DeserializeOwned>(
        &self,
        fit: &str,
        piece: Piece,
        make: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<Result<T, Failure>, OutputError> {
        if let Some(known) = self.known(fit, piece, 0) {
            return Ok(known);
        }
        let made = make();
        self.put(fit, piece, 0, &made)?;
        self.sync()?;
        Ok(made)
    }

    fn known<T: DeserializeOwned>(&self, fit: &str, piece: Piece, index: u64) -> Option<Result<T, Failure>> {
        let line = self.known.get(&(fit.to_owned(), piece, index))?;
        match (&line.result, &line.failure) {
            (Some(result), None) => T::deserialize(result).ok().map(Ok),
            (None, Some(words)) => Some(Err(Failure::Stored(words.clone()))),
            _ => None,
        }
    }

    fn put<T: Serialize>(
        &self,
        fit: &str,
        piece: Piece,
        index: u64,
        made: &Result<T, Failure>,
    ) -> Result<(), OutputError> {
        let (result, failure) = match made {
            Ok(made) => (serde_json::to_value(made).ok(), None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        self.append(&Line { fit: fit.to_owned(), piece, index, result, failure })
    }

    fn append(&self, line: &impl Serialize) -> Result<(), OutputError> {
        let mut bytes = serde_json::to_vec(line).unwrap_or_default();
        bytes.push(b'\n');
        let mut to = self.lock();
        if to.broken {
            return Err(OutputError::io("write", &self.path)(std::io::ErrorKind::StorageFull.into()));
        }
        let mut written = to.file.write_all(&bytes);
        if written.is_ok() && to.synced.elapsed() > SYNC {
            written = to.file.sync_data();
            to.synced = Instant::now();
        }
        to.broken = written.is_err();
        written.map_err(OutputError::io("write", &self.path))
    }

    fn sync(&self) -> Result<(), OutputError> {
        self.lock().file.sync_data().map_err(OutputError::io("write", &self.path))
    }

    fn lock(&self) -> MutexGuard<'_, Appended> {
        self.appended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Known = HashMap<(String, Piece, u64), Line>;

/// The results of this key, and how many bytes are whole lines; `None` if they are of another.
fn read(bytes: &[u8], key: &str) -> Option<(Known, usize)> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let first = lines.next()?;
    serde_json::from_slice::<Key>(first).ok().filter(|found| found.key == key)?;
    let (mut known, mut whole) = (HashMap::new(), first.len());
    for line in lines {
        // What follows a line that cannot be read is not to be trusted either.
        let Ok(read) = serde_json::from_slice::<Line>(line) else { break };
        known.insert((read.fit.clone(), read.piece, read.index), read);
        whole += line.len();
    }
    Some((known, whole))
}

/// Doubles as the hexadecimal digits of their bits: all of them come back as they were, the infinite ones too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bits(pub(crate) Vec<f64>);

impl Serialize for Bits {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(16 * self.0.len());
        self.0.iter().try_for_each(|x| write!(text, "{:016x}", x.to_bits())).map_err(serde::ser::Error::custom)?;
        to.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let number = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 16)?;
            u64::from_str_radix(digits, 16).ok().map(f64::from_bits)
        };
        let numbers: Option<Vec<f64>> = text.as_bytes().chunks(16).map(number).collect();
        numbers.map(Self).ok_or_else(|| serde::de::Error::custom("not the digits of doubles"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(path: &Path, key: &str, n: usize) -> (Found, usize, Vec<Result<Bits, Failure>>) {
        let (checkpoint, found) = Checkpoint::open(path, key).unwrap();
        let made = std::sync::atomic::AtomicUsize::new(0);
        let make = |index: u64| {
            made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match index {
                2 => Err(Failure::FlatPrior),
                _ => Ok(Bits(vec![index as f64 / 3.0, f64::NEG_INFINITY, -0.0, 1e-310])),
            }
        };
        let all = checkpoint.all("a fit", Piece::Draw, n, make, &|| {}).unwrap();
        (found, made.into_inner(), all)
    }

    #[test]
    fn what_is_whole_is_not_made_again_and_comes_back_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let (found, made, all) = pieces(&path, "a", 5);
        assert_eq!((found, made), (Found::Nothing, 5));
        let bytes = std::fs::read(&path).unwrap();
        // Three bytes are lost: the last line is torn.
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let (found, made, again) = pieces(&path, "a", 5);
        assert_eq!((found, made), (Found::Results(4), 1));
        let words = |all: &[Result<Bits, Failure>]| -> Vec<_> {
            all.iter()
                .map(|one| {
                    one.as_ref()
                        .map(|b| b.0.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                        .map_err(ToString::to_string)
                })
                .collect()
        };
        assert_eq!(words(&all), words(&again));
        assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len());
        assert_eq!(pieces(&path, "a", 6).1, 1);
    }

    #[test]
    fn another_key_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        pieces(&path, "a", 5);
        let (found, made, _) = pieces(&path, "b", 3);
        assert_eq!((found, made), (Found::Another, 3));
        assert_eq!(pieces(&path, "b", 3).0, Found::Results(3));
        std::fs::write(&path, b"{\"gmm\":").unwrap();
        assert_eq!(pieces(&path, "b", 3).0, Found::Another);
    }
}
