//! Kind `http`: the payload is posted.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use blacksmith_scheduler::{ClosureAction, Delivery, ERROR_TEXT_LIMIT, Failure, each};
use blacksmith_store::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::{ndjson::is_json, retry_after, signature::SigningKey};
use crate::configuration::Text;

/// Connections are kept and shared by all actions of a process.
pub(super) type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer's body is waited for this long: the status has told what matters.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// A client that trusts the authorities of this system.
pub(super) fn client() -> Result<Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    // Without any, `http:` still works, and a connection by `https:` says that its issuer is unknown.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}

/// Where requests go, and what is the same in all of them.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Uri,
    headers: HeaderMap,
    key: Option<SigningKey>,
}

impl Endpoint {
    pub(super) fn new(
        url: &Text,
        headers: &BTreeMap<String, Text>,
        secret: Option<&Text>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let url = parse_url(url.resolve(lookup)?.expose_secret())?;
        let mut map = HeaderMap::new();
        map.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("blacksmith/", env!("CARGO_PKG_VERSION"))),
        );
        for (name, value) in headers {
            let key = name.parse::<HeaderName>().map_err(|_| format!("`{name}` is no header"))?;
            let mut value =
                HeaderValue::from_str(value.resolve(lookup)?.expose_secret()).map_err(|_| {
                    format!("the value of the header `{name}` has characters that it cannot have")
                })?;
            value.set_sensitive(true);
            map.insert(key, value);
        }
        let key = match secret {
            Some(secret) => Some(SigningKey::parse(secret.resolve(lookup)?.expose_secret())?),
            None => None,
        };
        Ok(Self { url, headers: map, key })
    }

    fn request(&self, delivery: &Delivery) -> Result<Request<Full<Bytes>>, Failure> {
        let payload = delivery.data().cloned().unwrap_or_default();
        let mut headers = self.headers.clone();
        headers.entry(CONTENT_TYPE).or_insert_with(|| {
            let is_json = is_json(&payload);
            HeaderValue::from_static(if is_json {
                "application/json"
            } else {
                "application/octet-stream"
            })
        });
        let job = delivery.job.id.to_string();
        let mut set = |name: &'static str, value: &str| -> Result<(), Failure> {
            headers.insert(name, HeaderValue::from_str(&printable(value))?);
            Ok(())
        };
        set("blacksmith-job-id", &job)?;
        set("blacksmith-attempt", &delivery.attempt().to_string())?;
        set("blacksmith-event-id", &delivery.event.id.to_string())?;
        set("blacksmith-source", &delivery.event.source)?;
        set("blacksmith-trigger", &delivery.event.trigger)?;
        if let Some(key) = &self.key {
            let second = delivery.toolkit.now().timestamp();
            set("webhook-id", &job)?;
            set("webhook-timestamp", &second.to_string())?;
            set("webhook-signature", &key.sign(&job, second, &payload))?;
        }
        let mut request = Request::post(self.url.clone()).body(Full::new(payload))?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// A URL that can be posted to; the error does not repeat it, for it may hold a secret.
fn parse_url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.trim().parse().map_err(|_| "`url` is no URL".to_owned())?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    if !is_http || url.host().is_none_or(str::is_empty) {
        return Err("`url` is not one like https://HOST/PATH".to_owned());
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("`url` names a user; `headers.Authorization` is the place for that".to_owned());
    }
    Ok(url)
}

/// Names may hold any character; in a header, what is not printable ASCII is percent-encoded.
fn printable(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The action that posts one job at a time.
pub(super) fn action(name: String, client: Client, endpoint: Endpoint) -> ClosureAction {
    each(name, move |delivery| {
        let (client, endpoint) = (client.clone(), endpoint.clone());
        async move {
            let response = client.request(endpoint.request(&delivery)?).await?;
            if response.status().is_success() {
                drain(response.into_body()).await;
                return Ok(());
            }
            Err(refused(response, &delivery).await)
        }
    })
}

/// What an answer that is no success means.
async fn refused(response: Response<Incoming>, delivery: &Delivery) -> Failure {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let delay = retry_after.and_then(|text| retry_after::delay(text, delivery.toolkit.now()));
    let body = start_of(response.into_body()).await;
    let text = String::from_utf8_lossy(&body);
    let message = match text.trim() {
        "" => status.to_string(),
        text => format!("{status}: {text}"),
    };
    let failure = Failure::new(message).with_status_code(status.as_u16());
    match (status, delay) {
        (StatusCode::GONE, _) => failure.discard(),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(delay)) => {
            failure.retry_after(delay)
        }
        _ => failure,
    }
}

/// The first bytes of a body, until it ends or breaks off or stands still: as many as an error keeps.
async fn start_of(mut body: Incoming) -> Vec<u8> {
    let mut start = Vec::new();
    let reading = async {
        while start.len() <= ERROR_TEXT_LIMIT
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Some(data) = frame.data_ref() {
                let room = ERROR_TEXT_LIMIT + 1 - start.len();
                start.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
    };
    // What came until then is what is kept.
    let _ = timeout(BODY_TIMEOUT, reading).await;
    start
}

/// Reads a body to its end, so that its connection can be used again. The delivery has succeeded, so how that goes does not
/// matter.
async fn drain(mut body: Incoming) {
    let to_end = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(BODY_TIMEOUT, to_end).await;
}
