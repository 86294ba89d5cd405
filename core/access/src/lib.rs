//! Who may ask over HTTP: whoever has a token, and never a web page of somebody else's.
//!
//! A page that somebody opens can make their browser ask anything of any address, this machine's
//! included. It is told apart by what browsers add: an `Origin`, `Sec-Fetch-Site`, and as `Host` the
//! name that was asked for, which need not be ours if the page's own name was made to lead here. So
//! there are no names here but `localhost` and those that somebody gave: whoever asks does so by
//! address.
//!
//! It decides and does no I/O. Used by what listens: a worker's listener and the API.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use hyper::{HeaderMap, Method};
use sha2::{Digest as _, Sha256};

/// Shortest token, in characters: of random letters and digits, nobody guesses these.
const SHORTEST: usize = 16;

/// Longest token.
const LONGEST: usize = 1024;

/// What whoever asks has to know. Only its hash is kept, and it is never shown.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has {SHORTEST} to {LONGEST} characters of ASCII, and no spaces")]
pub struct TokenError;

impl Token {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let fits = (SHORTEST..=LONGEST).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError);
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether a text is the token. How long that takes says nothing about the token: hashes are
    /// compared, and all of them.
    fn is(&self, text: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let differences =
            self.0.iter().zip(hash).fold(0, |seen, (ours, theirs)| seen | (ours ^ theirs));
        std::hint::black_box(differences) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Several tokens, each with a name by which its bearer is known. Names are shown, tokens never.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<(String, Token)>);

impl Tokens {
    /// Adds one.
    pub fn add(&mut self, name: impl Into<String>, token: Token) {
        self.0.push((name.into(), token));
    }

    /// Whether there is none: then nobody is asked for one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a text that is one of them. All are looked at, whichever it is.
    pub fn name_of(&self, text: &[u8]) -> Option<&str> {
        let mut found = None;
        for (name, token) in &self.0 {
            if token.is(text) {
                found = Some(name.as_str());
            }
        }
        found
    }

    /// The name of whoever sends one of them.
    pub fn bearer(&self, headers: &HeaderMap) -> Option<&str> {
        self.name_of(bearer(headers)?)
    }
}

/// Whether only this machine can reach an address.
pub fn is_own(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Why whoever asks is none that may, where no page is served.
pub fn foreign(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(ORIGIN) {
        return Some("a web page asks, and none has a reason to");
    }
    foreign_host(headers, &[])
}

/// Why whoever asks is none that may, where pages are served: those may ask, no others may. `names`
/// are what the server is called besides its addresses, without ports.
pub fn foreign_to(method: &Method, headers: &HeaderMap, names: &[String]) -> Option<&'static str> {
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = |origin: &str| {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        rest.is_some() && rest == own
    };
    if headers.get_all(ORIGIN).iter().any(|origin| !origin.to_str().is_ok_and(is_own)) {
        return Some("a web page asks that was not served here");
    }
    let said = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let site = said(FETCH_SITE);
    // A form that is posted navigates as well, and is no link.
    let follows_a_link = said(FETCH_MODE) == Some(b"navigate") && method == Method::GET;
    if matches!(site, Some(b"cross-site" | b"same-site")) && !follows_a_link {
        return Some("a web page asks that was not served here");
    }
    foreign_host(headers, names)
}

/// What browsers add of the page that asks, and of what for.
const FETCH_SITE: &str = "sec-fetch-site";
const FETCH_MODE: &str = "sec-fetch-mode";

fn foreign_host(headers: &HeaderMap, names: &[String]) -> Option<&'static str> {
    let known = |host: &str| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        is_address(host) || names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if headers.get_all(HOST).iter().all(|host| host.to_str().is_ok_and(known)) {
        None
    } else {
        Some("ask by an address, as http://10.0.0.5:8080, or as localhost: other names are refused")
    }
}

/// Whether a `Host` is an address or this machine, with or without a port.
fn is_address(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port));
    }
    let name = match host.rfind(':') {
        Some(at) if is_port(&host[at..]) => &host[..at],
        Some(_) => return false,
        None => host,
    };
    name.parse::<Ipv4Addr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Whether whoever asks may, for want of a token or with it.
pub fn has_token(headers: &HeaderMap, token: Option<&Token>) -> bool {
    let Some(token) = token else { return true };
    bearer(headers).is_some_and(|text| token.is(text))
}

/// What whoever asks sends as its token.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let given = headers.get(AUTHORIZATION)?;
    let (scheme, text) = given.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: hyper::header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn hosts_are_addresses_or_this_machine() {
        let good =
            ["127.0.0.1", "10.0.0.5:8080", "[::1]", "[fe80::1]:80", "localhost", "LocalHost:9"];
        for host in good {
            assert_eq!(foreign(&with(HOST, host)), None, "{host}");
        }
        let bad = [
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1",
            "[evil]",
            "[::1]evil",
            "127.0.0.1:evil",
            "1.2.3.4:5:6",
            "",
            ":80",
        ];
        for host in bad {
            assert!(foreign(&with(HOST, host)).is_some(), "{host}");
        }
        let mut two = with(HOST, "127.0.0.1");
        two.append(HOST, "evil.example".parse().unwrap());
        assert!(foreign(&two).is_some());
        assert_eq!(foreign(&HeaderMap::new()), None, "no browser leaves it out");
    }

    #[test]
    fn web_pages_are_refused_wherever_they_are_from() {
        for origin in ["http://evil.example", "null", "http://127.0.0.1:8080"] {
            let mut headers = with(HOST, "127.0.0.1:8080");
            headers.insert(ORIGIN, origin.parse().unwrap());
            assert!(foreign(&headers).is_some(), "{origin}");
        }
    }

    #[test]
    fn pages_that_were_served_here_may_ask_and_no_others() {
        let names = ["mill.example".to_owned()];
        let ask_by = |method: &Method, fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| {
                (name.parse::<hyper::header::HeaderName>().unwrap(), value.parse().unwrap())
            });
            foreign_to(method, &fields.collect(), &names)
        };
        let ask = |fields: &[_]| ask_by(&Method::GET, fields);
        let host = ("host", "127.0.0.1:80");
        assert_eq!(ask(&[host]), None);
        assert_eq!(ask(&[host, ("origin", "http://127.0.0.1:80")]), None);
        assert_eq!(
            ask(&[("host", "mill.example"), ("origin", "https://mill.example")]),
            None,
            "behind a proxy"
        );
        for origin in ["http://evil.example", "null", "http://127.0.0.1:81", "http://127.0.0.1"] {
            assert!(ask(&[host, ("origin", origin)]).is_some(), "{origin}");
        }
        assert!(ask(&[("host", "evil.example"), ("origin", "http://evil.example")]).is_some());
        assert!(ask(&[host, ("sec-fetch-site", "cross-site")]).is_some());
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(ask(&link), None, "somebody follows a link");
        assert!(ask_by(&Method::POST, &link).is_some(), "somebody sends a form of theirs");
    }

    #[test]
    fn a_bearer_is_known_by_a_name() {
        let mut tokens = Tokens::default();
        assert!(tokens.is_empty());
        tokens.add("ci", Token::new("0123456789abcdef").unwrap());
        tokens.add("me", Token::new("fedcba9876543210").unwrap());
        let bearer = |value| tokens.bearer(&with(AUTHORIZATION, value)).map(str::to_owned);
        assert_eq!(bearer("Bearer fedcba9876543210").as_deref(), Some("me"));
        assert_eq!(bearer("Bearer fedcba9876543211"), None);
        assert!(!format!("{tokens:?}").contains("fedcba"));
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(has_token(&HeaderMap::new(), None));
        assert!(!has_token(&HeaderMap::new(), Some(&token)));
        let given = |value| has_token(&with(AUTHORIZATION, value), Some(&token));
        assert!(given("Bearer 0123456789abcdef") && given("bearer 0123456789abcdef"));
        let wrong = [
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "Bearer",
            "",
        ];
        assert!(wrong.into_iter().all(|value| !given(value)));
    }

    #[test]
    fn tokens_are_long_and_never_shown() {
        for bad in
            ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdé", "0123456789abcdef\n"]
        {
            assert_eq!(Token::new(bad).unwrap_err(), TokenError, "{bad:?}");
        }
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef").unwrap()), "Token");
    }
}
