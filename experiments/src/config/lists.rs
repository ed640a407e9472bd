//! One value or a list of values: a value that is written alone is read as a list of one.
//!
//! The reader of RON cannot try one type and then another without losing what was wrong, and where. So brackets are put
//! around single values before the text is read, and places in the new text are brought back to that which the user wrote.

use super::outline::{Outline, Step};
use super::study::VARIED;

/// A text with brackets put in, and where they stand in it.
pub(super) struct Bracketed {
    pub(super) text: String,
    brackets: Vec<usize>,
}

impl Bracketed {
    /// Puts a list around each value of a study that could be one and is written alone.
    pub(super) fn new(text: &str) -> Self {
        let outline = Outline::new(text);
        let mut places = Vec::new();
        if outline.fault.is_none() {
            for value in (0..outline.values.len()).filter(|value| is_alone(&outline, *value)) {
                let span = &outline.values[value].span;
                places.extend([(span.start, '['), (span.end, ']')]);
            }
        }
        places.sort_unstable_by_key(|(at, _)| *at);
        let mut bracketed = Self { text: String::with_capacity(text.len() + places.len()), brackets: Vec::new() };
        let mut copied = 0;
        for (at, bracket) in places {
            bracketed.text.push_str(text.get(copied..at).unwrap_or(""));
            bracketed.brackets.push(bracketed.text.len());
            bracketed.text.push(bracket);
            copied = at;
        }
        bracketed.text.push_str(text.get(copied..).unwrap_or(""));
        bracketed
    }

    /// The place in the text as it was written.
    pub(super) fn back(&self, at: usize) -> usize {
        at - self.brackets.iter().take_while(|bracket| **bracket < at).count()
    }
}

fn is_alone(outline: &Outline<'_>, value: usize) -> bool {
    if outline.is_list(value) || outline.key(value).is_none() {
        return false;
    }
    let path = outline.path(value);
    let mut steps = path.iter().filter(|step| !matches!(step, Step::Variant(_)));
    let (Some(Step::Field(group)), Some(Step::Field(field)), None) = (steps.next(), steps.next(), steps.next()) else {
        return false;
    };
    VARIED.iter().any(|(name, fields)| name == group && fields.contains(&field.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values_are_put_in_lists_and_places_come_back() {
        let text = "Study(data: SimulateSeparated(n: 5, weights: Given([1, 2]), dims: [1, 2], x: 3), model: (prior: (a: [1])), n: 2)";
        let bracketed = Bracketed::new(text);
        let expected = "Study(data: SimulateSeparated(n: [5], weights: [Given([1, 2])], dims: [1, 2], x: 3), model: (prior: [(a: [1])]), n: 2)";
        assert_eq!(bracketed.text, expected);
        for (at, c) in expected.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
            assert_eq!(text[bracketed.back(at)..].chars().next(), Some(c));
        }
        assert_eq!(Bracketed::new("Study(data: X(n: 5").text, "Study(data: X(n: 5");
    }
}
