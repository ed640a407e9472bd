//! Reads a config: text to [`Experiment`], or an error that shows where and why not.

use std::path::Path;

use ron::extensions::Extensions;
use serde::Deserialize;

use super::error::{ConfigError, Source};
use super::explain::{explain, overflow};
use super::schema::Experiment;
use super::words::nearest;

/// Reads a config file.
///
/// # Errors
/// The file cannot be read, is not UTF-8, or [`parse`] rejects its text.
pub fn load(path: &Path) -> Result<(Experiment, Source), ConfigError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
            return Err(ConfigError::new(&Source { name, text }, "", "the file is not UTF-8 text")
                .label(start..end, "this byte is not UTF-8")
                .help(Some("save the file as UTF-8".to_owned())));
        }
    };
    parse(&name, &text)
}

/// Reads a config that is at hand as text; `name` is what errors call its file.
///
/// # Errors
/// The text is not RON, or not that of an [`Experiment`].
///
/// # Examples
/// ```
/// let text = r#"
///     Experiment(
///         name: "old faithful",
///         seed: 20,
///         data: Csv(path: "faithful.csv"),
///         model: (components: 2, covariance: Free(Full)),
///         fits: [Em(), Gibbs(draws: 2000)],
///     )"#;
/// let (experiment, source) = experiments::config::parse("faithful.ron", text)?;
/// assert_eq!(experiment.model.components, 2);
///
/// let error = source.error_at("model.components", "more components than rows", None);
/// assert_eq!(error.line_and_column(), Some((6, 29)));
/// # Ok::<(), experiments::config::ConfigError>(())
/// ```
pub fn parse(name: &str, text: &str) -> Result<(Experiment, Source), ConfigError> {
    let source = Source {
        name: name.to_owned(),
        text: text.trim_start_matches('\u{FEFF}').to_owned(), // a byte order mark, as some editors write
    };
    let experiment = read(&source)?;
    overflow(&source).map_or(Ok(()), Err)?;
    Ok((experiment, source))
}

fn read(source: &Source) -> Result<Experiment, ConfigError> {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    let mut reader = match ron::Deserializer::from_str_with_options(&source.text, &options) {
        Ok(reader) => reader,
        Err(error) => return Err(explain(source, &error.code, source.text.len())),
    };
    let experiment = Experiment::deserialize(&mut reader).and_then(|experiment| {
        reader.end()?;
        Ok(experiment)
    });
    experiment.map_err(|error| explain(source, &error, source.text.len() - reader.remainder().len()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    let source = Source { name: path.display().to_string(), text: String::new() };
    if error.kind() != std::io::ErrorKind::NotFound {
        return ConfigError::new(&source, "", format!("cannot read the config `{}`: {error}", source.name));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let names: Vec<_> = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".ron"))
        .collect();
    let word = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let near = nearest(&word, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let help = near.map(|near| format!("did you mean `{}`?", path.with_file_name(near).display()));
    ConfigError::new(&source, "", format!("there is no config file `{}`", source.name)).help(help)
}
