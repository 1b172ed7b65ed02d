use super::*;

fn created(number: u16) -> Draft {
    Draft::new(EventKind::DomainCreated, "created").domain("web", Some(number), Uuid::from_u128(number.into()))
}

fn append(log: &EventLog, numbers: std::ops::Range<u16>) {
    numbers.for_each(|number| log.append(Duration::from_millis(7), vec![created(number)]));
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.lines.iter().map(|(seq, ..)| *seq).collect()
}

#[test]
fn events_are_numbered_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    append(&EventLog::open(dir.path()).unwrap(), 1..4);
    let log = EventLog::open(dir.path()).unwrap();
    append(&log, 4..6);
    let batch = log.read(2).unwrap();
    assert_eq!((numbers(&batch), batch.last, *log.last().borrow()), (vec![3, 4, 5], 5, 5));
    assert_eq!(log.read(5).unwrap(), Batch { lines: Vec::new(), last: 5 });
    let event: Event = serde_json::from_str(&batch.lines[0].2).unwrap();
    assert_eq!((event.seq, event.time_ms, event.domain.unwrap().domid), (3, 7, Some(3)));
}

#[test]
fn a_kill_at_any_byte_leaves_whole_events_and_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    append(&EventLog::open(dir.path()).unwrap(), 1..4);
    let path = Segment { first: 1 }.path(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for length in 1..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        let log = EventLog::open(dir.path()).unwrap();
        append(&log, 9..10);
        assert_eq!(numbers(&log.read(0).unwrap()), (1..=lines + 1).collect::<Vec<_>>(), "cut at {length}");
    }
}

#[test]
fn old_events_go_and_a_gap_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = EventLog::open(dir.path()).unwrap();
    let long = "x".repeat(700_000);
    for _ in 0..40 {
        log.append(Duration::ZERO, vec![Draft::new(EventKind::Drift, long.as_str())]);
    }
    let mut since = 0;
    let mut seen = Vec::new();
    loop {
        let batch = log.read(since).unwrap();
        if batch.lines.is_empty() {
            break;
        }
        seen.extend(batch.lines.iter().map(|(seq, kind, _)| (*seq, *kind)));
        since = batch.last;
    }
    assert_eq!(seen[0], (8, EventKind::Gap), "the gap ends where the events begin");
    assert_eq!(seen[1..].iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (9..=40).collect::<Vec<_>>());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), SEGMENTS);
}

#[test]
fn nothing_is_told_twice() {
    let dir = tempfile::tempdir().unwrap();
    let log = EventLog::open(dir.path()).unwrap();
    let at = |kind| Draft::new(kind, "x").domain("web", Some(1), Uuid::from_u128(1));
    for kind in [EventKind::DomainCreated, EventKind::DomainStopped, EventKind::DomainDestroyed, EventKind::DomainCreated] {
        log.append(Duration::ZERO, vec![at(kind), at(kind)]);
        // A daemon that starts again knows it from the file.
        EventLog::open(dir.path()).unwrap().append(Duration::ZERO, vec![]);
    }
    let kinds: Vec<EventKind> = log.read(0).unwrap().lines.into_iter().map(|(_, kind, _)| kind).collect();
    // The second destroy is of a domain that the log does not know: it is told.
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert_eq!(log.standing().domains.len(), 1);
}
