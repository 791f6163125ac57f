//! Serves a routed model over HTTP.
