//! What unit tests share: a terminal whose output can be read, and an adapter that opens one store again and again.

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

use crate::terminal::Terminal;

/// What was printed.
#[derive(Clone, Default)]
pub(crate) struct Captured {
    output: Pipe,
    errors: Pipe,
}

#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Captured {
    /// A terminal that prints here; a person at it types `answers`, if there is one.
    pub(crate) fn terminal(&self, answers: Option<&'static str>) -> Terminal {
        Terminal::for_test(self.output.clone(), self.errors.clone(), answers)
    }

    /// Standard output.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// Standard error.
    pub(crate) fn errors(&self) -> String {
        self.errors.text()
    }
}
