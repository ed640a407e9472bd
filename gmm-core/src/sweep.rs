//! One pass over the rows, shared by EM and Gibbs sampling: log densities, the rule's weights, statistics.

use crate::kernel::{BLOCK, Block, BlockRule, InstructionSet, Parameters, Scratch, Sums};
use crate::uniforms::Uniforms;
use crate::{Data, Mixture, Shape, Statistics, Streams};

/// The component of a row, from 0.
pub type Label = u16;

/// The most components a mixture can have in a sweep.
pub const MAX_COMPONENTS: usize = Label::MAX as usize;

/// Rows of one parallel task. Sums of tasks are added in order, so results do not depend on threads.
const CHUNK: usize = 16 * BLOCK;

/// What the pass does with the log densities of a row.
#[derive(Debug)]
pub enum Rule<'a> {
    /// EM: weights are responsibilities.
    Responsibilities,
    /// Gibbs: each row draws its component. The uniform numbers come from the streams by `sweep` and block of rows,
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

/// Working memory of sweeps: made once, reused, of size O(threads x block x (d + K)).
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
}

impl Slot {
    fn new() -> Self {
        Self { scratch: Scratch::new(), sums: Sums::new() }
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
/// If dimensions, shapes or lengths of labels do not fit each other: a fault of the caller's code, not of data.
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
    workspace.parameters.set(mixture);
    workspace.centres.clear();
    workspace.centres.extend_from_slice(mixture.means());
    pass(data, shape, k, &mut rule, workspace);
    set_statistics(statistics, workspace, shape);
    if far_moved(mixture, statistics) {
        for k in 0..k {
            workspace.centres[k * d..(k + 1) * d].copy_from_slice(statistics.mean(k));
        }
        pass(data, shape, k, &mut rule, workspace);
        set_statistics(statistics, workspace, shape);
    }
    let ln_2 = std::f64::consts::LN_2;
    SweepTotals {
        ln_likelihood: (workspace.total.log2_largest + workspace.total.log2_relative) * ln_2,
        ln_classification: -workspace.total.log2_relative * ln_2,
    }
}

fn set_statistics(statistics: &mut Statistics, workspace: &Workspace, shape: Shape) {
    let (d, sums) = (statistics.d(), &workspace.total);
    let e = shape.n_entries(d);
    for k in 0..statistics.k() {
        let centre = &workspace.centres[k * d..(k + 1) * d];
        statistics.set_from_sums(
            k,
            centre,
            sums.weights[k],
            &sums.first[k * d..(k + 1) * d],
            &sums.second[k * e..(k + 1) * e],
        );
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

/// All chunks, in waves of as many tasks as there are slots; chunk sums are added in the order of the chunks. A single
/// chunk runs here and now, without allocating.
fn pass(data: &Data, shape: Shape, k: usize, rule: &mut Rule<'_>, workspace: &mut Workspace) {
    let Workspace { set, parameters, centres, total, slots } = workspace;
    let (set, parameters, centres) = (*set, &*parameters, &centres[..]);
    let d = data.d();
    let n_chunks = data.n().div_ceil(CHUNK);
    total.clear(shape, k, d);
    let mut rules = ChunkRules::new(rule);
    if n_chunks > 1 {
        slots.resize_with(n_chunks.min(4 * rayon::current_num_threads().max(1)), Slot::new);
    }
    let run = |index: usize, slot: &mut Slot, rule: ChunkRule<'_>| {
        let end = ((index + 1) * CHUNK).min(data.n());
        let rows = &data.values()[index * CHUNK * d..end * d];
        slot.run(set, parameters, centres, rows, index, rule, (shape, k, d));
    };
    let wave = slots.len();
    for first in (0..n_chunks).step_by(wave) {
        let used = wave.min(n_chunks - first);
        if used == 1 {
            run(first, &mut slots[0], rules.next());
        } else {
            rayon::scope(|scope| {
                for (i, slot) in slots[..used].iter_mut().enumerate() {
                    let rule = rules.next();
                    scope.spawn(move |_| run(first + i, slot, rule));
                }
            });
        }
        for slot in &slots[..used] {
            total.add(&slot.sums);
        }
    }
}

/// The part of a rule that one chunk of rows needs.
enum ChunkRule<'a> {
    Responsibilities,
    Draw { streams: &'a Streams, sweep: u64, labels: &'a mut [Label] },
    Classify(&'a mut [Label]),
}

/// A rule, chunk after chunk.
enum ChunkRules<'a> {
    Responsibilities,
    Draw { streams: &'a Streams, sweep: u64, labels: std::slice::ChunksMut<'a, Label> },
    Classify(std::slice::ChunksMut<'a, Label>),
}

impl<'a> ChunkRules<'a> {
    fn new(rule: &'a mut Rule<'_>) -> Self {
        match rule {
            Rule::Responsibilities => Self::Responsibilities,
            Rule::Draw { streams, sweep, labels } => {
                Self::Draw { streams, sweep: *sweep, labels: labels.chunks_mut(CHUNK) }
            }
            Rule::Classify { labels } => Self::Classify(labels.chunks_mut(CHUNK)),
        }
    }

    fn next(&mut self) -> ChunkRule<'a> {
        match self {
            Self::Responsibilities => ChunkRule::Responsibilities,
            Self::Draw { streams, sweep, labels } => {
                ChunkRule::Draw { streams, sweep: *sweep, labels: labels.next().unwrap_or_default() }
            }
            Self::Classify(labels) => ChunkRule::Classify(labels.next().unwrap_or_default()),
        }
    }
}

impl Slot {
    /// Runs the blocks of one chunk.
    #[expect(clippy::too_many_arguments, reason = "all that a chunk depends on, once")]
    fn run(
        &mut self,
        set: InstructionSet,
        parameters: &Parameters,
        centres: &[f64],
        rows: &[f64],
        index: usize,
        mut rule: ChunkRule<'_>,
        (shape, k, d): (Shape, usize, usize),
    ) {
        self.scratch.reserve(k, d);
        self.sums.clear(shape, k, d);
        for (b, rows) in rows.chunks(BLOCK * d).enumerate() {
            let (start, end) = (b * BLOCK, b * BLOCK + rows.len() / d);
            let mut uniforms;
            let rule = match &mut rule {
                ChunkRule::Responsibilities => BlockRule::Responsibilities,
                ChunkRule::Classify(labels) => BlockRule::Classify { labels: &mut labels[start..end] },
                ChunkRule::Draw { streams, sweep, labels } => {
                    let block = (index * (CHUNK / BLOCK) + b) as u64;
                    uniforms = Uniforms::new(streams.rng(*sweep << 28 | block));
                    BlockRule::Draw { uniforms: &mut uniforms, labels: &mut labels[start..end] }
                }
            };
            let (scratch, sums) = (&mut self.scratch, &mut self.sums);
            Block { parameters, centres, rows, rule, scratch, sums }.run_on(set);
        }
    }
}
