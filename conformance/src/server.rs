//! The server behind an adapter's stores, and how they are led to it by another way.

use std::{fmt, net::SocketAddr, sync::Arc};

use blacksmith_store_core::{Adapter, Options};
use http::{
    Uri,
    uri::{Authority, Parts},
};

/// Values of a URL's parameters that have the server prove its name, which it cannot at another address.
const PROVEN_NAMES: [&str; 2] = ["verify-full", "verify_identity"];

type AddressOf = dyn Fn(&Options) -> Option<String> + Send + Sync;
type Moved = dyn Fn(&Options, SocketAddr) -> Options + Send + Sync;

/// A server behind an adapter's stores: at which address options reach it, and how they look that reach it at another one. The
/// suite puts a proxy there that knows nothing of what passes, and cuts connections.
#[derive(Clone)]
pub struct Server {
    address: Arc<AddressOf>,
    moved: Arc<Moved>,
}

impl Server {
    /// A server that options name in any way. `address` is where they lead, as `host:port`, if they lead to a server that is
    /// reached by TCP; `moved` makes options that lead to another address and say the same else.
    pub fn new(
        address: impl Fn(&Options) -> Option<String> + Send + Sync + 'static,
        moved: impl Fn(&Options, SocketAddr) -> Options + Send + Sync + 'static,
    ) -> Self {
        Self { address: Arc::new(address), moved: Arc::new(moved) }
    }

    /// A server whose host stands in the connection, a URL, and its port too unless it is `port`.
    pub fn in_url(port: u16) -> Self {
        Self::new(move |options| address(options, port), moved)
    }

    /// The server of an adapter whose [example URL](Adapter::example_url) has a port, which is the usual one.
    pub fn of_adapter(adapter: &dyn Adapter) -> Option<Self> {
        let port = adapter.example_url().parse::<Uri>().ok()?.port_u16()?;
        Some(Self::in_url(port))
    }

    /// Where options lead, as `host:port`, if they lead to a server that is reached by TCP.
    pub fn address(&self, options: &Options) -> Option<String> {
        (self.address)(options)
    }

    /// The same options, leading to another address.
    pub(crate) fn moved(&self, options: &Options, to: SocketAddr) -> Options {
        (self.moved)(options, to)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// The connection as a URL with a scheme and one host.
fn url(options: &Options) -> Option<Uri> {
    let url: Uri = options.expose_connection()?.parse().ok()?;
    // A folder of sockets, or several hosts.
    let is_one_host = |host: &str| !host.is_empty() && !host.contains(['%', ',']);
    (url.scheme().is_some() && url.host().is_some_and(is_one_host)).then_some(url)
}

fn address(options: &Options, port: u16) -> Option<String> {
    let url = url(options)?;
    let mut parameters = url.query().unwrap_or_default().split('&');
    let proves_its_name = parameters.any(|parameter| {
        let value = parameter.split_once('=').map_or("", |(_, value)| value);
        PROVEN_NAMES.iter().any(|proven| value.eq_ignore_ascii_case(proven))
    });
    let host = url.host()?;
    (!proves_its_name).then(|| format!("{host}:{}", url.port_u16().unwrap_or(port)))
}

fn moved(options: &Options, to: SocketAddr) -> Options {
    let moved = url(options).and_then(|url| {
        let mut parts: Parts = url.into_parts();
        let authority = parts.authority?;
        let place = match authority.as_str().rsplit_once('@') {
            Some((user, _)) => format!("{user}@{to}"),
            None => to.to_string(),
        };
        parts.authority = Some(place.parse::<Authority>().ok()?);
        Uri::from_parts(parts).ok()
    });
    moved.map_or_else(|| options.clone(), |url| options.clone().with_connection(url.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(connection: &str) -> Options {
        Options::new("theirs").with_connection(connection)
    }

    #[test]
    fn a_url_with_a_host_leads_to_a_server() {
        let server = Server::in_url(5432);
        for (connection, address) in [
            ("theirs://me:secret@db.local:6000/queue?mode=require", Some("db.local:6000")),
            ("theirs://me@db.local/queue", Some("db.local:5432")),
            ("theirs://me@[::1]/queue", Some("[::1]:5432")),
            ("theirs://me@%2Frun%2Ftheirs/queue", None),
            ("theirs:///queue?host=/run/theirs", None),
            ("theirs://one:1,two:2/queue", None),
            ("theirs://one,two/queue", None),
            ("theirs://db.local/queue?sslmode=verify-full", None),
            ("host=db.local user=me", None),
            ("queue.db", None),
        ] {
            assert_eq!(server.address(&at(connection)).as_deref(), address, "{connection}");
        }
    }

    #[test]
    fn only_host_and_port_are_moved() {
        let options = at("theirs://me:s%40crt@db.local/queue?mode=require").with_context("a", "b");
        let moved = Server::in_url(5432).moved(&options, ([127, 0, 0, 1], 4711).into());
        assert_eq!(
            moved.expose_connection(),
            Some("theirs://me:s%40crt@127.0.0.1:4711/queue?mode=require")
        );
        assert_eq!(moved.context, options.context);
    }
}
