"""What stage A reads: every format and schema becomes rows in verl's format, kept on disk as Arrow.

config.py   which files, and how a foreign schema maps to verl's
files.py    a path, a folder, a pattern or a hub name becomes the things to open
opened.py   parquet, JSON and data sets behind one face: rows as dicts, or Arrow batches
shape.py    rows of a foreign schema in verl's format
rows.py     the rows on disk: memory-mapped, read where asked
schema.py   one schema over all files, or a message that names the clash
identify.py key, source and text of a row
part.py     one input, read once and kept in the cache
"""
