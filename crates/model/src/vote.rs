//! A vote in a poll.

/// One accepted vote. With a voter it is single and changeable: the last one in log order wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Poll it is cast in.
    pub poll: Box<str>,
    /// Option chosen; it was checked against the poll before the append.
    pub option: Box<str>,
    /// Who votes, if the client said so.
    pub voter: Option<Box<str>>,
    /// Address it came from, for the audit.
    pub source_ip: Option<Box<str>>,
    /// Client's user agent, for the audit.
    pub user_agent: Option<Box<str>>,
    /// Time of receipt in milliseconds since the Unix epoch.
    pub time_ms: i64,
}
