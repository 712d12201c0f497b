//! Query parameters: those a read knows, each at most once, everything else refused by name.

use actix_web::{HttpRequest, web};
use tally_model::Service;

use crate::problem::Problem;

/// What stands behind the question mark.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the parameters of a request that knows `known`.
    ///
    /// # Errors
    /// 400 naming the parameter that is unknown or there twice.
    pub(crate) fn of(request: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        Self::parse(request.query_string(), known)
    }

    fn parse(query: &str, known: &[&str]) -> Result<Self, Problem> {
        let read = web::Query::<Vec<(String, String)>>::from_query(query);
        let pairs = read.map_err(|error| Problem::parameter("query", error))?.into_inner();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let expected = if known.is_empty() { "no parameter".to_owned() } else { known.join(", ") };
                return Err(Problem::parameter(name, format!("not a parameter here; expected {expected}")));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::parameter(name, "expected once, found twice"));
            }
        }
        Ok(Self { pairs })
    }

    /// Parameters that came otherwise than in a query, each once.
    pub(crate) const fn given(pairs: Vec<(String, String)>) -> Self {
        Self { pairs }
    }

    /// A parameter's value, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// How many rows are asked for.
    ///
    /// # Errors
    /// 400, if it is not a number from 1 to `max`.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.text("limit") else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
        limit.ok_or_else(|| Problem::parameter("limit", format!("expected a number from 1 to {max}")))
    }
}

impl Parameters {
    /// The service that is asked for.
    ///
    /// # Errors
    /// 400, if it cannot be one.
    pub(crate) fn service(&self) -> Result<Option<String>, Problem> {
        let service = self.text("service").map(Service::parse).transpose();
        let service = service.map_err(|error| Problem::parameter(error.field, error.reason))?;
        Ok(service.map(|service| service.as_str().to_owned()))
    }

    /// Whether the answer is wanted in columns (`format=columns`).
    ///
    /// # Errors
    /// 400 for any other form.
    pub(crate) fn columns(&self) -> Result<bool, Problem> {
        match self.text("format") {
            None => Ok(false),
            Some("columns") => Ok(true),
            Some(_) => Err(Problem::parameter("format", "expected columns, or nothing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_double_are_named() {
        let error = |query| Parameters::parse(query, &["from", "limit"]).unwrap_err().to_string();
        assert!(error("form=1").starts_with("form: not a parameter here; expected from, limit"));
        assert!(error("from=1&from=2").starts_with("from: expected once"));
        assert!(Parameters::parse("x=1", &[]).unwrap_err().to_string().contains("expected no parameter"));
    }

    #[test]
    fn limits() {
        let limit = |query| Parameters::parse(query, &["limit"]).unwrap().limit(100, 1000).ok();
        assert_eq!((limit(""), limit("limit=1"), limit("limit=1000")), (Some(100), Some(1), Some(1000)));
        for bad in ["limit=0", "limit=1001", "limit=-1", "limit=", "limit=1e3", "limit=99999999999999999999"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }
}
