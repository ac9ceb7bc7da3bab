//! Why processes under torchrun ended, from what they and it have said.

/// What `train.py` begins its last line with.
const OWN: &str = "convlens: process ";

/// A process that torchrun reports as failed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Failed {
    rank: usize,
    /// Negative: the number of a signal.
    exit: i32,
}

/// The processes of torchrun's report: blocks with `rank      : 1 (local_rank: 1)` and `exitcode  : -9 (pid: 4711)`.
fn reported(log: &str) -> Vec<Failed> {
    let mut all: Vec<Failed> = Vec::new();
    for line in log.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let number = || value.split_whitespace().next().and_then(|first| first.parse::<i32>().ok());
        match (key.trim(), number()) {
            ("rank", Some(rank)) if rank >= 0 => all.push(Failed { rank: rank as usize, exit: 0 }),
            ("exitcode", Some(exit)) => {
                if let Some(last) = all.last_mut() {
                    last.exit = exit;
                }
            }
            _ => {}
        }
    }
    all
}

/// What a process has said of its own end: its number, from 1, and its reason.
fn said(log: &str) -> Vec<(usize, &str)> {
    let own = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once(OWN)?;
        let (number, rest) = rest.split_once(" of ")?;
        Some((number.parse().ok()?, rest.split_once(": ")?.1))
    });
    own.collect()
}

/// Signals by number, as far as they end processes that train.
fn signal(number: i32) -> String {
    let name = match number {
        6 => "SIGABRT",
        7 => "SIGBUS",
        9 => "SIGKILL, as the system does when memory runs out",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        number => return format!("by signal {number}"),
    };
    format!("by {name}")
}

/// Why a run of so many processes ended, as far as it can be known. The others only lose their connection to one that was killed.
pub fn reason(log: &str, processes: usize) -> Option<String> {
    let of = |rank: usize| match processes {
        1 => "the process".to_string(),
        _ => format!("process {} of {processes}", rank + 1),
    };
    // torchrun ends those that are left with SIGTERM.
    let killed = reported(log).into_iter().find(|own| own.exit < 0 && own.exit != -15);
    if let Some(Failed { rank, exit }) = killed {
        return Some(format!("{} was killed {}", of(rank), signal(-exit)));
    }
    let said = said(log);
    let lost = |reason: &&str| ["onnection", "gloo", "NCCL"].iter().any(|word| reason.contains(word));
    if let (Some((number, reason)), true) = (said.first(), said.iter().all(|(_, reason)| lost(reason))) {
        let who = of(number - 1);
        return Some(format!("{who} lost its connection to another one; that one's machine says why ({reason})"));
    }
    let first = said.iter().find(|(_, reason)| !lost(reason));
    if let Some((number, reason)) = first {
        return Some(match processes {
            1 => reason.to_string(),
            _ => format!("{}: {reason}", of(number - 1)),
        });
    }
    let words = log.lines().map(str::trim).rfind(|line| line.contains("Error"));
    words.map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::reason;

    const REPORT: &str = "
convlens: process 1 of 2: [gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:5
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-27_13:40:01
  host      : here
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 4710)
  error_file: <N/A>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-27_13:40:00
  host      : here
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 4711)
";

    #[test]
    fn a_process_that_was_killed_is_the_reason_and_not_those_that_lost_it() {
        assert_eq!(
            reason(REPORT, 2).as_deref(),
            Some("process 2 of 2 was killed by SIGKILL, as the system does when memory runs out")
        );
        let own = "x\n[rank1]:convlens: process 2 of 2: the loss is nan at step 3\n";
        let log = format!("{}{own}", &REPORT.replace("exitcode  : -9", "exitcode  : 1"));
        assert_eq!(reason(&log, 2).as_deref(), Some("process 2 of 2: the loss is nan at step 3"));
        assert_eq!(reason("convlens: process 1 of 1: no: data", 1).as_deref(), Some("no: data"));
        assert_eq!(reason("Traceback\nRuntimeError: no port\nmore", 2).as_deref(), Some("RuntimeError: no port"));
        assert_eq!(reason("", 2), None);
    }
}
