//! Windows in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the caller picks the
//! level (`tally_model::Window::level`). Levels above minutes include the minutes not yet rolled up.

use tally_model::{EndpointId, EndpointName, Level, Window};

use crate::{EndpointFigures, Error, Figures, Store};

/// Which figures to read.
#[derive(Debug, Clone)]
pub struct EndpointQuery {
    /// Window, snapped to the level.
    pub window: Window,
    /// Level to read.
    pub level: Level,
    /// Only endpoints of this service.
    pub service: Option<String>,
}

impl Store {
    /// Figures of every endpoint that had a request in the window, by id.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn endpoints(&self, _query: &EndpointQuery) -> Result<Vec<EndpointFigures>, Error> {
        unimplemented!()
    }

    /// Figures of everything in the window.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn summary(&self, _window: Window, _level: Level) -> Result<Figures, Error> {
        unimplemented!()
    }

    /// Figures of every service that had a request in the window, by name.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn services(&self, _window: Window, _level: Level) -> Result<Vec<(String, Figures)>, Error> {
        unimplemented!()
    }

    /// Figures of one endpoint by steps of `step_s` seconds from the start of the window, empty steps left out: start of
    /// the step in seconds since the Unix epoch, ascending. At [`Level::Month`] a step is a month, whatever `step_s`.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn series(
        &self,
        _endpoint: EndpointId,
        _window: Window,
        _level: Level,
        _step_s: i64,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        unimplemented!()
    }

    /// The name of an endpoint, if it was ever admitted.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn endpoint(&self, _id: EndpointId) -> Result<Option<EndpointName>, Error> {
        unimplemented!()
    }
}
