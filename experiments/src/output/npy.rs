//! A matrix as a NumPy array.

/// The bytes of an `.npy` file, format 1.0: a matrix of so many rows and columns, row after row, as little-endian float32
/// (`numpy.load`). The data begin at a multiple of 64 bytes.
pub(crate) fn npy_matrix([n_rows, n_columns]: [usize; 2], entry: impl Fn(usize, usize) -> f64) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {n_columns}), }}").into_bytes();
    // Two bytes tell its length; at most 20 digits each keep it below 128.
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.resize(header.len() + unpadded.next_multiple_of(64) - unpadded, b' ');
    header.push(b'\n');
    let mut bytes = Vec::with_capacity(MAGIC.len() + 2 + header.len() + 4 * n_rows * n_columns);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.append(&mut header);
    for (i, j) in (0..n_rows).flat_map(|i| (0..n_columns).map(move |j| (i, j))) {
        bytes.extend_from_slice(&(entry(i, j) as f32).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_what_follows_and_ends_at_a_multiple_of_64() {
        let bytes = npy_matrix([2, 3], |i, j| (10 * i + j) as f64);
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert!(start.is_multiple_of(64) && bytes[start - 1] == b'\n');
        let header = std::str::from_utf8(&bytes[10..start]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), "{header}");
        let numbers = bytes[start..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        assert_eq!(numbers.collect::<Vec<_>>(), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    }
}
