//! Kind `file`: a line of JSON for each job.
//!
//! Whoever appends holds a lock on the file, so that several processes can share it, and a line that has no end was left by
//! one that crashed: it never reported the job, whose line is written again.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use blacksmith_scheduler::{ClosureAction, Failure, Then, batch};

use super::ndjson::{START, push_line};

/// The action that appends many jobs at once, synced to the disk together.
pub(super) fn action(name: String, path: PathBuf) -> ClosureAction {
    let path: Arc<Path> = path.into();
    batch(name, move |batch| {
        let path = Arc::clone(&path);
        async move {
            let mut lines = Vec::new();
            let mut written = Vec::new();
            for (event, job) in batch.queue.jobs() {
                push_line(&mut lines, event, job)?;
                written.push(job.id);
            }
            // Dropped with this run, when its time is over.
            let run = Arc::new(());
            let is_over = cut_off(&run);
            tokio::task::spawn_blocking(move || append(&path, &lines, is_over))
                .await?
                .map_err(|error| Failure::new(format!("the file cannot be written: {error}")))?;
            batch.report.then(Then::succeeded().of(written));
            Ok(())
        }
    })
}

/// Tells whether the run that holds `run` was cancelled, so that whoever waited for a lock in vain writes nothing any more.
fn cut_off(run: &Arc<()>) -> impl Fn() -> bool + use<> {
    let run = Arc::downgrade(run);
    move || run.strong_count() == 0
}

/// Appends lines, durably, unless it is over when the file can be locked.
fn append(path: &Path, lines: &[u8], is_over: impl Fn() -> bool) -> io::Result<()> {
    // Not opened for appending: where a line that was cut off is removed, the end moves.
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    // Ends with the file.
    file.lock()?;
    if is_over() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let end = mend(&mut file)?;
    if let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) {
        // As on a full disk: no half line stays for those who read the file. The first error says more.
        let _ = file.set_len(end);
        return Err(error);
    }
    if end == 0 {
        sync_folder(path)?;
    }
    Ok(())
}

/// Longest end of a file that is searched for the start of its last line, in one step.
const STEP: u64 = 64 << 10;

/// Sees to it that the file ends with a line feed, and goes to its end. A last line without one is removed where it is ours; what
/// somebody else wrote is ended.
fn mend(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = last_line(file, length)?;
    if start == length {
        return file.seek(SeekFrom::End(0));
    }
    let mut beginning = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    (&*file).take(START.len() as u64).read_to_end(&mut beginning)?;
    if START.as_bytes().starts_with(&beginning) {
        file.set_len(start)?;
        return file.seek(SeekFrom::End(0));
    }
    file.seek(SeekFrom::End(0))?;
    file.write_all(b"\n")?;
    Ok(length + 1)
}

/// Where the last line begins that has no end; the end of the file where every line has one.
fn last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        (&*file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(place) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Makes the name of a new file as durable as what it holds.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use blacksmith_store::{Event, Job, Toolkit};
    use serde_json::Value;

    use super::*;

    const LINE: &[u8] = b"{\"job_id\":\"1\"}\n";

    fn after(before: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.ndjson");
        fs::write(&path, before).expect("written");
        append(&path, LINE, || false).expect("appended");
        fs::read(&path).expect("read")
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_removed() {
        let whole = [LINE, LINE].concat();
        let long = [LINE, START.as_bytes(), &vec![b'x'; 200_000]].concat();
        for torn in [&b""[..], b"{", b"{\"job_", b"{\"job_id\":\"3MZ"] {
            assert_eq!(after(&[LINE, torn].concat()), whole, "{torn:?}");
            assert_eq!(after(torn), LINE, "{torn:?}");
        }
        assert_eq!(after(&long), whole);
    }

    #[test]
    fn what_somebody_else_wrote_stays() {
        assert_eq!(after(b"a note"), [b"a note\n", LINE].concat());
        assert_eq!(after(b"{\"id\":1}"), [b"{\"id\":1}\n", LINE].concat());
    }

    #[test]
    fn a_run_that_was_cancelled_while_it_waited_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.ndjson");
        let run = Arc::new(());
        let is_over = cut_off(&run);
        assert!(!is_over());
        drop(run);
        append(&path, LINE, is_over).expect_err("it is over");
        assert_eq!(fs::read(&path).expect("read"), b"");
    }

    #[test]
    fn many_can_append_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.ndjson");
        let line = format!("{START}{}\"}}\n", "x".repeat(10_000));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..20)
                        .for_each(|_| append(&path, line.as_bytes(), || false).expect("appended"));
                });
            }
        });
        assert_eq!(fs::read_to_string(&path).expect("read"), line.repeat(80));
    }

    #[test]
    fn a_line_holds_the_payload_as_json_or_in_base64() {
        let toolkit = Toolkit::new();
        let line = |data: Option<&'static [u8]>| {
            let mut event = Event::new(toolkit.event_id(), "shop", "order.paid");
            event.data = data.map(Into::into);
            let job = Job::new(toolkit.job_id(), "archive", "append");
            let mut lines = Vec::new();
            push_line(&mut lines, &event, &job).expect("a line");
            assert_eq!(lines.split_inclusive(|byte| *byte == b'\n').count(), 1);
            assert!(lines.starts_with(START.as_bytes()) && lines.ends_with(b"}\n"));
            let value: Value = serde_json::from_slice(&lines).expect("JSON");
            assert_eq!(value["job_id"], job.id.to_string());
            assert_eq!((&value["source"], &value["action"]), (&"shop".into(), &"append".into()));
            (String::from_utf8(lines).expect("text"), value)
        };
        let (text, _) = line(Some(b"{\n \"a\": 1.0e0,\r\n \"b\": \"\\n\"}"));
        assert!(text.contains(r#""data":{  "a": 1.0e0,   "b": "\n"}"#), "{text}");
        let (_, value) = line(Some(b"\xff{"));
        assert_eq!((&value["data"], &value["data_base64"]), (&Value::Null, &"/3s=".into()));
        let (text, _) = line(None);
        assert!(!text.contains("\"data"), "{text}");
    }
}
