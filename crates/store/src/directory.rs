//! The data directory and the right to use it.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::Error;

/// Held by the process that uses the directory, and naming it.
const LOCK: &str = "keyward.lock";

/// The right to use a data directory, for as long as this value lives.
#[derive(Debug)]
pub struct DirectoryLock {
    path: PathBuf,
    _file: File,
}

impl DirectoryLock {
    /// Takes the directory, making it if need be, for its owner alone. `holder` is what a second process is told about
    /// this one.
    ///
    /// # Errors
    /// [`Error::Held`] in one line: who has it, or why it can't be used.
    pub fn take(path: &Path, holder: &str) -> Result<Self, Error> {
        let unusable = |error: std::io::Error| {
            Error::Held(format!("the data directory `{}` can't be used: {error}", path.display()))
        };
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path.join(LOCK)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut who = String::new();
                let _ = file.read_to_string(&mut who);
                let who = if who.trim().is_empty() { "another process" } else { who.trim() };
                return Err(Error::Held(format!(
                    "the data directory `{}` is in use by {who}: stop that first, or choose another --data-dir",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // On a full disk the name can't be written; the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
        Ok(Self { path: path.to_owned(), _file: file })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
