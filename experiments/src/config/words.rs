//! The words of the messages: paths, lists of names, and what stands somewhere in the text.

use std::ops::Range;

use super::outline::{Outline, Step};

/// A path as the user reads it: `fits[0].restarts`.
pub(super) fn show(path: &[Step]) -> String {
    let mut shown = String::new();
    for step in path {
        match step {
            Step::Field(field) if shown.is_empty() => shown.push_str(field),
            Step::Field(field) => shown.extend([".", field]),
            Step::Index(index) => shown.push_str(&format!("[{index}]")),
            Step::Variant(_) => {}
        }
    }
    shown
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 30;
    let line = text.lines().next().unwrap_or("");
    if line.len() == text.len() && line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST).chain("..".chars()).collect()
}

pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}

/// The name most like `word`, if any is like it at all.
pub(crate) fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "");
    let word = plain(word);
    let distance = |name: &str| match plain(name) {
        name if word.len().min(name.len()) >= 3 && (name.contains(&word) || word.contains(&name)) => 1,
        name => strsim::damerau_levenshtein(&word, &name),
    };
    let near = names.iter().copied().min_by_key(|name| distance(name))?;
    (distance(near) <= word.len() / 3).then_some(near)
}

/// What stands at a value, in words.
pub(super) fn found(outline: &Outline<'_>, value: usize) -> String {
    let written = outline.slice(&outline.values[value].span);
    let open = outline.values[value].open.map(|open| &outline.text[open..open + 1]);
    let is_empty = outline.children(value).next().is_none();
    match (outline.name(value), open) {
        (Some(name), Some(_)) if is_empty => format!("`{name}()`"),
        (Some(name), Some(_)) => format!("`{name}(..)`"),
        (Some(name), None) => format!("`{name}`"),
        (None, Some("[")) if is_empty => "an empty list".to_owned(),
        (None, Some("[")) => "a list `[..]`".to_owned(),
        (None, Some("{")) => "curly brackets `{..}`".to_owned(),
        (None, Some(_)) => "fields in round brackets `(..)`".to_owned(),
        (None, None) if written.ends_with('"') || written.ends_with('#') => {
            format!("the text {}", shorten(written))
        }
        (None, None) if written.replace('_', "").parse::<f64>().is_ok() => {
            format!("the number `{}`", shorten(written))
        }
        (None, None) => format!("`{}`", shorten(written)),
    }
}

/// The token that begins at a place, and its name in a message.
pub(super) fn token_at(text: &str, at: usize) -> (Range<usize>, String) {
    let rest = text.get(at..).unwrap_or("");
    if rest.trim().is_empty() {
        let end = text.trim_end().len();
        return (end..end, "the end of the file".to_owned());
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(first);
    let token = &rest[..length];
    let shown = if token.contains(is_word) { shorten(token) } else { token.escape_debug().to_string() };
    (at..at + length, if token == "\"" { "a quote".to_owned() } else { format!("`{shown}`") })
}
