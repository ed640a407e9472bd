//! Lines inside a frame: what leaves the unit square is cut off at its edge.

/// A point; inside the frame both coordinates are between 0 and 1.
pub(crate) type Point = (f64, f64);

/// The parts of a line of points that lie inside, in order. Points that are not finite end a part.
pub(super) fn inside(points: impl IntoIterator<Item = Point>) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut last: Option<Point> = None;
    for point in points {
        let finite = point.0.is_finite() && point.1.is_finite();
        if let Some((from, to)) = last.filter(|_| finite).and_then(|from| segment(from, point)) {
            match parts.last_mut().filter(|part| part.last() == Some(&from)) {
                Some(part) => part.push(to),
                None => parts.push(vec![from, to]),
            }
        }
        last = finite.then_some(point);
    }
    parts
}

/// Whether a point is inside.
pub(super) fn holds(point: Point) -> bool {
    (0.0..=1.0).contains(&point.0) && (0.0..=1.0).contains(&point.1)
}

/// The part of a segment that lies inside (Liang and Barsky 1984).
fn segment(from: Point, to: Point) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (step, room) in [(-dx, from.0), (dx, 1.0 - from.0), (-dy, from.1), (dy, 1.0 - from.1)] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else {
            leave = leave.min(room / step);
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    let start = if enter == 0.0 { from } else { at(enter) };
    let end = if leave == 1.0 { to } else { at(leave) };
    (enter < leave).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_leaves_and_begins_again_where_it_returns() {
        let line = [(0.5, 0.5), (0.5, 1.5), (0.75, 1.5), (0.75, 0.5), (0.8, 0.5)];
        assert_eq!(inside(line), [vec![(0.5, 0.5), (0.5, 1.0)], vec![(0.75, 1.0), (0.75, 0.5), (0.8, 0.5)]]);
        assert!(inside([(-1.0, 2.0), (2.0, 2.0)]).is_empty());
        assert_eq!(inside([(-1.0, 0.5), (2.0, 0.5)]), [vec![(0.0, 0.5), (1.0, 0.5)]]);
    }

    #[test]
    fn what_is_not_finite_is_a_gap() {
        let line = [(0.1, 0.1), (0.2, 0.1), (f64::NAN, 0.1), (0.4, 0.1), (0.5, f64::INFINITY), (0.6, 0.1), (0.7, 0.1)];
        assert_eq!(inside(line), [vec![(0.1, 0.1), (0.2, 0.1)], vec![(0.6, 0.1), (0.7, 0.1)]]);
    }
}
