//! One C program that prints what the headers say.
//!
//! Every question stands on a line of its own. What a release does not have is an error of the compiler on that line, and the line is taken out:
//! so the compiler alone decides what exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use xen_abi::facts::{CONSTANTS, DOMCTL_VERSION, HEADERS, RECORDS, SYSCTL_VERSION};
use xen_abi::record::Record;

/// How often lines may be taken out: an unknown structure can hide errors behind it, but not for long.
const ROUNDS: usize = 4;

/// A fact's table and name, and its number or numbers as text.
pub type Facts = BTreeMap<(String, String), String>;

/// What the headers in a directory say. Works in another directory.
pub fn measure(headers: &Path, work: &Path) -> Result<Facts> {
    let mut questions = questions();
    for _ in 0..ROUNDS {
        let source = program(&questions);
        let wrong = compile(&source, headers, work)?;
        if wrong.is_empty() {
            return answers(work);
        }
        questions = questions.into_iter().enumerate().filter(|(index, _)| !wrong.contains(index)).map(|(_, line)| line).collect();
    }
    bail!("the compiler finds new errors in every round: see {}", work.join("probe.c").display())
}

fn questions() -> Vec<String> {
    let sizes = RECORDS.iter().map(|record| {
        let name = record.name;
        format!("printf(\"sizes \\\"{name}\\\" = %zu\\n\", sizeof({name}));")
    });
    let fields = RECORDS.iter().flat_map(fields);
    let names: BTreeSet<&str> = CONSTANTS.iter().flat_map(|list| list.iter()).map(|constant| constant.name).collect();
    let constants = [DOMCTL_VERSION, SYSCTL_VERSION].into_iter().chain(names);
    let constants = constants.map(|name| format!("printf(\"constants \\\"{name}\\\" = %llu\\n\", (unsigned long long)({name}));"));
    sizes.chain(fields).chain(constants).collect()
}

fn fields(record: &Record) -> impl Iterator<Item = String> {
    let structure = record.name;
    let names = record.members.iter().flat_map(|member| std::iter::once(member.name).chain(member.once));
    names.map(move |member| {
        let question = format!("offsetof({structure}, {member}), sizeof((({structure} *)0)->{member})");
        format!("printf(\"fields \\\"{structure}.{member}\\\" = [%zu, %zu]\\n\", {question});")
    })
}

fn program(questions: &[String]) -> String {
    let includes: String = HEADERS.iter().map(|header| format!("#include \"{header}\"\n")).collect();
    format!(
        "#define __XEN_TOOLS__ 1\n#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n{includes}int main(void) {{\n#line 1 \"questions\"\n{}\n\
         return 0; }}\n",
        questions.join("\n")
    )
}

/// Compiles the program; gives the questions that have no answer in these headers.
fn compile(source: &str, headers: &Path, work: &Path) -> Result<BTreeSet<usize>> {
    let (file, program) = (work.join("probe.c"), work.join("probe"));
    fs::write(&file, source).with_context(|| format!("write {}", file.display()))?;
    let mut gcc = Command::new("gcc");
    // Xen has a features.h, as libc has: quoted includes alone may find it.
    gcc.args(["-std=gnu11", "-fmax-errors=0", "-fno-diagnostics-show-caret", "-o"]).arg(&program).arg("-iquote").arg(headers).arg(&file);
    let output = gcc.env("LC_ALL", "C").output().context("start gcc: is it installed?")?;
    if output.status.success() {
        return Ok(BTreeSet::new());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let wrong: BTreeSet<usize> = text.lines().filter_map(question_of).collect();
    if wrong.is_empty() {
        bail!("gcc: {}", text.lines().find(|line| line.contains("error")).unwrap_or("failed without a word"));
    }
    Ok(wrong)
}

/// The question that a line of the compiler's complains about: `questions:12:8: error: ...`.
fn question_of(line: &str) -> Option<usize> {
    let (number, rest) = line.strip_prefix("questions:")?.split_once(':')?;
    rest.contains("error:").then(|| number.parse::<usize>().ok()?.checked_sub(1)).flatten()
}

/// Runs the program and reads its lines: `fields "struct a.b" = [0, 4]`.
fn answers(work: &Path) -> Result<Facts> {
    let output = Command::new(work.join("probe")).output().context("start the probe")?;
    let text = String::from_utf8(output.stdout).context("read the probe's answers")?;
    let fact = |line: &str| {
        let (name, value) = line.split_once(" = ")?;
        let (table, name) = name.split_once(' ')?;
        Some(((table.to_owned(), name.to_owned()), value.to_owned()))
    };
    Ok(text.lines().filter_map(fact).collect())
}
