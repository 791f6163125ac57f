//! Choices that have names: on the command line, in addresses and in files.

use crate::error::{Error, ErrorKind, Result};

/// An enum whose variants have names that people type.
pub trait Named: Copy + Send + Sync + 'static {
    /// All variants, in the order in which they are listed.
    const ALL: &'static [Self];

    /// Name of a variant, in lower case with hyphens.
    fn name(&self) -> &'static str;

    /// The variant of this name.
    ///
    /// # Errors
    /// `Config` if there is none; the message lists the names.
    fn from_name(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(Named::name).collect();
            let text = format!("`{name}` is unknown; choose one of {}", known.join(", "));
            Error::new(ErrorKind::Config, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Side {
        Left,
        Right,
    }

    impl Named for Side {
        const ALL: &'static [Side] = &[Side::Left, Side::Right];

        fn name(&self) -> &'static str {
            match self {
                Side::Left => "left",
                Side::Right => "right",
            }
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(Side::from_name("right").unwrap(), Side::Right);
        let message = Side::from_name("up").unwrap_err().to_string();
        assert!(message.contains("`up`") && message.contains("left, right"), "{message}");
    }
}
