//! The ways to undo label switching.

/// How the components of each draw are matched with each other.
///
/// [`Ecr`](Self::Ecr) is the default because it costs next to nothing: allocations are at hand while sampling, and each
/// draw is looked at once. [`Stephens`](Self::Stephens) takes a pass over the rows for each draw and iteration; it uses
/// the probabilities of allocations where the other uses one allocation of each row, and depends on no pivot. Where
/// components are well apart the two agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Relabelling {
    /// Equivalence-class representatives (Papastamoulis & Iliopoulos 2010),
    /// [`match_components`](crate::match_components).
    #[default]
    Ecr,
    /// The algorithm of Stephens (2000), [`Draws::relabel_stephens`](crate::Draws::relabel_stephens).
    Stephens,
}
