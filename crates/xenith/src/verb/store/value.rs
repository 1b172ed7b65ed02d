//! A value in JSON: text where it is text, else hexadecimal digits.

use std::fmt::Write as _;

use serde::Serialize;

/// `"value": "text"`, or `"value_hex": "00ff"`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub enum Value {
    #[serde(rename = "value")]
    Text(String),
    #[serde(rename = "value_hex")]
    Hex(String),
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        String::from_utf8(bytes).map_or_else(|error| Value::Hex(hex(error.as_bytes())), Value::Text)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A node with its value.
#[derive(Debug, Serialize)]
pub struct NodeValue<'a> {
    /// Where it stands.
    pub path: &'a str,
    /// What it holds.
    #[serde(flatten)]
    pub value: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes() {
        for (value, json) in [
            (&b"a\"b\n"[..], r#"{"path":"/a","value":"a\"b\n"}"#),
            (b"\0\xff", r#"{"path":"/a","value_hex":"00ff"}"#),
            (b"\0", "{\"path\":\"/a\",\"value\":\"\\u0000\"}"),
        ] {
            let node = NodeValue { path: "/a", value: value.to_vec().into() };
            assert_eq!(serde_json::to_string(&node).unwrap(), json);
        }
    }
}
