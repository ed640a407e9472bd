//! Comparing partitions of the same rows.

/// Counts of rows by label in `a` (rows of the table) and in `b` (its columns), row after row:
/// entry (i, j) at `i * k_b + j`.
pub fn contingency_table<A, B>(a: &[A], k_a: usize, b: &[B], k_b: usize) -> Vec<u64>
where
    A: Copy + Into<usize>,
    B: Copy + Into<usize>,
{
    let mut table = vec![0; k_a * k_b];
    for (&i, &j) in a.iter().zip(b) {
        table[i.into() * k_b + j.into()] += 1;
    }
    table
}

/// The adjusted Rand index of two partitions given by labels: 1 for equal partitions (up to names), 0 in
/// the mean for independent ones (Hubert & Arabie 1985).
///
/// ```
/// use gmm_core::adjusted_rand_index;
/// assert_eq!(adjusted_rand_index(&[0usize, 0, 1, 1], &[5usize, 5, 2, 2]), 1.0);
/// ```
pub fn adjusted_rand_index<A, B>(a: &[A], b: &[B]) -> f64
where
    A: Copy + Into<usize>,
    B: Copy + Into<usize>,
{
    let largest = |labels: &mut dyn Iterator<Item = usize>| labels.max().map_or(0, |label| label + 1);
    let k_a = largest(&mut a.iter().map(|&x| x.into()));
    let k_b = largest(&mut b.iter().map(|&x| x.into()));
    let table = contingency_table(a, k_a, b, k_b);
    let pairs = |count: u64| count as f64 * (count as f64 - 1.0) / 2.0;
    let both: f64 = table.iter().map(|&count| pairs(count)).sum();
    let in_a: f64 = (0..k_a).map(|i| pairs(table[i * k_b..(i + 1) * k_b].iter().sum())).sum();
    let in_b: f64 = (0..k_b).map(|j| pairs((0..k_a).map(|i| table[i * k_b + j]).sum())).sum();
    let all = pairs(a.len() as u64);
    if all == 0.0 {
        return 1.0;
    }
    let (expected, most) = (in_a * in_b / all, (in_a + in_b) / 2.0);
    // Both partitions are one block, or both all singletons: they are equal.
    if most == expected { 1.0 } else { (both - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adjusted_rand_index_matches_a_worked_example() {
        // Contingency [[1, 1, 0], [1, 2, 1], [0, 0, 4]]: Hubert & Arabie's formula by hand.
        let a = [0usize, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        let b = [0usize, 1, 0, 1, 1, 2, 2, 2, 2, 2];
        let (both, in_a, in_b, all) = (7.0, 13.0, 14.0, 45.0);
        let expected = in_a * in_b / all;
        let by_hand = (both - expected) / ((in_a + in_b) / 2.0 - expected);
        assert!((adjusted_rand_index(&a, &b) - by_hand).abs() < 1e-15);
    }

    #[test]
    fn trivial_partitions_do_not_divide_by_zero() {
        assert_eq!(adjusted_rand_index(&[0usize, 0], &[1usize, 1]), 1.0);
        assert_eq!(adjusted_rand_index(&[0usize, 1], &[1usize, 0]), 1.0);
        assert_eq!(adjusted_rand_index(&[0usize], &[0usize]), 1.0);
        assert_eq!(adjusted_rand_index(&[0usize, 0, 1], &[0usize, 0, 0]), 0.0);
    }
}
