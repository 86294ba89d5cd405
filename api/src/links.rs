//! Links that expire: the store's own where whoever asks can follow them, else links to this API,
//! signed, good for one key and one purpose.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use pixmill_contract::id::hex;
use pixmill_contract::{Key, Timestamp};
use sha2::Sha256;

use crate::asked::encoded;
use crate::problem::{Code, Problem};
use crate::state::State;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading what is there.
    Read,
    /// Putting something there.
    Write,
}

impl Purpose {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Read => b"read",
            Self::Write => b"write",
        }
    }
}

/// Signs links and knows its own.
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("a key may have any length"))
    }

    fn mac(&self, purpose: Purpose, key: &Key, until: u64) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(purpose.word());
        mac.update(&until.to_le_bytes());
        mac.update(key.as_str().as_bytes());
        mac
    }

    fn sign(&self, purpose: Purpose, key: &Key, until: u64) -> String {
        hex(&self.mac(purpose, key, until).finalize().into_bytes())
    }

    /// Whether a signature is ours; compared in constant time.
    fn knows(&self, purpose: Purpose, key: &Key, until: u64, signature: &str) -> bool {
        let bytes: Option<Vec<u8>> = (0..signature.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(signature.get(at..at + 2)?, 16).ok())
            .collect();
        let mac = self.mac(purpose, key, until);
        bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok())
    }
}

/// A link by which whoever holds it can do this with an object: an address, or a path of this
/// server.
pub(crate) async fn link(
    state: &Arc<State>,
    purpose: Purpose,
    key: &Key,
) -> Result<(String, Timestamp), Problem> {
    let settings = &state.settings;
    let until = settings.pipeline.clock.now() + settings.links;
    if settings.links_of_store && purpose == Purpose::Read {
        return Ok((settings.pipeline.store.link(key, settings.links).await?, until));
    }
    let seconds = until.millis() / 1000;
    let signature = state.signer.sign(purpose, key, seconds);
    let path = encoded(key.as_str());
    Ok((format!("/v1/objects/{path}?expires={seconds}&signature={signature}"), until))
}

/// A link by which whoever holds it can put a picture there. It leads straight to the store where
/// that has such links and the picture's size is known, as only that bounds what they are good for;
/// else to this server, which counts what comes.
pub(crate) async fn upload_link(
    state: &Arc<State>,
    key: &Key,
    bytes: Option<u64>,
) -> Result<(String, Timestamp), Problem> {
    let settings = &state.settings;
    match (&settings.upload_links, bytes) {
        (Some(links), Some(bytes)) => {
            let until = settings.pipeline.clock.now() + settings.links;
            Ok((links(key.clone(), bytes, settings.links).await?, until))
        }
        (Some(_), None) | (None, _) => link(state, Purpose::Write, key).await,
    }
}

/// Refuses whoever is not known and has no link that is good.
pub(crate) fn check(
    state: &State,
    purpose: Purpose,
    key: &Key,
    asked: &crate::asked::Asked,
) -> Result<(), Problem> {
    let refused = |why: &str| Err(Problem::new(Code::BadLink, why));
    let (until, signature) = match (asked.number("expires"), asked.text("signature")) {
        (Some(until), Some(signature)) => (until, signature),
        (None, None) if !asked.who.is_empty() => return Ok(()),
        (None, None) => {
            let why = "send a token, or follow a link that you were given";
            return Err(Problem::new(Code::Unauthorized, why));
        }
        (Some(_), None) | (None, Some(_)) => return refused("a part of the link is missing"),
    };
    if !state.signer.knows(purpose, key, until, signature) {
        return refused("this link was never given out");
    }
    if state.pipeline().clock.now() > Timestamp::from_millis(until.saturating_mul(1000)) {
        return refused("this link has expired");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_one_key_one_purpose_and_one_time() {
        let signer = Signer::new(&[7; 32]);
        let (key, other) = (Key::new("outputs/a").unwrap(), Key::new("outputs/b").unwrap());
        let signature = signer.sign(Purpose::Read, &key, 5);
        assert!(signer.knows(Purpose::Read, &key, 5, &signature));
        assert!(!signer.knows(Purpose::Write, &key, 5, &signature));
        assert!(!signer.knows(Purpose::Read, &other, 5, &signature));
        assert!(!signer.knows(Purpose::Read, &key, 6, &signature));
        assert!(!Signer::new(&[8; 32]).knows(Purpose::Read, &key, 5, &signature));
        for bad in ["", "0", "zz", "ä", &signature[2..], &format!("{signature}00")] {
            assert!(!signer.knows(Purpose::Read, &key, 5, bad), "{bad}");
        }
    }
}
