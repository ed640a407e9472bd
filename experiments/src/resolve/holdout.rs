//! Rows that no fit sees.

use gmm_core::{Data, Label, Streams};
use rand::RngExt;

use crate::config::{ConfigError, Source};
use crate::experiment::{DataSet, HeldOut, Labels};

/// Parts the rows: of `share` of them, to the nearest row but at least one on each side, the fits see nothing. Both parts are
/// copies in memory. Which rows are held out depends on the seed of the experiment and the number of rows alone.
pub(super) fn split(source: &Source, seed: u64, share: Option<f64>, set: DataSet) -> Result<DataSet, ConfigError> {
    let Some(share) = share else { return Ok(set) };
    let refused = |message: String| source.error_at("holdout", message, None);
    if !(share > 0.0 && share < 1.0) {
        return Err(refused(format!("{share} is no share of the rows between 0 and 1")));
    }
    let n = set.data.n();
    if n < 2 {
        return Err(refused("a single row cannot be parted".to_owned()));
    }
    let n_held_out = ((share * n as f64).round() as usize).clamp(1, n - 1);
    let places = places(n, n_held_out, &Streams::new(seed).named("holdout"));
    let mut is_held_out = vec![false; n];
    places.iter().for_each(|place| is_held_out[*place] = true);
    let part = |held_out: bool| {
        let rows = if held_out { n_held_out } else { n - n_held_out };
        let mut values = Vec::with_capacity(rows * set.data.d());
        let chosen = set.data.rows().zip(&is_held_out).filter(|(_, held)| **held == held_out);
        chosen.for_each(|(row, _)| values.extend_from_slice(row));
        Data::new(values, set.data.d()).map_err(|error| refused(error.to_string()))
    };
    let classes = |held_out: bool| -> Option<Vec<Label>> {
        let of_rows = set.labels.as_ref()?.of_rows.iter().zip(&is_held_out);
        Some(of_rows.filter(|(_, held)| **held == held_out).map(|(class, _)| *class).collect())
    };
    let held_out = HeldOut { data: part(true)?, places, labels: classes(true) };
    let (data, of_rows) = (part(false)?, classes(false));
    let labels = set.labels.zip(of_rows).map(|(labels, of_rows)| Labels { classes: labels.classes, of_rows });
    Ok(DataSet { data, held_out: Some(held_out), labels, ..set })
}

/// `m` of `n` places in order, each choice as probable (Knuth, selection sampling).
fn places(n: usize, m: usize, streams: &Streams) -> Vec<usize> {
    let mut rng = streams.rng(0);
    let mut chosen = Vec::with_capacity(m);
    for place in 0..n {
        let (wanted, left) = (m - chosen.len(), n - place);
        if rng.random::<f64>() * (left as f64) < wanted as f64 {
            chosen.push(place);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_chosen_as_often_and_as_many_as_asked_for() {
        let mut counts = [0_u32; 10];
        for seed in 0..2000 {
            let chosen = places(10, 3, &Streams::new(seed));
            assert!(chosen.len() == 3 && chosen.is_sorted_by(|a, b| a < b), "{chosen:?}");
            chosen.iter().for_each(|place| counts[*place] += 1);
        }
        // 600 of 2000, sd 20.5; 4.5 sd.
        assert!(counts.iter().all(|count| count.abs_diff(600) < 93), "{counts:?}");
        assert_eq!(places(5, 5, &Streams::new(1)), [0, 1, 2, 3, 4]);
    }
}
