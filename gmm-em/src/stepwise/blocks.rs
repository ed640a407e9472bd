//! Passes over the rows in blocks, in random order.

use gmm_core::{Data, Streams};
use rand::RngExt;
use rand::seq::SliceRandom;

/// The most consecutive rows that stay together.
const RUN: usize = 16;

/// A block has at least so many runs, if it has as many rows.
const RUNS: usize = 64;

/// The rows in blocks of equal size but for one row, in an order drawn anew for each pass.
///
/// Without replacement: every row counts once in a pass, so what is random in its blocks adds up to nothing, and less is
/// left at its end than after as many rows drawn independently. Rows are drawn in runs of up to 16 consecutive ones,
/// at least 64 to a block: that reads whole lines of memory and few pages of a mapped file, the order takes half a byte
/// for each row, and rows sorted by component come mixed all the same.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    data: &'a Data,
    streams: &'a Streams,
    n_blocks: usize,
    /// Rows of a run; the last run may be shorter, and stays last.
    run: usize,
    runs: Vec<usize>,
    /// The row that run 0 starts with.
    first: usize,
    /// The copy of one block.
    block: Option<Data>,
}

impl<'a> Blocks<'a> {
    /// Blocks of at most `size` rows; the order of pass t is drawn from `streams.rng(t)`.
    pub(crate) fn new(data: &'a Data, size: usize, streams: &'a Streams) -> Self {
        let n_blocks = data.n().div_ceil(size.max(1));
        let run = (data.n() / n_blocks / RUNS).clamp(1, RUN);
        let (mut runs, mut block) = (Vec::new(), None);
        if n_blocks > 1 {
            runs = (0..data.n().div_ceil(run)).collect();
            // One row for now, to have its memory.
            block = Data::new(data.row(0).to_vec(), data.d()).ok();
        }
        Self { data, streams, n_blocks, run, runs, first: 0, block }
    }

    /// Blocks of a pass.
    pub(crate) fn n_blocks(&self) -> usize {
        self.n_blocks
    }

    /// Draws the order of pass t.
    pub(crate) fn shuffle(&mut self, pass: usize) {
        let mut rng = self.streams.rng(pass as u64);
        self.first = rng.random_range(0..self.data.n());
        let whole = self.data.n() / self.run;
        if let Some(runs) = self.runs.get_mut(..whole) {
            runs.shuffle(&mut rng);
        }
    }

    /// The rows of a block of this pass, from 0.
    pub(crate) fn block(&mut self, index: usize) -> &Data {
        let (n, run) = (self.data.n(), self.run);
        let Some(block) = &mut self.block else { return self.data };
        let (start, end) = (index * n / self.n_blocks, (index + 1) * n / self.n_blocks);
        let rows = (start / run..end.div_ceil(run)).flat_map(|place| {
            let begin = self.first + self.runs[place] * run;
            let (from, to) = (start.saturating_sub(place * run), (end - place * run).min(run));
            (begin + from..begin + to).map(|row| if row < n { row } else { row - n })
        });
        // Never empty: there are no more blocks than rows.
        let _ = block.copy_rows(self.data, rows);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of each block of a pass, by their number.
    fn pass(blocks: &mut Blocks<'_>, pass: usize) -> Vec<Vec<usize>> {
        blocks.shuffle(pass);
        (0..blocks.n_blocks()).map(|b| blocks.block(b).values().iter().map(|x| *x as usize).collect()).collect()
    }

    #[test]
    fn every_row_is_in_one_block_of_a_pass_and_no_block_is_too_large() {
        let streams = Streams::new(1);
        for (n, size) in [(1, 1), (7, 3), (7, 7), (7, 1), (5000, 4999), (5003, 1700), (12_345, 1100)] {
            let data = Data::new((0..n).map(|i| i as f64).collect(), 1).unwrap();
            let mut blocks = Blocks::new(&data, size, &streams);
            for t in 0..3 {
                let rows = pass(&mut blocks, t);
                let lengths = rows.iter().map(Vec::len);
                assert!(lengths.clone().max().unwrap() <= size && lengths.clone().min().unwrap() + 1 >= n / rows.len());
                let mut all = rows.concat();
                all.sort_unstable();
                assert_eq!(all, (0..n).collect::<Vec<_>>(), "{n} rows in blocks of {size}");
            }
        }
    }

    #[test]
    fn passes_differ_and_blocks_of_sorted_rows_are_like_each_other() {
        let streams = Streams::new(2);
        let n = 20_000;
        let data = Data::new((0..n).map(|i| i as f64).collect(), 1).unwrap();
        let mut blocks = Blocks::new(&data, 2000, &streams);
        let (first, second) = (pass(&mut blocks, 0), pass(&mut blocks, 1));
        assert_ne!(first, second);
        // Means of 125 runs drawn without replacement have a standard deviation of n sqrt(0.9 / 12 / 125) = 490.
        for block in first.iter().chain(&second) {
            let mean = block.iter().sum::<usize>() as f64 / block.len() as f64;
            assert!((mean - 0.5 * f64::from(n)).abs() < 4.5 * 490.0, "{mean}");
        }
    }
}
