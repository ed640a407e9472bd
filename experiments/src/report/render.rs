//! A report as one self-contained page: markup, and nothing that is computed.

mod paper;
mod theme;

use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior, context};

use super::figure::player::{Drawn, Player};
use super::page::{Block, Cell, CellKind, Figure, Figures, Key, KeyKind, Mark, Notice, Page, Room, Table, Tone, slug};

/// The least width of a picture over the one it is made for: its labels stay legible, and what does not fit scrolls.
const LEAST: f64 = 0.7;

/// The page; without anything from elsewhere.
///
/// # Errors
/// What the template engine or the drawing library says, in words.
pub(crate) fn html(page: &Page) -> Result<String, String> {
    let mut ids: Vec<String> = vec!["content".to_owned()];
    let sections = page.sections.iter().map(|section| {
        let (title, blocks) = (&section.title, blocks(&section.blocks)?);
        let id = unused(&ids, &slug(title));
        ids.push(id.clone());
        Ok(context! { title, id, blocks })
    });
    let sections = sections.collect::<Result<Vec<Value>, String>>()?;
    let sections = Value::from(sections);
    let content = context! { title => &page.title, lead => blocks(&page.lead)?, sections => &sections };
    let context = context! {
        title => &page.title,
        kind => &page.kind,
        version => &page.computed_by,
        numbers_in => &page.numbers_in,
        sections,
        script => page.has_player().then(|| Value::from_safe_string(include_str!("render/player.js").to_owned())),
    };
    render(content, context).map_err(|error| format!("{error:#}"))
}

/// A name that is not among those used: with a number if need be.
fn unused(used: &[String], name: &str) -> String {
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !used.contains(name)).unwrap_or_default()
}

/// The figures as files: their names and their SVG.
///
/// # Errors
/// What the drawing library says.
pub(crate) fn figures(page: &Page) -> Result<Vec<(String, String)>, String> {
    let draw = |(name, figure): (String, &Figure)| {
        Ok((format!("{name}.svg"), paper::file(figure, &figure.picture.svg()?, &alt(figure))))
    };
    page.figures().into_iter().map(draw).collect()
}

/// What a figure shows, for those who do not see it.
fn alt(Figure { picture, title, caption, legend, .. }: &Figure) -> String {
    let keys: Vec<&str> = legend.iter().map(|key| key.text.as_str()).collect();
    let key = if keys.is_empty() { String::new() } else { format!(" Shown: {}.", keys.join(", ")) };
    format!("{title}: {}. {caption}{key}", picture.words())
}

/// First what the page says, whose colours the style sheet then needs.
fn render(content: Value, page: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Names that end in .html switch escaping on.
    environment.add_template("style.html", include_str!("render/style.html"))?;
    environment.add_template("parts.html", include_str!("render/parts.html"))?;
    environment.add_template("player.html", include_str!("render/player.html"))?;
    environment.add_template("body.html", include_str!("render/body.html"))?;
    environment.add_template("page.html", include_str!("render/page.html"))?;
    let body = environment.get_template("body.html")?.render(content)?;
    let colors = theme::themed(&body);
    let body = Value::from_safe_string(body);
    environment.get_template("page.html")?.render(context! { colors, body, ..page })
}

fn blocks(all: &[Block]) -> Result<Vec<Value>, String> {
    all.iter().map(block).collect()
}

fn block(block: &Block) -> Result<Value, String> {
    Ok(match block {
        Block::Heading(text) => context! { is => "heading", text },
        Block::Text(text) => context! { is => "text", text },
        Block::Facts(facts) => context! { is => "facts", facts },
        Block::Notice(Notice { tone, title, items }) => {
            let tone = match tone {
                Tone::Good => "good-news",
                Tone::Warning => "warning",
                Tone::Failed => "failed",
            };
            context! { is => "notice", tone, title, items }
        }
        Block::Table(one) => context! { is => "table", table => table(one) },
        Block::Folded { title, blocks: inner } => context! { is => "folded", title, blocks => blocks(inner)? },
        Block::Figures(Figures { room, figures }) => {
            let room = match room {
                Room::Third => "third",
                Room::Half => "half",
                Room::Whole => "whole",
            };
            let figures = figures.iter().map(figure).collect::<Result<Vec<Value>, String>>()?;
            context! { is => "figures", room, figures }
        }
        Block::Players(all) => {
            let players = all.iter().map(player).collect::<Result<Vec<Value>, String>>()?;
            context! { is => "players", players }
        }
        Block::Legend(keys) => context! { is => "legend", keys => keys.iter().map(key).collect::<Vec<_>>() },
        Block::Code(text) => context! { is => "code", text },
    })
}

fn figure(figure: &Figure) -> Result<Value, String> {
    let Figure { picture, title, caption, legend, table: behind } = figure;
    let width = picture.width();
    Ok(context! {
        svg => Value::from_safe_string(picture.svg()?),
        width,
        least => (LEAST * f64::from(width)).round() as u32,
        alt => alt(figure),
        title,
        caption,
        legend => legend.iter().map(key).collect::<Vec<_>>(),
        table => behind.as_ref().map(table),
    })
}

fn player(player: &Player) -> Result<Value, String> {
    let Drawn { data, progress, strokes, frames } = player.drawn()?;
    let frame = |[left, right, top, bottom]: [f64; 4]| context! { left, right, top, bottom };
    let [data_place, progress_place] = player.places();
    let size = |(width, height): (u32, u32)| context! { width, height };
    let last = frames.last().map(|(label, paths)| context! { label, paths });
    Ok(context! {
        title => &player.title,
        caption => &player.caption,
        legend => player.legend.iter().map(key).collect::<Vec<_>>(),
        data => Value::from_safe_string(data),
        progress => Value::from_safe_string(progress),
        data_frame => frame(data_place),
        progress_frame => frame(progress_place),
        strokes => strokes.iter().map(|stroke| context! { color => stroke.color.css(), width => stroke.width }).collect::<Vec<_>>(),
        last,
        n => frames.len(),
        // As text of an attribute: the template escapes it.
        frames => serde_json::to_string(&frames).map_err(|error| error.to_string())?,
        data_size => size(Player::DATA),
        progress_size => size(Player::PROGRESS),
    })
}

fn key(Key { kind, sign, color, text }: &Key) -> Value {
    let kind = match kind {
        KeyKind::Line => "line",
        KeyKind::Dashed => "dashed",
        KeyKind::Area => "area",
        KeyKind::Dot => "dot",
    };
    context! { kind, sign, color, text }
}

fn table(Table { title, note, header, rows, more }: &Table) -> Value {
    let cells = |row: &Vec<Cell>| row.iter().map(cell).collect::<Vec<_>>();
    context! { title, note, header => cells(header), rows => rows.iter().map(cells).collect::<Vec<_>>(), more }
}

fn cell(Cell { text, aside, kind, mark, key: of }: &Cell) -> Value {
    let is_number = matches!(kind, CellKind::Number | CellKind::Best | CellKind::StackedNumber);
    let named = !is_number && (!text.is_empty() || of.is_some());
    let kind = match kind {
        CellKind::Word => "",
        CellKind::Number => "number",
        CellKind::Best => "number best",
        CellKind::Long => "long",
        CellKind::Sentence => "sentence",
        CellKind::Stacked => "stacked",
        CellKind::StackedNumber => "number stacked",
    };
    let (class, sign, meaning) = match mark {
        None => ("", "", ""),
        Some(Mark::Covers) => ("good", "\u{2713}", "covers the truth"),
        Some(Mark::Misses) => ("bad", "\u{2717}", "does not cover the truth"),
        Some(Mark::Alert) => ("bad", "!", "beyond its limit"),
        Some(Mark::Found) => ("bad", "\u{2717}", "a finding"),
    };
    context! { text, aside, kind, named, class, sign, meaning, key => of.as_ref().map(key) }
}
