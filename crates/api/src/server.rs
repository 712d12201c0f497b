//! Binding, serving, and ending in order.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_service::apply_fn_factory;
use actix_web::{App, HttpServer, web};
use tokio::net::TcpSocket;

use crate::answering::Answering;
use crate::config::Config;
use crate::direct::Direct;
use crate::front::Front;
use crate::{connect, cors, live, reports, routes};

/// How long an idle connection is kept for the next request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections that may wait to be accepted.
const ACCEPT_QUEUE_MAX: u32 = 2_048;

/// The server cannot start, or must not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source} (TALLY_LISTEN)")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Serving ended by itself.
    #[error("cannot serve: {0}")]
    Serve(#[from] std::io::Error),
    /// The log is not one that this process may write to.
    #[error("{0}")]
    Redis(String),
    /// The database is not one that this process may read from.
    #[error("{0}")]
    Database(String),
}

/// A socket that is bound, so that the address is known before anything is served.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

/// Binds the address of the settings; port 0 picks a free one. To be called on a tokio runtime.
///
/// # Errors
/// [`ServerError::Listen`].
pub fn bind(config: Config) -> Result<Bound, ServerError> {
    let asked = config.listen;
    let listen = || {
        let socket = if asked.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(asked)?;
        let listener = socket.listen(ACCEPT_QUEUE_MAX)?.into_std()?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = listen().map_err(|source| ServerError::Listen { address: asked, source })?;
    Ok(Bound { listener, address, config })
}

impl Bound {
    /// Address bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` completes, then finishes what is under way.
    ///
    /// # Errors
    /// [`ServerError`], if serving fails, or Redis or PostgreSQL turn out to be made for another layout.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (grace, workers) = (self.config.grace, self.config.workers);
        let front = web::Data::new(Front::new(self.config));
        let shared = front.clone();
        let app = move || {
            let front = web::Data::new(shared.for_another_thread());
            let app = App::new()
                .app_data(front.clone())
                .configure(routes::configure)
                .wrap(cors::layer(&front.config.cors_origins))
                .wrap(Answering);
            let direct = Direct::new(front);
            apply_fn_factory(app, move |request, app: &_| direct.call(request, app))
        };
        let server = HttpServer::new(app).disable_signals().keep_alive(KEEP_ALIVE).shutdown_timeout(grace.as_secs());
        let server = if workers > 0 { server.workers(workers) } else { server };
        let server = server.listen(self.listener)?.run();
        let handle = server.handle();
        tokio::pin!(server);
        tracing::info!("serving on http://{}", self.address);
        let sweeping = tokio::spawn(reports::kept::sweep(front.clone()));
        let mistake = tokio::select! {
            served = &mut server => return Ok(served?),
            mistake = connect::connect(&front) => Some(mistake),
            () = live::watch(&front) => None,
            () = live::listen(&front) => None,
            () = stop => None,
        };
        sweeping.abort();
        if mistake.is_none() {
            tracing::info!("stopping: no new requests; those under way have {} s", grace.as_secs());
        }
        // Open streams would hold the end up.
        front.live.stop();
        // The server must go on running to be stopped.
        let (served, ()) = tokio::join!(server, handle.stop(mistake.is_none()));
        match mistake {
            Some(mistake) => Err(mistake),
            None => Ok(served?),
        }
    }
}
