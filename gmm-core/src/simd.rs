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

/// Vector arithmetic on eight doubles.
pub(crate) trait Simd: Copy {
    /// A vector in registers.
    type V: Copy;
    /// Which lanes of a vector are meant.
    type M: Copy;

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
    /// `count + 1` where `a <= b`, else `count`.
    fn count_at_most(self, count: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// The lanes in which `a == b`.
    fn equal(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a + b` in some lanes, a in the others.
    fn add_where(self, lanes: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// `a b + c` in some lanes, c in the others.
    fn mul_add_where(self, lanes: Self::M, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Whole numbers from 0 to 65535 as integers.
    fn to_labels(self, v: Self::V) -> [u16; LANES];
    /// `p 2^n` where `x >= limit`, else 0; n is the integer in the low bits of `shifted`.
    fn scale_or_zero(self, p: Self::V, shifted: Self::V, x: Self::V, limit: f64) -> Self::V;

    /// The sum of lanes a to h, always as `((a + e) + (c + g)) + ((b + f) + (d + h))`.
    fn total(self, v: Self::V) -> f64;

    /// `2^x` for x <= 0, to 1 ulp; exactly 0 below 2^-1021.
    #[inline(always)]
    fn exp2(self, x: Self::V) -> Self::V {
        /// 1.5 * 2^52: adding it rounds to an integer and leaves that integer in the low bits.
        const ROUND: f64 = 6_755_399_441_055_744.0;
        let shifted = self.add(x, self.splat(ROUND));
        let f = self.sub(x, self.sub(shifted, self.splat(ROUND)));
        let mut p = self.splat(EXP2[EXP2.len() - 1]);
        for c in EXP2[..EXP2.len() - 1].iter().rev() {
            p = self.mul_add(p, f, self.splat(*c));
        }
        self.scale_or_zero(p, shifted, x, -1021.0)
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
    fn total(self, v: Self::V) -> f64 {
        let [a, b, c, d, e, f, g, h] = v;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    fn count_at_most(self, count: Self::V, a: Self::V, b: Self::V) -> Self::V {
        self.add(count, lanewise(a, b, |a, b| if a <= b { 1.0 } else { 0.0 }))
    }

    #[inline(always)]
    fn to_labels(self, v: Self::V) -> [u16; LANES] {
        v.map(|label| label as u16)
    }

    #[inline(always)]
    fn equal(self, a: Self::V, b: Self::V) -> Self::M {
        std::array::from_fn(|l| a[l] == b[l])
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

    use super::{LANES, Lanes, Simd, Work};

    /// Proof of AVX-512 F.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Avx512(());

    impl Avx512 {
        pub(crate) fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx512f") && Avx2::detect().is_some()).then_some(Self(()))
        }
    }

    // SAFETY of every block below: `self` exists only where AVX-512 F was detected, and a `Lanes` is 64 bytes aligned
    // to 64.
    impl Simd for Avx512 {
        type V = __m512d;
        type M = __mmask8;

        #[inline(always)]
        fn run<W: Work>(self, work: W) {
            #[target_feature(enable = "avx512f,avx2,fma")]
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
        fn total(self, v: __m512d) -> f64 {
            unsafe { total((_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v))) }
        }

        #[inline(always)]
        fn count_at_most(self, count: __m512d, a: __m512d, b: __m512d) -> __m512d {
            unsafe {
                let mask = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b);
                _mm512_mask_add_pd(count, mask, count, _mm512_set1_pd(1.0))
            }
        }

        #[inline(always)]
        fn to_labels(self, v: __m512d) -> [u16; LANES] {
            unsafe {
                let integers = _mm512_cvtpd_epi32(v);
                labels(_mm256_castsi256_si128(integers), _mm256_extracti128_si256::<1>(integers))
            }
        }

        #[inline(always)]
        fn equal(self, a: __m512d, b: __m512d) -> __mmask8 {
            unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b) }
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

    // SAFETY of every block below: `self` exists only where AVX2 and FMA were detected, and a `Lanes` is 64 bytes
    // aligned to 64, so that both halves are aligned to 32.
    impl Simd for Avx2 {
        type V = Pair;
        type M = Pair;

        #[inline(always)]
        fn run<W: Work>(self, work: W) {
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
        fn total(self, v: Pair) -> f64 {
            total(v)
        }

        #[inline(always)]
        fn count_at_most(self, count: Pair, a: Pair, b: Pair) -> Pair {
            unsafe {
                let one = _mm256_set1_pd(1.0);
                (
                    _mm256_add_pd(count.0, _mm256_and_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(a.0, b.0), one)),
                    _mm256_add_pd(count.1, _mm256_and_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(a.1, b.1), one)),
                )
            }
        }

        #[inline(always)]
        fn to_labels(self, v: Pair) -> [u16; LANES] {
            unsafe { labels(_mm256_cvtpd_epi32(v.0), _mm256_cvtpd_epi32(v.1)) }
        }

        #[inline(always)]
        fn equal(self, a: Pair, b: Pair) -> Pair {
            unsafe { (_mm256_cmp_pd::<_CMP_EQ_OQ>(a.0, b.0), _mm256_cmp_pd::<_CMP_EQ_OQ>(a.1, b.1)) }
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
            (scale_or_zero_half(p.0, shifted.0, x.0, limit), scale_or_zero_half(p.1, shifted.1, x.1, limit))
        }
    }

    /// Eight 32-bit integers as 16-bit ones.
    #[inline(always)]
    fn labels(low: __m128i, high: __m128i) -> [u16; LANES] {
        let mut out = [0; LANES];
        // SAFETY: called by methods of `Avx512` and `Avx2` alone; the store is unaligned and of 16 bytes.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_packus_epi32(low, high)) };
        out
    }

    #[inline(always)]
    fn total((low, high): Pair) -> f64 {
        // SAFETY: called by methods of `Avx512` and `Avx2` alone.
        unsafe {
            let four = _mm256_add_pd(low, high);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    #[inline(always)]
    fn scale_or_zero_half(p: __m256d, shifted: __m256d, x: __m256d, limit: f64) -> __m256d {
        // SAFETY: called by methods of `Avx2` alone.
        unsafe {
            let exponent = _mm256_slli_epi64::<52>(_mm256_castpd_si256(shifted));
            let scaled = _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(p), exponent));
            _mm256_and_pd(scaled, _mm256_cmp_pd::<_CMP_GE_OQ>(x, _mm256_set1_pd(limit)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct CheckExp2;

    impl Work for CheckExp2 {
        #[inline(always)]
        fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
            let at = |x: f64| {
                let mut out = Lanes::ZERO;
                s.store(s.exp2(s.splat(x)), &mut out);
                assert!(out.0.iter().all(|y| y.to_bits() == out.0[0].to_bits()));
                out.0[0]
            };
            for i in 0..4_000 {
                let x = -0.2557 * f64::from(i);
                let (ours, theirs) = (at(x), x.exp2());
                if x >= -1021.0 {
                    assert!((ours - theirs).abs() <= 2.3e-16 * theirs, "2^{x}: {ours} and {theirs}");
                } else {
                    assert_eq!(ours, 0.0);
                }
            }
            assert_eq!(at(0.0), 1.0);
            assert_eq!(at(-3.0), 0.125);
            assert_eq!(at(-1e300), 0.0);
            assert_eq!(at(f64::NEG_INFINITY), 0.0);
        }
    }

    #[test]
    fn exp2_is_right_to_an_ulp_on_every_instruction_set_and_vanishes_below_the_smallest_normal_number() {
        Portable.run(CheckExp2);
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = Avx2::detect() {
                simd.run(CheckExp2);
            }
            if let Some(simd) = Avx512::detect() {
                simd.run(CheckExp2);
            }
        }
    }

    struct CheckArithmetic;

    impl Work for CheckArithmetic {
        #[inline(always)]
        fn run<S: Simd, const G: usize, const T: usize>(self, s: S) {
            let a = Lanes([1.0, -2.0, 3.5, 0.0, 5.0, 6.0, -7.0, 8.0]);
            let b = Lanes([2.0, -2.0, 1.5, 4.0, 0.5, -1.0, 7.0, 8.0]);
            let check = |v: S::V, expected: fn(f64, f64) -> f64| {
                let mut out = Lanes::ZERO;
                s.store(v, &mut out);
                for l in 0..LANES {
                    assert_eq!(out.0[l], expected(a.0[l], b.0[l]));
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
            check(s.count_at_most(x, x, y), |a, b| a + f64::from(u8::from(a <= b)));
            let labels = Lanes([0.0, 1.0, 2.0, 300.0, 40_000.0, 65_535.0, 7.0, 65_534.0]);
            assert_eq!(s.to_labels(s.load(&labels)), labels.0.map(|x| x as u16));
            check(s.add_where(s.equal(x, y), x, y), |a, b| if a == b { a + b } else { a });
            check(s.mul_add_where(s.equal(x, y), x, x, y), |a, b| if a == b { a * a + b } else { b });
            assert_eq!(s.total(x), 14.5);
        }
    }

    #[test]
    fn every_instruction_set_computes_the_same_arithmetic() {
        Portable.run(CheckArithmetic);
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = Avx2::detect() {
                simd.run(CheckArithmetic);
            }
            if let Some(simd) = Avx512::detect() {
                simd.run(CheckArithmetic);
            }
        }
    }
}
