//! Names, lists of them and counts as people read them.

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

/// Names with commas and a last `and`.
pub(crate) fn joined<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// So many of what is named in the singular: `1 row`, `2 rows`, `3 posteriors`, `4 entries`.
pub(crate) fn counted(n: usize, what: &str) -> String {
    match (n, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) => format!("{n} {what}s"),
    }
}

/// With a capital at the start.
pub(crate) fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().to_string() + letters.as_str())
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

    #[test]
    fn counts_and_joined_names_are_grammatical() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "entry")), ["0 entries", "1 entry", "2 entries"]);
        assert_eq!(counted(3, "row"), "3 rows");
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([1, 2, 3].map(|n| joined(&names[..n])), ["a", "a and b", "a, b and c"]);
        assert_eq!((upper("\u{e9}t\u{e9}"), upper("")), ("\u{c9}t\u{e9}".to_owned(), String::new()));
    }
}
