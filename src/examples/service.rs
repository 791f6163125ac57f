//! A web service of your own around a routed model: an axum handler that classifies an image and says which path it took.
//!
//! `cargo run --release --example service -- routed.onnx 127.0.0.1:8091`
//!
//! `cargo run --release --example compose -- routed.onnx` makes a file to try it on. `perforate serve` is the complete
//! service: it batches, bounds and counts. This one shows what a handler needs: the file is compiled once, a model is
//! borrowed for each request, and it runs on a thread that may wait.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use perforate::engine::Program;
use perforate::ndarray::ArrayD;
use perforate::{Batch, Model};
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, address] = arguments.as_slice() else {
        return Err("say which: routed.onnx 127.0.0.1:8091".into());
    };
    let models = Models::open(Model::open(file)?.program().clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!(
            "POST one image's pixels, as a JSON array, to http://{}/classify",
            listener.local_addr()?
        );
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        axum::serve(listener, routes(models)).with_graceful_shutdown(stop).await?;
        Ok(())
    })
}

/// Models for as many requests as run at once. Each has memory of its own; what was compiled they share.
#[derive(Clone)]
pub struct Models {
    program: Arc<Program>,
    idle: Arc<Mutex<Vec<Model>>>,
}

impl Models {
    /// None so far; the first request makes the first one.
    pub fn open(program: Arc<Program>) -> Models {
        Models { program, idle: Arc::default() }
    }

    /// Lends a model to `work`. One that panics is not lent again.
    fn with<T>(&self, work: impl FnOnce(&mut Model) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = idle().pop();
        let mut model = lent.unwrap_or_else(|| Model::from(self.program.clone()));
        let done = work(&mut model);
        idle().push(model);
        done
    }
}

/// `POST /classify`.
pub fn routes(models: Models) -> Router {
    Router::new().route("/classify", post(classify)).with_state(models)
}

async fn classify(
    State(models): State<Models>,
    Json(pixels): Json<Vec<f32>>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let work = tokio::task::spawn_blocking(move || models.with(|model| answer(model, pixels)));
    let answer = work.await.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    answer.map(Json).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

/// The class of one image, the path that it took, and what that cost.
fn answer(model: &mut Model, pixels: Vec<f32>) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let input = &model.inputs()[0];
    let sizes: Option<Vec<usize>> = input.row_shape.iter().copied().collect();
    let shape = [vec![1], sizes.ok_or("the model leaves the size of an image open")?].concat();
    let wanted: usize = shape.iter().product();
    if pixels.len() != wanted {
        return Err(format!("an image has {wanted} pixels, not {}", pixels.len()).into());
    }
    let image = ArrayD::from_shape_vec(shape, pixels)?;
    let run = model.run(&Batch::new().with(input.name.clone(), image), None)?;
    let logits = run.output(&model.outputs()[0])?;
    let class = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(class, _)| class);
    let row = &run.rows()[0];
    Ok(json!({ "class": class, "path": row.path, "macs": row.macs.0 }))
}
