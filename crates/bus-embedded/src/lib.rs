//! The bus in one SQLite file, inside the process.
