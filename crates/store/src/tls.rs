//! TLS to PostgreSQL: when, and whom to believe that a server is who it says.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Config, Error};

/// Where systems keep the public authorities, for programs that want a file.
const PUBLIC_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Reads the URL. Without `sslmode` nothing is encrypted. `require` verifies always, so `verify-full` means no more.
pub(crate) fn parse(url: &str) -> Result<tokio_postgres::Config, Error> {
    let mode = url.rsplit(['?', '&', ' ']).find_map(|part| part.strip_prefix("sslmode="));
    let read = |url: &str| tokio_postgres::Config::from_str(url).map_err(|_| Error::Url);
    match mode {
        None => {
            let mut client = read(url)?;
            client.ssl_mode(SslMode::Disable);
            Ok(client)
        }
        Some("disable" | "prefer" | "require") => read(url),
        Some("verify-full") => read(&url.replace("sslmode=verify-full", "sslmode=require")),
        Some(_) => Err(Error::Tls("sslmode must be disable, prefer, require or verify-full".to_owned())),
    }
}

/// What makes connections that use TLS as `mode` says. The server's certificate and name are always verified.
pub(crate) fn connector(mode: SslMode, config: &Config) -> Result<MakeRustlsConnect, Error> {
    let roots = match &config.ca_file {
        // Whoever names authorities wants them asked: better no connection than one in clear.
        Some(file) if mode == SslMode::Disable => {
            let why = "but the database URL does not say sslmode=require (or prefer)";
            return Err(Error::Tls(format!("there is a file of authorities ({}), {why}", file.display())));
        }
        Some(file) => authorities(file)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| Error::Tls(error.to_string()))?;
    Ok(MakeRustlsConnect::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

fn authorities(file: &Path) -> Result<RootCertStore, Error> {
    let wrong = |reason: String| Error::Tls(format!("file of authorities {}: {reason}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it (PEM)".to_owned()));
    }
    Ok(roots)
}

/// The same for PostgreSQL's own programs, as libpq reads it from the environment. They know no public authorities of
/// their own, so they are given the system's file.
pub(crate) fn environment(mode: SslMode, ca_file: Option<&Path>) -> Result<Vec<(&'static str, String)>, Error> {
    let roots = || ca_file.map(Path::to_owned).or_else(public_file);
    let file = |path: PathBuf| ("PGSSLROOTCERT", path.to_string_lossy().into_owned());
    match mode {
        SslMode::Disable => Ok(vec![("PGSSLMODE", "disable".to_owned())]),
        // libpq's: verifies the certificate where there is a file, and goes on in clear where that fails.
        SslMode::Prefer => Ok([("PGSSLMODE", "prefer".to_owned())].into_iter().chain(roots().map(file)).collect()),
        _ => {
            let none = "PostgreSQL's programs need a file of authorities, and this system has none";
            let roots = roots().ok_or_else(|| Error::Tls(none.to_owned()))?;
            Ok(vec![("PGSSLMODE", "verify-full".to_owned()), file(roots)])
        }
    }
}

fn public_file() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.into_iter().chain(PUBLIC_FILES.map(PathBuf::from)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_as_the_url_says() {
        for (query, mode) in [
            ("", SslMode::Disable),
            ("?application_name=x", SslMode::Disable),
            ("?sslmode=disable", SslMode::Disable),
            ("?sslmode=prefer", SslMode::Prefer),
            ("?connect_timeout=3&sslmode=require", SslMode::Require),
            ("?sslmode=verify-full", SslMode::Require),
        ] {
            let client = parse(&format!("postgres://u:p@h/d{query}")).unwrap();
            assert_eq!(client.get_ssl_mode(), mode, "{query}");
        }
        for wrong in ["verify-ca", "allow", "yes", ""] {
            let error = parse(&format!("postgres://u:hunter2@h/d?sslmode={wrong}")).unwrap_err().to_string();
            assert!(error.contains("verify-full") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn programs_verify_too() {
        let ours = Some(Path::new("/ca.crt"));
        let root = ("PGSSLROOTCERT", "/ca.crt".to_owned());
        let mode = |mode: &str| ("PGSSLMODE", mode.to_owned());
        assert_eq!(environment(SslMode::Disable, None).unwrap(), [mode("disable")]);
        assert_eq!(environment(SslMode::Prefer, ours).unwrap(), [mode("prefer"), root.clone()]);
        assert_eq!(environment(SslMode::Require, ours).unwrap(), [mode("verify-full"), root]);
    }

    #[test]
    fn authorities_without_tls_are_a_mistake() {
        let config = Config { ca_file: Some("/ca.crt".into()), ..Config::new("postgres://h/d") };
        assert!(matches!(connector(SslMode::Disable, &config), Err(Error::Tls(text)) if text.contains("/ca.crt")));
        assert!(matches!(connector(SslMode::Require, &config), Err(Error::Tls(text)) if text.contains("/ca.crt")));
    }
}
