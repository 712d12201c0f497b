//! A loop under callgrind.

use std::path::PathBuf;
use std::process::Command;

use crate::Error;

/// Runs loops of one program under callgrind, a process for each.
#[derive(Debug)]
pub struct Callgrind {
    /// The program that holds the loops.
    pub program: PathBuf,
    /// The function whose instructions are counted, and those of all that it calls; `*` stands for any text. It must be one
    /// that is never inlined.
    pub function: &'static str,
    /// Where the profiles go, for `callgrind_annotate`.
    pub profiles: PathBuf,
}

impl Callgrind {
    /// Instructions of `figure`, which the program counts when called with `arguments`.
    ///
    /// # Errors
    /// If valgrind cannot be started, the program fails, or callgrind counted nothing.
    pub fn count(&self, figure: &str, arguments: &[&str]) -> Result<u64, Error> {
        let name: String = figure.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let profile = self.profiles.join(format!("callgrind.out.{name}"));
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--collect-atstart=no", &format!("--toggle-collect={}", self.function)])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(&self.program)
            .args(arguments)
            // What the shell has set is on the stack of the program, and would move what lies there.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .output()
            .map_err(Error::io("start valgrind"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::Failed { figure: figure.to_owned(), status: output.status, stderr });
        }
        let profile = std::fs::read_to_string(&profile).map_err(Error::io("read the profile"))?;
        total(&profile).ok_or_else(|| Error::Nothing(figure.to_owned()))
    }
}

/// The instructions of a whole profile; `None` if there are none.
fn total(profile: &str) -> Option<u64> {
    let totals = profile.lines().filter_map(|line| line.strip_prefix("totals: "));
    totals.filter_map(|total| total.trim().parse().ok()).next_back().filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found() {
        assert_eq!(total("events: Ir\nsummary: 12\n\nfn=(1) a\n3 12\n\ntotals: 12\n"), Some(12));
        for nothing in ["", "totals: 0\n", "totals: x\n", "summary: 12\n"] {
            assert_eq!(total(nothing), None, "{nothing:?}");
        }
    }
}
