//! Messages between page and worker, as JS objects.
//!
//! The large ones are read here, field by field: a derived reader of a tagged enum keeps every part in a buffer until it
//! has seen the tag, and takes each type's code once more for that.

use perforate_lab::worker::{Command, Event};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

fn field<T: DeserializeOwned>(message: &JsValue, name: &str) -> Result<T, JsError> {
    let value = js_sys::Reflect::get(message, &name.into()).unwrap_or(JsValue::UNDEFINED);
    Ok(serde_wasm_bindgen::from_value(value)?)
}

/// What the page asks for.
pub fn command(message: JsValue) -> Result<Command, JsError> {
    Ok(match field::<String>(&message, "type")?.as_str() {
        "open" => Command::Open { experiment: field(&message, "experiment")? },
        _ => serde_wasm_bindgen::from_value(message)?,
    })
}

/// What the page is told.
pub fn event(message: JsValue) -> Result<Event, JsError> {
    Ok(match field::<String>(&message, "type")?.as_str() {
        "results" => Event::Results { report: field(&message, "report")? },
        "inspector" => Event::Inspector { inside: field(&message, "inside")? },
        "own" => Event::Own { sample: field(&message, "sample")? },
        "section" => Event::Section { section: field(&message, "section")? },
        _ => serde_wasm_bindgen::from_value(message)?,
    })
}
