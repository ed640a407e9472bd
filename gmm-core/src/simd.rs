//! Eight doubles at a time: one trait, one implementation for each instruction set. All `unsafe` of the crate is here.
//!
//! A value of [`Avx512`] or [`Avx2`] is proof that the processor has the instructions: the only way to one is its
//! `detect`. So the methods are safe to call with it; inside, each calls intrinsics that need exactly the features
//! that were detected. Loads and stores go through references to [`Lanes`], which are aligned and of the right size.
//!
//! The methods are compiled into [`Simd::run`], whose implementations turn the features on for everything inlined
//! there. Every implementation computes the same function of each lane; without fused multiply-add, [`Portable`] rounds
//! twice.
#![allow(unsafe_code)]

/// Doubles in a vector.
pub(crate) const LANES: usize = 8;

/// Eight doubles in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);
}

/// Eight whole numbers in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Words(pub(crate) [u64; LANES]);

/// The components of eight rows; [`NO_LABEL`] for rows past the last.
pub(crate) type Labels = [u16; LANES];

/// No component: more than there can be.
pub(crate) const NO_LABEL: u16 = u16::MAX;

/// Vector arithmetic on eight doubles.
pub(crate) trait Simd: Copy {
    /// A vector in registers.
    type V: Copy;
    /// Which lanes of a vector are meant.
    type M: Copy;
    /// Eight whole numbers of 64 bits in registers.
    type N: Copy;

    /// Vectors, up to four, that one exponential is worth computing for at once.
    const CHAINS: usize;

    /// Runs `work` compiled with the features of this instruction set.
    fn run<W: Work>(self, work: W);

    fn splat(self, x: f64) -> Self::V;
    fn load(self, from: &Lanes) -> Self::V;
    fn store(self, v: Self::V, to: &mut Lanes);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a b + c`.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a b`.
    fn mul_sub(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The lanes in which `a <= b`.
    fn at_most(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a + b` in some lanes, a in the others.
    fn add_where(self, lanes: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// `a b + c` in some lanes, c in the others.
    fn mul_add_where(self, lanes: Self::M, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Counts of zero.
    fn no_count(self) -> Self::N;
    /// `count + 1` in some lanes, the same count in the others.
    fn count_where(self, lanes: Self::M, count: Self::N) -> Self::N;
    /// Counts up to 65535 as labels.
    fn to_labels(self, count: Self::N) -> Labels;
    /// The lanes whose label this is.
    fn members(self, labels: &Labels, label: u16) -> Self::M;
    fn load_words(self, from: &Words) -> Self::N;
    fn store_words(self, words: Self::N, to: &mut Words);
    /// Modulo 2^64.
    fn add_words(self, a: Self::N, b: Self::N) -> Self::N;
    fn xor(self, a: Self::N, b: Self::N) -> Self::N;
    fn shift_left(self, a: Self::N, bits: u32) -> Self::N;
    fn rotate_left(self, a: Self::N, bits: u32) -> Self::N;
    /// The upper 52 bits as a fraction in [0, 1).
    fn fraction(self, a: Self::N) -> Self::V;
    /// `p 2^n` where `x >= limit`, else 0; n is the integer in the low bits of `shifted`.
    fn scale_or_zero(self, p: Self::V, shifted: Self::V, x: Self::V, limit: f64) -> Self::V;
    /// Asks for the cache line of a number in the second level.
    fn prefetch(self, at: &f64);
    /// The first eight of some numbers, zeros for those that are missing.
    fn load_part(self, from: &[f64]) -> Self::V;
    /// Rows to columns: lane j of vector i becomes lane i of vector j.
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES];

    /// The sum of lanes a to h, always as `((a + e) + (c + g)) + ((b + f) + (d + h))`.
    fn total(self, v: Self::V) -> f64;

    /// `2^x` for x <= 0, to 1 ulp; exactly 0 below `limit`, which is at least -1021. C vectors at once, so that the
    /// processor has C independent chains of multiply-adds to fill its pipes with.
    #[inline(always)]
    fn exp2<const C: usize>(self, x: [Self::V; C], limit: f64) -> [Self::V; C] {
        /// 1.5 * 2^52: adding it rounds to an integer and leaves that integer in the low bits.
        const ROUND: f64 = 6_755_399_441_055_744.0;
        let (mut shifted, mut f, mut p) = (x, x, [self.splat(EXP2[EXP2.len() - 1]); C]);
        for i in 0..C {
            shifted[i] = self.add(x[i], self.splat(ROUND));
            f[i] = self.sub(x[i], self.sub(shifted[i], self.splat(ROUND)));
        }
        for c in EXP2[..EXP2.len() - 1].iter().rev() {
            for i in 0..C {
                p[i] = self.mul_add(p[i], f[i], self.splat(*c));
            }
        }
        for i in 0..C {
            p[i] = self.scale_or_zero(p[i], shifted[i], x[i], limit);
        }
        p
    }
}

/// The polynomial of degree 11 with the least relative error for 2^f on |f| <= 1/2 (Remez): 3.1e-18.
#[allow(clippy::excessive_precision)]
const EXP2: [f64; 12] = [
    1.0,
    std::f64::consts::LN_2,
    0.240_226_506_959_101_55,
    0.055_504_108_664_819_925,
    0.009_618_129_107_588_335,
    0.001_333_355_814_678_995,
    0.000_154_035_304_625_146_14,
    1.525_273_348_996_080_5e-5,
    1.321_543_308_959_463e-6,
    1.017_819_803_332_852_8e-7,
    7.074_105_626_245_659e-9,
    4.435_280_944_610_336_3e-10,
];

/// The bits of 2^(j / 16) less j * 2^48, for j from 0 to 15.
#[cfg(target_arch = "x86_64")]
const SIXTEENTHS: [u64; 16] = {
    let powers: [f64; 16] = [
        1.0,
        1.0442737824274138,
        1.0905077326652577,
        1.1387886347566916,
        1.189207115002721,
        1.241857812073484,
        1.2968395546510096,
        1.3542555469368927,
        std::f64::consts::SQRT_2,
        1.4768261459394993,
        1.5422108254079407,
        1.6104903319492543,
        1.681792830507429,
        1.7562521603732995,
        1.8340080864093424,
        1.9152065613971474,
    ];
    let mut bits = [0; 16];
    let mut j = 0;
    while j < 16 {
        bits[j] = powers[j].to_bits() - ((j as u64) << 48);
        j += 1;
    }
    bits
};

/// The bits of 1.0: exponent and sign of the numbers in [1, 2).
const ONE: u64 = 1.0f64.to_bits();

/// Something to run on an instruction set.
pub(crate) trait Work {
    /// Does it; must be `#[inline(always)]`. G vectors of rows against one factor, and tiles of T x T sums, are what
    /// the registers hold.
    fn run<S: Simd, const G: usize, const T: usize>(self, simd: S);
}

/// No more than the compiler may assume everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

/// A function of two lanes on all lanes.
#[inline(always)]
fn lanewise(a: [f64; LANES], b: [f64; LANES], f: impl Fn(f64, f64) -> f64) -> [f64; LANES] {
    let mut out = a;
    for l in 0..LANES {
        out[l] = f(a[l], b[l]);
    }
    out
}

impl Simd for Portable {
    type V = [f64; LANES];
    type M = [bool; LANES];
    type N = [u64; LANES];

    const CHAINS: usize = 1;

    fn run<W: Work>(self, work: W) {
        work.run::<Self, 1, 2>(self);
    }

    #[inline(always)]
    fn splat(self, x: f64) -> Self::V {
        [x; LANES]
    }

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::V {
        from.0
    }

    #[inline(always)]
    fn store(self, v: Self::V, to: &mut Lanes) {
        to.0 = v;
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        lanewise(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        lanewise(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        lanewise(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        lanewise(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        lanewise(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        lanewise(a, a, |a, _| a.sqrt())
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // `f64::mul_add` without the instruction is a library call that costs more than all the rest.
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn mul_sub(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.sub(c, self.mul(a, b))
    }

    #[inline(always)]
    fn total(self, v: Self::V) -> f64 {
        let [a, b, c, d, e, f, g, h] = v;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    fn at_most(self, a: Self::V, b: Self::V) -> Self::M {
        std::array::from_fn(|l| a[l] <= b[l])
    }

    #[inline(always)]
    fn no_count(self) -> Self::N {
        [0; LANES]
    }

    #[inline(always)]
    fn count_where(self, lanes: Self::M, count: Self::N) -> Self::N {
        std::array::from_fn(|l| count[l] + u64::from(lanes[l]))
    }

    #[inline(always)]
    fn to_labels(self, count: Self::N) -> Labels {
        count.map(|count| count as u16)
    }

    #[inline(always)]
    fn members(self, labels: &Labels, label: u16) -> Self::M {
        labels.map(|l| l == label)
    }

    #[inline(always)]
    fn load_words(self, from: &Words) -> Self::N {
        from.0
    }

    #[inline(always)]
    fn store_words(self, words: Self::N, to: &mut Words) {
        to.0 = words;
    }

    #[inline(always)]
    fn add_words(self, a: Self::N, b: Self::N) -> Self::N {
        std::array::from_fn(|l| a[l].wrapping_add(b[l]))
    }

    #[inline(always)]
    fn xor(self, a: Self::N, b: Self::N) -> Self::N {
        std::array::from_fn(|l| a[l] ^ b[l])
    }

    #[inline(always)]
    fn shift_left(self, a: Self::N, bits: u32) -> Self::N {
        a.map(|a| a << bits)
    }

    #[inline(always)]
    fn rotate_left(self, a: Self::N, bits: u32) -> Self::N {
        a.map(|a| a.rotate_left(bits))
    }

    #[inline(always)]
    fn fraction(self, a: Self::N) -> Self::V {
        a.map(|a| f64::from_bits(a >> 12 | ONE) - 1.0)
    }

    #[inline(always)]
    fn prefetch(self, _: &f64) {}

    #[inline(always)]
    fn load_part(self, from: &[f64]) -> Self::V {
        let mut lanes = [0.0; LANES];
        lanes.iter_mut().zip(from).for_each(|(lane, x)| *lane = *x);
        lanes
    }

    #[inline(always)]
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES] {
        std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]))
    }

    #[inline(always)]
    fn add_where(self, lanes: Self::M, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|l| if lanes[l] { a[l] + b[l] } else { a[l] })
    }

    #[inline(always)]
    fn mul_add_where(self, lanes: Self::M, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|l| if lanes[l] { a[l] * b[l] + c[l] } else { c[l] })
    }

    #[inline(always)]
    fn scale_or_zero(self, p: Self::V, shifted: Self::V, x: Self::V, limit: f64) -> Self::V {
        let scaled = lanewise(p, shifted, |p, s| f64::from_bits(p.to_bits().wrapping_add(s.to_bits() << 52)));
        lanewise(scaled, x, |scaled, x| if x >= limit { scaled } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Labels, Lanes, NO_LABEL, ONE, SIXTEENTHS, Simd, Words, Work};

    /// Proof of AVX-512 F, DQ, BW and VL, which all but the first processors with AVX-512 have.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Avx512(());

    impl Avx512 {
        pub(crate) fn detect() -> Option<Self> {
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            (avx512 && Avx2::detect().is_some()).then_some(Self(()))
        }
    }

    // SAFETY of every block below: `self` exists only where these extensions were detected, and a `Lanes` is 64 bytes aligned
    // to 64.
    impl Simd for Avx512 {
        type V = __m512d;
        type M = __mmask8;
        type N = __m512i;

        const CHAINS: usize = 4;

        #[inline(always)]
        fn run<W: Work>(self, work: W) {
            #[inline(never)]
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
            fn inner<W: Work>(simd: Avx512, work: W) {
                work.run::<Avx512, 4, 4>(simd);
            }
            unsafe { inner(self, work) }
        }

        #[inline(always)]
        fn splat(self, x: f64) -> __m512d {
            unsafe { _mm512_set1_pd(x) }
        }

        #[inline(always)]
        fn load(self, from: &Lanes) -> __m512d {
            unsafe { _mm512_load_pd(from.0.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, v: __m512d, to: &mut Lanes) {
            unsafe { _mm512_store_pd(to.0.as_mut_ptr(), v) }
        }

        #[inline(always)]
        fn add(self, a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_add_pd(a, b) }
        }

        #[inline(always)]
        fn sub(self, a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_sub_pd(a, b) }
        }

        #[inline(always)]
        fn mul(self, a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_mul_pd(a, b) }
        }

        #[inline(always)]
        fn div(self, a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_div_pd(a, b) }
        }

        #[inline(always)]
        fn max(self, a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_max_pd(a, b) }
        }

        #[inline(always)]
        fn sqrt(self, a: __m512d) -> __m512d {
            unsafe { _mm512_sqrt_pd(a) }
        }

        #[inline(always)]
        fn mul_add(self, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
            unsafe { _mm512_fmadd_pd(a, b, c) }
        }

        #[inline(always)]
        fn mul_sub(self, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
            unsafe { _mm512_fnmadd_pd(a, b, c) }
        }

        #[inline(always)]
        fn total(self, v: __m512d) -> f64 {
            unsafe { total((_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v))) }
        }

        #[inline(always)]
        fn at_most(self, a: __m512d, b: __m512d) -> __mmask8 {
            unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b) }
        }

        #[inline(always)]
        fn no_count(self) -> __m512i {
            unsafe { _mm512_setzero_si512() }
        }

        #[inline(always)]
        fn count_where(self, lanes: __mmask8, count: __m512i) -> __m512i {
            unsafe { _mm512_mask_add_epi64(count, lanes, count, _mm512_set1_epi64(1)) }
        }

        #[inline(always)]
        fn to_labels(self, count: __m512i) -> Labels {
            let mut labels = [NO_LABEL; LANES];
            // The store is unaligned and of 16 bytes.
            unsafe { _mm_storeu_si128(labels.as_mut_ptr().cast(), _mm512_cvtepi64_epi16(count)) };
            labels
        }

        #[inline(always)]
        fn members(self, labels: &Labels, label: u16) -> __mmask8 {
            // The load is unaligned and of 16 bytes.
            unsafe { _mm_cmpeq_epi16_mask(_mm_loadu_si128(labels.as_ptr().cast()), _mm_set1_epi16(label as i16)) }
        }

        #[inline(always)]
        fn load_words(self, from: &Words) -> __m512i {
            unsafe { _mm512_load_si512(from.0.as_ptr().cast()) }
        }

        #[inline(always)]
        fn store_words(self, words: __m512i, to: &mut Words) {
            unsafe { _mm512_store_si512(to.0.as_mut_ptr().cast(), words) }
        }

        #[inline(always)]
        fn add_words(self, a: __m512i, b: __m512i) -> __m512i {
            unsafe { _mm512_add_epi64(a, b) }
        }

        #[inline(always)]
        fn xor(self, a: __m512i, b: __m512i) -> __m512i {
            unsafe { _mm512_xor_si512(a, b) }
        }

        #[inline(always)]
        fn shift_left(self, a: __m512i, bits: u32) -> __m512i {
            unsafe { _mm512_sllv_epi64(a, _mm512_set1_epi64(i64::from(bits))) }
        }

        #[inline(always)]
        fn rotate_left(self, a: __m512i, bits: u32) -> __m512i {
            unsafe { _mm512_rolv_epi64(a, _mm512_set1_epi64(i64::from(bits))) }
        }

        #[inline(always)]
        fn fraction(self, a: __m512i) -> __m512d {
            unsafe {
                let bits = _mm512_or_si512(_mm512_srli_epi64::<12>(a), _mm512_set1_epi64(ONE as i64));
                _mm512_sub_pd(_mm512_castsi512_pd(bits), _mm512_set1_pd(1.0))
            }
        }

        #[inline(always)]
        fn prefetch(self, at: &f64) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(at).cast()) }
        }

        #[inline(always)]
        fn load_part(self, from: &[f64]) -> __m512d {
            let lanes = ((1_u32 << from.len().min(LANES)) - 1) as u8;
            // Lanes outside of the mask, and so of the slice, are not read.
            unsafe { _mm512_maskz_loadu_pd(lanes, from.as_ptr()) }
        }

        #[inline(always)]
        fn transpose(self, r: [__m512d; LANES]) -> [__m512d; LANES] {
            // Columns of pairs of rows; then the quarters of 0, 2, 4 and 6 make up the even columns, the others the odd.
            let mut columns = r;
            unsafe {
                for odd in 0..2 {
                    let pair = |i: usize| match odd {
                        0 => _mm512_unpacklo_pd(r[i], r[i + 1]),
                        _ => _mm512_unpackhi_pd(r[i], r[i + 1]),
                    };
                    let [a, b, c, d] = [pair(0), pair(2), pair(4), pair(6)];
                    let (low, high) = (_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0x88>(c, d));
                    columns[odd] = _mm512_shuffle_f64x2::<0x88>(low, high);
                    columns[odd + 4] = _mm512_shuffle_f64x2::<0xdd>(low, high);
                    let (low, high) = (_mm512_shuffle_f64x2::<0xdd>(a, b), _mm512_shuffle_f64x2::<0xdd>(c, d));
                    columns[odd + 2] = _mm512_shuffle_f64x2::<0x88>(low, high);
                    columns[odd + 6] = _mm512_shuffle_f64x2::<0xdd>(low, high);
                }
            }
            columns
        }

        /// With 2^(j / 16) from a table in two registers, a polynomial of degree 6 does: 1.5e-17 on |f| <= 1/32
        /// (interpolation in the Chebyshev points).
        #[inline(always)]
        fn exp2<const C: usize>(self, x: [__m512d; C], limit: f64) -> [__m512d; C] {
            /// 1.5 * 2^48: adding it rounds to sixteenths and leaves their number m in the low bits.
            const ROUND: f64 = 422_212_465_065_984.0;
            /// `(2^f - 1) / f`.
            const P: [f64; 6] = [
                std::f64::consts::LN_2,
                0.240_226_506_959_100_75,
                0.055_504_108_656_639_3,
                0.009_618_129_106_919_537,
                0.001_333_378_157_678_426_8,
                0.000_154_037_239_807_492_56,
            ];
            unsafe {
                let round = _mm512_set1_pd(ROUND);
                let low = _mm512_loadu_si512(SIXTEENTHS.as_ptr().cast());
                let high = _mm512_loadu_si512(SIXTEENTHS[LANES..].as_ptr().cast());
                let (mut power, mut f, mut p) = (x, x, [_mm512_set1_pd(P[5]); C]);
                for i in 0..C {
                    let shifted = _mm512_add_pd(x[i], round);
                    f[i] = _mm512_sub_pd(x[i], _mm512_sub_pd(shifted, round));
                    // m modulo 16 picks the entry; m * 2^48 is the exponent, plus what the entry has too little of.
                    let m = _mm512_castpd_si512(shifted);
                    let entry = _mm512_permutex2var_epi64(low, m, high);
                    power[i] = _mm512_castsi512_pd(_mm512_add_epi64(entry, _mm512_slli_epi64::<48>(m)));
                }
                for c in P[..5].iter().rev() {
                    for i in 0..C {
                        p[i] = _mm512_fmadd_pd(p[i], f[i], _mm512_set1_pd(*c));
                    }
                }
                for i in 0..C {
                    let keep = _mm512_cmp_pd_mask::<_CMP_GE_OQ>(x[i], _mm512_set1_pd(limit));
                    p[i] = _mm512_maskz_fmadd_pd(keep, _mm512_mul_pd(p[i], f[i]), power[i], power[i]);
                }
                p
            }
        }

        #[inline(always)]
        fn add_where(self, lanes: __mmask8, a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_mask_add_pd(a, lanes, a, b) }
        }

        #[inline(always)]
        fn mul_add_where(self, lanes: __mmask8, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
            unsafe { _mm512_mask3_fmadd_pd(a, b, c, lanes) }
        }

        #[inline(always)]
        fn scale_or_zero(self, p: __m512d, shifted: __m512d, x: __m512d, limit: f64) -> __m512d {
            unsafe {
                let keep = _mm512_cmp_pd_mask::<_CMP_GE_OQ>(x, _mm512_set1_pd(limit));
                let exponent = _mm512_slli_epi64::<52>(_mm512_castpd_si512(shifted));
                _mm512_castsi512_pd(_mm512_maskz_add_epi64(keep, _mm512_castpd_si512(p), exponent))
            }
        }
    }

    /// Proof of AVX2 and FMA.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub(crate) fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
        }
    }

    /// The lower and the upper four lanes.
    type Pair = (__m256d, __m256d);

    /// The same of whole numbers.
    type Integers = (__m256i, __m256i);

    // SAFETY of every block below: `self` exists only where AVX2 and FMA were detected, and a `Lanes` is 64 bytes
    // aligned to 64, so that both halves are aligned to 32.
    impl Simd for Avx2 {
        type V = Pair;
        type M = Pair;
        type N = Integers;

        const CHAINS: usize = 2;

        #[inline(always)]
        fn run<W: Work>(self, work: W) {
            #[inline(never)]
            #[target_feature(enable = "avx2,fma")]
            fn inner<W: Work>(simd: Avx2, work: W) {
                work.run::<Avx2, 1, 2>(simd);
            }
            unsafe { inner(self, work) }
        }

        #[inline(always)]
        fn splat(self, x: f64) -> Pair {
            let v = unsafe { _mm256_set1_pd(x) };
            (v, v)
        }

        #[inline(always)]
        fn load(self, from: &Lanes) -> Pair {
            unsafe { (_mm256_load_pd(from.0.as_ptr()), _mm256_load_pd(from.0.as_ptr().add(4))) }
        }

        #[inline(always)]
        fn store(self, v: Pair, to: &mut Lanes) {
            unsafe {
                _mm256_store_pd(to.0.as_mut_ptr(), v.0);
                _mm256_store_pd(to.0.as_mut_ptr().add(4), v.1);
            }
        }

        #[inline(always)]
        fn add(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_add_pd(a.0, b.0), _mm256_add_pd(a.1, b.1)) }
        }

        #[inline(always)]
        fn sub(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_sub_pd(a.0, b.0), _mm256_sub_pd(a.1, b.1)) }
        }

        #[inline(always)]
        fn mul(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_mul_pd(a.0, b.0), _mm256_mul_pd(a.1, b.1)) }
        }

        #[inline(always)]
        fn div(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_div_pd(a.0, b.0), _mm256_div_pd(a.1, b.1)) }
        }

        #[inline(always)]
        fn max(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_max_pd(a.0, b.0), _mm256_max_pd(a.1, b.1)) }
        }

        #[inline(always)]
        fn sqrt(self, a: Pair) -> Pair {
            unsafe { (_mm256_sqrt_pd(a.0), _mm256_sqrt_pd(a.1)) }
        }

        #[inline(always)]
        fn mul_add(self, a: Pair, b: Pair, c: Pair) -> Pair {
            unsafe { (_mm256_fmadd_pd(a.0, b.0, c.0), _mm256_fmadd_pd(a.1, b.1, c.1)) }
        }

        #[inline(always)]
        fn mul_sub(self, a: Pair, b: Pair, c: Pair) -> Pair {
            unsafe { (_mm256_fnmadd_pd(a.0, b.0, c.0), _mm256_fnmadd_pd(a.1, b.1, c.1)) }
        }

        #[inline(always)]
        fn total(self, v: Pair) -> f64 {
            unsafe { total(v) }
        }

        #[inline(always)]
        fn at_most(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_cmp_pd::<_CMP_LE_OQ>(a.0, b.0), _mm256_cmp_pd::<_CMP_LE_OQ>(a.1, b.1)) }
        }

        #[inline(always)]
        fn no_count(self) -> Integers {
            unsafe { (_mm256_setzero_si256(), _mm256_setzero_si256()) }
        }

        #[inline(always)]
        fn count_where(self, lanes: Pair, count: Integers) -> Integers {
            // A lane that is meant has all bits set: minus one.
            unsafe {
                (
                    _mm256_sub_epi64(count.0, _mm256_castpd_si256(lanes.0)),
                    _mm256_sub_epi64(count.1, _mm256_castpd_si256(lanes.1)),
                )
            }
        }

        #[inline(always)]
        fn to_labels(self, count: Integers) -> Labels {
            let mut labels = [NO_LABEL; LANES];
            unsafe {
                // The lower halves of the counts 0 1 4 5 2 3 6 7, brought into order; then the lower halves of those.
                let (low, high) = (_mm256_castsi256_ps(count.0), _mm256_castsi256_ps(count.1));
                let mixed = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(low, high));
                let counts = _mm256_permute4x64_epi64::<0xd8>(mixed);
                let packed = _mm_packus_epi32(_mm256_castsi256_si128(counts), _mm256_extracti128_si256::<1>(counts));
                // The store is unaligned and of 16 bytes.
                _mm_storeu_si128(labels.as_mut_ptr().cast(), packed);
            }
            labels
        }

        #[inline(always)]
        fn members(self, labels: &Labels, label: u16) -> Pair {
            unsafe {
                // The load is unaligned and of 16 bytes.
                let labels = _mm_loadu_si128(labels.as_ptr().cast());
                let equal = _mm_cmpeq_epi16(labels, _mm_set1_epi16(label as i16));
                let (low, high) = (_mm256_cvtepi16_epi64(equal), _mm256_cvtepi16_epi64(_mm_bsrli_si128::<8>(equal)));
                (_mm256_castsi256_pd(low), _mm256_castsi256_pd(high))
            }
        }

        #[inline(always)]
        fn load_words(self, from: &Words) -> Integers {
            let from = from.0.as_ptr().cast::<__m256i>();
            unsafe { (_mm256_load_si256(from), _mm256_load_si256(from.add(1))) }
        }

        #[inline(always)]
        fn store_words(self, words: Integers, to: &mut Words) {
            let to = to.0.as_mut_ptr().cast::<__m256i>();
            unsafe {
                _mm256_store_si256(to, words.0);
                _mm256_store_si256(to.add(1), words.1);
            }
        }

        #[inline(always)]
        fn add_words(self, a: Integers, b: Integers) -> Integers {
            unsafe { (_mm256_add_epi64(a.0, b.0), _mm256_add_epi64(a.1, b.1)) }
        }

        #[inline(always)]
        fn xor(self, a: Integers, b: Integers) -> Integers {
            unsafe { (_mm256_xor_si256(a.0, b.0), _mm256_xor_si256(a.1, b.1)) }
        }

        #[inline(always)]
        fn shift_left(self, a: Integers, bits: u32) -> Integers {
            unsafe {
                let bits = _mm256_set1_epi64x(i64::from(bits));
                (_mm256_sllv_epi64(a.0, bits), _mm256_sllv_epi64(a.1, bits))
            }
        }

        #[inline(always)]
        fn rotate_left(self, a: Integers, bits: u32) -> Integers {
            let left = self.shift_left(a, bits);
            unsafe {
                let bits = _mm256_set1_epi64x(64 - i64::from(bits));
                let (low, high) = (_mm256_srlv_epi64(a.0, bits), _mm256_srlv_epi64(a.1, bits));
                (_mm256_or_si256(left.0, low), _mm256_or_si256(left.1, high))
            }
        }

        #[inline(always)]
        fn fraction(self, a: Integers) -> Pair {
            unsafe {
                let one = _mm256_set1_epi64x(ONE as i64);
                let low = _mm256_castsi256_pd(_mm256_or_si256(_mm256_srli_epi64::<12>(a.0), one));
                let high = _mm256_castsi256_pd(_mm256_or_si256(_mm256_srli_epi64::<12>(a.1), one));
                self.sub((low, high), self.splat(1.0))
            }
        }

        #[inline(always)]
        fn prefetch(self, at: &f64) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(at).cast()) }
        }

        #[inline(always)]
        fn load_part(self, from: &[f64]) -> Pair {
            if let Some(from) = from.first_chunk::<LANES>() {
                return unsafe { (_mm256_loadu_pd(from.as_ptr()), _mm256_loadu_pd(from.as_ptr().add(4))) };
            }
            let mut lanes = Lanes::ZERO;
            lanes.0.iter_mut().zip(from).for_each(|(lane, x)| *lane = *x);
            self.load(&lanes)
        }

        #[inline(always)]
        fn transpose(self, r: [Pair; LANES]) -> [Pair; LANES] {
            let quarter = |rows: [__m256d; 4]| unsafe { transpose_four(rows) };
            let (upper, lower) = ([r[0], r[1], r[2], r[3]], [r[4], r[5], r[6], r[7]]);
            let (a, b) = (quarter(upper.map(|r| r.0)), quarter(lower.map(|r| r.0)));
            let (c, d) = (quarter(upper.map(|r| r.1)), quarter(lower.map(|r| r.1)));
            [
                (a[0], b[0]),
                (a[1], b[1]),
                (a[2], b[2]),
                (a[3], b[3]),
                (c[0], d[0]),
                (c[1], d[1]),
                (c[2], d[2]),
                (c[3], d[3]),
            ]
        }

        #[inline(always)]
        fn add_where(self, lanes: Pair, a: Pair, b: Pair) -> Pair {
            unsafe { self.add(a, (_mm256_and_pd(lanes.0, b.0), _mm256_and_pd(lanes.1, b.1))) }
        }

        #[inline(always)]
        fn mul_add_where(self, lanes: Pair, a: Pair, b: Pair, c: Pair) -> Pair {
            unsafe { self.mul_add((_mm256_and_pd(lanes.0, a.0), _mm256_and_pd(lanes.1, a.1)), b, c) }
        }

        #[inline(always)]
        fn scale_or_zero(self, p: Pair, shifted: Pair, x: Pair, limit: f64) -> Pair {
            unsafe { (scale_or_zero_half(p.0, shifted.0, x.0, limit), scale_or_zero_half(p.1, shifted.1, x.1, limit)) }
        }
    }

    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn total((low, high): Pair) -> f64 {
        unsafe {
            let four = _mm256_add_pd(low, high);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn scale_or_zero_half(p: __m256d, shifted: __m256d, x: __m256d, limit: f64) -> __m256d {
        unsafe {
            let exponent = _mm256_slli_epi64::<52>(_mm256_castpd_si256(shifted));
            let scaled = _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(p), exponent));
            _mm256_and_pd(scaled, _mm256_cmp_pd::<_CMP_GE_OQ>(x, _mm256_set1_pd(limit)))
        }
    }

    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn transpose_four([a, b, c, d]: [__m256d; 4]) -> [__m256d; 4] {
        unsafe {
            let (ab0, ab1) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
            let (cd0, cd1) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
            [
                _mm256_permute2f128_pd::<0x20>(ab0, cd0),
                _mm256_permute2f128_pd::<0x20>(ab1, cd1),
                _mm256_permute2f128_pd::<0x31>(ab0, cd0),
                _mm256_permute2f128_pd::<0x31>(ab1, cd1),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;

    /// Runs a check on everything that this machine has.
    fn everywhere<W: Work + Copy>(work: W) {
        InstructionSet::available().into_iter().for_each(|set| set.run(work));
    }

    #[derive(Clone, Copy)]
    struct CheckExp2;

    impl Work for CheckExp2 {
        #[inline(always)]
        fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
            let at = |x: [f64; 3], limit: f64| {
                s.exp2(x.map(|x| s.splat(x)), limit).map(|y| {
                    let mut out = Lanes::ZERO;
                    s.store(y, &mut out);
                    assert!(out.0.iter().all(|y| y.to_bits() == out.0[0].to_bits()));
                    out.0[0]
                })
            };
            for limit in [-1021.0, -510.0] {
                for i in 0..100_000 {
                    let x = [-0.011_23 * f64::from(i), -1e-5 * f64::from(i), -1e-12 * f64::from(i)];
                    for (x, ours) in x.into_iter().zip(at(x, limit)) {
                        if x >= limit {
                            assert!((ours - x.exp2()).abs() <= 2.3e-16 * x.exp2(), "2^{x}: {ours} and {}", x.exp2());
                        } else {
                            assert_eq!(ours, 0.0);
                        }
                    }
                }
                assert_eq!(at([0.0, -3.0, limit], limit), [1.0, 0.125, limit.exp2()]);
                assert_eq!(at([-1e300, f64::NEG_INFINITY, -1022.0], limit), [0.0; 3]);
            }
        }
    }

    #[test]
    fn exp2_is_right_to_an_ulp_and_vanishes_below_its_limit() {
        everywhere(CheckExp2);
    }

    #[derive(Clone, Copy)]
    struct CheckArithmetic;

    impl Work for CheckArithmetic {
        #[inline(always)]
        fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
            let a = Lanes([1.0, -2.0, 3.5, 0.0, 5.0, 6.0, -7.0, 8.0]);
            let b = Lanes([2.0, -2.0, 1.5, 4.0, 0.5, -1.0, 7.0, 8.0]);
            let lanes = |v: S::V| {
                let mut out = Lanes::ZERO;
                s.store(v, &mut out);
                out.0
            };
            let check = |v: S::V, expected: fn(f64, f64) -> f64| {
                for (l, x) in lanes(v).into_iter().enumerate() {
                    assert_eq!(x, expected(a.0[l], b.0[l]));
                }
            };
            let (x, y) = (s.load(&a), s.load(&b));
            check(s.add(x, y), |a, b| a + b);
            check(s.sub(x, y), |a, b| a - b);
            check(s.mul(x, y), |a, b| a * b);
            check(s.div(x, y), |a, b| a / b);
            check(s.max(x, y), f64::max);
            check(s.sqrt(s.mul(x, x)), |a, _| a.abs());
            check(s.mul_add(x, y, x), |a, b| a * b + a);
            check(s.mul_sub(x, y, x), |a, b| a - a * b);
            check(s.add_where(s.at_most(x, y), x, y), |a, b| if a <= b { a + b } else { a });
            check(s.mul_add_where(s.at_most(x, y), x, x, y), |a, b| if a <= b { a * a + b } else { b });
            assert_eq!(s.total(x), 14.5);
            for length in 0..=10 {
                let row: Vec<f64> = (1..=length).map(f64::from).collect();
                let expected = std::array::from_fn(|l| row.get(l).copied().unwrap_or(0.0));
                assert_eq!(lanes(s.load_part(&row)), expected);
            }
            let square: [_; LANES] = std::array::from_fn(|i| {
                let mut row = Lanes::ZERO;
                (0..LANES).for_each(|j| row.0[j] = (10 * i + j) as f64);
                s.load(&row)
            });
            for (j, column) in s.transpose(square).into_iter().enumerate() {
                assert_eq!(lanes(column), std::array::from_fn(|i| (10 * i + j) as f64));
            }
        }
    }

    #[test]
    fn every_instruction_set_computes_the_same_arithmetic() {
        everywhere(CheckArithmetic);
    }

    #[derive(Clone, Copy)]
    struct CheckWords;

    impl Work for CheckWords {
        #[inline(always)]
        fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
            let a = Words(std::array::from_fn(|l| 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(l as u64 + 1)));
            let b = Words(std::array::from_fn(|l| u64::MAX >> l));
            let (x, y) = (s.load_words(&a), s.load_words(&b));
            let check = |words: S::N, expected: fn(u64, u64) -> u64| {
                let mut out = Words([0; LANES]);
                s.store_words(words, &mut out);
                assert_eq!(out.0, std::array::from_fn(|l| expected(a.0[l], b.0[l])));
            };
            check(s.add_words(x, y), u64::wrapping_add);
            check(s.xor(x, y), |a, b| a ^ b);
            check(s.shift_left(x, 17), |a, _| a << 17);
            check(s.rotate_left(x, 23), |a, _| a.rotate_left(23));
            let mut fractions = Lanes::ZERO;
            s.store(s.fraction(x), &mut fractions);
            assert_eq!(fractions.0, a.0.map(|a| (a >> 12) as f64 / 2f64.powi(52)));
            // Labels: counts of up to 65535 in each lane apart.
            let (low, high) = (s.load(&Lanes([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])), 300);
            let mut count = s.no_count();
            for i in 0..high {
                count = s.count_where(s.at_most(s.splat(f64::from(i % 8)), low), count);
            }
            let labels = s.to_labels(count);
            assert_eq!(labels, std::array::from_fn(|l| (0..high).filter(|i| i % 8 <= l as i32).count() as u16));
            let members = s.members(&[7, 65_535, 7, 0, 65_534, 7, 8, 7], 7);
            let mut ones = Lanes::ZERO;
            s.store(s.add_where(members, s.splat(0.0), s.splat(1.0)), &mut ones);
            assert_eq!(ones.0, [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
            assert_eq!(s.to_labels(s.count_where(s.members(&[65_534; LANES], 65_534), s.no_count())), [1; LANES]);
        }
    }

    #[test]
    fn every_instruction_set_computes_the_same_whole_numbers_and_labels() {
        everywhere(CheckWords);
    }
}
