//! Why a request is not answered: a status and one sentence.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use perforate_base::{Error, ErrorKind};

/// Seconds after which a client may try again, where the service is busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Status of the response.
    pub status: StatusCode,
    /// One sentence, with a full stop.
    pub text: String,
}

impl Refusal {
    /// A refusal with this status; `text` ends without a full stop.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Refusal {
        Refusal { status, text: format!("{}.", text.into()) }
    }

    /// Something in the request is malformed; `field` says where.
    pub fn malformed(field: &str, text: impl std::fmt::Display) -> Refusal {
        let field = if field.is_empty() || field == "." { "the request" } else { field };
        Refusal::new(StatusCode::BAD_REQUEST, format!("{field}: {text}"))
    }

    /// The service holds as much as it may.
    pub fn busy(text: &str) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let asked = matches!(
            error.kind(),
            ErrorKind::Input | ErrorKind::Knob | ErrorKind::Data | ErrorKind::Config
        );
        let status =
            if asked { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
        Refusal { status, text: error.to_string() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.text }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
