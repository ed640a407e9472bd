//! Turns an error of the RON reader into plain English with the caret under the right words.
//!
//! The reader says what it wanted and how far it had come, often a token too far; the outline of the text says which
//! value that was, what it is called and what stands there.

use std::ops::Range;

use ron::Error;

use super::error::{ConfigError, Source};
use super::fields::{self, expected};
use super::outline::{Outline, Step, first_line};
use super::words::{found, list, nearest, show};

/// Data of a study, which have a truth.
const STUDY_DATA: &str =
    "for example `data: SimulateSeparated(n: [100, 400], components: 3, dims: 2, separation: C(2.0))`";

/// What went wrong when the reader of `source` stopped at byte `at`.
pub(super) fn explain(source: &Source, error: &Error, at: usize) -> ConfigError {
    let outline = Outline::new(&source.text);
    Explainer { source, outline, at }.explain(error)
}

/// The error for a number too large for 64 bits, which the reader takes for infinity.
pub(super) fn overflow(source: &Source) -> Option<ConfigError> {
    let outline = Outline::new(&source.text);
    let value = (0..outline.values.len()).find(|&value| {
        let written = outline.slice(&outline.values[value].span);
        let is_number = written.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
        is_number && !written.ends_with("inf") && written.replace('_', "").parse::<f64>().is_ok_and(f64::is_infinite)
    })?;
    let at = outline.values[value].span.start;
    Some(Explainer { source, outline, at }.too_large(value))
}

/// A config that could not be read, its outline, and how far the reader had come.
pub(super) struct Explainer<'s> {
    pub(super) source: &'s Source,
    pub(super) outline: Outline<'s>,
    pub(super) at: usize,
}

impl Explainer<'_> {
    fn explain(&self, error: &Error) -> ConfigError {
        let read = self.source.text.get(..self.at).unwrap_or("");
        match (error, &self.outline.fault) {
            (Error::InvalidEscape(_), _) => return self.bad_escape(read),
            (Error::ExpectedMapColon, _) => return self.no_colon(read),
            (_, Some(fault)) if self.at >= fault.at => return self.not_ron(fault),
            _ if self.outline.values.is_empty() => return self.empty(),
            _ => {}
        }
        match error {
            Error::NoSuchStructField { expected, found, .. } => self.unknown_field(found, expected),
            Error::NoSuchEnumVariant { expected, found, .. } => self.unknown_variant(found, expected),
            Error::MissingStructField { field, .. } => self.missing_field(field),
            Error::DuplicateStructField { .. } => self.duplicate_field(),
            Error::ExpectedIdentifier => self.quoted_key().unwrap_or_else(|| self.wrong_value()),
            Error::IntegerOutOfBounds => self.out_of_bounds(),
            Error::ExpectedStructLikeEnd => self.one_too_many(),
            Error::ExpectedAttribute | Error::ExpectedAttributeEnd | Error::NoSuchExtension(_) => {
                let line = self.source.text.find('#').unwrap_or(0);
                let span = first_line(&self.source.text, &(line..self.source.text.len()));
                self.error("", "this first line is not understood: a config needs none").label(span, "leave it out")
            }
            _ => self.wrong_value(),
        }
    }

    pub(super) fn error(&self, field: &str, message: impl std::fmt::Display) -> ConfigError {
        ConfigError::new(self.source, field, message)
    }

    fn empty(&self) -> ConfigError {
        let message = "the file holds no experiment";
        self.error("", message).label(0..0, "nothing here").help(Some(fields::EXPERIMENT.to_owned()))
    }

    fn unknown_field(&self, found: &str, names: &'static [&'static str]) -> ConfigError {
        let values = &self.outline.values;
        let key = values.iter().position(|value| value.key.as_ref().is_some_and(|key| key.end == self.at));
        let Some((value, key)) = key.and_then(|value| Some((value, values[value].key.clone()?))) else {
            return self.wrong_value(); // a value without a name
        };
        let parent = values[value].parent.unwrap_or(0);
        let owner = self.outline.name(parent).or(self.outline.key(parent)).unwrap_or("Experiment");
        let path = show(&self.outline.path(value));
        let label = match nearest(found, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("not a field of `{owner}`"),
        };
        let is_fit =
            matches!(self.outline.path(parent).as_slice(), [.., Step::Field(fits), Step::Index(_)] if fits == "fits");
        let hint = match found {
            "components" | "covariance" | "prior" if is_fit => {
                format!("; a fit changes the model with `model: ({found}: ..)`")
            }
            _ => String::new(),
        };
        self.error(&path, format!("unknown field `{found}`"))
            .label(key, label)
            .help(Some(format!("the fields of `{owner}` are {}{hint}", list(names))))
    }

    fn unknown_variant(&self, found: &str, names: &'static [&'static str]) -> ConfigError {
        let values = &self.outline.values;
        let value = values.iter().position(|value| value.name.as_ref().is_some_and(|name| name.end == self.at));
        let Some((value, name)) = value.and_then(|value| Some((value, values[value].name.clone()?))) else {
            return self.wrong_value();
        };
        let path = self.outline.path(value);
        let example = match expected(&path).1 {
            // Of the data of an experiment; those of a study have a truth.
            _ if names.contains(&"SimulateSeparated") && !names.contains(&"Csv") => STUDY_DATA,
            example => example,
        };
        let near = match nearest(found, names) {
            _ if names.contains(&"Free") && ["Full", "Diagonal", "Isotropic"].contains(&found) => {
                Some(format!("Free({found})"))
            }
            near => near.map(str::to_owned),
        };
        let label = near
            .map_or("not one of the names that can stand here".to_owned(), |near| format!("did you mean `{near}`?"));
        self.error(&show(&path), format!("unknown name `{found}`"))
            .label(name, label)
            .help(Some(format!("it is one of {}, {example}", list(names))))
    }

    fn missing_field(&self, field: &str) -> ConfigError {
        let values = &self.outline.values;
        let group = values.iter().rposition(|value| value.open.is_some() && value.span.end == self.at + 1);
        let group = group.unwrap_or(0);
        let mut path = self.outline.path_inside(group);
        let owner = show(&path);
        path.push(Step::Field(field.to_owned()));
        let (what, example) = expected(&path);
        self.error(&owner, format!("the field `{field}` is missing"))
            .label(self.outline.head(group), format!("`{field}` is missing here"))
            .help(Some(format!("`{field}` is {what}, {example}")))
    }

    fn duplicate_field(&self) -> ConfigError {
        let values = &self.outline.values;
        let keys = || values.iter().enumerate().filter_map(|(i, value)| Some((i, value.key.clone()?)));
        let Some((again, key)) = keys().find(|(_, key)| key.end == self.at) else {
            return self.wrong_value();
        };
        let first = keys().find(|(i, other)| {
            values[*i].parent == values[again].parent && self.outline.slice(other) == self.outline.slice(&key)
        });
        let error = self.error(&show(&self.outline.path(again)), "given twice").label(key, "given again here");
        match first {
            Some((_, first)) => error.label(first, "first given here"),
            None => error,
        }
        .help(Some("leave one of them out".to_owned()))
    }

    fn out_of_bounds(&self) -> ConfigError {
        let Some(value) = self.outline.value_at(self.at) else {
            return self.wrong_value();
        };
        if self.outline.slice(&self.outline.values[value].span).starts_with('-') {
            let path = self.outline.path(value);
            let (what, example) = expected(&path);
            return self
                .error(
                    &show(&path),
                    format!("expected {what}, found {}, which is negative", found(&self.outline, value)),
                )
                .label(self.outline.spot(value), "must not be negative")
                .help(Some(example.to_owned()));
        }
        self.too_large(value)
    }

    fn too_large(&self, value: usize) -> ConfigError {
        let path = self.outline.path(value);
        let (what, _) = expected(&path);
        let limit = if what == fields::COUNT { "18446744073709551615" } else { "about 1.8e308" };
        self.error(&show(&path), format!("{} is too large", found(&self.outline, value)))
            .label(self.outline.spot(value), "out of range")
            .help(Some(format!("the largest number that can be held here is {limit}")))
    }

    /// A field name in quotes, as JSON has them.
    fn quoted_key(&self) -> Option<ConfigError> {
        let values = &self.outline.values;
        let value = values.iter().position(|value| value.key.as_ref().is_some_and(|key| key.start == self.at))?;
        let (key, parent) = (values[value].key.clone()?, values[value].parent?);
        let bare = self.outline.slice(&key).strip_prefix('"')?.trim_end_matches('"');
        let label = format!("write `{bare}:`");
        Some(self.error(&show(&self.outline.path(parent)), "a field name stands in quotes").label(key, label))
    }

    fn wrong_value(&self) -> ConfigError {
        let values = &self.outline.values;
        let Some(value) = self.outline.value_at(self.at) else {
            return self.empty();
        };
        let path = self.outline.path(value);
        let unnamed = values[value].key.is_none()
            && values[value]
                .parent
                .is_some_and(|parent| !self.outline.is_list(parent) && self.outline.name(parent).is_none());
        let (what, example) = match unnamed {
            true => (fields::FIELD, "fields are written by name: `components: 2`"),
            false => expected(&path),
        };
        let hint = match (self.outline.values[value].open, self.outline.name(value)) {
            (None, Some(name)) if what.contains(&format!("`{name}(")) => {
                format!("`{name}` needs its brackets; {example}")
            }
            (Some(open), _) if self.source.text[open..].starts_with('{') => {
                format!("RON writes fields in round brackets, `(name: value)`; {example}")
            }
            (Some(open), None) if what.starts_with("a list") && self.source.text[open..].starts_with('(') => {
                format!("a list stands in square brackets; {example}")
            }
            _ => example.to_owned(),
        };
        self.error(&show(&path), format!("expected {what}, found {}", found(&self.outline, value)))
            .label(self.outline.beginning(value), format!("should be {what}"))
            .help(Some(hint))
    }

    /// A second value in a variant that holds one: `Free(Full, Full)`.
    fn one_too_many(&self) -> ConfigError {
        let values = &self.outline.values;
        let begins = |span: &Range<usize>| span.start == self.at;
        let extra = values.iter().position(|value| value.key.as_ref().is_some_and(begins) || begins(&value.span));
        let Some((extra, around)) = extra.and_then(|extra| Some((extra, values[extra].parent?))) else {
            return self.wrong_value();
        };
        let path = self.outline.path(around);
        let name = self.outline.name(around).unwrap_or("");
        self.error(&show(&path), format!("`{name}(..)` holds one value, found another"))
            .label(self.outline.spot(extra), "one too many")
            .help(Some(expected(&path).1.to_owned()))
    }
}
