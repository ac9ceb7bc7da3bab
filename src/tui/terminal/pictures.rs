//! How the terminal shows pictures, asked of it.

use ratatui_image::picker::{Picker, ProtocolType};

/// Asks, where that can have an answer: not through a multiplexer, and not on the console. Nobody else may read the keyboard
/// meanwhile.
pub fn ask() -> Option<Picker> {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let console = std::env::var("TERM").is_ok_and(|term| term == "linux" || term.starts_with("screen"));
    if set("TMUX") || set("STY") || console {
        return None;
    }
    let mut picker = Picker::from_query_stdio().ok()?;
    let found = picker.protocol_type();
    if matches!(found, ProtocolType::Kitty | ProtocolType::Sixel) {
        picker.set_protocol_type(fitting(found, &version()));
    }
    Some(picker)
}

/// What a terminal that calls itself so (XTVERSION) really shows, of what it says it understands.
fn fitting(found: ProtocolType, version: &str) -> ProtocolType {
    let named = |name: &str| version.starts_with(name);
    match found {
        // Placeholders, by which a picture keeps its place among the text, are known to kitty from 0.28 on.
        ProtocolType::Kitty if kitty(version).is_some_and(|version| version < (0, 28)) => ProtocolType::Halfblocks,
        // Over ssh these are known by no variable. Both answer for protocols that they know in part.
        ProtocolType::Kitty | ProtocolType::Sixel if named("WezTerm") || named("iTerm2") => ProtocolType::Iterm2,
        ProtocolType::Kitty | ProtocolType::Sixel if named("Konsole") => ProtocolType::Halfblocks,
        _ => found,
    }
}

/// `kitty(0.26.5)`: 0 and 26.
fn kitty(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("kitty(")?.split(['.', ')']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The terminal's own name and version; empty where it does not tell.
#[cfg(unix)]
fn version() -> String {
    use std::io::Write;

    use super::out;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    // What every terminal answers comes after it, so that there is no waiting for one that tells nothing.
    if out().write_all(b"\x1b[>q\x1b[5n").and_then(|()| out().flush()).is_err() {
        return String::new();
    }
    let keyboard = rustix::stdio::stdin();
    let (mut answer, mut bytes) = (Vec::new(), [0; 256]);
    // As long as the question before was given, which the terminal has answered.
    let wait = Timespec { tv_sec: 2, tv_nsec: 0 };
    let is_whole = |answer: &[u8]| answer.windows(4).any(|bytes| bytes == b"\x1b[0n");
    while answer.len() < 4096 && !is_whole(&answer) {
        let mut ready = [PollFd::new(&keyboard, PollFlags::IN)];
        match poll(&mut ready, Some(&wait)) {
            // A signal, such as of a new size.
            Err(rustix::io::Errno::INTR) => continue,
            Ok(1..) => {}
            _ => break,
        }
        match rustix::io::read(keyboard, &mut bytes) {
            Ok(count) if count > 0 => answer.extend_from_slice(&bytes[..count]),
            _ => break,
        }
    }
    told(&String::from_utf8_lossy(&answer))
}

#[cfg(not(unix))]
fn version() -> String {
    String::new()
}

/// Of `DCS > | kitty(0.26.5) ST`, what lies between.
fn told(answer: &str) -> String {
    let after = answer.split_once("\x1bP>|").map_or("", |(_, rest)| rest);
    after.split('\x1b').next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProtocolType::{Halfblocks, Iterm2, Kitty, Sixel};

    #[test]
    fn a_terminal_is_shown_what_it_really_knows() {
        let answered = |found, answer: &str| fitting(found, &told(answer));
        assert_eq!(answered(Kitty, "\x1bP>|kitty(0.26.5)\x1b\\\x1b[0n"), Halfblocks);
        assert_eq!(answered(Kitty, "\x1bP>|kitty(0.28.0)\x1b\\\x1b[0n"), Kitty);
        assert_eq!(answered(Kitty, "\x1bP>|kitty(1.2.0)\x1b\\\x1b[0n"), Kitty);
        assert_eq!(answered(Kitty, "\x1bP>|ghostty 1.1.3\x1b\\\x1b[0n"), Kitty);
        assert_eq!(answered(Kitty, "\x1bP>|WezTerm 20240203-110809-5046fc22\x1b\\\x1b[0n"), Iterm2);
        assert_eq!(answered(Kitty, "\x1bP>|Konsole 24.12.0\x1b\\\x1b[0n"), Halfblocks);
        assert_eq!(answered(Sixel, "\x1bP>|XTerm(379)\x1b\\\x1b[0n"), Sixel);
        assert_eq!(answered(Kitty, "\x1b[0n"), Kitty, "one that does not tell its name");
    }
}
