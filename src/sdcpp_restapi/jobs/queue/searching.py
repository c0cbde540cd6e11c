"""Jobs by a text: job_texts has what each job says, in an index of all runs of three letters.

The index is SQLite's FTS5 with the tokenizer trigram, to which upper and lower case are the same.
"""

from typing import NamedTuple

# A shorter text has no entry in the index: it is looked for in the texts of the newest jobs.
SHORTEST_INDEXED = 3
MOST_READ = 10_000  # as in the condition below

# Texts come first: a search goes through what the index finds, newest first, and looks at these jobs only.
SOURCE = "job_texts CROSS JOIN jobs ON jobs.seq = job_texts.rowid"
CONDITIONS = {
    "phrase": "job_texts MATCH :phrase",
    "part": "job_texts.rowid > (SELECT max(seq) - 10000 FROM jobs) AND instr(lower(text), lower(:part))",
}
READ_IN_PART = (
    f"search: a text of fewer than {SHORTEST_INDEXED} characters is looked for"
    f" in the newest {MOST_READ:,} jobs only"
)


class Search(NamedTuple):
    """The condition of a search, and its value."""

    condition: str
    value: str


def search_for(text: str) -> Search:
    """Jobs that hold this text, whatever the case of its letters."""
    if len(text) < SHORTEST_INDEXED:
        return Search("part", text)
    # A phrase of the query language of FTS5; the index knows no text behind a zero.
    quoted = text.replace('"', '""').replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Search("phrase", f'"{quoted}"')
