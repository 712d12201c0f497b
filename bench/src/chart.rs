//! A chart of what was measured, as an SVG that is read on light pages and on dark ones.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::{Deserialize, Serialize};

use crate::chart_axis::{Axis, Scale, Ticks};
use crate::error::Error;
use crate::rounds::Range;

/// Size of the whole in pixels, and of what stands around its panels.
const WIDTH: u32 = 880;
const PANEL_HEIGHT: u32 = 312;
const HEAD_HEIGHT: u32 = 44;
const LINE_HEIGHT: u32 = 17;
const EDGE: u32 = 14;
/// Inside a panel: its heading and its names of lines, its labels of both axes, and room for half a label.
const PANEL_HEAD: u32 = 48;
const X_LABELS: u32 = 40;
const Y_LABELS: u32 = 52;
const PANEL_RIGHT: u32 = 22;
const PANEL_FOOT: u32 = 12;
/// Panels beside each other.
const COLUMNS: usize = 2;
/// A line of more points than these is drawn without marks.
const MARKED_MAX: usize = 16;
/// Size of a mark.
const MARK: u32 = 8;
/// What a letter is wide, as a share of its height; nobody knows which font there will be.
const LETTER: f64 = 0.52;

const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const GREY: RGBColor = RGBColor(0x59, 0x63, 0x6e);
const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
/// Told apart by most people, and by their marks as well.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0x09, 0x69, 0xda),
    RGBColor(0xbc, 0x4c, 0x00),
    RGBColor(0x1a, 0x7f, 0x37),
    RGBColor(0x82, 0x50, 0xdf),
    RGBColor(0x8a, 0x6d, 0x00),
];
/// The same on dark paper, in their order.
const DARK: [(RGBColor, &str); 9] = [
    (PAPER, "#0d1117"),
    (INK, "#e6edf3"),
    (GREY, "#9198a1"),
    (GRID, "#30363d"),
    (COLOURS[0], "#58a6ff"),
    (COLOURS[1], "#f0883e"),
    (COLOURS[2], "#3fb950"),
    (COLOURS[3], "#bc8cff"),
    (COLOURS[4], "#e3b341"),
];
const FONT: &str = "system-ui, sans-serif";

/// What is drawn: panels beside each other under one title.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Lines of small print under the panels.
    pub(crate) notes: Vec<String>,
    pub(crate) panels: Vec<Panel>,
}

/// Lines over one pair of axes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Panel {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

/// Points that belong together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

/// Median, least and most of what was measured at one place.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Line {
    /// The line through what was measured at each x.
    pub(crate) fn new(name: &str, points: impl IntoIterator<Item = (f64, Range)>) -> Self {
        let point = |(x, range): (f64, Range)| Point { x, median: range.median, min: range.min, max: range.max };
        let known = |point: &Point| [point.x, point.median, point.min, point.max].iter().all(|value| value.is_finite());
        Self { name: name.to_owned(), points: points.into_iter().map(point).filter(known).collect() }
    }

    /// The line through values that were measured once.
    pub(crate) fn once(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let range = |(x, value)| (x, Range { median: value, min: value, max: value });
        Self::new(name, points.into_iter().map(range))
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Chart {
    /// The SVG; `signature` says in its last line where it comes from.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub(crate) fn svg(&self, signature: &str) -> Result<String, Error> {
        let rows = self.panels.len().div_ceil(COLUMNS) as u32;
        let small_print = self.small_print(signature);
        let height = HEAD_HEIGHT + rows * PANEL_HEIGHT + small_print.len() as u32 * LINE_HEIGHT + EDGE;
        let mut svg = String::new();
        let drawn = {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            self.draw(&root, &small_print).and_then(|()| root.present())
        };
        drawn.map_err(|error| Error::Wrong(format!("cannot draw {}: {error}", self.title)))?;
        Ok(finished(&svg, &self.title))
    }

    /// The notes and the signature, in lines that are no longer than the chart is wide.
    fn small_print(&self, signature: &str) -> Vec<String> {
        let letters_max = (f64::from(WIDTH - 2 * EDGE) / (12.0 * LETTER)) as usize;
        let mut lines = Vec::new();
        for note in self.notes.iter().map(String::as_str).chain([signature]) {
            let mut line = String::new();
            for word in note.split(' ') {
                if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > letters_max {
                    lines.push(std::mem::take(&mut line));
                }
                line += if line.is_empty() { "" } else { " " };
                line += word;
            }
            lines.push(line);
        }
        lines
    }

    fn draw(&self, root: &Area<'_>, small_print: &[String]) -> Drawn {
        root.fill(&PAPER)?;
        write(root, (EDGE, EDGE), &self.title, (17.0, INK))?;
        let width = WIDTH / self.panels.len().clamp(1, COLUMNS) as u32;
        let (mut at_x, mut at_y) = (0, HEAD_HEIGHT);
        for panel in &self.panels {
            panel.draw(root, &root.clone().shrink((at_x, at_y), (width, PANEL_HEIGHT)))?;
            at_x += width;
            if at_x + width > WIDTH {
                (at_x, at_y) = (0, at_y + PANEL_HEIGHT);
            }
        }
        let rows = self.panels.len().div_ceil(COLUMNS) as u32;
        let mut at_y = HEAD_HEIGHT + rows * PANEL_HEIGHT;
        for note in small_print {
            write(root, (EDGE, at_y), note, (12.0, GREY))?;
            at_y += LINE_HEIGHT;
        }
        Ok(())
    }
}

impl Panel {
    fn draw(&self, whole: &Area<'_>, area: &Area<'_>) -> Drawn {
        write(area, (EDGE, 4), &self.y.label, (13.0, INK))?;
        self.draw_names(area)?;
        let shown = self.shown();
        let values = |of: fn(&Point) -> [f64; 3]| shown.iter().flat_map(|line| &line.points).flat_map(of);
        let x = self.x.ticks(values(|point| [point.x; 3]).collect(), true);
        let y = self.y.ticks(values(|point| [point.min, point.median, point.max]).collect(), false);
        let mut context = ChartBuilder::on(area)
            .margin_top(PANEL_HEAD)
            .margin_right(PANEL_RIGHT)
            .margin_bottom(PANEL_FOOT)
            .x_label_area_size(X_LABELS)
            .y_label_area_size(Y_LABELS)
            .build_cartesian_2d(x, y)?;
        context
            .configure_mesh()
            .max_light_lines(0)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .x_label_style(font(12.0, GREY))
            .y_label_style(font(12.0, GREY))
            .axis_desc_style(font(12.0, GREY))
            .x_desc(&self.x.label)
            .draw()?;
        for (number, line) in shown.iter().enumerate() {
            line.draw(number, &mut context)?;
            for point in line.points.iter().filter(|_| line.is_marked()) {
                mark(whole, context.backend_coord(&(point.x, point.median)), number)?;
            }
        }
        Ok(())
    }

    /// The lines without what has no place: there is no 0 on a logarithmic axis.
    fn shown(&self) -> Vec<Line> {
        let mut lines = self.lines.clone();
        if self.y.scale == Scale::Log {
            lines.iter_mut().for_each(|line| line.points.retain(|point| point.median > 0.0));
        }
        lines
    }

    /// The names of the lines, each behind its mark.
    fn draw_names(&self, area: &Area<'_>) -> Drawn {
        let mut at_x = EDGE as i32;
        for (number, line) in self.lines.iter().enumerate() {
            let at = (at_x + 5, 33);
            area.draw(&PathElement::new(vec![(at.0 - 5, at.1), (at.0 + 11, at.1)], stroke(number)))?;
            mark(area, (at.0 + 3, at.1), number)?;
            write(area, (at_x as u32 + 21, 26), &line.name, (12.0, INK))?;
            at_x += 21 + (line.name.chars().count() as f64 * 12.0 * LETTER) as i32 + 14;
        }
        Ok(())
    }
}

impl Line {
    fn is_marked(&self) -> bool {
        self.points.len() <= MARKED_MAX
    }

    fn draw<DB: DrawingBackend>(
        &self,
        number: usize,
        context: &mut ChartContext<'_, DB, Cartesian2d<Ticks, Ticks>>,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let path = self.points.iter().map(|point| (point.x, point.median));
        context.draw_series(LineSeries::new(path, stroke(number)))?;
        let spread = |point: &Point| PathElement::new(vec![(point.x, point.min), (point.x, point.max)], colour(number));
        context.draw_series(self.points.iter().filter(|_| self.is_marked()).map(spread))?;
        Ok(())
    }
}

fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

fn stroke(number: usize) -> ShapeStyle {
    colour(number).stroke_width(2)
}

/// Draws the mark of a line: each has its own.
fn mark(area: &Area<'_>, at: (i32, i32), number: usize) -> Drawn {
    let filled = colour(number).filled();
    match number % 3 {
        0 => area.draw(&Circle::new(at, MARK / 2, filled)),
        1 => area.draw(&TriangleMarker::new(at, MARK * 2 / 3, filled)),
        _ => area.draw(&Cross::new(at, MARK / 2, stroke(number))),
    }
}

fn font(size: f64, colour: RGBColor) -> TextStyle<'static> {
    // The backend makes text smaller by this.
    const SHRUNK: f64 = 1.24;
    let font: FontDesc<'static> = (FONT, size * SHRUNK).into_font();
    font.color(&colour)
}

/// Writes a line whose upper left corner is at `at`.
fn write(area: &Area<'_>, at: (u32, u32), text: &str, (size, colour): (f64, RGBColor)) -> Drawn {
    let style = font(size, colour).pos(Pos::new(HPos::Left, VPos::Top));
    area.draw_text(text, &style, (at.0 as i32, at.1 as i32))
}

/// Gives it a name, and other colours where the reader's pages are dark.
fn finished(svg: &str, title: &str) -> String {
    let hex = |colour: RGBColor| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
    let dark = DARK.map(|(light, dark)| {
        let light = hex(light);
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
    });
    let head = format!(
        "<title>{title}</title>\n<style>@media (prefers-color-scheme: dark) {{ {} }}</style>\n",
        dark.join(" ")
    );
    let body_at = svg.find(">\n").map_or(0, |at| at + 2);
    format!("{}{head}{}\n", &svg[..body_at], svg[body_at..].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_axes_lines_and_source() {
        let range = |median: f64| Range { median, min: median / 2.0, max: median * 2.0 };
        let line = Line::new("singles", [(1.0, range(10.0)), (16.0, range(f64::NAN)), (64.0, range(30.0))]);
        assert_eq!(line.points.len(), 2);
        let axis = |label: &str, scale| Axis { label: label.to_owned(), scale };
        let panel = Panel { x: axis("connections", Scale::Log), y: axis("events/s", Scale::Linear), lines: vec![line] };
        let chart =
            Chart { title: "Connections".to_owned(), notes: vec!["A note.".to_owned()], panels: vec![panel; 3] };
        let svg = chart.svg("make bench-growth").unwrap();
        for text in ["<title>Connections</title>", "connections", "events/s", "singles", "A note.", "make bench-growth"]
        {
            assert!(svg.contains(text), "{text}");
        }
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("prefers-color-scheme"));
    }
}
