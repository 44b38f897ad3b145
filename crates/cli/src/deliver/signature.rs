//! Signatures by the Standard Webhooks scheme (<https://www.standardwebhooks.com>).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A symmetric key, `whsec_` and base64 in its text form.
#[derive(Clone)]
pub(super) struct SigningKey(Hmac<Sha256>);

const PREFIX: &str = "whsec_";

/// The shortest key that the scheme allows, in bytes.
const SHORTEST: usize = 24;

impl SigningKey {
    /// Reads a key; the error does not repeat it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let key = text
            .trim()
            .strip_prefix(PREFIX)
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .filter(|key| key.len() >= SHORTEST)
            .ok_or("`secret` is no signing key: `whsec_` and at least 24 bytes in base64")?;
        // HMAC takes keys of any length.
        Hmac::new_from_slice(&key).map(Self).map_err(|error| error.to_string())
    }

    /// The value of `webhook-signature` for a message that is sent at this second.
    pub(super) fn sign(&self, id: &str, second: i64, payload: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{second}.").as_bytes());
        mac.update(payload);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_schemes_own_example() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signature =
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for text in ["", "hunter2", "whsec_", "whsec_hunter2!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        {
            let error = SigningKey::parse(text).err().expect(text);
            assert!(error.contains("no signing key") && !error.contains("hunter2"), "{error}");
        }
    }
}
