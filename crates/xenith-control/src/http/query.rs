//! The query of a request: `a=1&b=2`, numbers and words only.

/// The value of a name; none where it is not there.
pub(super) fn value<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    query?.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
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
}
