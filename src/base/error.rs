//! One error type: what kind of thing is wrong, where, and what to do about it, as one sentence.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not an ONNX model, or it is truncated.
    NotOnnx,
    /// The model uses an operator that the engine does not have.
    UnsupportedOp,
    /// The model is ONNX, but cannot be compiled or run.
    Model,
    /// An input tensor is missing or of the wrong shape or type, or holds a NaN.
    Input,
    /// A knob is unknown or its value out of range.
    Knob,
    /// A data set or data file cannot be used.
    Data,
    /// An option, scenario or argument is unknown or out of range.
    Config,
    /// A file cannot be read or written.
    Io,
    /// A fault of this program.
    Internal,
}

impl ErrorKind {
    /// A fixed word for it, lower case with underscores.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::NotOnnx => "not_onnx",
            ErrorKind::UnsupportedOp => "unsupported_op",
            ErrorKind::Model => "model",
            ErrorKind::Input => "input",
            ErrorKind::Knob => "knob",
            ErrorKind::Data => "data",
            ErrorKind::Config => "config",
            ErrorKind::Io => "io",
            ErrorKind::Internal => "internal",
        }
    }
}

/// The error of a dependency, shared by the clones of an [`Error`].
type Source = Arc<dyn std::error::Error + Send + Sync>;

/// An error with its place: the file or model, and the node or field in it. The error of a dependency that led to it is
/// its [`source`](std::error::Error::source).
#[derive(Debug, Clone, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    place: Option<String>,
    node: Option<String>,
    message: String,
    source: Option<Source>,
}

impl Error {
    /// An error of `kind`; `message` says what is wrong and how to mend it, without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, place: None, node: None, message: message.into(), source: None }
    }

    /// Keeps the error that led to this one. The message stays as it is: say there what a reader needs of it, as
    /// [`one_line`] does.
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Names the file, model or input concerned, unless a more precise place is named already.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place.get_or_insert_with(|| place.into());
        self
    }

    /// Names the file that the place named so far is in.
    pub fn within(mut self, file: &str) -> Self {
        self.place =
            Some(self.place.map_or_else(|| file.into(), |place| format!("{file}: {place}")));
        self
    }

    /// Names the node or field concerned.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node.get_or_insert_with(|| node.into());
        self
    }

    /// The file, model, input or knob concerned, if it is known.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The node or tensor concerned, if it is known.
    pub fn at_node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the user's input is at fault, rather than this program.
    pub fn is_users(&self) -> bool {
        self.kind != ErrorKind::Internal
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}: ", printable(place))?;
        }
        if let Some(node) = &self.node {
            write!(f, "at `{}`: ", printable(node))?;
        }
        write!(f, "{}.", printable(&self.message))
    }
}

/// A text without control characters: nothing in a file may move the cursor of the terminal that shows a message.
fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Shortens the chained message of a dependency to one readable line, without control characters.
pub fn one_line(error: impl fmt::Display) -> String {
    let text = format!("{error:#}");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.').replace(char::is_control, "\u{fffd}");
    match line.char_indices().nth(240) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_names_place_and_node() {
        let error = Error::new(ErrorKind::UnsupportedOp, "the operator `Foo` is not supported")
            .node("n1")
            .at("a.onnx")
            .at("ignored");
        assert_eq!(error.to_string(), "a.onnx: at `n1`: the operator `Foo` is not supported.");
        assert!(error.is_users());
    }

    #[test]
    fn a_message_is_one_line_whatever_a_file_holds() {
        let error = Error::new(ErrorKind::Data, "\"1\n2\" is not a number").at("a\u{1b}[2J.csv");
        let text = error.node("\0").to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains("1\u{fffd}2"), "{text:?}");
    }

    #[test]
    fn an_error_keeps_its_source_and_can_be_shared() {
        fn shared<T: Clone + Send + Sync + 'static>(of: T) -> T {
            of.clone()
        }
        let cause = "x".parse::<i32>().unwrap_err();
        let plain = Error::new(ErrorKind::Data, "not a number");
        let error = shared(plain.clone().with_source(cause.clone()).at("d.csv"));
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), cause.to_string());
        assert_eq!(error.to_string(), plain.clone().at("d.csv").to_string());
        assert!(std::error::Error::source(&plain).is_none());
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let line = one_line("é\n".repeat(500));
        assert_eq!(line.chars().count(), 241);
        assert_eq!(one_line("a\u{1b}[2J\tb\0."), "a\u{fffd}[2J b\u{fffd}");
    }
}
