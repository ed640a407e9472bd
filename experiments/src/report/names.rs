//! Lists of names as people read them.

/// Names that are listed.
const MOST: usize = 20;

/// The first names, and how many more there are.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_not_all_listed() {
        let names: Vec<String> = (0..22).map(|j| format!("x{j}")).collect();
        assert_eq!(listed(&names[..3]), "x0, x1, x2");
        assert!(listed(&names).ends_with(", x18, x19 and 2 more"));
    }
}
