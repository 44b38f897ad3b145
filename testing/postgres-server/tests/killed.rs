//! A test program that is killed leaves neither its server nor the server's folder behind.

use std::{
    env,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use blacksmith_testing_postgres_server::{Server, Settings};

/// Tells this program that it is the one to be killed.
const VICTIM: &str = "BLACKSMITH_TEST_VICTIM";

#[test]
fn a_server_ends_with_the_program_that_is_killed() {
    if env::var_os(VICTIM).is_some() {
        let server = Server::start_with(&Settings::new()).expect("a server");
        let folder = server.socket_folder().expect("started here").display();
        eprintln!("victim {} {folder}", server.port().expect("started here"));
        thread::sleep(Duration::from_mins(5));
        return;
    }
    let this = env::current_exe().expect("this program");
    let mut victim = Command::new(this)
        .args(["--exact", "a_server_ends_with_the_program_that_is_killed", "--nocapture"])
        .env(VICTIM, "yes")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program once more");
    let lines = BufReader::new(victim.stderr.take().expect("a pipe")).lines();
    let line = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("victim ").map(str::to_owned))
        .expect("the victim has a server");
    let (port, folder) = line.split_once(' ').expect("a port and a folder");
    let port: u16 = port.parse().expect("a port");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());

    victim.kill().expect("it runs");
    victim.wait().expect("it is gone");
    let (begun, folder) = (Instant::now(), PathBuf::from(folder));
    while TcpStream::connect(("127.0.0.1", port)).is_ok() || folder.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server outlives its test");
        thread::sleep(Duration::from_millis(20));
    }
}
