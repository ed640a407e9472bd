//! The fit as it learned: the components of each frame over the data, and where the objective stood.

use std::fmt::Write;

use gmm_core::Mixture;
use serde::{Deserialize, Serialize};

use super::axis::Axis;
use super::clip::{Point, inside};
use super::palette::Color;
use super::panel::{self, Panel};
use crate::report::page::Key;

/// What the ellipses of a frame hold of a component.
const LEVELS: [f64; 2] = [0.5, 0.9];
/// Places where a density is computed.
const PLACES: usize = 160;

/// An animation before it is drawn: pictures that stand still, and frames that are drawn over them one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Player {
    pub(crate) title: String,
    pub(crate) caption: String,
    pub(crate) legend: Vec<Key>,
    /// The data.
    pub(super) data: Panel,
    /// The objective against the number of the frame.
    pub(super) progress: Panel,
    pub(super) moments: Vec<Moment>,
    /// Whether components are curves over the one column, not ellipses in two.
    pub(super) is_curves: bool,
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// What is said of it.
    pub(super) label: String,
    /// Where the progress stands.
    #[serde(with = "super::panel::gap")]
    pub(super) at: Point,
    pub(super) components: Vec<Normal>,
}

/// A component in the one or two columns that are shown; in one, the second coordinate is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Normal {
    weight: f64,
    mean: (f64, f64),
    /// Of the first with itself, of both, of the second with itself.
    covariance: (f64, f64, f64),
}

/// How a line that moves is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) color: Color,
    pub(crate) width: f64,
}

/// A player as it is drawn: the pictures, and of each frame the paths over them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) data: String,
    pub(crate) progress: String,
    /// How the paths over the data are drawn; that over the progress comes last in every frame.
    pub(crate) strokes: Vec<Stroke>,
    /// Of each frame what is said of it, and the data of its paths.
    pub(crate) frames: Vec<(String, Vec<String>)>,
}

impl Normal {
    /// Component k in column i, or in columns i and j.
    pub(super) fn new(mixture: &Mixture, k: usize, i: usize, j: Option<usize>) -> Self {
        let (mean, covariance) = (mixture.mean(k), mixture.covariance(k).as_symmetric());
        let second = |f: &dyn Fn(usize) -> f64| j.map_or(0.0, f);
        Self {
            weight: mixture.weights()[k],
            mean: (mean[i], second(&|j| mean[j])),
            covariance: (covariance.get(i, i), second(&|j| covariance.get(i, j)), second(&|j| covariance.get(j, j))),
        }
    }

    fn density(&self, x: f64) -> f64 {
        let variance = self.covariance.0;
        let z = (x - self.mean.0).powi(2) / variance;
        self.weight * (-0.5 * z).exp() / (2.0 * std::f64::consts::PI * variance).sqrt()
    }
}

impl Player {
    /// The sizes of both pictures, in pixels.
    pub(crate) const DATA: (u32, u32) = (550, 400);
    pub(crate) const PROGRESS: (u32, u32) = (550, 150);

    /// Where the axes of both pictures are: left, right, top, bottom, in the units of their SVG.
    pub(crate) fn places(&self) -> [[f64; 4]; 2] {
        [(&self.data.y, Self::DATA), (&self.progress.y, Self::PROGRESS)].map(|(y, size)| {
            let panel::Frame { left, right, top, bottom } = panel::Frame::of(y, size);
            [left, right, top, bottom]
        })
    }

    /// Draws the pictures and the paths of all frames.
    ///
    /// # Errors
    /// What the drawing library says.
    pub(crate) fn drawn(&self) -> Result<Drawn, String> {
        let k = self.moments.iter().map(|frame| frame.components.len()).max().unwrap_or(0);
        let width = |part: f64| 1.4 + 1.6 * part;
        // The mixture of curves is one more.
        let mut strokes: Vec<Stroke> =
            (0..k).map(|k| Stroke { color: Color::of(k).darker(), width: width(0.4) }).collect();
        if self.is_curves {
            strokes.push(Stroke { color: Color::INK, width: width(0.6) });
        }
        let frames = self.moments.iter().map(|frame| {
            let mut paths = if self.is_curves { self.curves(frame, k) } else { self.ellipses(frame, k) };
            paths.push(self.cursor(frame.at));
            (frame.label.clone(), paths)
        });
        Ok(Drawn {
            data: panel::svg(std::slice::from_ref(&self.data), 1, Self::DATA)?,
            progress: panel::svg(std::slice::from_ref(&self.progress), 1, Self::PROGRESS)?,
            strokes,
            frames: frames.collect(),
        })
    }

    /// Both ellipses of each component as one path; those of components that a frame does not have are empty.
    fn ellipses(&self, frame: &Moment, k: usize) -> Vec<String> {
        let mut paths: Vec<String> = frame.components.iter().map(|normal| self.ellipse(normal)).collect();
        paths.resize(k, String::new());
        paths
    }

    fn ellipse(&self, normal: &Normal) -> String {
        let frame = panel::Frame::of(&self.data.y, Self::DATA);
        let axes = (&self.data.x, &self.data.y);
        let (x, y) = (frame.across(axes.0.place(normal.mean.0)), frame.up(axes.1.place(normal.mean.1)));
        // Of the picture to one of the columns; the second is negative, since it points down.
        let length = |axis: &Axis| axis.ends().1 - axis.ends().0;
        let (sx, sy) = ((frame.right - frame.left) / length(axes.0), (frame.top - frame.bottom) / length(axes.1));
        let (xx, xy, yy) = normal.covariance;
        let (xx, xy, yy) = (xx * sx * sx, xy * sx * sy, yy * sy * sy);
        // Eigenvalues and the direction of the longer axis of a symmetric matrix of two rows.
        let (middle, half) = (0.5 * (xx + yy), (0.25 * (xx - yy).powi(2) + xy * xy).sqrt());
        let (long, short) = ((middle + half).max(0.0).sqrt(), (middle - half).max(0.0).sqrt());
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
        if ![x, y, long, short, angle].iter().all(|number| number.is_finite()) {
            return String::new();
        }
        let (cos, sin, degrees) = (angle.cos(), angle.sin(), angle.to_degrees());
        let mut path = String::new();
        for level in LEVELS {
            let radius = (-2.0 * f64::ln(1.0 - level)).sqrt();
            let (a, b) = (radius * long, radius * short);
            let (dx, dy) = (a * cos, a * sin);
            let half = format!("A{a:.0} {b:.0} {degrees:.1} 0 1");
            let (left, right) = ((x - dx, y - dy), (x + dx, y + dy));
            let _ = write!(
                path,
                "M{:.0} {:.0}{half} {:.0} {:.0}{half} {:.0} {:.0}Z",
                left.0, left.1, right.0, right.1, left.0, left.1
            );
        }
        path
    }

    /// The weighted density of each component, and last that of the mixture.
    fn curves(&self, moment: &Moment, k: usize) -> Vec<String> {
        let frame = panel::Frame::of(&self.data.y, Self::DATA);
        let (low, high) = self.data.x.ends();
        let xs = (0..=PLACES).map(|i| low + (high - low) * i as f64 / PLACES as f64);
        let curve = |density: &dyn Fn(f64) -> f64| {
            let points = xs.clone().map(|x| (self.data.x.place(x), self.data.y.place(density(x))));
            let mut path = String::new();
            for part in inside(points) {
                for (i, (x, y)) in part.into_iter().enumerate() {
                    let (x, y) = (frame.across(x), frame.up(y));
                    let _ = write!(path, "{}{x:.0} {y:.0}", if i == 0 { "M" } else { "L" });
                }
            }
            path
        };
        let mut paths: Vec<String> = moment.components.iter().map(|normal| curve(&|x| normal.density(x))).collect();
        paths.resize(k, String::new());
        paths.push(curve(&|x| moment.components.iter().map(|normal| normal.density(x)).sum()));
        paths
    }

    /// A line across the progress, with a ring where it stands.
    fn cursor(&self, at: Point) -> String {
        let frame = panel::Frame::of(&self.progress.y, Self::PROGRESS);
        let (x, y) = (frame.across(self.progress.x.place(at.0)), frame.up(self.progress.y.place(at.1)));
        let line = format!("M{x:.0} {:.0}V{:.0}", frame.bottom, frame.top);
        // Eight units are a pixel.
        let ring = |y: f64| format!("M{:.0} {y:.0}a32 32 0 1 0 64 0a32 32 0 1 0 -64 0Z", x - 32.0);
        match (x.is_finite(), y.is_finite()) {
            (true, true) => line + &ring(y),
            (true, false) => line,
            (false, _) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gmm_core::Covariance;

    use super::*;
    use crate::report::figure::palette::Marker;
    use crate::report::figure::panel::Mark;

    /// A square of data from -10 to 10, and one moment.
    fn player(mixture: &Mixture, is_curves: bool) -> Player {
        let dot = |at| Mark::dot(at, Color::of(0), Marker::Circle, 2.0, 1.0);
        let axis = || Axis::over("x", [-10.0, 10.0], 5);
        let y = if is_curves { Axis::from_zero("density", 1.0, 5) } else { axis() };
        let panel = |y: Axis| Panel { x: axis(), y, marks: vec![dot((0.0, 0.0))], remark: "".into() };
        let second = (!is_curves).then_some(1);
        let components = (0..mixture.k()).map(|k| Normal::new(mixture, k, 0, second)).collect();
        Player {
            title: "em".to_owned(),
            caption: String::new(),
            legend: Vec::new(),
            data: panel(y),
            progress: panel(axis()),
            moments: vec![Moment { label: "iteration 0".to_owned(), at: (0.0, f64::NAN), components }],
            is_curves,
        }
    }

    /// The numbers of a path.
    fn numbers(path: &str) -> Vec<f64> {
        let words = path.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
        words.filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn the_ends_of_an_ellipse_are_at_its_distance() {
        let matrix = Covariance::full(&[[4.0, 1.5], [1.5, 2.0]]).unwrap();
        let mixture = Mixture::new(vec![1.0], vec![vec![2.0, -3.0]], vec![matrix.clone()]).unwrap();
        let player = player(&mixture, false);
        let drawn = player.drawn().unwrap();
        let (frame, (low, high)) = (panel::Frame::of(&player.data.y, Player::DATA), player.data.x.ends());
        let width = high - low;
        let back = |x: f64, y: f64| {
            let place =
                ((x - frame.left) / (frame.right - frame.left), (frame.bottom - y) / (frame.bottom - frame.top));
            [low + width * place.0, low + width * place.1]
        };
        let path = &drawn.frames[0].1[0];
        let ellipses: Vec<&str> = path.split_inclusive('Z').collect();
        assert_eq!(ellipses.len(), 2, "{path}");
        // qchisq(c(0.5, 0.9), 2) in R.
        for (ellipse, quantile) in ellipses.iter().zip([1.386294361119891, 4.605170185988091]) {
            let of = numbers(ellipse);
            // Start, radii, angle, two flags, the other end.
            for end in [back(of[0], of[1]), back(of[7], of[8])] {
                let distance = matrix.squared_distance(&end, &[2.0, -3.0]);
                assert!((distance / quantile - 1.0).abs() < 0.02, "{distance} {quantile} {ellipse}");
            }
        }
    }

    #[test]
    fn components_that_a_moment_lacks_are_empty_and_nothing_is_not_a_number() {
        let normal = Covariance::isotropic(1, 1.0).unwrap();
        let two = Mixture::new(vec![0.5, 0.5], vec![vec![-2.0], vec![3.0]], vec![normal; 2]).unwrap();
        let mut player = player(&two, true);
        let mut fewer = player.moments[0].clone();
        fewer.components.pop();
        player.moments.push(fewer);
        let drawn = player.drawn().unwrap();
        // Two components, their mixture, and the line over the progress.
        assert_eq!((drawn.strokes.len(), drawn.frames[0].1.len(), drawn.frames[1].1.len()), (3, 4, 4));
        assert!(drawn.frames[1].1[1].is_empty() && !drawn.frames[0].1[1].is_empty());
        assert!(drawn.frames.iter().flat_map(|(_, paths)| paths).all(|path| !path.contains("NaN")));
        let stored = serde_json::to_string(&player).unwrap();
        assert_eq!(serde_json::from_str::<Player>(&stored).unwrap().drawn().unwrap(), drawn);
    }
}
