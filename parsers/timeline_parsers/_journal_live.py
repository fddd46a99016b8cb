"""Read through systemd's own library: the live journal, and files with features unknown to `_journal_objects`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from timeline.errors import MissingDependencyError
from timeline.parser import Batch
from timeline_parsers._journal_entries import FIELDS
from timeline_parsers._journal_fields import no_records, to_frame
from timeline_parsers._journal_json import Table
from timeline_parsers._journal_objects import JournalFile

BATCH: Final = 1 << 14
LIVE_HELP: Final = "pip install 'timeline-build[journald]', or journalctl -o export > journal.export and read that file"
NO_ENTRIES: Final = (
    "the live journal gave no entries; to see those of the system you must be root or in the group systemd-journal"
)


def read_live() -> Iterator[Batch]:
    """Yield the entries of the running system's journal.

    Raises:
        MissingDependencyError: systemd-python is not installed.
    """
    empty = True
    for batch in _read(_open(), "systemd's library"):
        empty = empty and not batch.lines
        yield batch
    if empty:
        yield Batch(no_records(), lines=0, warnings=(NO_ENTRIES,))


def read_by_library(file: JournalFile) -> Iterator[Batch]:
    """Yield the entries of a file whose flags are unknown to us, if the library is there and knows them."""
    need = f"needs the journal feature {file.unknown_flags():#x}, which is newer than this reader"
    # The library opens paths only, and the file may come from an archive.
    with tempfile.NamedTemporaryFile(suffix=".journal") as copy:
        copy.write(file.data.data)
        copy.flush()
        try:
            yield from _read(_open([copy.name]), "systemd's library")
        except (MissingDependencyError, OSError, ValueError) as error:
            text = f"{need}; run journalctl --file … -o export on its host and read the result ({error})"
            yield Batch(no_records(), lines=0, warnings=(text,))
        else:
            yield Batch(no_records(), lines=0, warnings=(f"{need}; read with systemd's library",))


def _open(files: list[str] | None = None) -> Any:
    try:
        from systemd import _reader
    except ImportError as error:
        raise MissingDependencyError("the live journal needs systemd-python", help=LIVE_HELP) from error
    # 1 is SD_JOURNAL_LOCAL_ONLY. The converters of the public Reader cost two thirds of the time and alter values.
    reader = _reader._Reader(0, None, files) if files else _reader._Reader(1)  # noqa: SLF001
    reader.data_threshold = 0
    return reader


def _read(reader: Any, name: str) -> Iterator[Batch]:
    entries = _entries(reader)
    first = 1
    while chunk := list(islice(entries, BATCH)):
        table = Table()
        for number, entry in enumerate(chunk, first):
            table.add(entry, number)
        yield Batch(to_frame(table.to_entries()), lines=len(chunk), note=f"read with {name}")
        first += len(chunk)


def _entries(reader: Any) -> Iterator[dict[str, Any]]:
    """Yield entries in the form of `journalctl -o json`, with the fields that are wanted."""
    while reader._next():  # noqa: SLF001
        entry = {}
        for name in FIELDS:
            try:
                entry[name] = reader._get(name).decode("utf-8", "replace")  # noqa: SLF001
            except (KeyError, OSError):
                continue
        boot = reader._get_monotonic()[1]  # noqa: SLF001
        entry["__REALTIME_TIMESTAMP"] = str(reader._get_realtime())  # noqa: SLF001
        entry["__CURSOR"] = reader._get_cursor()  # noqa: SLF001
        entry["_BOOT_ID"] = boot.hex if hasattr(boot, "hex") and not callable(boot.hex) else bytes(boot).hex()
        yield entry
