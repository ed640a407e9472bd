//! Lower triangular matrices packed by rows: entry (i, j), j <= i, at i (i + 1) / 2 + j.

/// The position of row `i` in packed storage.
pub(crate) fn row(i: usize) -> usize {
    i * (i + 1) / 2
}

/// Row `i` up to the diagonal.
pub(crate) fn row_of(t: &[f64], i: usize) -> &[f64] {
    &t[row(i)..=row(i) + i]
}

/// Replaces a packed symmetric matrix by its lower Cholesky factor.
///
/// # Errors
/// The index and the value of the first pivot that is not positive and finite.
pub(crate) fn cholesky(a: &mut [f64], d: usize) -> Result<(), (usize, f64)> {
    for i in 0..d {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[row(i) + k] * a[row(j) + k]).sum();
            let rest = a[row(i) + j] - dot;
            if j < i {
                a[row(i) + j] = rest / a[row(j) + j];
            } else if rest > 0.0 && rest.is_finite() {
                a[row(i) + i] = rest.sqrt();
            } else {
                return Err((i, rest));
            }
        }
    }
    Ok(())
}

/// Replaces lower triangular `b` by `b inverse(l)`: the solution T of `T l = b`, again lower triangular.
pub(crate) fn divide_right(b: &mut [f64], l: &[f64], d: usize) {
    for i in 0..d {
        divide_row(&mut b[row(i)..=row(i) + i], l);
    }
}

/// One row of [`divide_right`]: the solution t of `t l = b` in place of b, with as many rows of l as b has entries.
pub(crate) fn divide_row(b: &mut [f64], l: &[f64]) {
    for j in (0..b.len()).rev() {
        let l = row_of(l, j);
        let t = b[j] / l[j];
        b[j] = t;
        b[..j].iter_mut().zip(l).for_each(|(b, l)| *b -= t * l);
    }
}

/// Fills `t` with the identity.
pub(crate) fn set_identity(t: &mut [f64], d: usize) {
    t.fill(0.0);
    for i in 0..d {
        t[row(i) + i] = 1.0;
    }
}

/// `out = t x` for lower triangular `t`.
pub(crate) fn multiply(t: &[f64], x: &[f64], out: &mut [f64]) {
    for i in 0..x.len() {
        out[i] = (0..=i).map(|j| t[row(i) + j] * x[j]).sum();
    }
}

/// Solves `t y = x` in place of `x`, by forward substitution.
pub(crate) fn solve(t: &[f64], x: &mut [f64]) {
    for i in 0..x.len() {
        let dot: f64 = (0..i).map(|j| t[row(i) + j] * x[j]).sum();
        x[i] = (x[i] - dot) / t[row(i) + i];
    }
}

/// Fills packed symmetric `a` with `l l'` for lower triangular `l`.
pub(crate) fn outer(l: &[f64], a: &mut [f64], d: usize) {
    for i in 0..d {
        for j in 0..=i {
            a[row(i) + j] = (0..=j).map(|k| l[row(i) + k] * l[row(j) + k]).sum();
        }
    }
}

/// Replaces the Cholesky factor of `l l'` by that of `l l' + x x'`, in place of x, by plane rotations; their cosines and sines
/// are left in `rotations` (d). LINPACK's dchud (Dongarra et al. 1979).
pub(crate) fn update(l: &mut [f64], x: &[f64], rotations: &mut [(f64, f64)]) {
    for j in 0..x.len() {
        let l = &mut l[row(j)..=row(j) + j];
        let mut rest = x[j];
        for (l, (cosine, sine)) in l[..j].iter_mut().zip(&*rotations) {
            let turned = cosine * *l + sine * rest;
            rest = cosine * rest - sine * *l;
            *l = turned;
        }
        let length = l[j].hypot(rest);
        rotations[j] = (l[j] / length, rest / length);
        l[j] = length;
    }
}

/// Replaces the Cholesky factor of `l l'` by that of `l l' - x x'`, given the solution u of `l u = x` and `1 - |u|^2`, which must be
/// positive. The rotations that turn (u, sqrt(1 - |u|^2)) into the last unit vector also turn l (LINPACK's dchdd, after
/// Saunders): its rounding is that of rotations, not of hyperbolic ones.
pub(crate) fn downdate(l: &mut [f64], u: &[f64], rest: f64, rotations: &mut [(f64, f64)]) {
    let mut length = rest.sqrt();
    for (u, rotation) in u.iter().zip(rotations.iter_mut()).rev() {
        let longer = length.hypot(*u);
        *rotation = (length / longer, u / longer);
        length = longer;
    }
    for j in 0..u.len() {
        let mut carried = 0.0;
        for (l, (cosine, sine)) in l[row(j)..=row(j) + j].iter_mut().zip(&*rotations).rev() {
            let turned = cosine * carried + sine * *l;
            *l = cosine * *l - sine * carried;
            carried = turned;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_multiplies_back_and_division_undoes_multiplication() {
        let d = 3;
        let a = vec![4.0, 2.0, 5.0, -1.0, 0.5, 3.0];
        let mut l = a.clone();
        cholesky(&mut l, d).unwrap();
        let mut back = vec![0.0; 6];
        outer(&l, &mut back, d);
        for (x, y) in back.iter().zip(&a) {
            assert!((x - y).abs() < 1e-15);
        }
        let mut t = vec![0.0; 6];
        set_identity(&mut t, d);
        divide_right(&mut t, &l, d);
        let x = [1.0, -2.0, 0.5];
        let (mut y, mut z) = ([0.0; 3], x);
        multiply(&t, &x, &mut y);
        solve(&l, &mut z);
        for i in 0..d {
            assert!((y[i] - z[i]).abs() < 1e-15);
        }
    }

    #[test]
    fn a_factor_that_is_updated_and_downdated_is_that_of_the_matrix_with_and_without_the_row() {
        let d = 3;
        let a = vec![4.0, 2.0, 5.0, -1.0, 0.5, 3.0];
        let (x, y) = ([0.7, -2.0, 1.1], [30.0, 1.0, -8.0]);
        let with = |rows: &[[f64; 3]]| {
            let mut sum = a.clone();
            for x in rows {
                for i in 0..d {
                    (0..=i).for_each(|j| sum[row(i) + j] += x[i] * x[j]);
                }
            }
            cholesky(&mut sum, d).unwrap();
            sum
        };
        let mut l = with(&[]);
        let mut rotations = [(0.0, 0.0); 3];
        update(&mut l, &x, &mut rotations);
        update(&mut l, &y, &mut rotations);
        for (l, expected) in l.iter().zip(with(&[x, y])) {
            assert!((l - expected).abs() < 1e-13);
        }
        let mut u = y;
        solve(&l, &mut u);
        let rest = 1.0 - u.iter().map(|u| u * u).sum::<f64>();
        downdate(&mut l, &u, rest, &mut rotations);
        for (l, expected) in l.iter().zip(with(&[x])) {
            assert!((l - expected).abs() < 1e-12, "{l} where {expected} was expected");
        }
    }

    #[test]
    fn the_failing_pivot_is_named() {
        let mut a = vec![1.0, 2.0, 4.0];
        assert_eq!(cholesky(&mut a, 2), Err((1, 0.0)));
    }
}
