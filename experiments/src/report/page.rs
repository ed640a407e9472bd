//! A report before it is markup: plain data, kept in `report.json`, from which the page and the figures are drawn.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::figure::picture::Picture;
use super::figure::player::Player;

/// The form of `report.json`; another number is another form.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Words that are known when the program is compiled, or were read from a file.
pub(crate) type Words = Cow<'static, str>;

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page {
    /// [`SCHEMA_VERSION`].
    pub(crate) schema_version: u32,
    /// The version of the program that computed what is shown.
    pub(crate) computed_by: String,
    /// The name of what was run.
    pub(crate) title: String,
    /// What kind of report it is, in a word or two.
    pub(crate) kind: Words,
    /// The most important things in sentences.
    pub(crate) lead: Vec<Block>,
    /// The rest, in order.
    pub(crate) sections: Vec<Section>,
    /// The file that holds the same numbers for other programs.
    pub(crate) numbers_in: Words,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

/// One thing below the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Block {
    /// A heading within a section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Pairs of a word and a text.
    Facts(Vec<(String, String)>),
    /// A box that is not to be overlooked.
    Notice(Notice),
    Table(Table),
    /// What is seen when it is opened.
    Folded {
        title: String,
        blocks: Vec<Block>,
    },
    Figures(Figures),
    /// The fits as they learned.
    Players(Vec<Player>),
    /// The keys that several figures share.
    Legend(Vec<Key>),
    /// Text as it stands in a file.
    Code(String),
}

/// A box with a heading and a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) tone: Tone,
    pub(crate) title: String,
    /// What is named, if anything, and what is said of it.
    pub(crate) items: Vec<(String, String)>,
}

/// How a box looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    Good,
    Warning,
    Failed,
}

/// Figures side by side as far as there is room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) room: Room,
    pub(crate) figures: Vec<Figure>,
}

/// How much of the width a figure takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Room {
    Third,
    Half,
    Whole,
}

/// A picture with the words that go with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) picture: Picture,
    /// What it is of.
    pub(crate) title: String,
    /// What it shows.
    pub(crate) caption: String,
    /// What its colours mean.
    pub(crate) legend: Vec<Key>,
    /// The numbers behind it, where no other table has them.
    pub(crate) table: Option<Table>,
}

/// One entry of a legend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) kind: KeyKind,
    /// The character of a dot.
    pub(crate) sign: Words,
    /// The colour, as in a style sheet.
    pub(crate) color: String,
    /// What it means.
    pub(crate) text: String,
}

/// How an entry of a legend is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyKind {
    Line,
    Dashed,
    Area,
    Dot,
}

/// A table with its heading.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) header: Vec<Cell>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What was left out.
    pub(crate) more: Option<String>,
}

/// One cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// Said less loudly behind the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) aside: String,
    #[serde(skip_serializing_if = "CellKind::is_word")]
    pub(crate) kind: CellKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Key>,
}

/// What a cell holds, and so how it is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CellKind {
    #[default]
    Word,
    Number,
    /// A number that is the best of its column.
    Best,
    /// May take two lines.
    Long,
    /// May take several lines.
    Sentence,
    /// The aside on a line of its own.
    Stacked,
    /// A number with the aside on a line of its own.
    StackedNumber,
}

impl CellKind {
    /// Whether it is a plain word.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_word(&self) -> bool {
        *self == Self::Word
    }
}

/// What a reader should notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    Covers,
    Misses,
    Alert,
    Found,
}

pub(super) fn word(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ..Cell::default() }
}

pub(super) fn number(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), kind: CellKind::Number, ..Cell::default() }
}

impl Page {
    /// A report with nothing in it yet.
    pub(super) fn new(title: impl Into<String>, kind: &'static str, numbers_in: &'static str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            computed_by: env!("CARGO_PKG_VERSION").to_owned(),
            title: title.into(),
            kind: Words::Borrowed(kind),
            lead: Vec::new(),
            sections: Vec::new(),
            numbers_in: Words::Borrowed(numbers_in),
        }
    }

    /// Adds a section, unless there is nothing in it.
    pub(crate) fn section(&mut self, title: impl Into<String>, blocks: Vec<Block>) {
        if !blocks.is_empty() {
            self.sections.push(Section { title: title.into(), blocks });
        }
    }

    /// Whether anything in it moves.
    pub(super) fn has_player(&self) -> bool {
        self.sections.iter().flat_map(|section| &section.blocks).any(|block| matches!(block, Block::Players(_)))
    }

    /// All figures with the names of their files, without folder and ending: the section and the title, in letters and
    /// digits; a number tells equal ones apart.
    pub(super) fn figures(&self) -> Vec<(String, &Figure)> {
        let mut found = Vec::new();
        self.lead.iter().for_each(|block| block.figures("summary", &mut found));
        for section in &self.sections {
            section.blocks.iter().for_each(|block| block.figures(&section.title, &mut found));
        }
        let mut named: Vec<(String, &Figure)> = Vec::new();
        for (section, figure) in found {
            let stem = slug(&format!("{section} {}", figure.title));
            let same = |name: &String| named.iter().any(|(other, _)| other == name);
            let numbered = (2..).map(|n| format!("{stem}-{n}"));
            let name = std::iter::once(stem.clone()).chain(numbered).find(|name| !same(name)).unwrap_or(stem);
            named.push((name, figure));
        }
        named
    }
}

impl Block {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Tables that are seen when they are opened.
    pub(super) fn folded(tables: Vec<Table>) -> Vec<Self> {
        let fold = |mut table: Table| {
            let title = format!("{}: {}", table.title, table.note);
            (table.title, table.note) = (String::new(), String::new());
            Self::Folded { title, blocks: vec![Self::Table(table)] }
        };
        tables.into_iter().map(fold).collect()
    }

    fn figures<'a>(&'a self, section: &'a str, found: &mut Vec<(&'a str, &'a Figure)>) {
        match self {
            Self::Figures(figures) => found.extend(figures.figures.iter().map(|figure| (section, figure))),
            Self::Folded { blocks, .. } => blocks.iter().for_each(|block| block.figures(section, found)),
            _ => {}
        }
    }
}

/// The longest name of a file, but for its ending.
const LONGEST_SLUG: usize = 80;

/// A text as part of an address or the name of a file: lower-case letters, digits and hyphens.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' | '0'..='9' => slug.push(letter),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(LONGEST_SLUG);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "figure".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain_and_never_empty() {
        assert_eq!(slug("The fits over the data: EM, 2"), "the-fits-over-the-data-em-2");
        assert_eq!(slug("../\u{e9}"), "figure");
        assert_eq!(slug(&"ab ".repeat(90)).len(), 80);
    }
}
