//! What was counted, by which tools; as a file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Instructions of one loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What the loop does.
    pub figure: String,
    /// What it does it to, such as an event.
    pub unit: String,
    /// How many of them.
    pub units: u64,
    /// Instructions of the whole loop.
    pub instructions: u64,
}

impl Count {
    /// Instructions of one unit.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // both far below 2^53
    pub fn each(&self) -> f64 {
        self.instructions as f64 / self.units as f64
    }
}

/// All that was counted in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// What counts depend on beside the code: compiler, valgrind, processor.
    pub tools: String,
    /// The loops, in the order they ran.
    pub counts: Vec<Count>,
}

impl Counts {
    /// The count of a loop.
    #[must_use]
    pub fn of(&self, figure: &str) -> Option<&Count> {
        self.counts.iter().find(|count| count.figure == figure)
    }

    /// Reads what [`Counts::write`] wrote; nothing, if there is no such file yet.
    ///
    /// # Errors
    /// If the file cannot be read, or is damaged.
    pub fn read(file: &Path) -> Result<Self, Error> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::io(format!("read {}", file.display()))(error)),
        }
    }

    /// Writes the counts as JSON, and beside it the same to be read: `counts.json` and `counts.md`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        let write = |file: &Path, text: String| {
            std::fs::write(file, text).map_err(Error::io(format!("write {}", file.display())))
        };
        write(file, serde_json::to_string_pretty(self)? + "\n")?;
        write(&file.with_extension("md"), crate::table::markdown(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let file = std::env::temp_dir().join(format!("tally-counts-{}.json", std::process::id()));
        assert_eq!(Counts::read(&file).unwrap(), Counts::default());
        let count = Count { figure: "fold".into(), unit: "event".into(), units: 4, instructions: 10 };
        let counts = Counts { tools: "rustc 1".into(), counts: vec![count] };
        counts.write(&file).unwrap();
        assert_eq!(Counts::read(&file).unwrap(), counts);
        std::fs::write(&file, "{").unwrap();
        assert!(matches!(Counts::read(&file), Err(Error::Baseline(_))));
        std::fs::remove_file(file.with_extension("md")).unwrap();
        std::fs::remove_file(file).unwrap();
    }
}
