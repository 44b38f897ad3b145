//! A process of `blacksmith run`.

use std::{
    io::Read as _,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// A process of `blacksmith run`; it is killed when it is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Sends SIGTERM, and waits until it has ended well.
    pub(crate) fn stop(mut self, deadline: Duration) -> Duration {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < deadline, "it did not end within {deadline:?} of SIGTERM");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut errors = String::new();
        if let Some(stream) = &mut self.0.stderr {
            stream.read_to_string(&mut errors).unwrap();
        }
        assert!(status.success(), "{status}: {errors}");
        begun.elapsed()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
