//! Errors planted on purpose, to see that verification finds them.
//!
//! Without the feature `planted-defects`, which only the tests of verification switch on, [`sound`] is its first argument and
//! nothing of this is compiled into a program. With it, `plant` switches one defect on for the whole process.

#[cfg(feature = "planted-defects")]
use std::sync::atomic::{AtomicUsize, Ordering};

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// An error that people make.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Defect {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Defect {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// In words.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

defects! {
    /// The posterior scale lacks the term of the distance between the mean of the rows and that of the prior.
    KappaTermDropped,
    /// The posterior dof of a component with rows is one too large.
    DofOffByOne,
    /// The dof of an isotropic covariance grows by 1 a row instead of d.
    IsotropicDofWithoutD,
    /// The dof of a tied covariance counts the rows of the first component alone.
    TiedDofOfOneComponent,
    /// The posterior scale of a component with rows holds that of the prior twice.
    PriorScaleTwice,
    /// The posterior mean is the mean of the rows.
    MeanNotShrunk,
    /// Means are drawn with the covariance of a row.
    MeanSpreadOfARow,
    /// All means are drawn with the covariance of the first component.
    MeanSpreadOfFirst,
    /// The posterior of the weights lacks the concentration of the prior.
    ConcentrationDropped,
    /// The dof of Bartlett's factor run the other way: it is drawn transposed.
    BartlettTransposed,
    /// All of Bartlett's chi-squared variables have the same dof.
    BartlettDofConstant,
    /// Bartlett's factor is drawn as its diagonal alone.
    BartlettDiagonal,
    /// Variances are drawn with the scale for the rate.
    RateForScale,
    /// Labels are drawn, and rows weighed, without the weights.
    WeightsIgnored,
    /// Labels are drawn from weights that are not normalised.
    LabelsNotNormalised,
    /// Densities hold the determinant instead of its root.
    DeterminantNotHalved,
    /// Parameters are drawn given the statistics of the scan before.
    StatisticsOfPreviousScan,
    /// A collapsed scan weighs a row against itself.
    CollapsedKeepsOwnRow,
    /// A collapsed scan lacks the concentration of the prior.
    CollapsedConcentrationDropped,
    /// A collapsed scan has one dof too few in its predictive densities.
    CollapsedDofOffByOne,
    /// A collapsed scan lacks the uncertainty of the mean in its predictive densities.
    CollapsedMeanCertain,
    /// Rungs of a ladder exchange whatever their densities.
    SwapsAlways,
    /// Rungs of a ladder exchange by the inverse ratio of densities.
    SwapRatioInverted,
    /// Chib's estimate knows only the numbering that the draws have.
    ChibWithoutPermutations,
    /// The M-step divides by one too many.
    ModeDivisorOffByOne,
}

#[cfg(feature = "planted-defects")]
static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Switches a defect on, or all off, for the whole process.
#[cfg(feature = "planted-defects")]
pub fn plant(defect: Option<Defect>) {
    PLANTED.store(defect.map_or(usize::MAX, |defect| defect as usize), Ordering::SeqCst);
}

/// Whether a defect is planted.
#[cfg(feature = "planted-defects")]
#[inline]
pub fn is_planted(defect: Defect) -> bool {
    PLANTED.load(Ordering::Relaxed) == defect as usize
}

/// Whether a defect is planted: never.
#[cfg(not(feature = "planted-defects"))]
#[inline(always)]
pub const fn is_planted(_: Defect) -> bool {
    false
}

/// What is right; what is wrong where the defect is planted.
#[inline(always)]
pub fn sound<T>(right: T, defect: Defect, wrong: T) -> T {
    if is_planted(defect) { wrong } else { right }
}
