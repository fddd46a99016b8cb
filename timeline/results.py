"""What reading and building give: the evidence, and the finished timeline."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from timeline import schema
from timeline.render import block_lines, to_markdown
from timeline.window import Window

if TYPE_CHECKING:
    from timeline.block_lines import BlockLine
    from timeline.embed import EmbedResult


@dataclass(frozen=True)
class Evidence:
    """What was read.

    Attributes:
        events: the event frame, merged and without duplicates, sorted by time, then file and line.
        account: one row a source: where each of its lines went.
        warnings: what a person should know, one line each.
        window: the span that was asked for, in UTC.
        unparsed: (file, line, text) of some lines that were not understood.
        undated: how many events have no time.
    """

    events: pd.DataFrame
    account: pd.DataFrame
    warnings: list[str]
    window: Window = field(default_factory=Window)
    unparsed: list[tuple[str, int, str]] = field(default_factory=list)
    undated: int = 0

    def explain_dedupe(self, ref: str) -> str:
        """Say of the event at *ref* which records it is, and by which rule they became one.

        Args:
            ref: the place of one of its records, "FILE:LINE"; the end of a path will do.

        Raises:
            UsageError: no event has a record there.
        """
        from timeline.explain_dedupe import explain_dedupe

        return explain_dedupe(self, ref)


@dataclass(frozen=True)
class Timeline(Evidence):
    """A finished timeline, and the evidence it was made of.

    Attributes:
        entries: one row a line of the timeline.
        style: "bullets" or "table", as the settings file has it.
        citations: whether each entry gets a footnote with file and line, as the settings file has it.
    """

    entries: pd.DataFrame = field(default_factory=schema.empty)
    style: str = "bullets"
    citations: bool = False

    def to_markdown(
        self, *, style: str | None = None, citations: bool | None = None, why: bool = False, heading: bool = True
    ) -> str:
        """Return the timeline as Markdown.

        Args:
            style: "bullets" or "table"; by default the timeline's own.
            citations: add a footnote with file and line to each entry; by default as the timeline has it.
            why: add to each entry why it was chosen, and its score.
            heading: begin with `## Timeline (all times UTC)`.
        """
        return to_markdown(self.entries, **self._form(style=style, citations=citations), why=why, heading=heading)

    def block_lines(self, *, style: str | None = None, citations: bool | None = None) -> list[BlockLine]:
        """Return the lines without heading, as `timeline.embed` takes them; see `to_markdown`."""
        return block_lines(self.entries, **self._form(style=style, citations=citations))

    def _form(self, *, style: str | None, citations: bool | None) -> dict[str, Any]:
        return {
            "style": self.style if style is None else style,
            "citations": self.citations if citations is None else citations,
            "undated": self.undated,
        }

    def embed(
        self,
        path: str | os.PathLike[str],
        *,
        style: str | None = None,
        citations: bool | None = None,
        block_id: str = "main",
        on_edit: str = "refuse",
        init: bool = False,
    ) -> EmbedResult:
        """Write the timeline into the Markdown file *path*, between its markers or below its Timeline heading.

        Args:
            path: the draft.
            style: see `to_markdown`.
            citations: see `to_markdown`.
            block_id: which block, if the file has several.
            on_edit: "refuse" leaves a block that a person changed alone, "overwrite" replaces it.
            init: add a Timeline section where there is none, and create a missing file.

        Raises:
            EmbedError: the file cannot take the block; it is unchanged.
        """
        from timeline.embed import embed

        lines = self.block_lines(style=style, citations=citations)
        return embed(path, lines, block_id=block_id, on_edit=on_edit, init=init)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
