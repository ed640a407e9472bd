//! Doubles of a file as a slice, without a copy. All `unsafe` of this crate stands here.

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

/// A run of doubles in a mapped file: aligned, in the byte order of this machine, read-only.
#[derive(Debug)]
pub(crate) struct MappedRows(Mmap);

impl MappedRows {
    /// Maps the `len` doubles that begin at byte `offset`. `None` where they are not aligned as doubles must be.
    ///
    /// The file must stay as it is while the run lives: see the safety comment.
    ///
    /// # Errors
    /// The file is shorter than that, or the operating system refuses.
    pub(crate) fn new(file: &File, offset: u64, len: usize) -> io::Result<Option<Self>> {
        let bytes = len.checked_mul(size_of::<f64>()).ok_or(io::ErrorKind::FileTooLarge)?;
        let end = offset.checked_add(bytes as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        if file.metadata()?.len() < end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: A mapping is sound while nobody writes to the file or cuts it off.
        // - The spool file has no name and its one handle is dropped: nobody can.
        // - A user's data file is theirs to leave alone during a run, which the README says; no system that Rust runs on
        //   has a lock that would force it. Here nothing writes through the mapping: it is read-only. Should another
        //   process write all the same, every bit pattern is an `f64`, no index or length is ever taken from the values
        //   unchecked, and a cut ends the process (SIGBUS) instead of reading foreign memory.
        // - The range lies inside the file, as was just seen.
        #[allow(unsafe_code, reason = "a mapped file cannot be had without")]
        let map = unsafe { MmapOptions::new().offset(offset).len(bytes).map(file)? };
        let aligned = bytemuck::try_cast_slice::<u8, f64>(&map).is_ok();
        Ok(aligned.then_some(Self(map)))
    }
}

impl AsRef<[f64]> for MappedRows {
    fn as_ref(&self) -> &[f64] {
        // Never the default: `new` saw the cast succeed, and a mapping does not move.
        bytemuck::try_cast_slice(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn aligned_doubles_are_mapped_and_others_are_not() {
        let mut file = tempfile::tempfile().unwrap();
        let numbers: Vec<f64> = (0..1000).map(f64::from).collect();
        file.write_all(&[7; 24]).unwrap();
        file.write_all(bytemuck::cast_slice(&numbers)).unwrap();
        assert_eq!(MappedRows::new(&file, 24, 1000).unwrap().unwrap().as_ref(), numbers);
        assert_eq!(MappedRows::new(&file, 32, 9).unwrap().unwrap().as_ref(), &numbers[1..10]);
        assert!(MappedRows::new(&file, 23, 1000).unwrap().is_none());
    }

    #[test]
    fn what_is_not_in_the_file_is_not_mapped() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 80]).unwrap();
        assert!(MappedRows::new(&file, 0, 10).unwrap().is_some());
        for (offset, len) in [(0, 11), (8, 10), (u64::MAX, 1), (0, usize::MAX), (u64::MAX - 7, 1)] {
            assert!(MappedRows::new(&file, offset, len).is_err(), "{offset} {len}");
        }
    }
}
