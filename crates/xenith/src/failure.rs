//! Problems on standard error: one line each, or one JSON object on one line.

use std::io::Write;

use xenith_api::latest::{Complaint, Problem};

use crate::table::printable;

/// Tells a problem.
pub fn tell(problem: &Problem, json: bool) {
    let text = if json { as_json(problem) } else { as_lines(problem) };
    // Nobody is left to be told when standard error is gone.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn as_json(problem: &Problem) -> String {
    serde_json::to_string(problem).map_or_else(|_| as_lines(problem), |line| line + "\n")
}

/// `xenith: what is wrong; what to do [code]`, or one line for each complaint about a config.
fn as_lines(problem: &Problem) -> String {
    if problem.complaints.is_empty() {
        let title = one_line(&problem.detail);
        let advice = one_line(&problem.advice);
        let advice = if advice.is_empty() || title.contains(&advice) { String::new() } else { format!("; {advice}") };
        return format!("xenith: {title}{advice} [{}]\n", problem.code);
    }
    problem.complaints.iter().map(|complaint| complaint_line(&problem.subject, complaint)).collect()
}

/// `xenith: web.toml:7: boot.kernal = "/k": unknown key; did you mean boot.kernel? [config-unknown-key]`.
fn complaint_line(subject: &str, complaint: &Complaint) -> String {
    let place = complaint.line.map_or_else(|| subject.to_owned(), |line| format!("{subject}:{line}"));
    format!("xenith: {}: {} [{}]\n", one_line(&place), one_line(&complaint.to_string()), complaint.code)
}

/// Control characters escaped: a line stays a line, and no terminal obeys it.
fn one_line(text: &str) -> String {
    printable(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::Code;

    #[test]
    fn lines() {
        let problem = |title: &str, advice: &str| Problem::new(Code::DomainNotFound, "domain web", title, advice);
        for (title, advice, expected) in [
            ("no domain web", "look with `xenith list`", "xenith: no domain web; look with `xenith list` [domain-not-found]\n"),
            ("no domain web; run it", "run it", "xenith: no domain web; run it [domain-not-found]\n"),
            ("two\nlines\u{1b}[2J", "", "xenith: two\\nlines\\u{1b}[2J [domain-not-found]\n"),
        ] {
            assert_eq!(as_lines(&problem(title, advice)), expected);
        }
    }

    #[test]
    fn a_line_for_each_complaint() {
        let mut problem = Problem::new(Code::ConfigInvalid, "web.toml", "2 complaints", "correct them");
        let known =
            Complaint { line: Some(3), ..Complaint::new(Code::ConfigOutOfRange, "vcpus", "a domain has 1 to 128 vcpus").value("0") };
        problem.complaints = vec![known, Complaint::new(Code::ConfigMissingKey, "name", "is missing")];
        let expected = "xenith: web.toml:3: vcpus = 0: a domain has 1 to 128 vcpus [config-out-of-range]\n\
                        xenith: web.toml: name: is missing [config-missing-key]\n";
        assert_eq!(as_lines(&problem), expected);
        assert_eq!(serde_json::from_str::<Problem>(&as_json(&problem)).unwrap(), problem);
    }
}
