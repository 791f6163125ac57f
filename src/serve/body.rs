//! Reads a request's body within its limits: of one body, of all bodies that are held, and of time.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::options::Options;
use crate::refusal::Refusal;

/// Bytes of a unit in which room is counted.
const UNIT: usize = 1024;

/// Room for bodies; what is read takes some, and gives it back when it is dropped.
#[derive(Debug, Clone)]
pub struct Room {
    units: Arc<Semaphore>,
    all: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Room {
        let all = bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Room { units: Arc::new(Semaphore::new(all)), all }
    }

    /// Bytes that are taken.
    pub fn taken(&self) -> usize {
        (self.all - self.units.available_permits()) * UNIT
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        self.units.clone().try_acquire_many_owned(units).map_err(|_| {
            Refusal::busy(
                "the service holds as many bytes of requests as it may: try again in a second",
            )
        })
    }
}

/// A body, and its room.
#[derive(Debug)]
pub struct Held {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Kept as long as the request is.
    pub room: OwnedSemaphorePermit,
}

/// Reads a body, which must be there before the client's time is over.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    options: &Options,
    room: &Room,
) -> Result<Held, Refusal> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|l| l > options.body as u64)
    {
        return Err(too_large(options));
    }
    timeout(options.client_time, collect(body, options, room)).await.unwrap_or_else(|_| {
        let seconds = options.client_time.as_secs_f64();
        let text = format!("the body was not complete within {seconds} s: send it faster");
        Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, text))
    })
}

async fn collect(mut body: Body, options: &Options, room: &Room) -> Result<Held, Refusal> {
    let mut held = Held { bytes: vec![], room: room.take(0)? };
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|e| Refusal::malformed("the body", format!("it breaks off ({e})")))?;
        let Ok(data) = frame.into_data() else { continue };
        if held.bytes.len() + data.len() > options.body {
            return Err(too_large(options));
        }
        // Small pieces do not each cost a whole unit.
        let taken = held.room.num_permits() * UNIT;
        if held.bytes.len() + data.len() > taken {
            held.room.merge(room.take(held.bytes.len() + data.len() - taken)?);
        }
        held.bytes.extend_from_slice(&data);
    }
    Ok(held)
}

fn too_large(options: &Options) -> Refusal {
    let text = format!("the body is larger than {} bytes: send fewer rows at a time", options.body);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}
