//! A gateway in front of the emulator: every request passes through it, is counted, and may be
//! delayed, denied, answered into the void, or find nobody there.

use std::collections::HashMap;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// What services of the query protocol are asked in.
const FORM: &str = "application/x-www-form-urlencoded";

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The service by its name in signatures, as `sqs`; empty where nothing is signed.
    pub(crate) service: String,
    /// The action of services that have such, as SQS's `SendMessageBatch`; empty for S3.
    pub(crate) action: String,
    /// What the action is told, in JSON or as a form; empty for S3.
    pub(crate) document: String,
    /// What was answered; 0 before that.
    pub(crate) status: u16,
    /// Whether it is answered in JSON, as SQS is.
    is_json: bool,
}

/// What is to become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    Pass,
    /// 403, as to a role without the permission.
    Deny,
    /// Refused with this status and code, as S3 and SQS write it, by a bucket of this region.
    Refuse(u16, &'static str, &'static str),
    /// Answered with this document, by somebody who knows what the server does not.
    Say(&'static str),
    /// The connection breaks off before anything is done.
    Reset,
    /// It takes so much longer.
    Late(Duration),
    /// It is carried out, and its answer is lost.
    LoseAnswer,
    /// It is carried out twice, and answered once.
    Twice,
}

type Rule = Box<dyn FnMut(&Request) -> Treatment + Send>;

struct State {
    is_cut: AtomicBool,
    delay: Mutex<Duration>,
    requests: Mutex<Vec<Request>>,
    rule: Mutex<Rule>,
    /// What is said for the server where no rule says something else, by action.
    stand_ins: Mutex<HashMap<&'static str, &'static str>>,
    connections: Mutex<Vec<Weak<TcpStream>>>,
    /// Held while the server works on a request, where it can only do one at a time.
    turn: Option<&'static Mutex<()>>,
}

pub(crate) struct Gateway {
    port: u16,
    state: Arc<State>,
}

impl Gateway {
    /// Opens one to a server of this machine. Its threads end with the process.
    pub(super) fn to(server: u16) -> Self {
        Self::in_turn(server, None)
    }

    /// The same to one whose requests take turns.
    pub(super) fn in_turn(server: u16, turn: Option<&'static Mutex<()>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            is_cut: AtomicBool::new(false),
            delay: Mutex::default(),
            requests: Mutex::default(),
            rule: Mutex::new(Box::new(|_| Treatment::Pass)),
            stand_ins: Mutex::default(),
            connections: Mutex::default(),
            turn,
        });
        let gateway = Self { port, state: Arc::clone(&state) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                if state.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let client = Arc::new(client);
                let mut connections = state.connections.lock().unwrap();
                connections.retain(|connection| connection.strong_count() > 0);
                connections.push(Arc::downgrade(&client));
                drop(connections);
                std::thread::spawn(move || drop(serve(&state, &client, server)));
            }
        });
        gateway
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on nobody answers, and what is under way breaks off.
    pub(crate) fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
        for connection in self.state.connections.lock().unwrap().drain(..) {
            // It may have ended by itself.
            let open = connection.upgrade();
            drop(open.map(|connection| connection.shutdown(Shutdown::Both)));
        }
    }

    /// From now on it answers again.
    pub(crate) fn mend(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
    }

    /// Every request takes so much longer.
    pub(crate) fn delay(&self, delay: Duration) {
        *self.state.delay.lock().unwrap() = delay;
    }

    /// From now on this decides what becomes of each request.
    pub(crate) fn treat(&self, rule: impl FnMut(&Request) -> Treatment + Send + 'static) {
        *self.state.rule.lock().unwrap() = Box::new(rule);
    }

    /// Answers an action in the place of the server, which does not know it.
    pub(super) fn stand_in(&self, action: &'static str, answer: &'static str) {
        self.state.stand_ins.lock().unwrap().insert(action, answer);
    }

    /// What was asked since the last time that somebody wanted to know.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.requests.lock().unwrap())
    }
}

impl State {
    /// What becomes of an action that no rule is about.
    fn known(&self, action: &str) -> Treatment {
        let stand_ins = self.stand_ins.lock().unwrap();
        stand_ins.get(action).map_or(Treatment::Pass, |answer| Treatment::Say(answer))
    }
}

/// Serves one client until it or the server has enough.
fn serve(state: &State, mut to_client: &TcpStream, server: u16) -> io::Result<()> {
    let mut from_client = BufReader::new(to_client);
    while let Some((mut request, whole)) = read_request(&mut from_client)? {
        let ruled = (state.rule.lock().unwrap())(&request);
        let is_open = ruled == Treatment::Pass;
        let treatment = if is_open { state.known(&request.action) } else { ruled };
        let delay = *state.delay.lock().unwrap();
        wait(delay);
        let said = match treatment {
            Treatment::Deny => Some(refused(&request, 403, "AccessDenied", "us-east-1")),
            Treatment::Refuse(status, code, region) => {
                Some(refused(&request, status, code, region))
            }
            Treatment::Say(body) => Some(answer(200, "application/xml", "us-east-1", body)),
            Treatment::Reset => return to_client.shutdown(Shutdown::Both),
            Treatment::Late(delay) => {
                wait(delay);
                None
            }
            Treatment::Pass | Treatment::LoseAnswer | Treatment::Twice => None,
        };
        let is_ours = said.is_some();
        let answer = if let Some(said) = said {
            said.into_bytes()
        } else {
            let _turn = state.turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
            if treatment == Treatment::Twice {
                pass_on(server, &whole)?;
            }
            pass_on(server, &whole)?
        };
        request.status = status(&answer);
        state.requests.lock().unwrap().push(request);
        if treatment == Treatment::LoseAnswer {
            return to_client.shutdown(Shutdown::Both);
        }
        to_client.write_all(&answer)?;
        // The server's answer ends with its connection, and says so.
        if !is_ours {
            return to_client.shutdown(Shutdown::Both);
        }
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "the delay is what is asked for")]
fn wait(delay: Duration) {
    std::thread::sleep(delay);
}

/// The status of an answer.
fn status(answer: &[u8]) -> u16 {
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// What the server answers to a request. One connection each: its end is the end of the answer.
fn pass_on(server: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(("127.0.0.1", server))?;
    upstream.write_all(request)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The next request of a connection: what it asks, and the whole of it to send on.
fn read_request(client: &mut impl io::BufRead) -> io::Result<Option<(Request, Vec<u8>)>> {
    let mut line = String::new();
    if client.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, ..Request::default() };
    let (mut head, mut length, mut is_form) = (line, 0, false);
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "x-amz-target" => {
                request.action = value.trim().replace("AmazonSQS.", "");
                request.is_json = true;
            }
            "content-type" => is_form = value.trim().starts_with(FORM),
            // Credential=KEY/DAY/REGION/SERVICE/aws4_request, …
            "authorization" => {
                value.split('/').nth(3).unwrap_or_default().clone_into(&mut request.service);
            }
            // Whoever asks first whether it may go on is told so by nobody here.
            "connection" | "expect" => continue,
            _ => {}
        }
        head.push_str(&line);
    }
    head.push_str("connection: close\r\n\r\n");
    let mut whole = head.into_bytes();
    let start = whole.len();
    client.take(length).read_to_end(&mut whole)?;
    if is_form || !request.action.is_empty() {
        request.document = String::from_utf8_lossy(&whole[start..]).into_owned();
    }
    if is_form {
        let mut fields = request.document.split('&');
        let action = fields.find_map(|field| field.strip_prefix("Action="));
        request.action = action.unwrap_or_default().to_owned();
    }
    Ok(Some((request, whole)))
}

fn refused(request: &Request, status: u16, code: &str, region: &str) -> String {
    let (media, body) = if request.is_json {
        // SQS's name for it.
        let code = if code == "AccessDenied" { "AccessDeniedException" } else { code };
        let body = format!(r#"{{"__type":"com.amazon.coral.service#{code}","message":"no"}}"#);
        ("application/x-amz-json-1.0", body)
    } else {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        ("application/xml", body)
    };
    // A HEAD is answered without a body.
    let body = if request.method == "HEAD" { String::new() } else { body };
    answer(status, media, region, &body)
}

fn answer(status: u16, media: &str, region: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {media}\r\nx-amz-bucket-region: {region}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}
