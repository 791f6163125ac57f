//! The two forms of a request and of its answer, and which of them a client means.

use axum::http::{HeaderMap, StatusCode, header};

use perforate_engine::{Batch, Knobs, Program};

use crate::queue::Answer;
use crate::refusal::Refusal;
use crate::{json, safetensors};

/// A form of tensors on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `application/json`
    Json,
    /// `application/vnd.safetensors`
    Safetensors,
}

impl Form {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Safetensors => "application/vnd.safetensors",
        }
    }

    fn of(media_type: &str) -> Option<Form> {
        match media_type {
            "application/json" => Some(Form::Json),
            "application/vnd.safetensors"
            | "application/safetensors"
            | "application/x-safetensors" => Some(Form::Safetensors),
            _ => None,
        }
    }

    /// The form of a request's body.
    pub fn of_body(headers: &HeaderMap) -> Result<Form, Refusal> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = given.map(|value| essence(value).to_lowercase());
        media_type.as_deref().and_then(Form::of).ok_or_else(|| {
            let given = given.map_or("none".into(), |given| format!("`{given}`"));
            let text = format!(
                "the content type is {given}; send `application/json` or `application/vnd.safetensors`"
            );
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
        })
    }

    /// The form that the client takes an answer in; unless it says so, that of its request.
    pub fn of_answer(headers: &HeaderMap, body: Form) -> Result<Form, Refusal> {
        let given = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut ranges: Vec<(f32, String)> = given
            .flat_map(|list| list.split(','))
            .map(|range| (quality(range), essence(range).to_lowercase()))
            .filter(|(quality, _)| *quality > 0.0)
            .collect();
        if ranges.is_empty() {
            return Ok(body);
        }
        // Stable: of equal qualities the first counts.
        ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
        let form = |(_, range): &(f32, String)| match range.as_str() {
            "*/*" | "application/*" => Some(body),
            named => Form::of(named),
        };
        ranges.iter().find_map(form).ok_or_else(|| {
            let text =
                "answers are `application/json` or `application/vnd.safetensors`: accept one of them";
            Refusal::new(StatusCode::NOT_ACCEPTABLE, text)
        })
    }

    /// Reads a body.
    pub fn read(self, bytes: &[u8], program: &Program) -> Result<(Batch, Knobs), Refusal> {
        match self {
            Form::Json => json::read(bytes, program),
            Form::Safetensors => safetensors::read(bytes),
        }
    }

    /// Writes an answer.
    pub fn write(self, answer: &Answer) -> Result<Vec<u8>, Refusal> {
        Ok(match self {
            Form::Json => json::write(answer)?,
            Form::Safetensors => safetensors::write(answer)?,
        })
    }
}

/// A media type or range without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// The `q` of a media range; 1 unless given.
fn quality(range: &str) -> f32 {
    let q = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    q.and_then(|q| q.trim().parse().ok()).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_body_says_its_form() {
        let of = |value: &str| Form::of_body(&headers(header::CONTENT_TYPE, value));
        assert_eq!(of("application/json; charset=utf-8"), Ok(Form::Json));
        assert_eq!(of("Application/VND.safetensors"), Ok(Form::Safetensors));
        let refusal = of("text/plain").unwrap_err();
        assert_eq!(refusal.status, 415);
        assert!(refusal.text.contains("`text/plain`"), "{}", refusal.text);
        assert_eq!(Form::of_body(&HeaderMap::new()).unwrap_err().status, 415);
    }

    #[test]
    fn an_answer_has_the_form_that_is_accepted() {
        let of = |value: &str| Form::of_answer(&headers(header::ACCEPT, value), Form::Json);
        assert_eq!(Form::of_answer(&HeaderMap::new(), Form::Safetensors), Ok(Form::Safetensors));
        assert_eq!(of("*/*"), Ok(Form::Json));
        assert_eq!(
            of("application/json;q=0.5, application/vnd.safetensors"),
            Ok(Form::Safetensors)
        );
        assert_eq!(of("text/html, application/json"), Ok(Form::Json));
        assert_eq!(of("text/html").unwrap_err().status, 406);
    }
}
