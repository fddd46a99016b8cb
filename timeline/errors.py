"""Every exception that is raised on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TimelineError(ValueError):
    """Base class: catch this one to catch them all.

    Args:
        message: one line that names the thing and the place.
        help: one line that names the fix, with the exact option where there is one.
    """

    def __init__(self, message: str, *, help: str = "") -> None:  # noqa: A002 - the word that is printed
        super().__init__(message)
        self.help = help

    @property
    def text(self) -> str:
        """The message and its help line as they are printed."""
        return f"{self}\nhelp: {self.help}" if self.help else str(self)


class UsageError(TimelineError):
    """An option or argument has a value that cannot be used."""


MANY = 25
"""More names than that are not listed in a help line."""


class UnknownNameError(UsageError):
    """A name that is not among the known ones; the help line offers the closest."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = sorted(known)
        near = get_close_matches(name, self.known, n=1)
        shown = [*self.known[:MANY], "…"] if len(self.known) > MANY else self.known
        fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(shown) or 'none'}"
        super().__init__(f"no {what} named {name!r}", help=fix)


class SourceError(TimelineError):
    """A piece of evidence cannot be opened or read."""


class UnclearFormatError(TimelineError):
    """No parser, or more than one, says that a source is its own."""


class NoEvidenceError(UnclearFormatError):
    """A source holds no records and does not mean to: a configuration, an empty file. Nothing is lost with it."""


class BrokenParserError(TimelineError):
    """A parser cannot be loaded, or failed in a way that it should not."""


class MissingDependencyError(TimelineError):
    """An optional package or program is needed for what was asked."""


class SchemaError(TimelineError):
    """A frame does not have the columns or types of the event frame."""


class AccountError(TimelineError):
    """The lines of a source do not add up: a defect of a parser, never of the input."""


class EmbedError(TimelineError):
    """A Markdown file cannot take the block, or a person changed it."""
