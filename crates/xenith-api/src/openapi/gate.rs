//! The promise, checked: whatever a client of an older document relies on, a newer one still says.
//!
//! ```text
//!   old document, new document --> breaks, a line each; none where every old client still works
//!
//!   requests   what the old one took, the new one takes        answers   what the new one gives, the old one allows
//! ```

use std::collections::BTreeSet;

use super::At;
use serde_json::{Map, Value};

/// What would break for a client of the old document.
#[must_use]
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut gate = Gate { old, new, found: Vec::new(), open: Vec::new() };
    for (path, methods) in members(old.at("paths")) {
        for (method, operation) in members(methods) {
            let at = format!("{} {path}", method.to_uppercase());
            match new.at("paths").get(path).and_then(|methods| methods.get(method)) {
                Some(now) => gate.operation(&at, operation, now),
                None => gate.tell(&at, "is gone"),
            }
        }
    }
    gate.found
}

/// Which way the values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

struct Gate<'d> {
    old: &'d Value,
    new: &'d Value,
    found: Vec<String>,
    /// References under comparison: a type that holds itself is compared once.
    open: Vec<(String, Way)>,
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn rank(role: &Value) -> u8 {
    match role.as_str() {
        Some("admin") => 2,
        Some("operator") => 1,
        _ => 0,
    }
}

impl<'d> Gate<'d> {
    fn tell(&mut self, at: &str, what: impl AsRef<str>) {
        self.found.push(format!("{at}: {}", what.as_ref()));
    }

    fn operation(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        if old.at("operationId") != new.at("operationId") {
            self.tell(at, "has another operationId: generated clients name their functions by it");
        }
        if rank(new.at("x-role")) > rank(old.at("x-role")) {
            self.tell(at, "needs a higher role");
        }
        self.parameters(at, old, new);
        self.body(at, old.at("requestBody"), new.at("requestBody"));
        self.answers(at, old.at("responses"), new.at("responses"));
    }

    fn parameters(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        let same = |one: &Value, other: &Value| one.at("name") == other.at("name") && one.at("in") == other.at("in");
        for one in items(old.at("parameters")) {
            let at = format!("{at}: parameter {}", one.at("name"));
            match items(new.at("parameters")).find(|other| same(one, other)) {
                None => self.tell(&at, "is gone"),
                Some(now) => {
                    if now.at("required") == true && one.at("required") != true {
                        self.tell(&at, "must be there now");
                    }
                    self.schema(&at, one.at("schema"), now.at("schema"), Way::In);
                }
            }
        }
        for one in items(new.at("parameters")).filter(|one| one.at("required") == true) {
            if !items(old.at("parameters")).any(|other| same(one, other)) {
                self.tell(at, format!("the new parameter {} must be there", one.at("name")));
            }
        }
    }

    fn body(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        if new.at("required") == true && old.at("required") != true {
            self.tell(at, "a body must be there now");
        }
        for (kind, content) in members(old.at("content")) {
            match new.at("content").get(kind) {
                Some(now) => self.schema(&format!("{at}: body"), content.at("schema"), now.at("schema"), Way::In),
                None => self.tell(at, format!("a body of {kind} is not taken any more")),
            }
        }
    }

    fn answers(&mut self, at: &str, old: &'d Value, new: &'d Value) {
        for (status, answer) in members(old) {
            let at = format!("{at}: {status}");
            let Some(now) = new.get(status) else {
                self.tell(&at, "is never answered any more");
                continue;
            };
            for (name, _) in members(answer.at("headers")).filter(|(name, _)| now.at("headers").get(name).is_none()) {
                self.tell(&at, format!("the header {name} is gone"));
            }
            for (kind, content) in members(answer.at("content")) {
                match now.at("content").get(kind) {
                    Some(now) => self.schema(&at, content.at("schema"), now.at("schema"), Way::Out),
                    None => self.tell(&at, format!("is no {kind} any more")),
                }
            }
        }
        for (status, _) in members(new).filter(|(status, _)| status.starts_with('2') && old.get(status).is_none()) {
            self.tell(at, format!("answers {status}, which no old client knows"));
        }
    }

    fn schema(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        if let (Some(reference), Some(_)) = (old.at("$ref").as_str(), new.at("$ref").as_str()) {
            let seen = (reference.to_owned(), way);
            if self.open.contains(&seen) {
                return;
            }
            self.open.push(seen);
        }
        let (old, new) = (super::conform::resolve(self.old, old), super::conform::resolve(self.new, new));
        // The narrow side must fit into the wide one.
        let (narrow, wide) = if way == Way::In { (old, new) } else { (new, old) };
        self.types(at, narrow, wide);
        self.values(at, narrow, wide);
        self.limits(at, narrow, wide);
        self.fields(at, old, new, way);
        for key in ["items", "additionalProperties"] {
            if old.at(key).is_object() && new.at(key).is_object() {
                self.schema(&format!("{at}: {key}"), old.at(key), new.at(key), way);
            }
        }
        if way == Way::In && old.at("default") != new.at("default") {
            self.tell(at, "means something else when it is left out");
        }
        self.alternatives(at, old, new, way);
    }

    fn types(&mut self, at: &str, narrow: &Value, wide: &Value) {
        let (narrow, wide) = (types(narrow), types(wide));
        if !wide.is_empty() && (narrow.is_empty() || !narrow.is_subset(&wide)) {
            self.tell(at, format!("the type was {wide:?} and is {narrow:?}, or the other way round"));
        }
    }

    fn values(&mut self, at: &str, narrow: &Value, wide: &Value) {
        let (Some(values), Some(known)) = (values(narrow), values(wide)) else { return };
        if wide.at("x-open") == true {
            return;
        }
        for value in values.difference(&known) {
            self.tell(at, format!("the value {value} is not known to both sides"));
        }
    }

    fn limits(&mut self, at: &str, narrow: &Value, wide: &Value) {
        for (key, lower) in [("minimum", true), ("minLength", true), ("minItems", true), ("maximum", false), ("maxLength", false)] {
            let fits = match (narrow.at(key).as_f64(), wide.at(key).as_f64()) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(narrow), Some(wide)) => {
                    if lower {
                        narrow >= wide
                    } else {
                        narrow <= wide
                    }
                }
            };
            if !fits {
                self.tell(at, format!("{key} moved the wrong way"));
            }
        }
        for key in ["pattern", "format"] {
            if !wide.at(key).is_null() && narrow.at(key) != wide.at(key) {
                self.tell(at, format!("{key} changed"));
            }
        }
    }

    fn fields(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        for (name, field) in members(old.at("properties")) {
            let at = format!("{at}.{name}");
            match new.at("properties").get(name) {
                Some(now) => self.schema(&at, field, now, way),
                None => self.tell(&at, "is gone"),
            }
        }
        let (narrow, wide) = if way == Way::In { (old, new) } else { (new, old) };
        for name in items(wide.at("required")).filter(|name| !items(narrow.at("required")).any(|other| other == *name)) {
            let what = if way == Way::In { "must be there now" } else { "may be missing now" };
            self.tell(&format!("{at}.{}", name.as_str().unwrap_or_default()), what);
        }
        if way == Way::In && new.at("additionalProperties") == false && old.at("additionalProperties") != false {
            self.tell(at, "further fields are refused now");
        }
    }

    /// Each alternative of the narrow side must be one of the wide side's.
    fn alternatives(&mut self, at: &str, old: &'d Value, new: &'d Value, way: Way) {
        for key in ["anyOf", "oneOf", "allOf"] {
            if values(old).is_some() && values(new).is_some() {
                return;
            }
            let (narrow, wide) = if way == Way::In { (old.at(key), new.at(key)) } else { (new.at(key), old.at(key)) };
            let mut unknown = 0;
            for one in items(narrow) {
                let fits = items(wide).any(|other| {
                    let mut inner = Gate { old: self.old, new: self.new, found: Vec::new(), open: self.open.clone() };
                    let (old, new) = if way == Way::In { (one, other) } else { (other, one) };
                    inner.schema(at, old, new, way);
                    inner.found.is_empty()
                });
                unknown += u32::from(!fits);
            }
            if unknown > 0 && !wide.is_null() {
                self.tell(at, format!("{unknown} alternatives of {key} are not known to both sides"));
            }
        }
    }
}

fn types(schema: &Value) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = match schema.at("type") {
        Value::String(one) => [one.clone()].into(),
        Value::Array(several) => several.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
        _ => BTreeSet::new(),
    };
    // Every integer is a number.
    if all.contains("number") {
        all.insert("integer".to_owned());
    }
    all
}

/// The values of an enum, however it is written.
pub(super) fn values(schema: &Value) -> Option<BTreeSet<String>> {
    if let Some(one) = schema.get("const") {
        return Some([one.to_string()].into());
    }
    if let Some(several) = schema.at("enum").as_array() {
        return Some(several.iter().map(ToString::to_string).collect());
    }
    let parts = schema.at("oneOf").as_array()?.iter().map(values).collect::<Option<Vec<_>>>()?;
    Some(parts.into_iter().flatten().collect())
}
