//! Optimal assignment: which component of one mixture is which of another.

/// The assignment of rows to distinct columns with the least total cost: entry i is the column of row i.
///
/// `costs` holds `rows * columns` finite numbers, row after row, with `rows <= columns`. Costs are compared at a
/// resolution of 2^-40 of their range. See [`Assignment`] for many of them.
///
/// ```
/// use gmm_core::optimal_assignment;
/// assert_eq!(optimal_assignment(&[4.0, 1.0, 2.0, 0.5], 2), vec![1, 0]);
/// ```
///
/// # Panics
/// If the lengths do not fit or there are more rows than columns: a fault of the caller's code, not of data.
pub fn optimal_assignment(costs: &[f64], rows: usize) -> Vec<usize> {
    Assignment::new().solve(costs, rows).to_vec()
}

/// Optimal assignments one after another, without allocating once the largest has been seen.
///
/// The Hungarian algorithm (Kuhn 1955) by shortest augmenting paths (Jonker & Volgenant 1987), in O(rows^2 columns).
///
/// ```
/// use gmm_core::Assignment;
/// let mut assignment = Assignment::new();
/// assert_eq!(assignment.solve(&[4.0, 1.0, 2.0, 0.5], 2), [1, 0]);
/// assert_eq!(assignment.solve(&[3.0, 1.0, 2.0], 1), [1]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    costs: Vec<i64>,
    /// Prices of rows and columns: no cost is below the sum of its two, and those assigned are equal to it.
    row_prices: Vec<i64>,
    columns: Vec<Column>,
    /// The column of each row.
    places: Vec<usize>,
}

/// A column, and what the search for a path knows of it.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    price: i64,
    row: Option<usize>,
    /// Whether the shortest path to it is known; until then the least found, and the column before it on that path.
    reached: bool,
    distance: i64,
    before: Option<usize>,
}

impl Assignment {
    /// No memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Solves [`optimal_assignment`].
    ///
    /// # Panics
    /// As [`optimal_assignment`].
    pub fn solve(&mut self, costs: &[f64], rows: usize) -> &[usize] {
        let columns = costs.len().checked_div(rows).unwrap_or(0);
        assert!(rows * columns == costs.len() && rows <= columns, "{rows} rows do not fit {} costs", costs.len());
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let range = costs.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
        // Integers, so that prices have no rounding errors.
        let unit = if range > 0.0 && range.is_finite() { range / 2f64.powi(40) } else { 1.0 };
        self.costs.clear();
        // Costs whose range is no number end somewhere in it.
        let most = 2f64.powi(40);
        self.costs.extend(costs.iter().map(|c| ((c - least) / unit).clamp(0.0, most).round() as i64));
        self.row_prices.clear();
        self.row_prices.resize(rows, 0);
        self.columns.clear();
        self.columns.resize(columns, Column::default());
        for row in 0..rows {
            self.assign(row);
        }
        self.places.clear();
        self.places.resize(rows, 0);
        for (place, column) in self.columns.iter().enumerate() {
            if let Some(row) = column.row {
                self.places[row] = place;
            }
        }
        &self.places
    }

    /// Assigns one more row along the shortest path, by reduced costs, from it to a column that is free.
    fn assign(&mut self, new_row: usize) {
        for column in &mut self.columns {
            (column.reached, column.distance, column.before) = (false, i64::MAX, None);
        }
        let (mut row, mut last) = (new_row, None);
        let end = loop {
            let mut nearest: Option<(usize, i64)> = None;
            let travelled = last.map_or(0, |last: usize| self.columns[last].distance);
            let costs = &self.costs[row * self.columns.len()..];
            for (place, (column, cost)) in
                self.columns.iter_mut().zip(costs).enumerate().filter(|(_, (c, _))| !c.reached)
            {
                let distance = travelled + cost - self.row_prices[row] - column.price;
                if distance < column.distance {
                    (column.distance, column.before) = (distance, last);
                }
                if nearest.is_none_or(|(_, least)| column.distance < least) {
                    nearest = Some((place, column.distance));
                }
            }
            // There is a free column as long as there are no more rows than columns.
            let Some((place, _)) = nearest else { return };
            self.columns[place].reached = true;
            match self.columns[place].row {
                Some(next) => (row, last) = (next, Some(place)),
                None => break place,
            }
        };
        // Prices that make every edge of the path cost nothing.
        let length = self.columns[end].distance;
        self.row_prices[new_row] += length;
        for column in self.columns.iter_mut().filter(|column| column.reached) {
            let slack = length - column.distance;
            column.price -= slack;
            if let Some(row) = column.row {
                self.row_prices[row] += slack;
            }
        }
        let mut place = end;
        while let Some(before) = self.columns[place].before {
            self.columns[place].row = self.columns[before].row;
            place = before;
        }
        self.columns[place].row = Some(new_row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least cost of all assignments, by trying them.
    fn least_cost(costs: &[f64], columns: usize, taken: &mut Vec<usize>) -> f64 {
        let row = taken.len();
        if row * columns == costs.len() {
            return 0.0;
        }
        let mut least = f64::INFINITY;
        for column in 0..columns {
            if !taken.contains(&column) {
                taken.push(column);
                least = least.min(costs[row * columns + column] + least_cost(costs, columns, taken));
                taken.pop();
            }
        }
        least
    }

    #[test]
    fn no_assignment_costs_less() {
        let mut state = 7_u64;
        let mut number = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % below) as f64
        };
        let mut assignment = Assignment::new();
        for (rows, columns) in [(1, 1), (1, 4), (2, 2), (2, 5), (3, 3), (4, 4), (4, 6), (6, 6), (7, 7)] {
            for values in [2, 4, 1000] {
                for _ in 0..30 {
                    let costs: Vec<f64> = (0..rows * columns).map(|_| number(values) - 3.0).collect();
                    let places = assignment.solve(&costs, rows);
                    let mut distinct = places.to_vec();
                    distinct.sort_unstable();
                    distinct.dedup();
                    assert_eq!(distinct.len(), rows, "{places:?}");
                    let cost: f64 = places.iter().enumerate().map(|(i, j)| costs[i * columns + j]).sum();
                    assert_eq!(cost, least_cost(&costs, columns, &mut Vec::new()), "{costs:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_assigned_to_nothing_and_equal_costs_keep_the_order() {
        assert!(optimal_assignment(&[], 0).is_empty());
        assert_eq!(optimal_assignment(&[1.0; 9], 3), [0, 1, 2]);
    }

    #[test]
    fn costs_that_are_not_finite_end_in_some_assignment() {
        let mut places = optimal_assignment(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0], 2);
        places.sort_unstable();
        assert_eq!(places, [0, 1]);
    }
}
