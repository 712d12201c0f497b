//! Binding, serving, and ending in order.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use tokio::net::TcpSocket;

use crate::config::Config;
use crate::front::Front;
use crate::metrics::Measured;
use crate::{connect, cors, live, reports, routes};

/// How long an idle connection is kept for the next request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections that may wait to be accepted.
const ACCEPT_QUEUE_MAX: u32 = 2_048;

/// On every answer: what it is said to be, it is.
static NO_GUESSING: (HeaderName, HeaderValue) = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
/// On every answer that a browser may show or keep, unless it says otherwise: it is data, for nobody to keep, frame, or refer to.
/// What was accepted is neither shown nor, as the answer to a POST (RFC 9111 §3), kept; there the headers would be longer than the
/// answer.
static NO_KEEPING: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// What happens around every request. One layer for all of it: each one more costs a third of parsing an event.
async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let measured = Measured::begin(&request);
    let mut answer = next.call(request).await?;
    secure(answer.response_mut());
    if let Some(measured) = measured {
        measured.end(&answer);
    }
    Ok(answer)
}

fn secure(answer: &mut HttpResponse<impl MessageBody>) {
    let shown: &[_] = if answer.status() == StatusCode::ACCEPTED { &[] } else { &NO_KEEPING };
    let headers = answer.headers_mut();
    for (name, value) in std::iter::once(&NO_GUESSING).chain(shown) {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

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
            App::new()
                .app_data(web::Data::new(shared.for_another_thread()))
                .configure(routes::configure)
                .wrap(cors::layer(&shared.config.cors_origins))
                .wrap(from_fn(answer))
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
