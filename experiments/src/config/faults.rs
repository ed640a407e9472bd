//! The errors of a text that is not RON: brackets, commas, colons and quotes out of place.

use std::ops::Range;

use super::error::ConfigError;
use super::explain::Explainer;
use super::fields::expected;
use super::outline::{Fault, FaultKind, Step, first_line};
use super::words::{show, token_at};

impl Explainer<'_> {
    pub(super) fn not_ron(&self, fault: &Fault) -> ConfigError {
        let text = self.outline.text;
        let path_of = |value: usize| show(&self.outline.path(value));
        let inside = fault.inside.map_or(String::new(), path_of);
        let opened = |open: &usize| self.outline.values.iter().position(|value| value.open == Some(*open));
        let bracket = |at: &usize| text[*at..].chars().next().unwrap_or(' ');
        let pair = |open: &usize| match bracket(open) {
            '[' => ']',
            '{' => '}',
            _ => ')',
        };
        let close = fault.inside.and_then(|value| self.outline.values[value].open).map_or(')', |open| pair(&open));
        match &fault.kind {
            FaultKind::Unfinished(what, span) => {
                let end = if *what == "comment" { "`*/`" } else { "a quote" };
                self.error(&inside, format!("this {what} is not finished"))
                    .label(span.clone(), format!("begins here and is never closed by {end}"))
            }
            FaultKind::Stray(span) => self
                .error(&inside, format!("{} has no meaning here", token_at(text, span.start).1))
                .label(span.clone(), "not expected here"),
            FaultKind::Unclosed { open, suspect } => {
                let error = self
                    .error(&opened(open).map_or(String::new(), path_of), format!("`{}` is not closed", bracket(open)))
                    .label(*open..open + 1, format!("lacks its `{}`", pair(open)));
                match suspect {
                    Some(close) => error.label(*close..close + 1, "this closes it, but is indented otherwise"),
                    None => error,
                }
            }
            FaultKind::WrongClose { open, close } => self
                .error(&inside, format!("expected `{}`, found `{}`", pair(open), bracket(close)))
                .label(*close..close + 1, format!("expected `,` or `{}`", pair(open)))
                .label(*open..open + 1, "to close this"),
            FaultKind::Trailing { span, suspect } => {
                let found = token_at(text, span.start).1;
                let error = self
                    .error("", format!("the experiment has ended, but {found} follows"))
                    .label(span.clone(), "not expected here");
                match suspect {
                    Some(close) => error.label(*close..close + 1, "indented otherwise than the bracket that it closes"),
                    None => error.label(fault.at..fault.at + 1, "the experiment ends here"),
                }
                .help(Some("a file holds one experiment; is there a bracket too many?".to_owned()))
            }
            FaultKind::NoComma(span) => {
                let before = fault.inside.and_then(|value| self.outline.children(value).last());
                self.no_comma(&before.map_or(inside, path_of), span, close)
            }
            FaultKind::NoValue { span, key } => self.no_value(fault, span, key.as_ref()),
        }
    }

    fn no_comma(&self, inside: &str, span: &Range<usize>, close: char) -> ConfigError {
        let text = self.outline.text;
        let found = token_at(text, span.start).1;
        if let Some(last) = self.outline.values.last()
            && text[..last.span.end].ends_with('"')
        {
            let value = show(&self.outline.path(self.outline.values.len() - 1));
            if self.outline.slice(&last.span).contains('\n') {
                return self
                    .error(&value, "the text in quotes that begins here goes on for several lines")
                    .label(first_line(text, &last.span), "is its closing quote missing?")
                    .label(span.clone(), format!("{found} stands after its end"));
            }
            if last.span.end == span.start {
                return self
                    .error(&value, format!("expected `,` or `{close}` after a text in quotes, found {found}"))
                    .label(span.clone(), "is there a quote too many or too few?");
            }
        }
        self.error(inside, format!("expected `,` or `{close}` after this value, found {found}"))
            .label(span.clone(), "is there a comma missing before this?")
    }

    fn no_value(&self, fault: &Fault, span: &Range<usize>, key: Option<&Range<usize>>) -> ConfigError {
        let mut path = fault.inside.map_or(Vec::new(), |value| self.outline.path_inside(value));
        path.extend(key.map(|key| Step::Field(self.outline.slice(key).to_owned())));
        let (what, help) = if key.is_some() { expected(&path) } else { ("a value", "") };
        let (end, found) = token_at(self.outline.text, span.start);
        let span = if span.is_empty() { end } else { span.clone() };
        self.error(&show(&path), format!("expected {what}, found {found}"))
            .label(span, format!("should be {what}"))
            .help(Some(help.to_owned()).filter(|help| !help.is_empty()))
    }

    pub(super) fn no_colon(&self, read: &str) -> ConfigError {
        let end = read.trim_end().len();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let key = &read[..end][read[..end].trim_end_matches(is_word).len()..];
        let value = self.outline.value_at(end.saturating_sub(1));
        let mut path = value.map_or(Vec::new(), |value| self.outline.path(value));
        path.push(Step::Field(key.to_owned()));
        let (span, found) = token_at(self.outline.text, self.at);
        self.error(&show(&path), format!("expected `:` after the name of the field, found {found}"))
            .label(span, "expected `:`")
    }

    pub(super) fn bad_escape(&self, read: &str) -> ConfigError {
        let value = self.outline.value_at(self.at);
        let start = read.rfind('\\').unwrap_or(read.len());
        let path = value.map_or(String::new(), |value| show(&self.outline.path(value)));
        self.error(&path, format!("`{}` means nothing inside a text in quotes", &read[start..]))
            .label(start..self.at.max(start), "no such escape")
            .help(Some("write `\\\\` for one backslash, or `/` between the folders of a path".to_owned()))
    }
}
