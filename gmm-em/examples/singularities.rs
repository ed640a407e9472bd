//! What each policy does about the singularities of five components on the galaxies: `cargo run --release -p gmm-em
//! --example singularities`.
#![allow(clippy::print_stdout)]

use gmm_core::{Covariance, Streams};
use gmm_em::{Action, Em, Outcome, Singularities, fit};
use reference::{Family, data, flat_model, table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = data(&table("galaxies").rows);
    let model = flat_model(Family::Full, None, 5, 1, 1.0);
    println!("policy                  ln L   BIC     K  smallest sd  restarts ended  acted on  events  iterations");
    for policy in [
        Singularities::Fail,
        Singularities::ResetComponent,
        Singularities::RemoveComponent,
        Singularities::FloorEigenvalues(0.01),
        Singularities::Regularise(0.01),
        Singularities::BoundRatio(100.0),
    ] {
        let em = Em { restarts: 30, singularities: policy, ..Em::default() };
        let estimate = fit(&model, &rows, &em, &Streams::new(1), &|_| {})?;
        let variance = |c: &Covariance| c.as_symmetric().entries()[0];
        let sd = estimate.mixture.covariances().iter().map(variance).fold(f64::INFINITY, f64::min).sqrt();
        let ended = estimate.restarts.iter().filter(|r| matches!(r.outcome, Outcome::Collapsed(_))).count();
        let mut acted: Vec<usize> = Vec::new();
        for event in &estimate.singularities {
            if !matches!(event.action, Action::RestartEnded(_) | Action::Kept) {
                acted.push(event.restart);
            }
        }
        acted.dedup();
        let iterations: usize = estimate.restarts.iter().map(|r| r.iterations).sum();
        println!(
            "{:<22} {:>8.3} {:.2}  {}  {sd:<11.4}  {ended:<14}  {:<8}  {:<6}  {iterations}",
            format!("{policy:?}"),
            estimate.ln_likelihood,
            estimate.criteria.bic,
            estimate.mixture.k(),
            acted.len(),
            estimate.singularities.len(),
        );
    }
    Ok(())
}
