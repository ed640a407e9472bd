//! A scan back is the reversal of a scan, and chains start at given allocations.
#![allow(clippy::unwrap_used)]

use gmm_core::{Data, Label, Model, Shape, Statistics, Streams, Structure, log_sum_exp};
use gmm_mcmc::{Kind, NoStart, Scan};

fn example() -> (Model, Data) {
    let data = Data::from_rows(&[[0.0], [0.7], [1.1], [2.5]]).unwrap();
    (Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap(), data)
}

fn labels(code: usize) -> Vec<Label> {
    (0..4).map(|i| (code >> i & 1) as Label).collect()
}

/// Of the chain of allocations: `p(z) P(z, z') = p(z') Q(z', z)` for a scan P and a scan back Q, within 5 standard errors for
/// the 240 pairs of each kind, a false alarm of 3e-4. The rows are visited in an order, so P itself is not reversible.
#[test]
fn scans_back_undo_scans_in_distribution() {
    let (model, data) = example();
    let ln_joint: Vec<f64> = (0..16)
        .map(|code| {
            let labels: Vec<usize> = labels(code).into_iter().map(usize::from).collect();
            model.posterior(&Statistics::from_partition(&data, &labels, Shape::Full, 2)).ln_marginal().unwrap()
        })
        .collect();
    let total = log_sum_exp(&ln_joint);
    let p: Vec<f64> = ln_joint.iter().map(|ln| (ln - total).exp()).collect();
    let n = 4000;
    for kind in [Kind::Blocked, Kind::Collapsed] {
        let mut forward = vec![vec![0.0; 16]; 16];
        let mut backward = vec![vec![0.0; 16]; 16];
        for code in 0..16 {
            // A state is parameters and allocations: parameters given the allocations first.
            let mut posterior = model.posterior(&Statistics::from_partition(
                &data,
                &labels(code).into_iter().map(usize::from).collect::<Vec<_>>(),
                Shape::Full,
                2,
            ));
            for repeat in 0..n {
                let streams = Streams::new(5).split(code as u64).split(repeat);
                let mut mixture = model.blank_mixture();
                posterior.draw(&mut streams.rng(0), &mut mixture).unwrap();
                let start = (mixture, labels(code));
                for (counts, ahead) in [(&mut forward, true), (&mut backward, false)] {
                    let streams = streams.split(u64::from(ahead));
                    let mut scan = Scan::at(kind, &model, &data, start.clone(), streams).unwrap();
                    if ahead { scan.step() } else { scan.step_back() }.unwrap();
                    let to: usize = scan.labels().iter().enumerate().map(|(i, z)| usize::from(*z) << i).sum();
                    counts[code][to] += 1.0 / n as f64;
                }
            }
        }
        let mut asymmetric = 0;
        for a in 0..16 {
            for b in 0..16 {
                let (there, back) = (p[a] * forward[a][b], p[b] * backward[b][a]);
                let variance = |p: f64, share: f64| p * p * share.max(1.0 / n as f64) / n as f64;
                let error = (variance(p[a], forward[a][b]) + variance(p[b], backward[b][a])).sqrt();
                assert!((there - back).abs() < 5.0 * error, "{kind:?} {a} {b}: {there} {back} +- {error}");
                let error = (variance(p[a], forward[a][b]) + variance(p[b], forward[b][a])).sqrt();
                asymmetric += usize::from((there - p[b] * forward[b][a]).abs() > 5.0 * error);
            }
        }
        assert_eq!(asymmetric > 10, kind == Kind::Collapsed, "{asymmetric}");
    }
}

#[test]
fn a_chain_starts_at_the_given_state() {
    let (model, data) = example();
    let (mixture, streams) = (model.blank_mixture(), Streams::new(1));
    let at = |labels: Vec<Label>| Scan::at(Kind::Collapsed, &model, &data, (mixture.clone(), labels), streams.clone());
    let scan = at(labels(6)).unwrap();
    assert_eq!((scan.labels(), scan.mixture(), scan.number()), (labels(6).as_slice(), &mixture, 0));
    assert_eq!(scan.statistics().weights(), [2.0, 2.0]);
    let ln_likelihood: f64 = data.rows().map(|row| mixture.ln_density(row)).sum();
    assert!((scan.ln_likelihood() - ln_likelihood).abs() < 1e-12);
    assert_eq!(at(vec![0; 3]).unwrap_err(), NoStart::Labels { found: 3, expected: 4 });
    assert_eq!(at(vec![0, 1, 2, 0]).unwrap_err(), NoStart::Component { row: 2, label: 2, k: 2 });
}
