//! `POST /v1/events` straight from its connection. What actix-web does for any request (a request object, finding the route,
//! extractors, a future in a box for each) costs a single event as much as being judged
//! (docs/adr/0019-events-straight-from-their-connection.md). The app has the route too, and answers the same: it gets what pages
//! of other origins may send, and paths that are written otherwise.

use std::future::Future;
use std::rc::Rc;

use actix_http::{Request, Response};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::{Error, ResponseError as _, web};
use futures_util::TryFutureExt as _;
use futures_util::future::Either;

use crate::answering::secure;
use crate::front::Front;
use crate::ingest::events;
use crate::metrics::{Measured, Route};

/// The path that is served here.
pub(crate) const PATH: &str = "/v1/events";

/// One thread's way to the log, before its app.
#[derive(Clone)]
pub(crate) struct Direct(Rc<Inner>);

struct Inner {
    front: web::Data<Front>,
    route: Route,
}

impl Direct {
    pub(crate) fn new(front: web::Data<Front>) -> Self {
        Self(Rc::new(Inner { front, route: Route::new(PATH) }))
    }

    /// Answers events, and has the app answer everything else.
    pub(crate) fn call<A, B>(
        &self,
        request: Request,
        app: &A,
    ) -> impl Future<Output = Result<Response<BoxBody>, Error>> + use<A, B>
    where
        A: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        if self.takes(&request) {
            return Either::Left(Rc::clone(&self.0).answer(request));
        }
        Either::Right(app.call(request).map_ok(|answer| Response::from(answer).map_into_boxed_body()))
    }

    fn takes(&self, request: &Request) -> bool {
        request.path() == PATH && request.method() == Method::POST && self.0.front.config.cors_origins.is_empty()
    }
}

impl Inner {
    async fn answer(self: Rc<Self>, request: Request) -> Result<Response<BoxBody>, Error> {
        let measured = Measured::begin(self.front.clone(), request.method());
        let (head, payload) = request.into_parts();
        let (mut answer, problem) = match events::answer(&self.front, head.headers(), payload).await {
            Ok(answer) => (answer, None),
            Err(problem) => (problem.error_response(), Some(problem)),
        };
        secure(&mut answer);
        measured.end(Some(&self.route), answer.status(), problem.as_ref());
        Ok(answer.into())
    }
}
