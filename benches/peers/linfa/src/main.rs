//! linfa's side of `benches/peers/compare.py`: EM on given rows, the seconds of one iteration.
//!
//! linfa takes no start, so it gets random responsibilities of its own: the work of an iteration is the same, the
//! log-likelihoods are not. It returns none when it runs out of iterations, and no times, so that the time of an
//! iteration is the difference of two fits. Its covariances are always full.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{GaussianMixtureModel, GmmError, GmmInitMethod};
use ndarray::Array2;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, n, d, k, shape, iterations] = &arguments[..] else {
        return Err("linfa-peer FOLDER n d K shape iterations".into());
    };
    if shape != "full" {
        return Err("linfa has full covariances only".into());
    }
    let (n, d, k, iterations): (usize, usize, usize, u64) = (n.parse()?, d.parse()?, k.parse()?, iterations.parse()?);
    let bytes = std::fs::read(Path::new(folder).join("rows.f64"))?;
    let rows = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let data = DatasetBase::from(Array2::from_shape_vec((n, d), rows)?);
    println!("ready linfa-clustering 0.8.1");
    for line in std::io::stdin().lines() {
        let repeats: u64 = line?.trim().parse()?;
        let mut total = 0.0;
        for _ in 0..repeats {
            total += seconds(&data, k, 1 + iterations)? - seconds(&data, k, 1)?;
        }
        println!("{:?}", total / (repeats * iterations) as f64);
    }
    Ok(())
}

/// The seconds of a fit of so many iterations.
fn seconds(
    data: &DatasetBase<Array2<f64>, ndarray::Array1<()>>,
    k: usize,
    iterations: u64,
) -> Result<f64, Box<dyn Error>> {
    let settings = GaussianMixtureModel::params(k)
        .init_method(GmmInitMethod::Random)
        .n_runs(1)
        .reg_covariance(0.0)
        .tolerance(f64::MIN_POSITIVE)
        .max_n_iterations(iterations);
    let started = Instant::now();
    let fitted = settings.fit(data);
    let seconds = started.elapsed().as_secs_f64();
    match fitted {
        Err(GmmError::NotConverged(_)) => Ok(seconds),
        Err(error) => Err(error.into()),
        Ok(_) => Err("linfa converged before the last iteration".into()),
    }
}
