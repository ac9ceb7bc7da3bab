//! The real binary in a pseudo-terminal.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

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
    /// The user's folders.
    home: tempfile::TempDir,
}

/// How long something may take to appear; far above what it does, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);

impl Screen {
    fn open(arguments: &[&str], rows: u16, cols: u16) -> Self {
        Self::open_at(tempfile::tempdir().expect("a folder"), &[], arguments, rows, cols)
    }

    /// As somebody who opened it before: without the card of the first start.
    fn open_at(home: tempfile::TempDir, set: &[(&str, &str)], arguments: &[&str], rows: u16, cols: u16) -> Self {
        let state = home.path().join("XDG_STATE_HOME/convlens");
        std::fs::create_dir_all(&state).expect("a folder");
        let remembered = state.join("explorer.json");
        if !remembered.exists() {
            std::fs::write(remembered, "{}").expect("written");
        }
        Self::open_first(home, set, arguments, rows, cols)
    }

    /// In the folder `home`/work, with the user's own folders in `home` too.
    fn open_first(home: tempfile::TempDir, set: &[(&str, &str)], arguments: &[&str], rows: u16, cols: u16) -> Self {
        let work = home.path().join("work");
        std::fs::create_dir_all(work.join("architectures")).expect("a folder");
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_convlens"));
        command.args(arguments);
        command.cwd(&work);
        command.env("TERM", "xterm-256color");
        // Nothing of the user's own is read or written.
        command.env("HOME", home.path());
        for folder in ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            command.env(folder, home.path().join(folder));
        }
        for (name, value) in set {
            command.env(name, value);
        }
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
        Screen { child, master: pair.master, keyboard, output, parser, bytes: Vec::new(), home }
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

    /// Waits for the process; one that does not end fails the test instead of holding it up.
    fn ends(&mut self) -> portable_pty::ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                return status;
            }
            if started.elapsed() > PATIENCE {
                panic!("it never ended; the screen is:\n{}", self.parser.screen().contents());
            }
            // A full pipe would hold the process up.
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(10)) {
                self.parser.process(&bytes);
                self.bytes.extend(bytes);
            }
        }
    }

    /// Reads all that is left, and checks that the terminal was given back.
    fn closes(&mut self) -> portable_pty::ExitStatus {
        let status = self.ends();
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

impl Drop for Screen {
    fn drop(&mut self) {
        // After a failed test nothing may go on.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    screen.shows("Keys (type to filter)");
    screen.press("\x1b");
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    screen.master.resize(size).expect("resized");
    screen.parser.screen_mut().set_size(side(40), side(120));
    screen.shows("Architectures");
    // The escape came together with the new size; `q` right behind it would be Alt-q.
    screen.until("no overview of keys", |shown| !shown.contents().contains("Keys (type to filter)"));
    screen.press("q");
    assert!(screen.closes().success());
}

#[test]
fn the_first_start_offers_a_tour_once() {
    let mut screen = Screen::open_first(home(), &[], &[], 24, 80);
    screen.shows("A lens on convolutional networks");
    screen.press("\r");
    screen.shows("1/5 Where the numbers come from");
    screen.press("\r");
    screen.shows("2/5 What a layer sees");
    // The escape alone: a letter right behind it would be typed with Alt.
    screen.press("\x1b");
    screen.until("no tour", |shown| !shown.contents().contains("2/5"));
    screen.press("q");
    assert!(screen.closes().success());
    let home = std::mem::replace(&mut screen.home, tempfile::tempdir().expect("a folder"));
    let mut screen = Screen::open_first(home, &[], &["mine"], 24, 80);
    screen.shows("conv1 · conv");
    assert!(!screen.parser.screen().contents().contains("A lens on"));
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

const NET: &str = "name: Mine\ninput: [3, 8, 8]\nlayers: [conv3-8, flatten, linear: 4]\n";

/// A home with one architecture of the user's.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(home.path().join("work/architectures")).expect("a folder");
    std::fs::write(home.path().join("work/architectures/mine.yaml"), NET).expect("written");
    home
}

#[test]
fn a_file_is_edited_saved_and_found_changed_by_others() {
    let mut screen = Screen::open_at(home(), &[], &["explore", "mine"], 24, 80);
    let path = screen.home.path().join("work/architectures/mine.yaml");
    // 3·3·3·8 + 8.
    screen.shows("224");
    screen.press("e");
    screen.shows("mine.yaml");
    // A paste, in the brackets a terminal sends it in.
    screen.press("\x1b[200~# note\r\x1b[201~");
    screen.shows("mine.yaml *");
    screen.press("\x13");
    screen.shows("Saved architectures/mine.yaml");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), format!("# note\n{NET}"));
    // Another program saves through a new name, as most editors do.
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, NET.replace("conv3-8", "conv3-16")).expect("written");
    std::fs::rename(&beside, &path).expect("renamed");
    screen.shows("conv3-16");
    screen.press("\x1b");
    // The link may be slow: an escape alone is told from a sequence by what follows.
    screen.shows("type");
    screen.press("1");
    screen.shows("448");
    screen.press("q");
    assert!(screen.closes().success());
}

#[test]
fn unsaved_text_survives_a_kill_and_is_offered_back() {
    let mut screen = Screen::open_at(home(), &[], &["explore", "mine"], 24, 80);
    screen.shows("224");
    screen.press("e# not saved yet\r");
    screen.shows("not saved yet");
    let process = screen.child.process_id().expect("running").to_string();
    std::process::Command::new("kill").args(["-KILL", &process]).status().expect("killed");
    screen.ends();
    let home = std::mem::replace(&mut screen.home, tempfile::tempdir().expect("a folder"));
    let mut screen = Screen::open_at(home, &[], &["explore", "mine"], 24, 80);
    screen.shows("were recovered");
    screen.press("4");
    screen.shows("Keep editing them");
    screen.press("\r");
    screen.shows("# not saved yet");
    let file = screen.home.path().join("work/architectures/mine.yaml");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), NET);
    screen.press("q");
    screen.shows("Quit and discard them");
    screen.press("\x1b[B\x1b[B\r");
    assert!(screen.closes().success());
    let left = std::fs::read_dir(screen.home.path().join("XDG_STATE_HOME/convlens/unsaved")).expect("a folder");
    assert_eq!(left.count(), 0, "nothing is left of what was dropped");
}

#[test]
fn the_users_own_editor_has_the_terminal_for_itself() {
    let home = home();
    let editor = home.path().join("editor.sh");
    let script = "#!/bin/sh\necho EDITING\nread line\necho \"# $line\" >> \"$1\"\n";
    std::fs::write(&editor, script).expect("written");
    let editor = format!("sh {}", editor.display());
    let mut screen = Screen::open_at(home, &[("EDITOR", &editor), ("VISUAL", "")], &["explore", "mine"], 24, 80);
    screen.shows("224");
    screen.press("4E");
    screen.until("the editor", |screen| !screen.alternate_screen() && screen.contents().contains("EDITING"));
    // Keys are the editor's, not the explorer's.
    screen.press("qqq\r");
    screen.until("the explorer again", |screen| screen.alternate_screen() && screen.contents().contains("# qqq"));
    screen.press("D");
    screen.shows("Discard your edits");
    screen.press("\x1b[B\r");
    screen.until("the saved text", |screen| !screen.contents().contains("# qqq"));
    screen.press("q");
    assert!(screen.closes().success());
}

#[test]
fn the_last_screen_is_found_again_and_a_users_keys_are_followed() {
    let home = home();
    let config = home.path().join("XDG_CONFIG_HOME/convlens");
    std::fs::create_dir_all(&config).expect("a folder");
    std::fs::write(config.join("keys.yaml"), "everywhere: {field: F, quit: [Q]}\n").expect("written");
    let mut screen = Screen::open_at(home, &[], &[], 24, 80);
    screen.shows("38,720");
    screen.press("F");
    screen.shows("What block1.maxpool1 sees");
    screen.press("Q");
    assert!(screen.closes().success());
    let home = std::mem::replace(&mut screen.home, tempfile::tempdir().expect("a folder"));
    let mut screen = Screen::open_at(home, &[], &[], 24, 80);
    screen.shows("What block1.maxpool1 sees");
    screen.press("Q");
    assert!(screen.closes().success());
    // A conflict is refused by both names.
    let home = std::mem::replace(&mut screen.home, tempfile::tempdir().expect("a folder"));
    let config = home.path().join("XDG_CONFIG_HOME/convlens");
    std::fs::write(config.join("keys.yaml"), "everywhere: {field: q}\n").expect("written");
    let mut screen = Screen::open_at(home, &[], &[], 24, 120);
    screen.shows("would be both `everywhere.field` and `everywhere.quit`");
    assert!(!screen.closes().success());
}

#[test]
fn a_light_background_is_asked_for_and_followed() {
    let set = [("COLORTERM", "truecolor")];
    let mut screen = Screen::open_at(home(), &set, &[], 24, 80);
    screen.shows("38,720");
    screen.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    screen.press("j");
    screen.shows("3·3·3·64 + 64 = 1,792");
    screen.press("q");
    assert!(screen.closes().success());
    let sent = String::from_utf8_lossy(&screen.bytes);
    assert!(sent.contains("\x1b]11;?"), "asked");
    assert!(sent.contains("48;2;196;214;246"), "the light theme's selection is painted");
}

const SMALL: &str =
    "name: Small\ninput: [1, 12, 12]\nclasses: 3\nlayers: [conv3-6, relu, maxpool, flatten, fc-classes]\n";

/// A folder with a small network, and the explorer opened on it at the training screen.
fn training_screen(recipe: &str) -> Screen {
    training_screen_of(SMALL, recipe)
}

fn training_screen_of(network: &str, recipe: &str) -> Screen {
    let home = home();
    std::fs::write(home.path().join("work/architectures/small.yaml"), network).expect("written");
    let mut screen = Screen::open_at(home, &[], &["explore", "small"], 30, 100);
    screen.shows("Small");
    screen.press("6");
    screen.shows("to train small on synthetic data");
    screen.press("o");
    screen.shows("Recipe and charts");
    screen.press("j\r");
    screen.shows("Recipe: epochs=10");
    screen.press(recipe);
    screen.press("\r");
    screen.shows(recipe.split(' ').next().unwrap_or_default());
    screen
}

fn summary(screen: &Screen) -> serde_json::Value {
    let path = screen.home.path().join("work/runs/small-1/summary.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("a run")).expect("JSON")
}

/// The command line goes on with the run to its end.
fn resumes(screen: &Screen, steps: &str) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_convlens"))
        .args(["train", "--resume", "runs/small-1", "--steps", steps])
        .current_dir(screen.home.path().join("work"))
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_is_begun_paused_stepped_stopped_and_kept() {
    let mut screen = training_screen("epochs=100000");
    screen.press("\r");
    screen.shows("validation");
    screen.press(" ");
    screen.shows("paused");
    screen.press(".");
    screen.press("q");
    screen.shows("small-1 is training.");
    screen.press("\x1b");
    screen.until("no question", |shown| !shown.contents().contains("is training."));
    screen.press("x");
    screen.shows("Stop small-1 after this step?");
    screen.press("\r");
    screen.shows("stopped at step");
    assert_eq!(summary(&screen)["status"], "stopped");
    screen.press(" ");
    screen.shows("Resume small-1?");
    screen.press("\r");
    screen.until("training on", |shown| shown.contents().contains("small-1  training"));
    screen.press("qj\r");
    assert!(screen.closes().success());
    let summary = summary(&screen);
    assert_eq!(summary["status"], "stopped", "leaving keeps the run: {summary}");
    let step = summary["step"].as_u64().expect("a step");
    resumes(&screen, &(step + 3).to_string());
}

#[test]
fn leaving_a_long_step_says_what_is_waited_for_and_ctrl_c_ends_it_at_once() {
    let slow = "name: Small\ninput: [3, 64, 64]\nclasses: 3\n\
                layers: [conv3-64 x8, maxpool, conv3-64 x4, global_avgpool, flatten, fc-classes]\n";
    let mut screen = training_screen_of(slow, "batch=64 epochs=100000");
    screen.press("\r");
    let checkpoint = screen.home.path().join("work/runs/small-1/checkpoint.safetensors");
    let began = Instant::now();
    while !checkpoint.exists() {
        assert!(began.elapsed() < PATIENCE, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    screen.press("q");
    screen.shows("small-1 is training.");
    screen.press("j\r");
    // On the screen that was there before, with the terminal given back.
    screen.shows("Stopping after this step and saving the run");
    assert!(!screen.parser.screen().alternate_screen());
    let began = Instant::now();
    screen.press("\x03");
    let status = screen.closes();
    assert_eq!(status.exit_code(), 130, "{status:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "a step of many seconds is not waited for");
    let bytes = std::fs::read(checkpoint).expect("there");
    safetensors::SafeTensors::deserialize(&bytes).expect("the last checkpoint is whole");
}

#[test]
fn closing_or_killing_the_terminal_leaves_a_run_that_goes_on() {
    // A window that is closed hangs up.
    for signal in ["TERM", "HUP", "KILL"] {
        let mut screen = training_screen("epochs=100000");
        screen.press("\r");
        screen.shows("validation");
        let process = screen.child.process_id().expect("running").to_string();
        std::process::Command::new("kill").args([&format!("-{signal}"), &process]).status().expect("killed");
        screen.ends();
        assert_eq!(summary(&screen)["status"], if signal == "KILL" { "running" } else { "stopped" });
        let state = screen.home.path().join("work/runs/small-1/state.json");
        let state: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(state).expect("a state")).expect("JSON");
        let step = state["progress"]["step"].as_u64().expect("a step");
        resumes(&screen, &(step + 3).to_string());
    }
}

#[test]
fn closing_the_terminal_in_the_middle_of_a_forward_run_leaves_nothing_running() {
    let mut screen = Screen::open(&["explore", "vgg-mini"], 24, 80);
    screen.shows("VGG-mini");
    screen.press("5");
    screen.shows("to run the network");
    screen.press("oj\r");
    screen.shows("Runs; the median counts");
    // Ctrl-U clears the number that is offered; a setting that was typed is run at once.
    screen.press("\x1510000\r");
    screen.shows("running");
    let process = screen.child.process_id().expect("running").to_string();
    std::process::Command::new("kill").args(["-HUP", &process]).status().expect("killed");
    screen.closes();
}
