//! Tables of numbers with a header row: the data sets, and the chains that the diagnostics are tried on.

use crate::file;

/// A table of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<f64>>,
}

/// The data set of that name, for example `table("faithful")`.
pub fn table(name: &str) -> Table {
    read(&format!("{name}.csv"))
}

/// The chains of a set of [`diagnostics_cases`](crate::diagnostics_cases): one vector of draws per chain.
///
/// `with_nan_4x200` contains a NaN, as it should.
pub fn diagnostic_chains(name: &str) -> Vec<Vec<f64>> {
    let table = read(&format!("diagnostics/{name}.csv"));
    assert_eq!(table.columns, ["chain", "draw", "value"], "columns of {name}");
    let mut chains: Vec<Vec<f64>> = Vec::new();
    for row in &table.rows {
        let (chain, draw, value) = (row[0] as usize, row[1] as usize, row[2]);
        if draw == 1 {
            chains.push(Vec::new());
        }
        assert_eq!(chain, chains.len(), "chains of {name} are not in order");
        let draws = chains.last_mut().expect("the first draw of a chain is numbered 1");
        draws.push(value);
        assert_eq!(draw, draws.len(), "draws of {name} are not in order");
    }
    chains
}

fn read(name: &str) -> Table {
    let text = file::text(name);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader
        .headers()
        .unwrap_or_else(|error| panic!("cannot read the header of {name}: {error}"))
        .iter()
        .map(str::to_owned)
        .collect();
    let rows = reader
        .records()
        .map(|record| {
            let record = record.unwrap_or_else(|error| panic!("cannot read {name}: {error}"));
            record
                .iter()
                .map(|field| field.parse().unwrap_or_else(|_| panic!("{name}: {field:?} is not a number")))
                .collect()
        })
        .collect();
    Table { columns, rows }
}
