//! Reads a config: text to [`Experiment`] or [`Study`], or an error that shows where and why not.

use std::path::Path;

use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use super::error::{ConfigError, Source};
use super::explain::{explain, overflow};
use super::lists::Bracketed;
use super::outline::Outline;
use super::schema::Experiment;
use super::study::Study;
use super::words::nearest;

/// What a config file describes.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// One experiment.
    Experiment(Box<Experiment>),
    /// A grid of experiments.
    Study(Box<Study>),
}

/// Reads a config file of an experiment.
///
/// # Errors
/// The file cannot be read, is not UTF-8, or [`parse`] rejects its text.
pub fn load(path: &Path) -> Result<(Experiment, Source), ConfigError> {
    let (name, text) = text_of(path)?;
    parse(&name, &text)
}

/// Reads a config file of a study.
///
/// # Errors
/// The file cannot be read, is not UTF-8, or [`parse_study`] rejects its text.
pub fn load_study(path: &Path) -> Result<(Study, Source), ConfigError> {
    let (name, text) = text_of(path)?;
    parse_study(&name, &text)
}

/// Reads a config file of either kind.
///
/// # Errors
/// The file cannot be read, is not UTF-8, or [`parse_any`] rejects its text.
pub fn load_any(path: &Path) -> Result<(Config, Source), ConfigError> {
    let (name, text) = text_of(path)?;
    parse_any(&name, &text)
}

/// The name and text of a file.
fn text_of(path: &Path) -> Result<(String, String), ConfigError> {
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
    Ok((name, text))
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
    let source = source(name, text);
    if is_study(&source) {
        let help = Some("`gmm study` runs it; `gmm run` takes an `Experiment( .. )`");
        return Err(source.error_at("", "this is a study, not an experiment", help));
    }
    let experiment = read(&source, &source.text, |at| at)?;
    overflow(&source).map_or(Ok(()), Err)?;
    Ok((experiment, source))
}

/// Reads the config of a study that is at hand as text; `name` is what errors call its file.
///
/// # Errors
/// The text is not RON, or not that of a [`Study`].
pub fn parse_study(name: &str, text: &str) -> Result<(Study, Source), ConfigError> {
    let source = source(name, text);
    if !Outline::new(&source.text).values.is_empty() && !is_study(&source) {
        let help = Some("`gmm run` runs an experiment; `gmm study` takes a `Study( .. )`");
        return Err(source.error_at("", "this is not a study", help));
    }
    let bracketed = Bracketed::new(&source.text);
    let study = read(&source, &bracketed.text, |at| bracketed.back(at))?;
    overflow(&source).map_or(Ok(()), Err)?;
    Ok((study, source))
}

/// Reads a config of either kind that is at hand as text.
///
/// # Errors
/// As [`parse`] and [`parse_study`].
pub fn parse_any(name: &str, text: &str) -> Result<(Config, Source), ConfigError> {
    if is_study(&source(name, text)) {
        return parse_study(name, text).map(|(study, source)| (Config::Study(Box::new(study)), source));
    }
    parse(name, text).map(|(experiment, source)| (Config::Experiment(Box::new(experiment)), source))
}

fn source(name: &str, text: &str) -> Source {
    // A byte order mark, as some editors write.
    Source { name: name.to_owned(), text: text.trim_start_matches('\u{FEFF}').to_owned() }
}

/// Whether a text begins as that of a study.
fn is_study(source: &Source) -> bool {
    let outline = Outline::new(&source.text);
    !outline.values.is_empty() && outline.name(0) == Some("Study")
}

/// Reads `text`, and tells errors at their places in that of the source.
fn read<T: DeserializeOwned>(source: &Source, text: &str, back: impl Fn(usize) -> usize) -> Result<T, ConfigError> {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    let mut reader = match ron::Deserializer::from_str_with_options(text, &options) {
        Ok(reader) => reader,
        Err(error) => return Err(explain(source, &error.code, source.text.len())),
    };
    let config = T::deserialize(&mut reader).and_then(|config| {
        reader.end()?;
        Ok(config)
    });
    config.map_err(|error| explain(source, &error, back(text.len() - reader.remainder().len())))
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
