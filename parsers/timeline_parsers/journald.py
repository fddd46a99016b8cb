"""Read systemd journals: files, `journalctl -o export`, `-o json`, the short texts, and the live journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from timeline.parser import Batch
from timeline.sources import Source
from timeline_parsers import _journal_sniff as sniffing


class JournaldParser:
    """The parser `journald`. What it reads and by which rules: docs/formats/journald.md."""

    name: Final = "journald"

    def sniff(self, head: bytes) -> float | bool:
        """Say how sure it is that *head* begins a journal in one of its shapes."""
        return sniffing.find_shape(head)[1]

    def starts_anywhere(self, source: Source) -> bool:
        """Say whether any run of whole lines can be read: of the short texts, whose records are lines."""
        return not source.is_live_journal and sniffing.find_shape(source.head)[0] == sniffing.SHORT

    def parse(self, source: Source) -> Iterator[Batch]:
        """Yield the entries of *source*."""
        if source.is_live_journal:
            from timeline_parsers._journal_live import read_live

            yield from read_live()
            return
        shape, _ = sniffing.find_shape(source.head)
        yield from READERS[shape](source)

    def parse_window(self, source: Source, since: int | None, until: int | None) -> Iterator[Batch]:
        """Yield the entries of *source* that can lie in a window; of a journal file, the others are not decoded.

        Args:
            source: the journal.
            since: begin of the window, microseconds since 1970, None if it is open.
            until: its end, likewise.
        """
        if source.is_live_journal or sniffing.find_shape(source.head)[0] != sniffing.BINARY:
            yield from self.parse(source)
            return
        from timeline_parsers._journal_file import read_binary

        yield from read_binary(source, (since, until))


def _read_binary(source: Source) -> Iterator[Batch]:
    from timeline_parsers._journal_file import read_binary

    return read_binary(source)


def _read_export(source: Source) -> Iterator[Batch]:
    from timeline_parsers._journal_export import read_export

    return read_export(source)


def _read_json(source: Source) -> Iterator[Batch]:
    from timeline_parsers._journal_json import read_json

    return read_json(source)


def _read_short(source: Source) -> Iterator[Batch]:
    from timeline_parsers._journal_short import read_short

    return read_short(source)


def _read_verbose(source: Source) -> Iterator[Batch]:
    from timeline_parsers._journal_verbose import read_verbose

    return read_verbose(source)


READERS: Final = {
    sniffing.BINARY: _read_binary,
    sniffing.EXPORT: _read_export,
    sniffing.JSON: _read_json,
    sniffing.SHORT: _read_short,
    sniffing.VERBOSE_TEXT: _read_verbose,
}
"""What reads each shape. Each is imported when it is needed: sniffing must not cost the import of pandas."""

parser: Final = JournaldParser()
