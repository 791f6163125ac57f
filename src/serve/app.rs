//! The routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::oneshot;

use perforate_engine::Program;

use crate::body::{Room, read};
use crate::forms::Form;
use crate::metrics::Metrics;
use crate::model::describe;
use crate::options::Options;
use crate::queue::{Answer, Job, Queue};
use crate::refusal::Refusal;

/// What all requests share.
#[derive(Debug)]
pub struct App {
    pub program: Arc<Program>,
    pub options: Options,
    pub queue: Queue,
    pub metrics: Metrics,
    pub room: Room,
    pub connections: AtomicUsize,
}

/// All routes.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/run", post(run))
        .route("/v1/model", get(model))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(async || {
            let text = "there is nothing here; ask /v1/run, /v1/model, /health or /metrics";
            Refusal::new(StatusCode::NOT_FOUND, text)
        })
        .method_not_allowed_fallback(async || {
            let text = "this address takes another method: POST for /v1/run, GET for the others";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text)
        })
        .layer(from_fn_with_state(app.clone(), allow_origin))
        .with_state(app)
}

async fn health() -> &'static str {
    "ok\n"
}

async fn model(State(app): State<Arc<App>>) -> Response {
    axum::Json(describe(&app.program)).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let connections = app.connections.load(Ordering::Relaxed);
    let text = app.metrics.text(app.queue.len(), app.room.taken(), connections);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn run(State(app): State<Arc<App>>, request: Request) -> Response {
    let came = Instant::now();
    let (parts, body) = request.into_parts();
    let response = answer(&app, &parts.headers, body).await.unwrap_or_else(Refusal::into_response);
    app.metrics.answered(response.status().as_u16(), came.elapsed());
    response
}

async fn answer(app: &Arc<App>, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let form = Form::of_body(headers)?;
    let wanted = Form::of_answer(headers, form)?;
    let held = read(headers, body, &app.options, &app.room).await?;
    let came = Instant::now();
    let due = came + app.options.request_time;
    let within = |wait| tokio::time::timeout_at(due.into(), wait);

    // Reading numbers takes a thread's time. The room is kept until the answer is written.
    let own = app.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let inputs = form.read(&held.bytes, &own.program)?;
        Ok::<_, Refusal>((inputs, held.room))
    });
    let ((inputs, knobs), room) = within(reading).await.map_err(|_| late(app))?.map_err(lost)??;
    if inputs.rows() > app.options.request_rows {
        let (rows, most) = (inputs.rows(), app.options.request_rows);
        let text = format!("the request has {rows} rows, of which {most} are taken at a time");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let (reply, answer) = oneshot::channel();
    app.queue.push(Job { inputs, knobs, came, due, reply })?;
    let answer: Answer = tokio::time::timeout_at(due.into(), answer)
        .await
        .map_err(|_| late(app))?
        // Its thread drops a request that is late.
        .map_err(|_| late(app))??;
    let writing = tokio::task::spawn_blocking(move || wanted.write(&answer));
    let bytes = writing.await.map_err(lost)??;
    drop(room);
    Ok(([(header::CONTENT_TYPE, wanted.media_type())], bytes).into_response())
}

fn late(app: &App) -> Refusal {
    let seconds = app.options.request_time.as_secs_f64();
    let text =
        format!("the answer was not ready within {seconds} s: try again, or send fewer rows");
    Refusal::new(StatusCode::GATEWAY_TIMEOUT, text)
}

fn lost(error: tokio::task::JoinError) -> Refusal {
    let text = format!("a fault of this program: {error}");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)
}

/// Lets pages of the allowed origin ask; the others' browsers refuse them.
async fn allow_origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let allowed = app.options.allow_origin.as_deref();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_allowed = |origin: &HeaderValue| allowed.is_some_and(|own| own == "*" || origin == own);
    let Some(origin) = origin.filter(is_allowed) else { return next.run(request).await };
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match asks_first {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if asks_first {
        let methods = HeaderValue::from_static("GET, POST");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let names = HeaderValue::from_static("content-type, accept");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
    response
}

/// How long the service waits, once it is told to stop, for what it has accepted.
pub fn grace(options: &Options) -> Duration {
    options.client_time * 2 + options.request_time + Duration::from_secs(1)
}
