//! The stages, a function each.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use lab::packages::Gone;
use lab::{Choice, Lab, Progress, setup};

use super::house::House;
use super::tally::Tally;
use crate::stock;
use crate::stories::{self, Binaries, Told, Verdict};
use crate::{fuzz, schemathesis, tidy};

/// Releases that the stories run as on the simulator; the lab's and the newest of the table.
const SIMULATED: [&str; 4] = ["4.14", "4.17", "4.20", "4.22"];

/// libFuzzer is C++, built for the fuzz targets only.
const FUZZ_COMPILER: (&str, &str) = ("c++", "g++");

pub(super) fn setup(house: &mut House) -> Result<Tally> {
    let (program, package) = FUZZ_COMPILER;
    if !setup::on_path(program) {
        setup::install(&[package], &house.progress)?;
    }
    house.lab()?;
    Ok(Tally::passed())
}

pub(super) fn format(house: &mut House) -> Result<Tally> {
    cargo(house, &["fmt", "--all", "--check"])
}

pub(super) fn lint(house: &mut House) -> Result<Tally> {
    cargo(house, &["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}

pub(super) fn tidy(_house: &mut House) -> Result<Tally> {
    tidy::run(&tidy::Arguments::default())?;
    Ok(Tally::passed())
}

pub(super) fn fuzz(_house: &mut House) -> Result<Tally> {
    fuzz::run(&fuzz::Arguments::default())?;
    Ok(Tally::passed())
}

/// Counts the tests themselves, as cargo's harness tells them.
pub(super) fn unit(house: &mut House) -> Result<Tally> {
    let mut command = command(house, "cargo", &["test", "--quiet", "--workspace", "--locked", "--no-fail-fast"]);
    let mut tally = Tally::default();
    let passed = lines(&mut command, |line| count_tests(line, &mut tally))?;
    ensure!(passed || !tally.failed.is_empty(), "cargo test failed; its words are above");
    ensure!(tally.passed + tally.failed.len() > 0, "cargo test ran no test");
    Ok(tally)
}

/// `test result: ok. 5 passed; 0 failed; 0 ignored; ...`.
pub(super) fn count_tests(line: &str, tally: &mut Tally) {
    let Some(counts) = line.strip_prefix("test result: ") else { return };
    let count = |what: &str| {
        let before = counts.split(what).next().unwrap_or_default().trim_end();
        before.rsplit(' ').next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0)
    };
    tally.passed += count("passed;");
    tally.failed.extend((0..count("failed;")).map(|_| "a test; its name is above".to_owned()));
    tally.skipped.extend((0..count("ignored;")).map(|_| "a test marked ignore".to_owned()));
}

pub(super) fn simulator(house: &mut House) -> Result<Tally> {
    let scenarios = house.binaries()?.scenarios.path.display().to_string();
    let mut tally = Tally::default();
    for release in SIMULATED {
        println!("as Xen {release}");
        let before = tally.passed + tally.failed.len();
        let passed = lines(&mut command(house, &scenarios, &["sim", "--xen", release]), |line| {
            if let Some(told) = stories::read(line) {
                count_story(told, &format!("{release} simulated"), &mut tally);
            }
        })?;
        ensure!(tally.passed + tally.failed.len() > before, "no story was told as Xen {release}");
        ensure!(passed || !tally.failed.is_empty(), "the stories as Xen {release} failed; their words are above");
    }
    Ok(tally)
}

/// Where Python or the package cannot be had, nothing is asked.
pub(super) fn schemathesis(_house: &mut House) -> Result<Tally> {
    match schemathesis::run(&schemathesis::Arguments::default()) {
        Ok(()) => Ok(Tally::passed()),
        Err(error) => match error.downcast_ref::<schemathesis::Absent>() {
            Some(absent) => Ok(Tally::skipped(absent.to_string())),
            None => Err(error),
        },
    }
}

/// Every release boots in a machine of its own; a machine keeps one processor of the host busy, so they run side by side.
pub(super) fn lab(house: &mut House) -> Result<Tally> {
    each_release(house, |lab, choice, binaries, progress| {
        let mut tally = Tally::default();
        let told = stories::tell(lab, choice, &[], binaries, progress)?;
        told.into_iter().for_each(|story| count_story(story, &choice.name(), &mut tally));
        Ok(tally)
    })
}

pub(super) fn stock(house: &mut House) -> Result<Tally> {
    each_release(house, |lab, choice, binaries, progress| Ok(checked(stock::everyday(lab, choice, binaries, progress)?)))
}

pub(super) fn beside(house: &mut House) -> Result<Tally> {
    each_release(house, |lab, choice, binaries, progress| Ok(checked(stock::beside(lab, choice, binaries, progress)?)))
}

pub(super) fn kill(house: &mut House) -> Result<Tally> {
    each_release(house, |lab, choice, binaries, progress| Ok(checked(stock::killed(lab, choice, binaries, progress)?)))
}

pub(super) fn replace(house: &mut House) -> Result<Tally> {
    each_release(house, |lab, choice, binaries, progress| Ok(checked(stock::replaced(lab, choice, binaries, progress)?)))
}

fn checked(checks: stock::Checks) -> Tally {
    Tally { passed: checks.passed, failed: checks.failed, skipped: Vec::new() }
}

/// The releases side by side, each in a thread.
fn each_release(house: &mut House, work: impl Fn(&Lab, &Choice, &Binaries, &Progress) -> Result<Tally> + Sync) -> Result<Tally> {
    let (choices, progress) = (house.choices.clone(), house.progress.clone());
    let (lab, binaries) = house.lab_and_binaries()?;
    let one = |choice| lab_release(choice, lab.hypervisor(choice).and_then(|_| work(lab, choice, binaries, &progress)));
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let running: Vec<_> = choices.iter().map(|choice| scope.spawn(|| one(choice))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Tally::failed("a thread of the lab panicked".to_owned())))
            .collect()
    });
    Ok(tallies.into_iter().fold(Tally::default(), Tally::and))
}

/// A suite that is gone from the mirror skips its release by name; anything else that is missing is a failure.
fn lab_release(choice: &Choice, told: Result<Tally>) -> Tally {
    told.unwrap_or_else(|error| match error.downcast_ref::<Gone>() {
        Some(gone) => Tally::skipped(format!("Xen {}: {gone}", choice.name())),
        None => Tally::failed(format!("{error:#}")),
    })
}

fn count_story(told: Told, place: &str, tally: &mut Tally) {
    let text = format!("{} on {place}: {}", told.name, told.reason);
    match told.verdict {
        Verdict::Ok => tally.passed += 1,
        Verdict::Failed => tally.failed.push(text),
        Verdict::Skipped => tally.skipped.push(text),
    }
}

pub(super) fn command(house: &House, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&house.workspace.root);
    command
}

fn cargo(house: &House, arguments: &[&str]) -> Result<Tally> {
    let status = command(house, "cargo", arguments).status().context("start cargo")?;
    if !status.success() {
        bail!("cargo {}: {status}", arguments.join(" "));
    }
    Ok(Tally::passed())
}

/// Runs a program, prints its output as it comes and hands each line over; false when it fails.
pub(super) fn lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("start {command:?}"))?;
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line.context("read output")?;
        println!("{line}");
        each(&line);
    }
    Ok(child.wait().context("wait")?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_counted() {
        for (line, passed, failed, skipped) in [
            ("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s", 5, 0, 0),
            ("test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s", 12, 3, 1),
            ("running 5 tests", 0, 0, 0),
        ] {
            let mut tally = Tally::default();
            count_tests(line, &mut tally);
            assert_eq!((tally.passed, tally.failed.len(), tally.skipped.len()), (passed, failed, skipped), "{line}");
        }
    }
}
