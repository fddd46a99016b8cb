"""Read Slack: exports as zip, folder or single day file, API answers, slackdump's dumps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline_parsers._slack_archive import is_archive, read_archive
from timeline_parsers._slack_chunks import is_chunk, name_chunks, read_chunks
from timeline_parsers._slack_content import as_list, string, things
from timeline_parsers._slack_export import Place, locate, read_once
from timeline_parsers._slack_hearsay import find_pinned
from timeline_parsers._slack_json import Document, decode, find_object_lines
from timeline_parsers._slack_lists import Channel, show_channel
from timeline_parsers._slack_marks import to_markdown
from timeline_parsers._slack_message import Row, make_frame, read_message
from timeline_parsers._slack_paste import check_options, read_paste, sniff_paste
from timeline_parsers._slack_sniff import API_LISTS, MESSAGES_KEY, is_message, name_listing, sniff
from timeline_parsers._slack_text import micros_of

__all__ = ["SlackParser", "is_message", "parser", "to_markdown"]

ATTACHMENT_NOTE: Final = "attachment of the export, not read"
REPLIES_KEY: Final = "slackdump_thread_replies"

_MESSAGES_ARRAY: Final = re.compile(rb'"messages"\s*:\s*(?=\[)')
# Keys of a message that may be shown where it was not understood: none that people wrote.
_SAFE_KEYS: Final = ("type", "subtype", "ts", "user", "bot_id", "thread_ts")
_ROWS_A_BATCH: Final = 50_000


class SlackParser:
    """The parser of Slack's JSON; see docs/formats/slack.md."""

    name = "slack"

    def sniff(self, head: bytes) -> float:
        """Say how sure *head* is Slack's: by the keys of the first object, or by speakers and times."""
        return sniff(head)

    def parse(self, source: Source) -> Iterator[Batch]:
        """Yield the messages of *source*; a list or an attachment of an export has none.

        The options `date` and `channel` tell what text pasted from the window does not.

        Raises:
            UsageError: there is an option of another name, or the date is none.
        """
        yield from self.parse_window(source, None, None)

    def parse_window(self, source: Source, since: int | None, until: int | None) -> Iterator[Batch]:
        """Yield the messages of *source* that lie in a window; the others of a JSON file are counted as skipped.

        Each message is judged by its own ts: the name of a day file is no time, and a reply may lie in the file of
        another day than the message it answers.

        Args:
            source: the file.
            since: begin of the window, microseconds since 1970, None if it is open.
            until: its end, likewise.

        Raises:
            UsageError: as `parse` does.
        """
        check_options(source.options)
        place = locate(source)
        if is_archive(source.head) and not place.is_attachment:
            yield from read_archive(source, place)
            return
        data = read_once(source)
        if not place.is_attachment and _is_pasted(data, source.head):
            yield from read_paste(source)
            return
        document = decode(data)
        if place.is_attachment or place.listing:
            yield _skip(document, ATTACHMENT_NOTE if place.is_attachment else place.listing)
            return
        yield from _Reader(source, place, data, document, (since, until)).batches()


def _is_pasted(data: bytes, head: bytes) -> bool:
    """Tell text from damaged JSON, for a file that is one of both."""
    return bool(data) and data.lstrip()[:1] not in (b"[", b"{") and (sniff_paste(head) > 0 or b'"ts"' not in data)


def _skip(document: Document, note: str) -> Batch:
    """Account for a file without messages, element by element."""
    tally = Tally()
    for value in document.values:
        tally.decoration += len(value) if isinstance(value, list) else 1
    tally.decoration += len(document.cut or ())
    tally.decoration += document.holes
    tally.lines = tally.decoration
    return tally.batch(make_frame([]), note=note)


class _Reader:
    """Reads the messages of one file.

    Args:
        source: the file.
        place: where it lies in an export.
        data: its bytes.
        document: its decoded JSON.
        window: begin and end of what is wanted, microseconds since 1970, None if open.
    """

    def __init__(
        self, source: Source, place: Place, data: bytes, document: Document, window: tuple[int | None, int | None]
    ) -> None:
        self.source = source
        self.place = place
        self.data = data
        self.document = document
        self.since, self.until = window
        self.tally = Tally()
        self.note = ""
        self.warnings: list[str] = []
        self.found: list[tuple[Any, int]] = []

    def batches(self) -> Iterator[Batch]:
        """Yield the messages, and what became of everything else."""
        self._collect()
        if self.document.damage:
            self._note_damage()
        objects = things([value for value, _ in self.found])
        skipped = self._leave_out()
        pinned = frozenset[str]()
        if self.found:  # else it is not worth reading the other days
            pinned = find_pinned(objects) | self.place.heard.pinned(self.place.folder)
            self.place = replace(self.place, names=self.place.heard.complete(self.place.names, objects, self.data))
        for start in range(0, max(len(self.found), 1), _ROWS_A_BATCH):
            rows = list(self._read(self.found[start : start + _ROWS_A_BATCH], pinned))
            self.tally.lines = len(rows) + self.tally.unparsed + self.tally.decoration + skipped
            batch = self.tally.batch(make_frame(rows), warnings=tuple(self.warnings), note=self.note)
            yield replace(batch, skipped=skipped)
            self.tally, self.warnings, skipped = Tally(), [], 0

    def _read(self, part: list[tuple[Any, int]], pinned: frozenset[str]) -> Iterator[Row]:
        for value, line in part:
            row = read_message(value, line, self.place, pinned) if isinstance(value, dict) else None
            if row is None:
                self.tally.reject(line, _describe_reject(value))
            else:
                yield row

    def _leave_out(self) -> int:
        """Drop the messages outside of the window and return how many; those without a time are told later."""
        if self.since is None and self.until is None:
            return 0
        count = len(self.found)
        self.found = [(value, line) for value, line in self.found if not self._is_outside(value)]
        return count - len(self.found)

    def _is_outside(self, value: Any) -> bool:
        micros = micros_of(value.get("ts")) if isinstance(value, dict) else None
        if micros is None:
            return False
        return (self.since is not None and micros < self.since) or (self.until is not None and micros > self.until)

    def _collect(self) -> None:
        """Gather the messages of every value of the document, each with its line."""
        values, cut = self.document.values, self.document.cut
        if is_chunk(values[0] if values else self.document.frame):
            self._collect_chunks()
            return
        if len(values) > 1 and all(map(is_message, values)):  # one message a line
            self.found = list(zip(values, self.document.lines, strict=True))
            return
        for value in values:
            self._collect_value(value)
        if cut:
            self._learn_channel(self.document.frame)
            whole = [(one, line) for value, line in cut for one in _flatten([value])]
            if self.found:
                self._number([value for value, _ in whole])
            else:
                self.found = whole

    def _collect_chunks(self) -> None:
        cut = [message for message, _ in self.document.cut or ()]
        torn = [{**self.document.frame, "m": cut}] if cut else []
        chunks = read_chunks([*self.document.values, *torn])
        self.place = replace(self.place, names=name_chunks(chunks, self.place.names, self.source))
        self.tally.decoration += chunks.listed
        self._number(chunks.messages)

    def _collect_value(self, value: Any) -> None:
        if isinstance(value, list):
            self._collect_array(value, None)
        elif not isinstance(value, dict):
            self._number([value])
        elif value.get("ok") is False:
            self._note_error(value)
        elif is_message(value):
            self._number([value])
        elif (messages := _find_messages(value)) is not None:
            self._learn_channel(value)
            # Texts of before an edit: somebody took them back. Discovery's own example writes them into has_edits.
            self.tally.decoration += sum(len(as_list(value.get(key))) for key in ("edits", "has_edits"))
            self._collect_array(messages, _MESSAGES_ARRAY)
        else:
            self._skip_lists(value)

    def _collect_array(self, array: list[Any], before: re.Pattern[bytes] | None) -> None:
        first = next((value for value in array if isinstance(value, dict)), None)
        if first is not None and not is_message(first) and (note := name_listing(first)):
            self.tally.decoration += len(array)
            self.note = note
            return
        flat = _flatten(array)
        exact = (
            len(flat) == len(array)
            and len(self.document.values) == 1
            and not self.document.holes
            and all(isinstance(one, dict) for one in array)
        )
        lines = find_object_lines(self.data, before, len(array)) if exact and array else None
        if lines:
            self.found += zip(array, lines, strict=True)
        else:
            self._number(flat)

    def _number(self, values: list[Any]) -> None:
        """Take *values* with their ordinals for lines."""
        self.found += ((value, number) for number, value in enumerate(values, len(self.found) + 1))

    def _learn_channel(self, value: dict[str, Any]) -> None:
        """Take the conversation from a dump, whose file says it once."""
        identity = string(value.get("channel_id"))
        if not (self.place.channel.id or self.place.channel.name) and identity:
            name = string(value.get("name")) or self.place.names.channels.get(identity) or identity
            self.place = replace(self.place, channel=Channel(identity, show_channel(name)))

    def _skip_lists(self, value: dict[str, Any]) -> None:
        listed = next((key for key in API_LISTS if isinstance(value.get(key), list)), None)
        if listed is None:
            self._number([value])
            return
        self.tally.decoration += len(value[listed])
        self.note = API_LISTS[listed]

    def _note_error(self, value: dict[str, Any]) -> None:
        error = string(value.get("error")) or "no reason given"
        self.tally.reject(1, f"Slack answered with an error: {error}")
        self.warnings.append(f"is an error that Slack answered with ({error}), not messages; fetch it again")

    def _note_damage(self) -> None:
        line = self.document.damage
        self.tally.reject(line, "JSON that is cut off or damaged", self.document.holes)
        self.warnings.append(
            f"JSON is cut off or damaged at line {line}; read {len(self.found):,} whole messages of the file"
        )


def _find_messages(value: dict[str, Any]) -> list[Any] | None:
    """Return the messages of an API answer or a dump; None if it has none."""
    messages = value.get(MESSAGES_KEY)
    if isinstance(messages, dict):  # search.messages
        messages = messages.get("matches")
    return messages if isinstance(messages, list) else None


def _flatten(array: list[Any]) -> list[Any]:
    """Put the replies that slackdump nests after their roots."""
    flat: list[Any] = []
    for value in array:
        flat.append(value)
        if isinstance(value, dict) and REPLIES_KEY in value:
            flat += things(value[REPLIES_KEY])
    return flat


def _describe_reject(value: Any) -> str:
    if not isinstance(value, dict):
        return f"not a message: {type(value).__name__}"
    kept = ", ".join(f"{key}={value[key]!r}" for key in _SAFE_KEYS if key in value)
    return f"message without a valid ts ({kept or 'none of the keys of a message'})"


parser = SlackParser()
