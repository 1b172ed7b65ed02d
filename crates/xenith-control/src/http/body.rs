//! Bodies: the bytes are bounded before they get here, unknown fields are refused by name.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use xenith_api::latest::{Code, Problem};

/// A body that is there or not, before it is read.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// Reads a body that must be there.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    serde_json::from_slice(&bytes(body)?).map_err(|error| misread(&error))
}

/// Reads a body that may be left out.
pub(super) fn read_or_default<T: DeserializeOwned + Default>(body: Body) -> Result<T, Problem> {
    let bytes = bytes(body)?;
    if bytes.is_empty() { Ok(T::default()) } else { serde_json::from_slice(&bytes).map_err(|error| misread(&error)) }
}

fn bytes(body: Body) -> Result<Bytes, Problem> {
    body.map_err(|rejection| match rejection.status().as_u16() {
        413 => refused(Code::RequestTooLarge, "the request's body is larger than 1MiB", "send a smaller one"),
        _ => refused(Code::BadRequest, "the request's body cannot be read", "send it whole"),
    })
}

/// serde tells the key, its line and column; the code tells the kind of fault.
fn misread(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let code = match error.classify() {
        Category::Io | Category::Syntax | Category::Eof => Code::ConfigSyntax,
        Category::Data if text.starts_with("unknown field") => Code::ConfigUnknownKey,
        Category::Data if text.starts_with("missing field") => Code::ConfigMissingKey,
        Category::Data => Code::ConfigBadValue,
    };
    refused(code, &text, "correct the body as the API describes it")
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
                    assert!(problem.title.contains(word), "{text}: {}", problem.title);
                }
                (expected, read) => panic!("{text}: {expected:?}, {read:?}"),
            }
        }
    }

    #[test]
    fn an_empty_body_is_the_default_where_it_may_be() {
        assert_eq!(read_or_default::<ShutdownRequest>(Ok(Bytes::new())), Ok(ShutdownRequest::default()));
        assert!(read::<ShutdownRequest>(Ok(Bytes::new())).is_err());
    }
}
