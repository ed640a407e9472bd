//! The inverse of an information matrix, or the direction in which it holds none.

use nalgebra::{DMatrix, DVector};

/// Columns of a block: a factorisation goes through products of whole blocks.
const BLOCK: usize = 64;

/// What part of a coordinate's information may be left when the others are unknown, before it counts as none.
const LEAST_PIVOT: f64 = 1e-10;

/// A direction without information.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Flat {
    /// Where the direction has its largest coordinate.
    pub(crate) place: usize,
    /// The curvature along it, of the matrix brought to a diagonal of ones (of the diagonal entry itself where that is not
    /// positive): a bound of the smallest eigenvalue from above.
    pub(crate) curvature: f64,
}

/// The inverse of a symmetric positive definite matrix, by the Cholesky factor of the matrix brought to a diagonal of
/// ones.
pub(crate) fn inverse(mut matrix: DMatrix<f64>) -> Result<DMatrix<f64>, Flat> {
    let n = matrix.nrows();
    let diagonal = matrix.diagonal();
    // Written so that NaN is found.
    if let Some(place) = diagonal.iter().position(|x| !(*x > 0.0 && x.is_finite())) {
        return Err(Flat { place, curvature: diagonal[place] });
    }
    let scales = diagonal.map(|x| 1.0 / x.sqrt());
    let rescale = |matrix: &mut DMatrix<f64>| {
        for j in 0..n {
            matrix.column_mut(j).iter_mut().zip(scales.iter()).for_each(|(x, s)| *x *= s * scales[j]);
        }
    };
    rescale(&mut matrix);
    factorise(&mut matrix)?;
    let factor = inverse_of_lower(&matrix);
    drop(matrix);
    let mut inverse = factor.transpose() * factor;
    rescale(&mut inverse);
    Ok(inverse)
}

/// Replaces the lower triangle of a matrix with a diagonal of ones by that of its Cholesky factor.
fn factorise(matrix: &mut DMatrix<f64>) -> Result<(), Flat> {
    let n = matrix.nrows();
    for start in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - start);
        let (before, mut panel) = matrix.columns_range_pair_mut(0..start, start..start + width);
        if start > 0 {
            let top = before.rows(start, width).transpose();
            panel.rows_mut(start, n - start).gemm(-1.0, &before.rows(start, n - start), &top, 1.0);
        }
        for j in 0..width {
            let row = start + j;
            let pivot = panel[(row, j)];
            if pivot.is_nan() || pivot <= LEAST_PIVOT {
                return Err(flat(matrix, row, pivot));
            }
            panel.view_mut((row, j), (n - row, 1)).scale_mut(1.0 / pivot.sqrt());
            for other in j + 1..width {
                let (left, mut right) = panel.columns_range_pair_mut(j..j + 1, other..other + 1);
                let (from, factor) = (start + other, left[(start + other, 0)]);
                let left = left.rows(from, n - from);
                right.rows_mut(from, n - from).iter_mut().zip(left.iter()).for_each(|(x, l)| *x -= factor * l);
            }
        }
    }
    Ok(())
}

/// The direction in which the pivot of a row is the curvature, `(-inverse(A) a, 1)` for the rows above it: with the
/// factor, `(-inverse(L') l, 1)`.
fn flat(matrix: &DMatrix<f64>, row: usize, pivot: f64) -> Flat {
    let above = matrix.view((0, 0), (row, row));
    let l = DVector::from_fn(row, |j, _| matrix[(row, j)]);
    let direction = above.tr_solve_lower_triangular(&l).unwrap_or(l);
    let all = (0..row).map(|j| (j, direction[j].abs()));
    let (place, _) = all.fold((row, 1.0), |most, next| if next.1 > most.1 { next } else { most });
    Flat { place, curvature: pivot / (1.0 + direction.norm_squared()) }
}

/// The inverse of a lower triangular matrix, whose upper triangle is not looked at.
fn inverse_of_lower(l: &DMatrix<f64>) -> DMatrix<f64> {
    let n = l.nrows();
    let mut inverse = DMatrix::zeros(n, n);
    for start in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - start);
        let corner = l.view((start, start), (width, width));
        let mut rows = DMatrix::zeros(width, start + width);
        rows.columns_mut(0, start).gemm(
            -1.0,
            &l.view((start, 0), (width, start)),
            &inverse.view((0, 0), (start, start)),
            0.0,
        );
        rows.columns_mut(start, width).fill_with_identity();
        // The diagonal is positive, so there is a solution.
        corner.solve_lower_triangular_mut(&mut rows);
        inverse.view_mut((start, 0), (width, start + width)).copy_from(&rows);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries that fall off the diagonal at different scales; of a size that takes several blocks.
    fn example(n: usize) -> DMatrix<f64> {
        let scale = |i: usize| 10f64.powi(i as i32 % 9 - 4);
        DMatrix::from_fn(n, n, |i, j| scale(i) * scale(j) * (-(i.abs_diff(j) as f64) / 3.0).exp())
    }

    #[test]
    fn the_inverse_of_any_size_multiplies_back_to_the_identity() {
        for n in [1, 2, 63, 64, 65, 200] {
            let matrix = example(n);
            let inverse = inverse(matrix.clone()).unwrap();
            for i in 0..n {
                for j in 0..n {
                    // In the scale of the rows.
                    let entry: f64 = (0..n).map(|l| matrix[(i, l)] * inverse[(l, j)]).sum();
                    let entry = entry * (matrix[(j, j)] / matrix[(i, i)]).sqrt();
                    assert!((entry - f64::from(i == j)).abs() < 1e-11, "{n}: {i}, {j}: {entry}");
                }
            }
        }
    }

    #[test]
    fn a_direction_without_information_is_found_with_its_curvature() {
        let mut matrix = example(150);
        matrix[(77, 77)] = -2.0;
        assert_eq!(inverse(matrix), Err(Flat { place: 77, curvature: -2.0 }));
        assert_eq!(inverse(DMatrix::from_element(1, 1, f64::NAN)).unwrap_err().place, 0);
        // Negative along (1, -1) / sqrt(2) of the last two coordinates, of the correlation form.
        let mut matrix = DMatrix::<f64>::identity(130, 130);
        (matrix[(128, 129)], matrix[(129, 128)]) = (1.5, 1.5);
        let flat = inverse(matrix).unwrap_err();
        assert!(flat.place >= 128 && (flat.curvature - (1.0 - 2.25) / (1.0 + 2.25)).abs() < 1e-12, "{flat:?}");
        let twins = DMatrix::from_element(2, 2, 1.0);
        assert_eq!(inverse(twins).unwrap_err().curvature, 0.0);
    }
}
