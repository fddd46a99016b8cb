"""Find the installed parsers by entry point, and the one that a source belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from timeline.errors import BrokenParserError, NoEvidenceError, UnclearFormatError, UnknownNameError
from timeline.unknown import guess

if TYPE_CHECKING:
    from timeline.parser import Parser
    from timeline.sources import Source

GROUP = "timeline.parsers"


@cache
def _installed() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    # Sorted: the order of a scan of installed distributions is not promised.
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if point not in found.get(point.name, ()):
            found[point.name] = (*found.get(point.name, ()), point)
    return found


def available_parsers() -> list[str]:
    """Return the names of the installed parsers, sorted, without loading them."""
    return sorted(_installed())


@cache
def get_parser(name: str) -> Parser:
    """Load the parser *name*.

    Raises:
        UnknownNameError: none is installed under that name.
        BrokenParserError: it cannot be loaded, or two distributions give the same name.
    """
    points = _installed().get(name)
    if points is None:
        raise UnknownNameError("parser", name, _installed())
    values = sorted({point.value for point in points})
    if len(values) > 1:
        raise BrokenParserError(f"parser {name!r} is given twice: {', '.join(values)}", help="uninstall one of them")
    try:
        parser: Parser = points[0].load()
        if not (callable(parser.sniff) and callable(parser.parse)):
            raise TypeError("has no sniff() and parse()")  # noqa: TRY301
    except Exception as error:  # any import may fail in any way
        raise BrokenParserError(
            f"parser {name!r} ({points[0].value}) cannot be loaded: {type(error).__name__}: {error}",
            help="reinstall or uninstall the package that provides it",
        ) from error
    return parser


def load_parsers() -> tuple[list[Parser], list[str]]:
    """Load every installed parser that can be loaded; return them and a warning for each that cannot."""
    parsers: list[Parser] = []
    warnings: list[str] = []
    for name in available_parsers():
        try:
            parsers.append(get_parser(name))
        except BrokenParserError as error:
            warnings.append(f"{error} ({error.help})")
    return parsers, warnings


def choose(source: Source, parsers: Iterable[Parser]) -> tuple[Parser, str]:
    """Return the parser that is surest of *source*, and the reason as a phrase.

    Raises:
        NoEvidenceError: it holds no records and does not mean to.
        UnclearFormatError: none recognises it, or two are equally sure.
    """
    scores: dict[str, tuple[float, Parser]] = {}
    failures: list[str] = []
    for parser in parsers:
        try:
            scores[parser.name] = (float(parser.sniff(source.head)), parser)
        except Exception as error:  # noqa: BLE001 - a broken sniff costs its own format only
            failures.append(f"{parser.name} failed: {type(error).__name__}: {error}")
    best = max((score for score, _ in scores.values()), default=0.0)
    if best <= 0:
        raise _explain_unknown(source, (parser for _, parser in scores.values()), failures)
    matches = sorted(name for name, (score, _) in scores.items() if score == best)
    if len(matches) > 1:
        raise UnclearFormatError(f"looks like {' and '.join(matches)}", help=f"say which: {matches[0]}:{source.label}")
    return scores[matches[0]][1], f"by content, {best:.0%} sure" if best < 1 else "by content"


def _explain_unknown(source: Source, parsers: Iterable[Parser], failures: Iterable[str]) -> UnclearFormatError:
    """Say why no parser takes *source*: it is no evidence, or what it looks like."""
    if source.head_problems and not source.head:
        return UnclearFormatError(f"cannot be read: {source.head_problems[0]}")
    for parser in parsers:
        if use := _ask_use(parser, source):
            return NoEvidenceError(use)
    found = guess(source.head)
    if not found.is_evidence:
        return NoEvidenceError(found.text, help=found.help)
    failures = [*failures, *source.head_problems]
    fix = f"force a format with PARSER:{source.label}, or write a parser: docs/writing-a-parser.md"
    return UnclearFormatError("; ".join([found.text, *failures]), help=fix if found.may_be_log else "")


def _ask_use(parser: Parser, source: Source) -> str:
    """Ask the parser what *source* is to it that holds no records."""
    try:
        return str(getattr(parser, "tell_use", lambda _: "")(source))
    except Exception:  # noqa: BLE001 - then it is described by its looks
        return ""


def find_parser(source: Source, forced: str | None, parsers: Iterable[Parser]) -> tuple[Parser, str]:
    """Return the forced parser, or the one that `choose` finds, and the reason.

    Raises:
        TimelineError: see `get_parser` and `choose`.
    """
    if forced:
        return get_parser(forced), "forced"
    return choose(source, parsers)
