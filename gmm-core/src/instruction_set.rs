//! Which vectors the hot loop runs on, chosen when the program runs.

use crate::simd::{Simd, Work};

/// The instruction set that the hot loop runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// x86-64 with AVX-512 F, DQ, BW and VL.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// Whatever the compiler may assume everywhere.
    Portable,
}

impl InstructionSet {
    /// All that this machine can run, the best first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(crate::simd::Avx512::detect().map(|_| Self::Avx512));
            sets.extend(crate::simd::Avx2::detect().map(|_| Self::Avx2));
        }
        sets.push(Self::Portable);
        sets
    }

    /// The best that this machine can run.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// The name in results: `avx512`, `avx2`, `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Runs work on this instruction set, or on the portable one where it is not available.
    pub(crate) fn run<W: Work>(self, work: W) {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Avx512 => {
                if let Some(simd) = crate::simd::Avx512::detect() {
                    return simd.run(work);
                }
            }
            Self::Avx2 => {
                if let Some(simd) = crate::simd::Avx2::detect() {
                    return simd.run(work);
                }
            }
            Self::Portable => {}
        }
        crate::simd::Portable.run(work);
    }
}
