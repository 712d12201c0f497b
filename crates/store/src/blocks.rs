//! Units that are over, packed by a coarser one: minutes by the hour, days by the month.

use tally_model::{BlockUnit, Level, SketchError, Window};

/// The blocks of one level, each of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// The level that is packed.
    level: Level,
    /// A block holds those of one unit of this level.
    by: Level,
}

impl Blocks {
    /// Those of `level`; hours and months stay in rows.
    pub(crate) fn of(level: Level) -> Option<Self> {
        let by = level.coarser().filter(|_| matches!(level, Level::Minute | Level::Day))?;
        Some(Self { level, by })
    }

    /// The level that is packed.
    pub(crate) const fn level(self) -> Level {
        self.level
    }

    /// Where they are; partitioned under that name.
    pub(crate) fn table(self) -> String {
        format!("{}_block", self.level.name())
    }

    /// The column that holds the units, see [`BlockUnit`].
    pub(crate) fn column(self) -> String {
        format!("{}s", self.level.name())
    }

    /// Start of the block that the unit from `start_s` on comes to, and its place there.
    pub(crate) fn place(self, start_s: i64) -> (i64, u8) {
        let block_s = self.by.floor(start_s);
        (block_s, u8::try_from((start_s - block_s) / self.level.next(0)).unwrap_or(u8::MAX))
    }

    /// Whether a block may hold units between the bounds that the parameters `first` and the next one are. None is looked at where
    /// nothing is sealed yet: a month of which one day is would be read for nothing.
    pub(crate) fn between(self, first: usize) -> String {
        let from = format!("to_timestamp(${first}::bigint)");
        format!(
            "start >= date_trunc('{}', {from}, 'UTC') AND start < to_timestamp(${}::bigint) \
             AND {from} < (SELECT at FROM retention_floor WHERE level = '{}')",
            self.by.name(),
            first + 1,
            self.level.name()
        )
    }

    /// The units of the block from `block_s` on that lie in the window, each with its start.
    pub(crate) fn units(
        self,
        block: &[u8],
        block_s: i64,
        window: Window,
    ) -> impl Iterator<Item = Result<(i64, BlockUnit<'_>), SketchError>> {
        let within = move |unit: BlockUnit<'_>| {
            let start_s = block_s + self.level.next(0) * i64::from(unit.place);
            (window.from_s..window.to_s).contains(&start_s).then_some(start_s)
        };
        BlockUnit::all(block).filter_map(move |unit| match unit {
            Ok(unit) => within(unit).map(|start_s| Ok((start_s, unit))),
            Err(error) => Some(Err(error)),
        })
    }
}
