"""The composition: evidence in, events and timeline out. Reads like the sentence in the README."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from timeline.account import to_frame
from timeline.clocks import find_missing_pieces, find_skew
from timeline.collapse import collapse
from timeline.detect import detect
from timeline.errors import TimelineError
from timeline.gather import Gathering
from timeline.outages import find_pauses
from timeline.plan import Moment, Path_, Plan, make_plan, say_nothing
from timeline.reading import date_events, read_source, span_of, within
from timeline.results import Evidence, Timeline
from timeline.select import FLOOR, select
from timeline.sieve import Sieve
from timeline.traffic import count_requests

DEFAULT_MAX_LINES = 40


def read(
    *paths: Path_,
    parser: str | None = None,
    tz: str | Mapping[str, str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    around: Moment | None = None,
    before: str | timedelta | None = None,
    after: str | timedelta | None = None,
    year: int | Mapping[str, int] | None = None,
    shift: Mapping[str, timedelta | str] | None = None,
    host: str | Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, str]] | None = None,
    source: str | Sequence[str] = (),
    severity: str | None = None,
    grep: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    dedupe: bool = True,
    config: Path_ | None = None,
    progress: Callable[[str], None] = say_nothing,
) -> Evidence:
    """Read evidence into one event frame.

    Args:
        paths: files, folders, archives, "-" for standard input, "PARSER:PATH" to force a format, "journal:".
        parser: force this format for all of them.
        tz: zone of stamps without one: a name for all, or a mapping from glob to name.
        since: begin of the window; forms as `timeline.window.parse_time` reads them.
        until: end of the window.
        around: a moment; the window is *before* until *after* it.
        before: a duration; "15m" by default.
        after: a duration; "1h" by default.
        year: year of the first record where stamps have none; one for all, or by glob.
        shift: by glob, what is added to every stamp; a clock that ran 95 s ahead is "-95s".
        host: host where records name none; one for all, or by glob.
        options: by parser, its options, such as `{"postgresql": {"log_line_prefix": "%m [%p] "}}`.
        source: keep only this source or service, or these.
        severity: keep only this severity and worse, and what has none.
        grep: keep only messages that contain this regular expression, or each of these.
        exclude: drop messages that contain this regular expression, or one of these.
        dedupe: drop copies of one event; False keeps them.
        config: a settings file; without it `timeline-build.toml` in an evidence folder is read.
        progress: called with the label of each source before it is read.

    Raises:
        TimelineError: a path, option or setting cannot be used, or nothing could be read at all.
    """
    return _collect(
        make_plan(
            paths, parser=parser, tz=tz, since=since, until=until, around=around, before=before, after=after, year=year,
            shift=shift, host=host, options=options, source=source, severity=severity, grep=grep, exclude=exclude,
            dedupe=dedupe, config=config, progress=progress,
        )
    )  # fmt: skip


def build(
    *paths: Path_, max_lines: int | None = None, floor: float | None = None, everything: bool = False, **how: Any
) -> Timeline:
    """Read evidence and make the timeline of it.

    Args:
        paths: as for `read`.
        max_lines: budget of the timeline; 40 by default.
        floor: the least score of a line; 20 by default.
        everything: keep every event as an entry: no collapse, no selection.
        how: as for `read`.

    Raises:
        TimelineError: see `read`.
    """
    plan = make_plan(paths, **how)
    budget = max_lines if max_lines is not None else plan.asked.get("max_lines", DEFAULT_MAX_LINES)
    least = floor if floor is not None else plan.asked.get("floor", FLOOR)
    form = {name: plan.asked[name] for name in ("style", "citations") if name in plan.asked}
    evidence = _collect(plan)
    if everything:
        return Timeline(**vars(evidence), entries=evidence.events, **form)
    entries, requests = collapse(evidence.events), count_requests(evidence.events)
    found = detect(entries, requests=requests)
    evidence.warnings.extend(find_missing_pieces(find_pauses(requests)))
    return Timeline(**vars(evidence), entries=select(found, max_lines=budget, floor=least), **form)


def _collect(plan: Plan) -> Evidence:
    """Read all events into one frame."""
    gathering, sieve = Gathering(plan), Sieve(plan)
    with _collector_paused():
        readings = [read_source(reader, plan.request.at_once) for reader in gathering.find_readers()]
    gathering.require_something()
    dated = date_events(readings)
    window = plan.request.resolve(span_of(dated))
    events = sieve.sift([within(frame, window) for frame in dated])
    accounts = gathering.accounts()
    sieve.settle(accounts)
    accounts += gathering.accounts_of_copies()
    written = {reader.source.label: when for reader in gathering.readers if (when := reader.source.modified)}
    skew = find_skew(sieve.coverages, written, whole=not (window.since or window.until))
    return Evidence(
        events,
        to_frame(accounts),
        [*gathering.all_warnings(), *sieve.warnings(), *skew],
        window,
        [(account.file, line, text) for account in accounts for line, text in account.unparsed_examples],
        sieve.undated,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from looking again and again at the growing lists of a chat export: a fifth of its time.

    Nothing that parsers make refers to itself; what is not needed is freed all the same.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


__all__ = ["Evidence", "Timeline", "TimelineError", "build", "read"]
