//! TLS by `sslmode`, as libpq understands it.

use std::path::PathBuf;

use blacksmith_store_core::{Result, StoreError};
use tokio_postgres::config::SslMode;

/// How much a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Disable,
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// The server's certificate comes from a known authority.
    VerifyCa,
    /// And it is for the host that was asked for.
    VerifyFull,
}

/// What `sslmode` and `sslrootcert` of a connection string say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsMode {
    level: Level,
    root: Option<PathBuf>,
}

impl TlsMode {
    /// Takes what is about TLS out of a connection string, for the driver does not know all of it.
    pub(crate) fn taken_from(connection: &str) -> Result<(String, Self)> {
        let mut level = None;
        let mut root = None;
        let mut take = |key: &str, value: &str| -> Result<bool> {
            match key {
                "sslmode" => level = Some(Level::parse(value)?),
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => root = Some(PathBuf::from(value)),
                _ => return Ok(false),
            }
            Ok(true)
        };
        let is_url =
            connection.starts_with("postgres://") || connection.starts_with("postgresql://");
        let rest = if is_url {
            without_url_pairs(connection, &mut take)?
        } else {
            without_pairs(connection, &mut take)?
        };
        // As in libpq: who names an authority wants the server checked against it.
        let level = match level.unwrap_or(Level::Prefer) {
            Level::Require if root.is_some() => Level::VerifyCa,
            level => level,
        };
        Ok((rest, Self { level, root }))
    }
}

impl Level {
    fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(StoreError::config(
                    "`sslmode` is none of disable, allow, prefer, require, verify-ca, verify-full",
                ));
            }
        })
    }

    fn for_driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

type Take<'a> = &'a mut dyn FnMut(&str, &str) -> Result<bool>;

fn without_url_pairs(url: &str, take: Take<'_>) -> Result<String> {
    // A password may hold a question mark.
    let host = url.find('@').unwrap_or(0);
    let Some(query_at) = url[host..].find('?').map(|at| host + at) else {
        return Ok(url.to_owned());
    };
    let (address, query) = (&url[..query_at], &url[query_at + 1..]);
    let mut kept = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !take(key, &value.replace("%2F", "/").replace("%2f", "/"))? {
            kept.push(pair);
        }
    }
    let query = kept.join("&");
    Ok(if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") })
}

/// The same for `key=value` pairs, whose values may stand in quotes.
fn without_pairs(text: &str, take: Take<'_>) -> Result<String> {
    let mut kept = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = pair_end(rest);
        let (pair, tail) = rest.split_at(end);
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !take(key.trim(), value.trim().trim_matches('\''))? {
            kept.push_str(pair);
            kept.push(' ');
        }
        rest = tail.trim_start();
    }
    Ok(kept)
}

/// Where the first pair of a text ends: at the first space outside quotes that does not stand beside the equals sign.
fn pair_end(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let mut begun = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => {
                quoted = !quoted;
                begun = true;
            }
            '=' if !quoted => begun = false,
            _ if character.is_whitespace() && !quoted => {
                let ahead = text[index..].trim_start();
                if begun && !ahead.starts_with('=') {
                    return index;
                }
            }
            _ => begun = true,
        }
    }
    text.len()
}

#[cfg(not(feature = "tls"))]
mod driver {
    use tokio_postgres::NoTls;

    use super::{Level, Result, SslMode, StoreError, TlsMode};

    /// Connections without TLS: the program was built without it.
    #[derive(Clone)]
    pub(crate) struct Tls(SslMode);

    impl Tls {
        pub(crate) fn new(mode: &TlsMode) -> Result<Self> {
            match mode.level {
                Level::Disable | Level::Prefer => Ok(Self(mode.level.for_driver())),
                _ => Err(StoreError::config(
                    "`sslmode` asks for TLS, and this program was built without it (the feature `tls` of \
                     blacksmith-store-postgres)",
                )),
            }
        }

        pub(crate) fn mode(&self) -> SslMode {
            self.0
        }

        #[allow(clippy::unused_self, reason = "its counterpart with TLS looks at it")]
        pub(crate) fn connect(&self) -> NoTls {
            NoTls
        }
    }
}

#[cfg(feature = "tls")]
mod driver {
    use std::sync::Arc;

    use rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
        SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_name,
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
        server::ParsedCertificate,
    };
    use tokio_postgres_rustls::MakeRustlsConnect;

    use super::{Level, Result, SslMode, StoreError, TlsMode};

    /// Makes the TLS of connections.
    #[derive(Clone)]
    pub(crate) struct Tls {
        mode: SslMode,
        connect: MakeRustlsConnect,
    }

    impl Tls {
        pub(crate) fn new(mode: &TlsMode) -> Result<Self> {
            let provider = Arc::new(ring::default_provider());
            let unusable =
                |error: Error| StoreError::config("TLS cannot be set up").with_source(error);
            let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(unusable)?;
            let verifier: Arc<dyn ServerCertVerifier> = match mode.level {
                Level::VerifyCa | Level::VerifyFull => {
                    let is_any_host = mode.level == Level::VerifyCa;
                    Arc::new(KnownServer::new(mode, is_any_host, provider)?)
                }
                Level::Disable | Level::Prefer | Level::Require => Arc::new(AnyServer(provider)),
            };
            let config = builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth();
            Ok(Self { mode: mode.level.for_driver(), connect: MakeRustlsConnect::new(config) })
        }

        pub(crate) fn mode(&self) -> SslMode {
            self.mode
        }

        pub(crate) fn connect(&self) -> MakeRustlsConnect {
            self.connect.clone()
        }
    }

    /// The authorities that are trusted: those of `sslrootcert`, else those of the system.
    fn authorities(mode: &TlsMode) -> Result<Vec<CertificateDer<'static>>> {
        let Some(path) = &mode.root else {
            let found = rustls_native_certs::load_native_certs().certs;
            if found.is_empty() {
                return Err(StoreError::config(
                    "`sslmode` asks for the server to be verified, and the system has no certificates of authorities; name \
                     some with `sslrootcert`",
                ));
            }
            return Ok(found);
        };
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| {
            let path = path.display();
            StoreError::config(format!(
                "`sslrootcert` names {path}, which holds no certificates in PEM"
            ))
            .with_source(source)
        };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(error.into()))?;
        if certificates.is_empty() {
            return Err(unreadable("there is none in it".into()));
        }
        Ok(certificates)
    }

    /// Takes any certificate, as `prefer` and `require` do: against listeners, not against impostors.
    #[derive(Debug)]
    struct AnyServer(Arc<CryptoProvider>);

    impl ServerCertVerifier for AnyServer {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }

    /// Takes a certificate of a known authority, or one that is known itself, as servers have that sign their own.
    #[derive(Debug)]
    struct KnownServer {
        authorities: Arc<WebPkiServerVerifier>,
        known: Vec<CertificateDer<'static>>,
        /// Whether it does not matter which host the certificate is for.
        is_any_host: bool,
    }

    impl KnownServer {
        fn new(mode: &TlsMode, is_any_host: bool, provider: Arc<CryptoProvider>) -> Result<Self> {
            let known = authorities(mode)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(known.iter().cloned());
            let authorities =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            let authorities = authorities.build().map_err(|error| {
                StoreError::config("the certificates of authorities cannot be used")
                    .with_source(error)
            })?;
            Ok(Self { authorities, known, is_any_host })
        }
    }

    impl ServerCertVerifier for KnownServer {
        fn verify_server_cert(
            &self,
            certificate: &CertificateDer<'_>,
            between: &[CertificateDer<'_>],
            host: &ServerName<'_>,
            ocsp: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            let verdict = if self.known.iter().any(|known| known == certificate) {
                let parsed = ParsedCertificate::try_from(certificate)?;
                verify_server_name(&parsed, host).map(|()| ServerCertVerified::assertion())
            } else {
                self.authorities.verify_server_cert(certificate, between, host, ocsp, now)
            };
            match verdict {
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) if self.is_any_host => Ok(ServerCertVerified::assertion()),
                verdict => verdict,
            }
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.authorities.verify_tls12_signature(message, certificate, signature)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.authorities.verify_tls13_signature(message, certificate, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.authorities.supported_verify_schemes()
        }
    }
}

pub(crate) use driver::Tls;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_tls_is_taken_out_of_either_form() -> Result<()> {
        for (given, rest, level, root) in [
            ("postgres://u@h/d", "postgres://u@h/d", Level::Prefer, None),
            ("postgres://u:a?b@h/d", "postgres://u:a?b@h/d", Level::Prefer, None),
            ("postgres://u@h/d?sslmode=verify-full", "postgres://u@h/d", Level::VerifyFull, None),
            (
                "postgresql://u@h/d?a=b&sslmode=require&sslrootcert=%2Fca.pem&c=d",
                "postgresql://u@h/d?a=b&c=d",
                Level::VerifyCa,
                Some("/ca.pem"),
            ),
            ("host=h sslmode=disable user=u", "host=h user=u ", Level::Disable, None),
            (
                "host = h password='a sslmode=b' sslmode = require",
                "host = h password='a sslmode=b' ",
                Level::Require,
                None,
            ),
        ] {
            let (kept, mode) = TlsMode::taken_from(given)?;
            assert_eq!(kept, rest);
            assert_eq!(mode, TlsMode { level, root: root.map(PathBuf::from) }, "{given}");
        }
        assert!(TlsMode::taken_from("postgres://u@h/d?sslmode=maybe").is_err());
        Ok(())
    }
}
