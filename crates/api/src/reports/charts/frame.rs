//! The picture of a chart: where its plot lies, lines, areas, letters, and what is known to screen readers.

use std::fmt::Write as _;

use crate::reports::charts::axis::Scale;
use crate::reports::series::Series;
use crate::reports::times;

/// For whom a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// Paper and screens.
    Wide,
    /// Phones.
    Narrow,
}

/// A rectangle of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// A picture while it is drawn.
pub(super) struct Picture {
    svg: String,
}

impl Picture {
    /// An empty picture with words for those who do not see it.
    pub(super) fn new(width: Width, height: f64, words: &str) -> Self {
        let class = if width == Width::Wide { "wide" } else { "narrow" };
        let words = escaped(words);
        let across = across(width);
        Self {
            svg: format!(
                r#"<svg class="chart {class}" viewBox="0 0 {across} {height}" role="img" aria-label="{words}">"#
            ),
        }
    }

    /// The finished picture.
    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let (x, y, text) = (n(x), n(y), escaped(text));
        // Writing to a String does not fail; so everywhere here.
        let _ = write!(self.svg, r#"<text class="{class}" x="{x}" y="{y}">{text}</text>"#);
    }

    pub(super) fn path(&mut self, class: &str, data: &str) {
        if !data.is_empty() {
            let _ = write!(self.svg, r#"<path class="{class}" d="{data}"/>"#);
        }
    }

    pub(super) fn rectangle(&mut self, class: &str, plot: Plot) {
        let (x, y, w, h) = (n(plot.left), n(plot.top), n(plot.right - plot.left), n(plot.bottom - plot.top));
        let _ = write!(self.svg, r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}"/>"#);
    }

    /// Grid lines with their values at the left.
    pub(super) fn grid(&mut self, plot: Plot, scale: &Scale, ticks: &[(f64, String)]) {
        for (value, label) in ticks {
            let y = scale.at(*value);
            self.path("grid", &format!("M{} {}H{}", n(plot.left), n(y), n(plot.right)));
            self.text("axis end", plot.left - 6.0, y + 4.0, label);
        }
    }

    /// Times under the plot, with their grid lines.
    pub(super) fn time_axis(&mut self, plot: Plot, y: f64, scale: &Scale, ticks: &[(i64, String)]) {
        for (at_s, label) in ticks {
            let x = scale.at(*at_s as f64);
            self.path("grid", &format!("M{} {}V{}", n(x), n(plot.top), n(plot.bottom)));
            if x > plot.left + 8.0 && x < plot.right - 8.0 {
                self.text("axis middle", x, y, label);
            }
        }
    }

    /// What is not counted yet is hatched and says so.
    pub(super) fn not_counted(&mut self, plot: Plot, scale: &Scale, series: &Series) {
        let Some(through_s) = series.counted_through_s.filter(|through_s| *through_s < series.end_s) else { return };
        let left = scale.at(through_s.max(series.begin_s) as f64);
        // The running minute is nothing to speak of.
        if plot.right - left < 3.0 {
            return;
        }
        self.rectangle("hatch", Plot { left, ..plot });
        // At the right end, beyond a narrow hatch too: the words matter more than what lies under them.
        let words = format!("not counted yet ({} on)", times::within(series.end_s - series.begin_s, through_s));
        self.text("axis end", plot.right - 2.0, plot.top + 14.0, &words);
    }
}

/// Units across a picture.
pub(super) const fn across(width: Width) -> f64 {
    match width {
        Width::Wide => 920.0,
        Width::Narrow => 344.0,
    }
}

/// A line through points; a gap where there is none.
pub(super) fn line(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut data = String::new();
    let mut drawing = false;
    let mut alone = false;
    for point in points {
        let Some((x, y)) = point else {
            close_dot(&mut data, alone);
            (drawing, alone) = (false, false);
            continue;
        };
        let _ = write!(data, "{}{} {}", if drawing { 'L' } else { 'M' }, n(x), n(y));
        alone = !drawing;
        drawing = true;
    }
    close_dot(&mut data, alone);
    data
}

/// A point without neighbours is a dot: round caps show a line of no length.
fn close_dot(data: &mut String, alone: bool) {
    if alone {
        data.push_str("h0");
    }
}

/// The area between a line and the foot of its plot.
pub(super) fn area(points: &[(f64, f64)], foot: f64) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let mut data = line(points.iter().copied().map(Some));
    let _ = write!(data, "L{} {}L{} {}Z", n(last.0), n(foot), n(first.0), n(foot));
    data
}

/// A coordinate with a digit behind the point, if it needs one.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_nothing_is() {
        let points = [Some((0.0, 1.0)), Some((1.0, 2.5)), None, Some((3.0, 4.0)), None];
        assert_eq!(line(points), "M0 1L1 2.5M3 4h0");
        assert_eq!(area(&[(0.0, 1.0), (2.0, 3.0)], 9.0), "M0 1L2 3L2 9L0 9Z");
        assert_eq!(area(&[], 9.0), "");
    }

    #[test]
    fn words_cannot_leave_their_attribute() {
        let picture = Picture::new(Width::Wide, 10.0, r#""><script>&"#).finish();
        assert!(picture.contains(r#"aria-label="&quot;&gt;&lt;script&gt;&amp;""#), "{picture}");
    }
}
