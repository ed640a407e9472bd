//! Two dimensions and more: the rows in a plane, with the ellipses of the components.

use gmm_core::{Data, Mixture};

use super::axis::Axis;
use super::clip::Point;
use super::palette::{Color, DATA, Marker, TRUTH};
use super::panel::{Mark, Panel};
use super::picture::Picture;
use super::plane::{Normal2, Plane, Principal};
use super::{chosen_draws, held, key_of_component, stride};

use crate::experiment::DataSet;
use crate::fitted::FitResult;
use crate::posterior::GibbsDetail;
use crate::report::numbers::short;
use crate::report::page::{Figure, Key, KeyKind, Table, number, word};
use crate::report::terminal::model;

/// Columns up to which all pairs are shown, else principal components.
const MOST_COLUMNS: usize = 4;
/// Entries of the legend.
const MOST_KEYS: usize = 21;
/// Loadings that a caption names.
const MOST_LOADINGS: usize = 6;
/// What the ellipses hold of a component.
const LEVELS: [f64; 2] = [0.5, 0.9];
/// Corners of an ellipse; fewer for one of many.
const CORNERS: usize = 96;
const FEW_CORNERS: usize = 48;
/// Draws of a posterior whose ellipses are drawn, and their ellipses.
const MOST_DRAWS: usize = 40;
const MOST_ELLIPSES: usize = 240;
/// Rows that are drawn, in one panel and in each of several.
const MOST_ROWS: usize = 2000;
const MOST_ROWS_OF_MANY: usize = 1000;
const WIDE: (u32, u32) = (550, 430);
const SMALL: (u32, u32) = (373, 310);
const LARGE: (u32, u32) = (900, 640);

/// A plane with the names of its axes.
struct View {
    plane: Plane,
    names: [String; 2],
    /// The columns, where they are two.
    columns: Option<(usize, usize)>,
}

/// The planes in which data are shown, and what is said of them.
struct Views {
    views: Vec<View>,
    words: String,
}

fn of_columns(data: &DataSet, pair: (usize, usize)) -> View {
    let name = |column: usize| data.columns.get(column).cloned().unwrap_or_default();
    View { plane: Plane::columns(data.data.d(), pair), names: [name(pair.0), name(pair.1)], columns: Some(pair) }
}

fn of_components(data: &DataSet) -> Option<Views> {
    let found = Principal::of(&data.data)?;
    let names = ["first", "second"].map(|which| format!("{which} principal component"));
    let mut words =
        "The plane of the first two principal components of the columns, each with mean 0 and standard deviation 1."
            .to_owned();
    for ((which, share), loadings) in ["first", "second"].iter().zip(found.explained).zip(&found.loadings) {
        words.push_str(&format!(
            " The {which} explains {:.1} % of their variance: {}.",
            100.0 * share,
            sum(data, loadings)
        ));
    }
    Some(Views { views: vec![View { plane: found.plane, names, columns: None }], words })
}

/// The largest loadings with their columns.
fn sum(data: &DataSet, loadings: &[f64]) -> String {
    let mut order: Vec<usize> = (0..loadings.len()).collect();
    order.sort_by(|a, b| loadings[*b].abs().total_cmp(&loadings[*a].abs()));
    let named = |i: &usize| format!("{:+.2} {}", loadings[*i], data.columns.get(*i).map_or("", String::as_str));
    let named: Vec<String> = order.iter().take(MOST_LOADINGS).map(named).collect();
    let more = if loadings.len() > MOST_LOADINGS { " and smaller ones" } else { "" };
    format!("{}{more}", named.join(", "))
}

/// All pairs of few columns, else principal components; the first two columns where there are none.
fn views(data: &DataSet) -> Views {
    let d = data.data.d();
    let pairs = || (0..d).flat_map(|i| (i + 1..d).map(move |j| (i, j)));
    let first = || Views { views: vec![of_columns(data, (0, 1))], words: format!("The first two of {d} columns.") };
    match d <= MOST_COLUMNS {
        true => Views { views: pairs().map(|pair| of_columns(data, pair)).collect(), words: String::new() },
        false => of_components(data).unwrap_or_else(first),
    }
}

/// The figure of one fit.
pub(super) fn figure(data: &DataSet, fit: &FitResult) -> Figure {
    let n = data.data.n();
    let Views { views, words } = views(data);
    let (columns, size, ticks) = if views.len() == 1 { (1, WIDE, (6, 7)) } else { (3, SMALL, (4, 5)) };
    let step = stride(n, if views.len() > 3 { MOST_ROWS_OF_MANY } else { MOST_ROWS });
    let panels: Vec<Panel> = views.iter().map(|view| panel(data, fit, view, ticks, step)).collect();
    let mut caption = format!("{}{}.", model(fit), if fit.gibbs.is_some() { ", posterior means" } else { "" });
    push(&mut caption, &rows_drawn(n, step));
    push(&mut caption, &words);
    Figure {
        picture: Picture::panels(panels, columns, size),
        title: fit.name.clone(),
        caption,
        legend: legend(fit, data.truth.is_some()),
        table: None,
    }
}

fn push(text: &mut String, sentence: &str) {
    if !sentence.is_empty() {
        text.push(' ');
        text.push_str(sentence);
    }
}

fn rows_drawn(n: usize, step: usize) -> String {
    match step {
        1 => String::new(),
        _ => format!("{} of {n} rows drawn, evenly spaced in the file.", n.div_ceil(step)),
    }
}

fn legend(fit: &FitResult, truth: bool) -> Vec<Key> {
    let k = fit.mixture.k();
    let mut legend: Vec<Key> = (0..k.min(MOST_KEYS)).map(key_of_component).collect();
    if let Some(last) = legend.last_mut().filter(|_| k > MOST_KEYS) {
        last.text.push_str(" and so on: signs repeat");
    }
    legend.extend(truth.then(|| Key::new(KeyKind::Dashed, TRUTH, "truth")));
    legend
}

/// How far an axis may reach beyond the rows for the sake of ellipses, in widths of the rows.
const BEYOND: f64 = 0.25;

/// The axes of a plane: they hold the rows, and the ellipses of mixtures unless these go far beyond.
fn axes(data: &DataSet, view: &View, mixtures: &[&Mixture], ticks: (usize, usize), step: usize) -> (Axis, Axis) {
    let normals = || mixtures.iter().flat_map(|mixture| view.plane.components(mixture));
    let ellipses: Vec<Point> = normals().flat_map(|normal| normal.ellipse(LEVELS[1], FEW_CORNERS)).collect();
    let axis = |name: &str, column: Option<usize>, of: &dyn Fn(&[f64]) -> f64, all: &[f64], n_ticks: usize| {
        let rows: Vec<f64> = match column {
            Some(column) => held(&data.data, column, mixtures.iter().copied()),
            None => data.data.rows().step_by(step).map(of).collect(),
        };
        let (low, high) = rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
        let reach = BEYOND * (high - low);
        let beyond = all.iter().filter(|x| x.is_finite()).map(|x| x.clamp(low - reach, high + reach));
        // Without rows that differ there is nothing to go beyond.
        let beyond = beyond.take(if low < high && reach.is_finite() { usize::MAX } else { 0 });
        Axis::over(name, rows.iter().copied().chain(beyond), n_ticks)
    };
    let (across, up): (Vec<f64>, Vec<f64>) = ellipses.into_iter().unzip();
    let Plane { x, y } = &view.plane;
    (
        axis(&view.names[0], view.columns.map(|pair| pair.0), &|row| x.of(row), &across, ticks.0),
        axis(&view.names[1], view.columns.map(|pair| pair.1), &|row| y.of(row), &up, ticks.1),
    )
}

fn panel(data: &DataSet, fit: &FitResult, view: &View, ticks: (usize, usize), step: usize) -> Panel {
    let mut marks = points(&data.data, fit, &view.plane, step);
    for (k, normal) in view.plane.components(&fit.mixture).iter().enumerate() {
        marks.extend(ellipses(normal, Color::of(k).darker(), 1.6));
    }
    marks.extend(data.truth.iter().flat_map(|truth| of_truth(&view.plane, truth)));
    let mixtures: Vec<&Mixture> = std::iter::once(&fit.mixture).chain(&data.truth).collect();
    let (x, y) = axes(data, view, &mixtures, ticks, step);
    Panel { x, y, marks, remark: "".into() }
}

fn ellipses(normal: &Normal2, color: Color, width: f64) -> impl Iterator<Item = Mark> {
    let line = move |level: f64| Mark::Line { points: normal.ellipse(level, CORNERS), color, width, dashed: false };
    LEVELS.into_iter().map(line)
}

fn of_truth(plane: &Plane, truth: &Mixture) -> Vec<Mark> {
    let line = |points: Vec<Point>| Mark::Line { points, color: TRUTH, width: 1.2, dashed: true };
    let normals = plane.components(truth);
    normals.iter().flat_map(|normal| LEVELS.map(|level| line(normal.ellipse(level, CORNERS)))).collect()
}

fn points(data: &Data, fit: &FitResult, plane: &Plane, step: usize) -> Vec<Mark> {
    let mut of_components = vec![Vec::new(); fit.mixture.k()];
    for (row, label) in data.rows().zip(&fit.classification).step_by(step) {
        of_components[usize::from(*label)].push(plane.of(row));
    }
    let dots = |(points, k): (Vec<Point>, usize)| Mark::Dots {
        points,
        color: Color::of(k),
        marker: Marker::of(k),
        radius: 2.3,
        opacity: 0.6,
    };
    of_components.into_iter().zip(0..).filter(|(points, _)| !points.is_empty()).map(dots).collect()
}

/// The fits of each model together, where there is more to see than in the figure of one fit: several fits, or a posterior.
pub(super) fn together(data: &DataSet, fits: &[FitResult]) -> Vec<Figure> {
    let mut models: Vec<Vec<&FitResult>> = Vec::new();
    for fit in fits {
        let same = |other: &&FitResult| other.mixture.k() == fit.mixture.k() && model(other) == model(fit);
        match models.iter_mut().find(|group| group.iter().any(same)) {
            Some(group) => group.push(fit),
            None => models.push(vec![fit]),
        }
    }
    models.retain(|group| group.len() > 1 || group.iter().any(|fit| fit.gibbs.is_some()));
    models.iter().filter_map(|group| overlay(data, group)).collect()
}

fn overlay(data: &DataSet, fits: &[&FitResult]) -> Option<Figure> {
    let first = fits.first()?;
    let found = match data.data.d() {
        2 => Views { views: vec![of_columns(data, (0, 1))], words: String::new() },
        _ => of_components(data)?,
    };
    let view = found.views.first()?;
    let n = data.data.n();
    let step = stride(n, MOST_ROWS);
    let rows = data.data.rows().step_by(step).map(|row| view.plane.of(row)).collect();
    let mut marks = vec![Mark::Dots { points: rows, color: DATA, marker: Marker::Circle, radius: 2.0, opacity: 0.8 }];
    let mut n_draws = 0;
    for (i, fit) in fits.iter().enumerate() {
        if let Some(gibbs) = &fit.gibbs {
            let draws = chosen_draws(&gibbs.draws, MOST_DRAWS.min(MOST_ELLIPSES / fit.mixture.k().max(1)).max(1));
            n_draws = draws.len();
            marks.push(cloud(gibbs, &draws, &view.plane, Color::of(i)));
        }
    }
    let mut legend = vec![Key { sign: "\u{25cf}".into(), ..Key::new(KeyKind::Dot, DATA, "rows") }];
    let mut table = Table { header: [vec![word("fit")], numbers_of(&view.names)].concat(), ..Table::default() };
    for (i, fit) in fits.iter().enumerate() {
        let color = Color::of(i);
        // The first lines are the widest: where fits agree, the ones below show at the edges.
        let below = (fits.len() - 1 - i) as f64 / fits.len() as f64;
        let width = 1.2 + 1.8 * below;
        let normals = view.plane.components(&fit.mixture);
        marks.extend(normals.iter().flat_map(|normal| ellipses(normal, color, width)));
        let points = normals.iter().map(|normal| normal.mean).collect();
        marks.push(Mark::Dots { points, color, marker: Marker::of_line(i), radius: 3.5 + 3.5 * below, opacity: 1.0 });
        let what = if fit.gibbs.is_some() { " (posterior means)" } else { "" };
        let sign = Marker::of_line(i).sign().into();
        legend.push(Key { sign, ..Key::new(KeyKind::Dot, color, format!("{}{what}", fit.name)) });
        table.rows.extend(normals.iter().map(|normal| numbers(&fit.name, normal)));
    }
    if let Some(truth) = &data.truth {
        marks.extend(of_truth(&view.plane, truth));
        legend.push(Key::new(KeyKind::Dashed, TRUTH, "truth"));
        table.rows.extend(view.plane.components(truth).iter().map(|normal| numbers("truth", normal)));
    }
    let mixtures: Vec<&Mixture> = fits.iter().map(|fit| &fit.mixture).chain(&data.truth).collect();
    let (x, y) = axes(data, view, &mixtures, (9, 9), step);
    let mut caption =
        "Ellipses hold 50 % and 90 % of each component; their centres have the sign of the fit.".to_owned();
    if n_draws > 0 {
        push(
            &mut caption,
            &format!(
                "Thin lines: the 90 % ellipses in {n_draws} evenly spaced draws of each posterior, after relabelling."
            ),
        );
    }
    push(&mut caption, &rows_drawn(n, step));
    push(&mut caption, &found.words);
    Some(Figure {
        picture: Picture::panels(vec![Panel { x, y, marks, remark: "".into() }], 1, LARGE),
        title: format!("All fits with K = {}", model(first).replacen(' ', ", ", 1)),
        caption,
        legend,
        table: Some(table),
    })
}

fn numbers_of([x, y]: &[String; 2]) -> Vec<crate::report::page::Cell> {
    let named = [x.clone(), y.clone(), format!("sd of {x}"), format!("sd of {y}"), "correlation".to_owned()];
    named.map(number).into()
}

fn numbers(name: &str, normal: &Normal2) -> Vec<crate::report::page::Cell> {
    let [xx, xy, yy] = normal.covariance;
    let (x, y) = (xx.sqrt(), yy.sqrt());
    let values = [normal.mean.0, normal.mean.1, x, y, xy / x / y];
    std::iter::once(word(name)).chain(values.map(|value| number(short(value)))).collect()
}

/// The 90 % ellipses of all components in some draws.
fn cloud(gibbs: &GibbsDetail, draws: &[(usize, usize)], plane: &Plane, color: Color) -> Mark {
    let mut points = Vec::new();
    let d = gibbs.draws.model().d();
    for (chain, draw) in draws {
        let row = gibbs.draws.draw(*chain, *draw);
        for k in 0..gibbs.draws.model().k() {
            let mean: Vec<f64> = (0..d).map(|i| row.mean(k, i)).collect();
            points.extend(plane.normal(&mean, |i, j| row.covariance(k, i, j)).ellipse(LEVELS[1], FEW_CORNERS));
            points.push((f64::NAN, f64::NAN));
        }
    }
    Mark::Cloud { points, color, width: 0.6, opacity: 0.35 }
}
