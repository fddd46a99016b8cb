"""nginx access log: combined and its relatives, any `log_format`, JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from timeline.errors import UnknownNameError
from timeline.parser import Batch
from timeline.sources import Source
from timeline.textlog import Block, is_json_array
from timeline_parsers._nginx_access_rows import AccessReader, looks_like_start
from timeline_parsers._nginx_conf import choose_format, find_formats, tell_use
from timeline_parsers._nginx_cut import Lines
from timeline_parsers._nginx_error_frame import Heads
from timeline_parsers._nginx_format import compile_format, known_formats
from timeline_parsers._nginx_head import WEAKLY, count_weak_lines, find_access_lines, rank_formats
from timeline_parsers._nginx_json import OPENING
from timeline_parsers._nginx_records import find_alone, find_extents, open_head, weigh, whole_records

WORKERS: Final = 2
"""Blocks that are read at the same time; Arrow and numpy leave the interpreter free."""

OPTIONS: Final = ("log_format", "escape")

UNKNOWN: Final = (
    "its log_format is not known, only time and request are read where a line shows them "
    "(--set 'nginx-access.log_format=FORMAT', or lay its nginx.conf beside it)"
)


class NginxAccessParser:
    """Reads access logs of nginx; error-log lines among them become records of `nginx-error`."""

    name = "nginx-access"

    def sniff(self, head: bytes) -> float:
        """Return the share of lines that are records; much less of it where they are of no known format."""
        if is_json_array(head):
            return 0.0
        block, weight = open_head(head, looks_like_start)
        if block is None:
            return 0.0
        lines = Lines(block)
        heads = Heads(lines)
        errors = heads.found
        access = find_access_lines(lines, block.blank | errors)
        if not access.any():
            weak = count_weak_lines(lines, block.blank | errors) / max(int((~block.blank).sum()), 1)
            return WEAKLY * weigh(weak, weight) * (weak > WEAKLY)
        extents = find_extents(heads.starts, ~(errors | access | find_alone(block)), block.blank)
        understood = access | errors | (extents.owned & ~block.blank)
        return weigh(understood.sum() / (~block.blank).sum(), weight)

    def starts_anywhere(self, source: Source) -> bool:  # noqa: ARG002 - of any form
        """Say that any run of whole lines can be read: every record carries its stamp, the format is in the head."""
        return True

    def tell_use(self, source: Source) -> str:
        """Say what is read from a configuration of nginx."""
        return tell_use(source)

    def parse(self, source: Source) -> Iterator[Batch]:
        """Yield the records of *source*, a batch a block, in the order of the file."""
        reader = make_reader(source)
        blocks = whole_records(source, looks_like_start)
        with ThreadPoolExecutor(WORKERS) as pool:
            running: deque[Future[Batch]] = deque()
            try:
                for make_block in blocks:
                    running.append(pool.submit(_read, reader, make_block))
                    if len(running) > WORKERS:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                for waiting in running:
                    waiting.cancel()


def _read(reader: AccessReader, make_block: Callable[[], Block]) -> Batch:
    return reader.read(make_block())


def make_reader(source: Source) -> AccessReader:
    """Make the reader for what the user set, else for what an `nginx.conf` or the first lines say.

    Raises:
        UsageError: the `log_format` cannot be used, or an option is not known.
    """
    for option in source.options:
        if option not in OPTIONS:
            raise UnknownNameError("option of nginx-access", option, OPTIONS)
    block, _ = open_head(source.head, looks_like_start)
    formats, note = list(known_formats()), ""
    if block is not None:
        lines = Lines(block)
        skip = block.blank | Heads(lines).found
        formats = rank_formats(lines, skip | (lines.first_bytes == OPENING))
        if "log_format" not in source.options:
            found = choose_format(find_formats(source), formats[0], lines, skip)
            formats, note = ([found.format, *formats], found.note) if found is not None else (formats, "")
    text = source.options.get("log_format")
    if text is not None:
        formats.insert(0, compile_format(text, escape=source.options.get("escape", "default")))
    return AccessReader(formats, note, (UNKNOWN,) if len(formats) == 1 else ())


parser = NginxAccessParser()
