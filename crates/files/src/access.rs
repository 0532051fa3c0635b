//! Who else may read a file that holds a secret.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whether everybody on this machine may read the file, whatever its folder lets them do. `false` where there is none.
pub fn is_for_everybody(file: &Path) -> bool {
    const READ_BY_OTHERS: u32 = 0o004;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & READ_BY_OTHERS != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn what_others_may_read_is_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        assert!(!is_for_everybody(&file), "there is none");
        fs::write(&file, "x").unwrap();
        for (mode, expected) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_for_everybody(&file), expected, "{mode:o}");
        }
    }
}
