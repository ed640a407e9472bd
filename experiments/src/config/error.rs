//! What is wrong with a config, and where: a miette diagnostic with the caret under the offending words.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::outline::Outline;

/// A config that was read: its file name and text, to show later errors in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file as the user named it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// An error about the value at `path`, for checks that need more than the config.
    ///
    /// `path` is written as in `data.mixture.weights[2]` or `fits[0].restarts`: enum variants do not appear in it. A
    /// value that is not written is shown at the nearest one around it that is; the empty path is the whole experiment.
    pub fn error_at(&self, path: &str, message: impl fmt::Display, help: Option<&str>) -> ConfigError {
        let outline = Outline::new(&self.text);
        let (span, label) = match outline.find(path) {
            Some((value, true)) => (outline.spot(value), String::new()),
            Some((value, false)) => (outline.head(value), format!("`{}` is not written here", last_field(path))),
            None => (0..0, String::new()),
        };
        ConfigError::new(self, path, message).label(span, label).help(help.map(str::to_owned))
    }
}

fn last_field(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// What is wrong with a config, and where.
#[derive(Debug)]
pub struct ConfigError(Box<Detail>);

#[derive(Debug)]
struct Detail {
    source: Source,
    field: String,
    message: String,
    labels: Vec<(Range<usize>, String)>, // the first is the place of the error
    help: Option<String>,
}

impl ConfigError {
    pub(super) fn new(source: &Source, field: &str, message: impl fmt::Display) -> Self {
        let message = if field.is_empty() { message.to_string() } else { format!("`{field}`: {message}") };
        ConfigError(Box::new(Detail {
            source: source.clone(),
            field: field.to_owned(),
            message,
            labels: Vec::new(),
            help: None,
        }))
    }

    pub(super) fn label(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.0.labels.push((span, label.into()));
        self
    }

    pub(super) fn help(mut self, help: Option<String>) -> Self {
        self.0.help = help;
        self
    }

    /// The file as the user named it.
    pub fn file(&self) -> &str {
        &self.0.source.name
    }

    /// The path of the field, such as `fits[1].draws`; empty for the whole experiment.
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// The bytes of the text that the caret stands under; none if the file could not be read.
    pub fn span(&self) -> Option<Range<usize>> {
        self.0.labels.first().map(|(span, _)| span.clone())
    }

    /// Line and column of the caret, counted from 1, the column in characters.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let (line, column) = position(&self.0.source.text, self.span()?.start);
        Some((line + 1, column + 1))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span().map(|_| &self.0.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.0.labels.iter().enumerate().map(|(i, (span, label))| {
            let label = Some(label.clone()).filter(|label| !label.is_empty());
            if i == 0 {
                LabeledSpan::new_primary_with_span(label, span.clone())
            } else {
                LabeledSpan::new_with_span(label, span.clone())
            }
        });
        Some(Box::new(labels))
    }
}

/// Line and column of a byte of a text, counted from 0, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count();
    (line, before.chars().rev().take_while(|&c| c != '\n').count())
}

// In place of miette's NamedSource, which counts columns in bytes.
impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, lines_before, lines_after)?;
        let (line, column) = match lines_before {
            0 => position(&self.text, span.offset()),
            _ => (read.line(), read.column()),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            read.data(),
            *read.span(),
            line,
            column,
            read.line_count(),
        )))
    }
}
