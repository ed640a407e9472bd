//! Units of work on threads of their own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::error::StudyError;

/// Does `work` for 0 to n - 1 on so many threads, which take the next one as they come. After an error no more are begun;
/// the first one counts.
///
/// Each thread is a pool of its own: what a unit does in parallel stays on its thread. In one pool for all, a thread that
/// waits for the parts of its unit would begin another unit meanwhile, its stack would grow with every one, and the time
/// of a fit would hold that of others.
pub(super) fn on_threads(
    threads: usize,
    n: usize,
    work: impl Fn(usize) -> Result<(), StudyError> + Sync,
) -> Result<(), StudyError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let error: Mutex<Option<StudyError>> = Mutex::new(None);
    let fail = |found: StudyError| {
        failed.store(true, Ordering::Relaxed);
        if let Ok(mut error) = error.lock() {
            error.get_or_insert(found);
        }
    };
    let thread = || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        if let Err(error) = &pool {
            return fail(StudyError::Thread(error.to_string()));
        }
        while !failed.load(Ordering::Relaxed) {
            let unit = next.fetch_add(1, Ordering::Relaxed);
            if unit >= n {
                break;
            }
            if let Err(error) = work(unit) {
                fail(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, n.max(1)) {
            if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, thread) {
                fail(StudyError::Thread(error.to_string()));
            }
        }
    });
    match error.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_done_once_with_its_parallel_parts_on_one_thread() {
        use rayon::prelude::*;
        let done: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        let work = |unit: usize| {
            let here = std::thread::current().id();
            assert_eq!(rayon::current_num_threads(), 1);
            assert!((0..100).into_par_iter().all(|_| std::thread::current().id() == here));
            done[unit].fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        on_threads(3, 50, work).unwrap();
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn an_error_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let work = |unit: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if unit == 5 { Err(StudyError::Thread("five".to_owned())) } else { Ok(()) }
        };
        assert!(matches!(on_threads(1, 50, work), Err(StudyError::Thread(words)) if words == "five"));
        assert_eq!(begun.into_inner(), 6);
    }
}
