//! The console role is killed while a guest talks: its log has every line once, in order.

use anyhow::{Context, Result, ensure};

use crate::world::{COUNT, Guest, Role, World, config, console_text, create, gone, until};

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, "counts", Guest::Counts)?;
    create(world, &config)?;
    let limit = world.boot_limit();
    for share in [4, 2] {
        let line = world.count_line(COUNT / share);
        until(world, &line, limit, |world| Ok(has_line(&console_text(world, "counts")?, &line).then_some(())))?;
        world.kill(Role::Console)?;
    }
    let last = world.count_line(COUNT);
    let text = until(world, &last, limit, |world| {
        let text = console_text(world, "counts")?;
        Ok(has_line(&text, &last).then_some(text))
    })?;
    complete(world, &text)?;
    world.client().destroy("counts")?;
    gone(world, "counts")
}

/// That the counted lines stand there once each, in order, and nothing between them.
fn complete(world: &dyn World, text: &str) -> Result<()> {
    let expected: Vec<String> = (1..=COUNT).map(|number| world.count_line(number)).collect();
    let from = expected.first().and_then(|first| text.lines().position(|line| line.trim() == first)).context("no first line")?;
    let said: Vec<&str> = text.lines().skip(from).map(str::trim).take(expected.len()).collect();
    let wrong = said.iter().zip(&expected).find(|(said, due)| *said != due);
    ensure!(wrong.is_none(), "lost or repeated: {wrong:?}");
    ensure!(said.len() == expected.len(), "{} lines of {}", said.len(), expected.len());
    Ok(())
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|said| said.trim() == line)
}
