//! TLS to Redis: whom to believe that a server is who it says.

use std::path::Path;

use redis::{Client, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::Error;
use crate::link::settings_error;

/// A client of the server that `info` names. With TLS (`rediss://`) the server's certificate and name are always verified:
/// against the authorities in `ca_file`, or the public ones without it.
pub(crate) fn client(info: ConnectionInfo, ca_file: Option<&Path>) -> Result<Client, Error> {
    let encrypted = match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            return Err(Error::Settings("#insecure is refused: certificates are always verified".to_owned()));
        }
        ConnectionAddr::TcpTls { .. } => true,
        _ => false,
    };
    match (encrypted, ca_file) {
        // Whoever names authorities wants them asked: better no connection than one in clear.
        (false, Some(file)) => Err(Error::Settings(format!(
            "there is a file of authorities ({}), but the URL does not begin with rediss://",
            file.display()
        ))),
        (false, None) => Client::open(info).map_err(|error| settings_error(&error)),
        (true, file) => {
            // The client asks for the process's provider. Whoever chose one before us keeps it.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let root_cert = file.map(authorities).transpose()?;
            let certificates = TlsCertificates { client_tls: None, root_cert };
            Client::build_with_tls(info, certificates).map_err(|error| settings_error(&error))
        }
    }
}

/// The file's text. One without a certificate would believe nobody, and say so only at the first connection.
fn authorities(file: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |reason: String| Error::Settings(format!("file of authorities {}: {reason}", file.display()));
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err(wrong("there is no certificate in it (PEM)".to_owned())),
        Ok(_) => Ok(pem),
        Err(error) => Err(wrong(error.to_string())),
    }
}
