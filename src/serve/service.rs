//! The service: its threads and its port, from start to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Program;

use crate::app::App;
use crate::body::Room;
use crate::connections;
use crate::metrics::Metrics;
use crate::options::{Options, READERS};
use crate::queue::{Queue, Sharing};
use crate::worker::work;

/// Threads that speak HTTP.
const SPEAKERS: usize = 2;

/// A service that has its port, and serves once it is run.
#[derive(Debug)]
pub struct Service {
    app: Arc<App>,
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

/// Stops a service, from any thread.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Takes no more connections; what was accepted is answered.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Service {
    /// Takes the port.
    ///
    /// # Errors
    /// `Config` if an option is 0 that must not be; `Io` if the port cannot be taken.
    pub fn bind(program: Arc<Program>, options: Options) -> Result<Service> {
        let counts = [
            ("threads", options.threads),
            ("batch rows", options.batch_rows),
            ("queue", options.queue),
            ("rows of a request", options.request_rows),
            ("connections", options.connections),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::new(ErrorKind::Config, "it must be 1 or more").at(*name));
        }
        let failed = |what: &str| {
            let place = options.listen.clone();
            let text = format!("{what} cannot be had");
            move |e: std::io::Error| {
                Error::new(ErrorKind::Io, format!("{text} ({e})")).at(place).with_source(e)
            }
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(SPEAKERS)
            .max_blocking_threads(READERS)
            .enable_all()
            .build()
            .map_err(failed("threads"))?;
        let listener =
            runtime.block_on(TcpListener::bind(&options.listen)).map_err(failed("the port"))?;
        let address = listener.local_addr().map_err(failed("its address"))?;
        let allowed =
            program.keeps_rows_apart() && program.output_infos().iter().all(|info| info.per_row);
        let sharing = Sharing { rows: options.batch_rows, wait: options.batch_wait, allowed };
        let app = App {
            program,
            queue: Queue::new(options.queue, sharing),
            metrics: Metrics::default(),
            room: Room::new(options.bodies),
            connections: AtomicUsize::new(0),
            options,
        };
        let (stop, _) = watch::channel(false);
        Ok(Service { app: Arc::new(app), runtime, listener, address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn stopper(&self) -> Stop {
        Stop(self.stop.clone())
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// `Io` if a thread cannot be had.
    pub fn run(self) -> Result<()> {
        let Service { app, runtime, listener, stop, .. } = self;
        let workers = (0..app.options.threads)
            .map(|ix| {
                let app = app.clone();
                let named = std::thread::Builder::new().name(format!("model {ix}"));
                named.spawn(move || work(&app.program, &app.queue, &app.metrics))
            })
            .collect::<std::io::Result<Vec<JoinHandle<()>>>>()
            .map_err(|e| Error::new(ErrorKind::Io, format!("a thread cannot be had ({e})")));
        if workers.is_ok() {
            let receiver = stop.subscribe();
            runtime.block_on(connections::serve(app.clone(), listener, receiver));
        }
        app.queue.close();
        for worker in workers? {
            // A worker catches what panics in a run.
            let _ = worker.join();
        }
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT, or until it is stopped.
    ///
    /// # Errors
    /// `Io` if signals cannot be heard, or as [`Service::run`].
    pub fn run_until_signal(self) -> Result<()> {
        let stop = self.stopper();
        let heard = self.runtime.block_on(async { signals() });
        let heard = heard
            .map_err(|e| Error::new(ErrorKind::Io, format!("signals cannot be heard ({e})")))?;
        self.runtime.spawn(async move {
            heard.await;
            stop.stop();
        });
        self.run()
    }
}

/// Ends with the first signal to stop.
#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut end, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends with the first signal to stop.
#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
