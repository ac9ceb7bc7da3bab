//! What is asked of the hub's server, and of the servers that it sends on to.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::cache::{is_commit, is_sha256};
use super::{HubError, Progress, disk, go_on};
use crate::reason::Reason;
use crate::visible::visible;

const ENDPOINT: &str = "https://huggingface.co";

/// Servers that one answer may send on to.
const REDIRECTS: usize = 5;

/// What the server says of a file before it is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Where it is fetched from.
    url: String,
    pub commit: String,
    pub sha256: Option<String>,
    pub size: Option<u64>,
}

pub struct Client {
    endpoint: String,
    token: Option<String>,
    agent: Agent,
}

impl Client {
    pub fn new(endpoint: Option<String>, token: Option<String>) -> Client {
        let agent = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .user_agent(concat!("convlens/", env!("CARGO_PKG_VERSION")))
            .build();
        let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.into()).trim_end_matches('/').to_string();
        Client { endpoint, token, agent: agent.into() }
    }

    /// Asks for a file of a repository without fetching it. The hub itself says what the file is; where it lies, it sends on to.
    pub fn head(&self, hub: &str, revision: &str, file: &str) -> Result<Head, HubError> {
        let url = format!("{}/{hub}/resolve/{revision}/{file}", self.endpoint);
        let failed = |reason: Reason| HubError::Server { url: url.clone(), reason: reason.0 };
        let mut here = url.clone();
        for _ in 0..REDIRECTS {
            let response = self.ask("HEAD", &here, None).map_err(failed)?;
            let header =
                |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
            let location = header("location");
            // A repository that has another name now: asked again there.
            if let Some(next) =
                location.as_ref().filter(|next| next.starts_with('/') && header("x-linked-etag").is_none())
            {
                here = format!("{}{next}", self.endpoint);
                continue;
            }
            if !response.status().is_success() && !response.status().is_redirection() {
                return Err(failed(refusal(&response, self.token.is_some()).into()));
            }
            let named =
                |name: &str| header(name).map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_lowercase());
            let etag = named("x-linked-etag").or_else(|| named("etag"));
            let size = header("x-linked-size").or_else(|| header("content-length").filter(|_| location.is_none()));
            let commit = header("x-repo-commit").unwrap_or_else(|| revision.to_string());
            if !is_commit(&commit) {
                return Err(failed("the server does not say which commit this is; is it a hub?".into()));
            }
            return Ok(Head {
                url: here,
                commit: commit.to_lowercase(),
                sha256: etag.filter(|tag| is_sha256(tag)),
                size: size.and_then(|size| size.parse().ok()),
            });
        }
        Err(failed("it is sent on from one server to another without an end".into()))
    }

    /// Adds to a file what is missing of it from `from` on. Gives how many bytes it has then.
    pub fn fetch(
        &self,
        head: &Head,
        from: u64,
        path: &Path,
        file: &mut File,
        on: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<u64, HubError> {
        const PIECE: usize = 256 << 10;
        let failed = |reason: Reason| HubError::Server { url: head.url.clone(), reason: reason.0 };
        let mut here = head.url.clone();
        let mut response = self.ask("GET", &here, Some(from)).map_err(failed)?;
        for _ in 0..REDIRECTS {
            if !response.status().is_redirection() {
                break;
            }
            here = next(&here, &response).map_err(failed)?;
            response = self.ask("GET", &here, Some(from)).map_err(failed)?;
        }
        let mut done = match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&response) == Some(from) => from,
            StatusCode::PARTIAL_CONTENT => {
                return Err(failed("the server sends another part than was asked for".into()));
            }
            // A server that knows no parts sends all of it.
            StatusCode::OK => {
                file.set_len(0).map_err(|error| disk(path, &error))?;
                0
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                file.set_len(0).map_err(|error| disk(path, &error))?;
                return Err(failed("what was kept is more than the server has".into()));
            }
            _ => return Err(failed(refusal(&response, self.token.is_some()).into())),
        };
        let of = head.size.unwrap_or(0);
        let mut body = response.into_body().into_reader();
        let mut bytes = vec![0; PIECE];
        loop {
            go_on(on, Progress::Fetching { done, of: of.max(done) })?;
            let count = body.read(&mut bytes).map_err(|error| failed(words(&error.to_string()).into()))?;
            if count == 0 {
                return Ok(done);
            }
            done += count as u64;
            if head.size.is_some_and(|size| done > size) {
                // All of it is another file's.
                file.set_len(0).map_err(|error| disk(path, &error))?;
                return Err(failed(format!("the server sends more than the {of} bytes that it promised").into()));
            }
            file.write_all(&bytes[..count]).map_err(|error| disk(path, &error))?;
        }
    }

    fn ask(&self, method: &str, url: &str, from: Option<u64>) -> Result<Response<Body>, Reason> {
        let mut request = if method == "HEAD" { self.agent.head(url) } else { self.agent.get(url) };
        // The token is the hub's alone: not for the servers that it sends on to.
        let is_hub = url.strip_prefix(&self.endpoint).is_some_and(|rest| rest.starts_with('/'));
        if let Some(token) = self.token.as_ref().filter(|_| is_hub) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        // What is compressed has other bytes than were promised.
        request = request.header("accept-encoding", "identity");
        if let Some(from) = from {
            request = request.header("range", format!("bytes={from}-"));
        }
        request.call().map_err(|error| words(&error.to_string()).into())
    }
}

/// A library's error, as a part of a sentence.
fn words(error: &str) -> String {
    let error = error.strip_prefix("io: ").unwrap_or(error);
    let plain = error.split(" (os error").next().unwrap_or(error);
    visible(plain).into_owned()
}

/// Where an answer sends on to. From a safe server only another safe one is believed.
fn next(here: &str, response: &Response<Body>) -> Result<String, Reason> {
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let location = location.ok_or("the server sends on to nowhere")?;
    let origin = here.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let next = if location.starts_with('/') { format!("{origin}{location}") } else { location.to_string() };
    let is_safe = |url: &str| url.starts_with("https://");
    match is_safe(&next) || next.starts_with("http://") && !is_safe(here) {
        true => Ok(next),
        false => Err(format!("the server sends on to `{}`, which is not safe", visible(location)).into()),
    }
}

fn begins_at(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Why a server gives nothing, and what can be done.
fn refusal(response: &Response<Body>, has_token: bool) -> String {
    let code = response.headers().get("x-error-code").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (response.status().as_u16(), code) {
        (_, "RevisionNotFound") => "there is no such revision".into(),
        (_, "EntryNotFound") => "the repository has no such file".into(),
        (_, "GatedRepo") => {
            "its owner wants to be asked first; ask on its page, and give your token in HF_TOKEN".into()
        }
        (401 | 403, _) if has_token => "the token in HF_TOKEN is not accepted here".into(),
        (401 | 403, _) => "it is private, or not there; HF_TOKEN gives your token".into(),
        (404, _) => "it is not there".into(),
        (429, _) => "the server wants to be asked less often; try again later".into(),
        (status, _) => format!("the server answers {status}"),
    }
}
