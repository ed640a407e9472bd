//! What is done about components that near a singularity, and the ledger of what was.

use std::fmt;

use crate::EmError;
use crate::ascent::check_setting;

/// What is done when a component nears a singularity of the likelihood. Variances are in the units of the data.
///
/// The first group acts when a climb ends in a collapse (see [`CollapseRule`](crate::CollapseRule)), by EM or along
/// gradients. The second acts within every M-step of EM; there the rule sets no restart aside, it only says what is
/// written down. Known covariances are not touched by any.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Singularities {
    /// The restart ends and is set aside.
    #[default]
    Fail,
    /// The mean of the collapsed component moves to the row of lowest density under the mixture, its covariance becomes
    /// that of all rows (in the shape, divided by K^(2/d) as for the default prior), its weight 1/K; and the climb goes
    /// on, up to [`RESETS`](Self::RESETS) times in a restart, never to the same row again.
    ResetComponent,
    /// The collapsed component is dropped, and the climb goes on with the others: a model of one component fewer with the
    /// same priors otherwise.
    RemoveComponent,
    /// No eigenvalue of a covariance is below this number; positive.
    ///
    /// ```text
    /// mode sum_l m_l v_l v_l'   ->   sum_l max(m_l, min) v_l v_l'
    /// ```
    ///
    /// This maximises what an M-step maximises among the covariances of this kind: `-D/2 [ ln|S| + tr(inverse(S) M) ]`
    /// for the unconstrained mode M with divisor D, and `tr(inverse(S) M) >= sum_l m_l / s_l` for eigenvalues in the same
    /// order, with equality for the same vectors (von Neumann); `ln s + m / s` falls up to s = m and rises beyond. So
    /// the objective does not fall, and it is bounded for any data. For `Diagonal` the variances are the eigenvalues.
    FloorEigenvalues(f64),
    /// This number, positive, is added to the diagonal of every covariance in every M-step, as `reg_covar` of
    /// scikit-learn.
    ///
    /// That maximises nothing: the objective may fall, in one iteration by no more than `0.1226 sum D` over all
    /// eigenvalues of distinct covariances (without a prior 0.1226 n d). For, with m of the unconstrained mode, s
    /// before and both at least c, what an M-step maximises falls for one eigenvalue by at most
    ///
    /// ```text
    /// D/2 [ f(m + c) - min over s >= c of f(s) ],   f(s) = ln s + m / s
    /// ```
    ///
    /// which is largest at `m / c = (sqrt(5) - 1) / 2`, and the objective falls by no more than that. A climb has
    /// converged when its last two changes of the objective are within the tolerance, whichever their signs.
    Regularise(f64),
    /// No eigenvalue of any covariance is more than this number, at least 1, times another's: the constraint of
    /// Garcia-Escudero, Gordaliza, Matran & Mayo-Iscar (2008), which depends on the units of the columns.
    ///
    /// Eigenvalues of the unconstrained modes are brought into `[t, c t]`. The t that maximises what an M-step maximises
    /// is one of finitely many (Fritz, Garcia-Escudero & Mayo-Iscar 2013), and unique where the constraint acts, since
    /// what is maximised is concave in ln t. So the objective does not fall, and it is bounded if there are more
    /// distinct rows than components.
    BoundRatio(f64),
}

impl Singularities {
    /// The most resets of one restart.
    pub const RESETS: usize = 10;

    /// Whether it acts within M-steps.
    pub fn acts_in_m_step(self) -> bool {
        match self {
            Self::Fail | Self::ResetComponent | Self::RemoveComponent => false,
            Self::FloorEigenvalues(_) | Self::Regularise(_) | Self::BoundRatio(_) => true,
        }
    }

    /// An error, which says what is expected, if it acts within M-steps.
    pub(crate) fn check_without_m_step(self, expected: &'static str) -> Result<(), EmError> {
        match self {
            Self::Fail | Self::ResetComponent | Self::RemoveComponent => Ok(()),
            Self::FloorEigenvalues(x) | Self::Regularise(x) | Self::BoundRatio(x) => {
                check_setting("singularities", x, expected, false)
            }
        }
    }

    /// Whether it bounds the objective where a column is constant.
    pub(crate) fn bounds_constant_columns(self) -> bool {
        self.acts_in_m_step()
    }

    /// Whether it bounds the objective where there are no more distinct rows than components.
    pub(crate) fn bounds_few_rows(self) -> bool {
        matches!(self, Self::FloorEigenvalues(_) | Self::Regularise(_))
    }

    /// An error unless its number is in range.
    pub(crate) fn check(self) -> Result<(), EmError> {
        let (value, least, expected) = match self {
            Self::Fail | Self::ResetComponent | Self::RemoveComponent => return Ok(()),
            Self::FloorEigenvalues(value) | Self::Regularise(value) => {
                (value, f64::MIN_POSITIVE, "positive and finite")
            }
            Self::BoundRatio(value) => (value, 1.0, "finite and at least 1"),
        };
        check_setting("singularities", value, expected, value >= least && value.is_finite())
    }
}

/// One near-singular event of a restart.
///
/// Of the policies that act when a climb ends: a collapse, and what followed. Of those that act in M-steps: that a
/// component became near-singular, its unconstrained mode being beyond a limit of the [`CollapseRule`](crate::CollapseRule),
/// or that the policy began to change its covariance; not again before it has recovered.
#[derive(Debug, Clone, PartialEq)]
pub struct Singularity {
    /// The restart, from 0.
    pub restart: usize,
    /// The iterations of the restart until then, those of all its climbs added up.
    pub iteration: usize,
    /// The component, from 0, as numbered then; 0 when the covariance is shared.
    pub component: usize,
    /// Its responsibilities added up, n when the covariance is shared; `None` where they are not known.
    pub effective_rows: Option<f64>,
    /// The smallest eigenvalue of its covariance (of the unconstrained mode where the policy acts in M-steps), on data
    /// scaled to unit standard deviations; `None` where that is not a finite number.
    pub smallest_eigenvalue: Option<f64>,
    /// The largest eigenvalue on scaled data over the smallest; `None` where that is not a finite number.
    pub condition_number: Option<f64>,
    /// What was done.
    pub action: Action,
}

/// What was done about a near-singular component.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The restart ended and was set aside.
    RestartEnded(Ending),
    /// Nothing: its covariance is within the constraint.
    Kept,
    /// Its eigenvalues were raised to the floor.
    FlooredTo {
        /// The least eigenvalue.
        min: f64,
    },
    /// A number was added to its diagonal.
    Added {
        /// The number.
        constant: f64,
    },
    /// Its eigenvalues were brought within a ratio of all others.
    RatioBoundedTo {
        /// The largest ratio.
        ratio: f64,
    },
    /// Its mean moved to a row, and the climb went on.
    MeanReset {
        /// The row, from 0.
        row: usize,
    },
    /// It was dropped, and the climb went on with the others.
    ComponentRemoved {
        /// How many were left.
        left: usize,
    },
}

/// Why a restart ended at a near-singular component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The policy says so.
    Policy,
    /// The covariance is shared, so there is no component to reset or remove.
    Shared,
    /// There is no other component, or none of positive weight.
    LastComponent,
    /// The component was reset as often as may be, or no row is left to go to.
    ResetsSpent,
    /// The rows have no covariance to start again from, or the one that the policy asks for has no factor in double
    /// precision.
    OutOfRange,
}

impl fmt::Display for Singularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { restart, iteration, component, .. } = self;
        write!(f, "restart {restart}, iteration {iteration}, component {component}: ")?;
        if let Some(rows) = self.effective_rows {
            write!(f, "{rows:.3} effective rows, ")?;
        }
        match self.smallest_eigenvalue {
            Some(value) => write!(f, "smallest eigenvalue {value:.2e} on data of unit sd")?,
            None => write!(f, "no finite eigenvalues")?,
        }
        if let Some(condition) = self.condition_number {
            write!(f, ", condition number {condition:.1e}")?;
        }
        write!(f, ": {}", self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RestartEnded(Ending::Policy) => write!(f, "the restart ended"),
            Self::RestartEnded(ending) => write!(f, "the restart ended, since {ending}"),
            Self::Kept => write!(f, "left as it is, within the constraint"),
            Self::FlooredTo { min } => write!(f, "eigenvalues raised to {min:e}"),
            Self::Added { constant } => write!(f, "{constant:e} added to the diagonal"),
            Self::RatioBoundedTo { ratio } => write!(f, "ratio of eigenvalues bounded to {ratio}"),
            Self::MeanReset { row } => write!(f, "its mean moved to row {row}"),
            Self::ComponentRemoved { left } => write!(f, "removed, {left} left"),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "the policy says so",
            Self::Shared => "the covariance is shared",
            Self::LastComponent => "no other component is left",
            Self::ResetsSpent => "no more resets are left",
            Self::OutOfRange => "double precision does not hold the covariance that it needs",
        })
    }
}
