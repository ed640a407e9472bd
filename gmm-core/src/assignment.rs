//! Optimal assignment: which component of one mixture is which of another.

use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

/// The assignment of rows to distinct columns with the least total cost: entry i is the column of row i.
///
/// `costs` holds `rows * columns` finite numbers, row after row, with `rows <= columns`. Costs are compared at a
/// resolution of 2^-40 of their range. The Hungarian algorithm (Kuhn 1955; Munkres 1957).
///
/// ```
/// use gmm_core::optimal_assignment;
/// assert_eq!(optimal_assignment(&[4.0, 1.0, 2.0, 0.5], 2), vec![1, 0]);
/// ```
///
/// # Panics
/// If the lengths do not fit or there are more rows than columns: a fault of the caller's code, not of data.
pub fn optimal_assignment(costs: &[f64], rows: usize) -> Vec<usize> {
    let columns = costs.len().checked_div(rows).unwrap_or(0);
    assert!(rows * columns == costs.len() && rows <= columns, "{rows} rows do not fit {} costs", costs.len());
    if rows == 0 {
        return Vec::new();
    }
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let range = costs.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
    // The algorithm tests differences for zero, so it runs on integers.
    let unit = if range > 0.0 && range.is_finite() { range / 2f64.powi(40) } else { 1.0 };
    let integers = costs.iter().map(|c| ((c - least) / unit).round() as i64);
    let mut matrix = Matrix::new(rows, columns, 0i64);
    for (i, cost) in integers.enumerate() {
        matrix[(i / columns, i % columns)] = cost;
    }
    kuhn_munkres_min(&matrix).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_all_permutations_is_found() {
        let costs = [7.0, 5.0, 11.25, 5.0, 4.0, 1.5, 9.0, 3.0, 2.0];
        let total = |p: [usize; 3]| (0..3).map(|i| costs[3 * i + p[i]]).sum::<f64>();
        let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let best = all.into_iter().min_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap();
        assert_eq!(optimal_assignment(&costs, 3), best);
    }

    #[test]
    fn fewer_rows_than_columns_and_equal_costs_are_fine() {
        assert_eq!(optimal_assignment(&[3.0, 1.0, 2.0], 1), vec![1]);
        let mut equal = optimal_assignment(&[1.0; 9], 3);
        equal.sort_unstable();
        assert_eq!(equal, [0, 1, 2]);
    }
}
