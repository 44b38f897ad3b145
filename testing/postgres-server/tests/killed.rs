//! A test program that is killed leaves neither its server, nor its pooler, nor their folders behind.

use std::{
    env,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use blacksmith_testing_postgres_server::{Pooler, Server, Settings};

/// Tells this program that it is the one to be killed.
const VICTIM: &str = "BLACKSMITH_TEST_VICTIM";

/// How the line begins in which the victim tells what it has started.
const STARTED: &str = "victim ";

#[test]
fn a_server_ends_with_the_program_that_is_killed() {
    if is_victim() {
        let server = Server::start_with(&Settings::new()).expect("a server");
        let folder = server.socket_folder().expect("started here");
        wait_for_the_end(server.port().expect("started here"), folder);
    }
    expect_gone_after_the_kill("a_server_ends_with_the_program_that_is_killed");
}

#[test]
fn a_pooler_ends_with_the_program_that_is_killed() {
    if is_victim() {
        let server = Server::start_with(&Settings::new()).expect("a server");
        let pooler = Pooler::start(&server).expect("a pooler");
        // A client that stays: a shutdown that waits for it would last as long as it does.
        let _client = TcpStream::connect(("127.0.0.1", pooler.port())).expect("it listens");
        wait_for_the_end(pooler.port(), pooler.folder());
    }
    expect_gone_after_the_kill("a_pooler_ends_with_the_program_that_is_killed");
}

#[test]
fn a_pooler_that_is_dropped_is_gone() {
    let server = Server::start_with(&Settings::new()).expect("a server");
    let pooler = Pooler::start(&server).expect("a pooler");
    let (port, folder) = (pooler.port(), pooler.folder().to_owned());
    let _client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    drop(pooler);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!folder.exists());
}

fn is_victim() -> bool {
    env::var_os(VICTIM).is_some()
}

/// Tells what was started, and waits to be killed.
fn wait_for_the_end(port: u16, folder: &Path) -> ! {
    eprintln!("{STARTED}{port} {}", folder.display());
    thread::sleep(Duration::from_mins(5));
    panic!("nobody killed the victim");
}

/// Runs this test of this program as the victim, kills it, and waits until what it started is gone.
fn expect_gone_after_the_kill(test: &str) {
    let this = env::current_exe().expect("this program");
    let mut victim = Command::new(this)
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, "yes")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program once more");
    let lines = BufReader::new(victim.stderr.take().expect("a pipe")).lines();
    let line = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix(STARTED).map(str::to_owned))
        .expect("the victim has started something");
    let (port, folder) = line.split_once(' ').expect("a port and a folder");
    let port: u16 = port.parse().expect("a port");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());

    victim.kill().expect("it runs");
    victim.wait().expect("it is gone");
    let (begun, folder) = (Instant::now(), PathBuf::from(folder));
    while TcpStream::connect(("127.0.0.1", port)).is_ok() || folder.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "what it started outlives it");
        thread::sleep(Duration::from_millis(20));
    }
}
