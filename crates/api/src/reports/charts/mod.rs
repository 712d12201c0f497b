//! Charts as inline SVG: no script draws them, so they are on paper what they are on the screen. Colours are classes of the
//! page's style sheet; no text of a client ever stands in a chart.

mod axis;
pub(crate) mod distribution;
mod frame;
mod latency;
mod rate;

pub(crate) use distribution::distribution;
pub(crate) use latency::latency;
pub(crate) use rate::rate;

/// A chart for paper and wide screens and one for phones, whose letters would be too small otherwise; the style sheet shows
/// one of them.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) wide: String,
    pub(crate) narrow: String,
}

impl Chart {
    fn of(draw: impl Fn(frame::Width) -> String) -> Self {
        Self { wide: draw(frame::Width::Wide), narrow: draw(frame::Width::Narrow) }
    }
}
