use super::*;
use crate::v1::Action;

const GOOD: &str = "name = \"web\"\nmemory = \"64MiB\"\n[boot]\nkernel = \"/vmlinuz\"\n";

/// Every complaint as `LINE: TEXT [code]`.
fn complaints(text: &str) -> Vec<String> {
    let line = |c: &Complaint| c.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
    parse(text).map_or_else(|all| all.iter().map(|c| format!("{}: {c} [{}]", line(c), c.code)).collect(), |_| Vec::new())
}

#[track_caller]
fn gives(text: &str, expected: &[&str]) {
    assert_eq!(complaints(text), expected, "of\n{text}");
}

#[test]
fn the_example_holds_every_key_and_is_read() {
    let text = format!("uuid = \"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55\"\n{}", help::example());
    let file = parse(&text).unwrap();
    assert_eq!(file.lines.len(), KEYS.len());
    assert_eq!((file.config.name.as_str(), file.config.vcpus, file.config.memory_kib), ("web", 2, 512 << 10));
    assert_eq!((file.config.boot.initrd.as_deref(), file.config.on.crash), (Some("/boot/initrd.img"), Action::Preserve));
}

#[test]
fn defaults_are_those_of_a_request() {
    let request: DomainConfig = serde_json::from_str(r#"{"name":"web","memory":"64MiB","boot":{"kernel":"/vmlinuz"}}"#).unwrap();
    assert_eq!(parse(GOOD).unwrap().config, request);
}

/// What the table of keys says of a default is what a config without the key holds.
#[test]
fn stated_defaults_are_true() {
    for key in KEYS {
        let Need::Default(default) = key.need else { continue };
        let Ok(value) = DeValue::parse(default) else { continue };
        let mut config = blank();
        (key.set)(&mut config, value.get_ref()).unwrap();
        assert_eq!(config, blank(), "{}", key.path);
    }
}

#[test]
fn wrong_types() {
    gives(
        "name = 5\nvcpus = \"two\"\nmemory = 512\nuuid = true\ntype = 1.5\nboot = \"/vmlinuz\"\non = [1]\n",
        &[
            "1: name = 5: must be text in quotes, not an integer [config-bad-value]",
            "2: vcpus = \"two\": must be a whole number without quotes, not a string [config-bad-value]",
            "3: memory = 512: has no unit; write \"512MiB\" in quotes [config-bad-value]",
            "4: uuid = true: must be text in quotes, not a boolean [config-bad-value]",
            "5: type = 1.5: must be text in quotes, not a float [config-bad-value]",
            "6: boot = \"/vmlinuz\": must be a table, not a string; write [boot] on a line of its own [config-bad-value]",
            "7: on = [1]: must be a table, not an array; write [on] on a line of its own [config-bad-value]",
            "-: boot.kernel: is missing; add a line like kernel = \"/boot/vmlinuz\" under [boot] [config-missing-key]",
        ],
    );
    gives(
        "memory = \"64MiB\"\n[name]\n[[boot]]\nkernel = \"/k\"\n",
        &[
            "2: name: must be text in quotes, not a table [config-bad-value]",
            "3: boot = [[boot]]: must be a table, not an array; write [boot] on a line of its own [config-bad-value]",
            "-: boot.kernel: is missing; add a line like kernel = \"/boot/vmlinuz\" under [boot] [config-missing-key]",
        ],
    );
}

#[test]
fn values_out_of_form_or_range() {
    gives(
        "name = \"a/b\"\nuuid = \"1234\"\ntype = \"hvm\"\nvcpus = 0\nmemory = \"512MB\"\n[boot]\nkernel = \"vmlinuz\"\ninitrd = \"\"\n[on]\nreboot = \"restrat\"\ncrash = \"x\"\n",
        &[
            "1: name = \"a/b\": '/' cannot stand in a name; use letters, digits and . _ + - [config-bad-value]",
            "2: uuid = \"1234\": is not a uuid; write 32 hexadecimal digits in the form 8-4-4-4-12, or leave the key out [config-bad-value]",
            "3: type = \"hvm\": must be \"pvh\" [config-bad-value]",
            "4: vcpus = 0: a domain has 1 to 128 vcpus [config-out-of-range]",
            "5: memory = \"512MB\": has the unknown unit \"MB\"; use KiB, MiB, GiB or TiB [config-bad-value]",
            "7: boot.kernel = \"vmlinuz\": the path is not absolute; begin it with / [config-bad-value]",
            "8: boot.initrd = \"\": a path must not be empty [config-bad-value]",
            "10: on.reboot = \"restrat\": must be \"destroy\", \"restart\", \"rename-restart\", \"preserve\", \"coredump-destroy\", \"coredump-restart\" or \"soft-reset\"; did you mean \"restart\"? [config-bad-value]",
            "11: on.crash = \"x\": must be \"destroy\", \"restart\", \"rename-restart\", \"preserve\", \"coredump-destroy\", \"coredump-restart\" or \"soft-reset\" [config-bad-value]",
        ],
    );
    for (memory, says) in [
        ("512", "has no unit; write \"512MiB\" [config-bad-value]"),
        ("MiB", "is not a whole number with a unit, like \"512MiB\" [config-bad-value]"),
        ("1.5GiB", "is not a whole number with a unit, like \"512MiB\" [config-bad-value]"),
        ("-1MiB", "is not a whole number with a unit, like \"512MiB\" [config-bad-value]"),
        ("4MiB", "a domain has 8MiB to 16TiB of memory [config-out-of-range]"),
        ("99999999999TiB", "is more than can be counted [config-bad-value]"),
        ("8193KiB", "memory comes in pages of 4 KiB; use \"8196KiB\" [config-bad-value]"),
    ] {
        let expected = format!("2: memory = \"{memory}\": {says}");
        gives(&GOOD.replace("64MiB", memory), &[&expected]);
    }
    for vcpus in ["-1", "129", "0x81", "99999999999999999999999"] {
        let expected = format!("1: vcpus = {vcpus}: a domain has 1 to 128 vcpus [config-out-of-range]");
        gives(&format!("vcpus = {vcpus}\n{GOOD}"), &[&expected]);
    }
}

#[test]
fn unknown_keys_name_the_nearest() {
    gives(
        "nmae = \"web\"\nname = \"web\"\nmemory = \"64MiB\"\nvif = [\"bridge=xenbr0\"]\nkernel = \"/k\"\n[boot]\nkernel = \"/vmlinuz\"\nkernal = \"/v\"\n[bot]\nx = 1\n[on]\nidle = \"destroy\"\n",
        &[
            "1: nmae = \"web\": unknown key; did you mean name? [config-unknown-key]",
            "4: vif = [\"bridge=xenbr0\"]: unknown key; `xenith help config` lists those that there are [config-unknown-key]",
            "5: kernel = \"/k\": unknown key; did you mean boot.kernel? [config-unknown-key]",
            "8: boot.kernal = \"/v\": unknown key; did you mean boot.kernel? [config-unknown-key]",
            "9: bot: unknown key; did you mean [boot]? [config-unknown-key]",
            "12: on.idle = \"destroy\": unknown key; `xenith help config` lists those that there are [config-unknown-key]",
        ],
    );
}

#[test]
fn missing_keys() {
    gives(
        "",
        &[
            "-: name: is missing; add a line like name = \"web\" [config-missing-key]",
            "-: memory: is missing; add a line like memory = \"512MiB\" [config-missing-key]",
            "-: boot.kernel: is missing; add a line like kernel = \"/boot/vmlinuz\" under [boot] [config-missing-key]",
        ],
    );
}

#[test]
fn what_is_not_toml() {
    for (text, expected) in [
        ("name = \n", &["1: column 8: the value is missing [config-syntax]"][..]),
        ("name = web 1 # x\n", &["1: column 8: text must stand in quotes: \"web 1\" [config-syntax]"]),
        ("name = \"web\n", &["1: column 12: invalid basic string, expected `\"` [config-syntax]"]),
        ("name \"web\"\n", &["1: column 6: key with no value, expected `=` [config-syntax]"]),
        ("[boot\nkernel = \"/k\"\n[on]\nx = 1\n", &["1: column 6: unclosed table, expected `]` [config-syntax]"]),
        ("name = \"a\"\nname = \"b\"\n", &["2: column 1: name stands here a second time; keep one of the two [config-syntax]"]),
        ("[boot]\nkernel = \"/k\"\n[boot]\n", &["3: column 2: boot stands here a second time; keep one of the two [config-syntax]"]),
        (
            "name = \"a\"\nvcpus = 0\nmemory = 1 2\nnmae = \"x\"\n",
            &[
                "2: vcpus = 0: a domain has 1 to 128 vcpus [config-out-of-range]",
                "3: column 10: text must stand in quotes: \"1 2\" [config-syntax]",
                "4: nmae = \"x\": unknown key; did you mean name? [config-unknown-key]",
            ],
        ),
        (
            "\0",
            &[
                "1: column 1: invalid unquoted key, expected letters, numbers, `-`, `_` [config-syntax]",
                "1: column 2: key with no value, expected `=` [config-syntax]",
            ],
        ),
    ] {
        gives(text, expected);
    }
}

#[test]
fn long_and_hostile_values_stay_one_short_line() {
    let all = complaints(&format!("{GOOD}cmdline = [\"{}\"]\n\"a\\nb\" = \"\"\"x\ny\"\"\"\n", "x".repeat(500)));
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|line| line.len() < 200 && !line.contains('\n')), "{all:?}");
    assert!(all[0].contains("xxx...: must be text"), "{}", all[0]);
    assert!(all[1].starts_with(r#"6: boot.a\nb = """x\ny""": unknown key"#), "{}", all[1]);
}

#[test]
fn the_daemons_complaints_get_their_line() {
    let file = parse(GOOD).unwrap();
    let mut all =
        [Complaint::new(Code::FileUnreadable, "boot.kernel", "is not there"), Complaint::new(Code::ConfigInvalid, "on.crash", "x")];
    file.locate(&mut all);
    assert_eq!(all.map(|c| c.line), [Some(4), None]);
}

/// One character wrong anywhere in a good file: it is still read, or every complaint is one line about a line that there is.
#[test]
fn one_slip_anywhere() {
    let good = help::example();
    let lines = u32::try_from(good.lines().count()).unwrap() + 1;
    for (at, _) in good.char_indices() {
        for slip in ["", "\"", "[", "]", "=", "\n", ".", "#", "\\", "\u{0}", "é", "{", "'''"] {
            let text = format!("{}{slip}{}", &good[..at], &good[at + 1..]);
            for complaint in parse(&text).err().into_iter().flatten() {
                assert!(complaint.line.is_none_or(|line| (1..=lines).contains(&line)), "{text}\n{complaint:?}");
                assert!(!complaint.to_string().contains('\n'), "{text}\n{complaint:?}");
            }
        }
    }
}

#[test]
fn nesting_has_an_end() {
    for open in ["[", "{a="] {
        assert!(parse(&format!("name = {}", open.repeat(100_000))).is_err());
    }
    assert!(parse(&"a.".repeat(100_000)).is_err());
}
