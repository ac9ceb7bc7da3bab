//! Published weights fetched from a hub on loopback that behaves, and from ones that cut, lie, send on, and refuse.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::common::convlens;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a hub treats a file.
#[derive(Clone, Default)]
struct Manner {
    /// Bytes of a body after which the connection is cut, for so many answers.
    cut: Option<(usize, usize)>,
    /// Sends all of it whatever part is asked for.
    knows_no_parts: bool,
    /// Sends other bytes than it says.
    lies: bool,
    /// Sends more bytes than it says.
    sends_more: bool,
    /// Says no checksum.
    is_silent: bool,
    /// Says the checksum of another file.
    says_another: bool,
    /// Wants this token.
    token: Option<&'static str>,
    /// Answers so.
    status: Option<(u16, &'static str)>,
    /// Sends on for ever.
    circles: bool,
}

/// A hub with one file, in threads of its own until the test's end.
struct Hub {
    address: String,
    /// What was asked: method, path, range, token.
    asked: Arc<Mutex<Vec<String>>>,
    home: tempfile::TempDir,
    body: Arc<Vec<u8>>,
}

fn hub(body: Vec<u8>, manner: Manner) -> Hub {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let (asked, body) = (Arc::new(Mutex::new(Vec::new())), Arc::new(body));
    let shared = (Arc::clone(&asked), Arc::clone(&body), Arc::new(Mutex::new(manner)), address.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (asked, body, manner, address) = shared.clone();
            std::thread::spawn(move || serve(stream, &asked, &body, &manner, &address));
        }
    });
    Hub { address, asked, home: tempfile::tempdir().expect("a folder"), body }
}

fn serve(mut stream: TcpStream, asked: &Mutex<Vec<String>>, body: &[u8], manner: &Mutex<Manner>, address: &str) {
    let mut lines = BufReader::new(stream.try_clone().expect("the stream"));
    loop {
        let mut first = String::new();
        if lines.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.insert(name.to_lowercase(), value.trim().to_string());
            }
        }
        let words: Vec<&str> = first.split_whitespace().collect();
        let [method, path, ..] = words[..] else { return };
        let (range, token) = (headers.get("range").cloned(), headers.get("authorization").cloned());
        asked.lock().expect("the list").push(format!(
            "{method} {path} {} {}",
            range.clone().unwrap_or_default(),
            token.clone().unwrap_or_default()
        ));
        let mut own = manner.lock().expect("the manner");
        let answer = |status: &str, headers: &str, length: usize| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: keep-alive\r\n{headers}\r\n")
        };
        let is_hub = path.contains("/resolve/");
        if own.circles {
            let _ = stream.write_all(
                answer(
                    "302 Found",
                    &format!(
                        "Location: {address}/again\r\nX-Repo-Commit: {COMMIT}\r\nX-Linked-Etag: \"{}\"\r\n",
                        sha256(body)
                    ),
                    0,
                )
                .as_bytes(),
            );
            continue;
        }
        if let Some((status, code)) = own.status {
            let _ = stream.write_all(answer(&status.to_string(), &format!("X-Error-Code: {code}\r\n"), 0).as_bytes());
            continue;
        }
        if is_hub && own.token.is_some_and(|wanted| token != Some(format!("Bearer {wanted}"))) {
            let _ = stream.write_all(answer("401 Unauthorized", "", 0).as_bytes());
            continue;
        }
        if is_hub {
            let said = if own.says_another { sha256(b"another") } else { sha256(body) };
            let etag = if own.is_silent { String::new() } else { format!("X-Linked-Etag: \"{said}\"\r\n") };
            let size = body.len();
            let headers =
                format!("Location: {address}/store/blob\r\nX-Repo-Commit: {COMMIT}\r\nX-Linked-Size: {size}\r\n{etag}");
            let _ = stream.write_all(answer("302 Found", &headers, 0).as_bytes());
            continue;
        }
        let from = range.filter(|_| !own.knows_no_parts);
        let from = from.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        let mut part = body[from.unwrap_or(0).min(body.len())..].to_vec();
        if own.lies {
            part.iter_mut().for_each(|byte| *byte ^= 1);
        }
        if own.sends_more {
            part.extend([0; 1000]);
        }
        let (status, headers) = match from {
            Some(from) => {
                ("206 Partial Content", format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len()))
            }
            None => ("200 OK", String::new()),
        };
        let _ = stream.write_all(answer(status, &headers, part.len()).as_bytes());
        if let Some((bytes, times)) = own.cut.filter(|(_, times)| *times > 0) {
            own.cut = Some((bytes, times - 1));
            let _ = stream.write_all(&part[..bytes.min(part.len())]);
            let _ = stream.flush();
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
        drop(own);
        let _ = stream.write_all(&part);
    }
}

impl Hub {
    /// An architecture whose weights are on this hub, under a branch's name.
    fn architecture(&self, more: &str) -> PathBuf {
        let path = self.home.path().join("net.yaml");
        let text = format!(
            "input: [1, 2, 2]\nlayers: [flatten, linear: {{out: 3, activation: none}}]\nweights: {{hub: some/net, {more}}}\n"
        );
        std::fs::write(&path, text).expect("written");
        path
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
        let mut command = convlens(arguments);
        command
            .current_dir(self.home.path())
            .env("HF_ENDPOINT", &self.address)
            .env("HF_HOME", self.home.path().join("hf"));
        for name in ["HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HTTP_PROXY", "http_proxy"]
        {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied());
        let output = command.timeout(Duration::from_secs(60)).output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    fn repository(&self) -> PathBuf {
        self.home.path().join("hf/hub/models--some--net")
    }

    fn blobs(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.repository().join("blobs")).into_iter().flatten().flatten();
        let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().expect("the list").len()
    }
}

/// A file of weights for the architecture above: 3×4 and 3, counted up.
fn weights() -> Vec<u8> {
    let values: Vec<u8> = (0..15u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let view = |shape: Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, bytes).expect("sound")
    };
    let tensors = [("linear1.weight", view(vec![3, 4], &values[..48])), ("linear1.bias", view(vec![3], &values[48..]))];
    safetensors::serialize(tensors, None).expect("bytes")
}

#[test]
fn published_weights_are_fetched_once_into_the_hubs_own_layout_and_used() {
    let hub = hub(weights(), Manner::default());
    let net = hub.architecture(&format!("sha256: {}", sha256(&hub.body)));
    let net = net.to_str().expect("a path");
    let (ok, out, err) = hub.run(&["weights", "get", net, "--format", "json"], &[]);
    assert!(ok, "{err}");
    let said: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (said["bytes"].as_u64(), said["sha256"].as_str()),
        (Some(hub.body.len() as u64), Some(&*sha256(&hub.body)))
    );
    assert_eq!(said["verified_by"], "file");
    let path = Path::new(said["file"].as_str().expect("a path"));
    assert_eq!(path, hub.repository().join("snapshots").join(COMMIT).join("model.safetensors"));
    assert_eq!(std::fs::read(path).expect("the file"), *hub.body);
    assert_eq!(std::fs::read_link(path).expect("a link"), Path::new(&format!("../../blobs/{}", sha256(&hub.body))));
    assert_eq!(std::fs::read_to_string(hub.repository().join("refs/main")).expect("the branch"), COMMIT);
    // The second time nobody is asked.
    let before = hub.times_asked();
    let (ok, out, err) =
        hub.run(&["forward", net, "--pretrained", "--logits", "--format", "json"], &[("HF_HUB_OFFLINE", "1")]);
    assert!(ok, "{err}");
    assert_eq!(hub.times_asked(), before);
    let said: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(said["matched"], "by layer names");
    // On noise x the outputs are W·x + b with rows 0 1 2 3, 4 5 6 7, 8 9 10 11: second minus first is 4·Σx + 1.
    let logits: Vec<f64> =
        said["logits"][0].as_array().expect("logits").iter().filter_map(|own| own.as_f64()).collect();
    let [first, second, third] = logits[..] else { panic!("{logits:?}") };
    assert!((third - second - (second - first)).abs() < 1e-4, "{logits:?}");
}

#[test]
fn what_python_fetched_is_found_and_checked() {
    let hub = hub(weights(), Manner { status: Some((500, "")), ..Manner::default() });
    let (right, repository) = (sha256(&hub.body), hub.repository());
    let snapshot = repository.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).expect("a folder");
    std::fs::create_dir_all(repository.join("blobs")).expect("a folder");
    let blob = repository.join("blobs").join(&right);
    std::fs::write(&blob, &*hub.body).expect("written");
    std::os::unix::fs::symlink(format!("../../blobs/{right}"), snapshot.join("model.safetensors")).expect("linked");
    // By the first digits of its commit, too.
    let net = hub.architecture(&format!("revision: \"{}\"", &COMMIT[..7]));
    let net = net.to_str().expect("a path");
    let (ok, out, err) = hub.run(&["weights", "get", net, "--format", "json"], &[("HF_HUB_OFFLINE", "1")]);
    assert!(ok && out.contains(r#""verified_by": "server""#) && hub.times_asked() == 0, "{out}{err}");
    // A bit that was lost is noticed before the file is used.
    let mut damaged = hub.body.to_vec();
    *damaged.last_mut().expect("a byte") ^= 1;
    std::fs::write(&blob, damaged).expect("written");
    let (ok, _, err) = hub.run(&["forward", net, "--pretrained"], &[("HF_HUB_OFFLINE", "1")]);
    assert!(!ok && err.contains("has SHA-256") && err.contains("delete it"), "{err}");
    // With a network it is thrown away and fetched again; this server has none.
    let (ok, _, err) = hub.run(&["weights", "get", net], &[]);
    assert!(!ok && err.contains("the server answers 500"), "{err}");
    assert_eq!(hub.blobs(), [""; 0]);
}

#[test]
fn a_connection_that_is_cut_again_and_again_still_brings_the_whole_file() {
    let body: Vec<u8> = (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cutting = hub(body.clone(), Manner { cut: Some((400_000, 4)), ..Manner::default() });
    let net = cutting.architecture("file: model.safetensors");
    let (ok, _, err) = cutting.run(&["weights", "get", net.to_str().expect("a path")], &[]);
    assert!(ok, "{err}");
    assert_eq!(cutting.blobs(), [sha256(&body)]);
    let asked = cutting.asked.lock().expect("the list").join("\n");
    assert!(
        asked.contains("GET /store/blob bytes=0-") && asked.matches("GET /store/blob bytes=").count() >= 5,
        "{asked}"
    );
    // One that never gets further is given up, and what came is kept for the next time.
    let stuck = hub(body.clone(), Manner { cut: Some((0, 100)), ..Manner::default() });
    let net = stuck.architecture("file: model.safetensors");
    let begun = stuck.repository().join("blobs");
    std::fs::create_dir_all(&begun).expect("a folder");
    std::fs::write(begun.join(format!("{}.incomplete", sha256(&body))), &body[..1000]).expect("written");
    let (ok, _, err) = stuck.run(&["weights", "get", net.to_str().expect("a path")], &[]);
    assert!(!ok && err.contains("1000 bytes are kept"), "{err}");
    assert_eq!(stuck.blobs(), [format!("{}.incomplete", sha256(&body))]);
    // And a server that knows no parts begins anew.
    let whole = hub(body.clone(), Manner { knows_no_parts: true, ..Manner::default() });
    let net = whole.architecture("file: model.safetensors");
    std::fs::create_dir_all(whole.repository().join("blobs")).expect("a folder");
    std::fs::write(whole.repository().join(format!("blobs/{}.incomplete", sha256(&body))), b"rubbish")
        .expect("written");
    let (ok, _, err) = whole.run(&["weights", "get", net.to_str().expect("a path")], &[]);
    assert!(ok && whole.blobs() == [sha256(&body)], "{err}");
}

#[test]
fn what_is_not_what_it_should_be_is_never_used_and_never_left_behind() {
    let right = sha256(&weights());
    let cases: [(Manner, &str, &str); 5] = [
        (Manner { lies: true, ..Manner::default() }, "revision: main", "it was thrown away"),
        (Manner { sends_more: true, ..Manner::default() }, "revision: main", "sends more than"),
        (
            Manner { says_another: true, ..Manner::default() },
            "",
            "the hub has another file than the architecture names",
        ),
        (Manner { is_silent: true, ..Manner::default() }, "revision: main", "gives no SHA-256"),
        (Manner { is_silent: true, lies: true, ..Manner::default() }, "", "it was thrown away"),
    ];
    for (manner, more, words) in cases {
        let hub = hub(weights(), manner);
        let more = if more.is_empty() { format!("sha256: {right}") } else { more.to_string() };
        let net = hub.architecture(&more);
        let (ok, out, err) = hub.run(&["forward", net.to_str().expect("a path"), "--pretrained"], &[]);
        assert!(!ok && err.contains(words) && out.is_empty(), "{words}: {err}");
        let left: Vec<String> = hub.blobs().into_iter().filter(|name| !name.ends_with(".incomplete")).collect();
        assert!(left.is_empty() && !hub.repository().join("snapshots").exists(), "{words}: {left:?}");
        // What is left of it is empty, or what a sound server would have sent.
        for name in hub.blobs() {
            let left = std::fs::read(hub.repository().join("blobs").join(&name)).expect("read");
            assert!(hub.body.starts_with(&left), "{words}: {name} has {} bytes", left.len());
        }
    }
}

#[test]
fn a_token_is_given_to_the_hub_and_to_nobody_else() {
    let hub = hub(weights(), Manner { token: Some("hf_secret"), ..Manner::default() });
    let net = hub.architecture("revision: main");
    let net = net.to_str().expect("a path");
    let (ok, _, err) = hub.run(&["weights", "get", net], &[]);
    assert!(!ok && err.contains("HF_TOKEN"), "{err}");
    let (ok, _, err) = hub.run(&["weights", "get", net], &[("HF_TOKEN", "wrong")]);
    assert!(!ok && err.contains("is not accepted") && !err.contains("wrong"), "{err}");
    let other = hub.address.replace("127.0.0.1", "localhost");
    let (ok, _, err) = hub.run(&["weights", "get", net], &[("HF_TOKEN", "hf_secret"), ("HF_ENDPOINT", &other)]);
    assert!(ok, "{err}");
    // The file itself lies elsewhere: at another name than the hub's.
    let asked = hub.asked.lock().expect("the list").clone();
    let stores: Vec<&String> = asked.iter().filter(|line| line.contains("/store/")).collect();
    assert!(!stores.is_empty() && stores.iter().all(|line| !line.contains("hf_secret")), "{asked:?}");
}

#[test]
fn why_there_is_nothing_is_said_in_words() {
    let cases = [
        ((404, "EntryNotFound"), "the repository has no such file"),
        ((404, "RevisionNotFound"), "there is no such revision"),
        ((403, "GatedRepo"), "its owner wants to be asked first"),
        ((429, ""), "asked less often"),
    ];
    for (status, words) in cases {
        let hub = hub(weights(), Manner { status: Some(status), ..Manner::default() });
        let net = hub.architecture("revision: main");
        let (ok, _, err) = hub.run(&["weights", "get", net.to_str().expect("a path")], &[]);
        assert!(!ok && err.contains(words), "{words}: {err}");
    }
    let circle = hub(weights(), Manner { circles: true, ..Manner::default() });
    let net = circle.architecture("revision: main");
    let net = net.to_str().expect("a path").to_string();
    let (ok, _, err) = circle.run(&["weights", "get", &net], &[]);
    assert!(!ok && err.contains("302"), "{err}");
    // Nobody there, nothing known, no network wanted.
    let (ok, _, err) = circle.run(&["weights", "get", &net], &[("HF_ENDPOINT", "http://127.0.0.1:9")]);
    assert!(!ok && err.contains("127.0.0.1:9"), "{err}");
    let (ok, _, err) = circle.run(&["weights", "get", &net], &[("HF_HUB_OFFLINE", "1")]);
    assert!(!ok && err.contains("HF_HUB_OFFLINE is set"), "{err}");
    let (ok, _, err) = circle.run(&["forward", "vgg-mini", "--pretrained"], &[]);
    assert!(!ok && err.contains("no published weights are known for vgg-mini"), "{err}");
    // A place where nothing can be kept.
    let (ok, _, err) = circle.run(
        &["weights", "get", &net],
        &[("HF_HOME", "/dev/null/here"), ("HF_ENDPOINT", &hub(weights(), Manner::default()).address)],
    );
    assert!(!ok && err.contains("cannot write"), "{err}");
}
