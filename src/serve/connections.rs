//! Accepts connections, serves each with time limits, and ends them when the service stops.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::{App, grace, routes};
use crate::stall::Patient;

/// Bytes of a request's head, and of a piece of its body.
const BUFFER: usize = 64 << 10;
/// Most headers of a request.
const HEADERS: usize = 64;
/// How long to wait where no connection can be accepted, as when there are no more file handles.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` becomes true, and then until what was accepted is answered.
pub async fn serve(app: Arc<App>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let routes = routes(app.clone());
    let free = Arc::new(Semaphore::new(app.options.connections));
    let mut open = JoinSet::new();
    let begin = |open: &mut JoinSet<()>, (stream, place), stop: &watch::Receiver<bool>| {
        let own = connection(app.clone(), routes.clone(), stream, stop.clone());
        open.spawn(async move {
            own.await;
            drop(place);
        });
    };
    loop {
        while open.try_join_next().is_some() {}
        let accepted = tokio::select! {
            _ = stopped(&mut stop) => break,
            accepted = accept(&listener, free.clone()) => accepted,
        };
        match accepted {
            Some(accepted) => begin(&mut open, accepted, &stop),
            None => tokio::time::sleep(PAUSE).await,
        }
    }
    // Whoever is connected already is answered.
    while let Ok(Some(accepted)) = timeout(Duration::ZERO, accept(&listener, free.clone())).await {
        begin(&mut open, accepted, &stop);
    }
    // From now on nobody can connect.
    drop(listener);
    let rest = async { while open.join_next().await.is_some() {} };
    // Every client has its limits; this one is for what they do not cover.
    let _ = timeout(grace(&app.options), rest).await;
}

/// A connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    free: Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = free.acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    // A small answer goes out at once; without it, it only takes longer.
    let _ = stream.set_nodelay(true);
    Some((stream, place))
}

/// Ends when the service is told to stop, or nobody can tell it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The value that it gives back must not be kept across a wait.
    let _ = stop.wait_for(|stop| *stop).await.map(|_| ());
}

async fn connection(
    app: Arc<App>,
    routes: Router,
    stream: TcpStream,
    mut stop: watch::Receiver<bool>,
) {
    app.connections.fetch_add(1, Ordering::Relaxed);
    let stream = TokioIo::new(Patient::new(stream, app.options.client_time));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.options.client_time)
        .max_buf_size(BUFFER)
        .max_headers(HEADERS)
        .serve_connection(stream, TowerToHyperService::new(routes));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        _ = stopped(&mut stop) => {
            // The request at hand is answered, and then the connection ends.
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    // A client that breaks off, or does not speak HTTP, is told nothing and is no fault of the service.
    drop(ended);
    app.connections.fetch_sub(1, Ordering::Relaxed);
}
