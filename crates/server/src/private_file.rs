//! Files that only their owner reads, and that are there whole or not at all, also after a crash.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Writes a file that does not exist yet. It is durable when this returns.
///
/// # Errors
/// `AlreadyExists` when somebody was quicker; the file is then theirs.
pub fn create(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A link, unlike a rename, never replaces what is there.
    let linked = fs::hard_link(beside, path);
    fs::remove_file(beside)?;
    linked?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_and_never_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        create(&path, "first", 0o600).expect("writes");
        let again = create(&path, "second", 0o600).expect_err("it is there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("reads"), "first");
        assert_eq!(fs::read_dir(directory.path()).expect("lists").count(), 1, "nothing is left beside it");
    }
}
