"""The index of all files, in SQLite: one writer thread, many readers. The files are the truth; it can be rebuilt."""
