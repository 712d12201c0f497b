use super::*;

fn temporary() -> PathBuf {
    let path = std::env::temp_dir().join(format!("tally-shelf-{}", Uuid::new_v4()));
    fs::create_dir(&path).unwrap();
    path
}

fn about_made(ago: SignedDuration) -> About {
    About {
        name: ReportName::parse("1").unwrap(),
        title: "a report".to_owned(),
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::from_second(60).unwrap(),
        service: None,
        daily: false,
        counted_through: None,
        made_at: Timestamp::now() - ago,
        bytes: Bytes::default(),
    }
}

fn texts() -> Vec<String> {
    ["<html>", "a,b\r\n", "{}"].map(str::to_owned).to_vec()
}

fn named(salt: u16) -> ReportName {
    ReportName::parse(&format!("2026-{salt}")).unwrap()
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn what_is_kept_is_found_and_deleted() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.join("made/when/needed")), 7);
    assert!(shelf.list().unwrap().is_empty());
    let about = shelf.add(&about_made(SignedDuration::ZERO), named, &texts()).unwrap();
    assert_eq!((about.bytes.html, about.bytes.csv, about.bytes.json), (6, 5, 2));
    assert_eq!(shelf.list().unwrap()[0].name, about.name);
    let (mut file, length) = shelf.open(&about.name, Format::Csv).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), length), ("a,b\r\n", 5));
    shelf.delete(&about.name).unwrap();
    assert!(matches!(shelf.open(&about.name, Format::Csv), Err(ShelfError::Unknown(_))));
    assert!(matches!(shelf.delete(&about.name), Err(ShelfError::Unknown(_))));
    assert_eq!(entries(&directory.join("made/when/needed")), 0);
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_sweep_takes_what_is_old_and_what_a_crash_left() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.clone()), 7);
    let young = shelf.add(&about_made(SignedDuration::from_hours(7 * 24 - 1)), named, &texts()).unwrap();
    fs::create_dir(directory.join(".new-left")).unwrap();
    fs::write(directory.join(".probe-young"), "").unwrap();
    fs::write(directory.join("somebody else's"), "").unwrap();
    let old = SystemTime::now() - 2 * LEFT_AFTER;
    File::open(directory.join(".new-left")).unwrap().set_modified(old).unwrap();
    assert_eq!(shelf.sweep(Timestamp::now()).unwrap(), 0);
    assert_eq!(entries(&directory), 3, "the left one is gone");
    assert_eq!(shelf.sweep(Timestamp::now() + SignedDuration::from_hours(2)).unwrap(), 1);
    assert!(matches!(shelf.open(&young.name, Format::Html), Err(ShelfError::Unknown(_))));
    assert!(directory.join("somebody else's").exists());
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_link_is_no_report() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.clone()), 7);
    std::os::unix::fs::symlink("/etc", directory.join("2026-link")).unwrap();
    assert!(shelf.list().unwrap().is_empty());
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn names_that_are_taken_are_not_taken_again() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.clone()), 7);
    let same = |_| ReportName::parse("2026-same").unwrap();
    shelf.add(&about_made(SignedDuration::ZERO), same, &texts()).unwrap();
    let refused = shelf.add(&about_made(SignedDuration::ZERO), same, &texts()).unwrap_err();
    assert!(matches!(refused, ShelfError::Disk(_)), "{refused}");
    assert_eq!(entries(&directory), 1, "nothing is left behind");
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_full_shelf_says_what_to_delete() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.clone()), 7);
    for index in 0..REPORTS_MAX {
        let name = directory.join(format!("2026-{index:04}"));
        fs::create_dir(&name).unwrap();
        let about = About {
            made_at: Timestamp::now() - SignedDuration::from_secs(index as i64),
            ..about_made(SignedDuration::ZERO)
        };
        fs::write(name.join(ABOUT), serde_json::to_vec(&about).unwrap()).unwrap();
    }
    let refused = shelf.add(&about_made(SignedDuration::ZERO), named, &texts()).unwrap_err().to_string();
    assert!(refused.ends_with(&format!("DELETE /v1/reports/2026-{:04}", REPORTS_MAX - 1)), "{refused}");
    shelf.delete(&ReportName::parse("2026-0000").unwrap()).unwrap();
    shelf.add(&about_made(SignedDuration::ZERO), named, &texts()).unwrap();
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn looks_within_ten_seconds_share_a_probe() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.clone()), 7);
    let now = Instant::now();
    assert_eq!(shelf.writable(now), Ok(()));
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(shelf.writable(now + PROBE_EVERY - Duration::from_nanos(1)), Ok(()), "not tried again");
    let gone = shelf.writable(now + PROBE_EVERY).unwrap_err();
    fs::create_dir(&directory).unwrap();
    assert_eq!(shelf.writable(now + PROBE_EVERY), Err(gone), "not tried again either");
    assert_eq!(shelf.writable(now + 2 * PROBE_EVERY), Ok(()));
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_report_that_could_not_be_written_ends_what_is_believed() {
    let directory = temporary();
    let shelf = Shelf::new(Some(directory.clone()), 7);
    let now = Instant::now();
    assert_eq!(shelf.writable(now), Ok(()));
    let taken = |_| ReportName::parse("2026-taken").unwrap();
    shelf.add(&about_made(SignedDuration::ZERO), taken, &texts()).unwrap();
    assert_eq!(shelf.writable(now), Ok(()));
    shelf.add(&about_made(SignedDuration::ZERO), taken, &texts()).unwrap_err();
    fs::remove_dir_all(&directory).unwrap();
    assert!(shelf.writable(now).is_err(), "tried again");
}

#[test]
fn a_place_that_is_no_directory_is_told() {
    let directory = temporary();
    let file = directory.join("file");
    fs::write(&file, "").unwrap();
    let shelf = Shelf::new(Some(file.join("reports")), 7);
    assert!(matches!(shelf.list(), Err(ShelfError::Disk(_))));
    assert!(shelf.writable(Instant::now()).is_err());
    assert!(matches!(shelf.add(&about_made(SignedDuration::ZERO), named, &texts()), Err(ShelfError::Disk(_))));
    assert!(matches!(Shelf::new(None, 7).list(), Err(ShelfError::Off)));
    fs::remove_dir_all(directory).unwrap();
}
