//! A file's new text in the place of its old one: all of it or nothing.

use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the text of a file: it keeps its rights and its owner, a link stays a link, and whoever reads it meanwhile sees
/// one text or the other.
///
/// # Errors
/// Why the file is as it was, and the way out.
pub(super) fn replace(path: &Path, before: &str, after: &str) -> Result<(), String> {
    let failed = |e: io::Error| format!("{e}; check the rights of the file and of its directory");
    let path = fs::canonicalize(path).map_err(failed)?;
    let found = fs::metadata(&path).map_err(failed)?;
    if found.permissions().readonly() {
        return Err("the file may not be written; give that right, or use --diff".to_owned());
    }
    if fs::read(&path).map_err(failed)? != before.as_bytes() {
        return Err("the file was changed meanwhile; run --fix again".to_owned());
    }
    write(&path, after, &found).map_err(failed)
}

/// The new text in a file beside it, which then takes its name.
fn write(path: &Path, text: &str, like: &Metadata) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".plimsoll-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    own(file.path(), like);
    file.as_file().set_permissions(like.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Gives a file the owner of another. Only root may give files away, and others need not: the file is theirs then.
#[cfg(unix)]
fn own(path: &Path, like: &Metadata) {
    use std::os::unix::fs::MetadataExt as _;
    let _ = std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid()));
}

#[cfg(not(unix))]
fn own(_: &Path, _: &Metadata) {}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("web.yaml");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("rights");
        (directory, path)
    }

    fn files(directory: &tempfile::TempDir) -> usize {
        fs::read_dir(directory.path()).expect("a directory").count()
    }

    #[test]
    fn a_file_keeps_its_rights_and_is_replaced_as_a_whole() {
        let (directory, path) = file("old", 0o640);
        let old = fs::metadata(&path).expect("a file");
        replace(&path, "old", "new").expect("written");
        let new = fs::metadata(&path).expect("a file");
        assert_eq!(fs::read(&path).expect("a file"), b"new");
        assert_eq!(
            (new.mode(), new.uid(), new.gid()),
            (old.mode(), old.uid(), old.gid())
        );
        assert_ne!(new.ino(), old.ino(), "readers keep the old one");
        assert_eq!(files(&directory), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_stays_one_and_its_file_is_replaced() {
        let (directory, path) = file("old", 0o644);
        let link = directory.path().join("link.yaml");
        symlink(&path, &link).expect("a link");
        replace(&link, "old", "new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read(&path).expect("a file"), b"new");
    }

    #[test]
    fn what_was_changed_meanwhile_or_may_not_be_written_is_left_alone() {
        let (directory, path) = file("newer", 0o644);
        assert!(
            replace(&path, "old", "new")
                .expect_err("changed")
                .contains("run --fix again")
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("rights");
        assert!(
            replace(&path, "newer", "new")
                .expect_err("read-only")
                .contains("--diff")
        );
        assert_eq!(
            (fs::read(&path).expect("a file"), files(&directory)),
            (b"newer".to_vec(), 1)
        );
    }
}
