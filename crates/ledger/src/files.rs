//! Ledgers on disk: one JSON object per line, in one file or in several of one folder.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::{Entry, Ledger};

/// Writes one file. What was written is on disk after [`finish`](Self::finish) only.
pub struct LedgerWriter {
    file: BufWriter<File>,
}

impl LedgerWriter {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        Ok(Self { file: BufWriter::new(file) })
    }

    pub fn write(&mut self, entry: &Entry) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.file, entry)?;
        self.file.write_all(b"\n")?;
        Ok(())
    }

    /// Hands what was written to the operating system.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        Ok(())
    }

    pub fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        Ok(())
    }
}

impl Ledger {
    /// Reads a file, or all `*.jsonl` files of a folder.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut ledger = Self::default();
        let files = if path.is_dir() { files_of(path)? } else { vec![path.to_owned()] };
        ensure!(!files.is_empty(), "{} holds no *.jsonl file", path.display());
        for path in files {
            let file = File::open(&path).with_context(|| path.display().to_string())?;
            for (index, line) in BufReader::new(file).lines().enumerate() {
                let entry =
                    serde_json::from_str(&line?).with_context(|| format!("{}:{}", path.display(), index + 1))?;
                ledger.add(entry);
            }
        }
        Ok(ledger)
    }

    /// Writes all of it into one file.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut writer = LedgerWriter::create(path)?;
        for entry in self.entries() {
            writer.write(&entry)?;
        }
        writer.finish()
    }
}

fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
