//! The manual's pages, made of what `--help` is made of.
//!
//! ```text
//!   Command --every verb that help shows--> Page { xenith-create.1, roff } --> files
//! ```

use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use xenith_api::latest::{Code, Problem};

/// One page.
pub struct Page {
    /// Its file's name.
    pub name: String,
    /// What it holds.
    pub roff: Vec<u8>,
}

/// Writes every page into this directory, which is made where it is missing.
pub fn write(command: &Command, directory: &Path) -> Result<(), Problem> {
    let written = pages(command).and_then(|pages| {
        std::fs::create_dir_all(directory)?;
        pages.iter().try_for_each(|page| std::fs::write(directory.join(&page.name), &page.roff))
    });
    written.map_err(|error| {
        let shown = directory.display().to_string();
        let title = format!("cannot write the manual's pages to {shown}: {error}");
        Problem::new(Code::FileUnreadable, shown, title, "name a directory that you may write to")
    })
}

/// The page of a command that was built, and those of its verbs.
pub fn pages(command: &Command) -> std::io::Result<Vec<Page>> {
    let mut all = vec![page(command)?];
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        all.extend(pages(verb)?);
    }
    Ok(all)
}

fn page(command: &Command) -> std::io::Result<Page> {
    let title = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.clone().after_help(None::<&str>)).source(concat!("xenith ", env!("CARGO_PKG_VERSION")));
    let mut roff = Vec::new();
    man.render(&mut roff)?;
    let mut rest = after_help(&after);
    if let Some((of, _)) = title.rsplit_once('-') {
        rest.control("SH", ["SEE ALSO"]).text([roman(format!("{of}(1)"))]);
    }
    roff.extend_from_slice(rest.to_roff().as_bytes());
    Ok(Page { name: format!("{title}.1"), roff })
}

/// Examples as they stand, and what follows them.
fn after_help(text: &str) -> Roff {
    let mut roff = Roff::new();
    let text = text.strip_prefix("Examples:\n").unwrap_or(text);
    // What is told about the examples begins at the first line that is no longer set in.
    let end = text.match_indices('\n').find(|(at, _)| !text.get(at + 1..).is_some_and(|rest| rest.starts_with(' ')));
    let (examples, notes) = end.map_or((text, ""), |(at, _)| text.split_at(at));
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]).control("nf", []).text([roman(examples.trim_end())]).control("fi", []);
    }
    if !notes.trim().is_empty() {
        roff.control("SH", ["NOTES"]);
        notes.trim().lines().for_each(|line| sentence(&mut roff, line));
    }
    roff
}

/// A line; the next one begins anew only where this one ends a sentence.
fn sentence(roff: &mut Roff, line: &str) {
    roff.text([roman(line)]);
    if line.ends_with('.') {
        roff.control("br", []);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What stands between two headings of a page, as it was written before roff's escapes.
    fn section(page: &str, heading: &str) -> String {
        let begin = format!(".SH {heading}\n");
        let text = page.split_once(&begin).map_or("", |(_, rest)| rest);
        let text = text.split("\n.SH ").next().unwrap_or(text);
        text.replace("\\*(Aq", "'").replace("\\-", "-").replace("\\&", "").replace("\\.", ".").replace("\\\\", "\\")
    }

    #[test]
    fn every_verb_has_a_page_with_its_examples() {
        let mut command = crate::args::command();
        command.build();
        let pages: BTreeMap<String, String> =
            pages(&command).unwrap().into_iter().map(|page| (page.name, String::from_utf8(page.roff).unwrap())).collect();
        let mut open = vec![&command];
        let mut seen = 0;
        while let Some(verb) = open.pop() {
            open.extend(verb.get_subcommands().filter(|verb| !verb.is_hide_set()));
            let name = format!("{}.1", verb.get_bin_name().unwrap_or("xenith").replace(' ', "-"));
            let page = pages.get(&name).unwrap_or_else(|| unreachable!("no page {name} among {:?}", pages.keys()));
            let help = verb.get_after_help().unwrap().to_string();
            let examples: Vec<&str> = help.lines().filter(|line| line.starts_with("  xenith")).collect();
            let shown = section(page, "EXAMPLES");
            assert!(!examples.is_empty() && examples.iter().all(|line| shown.contains(line)), "{name}: {shown}");
            seen += 1;
        }
        assert_eq!(seen, pages.len());
    }

    #[test]
    fn notes_follow_the_examples() {
        for (text, examples, notes) in [
            (
                "Examples:\n  xenith a\n  xenith b\n\nMore.\nAnd more\nof it.",
                ".nf\n  xenith a\n  xenith b\n.fi",
                "More.\n.br\nAnd more\nof it.",
            ),
            ("Examples:\n  xenith a\nMore.", ".nf\n  xenith a\n.fi", "More."),
            ("Examples:\n  xenith a", ".nf\n  xenith a\n.fi\n", ""),
        ] {
            let page = after_help(text).to_roff();
            assert_eq!(
                (section(&page, "EXAMPLES").as_str(), section(&page, "NOTES").trim_end_matches(".br\n").trim()),
                (examples, notes),
                "{text}"
            );
        }
    }
}
