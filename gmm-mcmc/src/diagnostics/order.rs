//! The draws of a quantity in increasing order: sorted once, for its quantiles and its ranks.

/// Bits of a key that one pass of the sort looks at.
const DIGIT: u32 = 11;

/// The places of finite values, fewer than 2^32, from the smallest value to the largest.
///
/// A radix sort on where a value lies between the smallest and the largest, in 2^32 steps; values in the same step are
/// compared. Linear in their number unless most lie in few steps, as they do beside one that is far off.
pub(super) fn increasing_order(values: &[f64]) -> Vec<u32> {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let steps = f64::from(u32::MAX) / (largest - smallest);
    // Rounding keeps the order; a conversion that has no value gives 0 for all or the first, and comparisons do the rest.
    let step = |value: f64| ((value - smallest) * steps) as u32;
    let mut keys: Vec<Key> = values.iter().zip(0..).map(|(value, place)| Key { step: step(*value), place }).collect();
    let mut sorted = vec![Key::default(); keys.len()];
    for shift in (0..u32::BITS).step_by(DIGIT as usize) {
        sort_by_digit(&keys, &mut sorted, shift);
        std::mem::swap(&mut keys, &mut sorted);
    }
    let value = |key: &Key| values[key.place as usize];
    for same in keys.chunk_by_mut(|left, right| left.step == right.step).filter(|same| same.len() > 1) {
        same.sort_unstable_by(|left, right| value(left).total_cmp(&value(right)));
    }
    keys.into_iter().map(|key| key.place).collect()
}

/// What is sorted in place of a value.
#[derive(Clone, Copy, Debug, Default)]
struct Key {
    step: u32,
    place: u32,
}

/// Sorts by the digit of the step above `shift`; keys with the same digit stay in order.
fn sort_by_digit(keys: &[Key], sorted: &mut [Key], shift: u32) {
    let digit = |key: &Key| (key.step >> shift) as usize & ((1 << DIGIT) - 1);
    let mut next = [0_u32; 1 << DIGIT];
    keys.iter().for_each(|key| next[digit(key)] += 1);
    let mut n_before = 0;
    for next in &mut next {
        n_before += std::mem::replace(next, n_before);
    }
    for key in keys {
        let next = &mut next[digit(key)];
        sorted[*next as usize] = *key;
        *next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_increasing(values: &[f64]) {
        let order = increasing_order(values);
        let mut places = order.clone();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..values.len() as u32), "every place once");
        assert!(order.is_sorted_by(|a, b| values[*a as usize] <= values[*b as usize]), "{values:?}");
    }

    #[test]
    fn every_place_comes_once_in_the_order_of_the_values() {
        // A linear congruential generator: 20000 values that use all bits of the steps.
        let mut state = 1_u64;
        let mut scattered = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 * 1e-10 - 4e5
        };
        let scattered: Vec<f64> = (0..20_000).map(&mut scattered).collect();
        assert_increasing(&scattered);
        assert_increasing(&scattered.iter().map(|x| x.round() % 7.0).collect::<Vec<_>>());
        for far in [1e30, 1e300, -f64::MAX] {
            assert_increasing(&[&scattered[..500], &[far]].concat());
        }
    }

    #[test]
    fn ranges_that_no_step_divides_are_sorted_too() {
        assert_increasing(&[]);
        assert_increasing(&[3.0]);
        assert_increasing(&[2.5; 40]);
        assert_increasing(&[f64::MAX, 0.0, -1.0, f64::MIN, 7.0, 1e300]);
        assert_increasing(&[5e-324, 0.0, 1.5e-323, -0.0, 1e-323, -5e-324]);
    }
}
