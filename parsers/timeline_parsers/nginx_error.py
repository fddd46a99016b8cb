"""nginx error log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from timeline.parser import Batch
from timeline.sources import Source
from timeline.textlog import Block, is_json_array
from timeline_parsers._nginx_cut import Lines
from timeline_parsers._nginx_error_frame import Heads, looks_like_start
from timeline_parsers._nginx_head import find_access_lines
from timeline_parsers._nginx_records import (
    count_lines,
    find_alone,
    find_extents,
    open_head,
    reject_rows,
    settle,
    weigh,
    whole_records,
)

_LINES_A_RECORD: Final = 50


class NginxErrorParser:
    """Reads the error log of nginx: all levels, records of several lines, the context behind the message."""

    name = "nginx-error"

    def sniff(self, head: bytes) -> float:
        """Return the share of lines that are records or continue one; half of it if access lines are among them."""
        if is_json_array(head):
            return 0.0
        block, weight = open_head(head, looks_like_start)
        if block is None:
            return 0.0
        lines = Lines(block)
        heads = Heads(lines)
        records = int(heads.found.sum())
        if not records:
            return 0.0
        extents = find_extents(heads.starts, ~(heads.found | block.blank | find_alone(block)), block.blank)
        understood = records + min(extents.owned.sum(), _LINES_A_RECORD * records)
        mixed = bool(find_access_lines(lines, heads.found | block.blank).any())
        share = understood / max((~block.blank | extents.owned).sum(), 1)
        return weigh(share, weight) * (0.5 if mixed else 1.0)

    def starts_anywhere(self, source: Source) -> bool:  # noqa: ARG002 - of any form
        """Say that any run of whole lines can be read: every record carries its stamp, the format is in the head."""
        return True

    def parse(self, source: Source) -> Iterator[Batch]:
        """Yield the records of *source*, a batch a block."""
        for make_block in whole_records(source, looks_like_start):
            yield _parse_block(make_block())


def _parse_block(block: Block) -> Batch:
    lines = Lines(block)
    heads = Heads(lines)
    loose = ~(heads.found | block.blank | find_alone(block))
    extents = find_extents(heads.starts, loose, block.blank)
    tally = count_lines(block, extents.owned)
    reject_rows(tally, lines, np.flatnonzero(~(heads.found | extents.owned | block.blank)))
    return tally.batch(settle(heads.frame(extents.last), block))


parser = NginxErrorParser()
