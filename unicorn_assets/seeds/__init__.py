"""Seeds: short texts from files or from labels and templates, normalised, de-duplicated, cut into shards.

    sources.py      opening local and remote files, recognising unchanged ones
    sniff.py        faults of a whole file: empty, binary, another encoding
    lines.py        text lines, bounded in length
    readers.py      one reader per format; jsonl.py, csv_table.py, parquet.py, templates.py
    plain.py        entities, tags, chat marks, words for nothing
    normalise.py    the one form of a text from which ids are made
    intake.py       all rows of all sources, good and refused
    shards.py       which shard a seed belongs to, for ever
    catalog.py      build_catalog: the room's entrance

Not here: what is made from a seed (captions/), where tables are stored (lake/).
"""
