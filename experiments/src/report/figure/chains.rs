//! The chains of Gibbs sampling: their traces, and how their ranks are spread.

use gmm_mcmc::{Quantity, QuantitySummary};

use super::axis::Axis;
use super::palette::{Color, GUIDE, Marker};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::stride;

use crate::posterior::GibbsDetail;
use crate::report::numbers::short;
use crate::report::page::{Figure, Key, KeyKind};

const SIZE: (u32, u32) = (550, 210);
/// Points of the traces of one panel.
const MOST_POINTS: usize = 1600;
/// Chains that the legend names.
const MOST_KEYS: usize = 12;
/// Quantities that are drawn besides the log posterior: those with the highest R-hat.
const MOST_DOUBTFUL: usize = 2;
/// Bars of the histogram of a chain's ranks.
const MOST_BARS: usize = 20;
/// The probability that a chain of independent draws leaves the band anywhere.
const OUTSIDE: f64 = 0.05;

/// The ranks of the draws of each chain among all draws, counted in bars of equal width.
#[derive(Debug, Clone, PartialEq)]
struct Ranks {
    /// Chains x bars.
    counts: Vec<Vec<usize>>,
    /// The fewest and the most that are expected in a bar.
    band: (usize, usize),
}

/// The traces and ranks of a fit.
pub(super) fn figure(name: &str, gibbs: &GibbsDetail) -> Figure {
    let chains = gibbs.draws.chains();
    let n_draws = gibbs.draws.n_draws();
    let step = stride(n_draws * chains.len(), MOST_POINTS);
    let shown: Vec<Quantity> = ["ln_posterior"]
        .into_iter()
        .chain(doubtful(&gibbs.quantities))
        .filter_map(|name| gibbs.draws.named(name))
        .collect();
    let panels = shown.iter().flat_map(|quantity| [trace(quantity, step), rank_panel(quantity)]).collect();
    let r_hat = |quantity: &Quantity| {
        let found = gibbs.quantity(&quantity.name)?.r_hat;
        Some(format!("{} (R-hat {})", quantity.name, short(found)))
    };
    let of: Vec<String> = shown.iter().filter_map(r_hat).collect();
    let every = if step > 1 { format!("one draw in {step} of {n_draws}") } else { format!("all {n_draws} draws") };
    let levels = match gibbs.levels.disagree {
        true => "The chains sit in different levels: their mixture is not the posterior.",
        false => "Chains that agree lie over each other.",
    };
    let caption = format!(
        "Left: each chain after warm-up, {every}, of the log posterior and the continuous quantities with the highest R-hat: {}. {levels} \
         Right: how the ranks of each chain\u{2019}s draws among those of all chains are spread (Vehtari et al. 2021); chains \
         that agree are level. A chain of independent draws leaves the band with a probability of at most {:.0} %, one whose \
         draws depend on each other more often. The figures of these quantities are in the table of posterior quantities.",
        of.join(", "),
        100.0 * OUTSIDE,
    );
    Figure {
        picture: Picture::panels(panels, 2, SIZE),
        title: name.to_owned(),
        caption,
        legend: legend(chains.len()),
        table: None,
    }
}

fn legend(n_chains: usize) -> Vec<Key> {
    let key = |c: usize| {
        let sign = Marker::of_line(c).sign().into();
        Key { sign, ..Key::new(KeyKind::Dot, Color::of(c), format!("chain {c}")) }
    };
    let mut legend: Vec<Key> = (0..n_chains.min(MOST_KEYS)).map(key).collect();
    if let Some(last) = legend.last_mut().filter(|_| n_chains > MOST_KEYS) {
        last.text.push_str(" and so on: colours repeat");
    }
    legend.push(Key::new(KeyKind::Area, GUIDE, "where ranks of independent draws lie"));
    legend
}

/// The quantities whose R-hat is the highest, or has no value though they vary; not those that hold few values.
fn doubtful(quantities: &[QuantitySummary]) -> Vec<&str> {
    let varies = |quantity: &&QuantitySummary| {
        quantity.sd > 0.0 && !["ln_posterior", "n_occupied"].contains(&quantity.name.as_str())
    };
    let mut varying: Vec<&QuantitySummary> = quantities.iter().filter(varies).collect();
    let doubt = |quantity: &QuantitySummary| if quantity.r_hat.is_nan() { f64::INFINITY } else { quantity.r_hat };
    varying.sort_by(|a, b| doubt(b).total_cmp(&doubt(a)));
    varying.into_iter().take(MOST_DOUBTFUL).map(|quantity| quantity.name.as_str()).collect()
}

fn trace(quantity: &Quantity, step: usize) -> Panel {
    let n_draws = quantity.values.first().map_or(0, Vec::len);
    let all = quantity.values.iter().flat_map(|chain| chain.iter().step_by(step));
    let y = Axis::over(&quantity.name.replace('_', " "), all.copied(), 5);
    let x = Axis::over("draw", [0.0, n_draws.saturating_sub(1) as f64], 8);
    let line = |(c, chain): (usize, &Vec<f64>)| {
        let points = chain.iter().enumerate().step_by(step).map(|(t, value)| (t as f64, *value)).collect();
        Mark::Line { points, color: Color::of(c), width: 0.7, dashed: false }
    };
    Panel { x, y, marks: quantity.values.iter().enumerate().map(line).collect(), remark: "".into() }
}

fn rank_panel(quantity: &Quantity) -> Panel {
    let x = Axis::labelled("rank among all draws", (-0.03, 1.03), [0.0, 0.25, 0.5, 0.75, 1.0].map(percent));
    let Some(Ranks { counts, band }) = ranks(&quantity.values) else {
        return Panel { x, y: Axis::from_zero("draws", 1.0, 4), marks: Vec::new(), remark: "no ranks".into() };
    };
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(band.1);
    let bars = counts.first().map_or(1, Vec::len);
    let at = |bar: usize| bar as f64 / bars as f64;
    let (low, high) = (band.0 as f64, band.1 as f64);
    let area = vec![(0.0, low), (1.0, low), (1.0, high), (0.0, high)];
    let mut marks = vec![Mark::Area { points: area, color: GUIDE, opacity: 0.25 }];
    for (c, counts) in counts.iter().enumerate() {
        let steps =
            counts.iter().enumerate().flat_map(|(bar, count)| [(at(bar), *count as f64), (at(bar + 1), *count as f64)]);
        marks.push(Mark::Line { points: steps.collect(), color: Color::of(c), width: 1.4, dashed: false });
        let middles =
            counts.iter().enumerate().map(|(bar, count)| (at(bar) + 0.5 / bars as f64, *count as f64)).collect();
        let (color, marker) = (Color::of(c), Marker::of_line(c));
        marks.push(Mark::Dots { points: middles, color, marker, radius: 2.0, opacity: 1.0 });
    }
    Panel { x, y: Axis::from_zero("draws of a chain", most as f64, 4), marks, remark: "".into() }
}

fn percent(share: f64) -> (f64, String) {
    (share, format!("{:.0} %", 100.0 * share))
}

/// The ranks of all chains; equal draws share the mean of their ranks. `None` without draws, or with one that is no number.
fn ranks(chains: &[Vec<f64>]) -> Option<Ranks> {
    let (n_chains, n_draws) = (chains.len(), chains.first()?.len());
    let n = n_chains * n_draws;
    let bars = MOST_BARS.min(n_draws / 5);
    let mut order: Vec<(f64, usize)> =
        chains.iter().enumerate().flat_map(|(c, chain)| chain.iter().map(move |value| (*value, c))).collect();
    if bars == 0 || order.len() != n || order.iter().any(|(value, _)| value.is_nan()) {
        return None;
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut counts = vec![vec![0; bars]; n_chains];
    let mut below = 0;
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = below as f64 + 0.5 * (ties.len() - 1) as f64;
        let bar = ((rank + 0.5) / n as f64 * bars as f64) as usize;
        ties.iter().for_each(|(_, chain)| counts[*chain][bar.min(bars - 1)] += 1);
        below += ties.len();
    }
    // Where bars do not divide the draws some hold one more.
    let edge = |in_bar: usize| band(n, n_draws, in_bar, OUTSIDE / bars as f64);
    Some(Ranks { counts, band: (edge(n / bars).0, edge(n.div_ceil(bars)).1) })
}

/// The fewest and the most draws of a chain in a bar: less, or more, has a probability of at most half of `outside` each if all
/// orders of the draws of all chains are equally probable, so that their number is hypergeometric,
///
/// ```text
/// P(count = c) = C(m, c) C(n - m, s - c) / C(n, s)     n draws in all, m of the chain, s in the bar
/// ```
fn band(n: usize, m: usize, s: usize, outside: f64) -> (usize, usize) {
    let (least, most) = ((s + m).saturating_sub(n), s.min(m));
    // Ratios of neighbours, scaled by the largest: no factorials.
    let mut ln_probabilities = vec![0.0];
    for c in least..most {
        let ratio = (m - c) as f64 * (s - c) as f64 / ((c + 1) as f64 * (n + c + 1 - m - s) as f64);
        ln_probabilities.push(ln_probabilities.last().copied().unwrap_or(0.0) + ratio.ln());
    }
    let largest = ln_probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = ln_probabilities.iter().map(|ln| (ln - largest).exp()).collect();
    let tail = 0.5 * outside * weights.iter().sum::<f64>();
    let inside = |weights: &mut dyn Iterator<Item = &f64>| {
        let mut sum = 0.0;
        weights
            .take_while(|weight| {
                sum += **weight;
                sum <= tail
            })
            .count()
    };
    (least + inside(&mut weights.iter()), most - inside(&mut weights.iter().rev()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counted_among_all_draws_and_ties_share_theirs() {
        // The second chain is above the first throughout.
        let low: Vec<f64> = (0..10).map(f64::from).collect();
        let high: Vec<f64> = low.iter().map(|x| x + 10.0).collect();
        assert_eq!(ranks(&[low.clone(), high]).unwrap().counts, [[10, 0], [0, 10]]);
        // Interleaved.
        let between: Vec<f64> = low.iter().map(|x| x + 0.5).collect();
        assert_eq!(ranks(&[low.clone(), between]).unwrap().counts, [[5, 5], [5, 5]]);
        // All the same: the middle.
        assert_eq!(ranks(&[vec![1.0; 10], vec![1.0; 10]]).unwrap().counts, [[0, 10], [0, 10]]);
        assert_eq!(ranks(&[vec![f64::NAN; 10]]), None);
        assert_eq!(ranks(&[low, vec![0.0; 3]]), None);
        assert_eq!(ranks(&[]), None);
    }

    #[test]
    fn the_band_holds_what_a_hypergeometric_count_does() {
        // By sums of exact fractions.
        assert_eq!(band(4000, 1000, 200, 0.0025), (33, 69));
        // One chain has all draws in each bar.
        assert_eq!(band(100, 100, 10, 0.01), (10, 10));
        // 4 draws, 2 of the chain, 2 in the bar: 0, 1, 2 with probabilities 1/6, 4/6, 1/6.
        assert_eq!(band(4, 2, 2, 0.32), (0, 2));
        assert_eq!(band(4, 2, 2, 0.34), (1, 1));
    }

    #[test]
    fn the_most_doubtful_come_first_and_constants_never() {
        let quantity = |name: &str, sd: f64, r_hat: f64| QuantitySummary {
            name: name.to_owned(),
            sd,
            r_hat,
            mean: 0.0,
            q5: 0.0,
            q25: 0.0,
            q50: 0.0,
            q75: 0.0,
            q95: 0.0,
            mcse_mean: 0.0,
            ess_bulk: 0.0,
            ess_tail: 0.0,
        };
        let all = [
            quantity("ln_posterior", 1.0, 9.0),
            quantity("a", 1.0, 1.1),
            quantity("still", 0.0, f64::NAN),
            quantity("b", 1.0, 1.2),
            quantity("stuck", 1.0, f64::NAN),
        ];
        assert_eq!(doubtful(&all), ["stuck", "b"]);
    }
}
