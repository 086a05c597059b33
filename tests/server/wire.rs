//! The wire format, implemented a second time from its description: the steps of a sign-on, and a phone. Independent of
//! the server, so that load and crash tests can use it, too.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

/// Returns the types of a step's callbacks.
pub fn types(step: &Value) -> Vec<&str> {
    step["callbacks"].as_array().unwrap().iter().map(|callback| callback["type"].as_str().unwrap()).collect()
}

/// Returns the step with an input filled in.
pub fn fill(step: &Value, index: usize, value: Value) -> Value {
    let mut filled = step.clone();
    filled["callbacks"][index]["input"][0]["value"] = value;
    filled
}

pub fn fill_password(step: &Value, user: &str, password_text: &str) -> Value {
    fill(&fill(step, 0, json!(user)), 1, json!(password_text))
}

/// Returns the named output of the first callback of a type.
pub fn output<'a>(step: &'a Value, kind: &str, name: &str) -> &'a Value {
    let callback = step["callbacks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|callback| callback["type"] == kind)
        .expect("such a callback");
    &callback["output"].as_array().unwrap().iter().find(|output| output["name"] == name).expect("such an output")["value"]
}

/// Returns the number that the browser shows.
pub fn number(step: &Value) -> String {
    assert_eq!(output(step, "HiddenValueCallback", "id"), "pushChallengeNumber");
    output(step, "HiddenValueCallback", "value").as_str().unwrap().to_owned()
}

/// Returns the recovery codes of a step, extracted as the web SDK does it.
pub fn recovery_codes(step: &Value) -> Vec<String> {
    assert_eq!(output(step, "TextOutputCallback", "messageType"), "4");
    let script = output(step, "TextOutputCallback", "message").as_str().unwrap();
    assert!(script.contains("Recovery Codes"));
    let mut codes = Vec::new();
    for line in script.split('\n') {
        let mut characters = line.chars();
        let (Some(space), Some(_), Some('"')) = (characters.next(), characters.next(), characters.next()) else {
            continue;
        };
        if !space.is_whitespace() {
            continue;
        }
        let rest = characters.as_str();
        let code: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if !code.is_empty() && rest[code.len()..].starts_with("\\n") {
            codes.push(code);
        }
    }
    codes
}

pub fn hmac_sha_256(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

/// Returns a signed JSON message with this header.
pub fn sign_with_header(secret: &[u8], header: &str, claims: &Value) -> String {
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let code = hmac_sha_256(secret, body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(code))
}

pub fn sign(secret: &[u8], claims: &Value) -> String {
    sign_with_header(secret, r#"{"typ":"JWT","alg":"HS256"}"#, claims)
}

/// A push message as it arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: String,
    pub jwt: String,
    pub claims: Value,
}

/// Makes the proof of a pull from its claims.
pub type PullSigner = Arc<dyn Fn(&Value) -> String + Send + Sync>;

/// A phone, implemented from the description of the protocol.
#[derive(Clone)]
pub struct Phone {
    pub secret: Vec<u8>,
    pub challenge: Vec<u8>,
    pub message_id: String,
    pub mechanism: String,
    pub registration_path: String,
    pub authentication_path: String,
    pub claims: Value,
    /// Present if the phone has a key that signs its pulls.
    pub pull_signer: Option<PullSigner>,
}

impl Phone {
    /// Parses the registration URI of a step.
    pub fn scan(step: &Value) -> Self {
        assert_eq!(output(step, "HiddenValueCallback", "id"), "mfaDeviceRegistration");
        Self::read(output(step, "HiddenValueCallback", "value").as_str().unwrap())
    }

    pub fn read(uri: &str) -> Self {
        let (label, query) = uri.split_once('?').unwrap();
        assert!(label.starts_with("pushauth://push/"), "{label}");
        let value = |key: &str| -> String {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{key}=")));
            pair.unwrap_or_else(|| panic!("{key} is missing in {uri}")).to_owned()
        };
        let bytes = |key: &str| URL_SAFE_NO_PAD.decode(value(key)).unwrap();
        let path = |key: &str| {
            let address = String::from_utf8(bytes(key)).unwrap();
            let address = address.strip_prefix("http://127.0.0.1:").expect("the bound address");
            address[address.find('/').unwrap()..].to_owned()
        };
        let (secret, challenge) = (bytes("s"), bytes("c"));
        assert_eq!((secret.len(), challenge.len()), (32, 32));
        assert!(!value("l").is_empty());
        let mechanism = format!("mechanism-{}", URL_SAFE_NO_PAD.encode(&challenge[..9]));
        let claims = json!({
            "deviceType": "android",
            "mechanismUid": mechanism,
            "response": STANDARD.encode(hmac_sha_256(&secret, &challenge)),
            "communicationType": "embedded",
            "deviceId": "token-of-this-phone",
            "deviceName": "Pixel",
        });
        Self {
            message_id: value("m"),
            registration_path: path("r"),
            authentication_path: path("a"),
            secret,
            challenge,
            mechanism,
            claims,
            pull_signer: None,
        }
    }

    /// Returns a phone that is already registered.
    pub fn known(secret: Vec<u8>, mechanism: String) -> Self {
        let (registration_path, authentication_path) = (String::new(), String::new());
        let (challenge, message_id, claims) = (Vec::new(), String::new(), Value::Null);
        let pull_signer = None;
        Self { secret, challenge, message_id, mechanism, registration_path, authentication_path, claims, pull_signer }
    }

    /// Returns the same phone with a claim changed or left out.
    pub fn with(&self, claim: &str, value: Value) -> Self {
        let mut changed = self.clone();
        match value {
            Value::Null => drop(changed.claims.as_object_mut().unwrap().remove(claim)),
            value => changed.claims[claim] = value,
        }
        changed
    }

    pub fn registration_body(&self) -> Value {
        json!({"messageId": self.message_id, "jwt": sign(&self.secret, &self.claims)})
    }

    /// Returns the claims of a pull at this time, in epoch milliseconds.
    pub fn claims_of_pull(&self, now: i64, wait: i64) -> Value {
        let mut nonce = [0u8; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut nonce).unwrap();
        let mut claims = json!({
            "sub": self.mechanism,
            "aud": "pending",
            "iat": now / 1000,
            "nonce": URL_SAFE_NO_PAD.encode(nonce),
            "wait": wait,
        });
        if let Some(sign) = &self.pull_signer {
            claims["proof"] = json!(sign(&claims));
        }
        claims
    }

    pub fn pull_body(&self, claims: &Value) -> Value {
        json!({"mechanismUid": self.mechanism, "jwt": sign(&self.secret, claims)})
    }

    /// Returns the messages of a pull's answer, after checking their signatures.
    pub fn read_messages(&self, body: &Value) -> Vec<Message> {
        let messages = body["messages"].as_array().unwrap().iter();
        messages
            .map(|message| {
                let jwt = message["message"].as_str().unwrap().to_owned();
                let claims = self.check(&jwt);
                Message { id: message["messageId"].as_str().unwrap().to_owned(), jwt, claims }
            })
            .collect()
    }

    /// Checks a push message's signature and form, and returns its claims.
    fn check(&self, jwt: &str) -> Value {
        let (body, signature) = jwt.rsplit_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap(), hmac_sha_256(&self.secret, body.as_bytes()));
        let (_, claims) = body.split_once('.').unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["u"], self.mechanism.as_str());
        assert_eq!(STANDARD.decode(claims["c"].as_str().unwrap()).unwrap().len(), 32);
        claims
    }

    /// Returns the `response` claim for a message.
    pub fn response_to(&self, message: &Message) -> String {
        let challenge = STANDARD.decode(message.claims["c"].as_str().unwrap()).unwrap();
        STANDARD.encode(hmac_sha_256(&self.secret, &challenge))
    }

    /// Returns the body of an answer with these additional claims.
    pub fn answer_body(&self, message: &Message, more: Value) -> Value {
        let mut claims = json!({"response": self.response_to(message)});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"messageId": message.id, "jwt": sign(&self.secret, &claims)})
    }
}
