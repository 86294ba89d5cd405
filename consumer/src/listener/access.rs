//! Who may ask: whoever has the token, and never a web page.
//!
//! A page that somebody opens can make their browser ask anything of any address, this machine's
//! included. It is told apart by what browsers add: an `Origin`, and as `Host` the name that was
//! asked for, which need not be ours if the page's own name was made to lead here. So there are no
//! names here but `localhost`: whoever asks does so by address.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
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

/// Why whoever asks is none that may.
pub(super) fn foreign(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(ORIGIN) {
        return Some("a web page asks, and none has a reason to");
    }
    let hosts = headers.get_all(HOST);
    if hosts.iter().all(|host| host.to_str().is_ok_and(is_address)) {
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
pub(super) fn has_token(headers: &HeaderMap, token: Option<&Token>) -> bool {
    let Some(token) = token else { return true };
    let Some(given) = headers.get(AUTHORIZATION) else { return false };
    let Some((scheme, text)) = given.as_bytes().split_at_checked("Bearer ".len()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(text)
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
