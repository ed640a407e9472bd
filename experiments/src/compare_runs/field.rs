//! Fields of a JSON file, read one by one, each with its place.

use std::path::Path;

use serde_json::Value;

use super::CompareError;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    file: &'a Path,
    place: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    /// All of a file.
    pub(super) fn of_file(file: &'a Path, value: &'a Value) -> Self {
        Self { file, place: String::new(), value }
    }

    /// An error at this place.
    pub(super) fn fault(&self, fault: impl Into<String>) -> CompareError {
        let field = if self.place.is_empty() { "the file".to_owned() } else { self.place.clone() };
        CompareError::Field { path: self.file.to_path_buf(), field, fault: fault.into() }
    }

    fn expected<T>(&self, what: &str, found: Option<T>) -> Result<T, CompareError> {
        found.ok_or_else(|| {
            let shown: String = self.value.to_string().chars().take(40).collect();
            self.fault(format!("is {shown}, expected {what}"))
        })
    }

    /// A field of an object.
    pub(super) fn get(&self, name: &str) -> Result<Self, CompareError> {
        let object = self.expected("an object", self.value.as_object())?;
        let place = if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) };
        match object.get(name) {
            Some(value) => Ok(Self { file: self.file, place, value }),
            None => Err(Self { file: self.file, place, value: &Value::Null }.fault("is missing")),
        }
    }

    /// The same unless it is null.
    pub(super) fn some(self) -> Option<Self> {
        (!self.value.is_null()).then_some(self)
    }

    /// The entries of a list.
    pub(super) fn list(&self) -> Result<Vec<Self>, CompareError> {
        let list = self.expected("a list", self.value.as_array())?;
        let at = |(i, value)| Self { file: self.file, place: format!("{}[{i}]", self.place), value };
        Ok(list.iter().enumerate().map(at).collect())
    }

    /// A text.
    pub(super) fn text(&self) -> Result<String, CompareError> {
        Ok(self.expected("a text", self.value.as_str())?.to_owned())
    }

    /// A number that is none where it is null: it was not finite.
    pub(super) fn number(&self) -> Result<Option<f64>, CompareError> {
        match self.value {
            Value::Null => Ok(None),
            value => Ok(Some(self.expected("a number", value.as_f64())?)),
        }
    }

    /// A number that must be there.
    pub(super) fn finite(&self) -> Result<f64, CompareError> {
        self.expected("a number", self.value.as_f64())
    }

    /// A number from 0.
    pub(super) fn count(&self) -> Result<u64, CompareError> {
        self.expected("a whole number from 0", self.value.as_u64())
    }

    /// Numbers, all there.
    pub(super) fn numbers(&self) -> Result<Vec<f64>, CompareError> {
        self.list()?.iter().map(Self::finite).collect()
    }
}
