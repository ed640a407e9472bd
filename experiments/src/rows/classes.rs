//! A column of known classes, two bytes for each row.

use std::collections::HashMap;

use gmm_core::Label;

use super::error::RowsError;

/// The classes of rows, numbered as they first appear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    /// Their names.
    pub(crate) names: Vec<String>,
    /// The class of each row, as an index.
    pub(crate) of_rows: Vec<Label>,
    indices: HashMap<String, Label>,
}

impl Classes {
    /// Adds the class of the next row; `column` is what an error calls the column.
    ///
    /// # Errors
    /// [`RowsError::Classes`] if there are too many.
    pub(crate) fn push(&mut self, name: &str, column: &str) -> Result<(), RowsError> {
        let index = match self.indices.get(name) {
            Some(index) => *index,
            None => {
                let index = Label::try_from(self.names.len())
                    .ok()
                    .filter(|index| *index < Label::MAX)
                    .ok_or_else(|| RowsError::Classes { column: column.to_owned() })?;
                self.names.push(name.to_owned());
                self.indices.insert(name.to_owned(), index);
                index
            }
        };
        self.of_rows.push(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_as_they_appear_and_not_without_end() {
        let mut classes = Classes::default();
        for name in ["b", "a", "b", "c"] {
            classes.push(name, "kind").unwrap();
        }
        assert_eq!((classes.of_rows, classes.names), (vec![0, 1, 0, 2], vec!["b".into(), "a".into(), "c".into()]));
        let mut many = Classes::default();
        let end = (0..).find(|i| many.push(&format!("{i}"), "id").is_err());
        assert_eq!(end, Some(65535));
    }
}
