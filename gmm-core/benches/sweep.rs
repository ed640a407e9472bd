//! The sweep by covariance shape, rule, dimension d and number of components K.
//!
//! One chunk of rows, so that one thread does all of it. The throughput is in row-components (n K): the work on one
//! grows as d^2 where covariances are full, as d otherwise. All of the grid takes two minutes, a filter a part of it:
//!
//! ```sh
//! cargo bench -p gmm-core --bench sweep -- full/draw/d10
//! ```
#![allow(missing_docs, reason = "a program")]

use std::error::Error;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use gmm_core::{Covariance, Data, Mixture, Rule, Shape, Statistics, Streams, Symmetric, Workspace, sweep};

/// Rows of one chunk.
const ROWS: usize = 8192;
const DIMENSIONS: [usize; 6] = [1, 2, 4, 10, 32, 64];
const COMPONENTS: [usize; 3] = [2, 8, 16];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    for shape in Shape::ALL {
        let name = match shape {
            Shape::Full => "full",
            Shape::Diagonal => "diagonal",
            Shape::Isotropic => "isotropic",
        };
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        for d in DIMENSIONS {
            for k in COMPONENTS {
                cell(&mut group, shape, d, k)?;
            }
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}

/// Both rules on one problem.
fn cell(group: &mut BenchmarkGroup<'_, WallTime>, shape: Shape, d: usize, k: usize) -> Result<(), Box<dyn Error>> {
    let mixture = mixture(shape, d, k)?;
    let data = data(&mixture)?;
    let streams = Streams::new(2);
    let (mut statistics, mut workspace) = (Statistics::new(shape, k, d), Workspace::new());
    let mut labels = vec![0; ROWS];
    group.throughput(Throughput::Elements((ROWS * k) as u64));
    group.bench_function(format!("responsibilities/d{d}/K{k}"), |bencher| {
        bencher.iter(|| sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut workspace));
    });
    let mut number = 0;
    group.bench_function(format!("draw/d{d}/K{k}"), |bencher| {
        bencher.iter(|| {
            number += 1;
            let rule = Rule::Draw { streams: &streams, sweep: number, labels: &mut labels };
            sweep(&data, &mixture, rule, &mut statistics, &mut workspace)
        });
    });
    Ok(())
}

/// K components that overlap, on a line through all dimensions.
fn mixture(shape: Shape, d: usize, k: usize) -> Result<Mixture, Box<dyn Error>> {
    let entry = |i: usize, j: usize| if i == j { 1.0 + i as f64 / d as f64 } else { 0.3 / (1 + i + j) as f64 };
    let rows: Vec<Vec<f64>> = (0..d).map(|i| (0..d).map(|j| entry(i, j)).collect()).collect();
    let covariance = Covariance::new(Symmetric::full(&rows)?.project(shape))?;
    let distance = 2.0 / (d as f64).sqrt();
    let means = (0..k).map(|c| vec![distance * c as f64; d]).collect();
    Ok(Mixture::new(vec![1.0; k], means, vec![covariance; k])?)
}

fn data(mixture: &Mixture) -> Result<Data, Box<dyn Error>> {
    let mut rng = Streams::new(1).rng(0);
    let mut values = vec![0.0; ROWS * mixture.d()];
    for row in values.chunks_exact_mut(mixture.d()) {
        mixture.sample(&mut rng, row);
    }
    Ok(Data::new(values, mixture.d())?)
}
