//! The query of a request: `a=1&b=2`.

/// The value of a name as it stands there, for numbers and words; none where it is not there.
pub(super) fn value<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    query?.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
}

/// The value of a name with its escapes resolved (RFC 3986: `%2F`). What is no escape stands for itself, bytes that are no UTF-8 are replaced.
pub(super) fn text(query: Option<&str>, name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = value(query, name)?.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.split_first_chunk().filter(|_| *byte == b'%').and_then(|(pair, after)| Some((hexadecimal(*pair)?, after)));
        let (byte, after) = escaped.unwrap_or((*byte, after));
        bytes.push(byte);
        rest = after;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn hexadecimal(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (query, expected) in [(None, None), (Some("a=1&wait=5"), Some("5")), (Some("wait"), None), (Some("await=5"), None)] {
            assert_eq!(value(query, "wait"), expected, "{query:?}");
        }
    }

    #[test]
    fn escapes() {
        for (query, expected) in [
            ("path=/a/b", "/a/b"),
            ("depth=1&path=%2Fa%2fb%40", "/a/b@"),
            ("path=%", "%"),
            ("path=%2", "%2"),
            ("path=%zz%+1", "%zz%+1"),
            ("path=a%ff%C3%A9", "a\u{fffd}é"),
            ("path=", ""),
        ] {
            assert_eq!(text(Some(query), "path").as_deref(), Some(expected), "{query}");
        }
        assert_eq!(text(Some("depth=1"), "path"), None);
    }
}
