//! One pass over the rows, shared by EM and Gibbs sampling: log densities, the rule's weights, statistics.

use rayon::prelude::*;

use crate::kernel::{BLOCK, Block, BlockRule, Scratch};
use crate::parameters::Parameters;
use crate::sums::Sums;
use crate::uniforms::Uniforms;
use crate::{Data, InstructionSet, Mixture, Statistics, Streams};

/// The component of a row, from 0.
pub type Label = u16;

/// The most components a mixture can have in a sweep.
pub const MAX_COMPONENTS: usize = Label::MAX as usize;

/// Rows of one parallel task. Sums of tasks are added in order, so results do not depend on threads.
const CHUNK: usize = 16 * BLOCK;

/// Tasks per thread between two times that all threads wait for each other.
const WAVE: usize = 8;

/// What the pass does with the log densities of a row.
#[derive(Debug)]
pub enum Rule<'a> {
    /// EM: weights are responsibilities.
    Responsibilities,
    /// EM on rows that count more or less than once: weights are responsibilities times the numbers of the rows. What the
    /// sweep adds up besides the statistics is that of the rows as they are.
    Weighted {
        /// A finite number of each row (n), not negative.
        weights: &'a [f64],
    },
    /// Gibbs: each row draws its component. The uniform numbers come from the streams by `sweep` and chunk of rows,
    /// so a sweep with the same number draws the same labels.
    Draw {
        /// The streams of this chain.
        streams: &'a Streams,
        /// The number of the sweep, below 2^35.
        sweep: u64,
        /// Receives the labels (n).
        labels: &'a mut [Label],
    },
    /// Each row goes to its most probable component.
    Classify {
        /// Receives the labels (n).
        labels: &'a mut [Label],
    },
}

/// What a sweep adds up besides the statistics, both natural logarithms with all constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepTotals {
    /// `sum_i ln sum_k w_k Normal(x_i | mu_k, S_k)`; not finite if a row is out of reach of every component.
    pub ln_likelihood: f64,
    /// `sum_i ln max_k r_ik` for responsibilities r: how certain the classification is (0 when it is).
    pub ln_classification: f64,
}

/// Working memory of sweeps: made once, reused, of size O(threads x (block x (d + K) + K d^2)), eight tasks for each thread
/// where there are several.
#[derive(Debug)]
pub struct Workspace {
    set: InstructionSet,
    parameters: Parameters,
    centres: Vec<f64>,
    total: Sums,
    slots: Vec<Slot>,
}

/// What one parallel task owns.
#[derive(Debug)]
struct Slot {
    scratch: Scratch,
    sums: Sums,
    labels: Vec<Label>,
}

impl Slot {
    fn new() -> Self {
        Self { scratch: Scratch::new(), sums: Sums::new(), labels: Vec::new() }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// A workspace on the best instruction set of this machine.
    pub fn new() -> Self {
        Self::with_instruction_set(InstructionSet::best())
    }

    /// A workspace on a given instruction set, or on the best one if this machine does not have it.
    pub fn with_instruction_set(set: InstructionSet) -> Self {
        let available = InstructionSet::available();
        let set = if available.contains(&set) { set } else { available[0] };
        Self { set, parameters: Parameters::new(), centres: Vec::new(), total: Sums::new(), slots: vec![Slot::new()] }
    }

    /// The instruction set that sweeps run on.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }
}

/// One pass over `data` under `mixture` with a rule; fills `statistics` (of the mixture's shape, K and d).
///
/// Sums are taken about the current means. Where the new mean of a component lies more than ten of its standard
/// deviations from the old one, the pass is repeated about the new means, since a scatter about a far point
/// loses digits; labels come out the same.
///
/// Runs in the current rayon pool when there is more than one chunk of rows.
///
/// ```
/// use gmm_core::{Covariance, Data, Mixture, Rule, Shape, Statistics, Workspace, sweep};
/// let data = Data::from_rows(&[[-1.0], [0.5], [2.0]])?;
/// let mixture =
///     Mixture::new(vec![0.5, 0.5], vec![vec![-1.0], vec![1.0]], vec![Covariance::isotropic(1, 1.0)?])?;
/// let mut statistics = Statistics::new(Shape::Isotropic, 2, 1);
/// let totals = sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
/// let by_rows: f64 = data.rows().map(|row| mixture.ln_density(row)).sum();
/// assert!((totals.ln_likelihood - by_rows).abs() < 1e-14);
/// assert!((statistics.weights().iter().sum::<f64>() - 3.0).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If dimensions, shapes or lengths of labels or weights do not fit each other: a fault of the caller's code, not of data.
pub fn sweep(
    data: &Data,
    mixture: &Mixture,
    mut rule: Rule<'_>,
    statistics: &mut Statistics,
    workspace: &mut Workspace,
) -> SweepTotals {
    let (k, d, shape) = (mixture.k(), mixture.d(), mixture.shape());
    assert!(d == data.d() && k <= MAX_COMPONENTS, "{k} components in {d} dimensions on {} columns", data.d());
    assert!(
        statistics.k() == k && statistics.d() == d && statistics.scatter(0).shape() == shape,
        "statistics of another mixture"
    );
    if let Rule::Draw { labels, .. } | Rule::Classify { labels } = &rule {
        assert!(labels.len() == data.n(), "{} labels for {} rows", labels.len(), data.n());
    }
    if let Rule::Weighted { weights } = &rule {
        assert!(weights.len() == data.n(), "{} weights for {} rows", weights.len(), data.n());
    }
    workspace.parameters.set(mixture);
    workspace.centres.clear();
    workspace.centres.extend_from_slice(mixture.means());
    pass(data, mixture, &mut rule, workspace);
    set_statistics(statistics, workspace);
    if far_moved(mixture, statistics) {
        for k in 0..k {
            workspace.centres[k * d..(k + 1) * d].copy_from_slice(statistics.mean(k));
        }
        pass(data, mixture, &mut rule, workspace);
        set_statistics(statistics, workspace);
    }
    let ln_2 = std::f64::consts::LN_2;
    SweepTotals {
        ln_likelihood: (workspace.total.log2_largest + workspace.total.log2_relative) * ln_2,
        ln_classification: -workspace.total.log2_relative * ln_2,
    }
}

fn set_statistics(statistics: &mut Statistics, workspace: &Workspace) {
    let d = statistics.d();
    for k in 0..statistics.k() {
        let centre = &workspace.centres[k * d..(k + 1) * d];
        let (second, first, weight) = workspace.total.parts(k);
        statistics.set_from_sums(k, centre, weight, first, second);
    }
}

/// Whether a mean moved by more than ten standard deviations of its component, or by a hundred of those of the rows that
/// it now stands for.
fn far_moved(mixture: &Mixture, statistics: &Statistics) -> bool {
    (0..mixture.k()).any(|k| {
        let (n, new, old) = (statistics.weights()[k], statistics.mean(k), mixture.mean(k));
        let scatter = statistics.scatter(k);
        // The scatter of a single row is zero at any distance.
        let thin = || (0..old.len()).any(|j| n * (new[j] - old[j]).powi(2) > 1e4 * scatter.get(j, j));
        n > 0.0 && (mixture.covariance(k).squared_distance(new, old) > 100.0 || (n > 1.5 && thin()))
    })
}

/// All chunks, in waves of as many tasks as there are slots; chunk sums are added in the order of the chunks.
fn pass(data: &Data, mixture: &Mixture, rule: &mut Rule<'_>, workspace: &mut Workspace) {
    let (shape, k, d) = (mixture.shape(), mixture.k(), mixture.d());
    let Workspace { set, parameters, centres, total, slots } = workspace;
    total.clear(shape, k, d);
    let (rule, mut labels): (_, &mut [Label]) = match rule {
        Rule::Responsibilities => (ChunkRule::Responsibilities, &mut []),
        Rule::Weighted { weights } => (ChunkRule::Weighted { weights }, &mut []),
        Rule::Draw { streams, sweep, labels } => (ChunkRule::Draw { streams, sweep: *sweep }, labels),
        Rule::Classify { labels } => (ChunkRule::Classify, labels),
    };
    let n_chunks = data.n().div_ceil(CHUNK);
    let tasks = match rayon::current_num_threads() {
        1 => 1,
        threads => n_chunks.min(WAVE * threads),
    };
    slots.resize_with(tasks, Slot::new);
    let chunks = Chunks { set: *set, parameters, centres, data, rule };
    let wave = slots.len();
    for first in (0..n_chunks).step_by(wave) {
        let slots = &mut slots[..wave.min(n_chunks - first)];
        match slots {
            [slot] => chunks.run(first, slot),
            _ => slots.par_iter_mut().with_max_len(1).enumerate().for_each(|(i, slot)| chunks.run(first + i, slot)),
        }
        for slot in slots {
            total.add(&slot.sums);
            let (part, rest) = labels.split_at_mut(slot.labels.len());
            part.copy_from_slice(&slot.labels);
            labels = rest;
        }
    }
}

/// A rule without the place of its results.
#[derive(Clone, Copy)]
enum ChunkRule<'a> {
    Responsibilities,
    Weighted { weights: &'a [f64] },
    Draw { streams: &'a Streams, sweep: u64 },
    Classify,
}

impl ChunkRule<'_> {
    /// Whether each row gets a label.
    fn labels(&self) -> bool {
        matches!(self, Self::Draw { .. } | Self::Classify)
    }
}

/// What the chunks of a pass share.
struct Chunks<'a> {
    set: InstructionSet,
    parameters: &'a Parameters,
    centres: &'a [f64],
    data: &'a Data,
    rule: ChunkRule<'a>,
}

impl Chunks<'_> {
    /// Runs the blocks of one chunk, into the sums and labels of a slot.
    fn run(&self, index: usize, slot: &mut Slot) {
        let Self { parameters, centres, data, .. } = *self;
        let (shape, k, d) = (parameters.shape(), parameters.k(), parameters.d());
        let (start, end) = (index * CHUNK, ((index + 1) * CHUNK).min(data.n()));
        let Slot { scratch, sums, labels } = slot;
        scratch.reserve(k, d);
        sums.clear(shape, k, d);
        let mut uniforms = match self.rule {
            ChunkRule::Draw { streams, sweep } => Some(Uniforms::new(streams.rng(sweep << 28 | index as u64))),
            _ => None,
        };
        labels.resize(if self.rule.labels() { end - start } else { 0 }, 0);
        let mut labels = labels.chunks_mut(BLOCK);
        let mut weights = match self.rule {
            ChunkRule::Weighted { weights } => weights[start..end].chunks(BLOCK),
            _ => [].chunks(BLOCK),
        };
        let mut blocks = data.values()[start * d..end * d].chunks(BLOCK * d).peekable();
        while let Some(rows) = blocks.next() {
            let next = blocks.peek().copied().unwrap_or_default();
            let labels = labels.next().unwrap_or_default();
            let rule = match (self.rule, &mut uniforms) {
                (ChunkRule::Draw { .. }, Some(uniforms)) => BlockRule::Draw { uniforms, labels },
                (ChunkRule::Responsibilities, _) => BlockRule::Responsibilities,
                (ChunkRule::Weighted { .. }, _) => BlockRule::Weighted { weights: weights.next().unwrap_or_default() },
                _ => BlockRule::Classify { labels },
            };
            Block { parameters, centres, rows, next, rule, scratch, sums }.run_on(self.set);
        }
    }
}
