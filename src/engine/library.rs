//! What programs that are compared share: segments that are equal are compiled once, and run from the
//! same weights. Two copies compete for the caches, which a comparison of two models must not measure;
//! and compiling once takes half the time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::SymbolScope;

use super::compiled::Compiled;
use super::key::Key;

/// Compiled segments, by what they compute. Programs loaded with the same library share them. It keeps the bytes that
/// each was compiled from, weights included, to compare them: drop it once the programs are loaded.
#[derive(Debug, Clone, Default)]
pub struct PlanCache {
    /// All programs use one symbol for the row axis, else equal segments would differ in it.
    pub(crate) symbols: SymbolScope,
    segments: Shared<Compiled>,
}

impl PlanCache {
    /// The segment of this key, compiled by `compile` if it is not known yet.
    pub(crate) fn segment<E>(
        &self,
        key: Key,
        compile: impl FnOnce() -> Result<Compiled, E>,
    ) -> Result<Arc<Compiled>, E> {
        self.segments.get_or_make(key, compile)
    }
}

/// Values by key, shared by all clones.
#[derive(Debug)]
struct Shared<T>(Arc<Mutex<HashMap<Key, Arc<T>>>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared(Arc::default())
    }
}

impl<T> Shared<T> {
    fn get_or_make<E>(&self, key: Key, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(&key) {
            return Ok(value.clone());
        }
        let value = Arc::new(make()?);
        known.insert(key, value.clone());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn segments_whose_hashes_collide_are_told_apart_by_their_bytes() {
        let shared = Shared::default();
        let get = |bytes: &[u8], value: &'static str| {
            let key = Key::with_hash(7, bytes);
            *shared.get_or_make(key, || Ok::<_, Infallible>(value)).unwrap()
        };
        assert_eq!(get(b"slope 2", "first"), "first");
        assert_eq!(get(b"slope 3", "second"), "second", "same hash, other bytes");
        assert_eq!(get(b"slope 2", "third"), "first", "same bytes");
    }
}
