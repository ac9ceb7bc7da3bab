//! The real binary in a pseudo-terminal.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::common::project;

fn side(length: u16) -> NonZero<u16> {
    NonZero::new(length).expect("a screen")
}

fn parser(rows: u16, cols: u16) -> vt100::Parser {
    vt100::Parser::new(side(rows), side(cols), 0)
}

struct Screen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// Everything that came, for what a parser does not show.
    bytes: Vec<u8>,
}

/// How long something may take to appear; far above what it does, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);

impl Screen {
    fn open(arguments: &[&str], rows: u16, cols: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_convlens"));
        command.args(arguments);
        command.cwd(project("tests"));
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("started");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keyboard = pair.master.take_writer().expect("a writer");
        let parser = parser(rows, cols);
        Screen { child, master: pair.master, keyboard, output, parser, bytes: Vec::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
        self.keyboard.flush().expect("typed");
    }

    fn until(&mut self, what: &str, fits: impl Fn(&vt100::Screen) -> bool) {
        let started = Instant::now();
        while !fits(self.parser.screen()) {
            let left = PATIENCE.saturating_sub(started.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => {
                    self.parser.process(&bytes);
                    self.bytes.extend(bytes);
                }
                Err(_) => panic!("{what} never came; the screen is:\n{}", self.parser.screen().contents()),
            }
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Reads all that is left, and checks that the terminal was given back.
    fn closes(&mut self) -> portable_pty::ExitStatus {
        let status = self.child.wait().expect("ended");
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(500)) {
            self.parser.process(&bytes);
            self.bytes.extend(bytes);
        }
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is still captured");
        status
    }
}

#[test]
fn a_user_starts_looks_around_resizes_and_quits() {
    let mut screen = Screen::open(&[], 24, 80);
    screen.shows("VGG-16");
    screen.shows("38,720");
    screen.press("jj");
    screen.shows("3·3·64·64 + 64 = 36,928");
    screen.press("/linear1\r");
    screen.shows("25088·4096 + 4096 = 102,764,544");
    screen.press("?");
    screen.shows("All keys");
    screen.press("\x1b");
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    screen.master.resize(size).expect("resized");
    screen.parser.screen_mut().set_size(side(40), side(120));
    screen.shows("Architectures");
    screen.press("q");
    assert!(screen.closes().success());
}

#[test]
fn a_kill_gives_the_terminal_back() {
    let mut screen = Screen::open(&["explore", "tinyvgg"], 24, 80);
    screen.shows("Tiny VGG");
    let process = screen.child.process_id().expect("running").to_string();
    std::process::Command::new("kill").args(["-TERM", &process]).status().expect("killed");
    screen.closes();
}

#[test]
fn ctrl_z_suspends_and_comes_back_repainted() {
    let mut screen = Screen::open(&[], 24, 80);
    screen.shows("38,720");
    screen.press("\x1a");
    screen.until("the main screen", |screen| !screen.alternate_screen());
    let process = screen.child.process_id().expect("stopped").to_string();
    // The stop follows the restored screen; a CONT before it would be lost.
    let stat = format!("/proc/{process}/stat");
    let started = Instant::now();
    while !std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T ")) {
        assert!(started.elapsed() < PATIENCE, "never stopped");
        std::thread::yield_now();
    }
    std::process::Command::new("kill").args(["-CONT", &process]).status().expect("continued");
    screen.until("the explorer again", |screen| screen.alternate_screen() && screen.contents().contains("38,720"));
    screen.press("\x03");
    assert!(screen.closes().success());
}

#[test]
fn no_color_sends_no_colour() {
    let mut screen = Screen::open(&["explore", "--theme", "plain"], 24, 80);
    screen.shows("38,720");
    screen.press("jq");
    screen.closes();
    let sent = String::from_utf8_lossy(&screen.bytes);
    let codes = sent.split("\x1b[").filter_map(|part| part.split_once('m').map(|(codes, _)| codes));
    let styles = codes.filter(|codes| codes.chars().all(|c| c.is_ascii_digit() || c == ';'));
    // 30 to 38 and 40 to 48 set a colour, 90 to 107 a bright one; 39 and 49 take it back.
    let is_colour = |code: &str| matches!(code.parse(), Ok(30..=38 | 40..=48 | 90..=107));
    let colours: Vec<&str> = styles.filter(|codes| codes.split(';').any(is_colour)).collect();
    assert_eq!(colours, [""; 0]);
}
