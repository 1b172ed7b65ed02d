//! `cargo xtask fuzz`: every target of `fuzz/` for a while, and the one that must fail.
//!
//! libFuzzer needs only stable Rust here: the compiler's coverage pass is switched on by flags, and no address sanitizer is wanted where
//! no `unsafe` is. The folder keeps cargo-fuzz's layout, so `cargo fuzz run TARGET` works for those who have it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// What to fuzz, and how long.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only these targets.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The seed of the mutations; a failing run prints its own.
    #[arg(long)]
    seed: Option<u32>,
}

impl Default for Arguments {
    fn default() -> Self {
        Arguments { targets: Vec::new(), seconds: 60, seed: None }
    }
}

/// Coverage that libFuzzer reads, as cargo-fuzz sets it.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const MUST_FAIL: &str = "must_fail";
/// An input that makes a target use more is a finding.
const MEMORY_MAX_MIB: u32 = 1024;
/// A hang, and not a busy machine that stood still for a while: one of 52 s was seen.
const INPUT_TIMEOUT_S: u32 = 180;

/// Builds the targets and runs them two at a time.
pub fn run(arguments: &Arguments) -> Result<()> {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    let fuzz = Fuzz { folder: house.join("fuzz"), build: house.join("target/fuzz") };
    let wanted = fuzz.targets(&arguments.targets)?;
    fuzz.build()?;
    fuzz.see_it_fail()?;
    for pair in wanted.chunks(2) {
        let running = pair.iter().map(|target| fuzz.start(target, arguments)).collect::<Result<Vec<_>>>()?;
        for (target, child) in running {
            fuzz.finish(&target, child)?;
        }
    }
    Ok(())
}

struct Fuzz {
    folder: PathBuf,
    build: PathBuf,
}

impl Fuzz {
    /// Every target but the one that must fail, or those that were asked for.
    fn targets(&self, asked: &[String]) -> Result<Vec<String>> {
        let mut known = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("fuzz_targets"))? {
            let name = entry?.path();
            known.extend(name.file_stem().map(|stem| stem.to_string_lossy().into_owned()).filter(|stem| stem != MUST_FAIL));
        }
        known.sort();
        if let Some(stranger) = asked.iter().find(|name| !known.contains(name)) {
            bail!("no fuzz target is called {stranger}; there are {}", known.join(", "));
        }
        Ok(if asked.is_empty() { known } else { asked.to_vec() })
    }

    fn build(&self) -> Result<()> {
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--release", "--bins", "--target", TRIPLE, "--target-dir"])
            .arg(&self.build)
            .current_dir(&self.folder)
            .env("RUSTFLAGS", COVERAGE)
            .status()?;
        ensure!(built.success(), "the fuzz targets do not build");
        Ok(())
    }

    fn command(&self, target: &str) -> Result<Command> {
        let corpus = self.build.join("corpus").join(target);
        std::fs::create_dir_all(&corpus)?;
        let mut command = Command::new(self.build.join(TRIPLE).join("release").join(target));
        command.arg(corpus);
        let seeds = self.folder.join("seeds").join(target);
        if seeds.is_dir() {
            command.arg(seeds);
        }
        command.arg(format!("-artifact_prefix={}/{target}-", self.build.display()));
        Ok(command)
    }

    /// A fuzzer that finds nothing must be able to find something.
    fn see_it_fail(&self) -> Result<()> {
        let output = self.command(MUST_FAIL)?.args(["-max_total_time=60", "-seed=1"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success(), "{MUST_FAIL} passed: the fuzzer does not see coverage, so its silence means nothing");
        ensure!(said.contains("the word was found"), "{MUST_FAIL} failed for another reason:\n{said}");
        println!("fuzz {MUST_FAIL}: found, as it must");
        Ok(())
    }

    fn start(&self, target: &str, arguments: &Arguments) -> Result<(String, Child)> {
        let mut command = self.command(target)?;
        command.args([
            format!("-max_total_time={}", arguments.seconds),
            format!("-rss_limit_mb={MEMORY_MAX_MIB}"),
            format!("-timeout={INPUT_TIMEOUT_S}"),
            "-print_final_stats=1".to_string(),
        ]);
        if let Some(seed) = arguments.seed {
            command.arg(format!("-seed={seed}"));
        }
        let log = std::fs::File::create(self.log(target))?;
        let child = command.stdout(Stdio::null()).stderr(log).spawn().with_context(|| format!("fuzz {target}"))?;
        Ok((target.to_string(), child))
    }

    fn finish(&self, target: &str, mut child: Child) -> Result<()> {
        let status = child.wait()?;
        let said = std::fs::read_to_string(self.log(target)).unwrap_or_default();
        let seed = said.lines().find_map(|line| line.strip_prefix("INFO: Seed: ")).unwrap_or("unknown");
        let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).unwrap_or("?").trim();
        if !status.success() {
            let tail: Vec<&str> = said.lines().rev().take(30).collect();
            bail!("fuzz {target} found something (seed {seed}):\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        println!("fuzz {target}: {runs} inputs, seed {seed}, nothing found");
        Ok(())
    }

    fn log(&self, target: &str) -> PathBuf {
        self.build.join(format!("{target}.log"))
    }
}
