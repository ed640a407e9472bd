//! The outline of a RON text: its values with the places of their parts, from one scan that never panics on any text.

use std::ops::Range;

/// One step of a path. `Em` in `fits[0].Em.restarts` is a variant: kept for the messages, not shown to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Index(usize),
    Variant(String),
}

/// A value of the text with the places of its parts; `open` is where its bracket stands.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) span: Range<usize>,
    pub(super) key: Option<Range<usize>>,
    pub(super) name: Option<Range<usize>>,
    pub(super) open: Option<usize>,
    pub(super) parent: Option<usize>,
}

/// The first place where the text is not RON, met when reading has come to `at`.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) inside: Option<usize>,
    pub(super) kind: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// A string, a comment or a character that does not end, beginning here.
    Unfinished(&'static str, Range<usize>),
    /// A character that means nothing here.
    Stray(Range<usize>),
    /// A bracket that is not closed; perhaps the one that `suspect` closes, a bracket indented otherwise.
    Unclosed {
        open: usize,
        suspect: Option<usize>,
    },
    WrongClose {
        open: usize,
        close: usize,
    },
    /// Something after the end of the experiment; perhaps since the bracket before `suspect` is too many.
    Trailing {
        span: Range<usize>,
        suspect: Option<usize>,
    },
    NoComma(Range<usize>),
    NoValue {
        span: Range<usize>,
        key: Option<Range<usize>>,
    },
}

/// The values of a text in the order in which they begin, so that a parent comes before its children.
#[derive(Clone, Debug)]
pub(super) struct Outline<'t> {
    pub(super) text: &'t str,
    pub(super) values: Vec<Value>,
    pub(super) fault: Option<Fault>,
}

enum Token {
    Open,
    Close,
    Comma,
    Colon,
    Leaf { is_name: bool },
    Unfinished(&'static str),
    Stray,
}

impl<'t> Outline<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut outline = Outline { text, values: Vec::new(), fault: None };
        let mut open = Vec::new();
        if let Err((at, kind)) = outline.scan(&mut open) {
            // What is still open reaches to the end, so that places in the text after the fault are inside.
            for &value in &open {
                outline.values[value].span.end = text.len();
            }
            let inside = open.last().copied();
            outline.fault = Some(Fault { at, inside, kind });
        }
        outline
    }

    fn scan(&mut self, stack: &mut Vec<usize>) -> Result<(), (usize, FaultKind)> {
        let text = self.text;
        let mut at = skip_attributes(text)?;
        let mut key: Option<Range<usize>> = None;
        let mut complete = false; // a value has just ended: a comma or a closing bracket must follow
        let mut suspect = None;
        while at < text.len() {
            let (token, length) = token(&text[at..]);
            let span = at..at + length;
            match token {
                Token::Unfinished(what) => return Err((at, FaultKind::Unfinished(what, span))),
                Token::Stray => return Err((at, FaultKind::Stray(span))),
                Token::Colon
                    if complete && !stack.is_empty() && self.ends_in_word(stack, |last| last.key.is_none()) =>
                {
                    key = self.values.pop().map(|value| value.span);
                    complete = false;
                }
                Token::Comma if complete && !stack.is_empty() => complete = false,
                Token::Close if key.is_none() && !stack.is_empty() => {
                    let value = stack[stack.len() - 1];
                    let open = self.values[value].open.unwrap_or(0);
                    if closing(&text[open..]) != text[at..].chars().next() {
                        return Err((at, FaultKind::WrongClose { open, close: at }));
                    }
                    if suspect.is_none() && differently_indented(text, open, at) {
                        suspect = Some((open, at));
                    }
                    stack.pop();
                    self.values[value].span.end = span.end;
                    complete = true;
                }
                Token::Open if complete && self.ends_in_word(stack, |last| last.name.is_some()) => {
                    let value = self.values.len() - 1;
                    self.values[value].open = Some(at);
                    stack.push(value);
                    complete = false;
                }
                Token::Open | Token::Leaf { .. } if !complete => {
                    self.values.push(Value {
                        span: span.clone(),
                        key: key.take(),
                        name: matches!(token, Token::Leaf { is_name: true }).then(|| span.clone()),
                        open: matches!(token, Token::Open).then_some(at),
                        parent: stack.last().copied(),
                    });
                    complete = !matches!(token, Token::Open);
                    if !complete {
                        stack.push(self.values.len() - 1);
                    }
                }
                _ if complete && stack.is_empty() => {
                    let root_end = self.values.first().map_or(0, |root| root.span.end.saturating_sub(1));
                    let suspect = suspect.map(|(_, close)| close);
                    return Err((root_end, FaultKind::Trailing { span, suspect }));
                }
                _ if complete => return Err((at, FaultKind::NoComma(span))),
                _ => return Err((at, FaultKind::NoValue { span, key })),
            }
            at = skip_blanks(text, span.end)?;
        }
        match (stack.last(), suspect) {
            (None, _) => Ok(()),
            (Some(_), _) if key.is_some() => Err((at, FaultKind::NoValue { span: at..at, key })),
            (Some(_), Some((open, close))) => Err((close, FaultKind::Unclosed { open, suspect: Some(close) })),
            (Some(&value), None) => {
                let open = self.values[value].open.unwrap_or(0);
                Err((at, FaultKind::Unclosed { open, suspect: None }))
            }
        }
    }

    /// Whether the last value has no bracket, stands directly in the innermost open one, and is what `which` says.
    fn ends_in_word(&self, stack: &[usize], which: fn(&Value) -> bool) -> bool {
        let last = self.values.last();
        last.is_some_and(|last| last.open.is_none() && last.parent == stack.last().copied() && which(last))
    }
}

/// A span cut off at the end of its first line.
pub(super) fn first_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let written = text.get(span.clone()).unwrap_or("");
    span.start..span.start + written.lines().next().map_or(0, str::len)
}

fn closing(open: &str) -> Option<char> {
    match open.chars().next()? {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    }
}

/// Whether a bracket that begins a line is indented otherwise than the line of the bracket that it closes.
fn differently_indented(text: &str, open: usize, close: usize) -> bool {
    let indent = |at: usize| {
        let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    };
    let begins_line = text[..close].trim_end_matches([' ', '\t']).ends_with('\n');
    begins_line && indent(open) != indent(close)
}

/// RON's own list of blanks; a no-break space is not among them.
fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{85}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}')
}

fn skip_attributes(text: &str) -> Result<usize, (usize, FaultKind)> {
    let mut at = skip_blanks(text, 0)?;
    while text[at..].starts_with("#!") {
        let length = text[at..].find(']').map_or(2, |end| end + 1);
        at = skip_blanks(text, at + length)?;
    }
    Ok(at)
}

fn skip_blanks(text: &str, mut at: usize) -> Result<usize, (usize, FaultKind)> {
    loop {
        let rest = text[at..].trim_start_matches(is_blank);
        at = text.len() - rest.len();
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += comment_length(rest).ok_or((at, FaultKind::Unfinished("comment", at..at + 2)))?;
        } else {
            return Ok(at);
        }
    }
}

fn comment_length(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.as_bytes().get(at..at + 2)? {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return Some(at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
}

/// The token at the beginning of a text that is not empty and begins with no blank, and its length.
fn token(text: &str) -> (Token, usize) {
    let first = text.chars().next().unwrap_or(' ');
    if let Some((what, length)) = quoted(text) {
        return match length {
            Some(length) => (Token::Leaf { is_name: false }, length),
            None => (Token::Unfinished(what), first_line(text, &(0..text.len())).end),
        };
    }
    match first {
        '(' | '[' | '{' => (Token::Open, 1),
        ')' | ']' | '}' => (Token::Close, 1),
        ',' => (Token::Comma, 1),
        ':' => (Token::Colon, 1),
        _ => {
            let prefix = if text.starts_with("r#") { 2 } else { 0 };
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
            let length = text[prefix..].find(|c| !is_word(c)).map_or(text.len(), |end| end + prefix);
            let is_name = first.is_alphabetic() || first == '_';
            if length > prefix { (Token::Leaf { is_name }, length) } else { (Token::Stray, first.len_utf8()) }
        }
    }
}

/// The length of the string or character that a text begins with, or no length if it does not end.
fn quoted(text: &str) -> Option<(&'static str, Option<usize>)> {
    let body = text.strip_prefix('b').unwrap_or(text);
    let prefix = text.len() - body.len();
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let content = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", &raw[..hashes]);
        let length = content.find(&close).map(|end| text.len() - content.len() + end + close.len());
        return Some(("text in quotes", length));
    }
    if let Some(content) = body.strip_prefix('\'') {
        let character = if content.starts_with('\\') { 2 } else { 1 };
        let end = content.char_indices().skip(character).take_while(|&(_, c)| c != '\n').find(|&(_, c)| c == '\'');
        return Some(("character", end.map(|(end, _)| prefix + 1 + end + 1)));
    }
    let mut escaped = true; // the opening quote does not close
    for (at, byte) in body.strip_prefix('"').map(|_| body)?.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(("text in quotes", Some(prefix + at + 1))),
            _ => {}
        }
    }
    Some(("text in quotes", None))
}
