"""Turn the logs and chat of an incident into one trustworthy UTC timeline.

    >>> import timeline
    >>> tl = timeline.build("incident/")      # doctest: +SKIP
    >>> print(tl.to_markdown())               # doctest: +SKIP

Names are loaded on first use, so that importing this package does not import pandas.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from timeline.collapse import collapse as collapse
    from timeline.dedupe import dedupe as dedupe
    from timeline.detect import detect as detect
    from timeline.errors import (
        AccountError as AccountError,
    )
    from timeline.errors import (
        BrokenParserError as BrokenParserError,
    )
    from timeline.errors import (
        EmbedError as EmbedError,
    )
    from timeline.errors import (
        MissingDependencyError as MissingDependencyError,
    )
    from timeline.errors import (
        SchemaError as SchemaError,
    )
    from timeline.errors import (
        SourceError as SourceError,
    )
    from timeline.errors import (
        TimelineError as TimelineError,
    )
    from timeline.errors import (
        UnclearFormatError as UnclearFormatError,
    )
    from timeline.errors import (
        UnknownNameError as UnknownNameError,
    )
    from timeline.errors import (
        UsageError as UsageError,
    )
    from timeline.merge import merge as merge
    from timeline.normalize import normalize as normalize
    from timeline.pipeline import build as build
    from timeline.pipeline import read as read
    from timeline.registry import available_parsers as available_parsers
    from timeline.registry import get_parser as get_parser
    from timeline.render import to_markdown as render
    from timeline.results import Evidence as Evidence
    from timeline.results import Timeline as Timeline
    from timeline.select import select as select

__version__ = "0.1.0"

_HOMES = {
    "collapse": "collapse", "dedupe": "dedupe", "detect": "detect", "merge": "merge", "normalize": "normalize",
    "select": "select",
    "Evidence": "results", "Timeline": "results", "build": "pipeline", "read": "pipeline",
    "available_parsers": "registry", "get_parser": "registry", "render": "render:to_markdown",
    "AccountError": "errors", "BrokenParserError": "errors", "EmbedError": "errors", "MissingDependencyError": "errors",
    "SchemaError": "errors", "SourceError": "errors", "TimelineError": "errors", "UnclearFormatError": "errors",
    "UnknownNameError": "errors", "UsageError": "errors",
}  # fmt: skip

__all__ = [
    "AccountError", "BrokenParserError", "EmbedError", "Evidence", "MissingDependencyError", "SchemaError",
    "SourceError", "Timeline", "TimelineError", "UnclearFormatError", "UnknownNameError", "UsageError", "__version__",
    "available_parsers", "build", "collapse", "dedupe", "detect", "get_parser", "merge", "normalize", "read", "render",
    "select",
]  # fmt: skip


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'timeline' has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    value = getattr(import_module(f"timeline.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Stages are functions named like their modules: importing `timeline.merge` must not hide `timeline.merge()`."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
