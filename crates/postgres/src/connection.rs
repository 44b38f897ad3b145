//! Connections: the pool, and what a call does with one of them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blacksmith_store_core::{StoreError, Toolkit};
use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use futures_util::future::{BoxFuture, join3};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Error as DriverError, NoTls, Row, Socket, Transaction,
    config::SslMode,
    tls::{MakeTlsConnect, TlsConnect},
    types::{ToSql, Type},
};

use crate::{
    error::{Chain, Failure, Outcome},
    settings::{CONNECT_TIMEOUT, Settings, address},
    statement::{BEGIN, Statement, Texts},
    tls::Tls,
};

/// A value for a statement.
pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// The way to a database.
pub(crate) struct Database {
    pool: Pool,
    texts: Texts,
    prepared_statements: bool,
    address: String,
    /// How to ask the server to stop a statement; none where that is not possible, or not safe.
    canceller: Option<Tls>,
}

impl Database {
    /// A pool that opens connections when they are needed.
    ///
    /// # Errors
    /// None that the settings have not told of before.
    pub(crate) fn new(
        settings: &Settings,
        connector: Option<Arc<dyn Connect>>,
    ) -> Result<Self, StoreError> {
        let config = settings.config.clone();
        // PgBouncer before 1.19 may die of a cancellation whose client is gone by the time it is handed on; it ends the
        // server's connection when it loses the client.
        let may_cancel = connector.is_none() && settings.prepared_statements;
        let canceller = may_cancel.then(|| settings.tls.clone());
        let connector =
            connector.unwrap_or_else(|| Arc::new(Connector { tls: settings.tls.clone() }));
        let address = address(&config);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config, Shared(connector), recycling);
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .create_timeout(Some(patience(&settings.config)))
            .runtime(Runtime::Tokio1);
        let pool = pool.build().map_err(|error| {
            StoreError::internal("the pool of connections cannot be built").with_source(error)
        })?;
        Ok(Self {
            pool,
            texts: Texts::new(&settings.schema),
            prepared_statements: settings.prepared_statements,
            address,
            canceller,
        })
    }

    /// A connection for a call, which may take as long as the call's deadline says.
    pub(crate) async fn session(&self, toolkit: &Toolkit) -> Outcome<Session<'_>> {
        self.session_until(toolkit.deadline()).await
    }

    /// A connection for whatever is over at `deadline`.
    pub(crate) async fn session_until(&self, deadline: Option<Instant>) -> Outcome<Session<'_>> {
        let got = match deadline {
            None => self.pool.get().await,
            Some(deadline) => {
                let got = tokio::time::timeout_at(deadline.into(), self.pool.get()).await;
                got.map_err(|_| Failure::Deadline { could_commit: false })?
            }
        };
        let client = got.map_err(|error| match error {
            PoolError::Backend(error) => {
                Failure::Driver { error, could_commit: false, address: Some(self.address.clone()) }
            }
            PoolError::Timeout(TimeoutType::Create) => unanswered(&self.address).into(),
            error => {
                StoreError::internal("the pool of connections is closed").with_source(error).into()
            }
        })?;
        Ok(self.session_of(Some(Served::Pooled(client)), deadline, false))
    }

    /// A transaction of the caller's, for a call that takes part in it.
    pub(crate) fn session_in<'a>(
        &'a self,
        transaction: &'a Transaction<'a>,
        toolkit: &Toolkit,
    ) -> Session<'a> {
        self.session_of(Some(Served::Callers(transaction)), toolkit.deadline(), true)
    }

    fn session_of<'a>(
        &'a self,
        served: Option<Served<'a>>,
        deadline: Option<Instant>,
        in_transaction: bool,
    ) -> Session<'a> {
        Session {
            database: self,
            served,
            deadline,
            in_transaction: AtomicBool::new(in_transaction),
            in_flight: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
        }
    }
}

/// How long a connection may take to come about, until it can be used. The driver's own timeout ends when the host has taken the
/// connection; a server that then says nothing would be waited for for ever.
pub(crate) fn patience(config: &Config) -> Duration {
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1);
    let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    each.saturating_mul(u32::try_from(hosts).unwrap_or(u32::MAX))
}

/// Nobody answered while connecting.
pub(crate) fn unanswered(address: &str) -> StoreError {
    StoreError::unavailable(format!("the database did not answer while connecting ({address})"))
}

/// What serves a session.
#[allow(clippy::large_enum_variant, reason = "one a call, on the stack")]
enum Served<'a> {
    /// A connection of the pool.
    Pooled(Object),
    /// A transaction of the caller's, who also ends it.
    Callers(&'a Transaction<'a>),
}

/// A connection while a call uses it.
///
/// Dropped in the middle of a statement or a transaction, it is closed instead of going back to the pool, and the server is
/// asked to stop: what was not committed is undone.
pub(crate) struct Session<'a> {
    database: &'a Database,
    /// Always there until it is dropped.
    served: Option<Served<'a>>,
    deadline: Option<Instant>,
    in_transaction: AtomicBool,
    in_flight: AtomicUsize,
    is_broken: AtomicBool,
}

impl Session<'_> {
    /// Lets what follows take as long as this.
    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Runs a statement that only reads, and answers its rows.
    pub(crate) async fn read(
        &self,
        statement: Statement,
        parameters: &[Parameter<'_>],
    ) -> Outcome<Vec<Row>> {
        self.rows(false, statement, parameters).await
    }

    /// Runs a statement that writes, and answers its rows.
    pub(crate) async fn query(
        &self,
        statement: Statement,
        parameters: &[Parameter<'_>],
    ) -> Outcome<Vec<Row>> {
        self.rows(self.could_commit(), statement, parameters).await
    }

    async fn rows(
        &self,
        could_commit: bool,
        statement: Statement,
        parameters: &[Parameter<'_>],
    ) -> Outcome<Vec<Row>> {
        let text = self.database.texts.of(statement);
        let types = statement.types();
        match self.served() {
            Served::Pooled(client) if self.database.prepared_statements => {
                let prepared = client.prepare_typed_cached(text, types);
                let prepared = self.guarded(false, prepared).await?;
                let answer = client.query(&prepared, parameters);
                if self.is_pinned(statement) {
                    self.guarded(could_commit, pinned(client, answer)).await
                } else {
                    self.guarded(could_commit, answer).await
                }
            }
            Served::Pooled(client) => {
                let bound = with_types(parameters, types);
                self.guarded(could_commit, client.query_typed(text, &bound)).await
            }
            Served::Callers(transaction) => {
                let bound = with_types(parameters, types);
                self.guarded(could_commit, transaction.query_typed(text, &bound)).await
            }
        }
    }

    /// Runs a statement and answers how many rows it wrote.
    pub(crate) async fn execute(
        &self,
        statement: Statement,
        parameters: &[Parameter<'_>],
    ) -> Outcome<u64> {
        let text = self.database.texts.of(statement);
        let types = statement.types();
        let could_commit = self.could_commit();
        match self.served() {
            Served::Pooled(client) if self.database.prepared_statements => {
                let prepared = client.prepare_typed_cached(text, types);
                let prepared = self.guarded(false, prepared).await?;
                let answer = client.execute(&prepared, parameters);
                if self.is_pinned(statement) {
                    self.guarded(could_commit, pinned(client, answer)).await
                } else {
                    self.guarded(could_commit, answer).await
                }
            }
            Served::Pooled(client) => {
                let bound = with_types(parameters, types);
                self.guarded(could_commit, client.execute_typed(text, &bound)).await
            }
            Served::Callers(transaction) => {
                let bound = with_types(parameters, types);
                self.guarded(could_commit, transaction.execute_typed(text, &bound)).await
            }
        }
    }

    /// Runs a statement that was built for one call, and reads only.
    pub(crate) async fn query_built(
        &self,
        text: &str,
        parameters: &[(Parameter<'_>, Type)],
    ) -> Outcome<Vec<Row>> {
        match self.served() {
            Served::Pooled(client) => {
                self.guarded(false, client.query_typed(text, parameters)).await
            }
            Served::Callers(transaction) => {
                self.guarded(false, transaction.query_typed(text, parameters)).await
            }
        }
    }

    /// Runs statements without parameters or rows, such as a migration.
    pub(crate) async fn run(&self, sql: &str) -> Outcome<()> {
        self.batch(self.could_commit(), sql).await
    }

    async fn batch(&self, could_commit: bool, sql: &str) -> Outcome<()> {
        match self.served() {
            Served::Pooled(client) => self.guarded(could_commit, client.batch_execute(sql)).await,
            Served::Callers(transaction) => {
                self.guarded(could_commit, transaction.batch_execute(sql)).await
            }
        }
    }

    /// Begins a transaction in which each statement sees what others have committed.
    pub(crate) async fn begin(&self) -> Outcome<()> {
        self.begin_as(BEGIN).await
    }

    /// Begins a transaction that reads one state of the database.
    pub(crate) async fn begin_reading(&self) -> Outcome<()> {
        self.begin_as("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn begin_as(&self, sql: &str) -> Outcome<()> {
        self.in_transaction.store(true, Ordering::Relaxed);
        self.batch(false, sql).await
    }

    /// Ends a transaction: commits what went well, and undoes what did not.
    pub(crate) async fn end<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        match outcome {
            Ok(value) => {
                self.batch(true, "COMMIT").await?;
                self.in_transaction.store(false, Ordering::Relaxed);
                Ok(value)
            }
            Err(failure) => {
                if failure.leaves_connection() {
                    // If this fails too, the connection is closed, which undoes the transaction as well.
                    let undone = self.batch(false, "ROLLBACK").await;
                    self.in_transaction.store(undone.is_err(), Ordering::Relaxed);
                }
                Err(failure)
            }
        }
    }

    /// Whether a statement needs a transaction around it that settles its plan. A transaction of several statements has
    /// begun with that, and what is not prepared is planned anew each time, for the tables as they are.
    fn is_pinned(&self, statement: Statement) -> bool {
        !statement.is_small() && !self.in_transaction.load(Ordering::Relaxed)
    }

    fn could_commit(&self) -> bool {
        !self.in_transaction.load(Ordering::Relaxed)
    }

    fn served(&self) -> &Served<'_> {
        self.served.as_ref().expect("what serves it is there until the session is dropped")
    }

    /// Waits for the server, no longer than the call may take.
    async fn guarded<T>(
        &self,
        could_commit: bool,
        answer: impl Future<Output = Result<T, DriverError>>,
    ) -> Outcome<T> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let answered = match self.deadline {
            None => answer.await,
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), answer).await {
                Ok(answered) => answered,
                // What is in flight stays so: dropping the session has it stopped.
                Err(_) => return Err(Failure::Deadline { could_commit }),
            },
        };
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        answered.map_err(|error| {
            let failure = Failure::Driver { error, could_commit, address: None };
            if !failure.leaves_connection() {
                self.is_broken.store(true, Ordering::Relaxed);
            }
            failure
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let in_flight = *self.in_flight.get_mut() > 0;
        if !(in_flight || *self.in_transaction.get_mut() || *self.is_broken.get_mut()) {
            return;
        }
        let Some(Served::Pooled(client)) = self.served.take() else { return };
        let client = Object::take(client);
        if in_flight
            && let Some(tls) = self.database.canceller.clone()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let token = client.cancel_token();
            runtime.spawn(async move {
                // The connection stays open until the server was asked, for it takes requests about living sessions alone.
                if let Err(error) = token.cancel_query(tls.connect()).await {
                    tracing::debug!("a statement could not be cancelled: {}", Chain(&error));
                }
                drop(client);
            });
        }
    }
}

/// A statement in a transaction of its own that settles its plan; all of it is sent at once, so it takes one round trip.
async fn pinned<T>(
    client: &Client,
    answer: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, DriverError> {
    // Requests are sent in the order in which they are polled first. After an error the server answers COMMIT by ROLLBACK.
    let (begun, answer, ended) =
        join3(client.batch_execute(BEGIN), answer, client.batch_execute("COMMIT")).await;
    begun?;
    let answer = answer?;
    ended?;
    Ok(answer)
}

fn with_types<'a>(parameters: &[Parameter<'a>], types: &[Type]) -> Vec<(Parameter<'a>, Type)> {
    parameters.iter().copied().zip(types.iter().cloned()).collect()
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Connects as the connection string says.
struct Connector {
    tls: Tls,
}

type Connected<'a> = BoxFuture<'a, Result<(Client, JoinHandle<()>), DriverError>>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connected<'_> {
        let config = config.clone();
        Box::pin(async move {
            if config.get_ssl_mode() == SslMode::Disable {
                connect(&config, NoTls).await
            } else {
                connect(&config, self.tls.connect()).await
            }
        })
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<(Client, JoinHandle<()>), DriverError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to the database ended: {}", Chain(&error));
        }
    });
    Ok((client, driver))
}

/// The pool wants a connector of its own.
struct Shared(Arc<dyn Connect>);

impl Connect for Shared {
    fn connect(&self, config: &Config) -> Connected<'_> {
        self.0.connect(config)
    }
}
