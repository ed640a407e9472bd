//! Panels to SVG: the one module that knows the drawing library.

use std::cell::RefCell;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Canvas, FONT, Sheet};
use super::clip::{Point, holds, inside};
use super::palette::{Color, Marker};
use crate::report::page::Words;

/// The library places everything at whole pixels, so figures are drawn this much larger than they are shown.
const SCALE: u32 = 8;
/// What is left free around the axes, in pixels, and what their labels take.
const MARGIN: u32 = 8;
const RIGHT_MARGIN: u32 = 14;
const BELOW: u32 = 42;
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xE8, 0xE8, 0xE8);

/// Axes and what is drawn between them, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Panel {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) marks: Vec<Mark>,
    /// Said in the middle of a panel that has nothing to show.
    pub(super) remark: Words,
}

/// One thing in a panel, in the units of its axes. What lies outside is cut off; points that are not finite are gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    Line {
        #[serde(with = "gaps")]
        points: Vec<Point>,
        color: Color,
        width: f64,
        dashed: bool,
    },
    /// Many thin lines, with gaps between them.
    Cloud {
        #[serde(with = "gaps")]
        points: Vec<Point>,
        color: Color,
        width: f64,
        opacity: f64,
    },
    Area {
        #[serde(with = "gaps")]
        points: Vec<Point>,
        color: Color,
        opacity: f64,
    },
    Dots {
        #[serde(with = "gaps")]
        points: Vec<Point>,
        color: Color,
        marker: Marker,
        radius: f64,
        opacity: f64,
    },
}

impl Panel {
    /// Its points to a hundred-thousandth of the ranges of the axes, a hundredth of a pixel: more digits cannot be seen, and
    /// would be most of what `report.json` holds.
    pub(super) fn rounded(mut self) -> Self {
        let steps = [&self.x, &self.y].map(Decimals::of);
        for mark in &mut self.marks {
            for point in mark.points_mut() {
                *point = (steps[0].round(point.0), steps[1].round(point.1));
            }
        }
        self
    }
}

/// Digits behind the decimal point, or zeros before it where negative.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Decimals(i32);

impl Decimals {
    /// Powers of ten that doubles hold exactly.
    const MOST: i32 = 22;

    fn of(axis: &Axis) -> Self {
        let (low, high) = axis.ends();
        // A step is at most a hundred-thousandth of the range.
        Self((5.0 - (high - low).log10().floor()) as i32)
    }

    /// The nearest such number; as it is what is too large or too small for that, or not finite.
    fn round(self, x: f64) -> f64 {
        let power = 10f64.powi(self.0.abs());
        let steps = if self.0 < 0 { x / power } else { x * power };
        // Beyond these doubles have no digits to round, and what is not finite is no number of steps.
        if self.0.abs() > Self::MOST || steps.is_nan() || steps.abs() >= 2f64.powi(53) {
            return x;
        }
        let steps = steps.round();
        // No minus before nothing.
        0.0 + if self.0 < 0 { steps * power } else { steps / power }
    }
}

impl Mark {
    fn points_mut(&mut self) -> &mut Vec<Point> {
        match self {
            Self::Line { points, .. }
            | Self::Cloud { points, .. }
            | Self::Area { points, .. }
            | Self::Dots { points, .. } => points,
        }
    }

    /// A single dot.
    pub(super) fn dot(at: Point, color: Color, marker: Marker, radius: f64, opacity: f64) -> Self {
        Self::Dots { points: vec![at], color, marker, radius, opacity }
    }
}

/// Points in a file that has no word for numbers that are not finite: each coordinate a number or nothing.
mod gaps {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Point;

    pub(super) fn serialize<S: Serializer>(points: &[Point], to: S) -> Result<S::Ok, S::Error> {
        let finite = |x: f64| x.is_finite().then_some(x);
        to.collect_seq(points.iter().map(|(x, y)| [finite(*x), finite(*y)]))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Point>, D::Error> {
        let points = Vec::<[Option<f64>; 2]>::deserialize(from)?;
        let or_gap = |x: Option<f64>| x.unwrap_or(f64::NAN);
        Ok(points.into_iter().map(|[x, y]| (or_gap(x), or_gap(y))).collect())
    }
}

/// As [`gaps`], of a single point.
pub(super) mod gap {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Point;

    pub(in super::super) fn serialize<S: Serializer>((x, y): &Point, to: S) -> Result<S::Ok, S::Error> {
        [x, y].map(|x| x.is_finite().then_some(*x)).serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Point, D::Error> {
        let [x, y] = <[Option<f64>; 2]>::deserialize(from)?.map(|x| x.unwrap_or(f64::NAN));
        Ok((x, y))
    }
}

/// Where between its edges a picture of one panel has its axes, in the units of its SVG: [`SCALE`] to a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// Of a picture of this size, in pixels, with this vertical axis.
    pub(super) fn of(y: &Axis, size: (u32, u32)) -> Self {
        let scaled = |pixels: u32| f64::from(pixels) * f64::from(SCALE);
        Self {
            left: scaled(MARGIN + room(y)),
            right: scaled(size.0 - RIGHT_MARGIN),
            top: scaled(MARGIN),
            bottom: scaled(size.1 - MARGIN - BELOW),
        }
    }

    /// A place between 0 and 1 along the horizontal axis.
    pub(super) fn across(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    /// A place between 0 and 1 along the vertical axis, which points down.
    pub(super) fn up(&self, place: f64) -> f64 {
        self.bottom + place * (self.top - self.bottom)
    }
}

/// A grid of panels as one SVG element; `size` is that of one panel.
pub(super) fn svg(panels: &[Panel], columns: usize, size: (u32, u32)) -> Result<String, String> {
    let columns = columns.max(1);
    let rows = panels.len().div_ceil(columns).max(1);
    let whole = (size.0 * columns as u32 * SCALE, size.1 * rows as u32 * SCALE);
    let sheet = RefCell::new(Sheet::default());
    {
        let root = Canvas::new(&sheet, whole).into_drawing_area();
        for (area, panel) in root.split_evenly((rows, columns)).iter().zip(panels) {
            draw(area, panel, &sheet).map_err(|error| error.to_string())?;
        }
        root.present().map_err(|error| error.to_string())?;
    }
    Ok(sheet.into_inner().svg(whole, SCALE))
}

/// What the axes of panels measure, in words.
pub(super) fn words(panels: &[Panel]) -> String {
    // A reader is not served by more.
    const MOST: usize = 6;
    let mut all: Vec<String> = Vec::new();
    for words in panels.iter().map(|panel| format!("{} against {}", panel.y.name(), panel.x.name())) {
        if !all.contains(&words) {
            all.push(words);
        }
    }
    let more = if all.len() > MOST { " and more" } else { "" };
    format!("{}{more}", all[..all.len().min(MOST)].join("; "))
}

type Area<'a> = DrawingArea<Canvas<'a>, Shift>;
type Failed<'a> = DrawingAreaErrorKind<<Canvas<'a> as DrawingBackend>::ErrorType>;
type Chart<'a, 'b> = ChartContext<'b, Canvas<'a>, Cartesian2d<Scale, Scale>>;

fn draw<'a>(area: &Area<'a>, panel: &Panel, sheet: &RefCell<Sheet>) -> Result<(), Failed<'a>> {
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN * SCALE)
        .margin_right(RIGHT_MARGIN * SCALE)
        .x_label_area_size(BELOW * SCALE)
        .y_label_area_size(room(&panel.y) * SCALE)
        .build_cartesian_2d(Scale(panel.x.clone()), Scale(panel.y.clone()))?;
    let text = ("sans-serif", 12.0 * FONT * f64::from(SCALE)).into_font().color(&INK);
    chart
        .configure_mesh()
        .bold_line_style(GRID.stroke_width(SCALE))
        .light_line_style(TRANSPARENT)
        .axis_style(INK.stroke_width(SCALE))
        .set_all_tick_mark_size(4 * SCALE)
        .label_style(text.clone())
        .x_desc(panel.x.name())
        .y_desc(panel.y.name())
        .draw()?;
    sheet.borrow_mut().open_marks();
    for mark in &panel.marks {
        draw_mark(&mut chart, panel, mark, sheet)?;
    }
    sheet.borrow_mut().close_marks();
    if panel.marks.is_empty() {
        let middle = text.pos(Pos::new(HPos::Center, VPos::Center));
        chart.draw_series([Text::new(panel.remark.to_string(), (0.5, 0.5), middle)])?;
    }
    Ok(())
}

/// The width of the labels of the vertical axis and of its name.
fn room(axis: &Axis) -> u32 {
    let longest = axis.ticks().iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
    (30 + 6 * longest as u32).max(66)
}

fn draw_mark<'a>(
    chart: &mut Chart<'a, '_>,
    panel: &Panel,
    mark: &Mark,
    sheet: &RefCell<Sheet>,
) -> Result<(), Failed<'a>> {
    let place = |point: &Point| (panel.x.place(point.0), panel.y.place(point.1));
    let pixels = |x: f64| (x * f64::from(SCALE)).round().max(1.0) as u32;
    match mark {
        Mark::Line { points, color, width, dashed } => {
            let style = rgb(*color).stroke_width(pixels(*width));
            sheet.borrow_mut().dash(dashed.then(|| (pixels(6.0), pixels(4.0))));
            for part in inside(points.iter().map(place)) {
                chart.draw_series([PathElement::new(part, style)])?;
            }
            sheet.borrow_mut().dash(None);
        }
        Mark::Cloud { points, color, width, opacity } => {
            let style = rgb(*color).mix(*opacity).stroke_width(pixels(*width));
            for part in inside(points.iter().map(place)) {
                chart.draw_series([PathElement::new(part, style)])?;
            }
        }
        Mark::Area { points, color, opacity } => {
            let corners = points.iter().map(place).filter(|(x, y)| !x.is_nan() && !y.is_nan());
            let corners: Vec<Point> = corners.map(|(x, y)| (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0))).collect();
            if corners.len() > 2 {
                chart.draw_series([Polygon::new(corners, rgb(*color).mix(*opacity))])?;
            }
        }
        Mark::Dots { points, color, marker, radius, opacity } => {
            let (size, color) = (pixels(*radius), rgb(*color).mix(*opacity));
            for at in points.iter().map(place).filter(|at| holds(*at)) {
                match marker {
                    Marker::Circle => chart.draw_series([Circle::new(at, size, color.filled())])?,
                    Marker::Triangle => chart.draw_series([TriangleMarker::new(at, size * 5 / 4, color.filled())])?,
                    Marker::Cross => chart.draw_series([Cross::new(at, size, color.stroke_width(pixels(1.2)))])?,
                    Marker::Ring => chart.draw_series([Circle::new(at, size, color.stroke_width(pixels(1.2)))])?,
                    Marker::Square => {
                        let half = (size * 9 / 10) as i32;
                        let square = Rectangle::new([(-half, -half), (half, half)], color.filled());
                        chart.draw_series([EmptyElement::at(at) + square])?
                    }
                };
            }
        }
    }
    Ok(())
}

fn rgb(color: Color) -> RGBColor {
    RGBColor(color.0, color.1, color.2)
}

/// The unit interval with the ticks of an axis: the library's own ranges fail on ranges that are empty, huge or tiny.
#[derive(Clone)]
struct Scale(Axis);

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(0.0..1.0).map(&place.clamp(0.0, 1.0), limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.0.ticks().iter().map(|(place, _)| *place).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        0.0..1.0
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        let tick = self.0.ticks().iter().find(|tick| tick.0 == *place);
        tick.map_or_else(String::new, |(_, label)| label.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_draws_what_is_finite_and_escapes_its_names() {
        let line = |points| Mark::Line { points, color: Color::of(0), width: 1.5, dashed: true };
        let dot = |at| Mark::dot(at, Color::of(8), Marker::of(8), 2.0, 0.5);
        let hole = vec![(0.0, 0.0), (1.0, f64::NAN), (2.0, 2.0), (f64::INFINITY, 1.0)];
        let area = Mark::Area { points: hole.clone(), color: Color::of(1), opacity: 0.2 };
        let cloud = Mark::Cloud { points: hole.clone(), color: Color::of(2), width: 0.5, opacity: 0.2 };
        let others = [Marker::Square, Marker::Ring].map(|marker| Mark::dot((1.0, 0.5), Color::of(0), marker, 2.0, 1.0));
        let panel = Panel {
            x: Axis::over("<b>&\"x", [0.0, 2.0], 5),
            y: Axis::over("y", [f64::NAN], 5),
            marks: [
                line(hole),
                line(vec![]),
                line(vec![(1.0, 1.0)]),
                area,
                cloud,
                dot((1.0, 0.5)),
                dot((f64::NAN, 9.0)),
            ]
            .into_iter()
            .chain(others)
            .collect(),
            remark: "".into(),
        };
        let svg = svg(&[panel], 1, (300, 200)).unwrap();
        assert!(svg.contains("&lt;b&gt;&amp;&quot;x"));
        assert!(!svg.contains("<b>") && !svg.contains("NaN") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn the_frame_is_where_the_axes_are() {
        let dot = |at| Mark::dot(at, Color::of(0), Marker::Circle, 2.0, 1.0);
        let (x, y) = (Axis::from_zero("x", 1.0, 4), Axis::from_zero("y", 1.0, 4));
        let (right, top) = (x.ends().1, y.ends().1);
        let panel = Panel { x, y, marks: vec![dot((0.0, 0.0)), dot((right, top))], remark: "".into() };
        let drawn = svg(&[panel], 1, (550, 400)).unwrap();
        // Discs are the lines of no length.
        let discs: Vec<Vec<f64>> = drawn
            .split("<path d=\"M")
            .filter_map(|text| text.split_once("h0\"").filter(|(place, _)| place.len() < 20))
            .map(|(place, _)| place.split(' ').map(|number| number.parse().unwrap()).collect())
            .collect();
        assert_eq!(discs.len(), 2, "{drawn}");
        let at = |i: usize| discs.iter().map(|place| place[i]).collect::<Vec<f64>>();
        let frame = Frame::of(&Axis::from_zero("y", 1.0, 4), (550, 400));
        for (found, expected) in [(at(0), [frame.left, frame.right]), (at(1), [frame.bottom, frame.top])] {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 8.0), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn points_are_rounded_to_what_can_be_seen_and_no_further() {
        let round = |low: f64, high: f64, x: f64| {
            let (x_axis, y_axis) = (Axis::labelled("x", (low, high), []), Axis::labelled("y", (0.0, 1.0), []));
            let marks = vec![Mark::dot((x, 1.0 / 3.0), Color::of(0), Marker::Circle, 1.0, 1.0)];
            let mut panel = Panel { x: x_axis, y: y_axis, marks, remark: "".into() }.rounded();
            let point = panel.marks[0].points_mut()[0];
            assert_eq!(point.1, 0.33333);
            point.0
        };
        assert_eq!(round(0.0, 9.0, 2.0 / 3.0), 0.66667);
        assert_eq!(round(0.0, 9e9, 2e9 / 3.0), 666_670_000.0);
        assert_eq!(round(1e9, 1e9 + 1e-2, 1e9 + 0.005), 1e9 + 0.005);
        assert_eq!(round(0.0, 1e-30, 1.0 / 3e30), 1.0 / 3e30);
        assert_eq!(round(0.0, 1e290, 1e289 / 3.0), 1e289 / 3.0);
        assert!(round(0.0, 1.0, f64::NAN).is_nan() && round(0.0, 1.0, f64::NEG_INFINITY) == f64::NEG_INFINITY);
        assert!(round(-1.0, 1.0, -1e-9).is_sign_positive());
        for (low, high) in [(0.0, 1.0), (0.0, 9.99), (-3e4, 5e6), (2.0, 2.001), (0.0, 1e-9)] {
            for i in 0..100 {
                let x = low + (high - low) * f64::from(i) / 99.7;
                assert!((round(low, high, x) - x).abs() <= 0.5001e-5 * (high - low), "{x} of {low} to {high}");
            }
        }
    }

    #[test]
    fn no_panels_make_an_empty_figure() {
        assert!(svg(&[], 3, (300, 200)).unwrap().contains("</svg>"));
    }
}
