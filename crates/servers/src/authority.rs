//! Certificates for servers that speak TLS.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::{Error, directory};

/// A certificate authority of our own, for as long as this value lives; nobody knows it who is not told.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
}

/// The certificate of a server and its private key, in PEM.
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// Makes a new one, with its own certificate in `dir` (made when missing).
    pub fn create(dir: &Path) -> Result<Authority, Error> {
        let directory = directory::create_private(dir)?;
        let authority = Authority { issuer: new_issuer().map_err(Error::Certificate)?, directory };
        let file = authority.file();
        fs::write(&file, authority.issuer.pem()).map_err(Error::path("write", &file))?;
        Ok(authority)
    }

    /// Its own certificate, in PEM: what a client is to trust.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// A certificate for the server `name`: a host's name or its address.
    pub fn certify(&self, name: &str) -> Result<Certificate, Error> {
        let issue = || {
            let key = KeyPair::generate()?;
            let certificate = CertificateParams::new([name.to_owned()])?.signed_by(&key, &self.issuer)?;
            Ok(Certificate { certificate: certificate.pem(), key: key.serialize_pem() })
        };
        issue().map_err(Error::Certificate)
    }
}

impl Certificate {
    /// Arguments (`RedisOptions::extra`) that make Redis speak TLS on a second port. The files that they name are in `dir`.
    pub fn redis_arguments(&self, dir: &Path, port: u16) -> Result<Vec<String>, Error> {
        let dir = directory::create_private(dir)?;
        let mut arguments = vec!["--tls-port".to_owned(), port.to_string()];
        arguments.extend(["--tls-auth-clients", "no"].map(str::to_owned));
        for (name, file, text) in
            [("--tls-cert-file", "server.crt", &self.certificate), ("--tls-key-file", "server.key", &self.key)]
        {
            let file = dir.join(file);
            fs::write(&file, text).map_err(Error::path("write", &file))?;
            arguments.extend([name.to_owned(), file.to_string_lossy().into_owned()]);
        }
        Ok(arguments)
    }
}

fn new_issuer() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // Clients look an authority up by its name: two of ours must not bear the same.
    params.distinguished_name.push(DnType::CommonName, format!("tally {:x?}", &key.public_key_raw()[..8]));
    CertifiedIssuer::self_signed(params, key)
}
