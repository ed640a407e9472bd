//! Writes a config: [`Experiment`] or [`Study`] to RON that reads back the same, laid out for people.

use ron::extensions::Extensions;

use super::outline::Outline;
use super::schema::Experiment;
use super::study::Study;

const WIDTH: usize = 100;

/// The experiment as RON, every setting written out.
///
/// Reading it back gives an equal experiment, floats bit for bit. What fits on a line stands on one line.
pub fn to_ron(experiment: &Experiment) -> String {
    laid_out(&format!("Experiment{}", packed(experiment)))
}

/// A study as RON, as [`to_ron`].
pub fn study_to_ron(study: &Study) -> String {
    laid_out(&format!("Study{}", packed(study)))
}

/// Plain data of a config as RON without a blank that is not needed.
pub(crate) fn packed(value: &impl serde::Serialize) -> String {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    // Plain data written to a String cannot fail. If it did, this text would be no config for any reader.
    options.to_string(value).unwrap_or_else(|error| format!("/* {error} */"))
}

fn laid_out(packed: &str) -> String {
    let mut text = String::new();
    lay_out(&Outline::new(packed), 0, 0, &mut text);
    text.push('\n');
    text
}

/// Writes one value, its key included: on one line if there is room, or else one child per line.
fn lay_out(outline: &Outline<'_>, value: usize, indent: usize, text: &mut String) {
    let line = one_line(outline, value);
    let has_fields = |value: usize| outline.children(value).any(|child| outline.key(child).is_some());
    let children: Vec<_> = outline.children(value).collect();
    let list_of_structs =
        outline.is_list(value) && children.len() > 1 && children.iter().any(|&child| has_fields(child));
    if value != 0 && !list_of_structs && indent + line.chars().count() < WIDTH || children.is_empty() {
        text.push_str(&line);
        return;
    }
    let span = &outline.values[value].span;
    let open = outline.values[value].open.unwrap_or(span.start);
    text.push_str(&key(outline, value));
    text.push_str(&outline.text[span.start..=open]);
    if children.iter().all(|&child| is_short(outline, child)) {
        fill(outline, &children, indent + 4, text);
    } else {
        for &child in &children {
            new_line(indent + 4, text);
            lay_out(outline, child, indent + 4, text);
            text.push(',');
        }
    }
    new_line(indent, text);
    text.push_str(&outline.text[span.end - 1..span.end]);
}

/// Whether a value is a number, a text, or a name with such in brackets, without a key.
fn is_short(outline: &Outline<'_>, value: usize) -> bool {
    let is_leaf = |value: usize| outline.values[value].open.is_none() && outline.key(value).is_none();
    let is_named = outline.name(value).is_some() && outline.key(value).is_none();
    is_leaf(value) || is_named && outline.children(value).all(is_leaf)
}

/// Short values: as many on a line as there is room for.
fn fill(outline: &Outline<'_>, children: &[usize], indent: usize, text: &mut String) {
    let mut column = WIDTH;
    for &child in children {
        let word = one_line(outline, child);
        let width = word.chars().count() + 2; // the comma, and the blank before the next
        if column + width > WIDTH {
            new_line(indent, text);
            column = indent;
        } else {
            text.push(' ');
        }
        text.push_str(&word);
        text.push(',');
        column += width;
    }
}

fn one_line(outline: &Outline<'_>, value: usize) -> String {
    let span = outline.values[value].span.clone();
    let Some(open) = outline.values[value].open else {
        return key(outline, value) + outline.slice(&span);
    };
    let children: Vec<_> = outline.children(value).map(|child| one_line(outline, child)).collect();
    let (head, close) = (&outline.text[span.start..=open], &outline.text[span.end - 1..span.end]);
    format!("{}{head}{}{close}", key(outline, value), children.join(", "))
}

fn key(outline: &Outline<'_>, value: usize) -> String {
    outline.key(value).map_or(String::new(), |key| format!("{key}: "))
}

fn new_line(indent: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}
