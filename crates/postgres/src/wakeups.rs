//! Wake-ups: within the process at once, between processes by LISTEN and NOTIFY.
//!
//! A NOTIFY in a transaction that writes would put all commits of the database in a row, so it is sent after the commit, on its
//! own, and once for all that happened in the last few milliseconds. The one that listens has a connection of its own.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{StoreError, Toolkit, Wakeup, Wakeups};
use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream,
};
use tokio::sync::watch;
use tokio_postgres::{
    AsyncMessage, Config, Connection, Error as DriverError, NoTls, Socket,
    config::SslMode,
    tls::{MakeTlsConnect, TlsConnect, TlsStream},
};

use crate::{
    connection::{Database, patience, unanswered},
    error::{Chain, Failure, Outcome},
    settings::{Listen, address},
    tls::Tls,
};

/// The channel of all stores; a notification names the store's schema.
const CHANNEL: &str = "blacksmith_store";

/// Commits within this time share a notification.
const TOGETHER: Duration = Duration::from_millis(10);

/// How long a notification may take; then it is lost, as it may be.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits between attempts to listen again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Tells streams, here and in other processes, that work may have arrived.
pub(crate) struct Bell {
    rings: watch::Sender<()>,
    others: Option<Arc<Others>>,
}

/// The way to other processes.
struct Others {
    database: Arc<Database>,
    config: Config,
    tls: Tls,
    schema: String,
    /// Whether a notification is about to be sent.
    is_pending: AtomicBool,
    last_sent: Mutex<Option<Instant>>,
    /// Whether a task listens.
    is_listening: tokio::sync::Mutex<bool>,
}

impl Bell {
    /// A bell that is heard by other processes, or by this one alone.
    pub(crate) fn new(database: Arc<Database>, schema: &str, listen: Listen) -> Self {
        let others = match listen {
            Listen::Off => None,
            Listen::On(place) => {
                let (config, tls) = *place;
                Some(Arc::new(Others {
                    database,
                    config,
                    tls,
                    schema: schema.to_owned(),
                    is_pending: AtomicBool::new(false),
                    last_sent: Mutex::new(None),
                    is_listening: tokio::sync::Mutex::new(false),
                }))
            }
        };
        Self { rings: watch::Sender::new(()), others }
    }

    /// Fires every stream; those of other processes a moment later.
    pub(crate) fn ring(&self) {
        self.rings.send_replace(());
        if let Some(others) = &self.others
            && !others.is_pending.swap(true, Ordering::AcqRel)
        {
            let pending = Pending(Arc::clone(others));
            tokio::spawn(pending.send());
        }
    }

    /// A stream of the rings from now on.
    pub(crate) async fn listen(&self, toolkit: &Toolkit) -> Outcome<Wakeups> {
        let rings = self.rings.subscribe();
        if let Some(others) = &self.others {
            let listening = others.listen(&self.rings);
            match toolkit.remaining() {
                None => listening.await?,
                Some(left) => tokio::time::timeout(left, listening)
                    .await
                    .map_err(|_| Failure::Deadline { could_commit: false })??,
            }
        }
        let next = |mut rings: watch::Receiver<()>| async move {
            rings.changed().await.ok().map(|()| (Wakeup::default(), rings))
        };
        Ok(stream::unfold(rings, next).boxed())
    }
}

/// A notification on its way; when it is dropped, however that comes about, the next ring sends another.
struct Pending(Arc<Others>);

impl Pending {
    async fn send(self) {
        let others = Arc::clone(&self.0);
        let last = *others.last_sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = last.and_then(|last| TOGETHER.checked_sub(last.elapsed())) {
            tokio::time::sleep(wait).await;
        }
        // What is committed from here on asks for a notification of its own.
        drop(self);
        *others.last_sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if let Err(failure) = others.notify().await {
            let error = StoreError::from(failure);
            tracing::debug!("other processes were not told of new work: {}", Chain(&error));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.is_pending.store(false, Ordering::Release);
    }
}

impl Others {
    async fn notify(&self) -> Outcome<()> {
        let deadline = Instant::now() + NOTIFY_TIMEOUT;
        let session = self.database.session_until(Some(deadline)).await?;
        session.run(&format!("NOTIFY {CHANNEL}, {}", literal(&self.schema))).await
    }

    /// Makes sure that a task listens; answers when it does.
    async fn listen(self: &Arc<Self>, rings: &watch::Sender<()>) -> Outcome<()> {
        let mut is_listening = self.is_listening.lock().await;
        if *is_listening {
            return Ok(());
        }
        let listener = Listener::connect(self).await?;
        *is_listening = true;
        let (others, rings) = (Arc::clone(self), rings.clone());
        tokio::spawn(async move {
            // Nobody needs to listen once the last stream is gone.
            select(pin!(others.hear(&rings, listener)), pin!(rings.closed())).await;
            *others.is_listening.lock().await = false;
        });
        Ok(())
    }

    /// Rings for what others have committed, for ever; a lost connection is replaced.
    async fn hear(self: &Arc<Self>, rings: &watch::Sender<()>, first: Listener) {
        let mut listener = Some(first);
        let mut wait = FIRST_WAIT;
        loop {
            let connected = match listener.take() {
                Some(listener) => Ok(listener),
                None => Listener::connect(self).await,
            };
            match connected {
                Ok(listener) => {
                    wait = FIRST_WAIT;
                    // What was committed while nobody listened may be work.
                    rings.send_replace(());
                    listener.hear(&self.schema, rings).await;
                }
                Err(failure) => {
                    let error = StoreError::from(failure);
                    tracing::debug!("there is no connection to listen on: {}", Chain(&error));
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// A connection that listens.
struct Listener {
    /// Keeps the connection open.
    _client: tokio_postgres::Client,
    messages: stream::BoxStream<'static, Result<AsyncMessage, DriverError>>,
}

impl Listener {
    async fn connect(others: &Others) -> Outcome<Self> {
        let config = &others.config;
        let connected = async {
            if config.get_ssl_mode() == SslMode::Disable {
                Self::connect_with(config, NoTls).await
            } else {
                Self::connect_with(config, others.tls.connect()).await
            }
        };
        let connected = tokio::time::timeout(patience(config), connected).await;
        let connected = connected.map_err(|_| unanswered(&address(config)))?;
        connected.map_err(|error| {
            let address = Some(address(config));
            Failure::Driver { error, could_commit: false, address }
        })
    }

    async fn connect_with<T>(config: &Config, tls: T) -> Result<Self, DriverError>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (client, connection) = config.connect(tls).await?;
        let mut messages = messages(connection);
        {
            let statement = format!("LISTEN {CHANNEL}");
            let listen = pin!(client.batch_execute(&statement));
            // The connection is driven by whoever reads its messages.
            let drive = pin!(async { while let Some(Ok(_)) = messages.next().await {} });
            match select(listen, drive).await {
                Either::Left((listening, _)) => listening?,
                // The connection has ended, and so has the statement.
                Either::Right(((), listen)) => listen.await?,
            }
        }
        Ok(Self { _client: client, messages })
    }

    /// Rings for notifications of this schema, until the connection ends.
    async fn hear(mut self, schema: &str, rings: &watch::Sender<()>) {
        while let Some(message) = self.messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    if notification.channel() == CHANNEL && notification.payload() == schema {
                        rings.send_replace(());
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!("the connection that listens ended: {}", Chain(&error));
                    return;
                }
            }
        }
    }
}

fn messages<T>(
    mut connection: Connection<Socket, T>,
) -> stream::BoxStream<'static, Result<AsyncMessage, DriverError>>
where
    T: TlsStream + Unpin + Send + 'static,
{
    stream::poll_fn(move |context| connection.poll_message(context)).boxed()
}

/// A text as SQL writes it, for statements that take no parameters.
fn literal(text: &str) -> String {
    // With a backslash the setting standard_conforming_strings would decide; E'' has one meaning.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_has_one_meaning() {
        assert_eq!(literal("it's \\ here"), "E'it''s \\\\ here'");
    }
}
