use super::*;

fn config(name: &str, rest: &str) -> DomainConfig {
    serde_json::from_str(&format!(r#"{{"name":"{name}","memory":"64MiB","boot":{{"kernel":"/k"}}{rest}}}"#)).expect("a config")
}

fn code<T: std::fmt::Debug>(done: Result<T, Problem>) -> Code {
    done.expect_err("refused").code
}

#[test]
fn what_is_stored_is_there_for_the_next_daemon() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Configs::open(dir.path()).expect("opens");
    let (web, new) = first.replace(config("web", ""), Uuid::from_u128(1), &Condition::default()).expect("stored");
    assert!(new && web.config.uuid == Some(Uuid::from_u128(1)));
    let changes = Condition { matches: Some(web.etag.clone()), none: false };
    let (changed, new) = first.replace(config("web", r#","vcpus":2"#), Uuid::from_u128(9), &changes).expect("changed");
    assert!(!new && changed.uuid == web.uuid && changed.etag != web.etag, "the uuid stays");
    assert_eq!(code(first.replace(config("web", ""), Uuid::from_u128(9), &changes)), Code::PreconditionFailed);
    let same = format!(r#","uuid":"{}""#, web.uuid);
    assert_eq!(code(first.replace(config("db", &same), Uuid::from_u128(9), &Condition::default())), Code::NameInUse);
    let second = Configs::open(dir.path()).expect("opens");
    assert_eq!(second.all(), vec![changed]);
    second.remove("web", &Condition::default()).expect("removed");
    assert_eq!(code(second.remove("web", &Condition::default())), Code::ConfigNotFound);
    assert!(Configs::open(dir.path()).expect("opens").all().is_empty());
}

#[test]
fn a_config_follows_its_domain() {
    let dir = tempfile::tempdir().expect("a directory");
    let configs = Configs::open(dir.path()).expect("opens");
    let (web, db) = (Uuid::from_u128(1), Uuid::from_u128(2));
    configs.replace(config("web", r#","vcpus":2"#), web, &Condition::default()).expect("stored");
    configs.replace(config("db", ""), db, &Condition::default()).expect("stored");
    assert_eq!(code(configs.may_rename("db", web)), Code::NameInUse);
    assert_eq!(code(configs.rename(web, "db")), Code::NameInUse);
    configs.may_rename("www", web).expect("free");
    // A kill between the two files leaves both.
    let before = std::fs::read(dir.path().join("web.json")).expect("there");
    configs.rename(web, "www").expect("renamed");
    std::fs::write(dir.path().join("web.json"), before).expect("written");
    let next = Configs::open(dir.path()).expect("opens");
    next.rename(web, "www").expect("finished");
    next.rename(web, "www").expect("again");
    next.rename(Uuid::from_u128(3), "nobody").expect("there is none to rename");
    let names: Vec<(String, u32)> = next.all().iter().map(|one| (one.config.name.clone(), one.config.vcpus)).collect();
    assert_eq!(names, [("db".to_owned(), 1), ("www".to_owned(), 2)]);
    assert!(!dir.path().join("web.json").exists());
}

#[test]
fn a_file_that_makes_no_sense_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let uuid = r#""uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55""#;
    let good = format!(r#"{{"version":1,"config":{{"name":"web",{uuid},"memory":"64MiB","boot":{{"kernel":"/k"}}}}}}"#);
    let files = [
        ("web.json", good.clone()),
        ("db.json", good.clone()),
        ("new.json", good.replace("\"version\":1", "\"version\":2")),
        ("cut.json", good.chars().take(30).collect()),
        ("web.new", "{".to_owned()),
    ];
    for (name, text) in &files {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let names: Vec<String> = Configs::open(dir.path()).expect("opens").all().iter().map(|one| one.config.name.clone()).collect();
    assert_eq!(names, ["web"]);
    assert!(files.iter().all(|(name, text)| std::fs::read_to_string(dir.path().join(name)).expect("there") == *text));
}
