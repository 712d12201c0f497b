//! Where a log comes from: a file, stdin or a URL; plain, gzip or zstd, told apart by their first bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use reqwest::{Client, Response, Url};
use tokio::sync::mpsc;

use crate::error::Error;

/// How much of a log is read at once, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// Pieces of a download that wait to be read, at most.
const DOWNLOAD_CHUNKS_MAX: usize = 16;
/// Longest wait for a connection to a log's URL, in seconds.
const CONNECT_SECONDS: u64 = 10;
/// Longest silence in the middle of a download, in seconds.
const SILENCE_SECONDS: u64 = 60;

/// A log as named on the command line.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// `-`
    Stdin,
    /// A path.
    File(PathBuf),
    /// An http(s) address.
    Url(Url),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected a file, a URL, or - for stdin".to_owned()),
            "-" => Ok(Self::Stdin),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                url.parse().map(Self::Url).map_err(|error| format!("not a URL: {error}"))
            }
            path => Ok(Self::File(path.into())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// A log that is open, as it is stored (compressed or not).
pub(crate) struct Log {
    /// What to call it in messages.
    pub(crate) name: String,
    /// Its stored length in bytes, where that is known.
    pub(crate) stored_bytes: Option<u64>,
    reader: Box<dyn Read + Send>,
    /// Set when the log can be read once more.
    file: Option<File>,
}

impl Log {
    /// Opens `source`; a download starts and is checked for success.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Download`].
    pub(crate) async fn open(source: &Source) -> Result<Self, Error> {
        let name = source.to_string();
        match source {
            Source::Stdin => Ok(Self { name, stored_bytes: None, reader: Box::new(io::stdin()), file: None }),
            Source::File(path) => File::open(path)
                .and_then(|file| Self::from_file(name.clone(), file))
                .map_err(|source| Error::Open { name, source }),
            Source::Url(url) => {
                let response = download(url).await.map_err(|reason| Error::Download { name: name.clone(), reason })?;
                let stored_bytes = response.content_length();
                Ok(Self { name, stored_bytes, reader: Box::new(Chunks::from_response(response)), file: None })
            }
        }
    }

    fn from_file(name: String, file: File) -> io::Result<Self> {
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory; name the files in it"));
        }
        if !about.is_file() {
            return Ok(Self { name, stored_bytes: None, reader: Box::new(file), file: None });
        }
        let reader = Box::new(file.try_clone()?);
        Ok(Self { name, stored_bytes: Some(about.len()), reader, file: Some(file) })
    }

    /// Makes a log that can be read twice: one that is no plain file goes to an unnamed temporary file first.
    ///
    /// # Errors
    /// Any from reading it or from the temporary directory.
    pub(crate) fn spooled(mut self) -> io::Result<Self> {
        if self.file.is_some() {
            return Ok(self);
        }
        let mut file = tempfile::tempfile()?;
        io::copy(&mut self.reader, &mut file)?;
        file.rewind()?;
        Self::from_file(self.name, file)
    }

    /// The log's start again, for a second reading of a [spooled](Self::spooled) log. Not to be read while the other is.
    ///
    /// # Errors
    /// When the file cannot be rewound; [`io::ErrorKind::Unsupported`] for a log that is no file.
    pub(crate) fn rewound(&self) -> io::Result<Self> {
        let mut file = self.file.as_ref().ok_or(io::ErrorKind::Unsupported)?.try_clone()?;
        file.rewind()?;
        Self::from_file(self.name.clone(), file)
    }

    /// The log's own bytes, decompressed; `read` counts the stored bytes taken so far.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub(crate) fn into_lines(self, read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
        decompressed(Counted { inner: self.reader, read })
    }
}

/// Unpacks gzip (all its members) and zstd (all its frames); anything else passes as it is.
fn decompressed(mut stored: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut head = Vec::with_capacity(4);
    stored.by_ref().take(4).read_to_end(&mut head)?;
    let (gzip, zstd) = (is_gzip(&head), is_zstd(&head));
    let whole = BufReader::with_capacity(READ_BYTES, Read::chain(Cursor::new(head), stored));
    Ok(if gzip {
        Box::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(whole)))
    } else if zstd {
        Box::new(BufReader::with_capacity(READ_BYTES, zstd::stream::read::Decoder::with_buffer(whole)?))
    } else {
        Box::new(whole)
    })
}

/// Whether a file begins as gzip or zstd does.
pub(crate) fn is_packed(path: &Path) -> io::Result<bool> {
    let mut head = Vec::with_capacity(4);
    File::open(path)?.take(4).read_to_end(&mut head)?;
    Ok(is_gzip(&head) || is_zstd(&head))
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
}

/// A zstd frame, or one of the skippable frames that may stand before it (RFC 8878 §3.1).
fn is_zstd(head: &[u8]) -> bool {
    matches!(head, [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

async fn download(url: &Url) -> Result<Response, String> {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .read_timeout(Duration::from_secs(SILENCE_SECONDS))
        .user_agent(concat!("tally/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| crate::error::chain(&error))?;
    let response = client.get(url.clone()).send().await.map_err(|error| crate::error::chain(&error))?;
    if response.status().as_u16() == 200 { Ok(response) } else { Err(format!("the answer is {}", response.status())) }
}

/// A download, read from a thread that may block while the runtime fetches.
struct Chunks {
    arriving: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Chunks {
    fn from_response(mut response: Response) -> Self {
        let (sender, arriving) = mpsc::channel(DOWNLOAD_CHUNKS_MAX);
        tokio::spawn(async move {
            while let Some(chunk) = response.chunk().await.map_err(io::Error::other).transpose() {
                let broken = chunk.is_err();
                if sender.send(chunk).await.is_err() || broken {
                    break;
                }
            }
        });
        Self { arriving, current: Bytes::new() }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.arriving.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).unwrap()
    }

    fn read_all(stored: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        decompressed(Cursor::new(stored))?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn content_decides_not_the_name() {
        let text = b"one\ntwo\n";
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(text)].concat();
        for stored in [text.to_vec(), gzip(text), zstd(text), skippable] {
            assert_eq!(read_all(stored).unwrap(), text);
        }
        for short in [&b""[..], b"a", b"a\nb"] {
            assert_eq!(read_all(short.to_vec()).unwrap(), short);
        }
    }

    #[test]
    fn concatenated_members_are_one_log() {
        for pack in [gzip, zstd] {
            let stored = [pack(b"one\n"), pack(b""), pack(b"two\n")].concat();
            assert_eq!(read_all(stored).unwrap(), b"one\ntwo\n");
        }
    }

    #[test]
    fn a_log_cut_short_is_an_error() {
        let text = b"a line that is long enough to be cut\n".repeat(50);
        for pack in [gzip, zstd] {
            let whole = pack(&text);
            assert!(read_all(whole[..whole.len() - 3].to_vec()).is_err());
        }
    }

    #[test]
    fn sources() {
        assert!(matches!("-".parse(), Ok(Source::Stdin)));
        assert!(matches!("a.log".parse(), Ok(Source::File(_))));
        assert!(matches!("https://example.com/a.gz".parse(), Ok(Source::Url(_))));
        assert!("http://".parse::<Source>().is_err());
        assert!("".parse::<Source>().is_err());
    }
}
