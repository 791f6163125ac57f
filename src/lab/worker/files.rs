//! What files hold.

use std::collections::BTreeMap;

/// Contents of files, by name.
pub type Files = BTreeMap<String, Vec<u8>>;
