//! The distribution of durations over time: bins of the sketch in threes, and only the cells that hold something.

use std::collections::BTreeMap;

use serde::Serialize;
use tally_model::Sketch;

use crate::reads::cut::Point;
use crate::reads::figures::rounded;

/// Neighbouring bins of the sketch in one bin of the map, so that a bin is high enough to be seen.
const MERGED: u16 = 3;
/// Digits of a bound; neighbours are 6 % apart.
const DIGITS: i32 = 5;

/// A heat map: `column`, `bin` and `count` are the cells that hold something.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Heat {
    step_seconds: Option<i64>,
    start_s: Vec<i64>,
    /// From the first to the last bin that holds something. Bin 0 of the sketch, exactly 0, begins at 0.
    bin_lower_ms: Vec<f64>,
    bin_upper_ms: Vec<f64>,
    column: Vec<usize>,
    bin: Vec<u16>,
    count: Vec<u64>,
}

/// The same bins over the whole window.
#[derive(Debug, Serialize)]
pub(crate) struct Distribution {
    count: Vec<u64>,
    before: Option<Vec<u64>>,
}

/// The map of `columns`, and the distribution of the window and of the one compared with. Their bins are the same.
pub(crate) fn heat(
    columns: &[Point],
    step_s: Option<i64>,
    window: &Sketch,
    before: Option<&Sketch>,
) -> (Heat, Distribution) {
    let mut heat =
        Heat { step_seconds: step_s, start_s: columns.iter().map(|point| point.start_s).collect(), ..Heat::default() };
    let cells: Vec<BTreeMap<u16, u64>> = columns.iter().map(|point| bins(&point.figures.sketch)).collect();
    let (window, before) = (bins(window), before.map(bins));
    let all = || cells.iter().chain([&window]).chain(&before).flat_map(BTreeMap::keys).copied();
    let (Some(first), Some(last)) = (all().min(), all().max()) else {
        return (heat, Distribution { count: Vec::new(), before: before.map(|_| Vec::new()) });
    };
    for (column, cells) in cells.iter().enumerate() {
        for (bin, count) in cells {
            heat.column.push(column);
            heat.bin.push(bin - first);
            heat.count.push(*count);
        }
    }
    let bounds = (first..=last).map(bounds_ms);
    (heat.bin_lower_ms, heat.bin_upper_ms) = bounds.unzip();
    let dense = |bins: &BTreeMap<u16, u64>| (first..=last).map(|bin| bins.get(&bin).copied().unwrap_or(0)).collect();
    (heat, Distribution { count: dense(&window), before: before.as_ref().map(dense) })
}

/// A sketch in bins of the map.
fn bins(sketch: &Sketch) -> BTreeMap<u16, u64> {
    let mut bins = BTreeMap::new();
    for (bin, count) in sketch.counts() {
        *bins.entry(bin.div_ceil(MERGED)).or_insert(0) += count;
    }
    bins
}

/// Bounds of a bin of the map; neighbours meet.
fn bounds_ms(bin: u16) -> (f64, f64) {
    let upper_ms = |bin: u16| {
        let us = if bin == 0 { Sketch::bounds_us(1).0 } else { Sketch::bounds_us(bin * MERGED).1 };
        rounded(us / 1_000.0, DIGITS)
    };
    (bin.checked_sub(1).map_or(0.0, upper_ms), upper_ms(bin))
}

#[cfg(test)]
mod tests {
    use tally_store::Figures;

    use super::*;

    fn sketch(us: &[u64]) -> Sketch {
        let mut sketch = Sketch::new();
        us.iter().for_each(|us| sketch.insert(*us));
        sketch
    }

    fn point(start_s: i64, sketch: Sketch) -> Point {
        Point { start_s, end_s: start_s + 60, figures: Figures { sketch, ..Figures::default() } }
    }

    #[test]
    fn cells_add_up_and_bins_meet() {
        let (a, b) = (vec![1_000; 5], vec![1_000, 2_000, 50_000]);
        let both = sketch(&[a.clone(), b.clone()].concat());
        let before = sketch(&[400, 60_000]);
        let columns = [point(0, sketch(&a)), point(60, Sketch::new()), point(120, sketch(&b))];
        let (heat, distribution) = heat(&columns, Some(60), &both, Some(&before));
        assert_eq!(heat.count.iter().sum::<u64>(), 8);
        assert_eq!(heat.column, [0, 2, 2, 2]);
        assert_eq!((distribution.count.iter().sum::<u64>(), distribution.before.unwrap().iter().sum::<u64>()), (8, 2));
        assert_eq!(distribution.count.len(), heat.bin_lower_ms.len());
        assert!(heat.bin_upper_ms.iter().zip(&heat.bin_lower_ms[1..]).all(|(upper, lower)| upper == lower));
        for (cell, ms) in [(0, 1.0), (1, 1.0), (2, 2.0), (3, 50.0)] {
            let bin = usize::from(heat.bin[cell]);
            let (lower, upper) = (heat.bin_lower_ms[bin], heat.bin_upper_ms[bin]);
            assert!(lower * 0.999 < ms && ms <= upper * 1.001 && upper / lower < 1.07, "{ms}: {lower} to {upper}");
        }
    }

    #[test]
    fn exactly_zero_has_a_bin_of_its_own() {
        let columns = [point(0, sketch(&[0, 0, 1]))];
        let (heat, _) = heat(&columns, Some(60), &columns[0].figures.sketch, None);
        assert_eq!((heat.bin.as_slice(), heat.count.as_slice()), ([0, 1].as_slice(), [2, 1].as_slice()));
        assert!(heat.bin_lower_ms[0] == 0.0 && heat.bin_upper_ms[0] <= 0.001);
    }

    #[test]
    fn nothing_timed_is_no_bin() {
        let (heat, distribution) = heat(&[point(0, Sketch::new())], None, &Sketch::new(), Some(&Sketch::new()));
        assert!(heat.bin_lower_ms.is_empty() && heat.count.is_empty() && heat.start_s == [0]);
        assert_eq!((distribution.count.len(), distribution.before), (0, Some(Vec::new())));
    }
}
