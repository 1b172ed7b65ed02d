//! Which files of unpacked packages a set of programs needs: their dynamic loader and shared libraries, nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use object::elf::{DT_NEEDED, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, StringTable};

/// The shared libraries of a tree by file name, links included.
pub(super) fn libraries(tree: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut directories: Vec<PathBuf> = ["lib", "lib64", "usr/lib", "usr/lib64"].iter().map(|name| tree.join(name)).collect();
    directories.retain(|path| path.is_dir());
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(entry.path());
            } else if name.contains(".so") {
                found.insert(name, entry.path());
            }
        }
    }
    Ok(found)
}

/// The libraries that a program and its libraries need, by the names they ask for.
pub(super) fn needed(program: &Path, libraries: &BTreeMap<String, PathBuf>, taken: &mut BTreeSet<String>) -> Result<()> {
    for name in asks_for(program)? {
        if taken.insert(name.clone()) {
            let path = libraries.get(&name).ok_or_else(|| anyhow!("{} needs {name}, which no package has", program.display()))?;
            needed(path, libraries, taken)?;
        }
    }
    Ok(())
}

/// The loader of PT_INTERP and the DT_NEEDED names of an ELF file, by file name.
fn asks_for(path: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    read_names(&bytes).with_context(|| format!("parse {}", path.display()))
}

fn read_names(data: &[u8]) -> Result<Vec<String>> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let mut names = Vec::new();
    let segments = header.program_headers(endian, data)?;
    for segment in segments {
        if segment.p_type(endian) == PT_INTERP {
            let loader = segment.data(endian, data).map_err(|()| anyhow!("PT_INTERP lies outside the file"))?;
            names.extend(loader.rsplit(|byte| *byte == b'/').next().map(text));
        }
    }
    let sections = header.sections(endian, data)?;
    if let Some((entries, link)) = sections.dynamic(endian, data)? {
        let strings: StringTable<'_> = sections.strings(endian, data, link)?;
        for entry in entries.iter().filter(|entry| entry.d_tag(endian) == DT_NEEDED) {
            names.push(text(entry.string(endian, strings)?));
        }
    }
    Ok(names)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}
