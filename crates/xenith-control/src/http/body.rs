//! Bodies: the bytes are bounded before they get here, unknown fields are refused by name.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};
use xenith_api::latest::{Code, Problem};

/// A body that is there or not, before it is read.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// Reads a body that must be there.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    parse(&bytes(body)?)
}

/// Reads a body that may be left out.
pub(super) fn read_or_default<T: DeserializeOwned + Default>(body: Body) -> Result<T, Problem> {
    let bytes = bytes(body)?;
    if bytes.is_empty() { Ok(T::default()) } else { parse(&bytes) }
}

pub(super) fn bytes(body: Body) -> Result<Bytes, Problem> {
    body.map_err(|rejection| match rejection.status().as_u16() {
        413 => refused(Code::RequestTooLarge, "the request's body is larger than 1MiB", "send a smaller one"),
        _ => refused(Code::BadRequest, "the request's body cannot be read", "send it whole"),
    })
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| misread(error.path(), error.inner()))?;
    json.end().map_err(|error| refused(Code::ConfigSyntax, &error.to_string(), ADVICE))?;
    no_lists(&serde_json::from_slice(bytes).unwrap_or_default(), "")?;
    Ok(value)
}

/// The lists that requests have, by name.
const LISTS: [&str; 1] = ["after"];

/// serde takes a list for an object, field by field (and `[]` where all have a default); the document does not.
fn no_lists(value: &Value, pointer: &str) -> Result<(), Problem> {
    match value {
        Value::Array(_) => {
            let problem = refused(Code::ConfigBadValue, "invalid type: sequence, expected an object", ADVICE);
            Err(Problem { pointer: Some(pointer.to_owned()), ..problem })
        }
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| !LISTS.contains(&name.as_str()));
            fields.into_iter().try_for_each(|(name, value)| no_lists(value, &format!("{pointer}/{name}")))
        }
        _ => Ok(()),
    }
}

const ADVICE: &str = "correct the body as the API describes it";

/// serde tells the key, its line and column; the code tells the kind of fault, the pointer its place.
fn misread(path: &Path, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let code = match error.classify() {
        Category::Io | Category::Syntax | Category::Eof => Code::ConfigSyntax,
        Category::Data if text.starts_with("unknown field") => Code::ConfigUnknownKey,
        Category::Data if text.starts_with("missing field") => Code::ConfigMissingKey,
        Category::Data => Code::ConfigBadValue,
    };
    let mut problem = refused(code, &text, ADVICE);
    if code != Code::ConfigSyntax {
        problem.pointer = Some(pointer(path, &text));
    }
    problem
}

/// The place as a JSON pointer (RFC 6901). A field that nobody knows, or that is missing, is told by its name alone.
fn pointer(path: &Path, text: &str) -> String {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Map { key } | Segment::Enum { variant: key } => pointer += &format!("/{}", escaped(key)),
            Segment::Seq { index } => pointer += &format!("/{index}"),
            Segment::Unknown => {}
        }
    }
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| text.strip_prefix(start)?.split('`').next());
    let named = named.map(|name| format!("/{}", escaped(name))).filter(|name| !pointer.ends_with(name.as_str()));
    pointer + &named.unwrap_or_default()
}

fn refused(code: Code, title: &str, advice: &str) -> Problem {
    Problem::new(code, "request body", format!("request body: {title}"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::{CreateRequest, ShutdownRequest};

    #[test]
    fn faults_have_their_codes_and_name_the_key() {
        let boot = r#""boot":{"kernel":"/k"}"#;
        let table = [
            (format!(r#"{{"config":{{"name":"a","memory":"8MiB",{boot}}}}}"#), None),
            ("{".to_owned(), Some((Code::ConfigSyntax, "EOF"))),
            ("nonsense".to_owned(), Some((Code::ConfigSyntax, "expected"))),
            (format!(r#"{{"config":{{"name":"a","memory":"8MiB","vcpu":1,{boot}}}}}"#), Some((Code::ConfigUnknownKey, "`vcpu`"))),
            (format!(r#"{{"config":{{"name":"a","memory":"8MiB",{boot}}},"pause":true}}"#), Some((Code::ConfigUnknownKey, "`pause`"))),
            (format!(r#"{{"config":{{"memory":"8MiB",{boot}}}}}"#), Some((Code::ConfigMissingKey, "`name`"))),
            (format!(r#"{{"config":{{"name":7,"memory":"8MiB",{boot}}}}}"#), Some((Code::ConfigBadValue, "7"))),
            (format!(r#"{{"config":{{"name":"a","memory":"8MB",{boot}}}}}"#), Some((Code::ConfigBadValue, "MB"))),
        ];
        for (text, expected) in table {
            let read = read::<CreateRequest>(Ok(Bytes::from(text.clone())));
            match (expected, read) {
                (None, Ok(_)) => {}
                (Some((code, word)), Err(problem)) => {
                    assert_eq!(problem.code, code, "{text}");
                    assert!(problem.detail.contains(word), "{text}: {}", problem.detail);
                }
                (expected, read) => panic!("{text}: {expected:?}, {read:?}"),
            }
        }
    }

    #[test]
    fn the_place_is_a_pointer() {
        let boot = r#""boot":{"kernel":"/k"}"#;
        let table = [
            (format!(r#"{{"config":{{"name":"a","memory":"8MiB","vcpu":1,{boot}}}}}"#), "/config/vcpu"),
            (format!(r#"{{"config":{{"name":"a","memory":"8MiB",{boot}}},"a/b~c":true}}"#), "/a~1b~0c"),
            (format!(r#"{{"config":{{"memory":"8MiB",{boot}}}}}"#), "/config/name"),
            (format!(r#"{{"config":{{"name":7,"memory":"8MiB",{boot}}}}}"#), "/config/name"),
            (r#"{"config":{"name":"a","memory":"8MiB","boot":{"kernel":"/k","kernal":1}}}"#.to_owned(), "/config/boot/kernal"),
            (format!(r#"{{"config":{{"name":"a","memory":"8MiB",{boot},"on":{{"crash":"sing"}}}}}}"#), "/config/on/crash"),
        ];
        for (text, pointer) in table {
            let problem = read::<CreateRequest>(Ok(Bytes::from(text.clone()))).unwrap_err();
            assert_eq!(problem.pointer.as_deref(), Some(pointer), "{text}: {problem}");
        }
        assert!(read::<CreateRequest>(Ok(Bytes::from("{}x"))).is_err());
    }

    #[test]
    fn a_list_is_no_object() {
        let config = r#""name":"a","memory":"8MiB","boot":{"kernel":"/k"}"#;
        for (text, pointer) in [
            ("[]".to_owned(), Some("")),
            (format!(r#"[{{{config}}},false,false]"#), Some("")),
            (format!(r#"{{"config":{{{config},"on":[]}}}}"#), Some("/config/on")),
            (r#"{"config":{"name":"a","memory":"8MiB","boot":["/k",null,""]}}"#.to_owned(), Some("/config/boot")),
            (format!(r#"{{"config":{{{config},"start":{{"after":["db"]}}}}}}"#), None),
        ] {
            let read = read::<CreateRequest>(Ok(Bytes::from(text.clone())));
            match pointer {
                None => assert!(read.is_ok(), "{text}: {read:?}"),
                Some("") => assert!(read.is_err(), "{text}"),
                Some(pointer) => assert_eq!(read.unwrap_err().pointer.as_deref(), Some(pointer), "{text}"),
            }
        }
        assert!(read::<ShutdownRequest>(Ok(Bytes::from("[]"))).is_err());
    }

    #[test]
    fn an_empty_body_is_the_default_where_it_may_be() {
        assert_eq!(read_or_default::<ShutdownRequest>(Ok(Bytes::new())), Ok(ShutdownRequest::default()));
        assert!(read::<ShutdownRequest>(Ok(Bytes::new())).is_err());
    }
}
