//! The header of a `.npy` file: a Python dictionary in text, of which only what NumPy writes is understood.
//!
//! ```text
//! \x93NUMPY, version (2 bytes), length (2 bytes; 4 from version 2 on), {'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }
//! ```
//!
//! See <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::Read;

use super::error::RowsError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that is read: NumPy's own limit is 10,000.
const LONGEST: u32 = 1 << 20;

/// A number as the file stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Number {
    /// Its bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// A number from its bytes, as many as [`size`](Number::size), the most significant first where `big`.
    pub(super) fn decode(self, bytes: &[u8], big: bool) -> f64 {
        let mut little = [0u8; 8];
        let size = self.size().min(bytes.len());
        little[..size].copy_from_slice(&bytes[..size]);
        if big {
            little[..size].reverse();
        }
        let [a, b, c, d, ..] = little;
        match self {
            Self::F32 => f32::from_le_bytes([a, b, c, d]).into(),
            Self::F64 => f64::from_le_bytes(little),
            Self::I8 => i8::from_le_bytes([a]).into(),
            Self::I16 => i16::from_le_bytes([a, b]).into(),
            Self::I32 => i32::from_le_bytes([a, b, c, d]).into(),
            Self::I64 => i64::from_le_bytes(little) as f64,
            Self::U8 => a.into(),
            Self::U16 => u16::from_le_bytes([a, b]).into(),
            Self::U32 => u32::from_le_bytes([a, b, c, d]).into(),
            Self::U64 => u64::from_le_bytes(little) as f64,
        }
    }
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: Number,
    pub(super) big_endian: bool,
    /// Column after column instead of row after row.
    pub(super) fortran: bool,
    pub(super) n: usize,
    pub(super) d: usize,
    /// Where the numbers begin.
    pub(super) offset: u64,
    /// The bytes of all numbers.
    pub(super) bytes: u64,
}

impl Header {
    /// Reads the header at the beginning of a file.
    ///
    /// # Errors
    /// [`RowsError`]: not a `.npy` file, not numbers, not a table, or too large.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, RowsError> {
        let mut start = Vec::new();
        from.take(12).read_to_end(&mut start)?;
        let Some(rest) = start.strip_prefix(MAGIC) else { return Err(RowsError::NotNpy) };
        let cut_off = || RowsError::Header("the file ends inside it".to_owned());
        let (length, offset, read) = match rest {
            [1, _, a, b, read @ ..] => (u32::from(u16::from_le_bytes([*a, *b])), 10, read),
            [2 | 3, _, a, b, c, d] => (u32::from_le_bytes([*a, *b, *c, *d]), 12, &[][..]),
            [version @ (0 | 4..), ..] => return Err(RowsError::Header(format!("version {version} is not known"))),
            _ => return Err(cut_off()),
        };
        if length > LONGEST {
            return Err(RowsError::Header(format!("it would have {length} bytes")));
        }
        let mut text = read.to_vec();
        from.take(u64::from(length).saturating_sub(text.len() as u64)).read_to_end(&mut text)?;
        let text = text.get(..length as usize).ok_or_else(cut_off)?;
        let fields = Fields::parse(text).map_err(RowsError::Header)?;
        let (number, big_endian) = number(&fields.descr).ok_or_else(|| RowsError::Dtype(fields.descr.clone()))?;
        let shown = || shown(&fields.shape);
        let (n, d) = match fields.shape[..] {
            [n] => (n, 1),
            [n, d] => (n, d),
            _ => return Err(RowsError::Shape(shown())),
        };
        let too_large = || RowsError::TooLarge(shown());
        let addressable = |count: u64| usize::try_from(count).map_err(|_| too_large());
        let numbers = n.checked_mul(d).filter(|numbers| *numbers <= (isize::MAX as u64) / 8).ok_or_else(too_large)?;
        let bytes = numbers * number.size() as u64;
        // The product of no rows and too many columns is 0.
        let (n, d) = (addressable(n)?, addressable(d)?);
        Ok(Self { number, big_endian, fortran: fields.fortran, n, d, offset: offset + u64::from(length), bytes })
    }
}

/// A shape as Python shows it.
fn shown(shape: &[u64]) -> String {
    match shape {
        [n] => format!("({n},)"),
        _ => format!("({})", shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The type and whether it is big-endian.
fn number(descr: &str) -> Option<(Number, bool)> {
    let mut order = descr.chars();
    let big = match order.next()? {
        '<' | '|' => false,
        '>' => true,
        '=' => cfg!(target_endian = "big"),
        _ => return None,
    };
    let number = match order.as_str() {
        "f4" => Number::F32,
        "f8" => Number::F64,
        "i1" => Number::I8,
        "i2" => Number::I16,
        "i4" => Number::I32,
        "i8" => Number::I64,
        "u1" => Number::U8,
        "u2" => Number::U16,
        "u4" => Number::U32,
        "u8" => Number::U64,
        _ => return None,
    };
    Some((number, big))
}

/// The dictionary.
#[derive(Debug, PartialEq, Eq)]
struct Fields {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

impl Fields {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not text".to_owned())?;
        let mut left = Text(text);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        left.expect('{')?;
        while !left.take('}') {
            let key = left.quoted()?;
            left.expect(':')?;
            match key.as_str() {
                "descr" => descr = Some(left.descr()?),
                "fortran_order" => fortran = Some(left.truth()?),
                "shape" => shape = Some(left.counts()?),
                _ => return Err(format!("the field {key:?} is not known")),
            }
            if !left.take(',') {
                left.expect('}')?;
                break;
            }
        }
        let missing = |field: &str| format!("it has no field {field:?}");
        Ok(Self {
            descr: descr.ok_or_else(|| missing("descr"))?,
            fortran: fortran.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }
}

/// What is left of the text.
struct Text<'a>(&'a str);

impl Text<'_> {
    /// Passes over a character if it is the next.
    fn take(&mut self, c: char) -> bool {
        let rest = self.0.trim_start();
        self.0 = rest.strip_prefix(c).unwrap_or(rest);
        self.0.len() < rest.len()
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.take(c) { Ok(()) } else { Err(format!("{c:?} was expected before {:?}", self.next())) }
    }

    /// A few of the next characters, for messages.
    fn next(&self) -> String {
        self.0.chars().take(12).collect()
    }

    fn quoted(&mut self) -> Result<String, String> {
        let quote = if self.take('\'') { '\'' } else { self.expect('"').map(|()| '"')? };
        let (inside, rest) = self.0.split_once(quote).ok_or("a quote is not closed")?;
        self.0 = rest;
        Ok(inside.to_owned())
    }

    /// A type; that of a structured array, a list, is passed over to the end.
    fn descr(&mut self) -> Result<String, String> {
        if !self.take('[') {
            return self.quoted();
        }
        let end = self.0.find(']').ok_or("a list is not closed")?;
        let list = format!("[{}]", &self.0[..end]);
        self.0 = &self.0[end + 1..];
        Ok(list)
    }

    fn truth(&mut self) -> Result<bool, String> {
        let rest = self.0.trim_start();
        for (word, truth) in [("True", true), ("False", false)] {
            if let Some(rest) = rest.strip_prefix(word) {
                self.0 = rest;
                return Ok(truth);
            }
        }
        Err(format!("True or False was expected before {:?}", self.next()))
    }

    /// A tuple of counts; Python 2 wrote an `L` behind a long one.
    fn counts(&mut self) -> Result<Vec<u64>, String> {
        self.expect('(')?;
        let mut counts = Vec::new();
        while !self.take(')') {
            let rest = self.0.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            counts.push(rest[..end].parse().map_err(|_| format!("{:?} is not a size", self.next()))?);
            self.0 = rest[end..].strip_prefix('L').unwrap_or(&rest[end..]);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(version: u8, text: &str) -> Vec<u8> {
        let length = (text.len() as u32).to_le_bytes();
        [MAGIC, &[version, 0], &length[..if version == 1 { 2 } else { 4 }], text.as_bytes()].concat()
    }

    fn read(text: &str) -> Result<Header, RowsError> {
        Header::read(&mut &bytes(1, text)[..])
    }

    #[test]
    fn every_version_and_way_to_write_is_understood() {
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }          \n";
        let plain = Header {
            number: Number::F64,
            big_endian: false,
            fortran: false,
            n: 3,
            d: 2,
            offset: 10 + text.len() as u64,
            bytes: 48,
        };
        assert_eq!(read(text).unwrap(), plain);
        for version in [2, 3] {
            let header = Header::read(&mut &bytes(version, text)[..]).unwrap();
            assert_eq!(header, Header { offset: plain.offset + 2, ..plain.clone() });
        }
        let other = read("{\"shape\": (7L,), \"fortran_order\":True,'descr':'>i2'}").unwrap();
        assert_eq!((other.number, other.big_endian, other.fortran), (Number::I16, true, true));
        assert_eq!((other.n, other.d, other.bytes), (7, 1, 14));
    }

    #[test]
    fn what_is_no_table_of_numbers_is_refused_with_its_reason() {
        let with = |descr: &str, shape: &str| {
            read(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")).unwrap_err().to_string()
        };
        for descr in ["'<c16'", "'|O'", "'<U5'", "'|b1'", "'<M8[ns]'", "''", "'f8'", "[('a', '<f8'), ('b', '<f4')]"] {
            assert!(with(descr, "(3, 2)").contains("its dtype is"), "{descr}: {}", with(descr, "(3, 2)"));
        }
        assert!(with("'<f8'", "()").contains("its shape is ()"));
        assert!(with("'<f8'", "(2, 3, 4)").contains("its shape is (2, 3, 4)"));
        for shape in
            ["(4611686018427387904, 4)", "(9223372036854775808, 9223372036854775808)", "(2305843009213693951,)"]
        {
            assert!(with("'<f8'", shape).contains("more than this machine can address"), "{shape}");
        }
        for shape in ["(18446744073709551616,)", "(-1, 2)", "(2.0,)", "(2", "2"] {
            assert!(with("'<f8'", shape).contains("header cannot be read"), "{shape}");
        }
        for text in
            ["", "{", "{}", "{'descr': '<f8'}", "{'descr", "{'what': 1}", "{'fortran_order': 1}", "\u{e9}\u{ff}"]
        {
            assert!(matches!(read(text), Err(RowsError::Header(_))), "{text}");
        }
    }

    #[test]
    fn a_header_that_is_cut_anywhere_is_refused() {
        for version in [1, 2] {
            let whole = bytes(version, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }");
            for end in 0..whole.len() {
                assert!(Header::read(&mut &whole[..end]).is_err(), "{end}");
            }
        }
        let long = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes(), b"{"].concat();
        assert!(matches!(Header::read(&mut &long[..]), Err(RowsError::Header(_))));
        assert!(matches!(Header::read(&mut &b"PAR1 and more"[..]), Err(RowsError::NotNpy)));
        assert!(matches!(Header::read(&mut &bytes(9, "{}")[..]), Err(RowsError::Header(_))));
    }

    #[test]
    fn numbers_of_every_type_and_order_are_decoded() {
        let both = |number: Number, little: &[u8], expected: f64| {
            let big: Vec<u8> = little.iter().rev().copied().collect();
            assert_eq!((number.decode(little, false), number.decode(&big, true)), (expected, expected), "{number:?}");
        };
        both(Number::F32, &(-1.5f32).to_le_bytes(), -1.5);
        both(Number::F64, &0.1f64.to_le_bytes(), 0.1);
        both(Number::I8, &[0xfe], -2.0);
        both(Number::I16, &(-300i16).to_le_bytes(), -300.0);
        both(Number::I32, &(-70_000i32).to_le_bytes(), -70_000.0);
        both(Number::I64, &(-(1i64 << 40)).to_le_bytes(), -(2f64.powi(40)));
        both(Number::U8, &[0xfe], 254.0);
        both(Number::U16, &65_000u16.to_le_bytes(), 65_000.0);
        both(Number::U32, &4_000_000_000u32.to_le_bytes(), 4e9);
        both(Number::U64, &(1u64 << 63).to_le_bytes(), 2f64.powi(63));
    }
}
