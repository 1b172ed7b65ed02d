//! What a change says of the version that it changes (RFC 9110, 13.1.1 and 13.1.2).

use xenith_api::latest::{Code, Problem};

/// A change's condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `If-Match`: one of these, or `*` for any that is there.
    pub matches: Option<String>,
    /// `If-None-Match: *`: none may be there.
    pub none: bool,
}

impl Condition {
    /// Whether what is stored now may be replaced.
    pub(super) fn replace(&self, name: &str, now: Option<&str>) -> Result<(), Problem> {
        if self.matches.is_none() && !self.none && now.is_some() {
            let detail = format!("config {name}: it is stored already; say with If-Match which version is changed");
            let advice = "GET it, and send its ETag as If-Match";
            return Err(Problem::new(Code::PreconditionRequired, format!("config {name}"), detail, advice));
        }
        self.holds(name, now)
    }

    /// Whether the condition holds for what is stored now.
    pub(super) fn holds(&self, name: &str, now: Option<&str>) -> Result<(), Problem> {
        let matched = match (self.matches.as_deref(), now) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(now)) => wanted.split(',').map(str::trim).any(|one| one == "*" || one == now),
        };
        if matched && !(self.none && now.is_some()) {
            return Ok(());
        }
        let detail = match now {
            Some(now) => format!("config {name}: it is stored as version {now}, which the request's condition does not allow"),
            None => format!("config {name}: none is stored, and the request changes one"),
        };
        let advice = "somebody else changed it meanwhile: GET it and decide again";
        Err(Problem::new(Code::PreconditionFailed, format!("config {name}"), detail, advice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let condition = |matches: &str, none| Condition { matches: (!matches.is_empty()).then(|| matches.to_owned()), none };
        let code = |done: Result<(), Problem>| done.err().map(|problem| problem.code);
        let (failed, required) = (Some(Code::PreconditionFailed), Some(Code::PreconditionRequired));
        for (matches, none, now, replace, remove) in [
            ("", false, None, None, None),
            ("", false, Some("\"1\""), required, None),
            ("\"1\"", false, Some("\"1\""), None, None),
            ("\"2\", \"1\"", false, Some("\"1\""), None, None),
            ("\"2\"", false, Some("\"1\""), failed, failed),
            ("W/\"1\"", false, Some("\"1\""), failed, failed),
            ("*", false, Some("\"1\""), None, None),
            ("*", false, None, failed, failed),
            ("", true, Some("\"1\""), failed, failed),
            ("", true, None, None, None),
        ] {
            let one = condition(matches, none);
            assert_eq!((code(one.replace("web", now)), code(one.holds("web", now))), (replace, remove), "{one:?} {now:?}");
        }
    }
}
