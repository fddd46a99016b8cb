"""Read chat that was copied out of Slack's window: a local clock to the minute, no zone, often no date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from timeline import schema
from timeline.errors import UsageError
from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline_parsers._slack_kinds import kind_of
from timeline_parsers._slack_lists import show_channel
from timeline_parsers._slack_message import Row, make_frame
from timeline_parsers._slack_text import strip_tokens

DATE, CHANNEL = "date", "channel"
OPTIONS: Final = (DATE, CHANNEL)

_TIME: Final = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
_BADGE: Final = r"(?P<badge>(?:(?:APP|:[\w+'-]+:)\s+)*)"
# `alice [11:22 AM]`, then `[11:24]` for what the same person says next.
_OLD_HEAD: Final = re.compile(rf"(?P<name>[^\s\[].{{0,79}}?)\s*{_BADGE}\[{_TIME}\]\s*")
_OLD_NEXT: Final = re.compile(rf"\[{_TIME}\](?P<rest>.*)")
# `alice`, then `  3:13 PM` on a line of its own, or both on one; then `3:15` for what the same person says next.
_HEAD_TIME: Final = re.compile(rf"(?P<indent>\s*){_BADGE}{_TIME}\s*")
_HEAD_LINE: Final = re.compile(rf"(?P<name>\S.{{0,79}}?)\s{{2,}}{_BADGE}{_TIME}\s*")
_LONGEST_HEAD: Final = 160

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_DIVIDER: Final = re.compile(
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,?\s+)?(?P<month>[A-Z][a-z]+)\s+(?P<day>\d{1,2})(?:st|nd|rd|th)"
    r"(?:,?\s+(?P<year>\d{4}))?\s*"
)
_LITTER: Final = re.compile(
    r"(?:Today|Yesterday|New|Jump to present|\d+ repl(?:y|ies)|(?:Last reply|Thread|View thread)\b.{0,60}"
    r"|replied to a thread:.*|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\s*"
)
_EMOJI: Final = re.compile(r":([\w+'-]+):\s*")
_COUNT: Final = re.compile(r"\d{1,4}\s*")

_LINE_WITH_TIME: Final = re.compile(
    rb"\d:[0-5]\d(?:(?:\s|\xe2\x80\xaf|\xc2\xa0)?[AaPp]\.?[Mm]\.?)?\]?[ \t\r]*(?:\n|\Z)"
)
_DAY: Final = 24 * 60
_LIKELY, _POSSIBLE = 0.6, 0.3
_ROWS_A_BATCH: Final = 50_000


def sniff_paste(head: bytes) -> float:
    """Say how sure *head* is chat from the window: by lines that name a speaker and a time, one of them at once."""
    if not _LINE_WITH_TIME.search(head) or b"\0" in head:
        return 0.0
    lines = [line.rstrip("\r") for line in head.decode("utf-8", "ignore").split("\n") if line.strip()]
    heads = [place for place, line in enumerate(lines) if _find_head(line, lines[place - 1] if place else "")]
    if not heads or heads[0] > 2:  # noqa: PLR2004 - a divider, a name, a time
        return 0.0
    return _LIKELY if len(heads) > 1 else _POSSIBLE


def read_paste(source: Source) -> Iterator[Batch]:
    """Yield the messages of the pasted text *source*.

    Raises:
        UsageError: the date that was told is none.
    """
    reader = _Reader(source.options)
    lines = source.read().decode("utf-8", "replace").split("\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        reader.take(line.rstrip("\r"), number)
        if len(reader.rows) >= _ROWS_A_BATCH:
            yield reader.hand_out()
    reader.finish()
    yield reader.hand_out()


def check_options(options: Mapping[str, str]) -> None:
    """Refuse what is no option of this parser, and a date that is none."""
    for option in options:
        if option not in OPTIONS:
            raise UsageError(f"slack has no option {option!r}", help="use slack.date=YYYY-MM-DD or slack.channel=NAME")
    _read_date(options)


def _read_date(options: Mapping[str, str]) -> date | None:
    told = options.get(DATE)
    try:
        return date.fromisoformat(told) if told else None
    except ValueError as error:
        raise UsageError(f"slack.date = {told!r} is no date", help="for example slack.date=2026-06-15") from error


def _find_head(line: str, before: str) -> re.Match[str] | None:
    """Return the match of a line that says who speaks and when; its name may be the line *before*."""
    if len(line) > _LONGEST_HEAD or ":" not in line:
        return None
    found = _OLD_HEAD.fullmatch(line) or _HEAD_LINE.fullmatch(line)
    if found and not _HEAD_TIME.fullmatch(line):
        return found
    found = _HEAD_TIME.fullmatch(line)
    marked = found and (found["half"] or found["indent"] or found["badge"])
    named = before.strip() and len(before) <= _LONGEST_HEAD and not _HEAD_TIME.fullmatch(before)
    return found if marked and named else None


@dataclass
class _Message:
    """A message that is being read."""

    line: int
    minute: int | None
    actor: str
    is_bot: bool
    text: list[str] = field(default_factory=list)
    reactions: list[str] = field(default_factory=list)


class _Reader:
    """Follows the speakers and the clock of a pasted text, line by line."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.day = _read_date(options)
        self.channel = show_channel(options.get(CHANNEL))
        self.clock = 0
        self.begun = False
        self.halves = False
        self.held = ("", 0)
        self.undated = 0
        self.turns = 0
        self.message: _Message | None = None
        self.last_text = 0
        self.rows: list[Row] = []
        self.tally = Tally()
        self.warnings: list[str] = []
        self.note = "pasted text, times to the minute"

    def take(self, line: str, number: int) -> None:
        """Account for one line."""
        if not line.strip():
            self.tally.blank += 1
            self.last_text = 0
        elif self._begin(line, number) or self._go_on(line, number):
            pass
        elif found := _DIVIDER.fullmatch(line):
            self._turn_to(found)
            self.tally.decoration += 1
        elif _LITTER.fullmatch(line):
            self.tally.decoration += 1
        elif self.message is None:
            self._hold(line, number)
        else:
            self.last_text = 0 if self._is_count(line) else number
            self.tally.continuation += 1

    def _hold(self, line: str, number: int) -> None:
        """Keep a line before the first speaker: it is the name, if a time follows."""
        self.tally.reject(number, strip_tokens(line))
        self.held = (line, number)
        self.last_text = number

    def _begin(self, line: str, number: int) -> bool:
        """Begin the message of a speaker, whose name stands here or on the line before."""
        before = self._line_before() if self.last_text == number - 1 else ""
        found = _find_head(line, before)
        if found is None:
            return False
        name, start = (found.groupdict().get("name") or "").strip(), number
        if not name:
            name, start = before.strip(), number - 1
            self._take_back()
        self._close()
        is_bot = "APP" in found["badge"] or name.endswith(" APP")
        self.message = _Message(start, self._tell_minute(found, bare=False), name.removesuffix(" APP").strip(), is_bot)
        self.tally.continuation += number - start
        self.last_text = 0
        return True

    def _line_before(self) -> str:
        if self.message is None:
            return self.held[0]
        return self.message.text[-1] if self.message.text else ""

    def _take_back(self) -> None:
        """Take the name back that was counted as text, or as not understood."""
        if self.message is None:
            self.tally.unparsed -= 1
            if self.tally.examples and self.tally.examples[-1][0] == self.held[1]:
                self.tally.examples.pop()
        else:
            self.message.text.pop()
            self.tally.continuation -= 1

    def _go_on(self, line: str, number: int) -> bool:
        """Begin the next message of the same speaker, of which only the time is told."""
        if self.message is None:
            return False
        found = _OLD_NEXT.fullmatch(line) or (_HEAD_TIME.fullmatch(line) if len(line) <= _LONGEST_HEAD else None)
        if found is None or found.groupdict().get("indent") or found.groupdict().get("badge"):
            return False
        actor, is_bot = self.message.actor, self.message.is_bot
        self._close()
        self.message = _Message(number, self._tell_minute(found, bare=not found["half"]), actor, is_bot)
        rest = (found.groupdict().get("rest") or "").strip()
        if rest:
            self.message.text.append(rest)
        return True

    def _is_count(self, line: str) -> bool:
        """Add a line to the message; True if it is the number of a reaction that stood on the line before."""
        text = self.message.text if self.message else []
        emoji = _EMOJI.fullmatch(text[-1]) if text and _COUNT.fullmatch(line) else None
        if emoji is None or self.message is None:
            text.append(line)
            return False
        text.pop()
        self.message.reactions.append(f"{emoji[1]}×{int(line)}")
        return True

    def _tell_minute(self, found: re.Match[str], *, bare: bool) -> int | None:
        """Return the minutes since 1970 on the local clock, None without a date; going back, it passed midnight."""
        hour, minute = int(found["hour"]), int(found["minute"])
        if found["half"]:
            hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
            self.halves = True
        at = hour * 60 + minute
        if bare and self.halves and hour <= 12:  # noqa: PLR2004 - the clock of 12 hours
            # The half of the day is not told again: the next time that the clock shows this.
            shown = ((hour % 12 + half) * 60 + minute for half in (0, 12))
            at = min(shown, key=lambda time: (time - self.clock) % _DAY)
        if self.begun and at < self.clock:
            self.turns += 1
            self.day = self._next_day()
        self.clock, self.begun = at, True
        if self.day is None:
            self.undated += 1
            return None
        return (self.day - date(1970, 1, 1)).days * _DAY + at

    def _next_day(self) -> date | None:
        return None if self.day is None or self.day == date.max else self.day + timedelta(days=1)

    def _turn_to(self, found: re.Match[str]) -> None:
        """Take the date from a divider such as `Monday, June 15th`; its year is told or that of the day before it."""
        month = found["month"].lower()
        year = int(found["year"]) if found["year"] else self.day.year if self.day else None
        if month not in _MONTHS or year is None:
            return
        try:
            day = date(year, _MONTHS.index(month) + 1, int(found["day"]))
            if self.day and not found["year"] and day < self.day:
                day = day.replace(year=year + 1)
        except ValueError:
            return
        self.day, self.begun = day, False

    def _close(self) -> None:
        if self.message is None:
            return
        message, self.message = self.message, None
        text = strip_tokens("\n".join(message.text).strip()) or "[no text: empty message]"
        kind = kind_of(None, text, is_bot=message.is_bot, actor=message.actor)
        wall = None if message.minute is None else message.minute * 60_000_000
        self.rows.append(
            Row(
                wall, self.channel, None, message.actor, text, kind, message.line, None, None, None, None, None, None,
                None, ", ".join(message.reactions) or None, False, message.is_bot, False,
            )
        )  # fmt: skip

    def finish(self) -> None:
        """End the last message, and say what was assumed about all."""
        self._close()
        if self.undated:
            self.warnings.append(
                f"pasted chat tells no date: {self.undated:,} messages stay undated "
                "(--set slack.date=YYYY-MM-DD tells the day of the first)"
            )
        elif self.turns:
            self.warnings.append(f"the clock went back {self.turns:,} times, each taken for midnight")

    def hand_out(self) -> Batch:
        """Make a batch of what was read so far."""
        tally, rows = self.tally, self.rows
        tally.lines = len(rows) + tally.continuation + tally.blank + tally.decoration + tally.unparsed
        frame = make_frame(rows, zone=None)
        # The second 00 that a stamp needs was not told: nobody shall read it as one.
        note = schema.full(schema.TO_THE_MINUTE, "str", frame.index)
        frame[schema.TIME_NOTE] = note.where(frame[schema.WALL].notna(), "")
        batch = tally.batch(frame, warnings=tuple(self.warnings), note=self.note)
        self.tally, self.rows, self.warnings = Tally(), [], []
        return batch
