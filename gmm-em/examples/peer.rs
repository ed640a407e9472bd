//! Our side of `benches/peers/compare.py`: EM on given rows from a given start, timed by iteration.
//!
//! ```text
//! peer FOLDER n d K shape iterations
//! ```
//!
//! FOLDER holds little-endian doubles: `rows.f64` (n x d, row after row) and `start.f64` (K weights, K x d means, d
//! variances that all components start with). Each line of the standard input, a number of repeats, is answered by a
//! line: seconds per iteration, then `t=ln L` after t iterations.
#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use gmm_core::{ComponentPrior, Covariance, Data, Mixture, Model, Prior, Shape, Structure, Workspace};
use gmm_em::{Em, climb};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, n, d, k, shape, iterations] = &arguments[..] else {
        return Err("peer FOLDER n d K shape iterations".into());
    };
    let (n, d, k): (usize, usize, usize) = (n.parse()?, d.parse()?, k.parse()?);
    let shape = match shape.as_str() {
        "full" => Shape::Full,
        "diagonal" => Shape::Diagonal,
        "isotropic" => Shape::Isotropic,
        other => return Err(format!("no shape is called {other}").into()),
    };
    let data = Data::new(numbers(&Path::new(folder).join("rows.f64"), n * d)?, d)?;
    let start = start(&numbers(&Path::new(folder).join("start.f64"), k + k * d + d)?, d, k, shape)?;
    let prior = Prior { weights: Model::dirichlet(vec![1.0; k])?, components: ComponentPrior::Flat };
    let model = Model::new(d, Structure::Free(shape), prior)?;
    let settings = Em { tolerance: 0.0, max_iterations: iterations.parse()?, ..Em::default() };
    let mut workspace = Workspace::new();
    println!("ready gmm {} ({})", env!("CARGO_PKG_VERSION"), workspace.instruction_set().name());
    for line in std::io::stdin().lines() {
        let repeats: u32 = line?.trim().parse()?;
        let mut trace = Vec::new();
        let mut total = Duration::ZERO;
        for _ in 0..repeats {
            let mut span: Option<(Instant, Instant)> = None;
            let clock = |_, _| {
                let now = Instant::now();
                span = Some((span.map_or(now, |(first, _)| first), now));
            };
            trace = climb(&model, &data, start.clone(), &settings, &mut workspace, clock).trace;
            total += span.map_or(Duration::ZERO, |(first, last)| last - first);
        }
        if trace.len() != settings.max_iterations + 1 {
            return Err(format!("EM ended after {} iterations", trace.len() - 1).into());
        }
        let values: Vec<String> = trace.iter().enumerate().map(|(t, value)| format!("{t}={value:?}")).collect();
        println!("{:?} {}", (total / repeats / settings.max_iterations as u32).as_secs_f64(), values.join(" "));
    }
    Ok(())
}

/// The mixture that a file of numbers describes.
fn start(numbers: &[f64], d: usize, k: usize, shape: Shape) -> Result<Mixture, Box<dyn Error>> {
    let (weights, rest) = numbers.split_at(k);
    let (means, variances) = rest.split_at(k * d);
    let diagonal = Covariance::diagonal(variances.to_vec())?;
    let covariance = Covariance::new(diagonal.as_symmetric().to_full().project(shape))?;
    let means = means.chunks_exact(d).map(<[f64]>::to_vec).collect();
    Ok(Mixture::new(weights.to_vec(), means, vec![covariance; k])?)
}

fn numbers(path: &Path, expected: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (chunks, rest) = bytes.as_chunks::<8>();
    if chunks.len() != expected || !rest.is_empty() {
        return Err(format!("{} does not hold {expected} numbers", path.display()).into());
    }
    Ok(chunks.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
