//! The mixtures that a point estimate came along, by climbing once more.

use std::collections::BTreeSet;

use gmm_core::{Data, Mixture, Model, Streams, Workspace, bhattacharyya_distance, optimal_assignment};
use thiserror::Error;

use crate::fit::run;
use crate::observer::Observer;
use crate::{Ascent, EmError, Outcome, PointEstimate, Step};

/// Records that are all there before they thin out.
const EARLY: usize = 20;

/// One record of a climb.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Iterations so far: M-steps, or steps of the optimiser.
    pub iteration: usize,
    /// Which climb of the restart it belongs to, from 0; see [`PointEstimate::parts`]. The first record of a part and the last of
    /// the part before have the same iteration.
    pub part: usize,
    /// The objective: ln L, or ln L + ln prior, with all constants.
    pub objective: f64,
    /// The parameters. Components are in the places of those of the estimate that they became; those that were removed on the
    /// way, if any, come last.
    pub mixture: Mixture,
}

/// Why there is no trajectory.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoTrajectory {
    /// The restart cannot run.
    #[error(transparent)]
    Climb(#[from] EmError),
    /// The restart did not end at the estimate.
    #[error(
        "restart {restart} ended at the objective {found}, the estimate has {expected}: model, data, settings or streams are not \
         those of the estimate"
    )]
    Another {
        /// The restart that was climbed again.
        restart: usize,
        /// The objective where it ended.
        found: f64,
        /// That of the estimate.
        expected: f64,
    },
}

/// The mixtures along the restart that an estimate came from: at most `most` of its records ([`PointEstimate::trace`]), the
/// last of which is the estimate, bit for bit.
///
/// The restart is climbed once more with the same random numbers, so `model`, `data`, `settings` and `streams` must be
/// those that [`fit`](crate::fit) had. That takes as long as this one restart did and holds nothing meanwhile but what is
/// returned. Climbs that were tried and left leave no records. Where a component was reset or removed, where two equal ones were
/// split, or where another numbering was better, a new [`Frame::part`] begins at the mixture that was put in place.
///
/// Which records: the first, the last, and both sides of each new part; then those after 0, 1, 2, ..., 20 (at most half of
/// `most`); the rest at equal ratios, so that they thin out geometrically. All of them where there are no more than `most`.
///
/// Components keep their numbers on a climb. From one part to the next those with the same mean and covariance are the same;
/// the others are followed by the assignment of least total Bhattacharyya distance.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_em::{Em, Objective, fit, trajectory};
/// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 3.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let settings = Em { objective: Objective::Posterior, ..Em::default() };
/// let estimate = fit(&model, &data, &settings, &Streams::new(1), &|_| {})?;
/// let frames = trajectory(&model, &data, &settings, &Streams::new(1), &estimate, 60)?;
/// assert!(frames.len() <= 60 && frames[0].objective == estimate.trace[0]);
/// assert_eq!(frames[frames.len() - 1].mixture, estimate.mixture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NoTrajectory`]: settings out of range, or the restart did not end at the estimate.
pub fn trajectory<A: Ascent>(
    model: &Model,
    data: &Data,
    settings: &A,
    streams: &Streams,
    estimate: &PointEstimate,
    most: usize,
) -> Result<Vec<Frame>, NoTrajectory> {
    settings.check(model, data)?;
    let wanted = choose(estimate.trace.len(), &estimate.parts, most);
    let mut recorder = Recorder::of(wanted);
    let mut workspace = Workspace::new();
    let run = run((model, data), settings, streams, estimate.best, &mut workspace, &|_| {}, &mut recorder)?;
    let (climb, same) = (&run.climb, estimate.mixture == run.climb.mixture);
    if !(same && matches!(climb.outcome, Outcome::Stopped(_)) && climb.trace == estimate.trace) {
        let (found, expected) = (climb.objective(), estimate.objective);
        return Err(NoTrajectory::Another { restart: estimate.best, found, expected });
    }
    let mut frames = recorder.into_frames(estimate.mixture.k());
    // The objective of the last record may have been taken anew.
    if let Some(last) = frames.last_mut() {
        last.objective = estimate.objective;
    }
    Ok(frames)
}

/// The numbers of at most `most` records, in order; `parts` says which of them begin a part.
fn choose(records: usize, parts: &[usize], most: usize) -> Vec<usize> {
    if records <= most {
        return (0..records).collect();
    }
    let last = records - 1;
    let sides = parts.iter().filter(|part| **part > 0).flat_map(|part| [part - 1, *part]);
    let early = EARLY.min(most / 2);
    let first_needed = [last, 0].into_iter().chain(sides).chain(1..=early);
    let mut chosen = BTreeSet::new();
    for record in first_needed.filter(|record| *record <= last) {
        if chosen.len() < most {
            chosen.insert(record);
        }
    }
    let rest = most - chosen.len();
    let (from, ratio) = (early.max(1) as f64, last as f64 / early.max(1) as f64);
    chosen.extend((1..=rest).map(|i| (from * ratio.powf(i as f64 / (rest + 1) as f64)).round() as usize));
    chosen.into_iter().collect()
}

/// Keeps some records.
struct Recorder {
    /// Numbers of records, in order.
    wanted: Vec<usize>,
    frames: Vec<Frame>,
    /// Records so far.
    seen: usize,
    /// Records and frames of the climbs that led on.
    kept: (usize, usize),
    /// For each new part, the component of the part before in the place of each of its own.
    before: Vec<Vec<usize>>,
    /// The same for the climb under way.
    first: Option<Vec<usize>>,
    /// The parts that led on.
    parts: usize,
    /// The last mixture of the climb under way, and of the one that led on.
    latest: Option<Mixture>,
    end: Option<Mixture>,
}

impl Recorder {
    fn of(wanted: Vec<usize>) -> Self {
        let (frames, before) = (Vec::with_capacity(wanted.len()), Vec::new());
        Self { wanted, frames, seen: 0, kept: (0, 0), before, first: None, parts: 0, latest: None, end: None }
    }

    /// The frames, their components in the places of those of the last of K components.
    fn into_frames(self, k: usize) -> Vec<Frame> {
        let mut frames = self.frames;
        let mut places: Vec<usize> = (0..k).collect();
        for part in (0..self.parts).rev() {
            for frame in frames.iter_mut().filter(|frame| frame.part == part) {
                let removed = (0..frame.mixture.k()).filter(|component| !places.contains(component));
                let order: Vec<usize> = places.iter().copied().chain(removed).collect();
                frame.mixture = frame.mixture.permuted(&order);
            }
            if let Some(before) = part.checked_sub(1).and_then(|boundary| self.before.get(boundary)) {
                places.iter_mut().for_each(|place| *place = before[*place]);
            }
        }
        frames
    }
}

impl Observer for Recorder {
    fn see(&mut self, passed: usize, Step { iteration, objective, mixture }: Step<'_>) {
        if let Some(end) = self.end.as_ref().filter(|_| iteration == 0) {
            self.first = Some(successors(end, mixture));
        }
        if self.wanted.get(self.frames.len()) == Some(&self.seen) {
            let (iteration, mixture) = (passed + iteration, mixture.clone());
            self.frames.push(Frame { iteration, part: self.parts, objective, mixture });
        }
        self.seen += 1;
        match &mut self.latest {
            Some(latest) if latest.k() == mixture.k() => latest.clone_from(mixture),
            latest => *latest = Some(mixture.clone()),
        }
    }

    fn keep(&mut self) {
        self.kept = (self.seen, self.frames.len());
        if self.parts > 0 {
            // A climb without a record changed nothing that could be followed.
            let k = self.end.as_ref().map_or(0, Mixture::k);
            self.before.push(self.first.take().unwrap_or_else(|| (0..k).collect()));
        }
        self.parts += 1;
        self.end = self.latest.clone();
    }

    fn leave(&mut self) {
        self.seen = self.kept.0;
        self.frames.truncate(self.kept.1);
        self.first = None;
        self.latest = self.end.clone();
    }
}

/// The component of `before` that each component of `after`, which has no more of them, goes on from: as many as can be
/// from one with the same mean and covariance, the others at the least total distance.
fn successors(before: &Mixture, after: &Mixture) -> Vec<usize> {
    /// Beyond it, all are as far.
    const FAR: f64 = 1e3;
    let (rows, columns) = (after.k(), before.k());
    let cost = |i: usize, j: usize| match after.mean(i) == before.mean(j) && after.covariance(i) == before.covariance(j)
    {
        true => 0.0,
        // Above the distances of all others together.
        false => FAR * rows as f64 + bhattacharyya_distance(after, i, before, j).min(FAR),
    };
    let costs: Vec<f64> = (0..rows * columns).map(|place| cost(place / columns, place % columns)).collect();
    optimal_assignment(&costs, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_records_are_all_chosen_and_later_ones_thin_out() {
        assert_eq!(choose(5, &[0], 5), [0, 1, 2, 3, 4]);
        assert_eq!(choose(1000, &[0], 0), []);
        assert_eq!(choose(1000, &[0], 1), [999]);
        assert_eq!(choose(1000, &[0], 2), [0, 999]);
        let chosen = choose(5000, &[0], 100);
        assert_eq!(&chosen[..=EARLY], (0..=EARLY).collect::<Vec<_>>());
        assert!(chosen.len() <= 100 && chosen.len() > 80 && chosen[chosen.len() - 1] == 4999, "{chosen:?}");
        let late: Vec<f64> = chosen[EARLY..].iter().map(|x| *x as f64).collect();
        assert!(late.windows(3).all(|w| w[2] - w[1] >= w[1] - w[0] - 1.0), "{chosen:?}");
    }

    #[test]
    fn both_sides_of_each_part_are_chosen() {
        let chosen = choose(5000, &[0, 700, 3000], 60);
        assert!([699, 700, 2999, 3000, 4999].iter().all(|record| chosen.contains(record)), "{chosen:?}");
        assert!(chosen.len() <= 60);
        for most in 0..70 {
            assert!(choose(5000, &[0, 1, 2, 700, 3000, 4998], most).len() <= most);
        }
    }

    #[test]
    fn a_climb_that_is_left_is_as_if_it_had_not_been() {
        let at = |mean: f64| {
            let unit = gmm_core::Covariance::isotropic(1, 1.0).unwrap();
            Mixture::new(vec![1.0], vec![vec![mean]], vec![unit]).unwrap()
        };
        let mut recorder = Recorder::of((0..5).collect());
        let mut climb = |passed: usize, means: &[f64], leads_on: bool| {
            for (iteration, mean) in means.iter().enumerate() {
                recorder.see(passed, Step { iteration, objective: *mean, mixture: &at(*mean) });
            }
            if leads_on { recorder.keep() } else { recorder.leave() }
        };
        climb(0, &[0.0, 1.0], true);
        climb(1, &[-5.0, -6.0, -7.0], false);
        climb(1, &[2.0, 3.0], true);
        climb(2, &[-8.0], false);
        let frames = recorder.into_frames(1);
        let found: Vec<_> = frames.iter().map(|f| (f.part, f.iteration, f.objective, f.mixture.mean(0)[0])).collect();
        assert_eq!(found, [(0, 0, 0.0, 0.0), (0, 1, 1.0, 1.0), (1, 1, 2.0, 2.0), (1, 2, 3.0, 3.0)]);
    }
}
