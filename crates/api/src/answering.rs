//! What happens around every request: it is measured, and its answer says what browsers may do with it.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{Error, HttpResponse, web};
use pin_project_lite::pin_project;

use crate::front::Front;
use crate::metrics::{Measured, Route, problem_of};

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

/// The layer. One for all of it, and written out: one made of a function (`from_fn`) allocates twice a request.
pub(crate) struct Answering;

impl<S, B> Transform<S, ServiceRequest> for Answering
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Answerer<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, within: S) -> Self::Future {
        ready(Ok(Answerer { within }))
    }
}

/// What the layer makes of all that is within.
pub(crate) struct Answerer<S> {
    within: S,
}

impl<S, B> Service<ServiceRequest> for Answerer<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Answer<S::Future>;

    forward_ready!(within);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let front = request.app_data::<web::Data<Front>>();
        let measured = front.map(|front| Measured::begin(front.clone(), request.method()));
        Answer { measured, answer: self.within.call(request) }
    }
}

pin_project! {
    /// An answer under way.
    pub(crate) struct Answer<F> {
        #[pin]
        answer: F,
        measured: Option<Measured>,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(context))?;
        secure(answer.response_mut());
        if let Some(measured) = this.measured.take() {
            let route = answer.request().app_data::<Route>();
            measured.end(route, answer.status(), answer.response().error().and_then(problem_of));
        }
        Poll::Ready(Ok(answer))
    }
}

/// Says what browsers may do with an answer, where it does not say so itself.
pub(crate) fn secure(answer: &mut HttpResponse<impl MessageBody>) {
    let shown: &[_] = if answer.status() == StatusCode::ACCEPTED { &[] } else { &NO_KEEPING };
    let headers = answer.headers_mut();
    for (name, value) in std::iter::once(&NO_GUESSING).chain(shown) {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}
