//! Nodes of the store, for administrators.
//!
//! ```text
//!   value that is UTF-8      "value": "text"
//!   any other value          "value_hex": "00ff"        the same in answers, in requests and in what `xenith store read --json` prints
//! ```

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many levels below a node can be asked for at once.
pub const DEPTH_MAX: u32 = 16;

/// `GET /v1/store`: a node, and those below it as far as `depth` asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreNodes {
    /// The node that was asked for, then its children, then theirs: level by level, oldest first.
    pub nodes: Vec<StoreNode>,
    /// There are more nodes within `depth` than one answer takes: ask for those below the ones that are there.
    #[serde(default)]
    pub truncated: bool,
}

/// A node of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreNode {
    /// Where it stands, from the root on.
    pub path: String,
    /// Its value, where that is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value in hexadecimal digits, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
    /// Who may do what: a letter (`n` nothing, `r` read, `w` write, `b` both) and a domid. The first owns the node, and its letter is for all who are not named.
    pub perms: Vec<String>,
    /// The names of its children, oldest first.
    pub children: Vec<String>,
}

/// `PUT /v1/store`: a value, in one of the two ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreValue {
    /// The value as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value in hexadecimal digits, two for each byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
}

impl StoreValue {
    /// These bytes: as text where they are.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> StoreValue {
        match String::from_utf8(bytes) {
            Ok(text) => StoreValue { value: Some(text), value_hex: None },
            Err(error) => StoreValue { value: None, value_hex: Some(digits(error.as_bytes())) },
        }
    }

    /// The bytes, or what is wrong.
    pub fn bytes(&self) -> Result<Vec<u8>, &'static str> {
        match (&self.value, &self.value_hex) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(digits)) => bytes(digits).ok_or("value_hex takes two hexadecimal digits for each byte"),
            _ => Err("it takes one of value and value_hex"),
        }
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_was() {
        for (value, json) in
            [(&b""[..], r#"{"value":""}"#), ("ü\n\\x".as_bytes(), r#"{"value":"ü\n\\x"}"#), (b"\0\xff\x7f", r#"{"value_hex":"00ff7f"}"#)]
        {
            let told = StoreValue::of(value.to_vec());
            assert_eq!(serde_json::to_string(&told).unwrap(), json);
            assert_eq!(told.bytes().unwrap(), value);
        }
        let hex = |digits: &str| StoreValue { value: None, value_hex: Some(digits.to_owned()) }.bytes();
        assert_eq!(hex("AbcD"), Ok(vec![0xab, 0xcd]));
        for wrong in ["0", "0g", "+1", " 0", "é"] {
            assert!(hex(wrong).is_err(), "{wrong}");
        }
        assert!(StoreValue::default().bytes().is_err());
        assert!(StoreValue { value: Some(String::new()), value_hex: Some(String::new()) }.bytes().is_err());
    }
}
