//! What panels are drawn on: SVG in which neighbours that look the same share a group, and what shows data is told apart from
//! the axes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write;

use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};

/// The library divides the sizes of fonts by this when it measures texts.
pub(super) const FONT: f64 = 1.24;

/// Three eighths of a pixel, in the units of panels: what nobody sees of a line.
const NEAR: f64 = 3.0;

/// An SVG as it grows.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: String,
    /// The attributes of the group that is open.
    look: Option<String>,
    /// Where the number of marks is to stand, and how many there are so far.
    marks: Option<(usize, usize)>,
    /// The lengths of dashes and gaps.
    dashes: Option<(u32, u32)>,
}

impl Sheet {
    /// What is drawn from here on shows data: a group with their number as `data-marks`.
    pub(super) fn open_marks(&mut self) {
        self.close_look();
        self.text.push_str("<g data-marks=\"");
        self.marks = Some((self.text.len(), 0));
        self.text.push_str("\">\n");
    }

    /// The end of what shows data.
    pub(super) fn close_marks(&mut self) {
        self.close_look();
        if let Some((at, n)) = self.marks.take() {
            self.text.insert_str(at, &n.to_string());
            self.text.push_str("</g>\n");
        }
    }

    /// Whether lines are dashed from here on: the lengths of dashes and gaps.
    pub(super) fn dash(&mut self, dashes: Option<(u32, u32)>) {
        self.dashes = dashes;
    }

    /// The whole: so many units to a pixel.
    pub(super) fn svg(mut self, (width, height): (u32, u32), units: u32) -> String {
        self.close_look();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"Helvetica, Arial, sans-serif\">\n{}</svg>\n",
            width / units,
            height / units,
            self.text
        )
    }

    fn close_look(&mut self) {
        if self.look.take().is_some() {
            self.text.push_str("</g>\n");
        }
    }

    /// Adds an element; nothing of one that cannot be seen.
    fn put(&mut self, look: Option<String>, element: &str) {
        let Some(look) = look else { return };
        if self.look.as_ref() != Some(&look) {
            self.close_look();
            let _ = writeln!(self.text, "<g {look}>");
            self.look = Some(look);
        }
        self.text.push_str(element);
        self.text.push('\n');
        self.marks.iter_mut().for_each(|(_, n)| *n += 1);
    }

    fn stroke<S: BackendStyle>(&self, style: &S) -> Option<String> {
        let mut look = painted("stroke", style.color())?;
        let _ = write!(look, " fill=\"none\" stroke-width=\"{}\"", style.stroke_width());
        if let Some((dash, gap)) = self.dashes {
            let _ = write!(look, " stroke-dasharray=\"{dash} {gap}\"");
        }
        Some(look)
    }
}

/// A colour as attributes of what is painted; none of one that cannot be seen.
fn painted(what: &str, BackendColor { alpha, rgb: (r, g, b) }: BackendColor) -> Option<String> {
    let opacity = if alpha < 1.0 { format!(" {what}-opacity=\"{alpha:.3}\"") } else { String::new() };
    (alpha > 0.0).then(|| format!("{what}=\"#{r:02x}{g:02x}{b:02x}\"{opacity}"))
}

/// A line without the points that lie this near the rest of it, in units; the ends stay (Douglas and Peucker 1973).
fn simplified(points: &[BackendCoord], near: f64) -> Vec<BackendCoord> {
    let place = |i: usize| (f64::from(points[i].0), f64::from(points[i].1));
    // From the segment between two points.
    let distance = |i: usize, from: usize, to: usize| {
        let ((x, y), (a, b), (c, d)) = (place(i), place(from), place(to));
        let (dx, dy) = (c - a, d - b);
        let length = dx * dx + dy * dy;
        let along = if length > 0.0 { (((x - a) * dx + (y - b) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
        (x - a - along * dx).hypot(y - b - along * dy)
    };
    let mut kept = vec![false; points.len()];
    if let (Some(first), true) = (kept.first_mut(), points.len() > 1) {
        *first = true;
    }
    kept.last_mut().into_iter().for_each(|last| *last = true);
    let mut open = vec![(0, points.len().saturating_sub(1))];
    while let Some((from, to)) = open.pop() {
        let between = (from + 1..to).map(|i| (i, distance(i, from, to)));
        if let Some((farthest, far)) = between.max_by(|a, b| a.1.total_cmp(&b.1))
            && far > near
        {
            kept[farthest] = true;
            open.extend([(from, farthest), (farthest, to)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// A line as the data of a path: steps are shorter than places.
fn steps(points: impl IntoIterator<Item = BackendCoord>) -> String {
    let mut text = String::new();
    let mut last: Option<BackendCoord> = None;
    for (x, y) in points {
        let _ = match last {
            None => write!(text, "M{x} {y}l"),
            // A minus parts two numbers as well as a space does.
            Some((a, b)) => {
                let (dx, dy) = (x - a, y - b);
                let (before, between) =
                    (if text.ends_with('l') || dx < 0 { "" } else { " " }, if dy < 0 { "" } else { " " });
                write!(text, "{before}{dx}{between}{dy}")
            }
        };
        last = Some((x, y));
    }
    text
}

/// A text as markup.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// The sheet as the drawing library sees it.
#[derive(Debug)]
pub(super) struct Canvas<'a> {
    sheet: &'a RefCell<Sheet>,
    size: (u32, u32),
}

impl<'a> Canvas<'a> {
    pub(super) fn new(sheet: &'a RefCell<Sheet>, size: (u32, u32)) -> Self {
        Self { sheet, size }
    }

    fn line<S: BackendStyle>(&mut self, style: &S, element: &str) -> Drawn {
        let look = self.sheet.borrow().stroke(style);
        self.sheet.borrow_mut().put(look, element);
        Ok(())
    }

    fn area<S: BackendStyle>(&mut self, style: &S, element: &str) -> Drawn {
        self.sheet.borrow_mut().put(painted("fill", style.color()), element);
        Ok(())
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.area(&color, &format!("<rect x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\"/>"))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.line(style, &format!("<path d=\"{}\"/>", steps([from, to])))
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let (width, height) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
        let (x, y) = (from.0.min(to.0), from.1.min(to.1));
        let element = format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>");
        if fill { self.area(style, &element) } else { self.line(style, &element) }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let path: Vec<BackendCoord> = path.into_iter().collect();
        self.line(style, &format!("<path d=\"{}\"/>", steps(simplified(&path, NEAR))))
    }

    /// A disc is a line of no length with round ends, which takes two thirds of the bytes of a circle.
    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        if !fill {
            return self.line(style, &format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"));
        }
        let look = painted("stroke", style.color());
        let look = look.map(|look| format!("{look} stroke-width=\"{}\" stroke-linecap=\"round\"", 2 * radius));
        self.sheet.borrow_mut().put(look, &format!("<path d=\"M{x} {y}h0\"/>"));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        let corners: Vec<BackendCoord> = corners.into_iter().collect();
        self.area(style, &format!("<path d=\"{}z\"/>", steps(simplified(&corners, NEAR))))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let look =
            painted("fill", style.color()).map(|fill| format!("{fill} font-size=\"{:.0}\"", style.size() / FONT));
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Right => "end",
            HPos::Center => "middle",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => "0.76em",
            VPos::Center => "0.35em",
            VPos::Bottom => "-0.25em",
        };
        let turned = match style.transform() {
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
            _ => 0,
        };
        let turned = if turned > 0 { format!(" transform=\"rotate({turned} {x} {y})\"") } else { String::new() };
        let text = escaped(text);
        let element = format!("<text x=\"{x}\" y=\"{y}\" dy=\"{down}\" text-anchor=\"{anchor}\"{turned}>{text}</text>");
        self.sheet.borrow_mut().put(look, &element);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_look_share_a_group_and_marks_are_counted() {
        let sheet = RefCell::new(Sheet::default());
        let mut canvas = Canvas::new(&sheet, (100, 80));
        let color = |alpha: f64| BackendColor { alpha, rgb: (1, 2, 255) };
        canvas.draw_line((0, 0), (9, 9), &color(1.0)).unwrap();
        sheet.borrow_mut().open_marks();
        for x in 0..3 {
            canvas.draw_circle((x, 1), 2, &color(0.5), true).unwrap();
        }
        canvas.draw_circle((5, 1), 2, &color(0.0), true).unwrap();
        sheet.borrow_mut().dash(Some((6, 4)));
        canvas.draw_path([(1, 2), (3, 4)], &color(1.0)).unwrap();
        sheet.borrow_mut().close_marks();
        let svg = sheet.into_inner().svg((100, 80), 10);
        assert_eq!((svg.matches("<g ").count(), svg.matches("</g>").count()), (4, 4), "{svg}");
        assert!(svg.contains("<path d=\"M2 1h0\"/>") && !svg.contains("M5 1h0"), "{svg}");
        assert!(svg.contains("<g data-marks=\"4\">") && svg.contains("width=\"10\" height=\"8\""), "{svg}");
        assert!(svg.contains("stroke-dasharray=\"6 4\">\n<path d=\"M1 2l2 2\"/>"), "{svg}");
    }

    #[test]
    fn points_that_lie_on_a_line_are_left_out_and_corners_stay() {
        assert_eq!(simplified(&[(0, 0), (10, 1), (20, 0), (30, 40), (30, 40)], 2.0), [(0, 0), (20, 0), (30, 40)]);
        let circle: Vec<BackendCoord> = (0..=96)
            .map(|i| f64::from(i) * std::f64::consts::TAU / 96.0)
            .map(|angle| ((400.0 * angle.cos()).round() as i32, (400.0 * angle.sin()).round() as i32))
            .collect();
        let fewer = simplified(&circle, 2.0);
        assert!((24..60).contains(&fewer.len()) && fewer.first() == fewer.last(), "{}", fewer.len());
        assert_eq!(simplified(&[(3, 4)], 2.0), [(3, 4)]);
        assert!(simplified(&[], 2.0).is_empty());
    }

    #[test]
    fn a_line_is_written_in_steps() {
        assert_eq!(steps([(10, 20), (13, 18), (11, 25), (11, 25)]), "M10 20l3-2-2 7 0 0");
        assert_eq!(steps([(-5, 20), (-6, -1)]), "M-5 20l-1-21");
    }
}
