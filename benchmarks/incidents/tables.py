"""Print what was scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, median
from typing import TYPE_CHECKING, TextIO

from targets import QUIET, SET_ASIDE, TARGETS, target_rows

if TYPE_CHECKING:
    from metrics import Score
    from score import Result
    from truth import Kinds

NOTHING = "-"
HEAD = ("machine", "chat", "all", "precision", "lines", "onset s", "end s")


def print_report(results: Sequence[Result], kinds: Kinds, same: Sequence[bool], *, misses: bool, file: TextIO) -> None:
    """Print the tables: means over the incidents, each incident, the quiet window, the checks and the targets."""
    loud = [result for result in results if result.kind not in kinds.quiet]
    silent = [result for result in results if result.kind in kinds.quiet]
    for chat in (True, False):
        variants = [name for name in dict.fromkeys(result.variant for result in loud) if ("no chat" in name) != chat]
        if variants:
            print_table(_means(loud, variants), file)
    print_table(_each(loud), file)
    print_table(_quiet(silent), file)
    set_aside = any(result.kind in kinds.set_aside for result in loud)
    rows = [*target_rows(loud, SET_ASIDE if set_aside else TARGETS), *target_rows(silent, QUIET)]
    print_table([["target", "where", "ours", "bar", "met", "best simple way"], *rows], file)
    _print_checks(results, same, file)
    if misses:
        _print_misses(results, file)
    _print_lines(results, file)


def _print_checks(results: Sequence[Result], same: Sequence[bool], file: TextIO) -> None:
    for name, why in dict.fromkeys((result.method, result.skipped) for result in results if result.skipped):
        print(f"skipped: {name}: {why}", file=file)
    held, counted = (sum(result.why[place] for result in results) for place in (0, 1))
    print(f"why: {held:,} of {counted:,} reasons that can be counted again hold", file=file)
    unseen = {f"{result.kind}: {', '.join(result.unseen)}": None for result in results if result.unseen}
    print(f"facts that no event tells in time: {'; '.join(unseen) or 'none'}", file=file)
    warned = [*dict.fromkeys(result.kind for result in results if result.shift)]
    print(f"a clock that is off is suspected in: {', '.join(warned) or 'none'} (it is in clock_skew)", file=file)
    if same:
        print(f"determinism: {sum(same)} of {len(same)} incidents give the same bytes", file=file)


def _means(results: Sequence[Result], variants: Sequence[str]) -> list[list[str]]:
    head = [f"mean of {len({result.kind for result in results})}", "N"]
    rows = [
        [
            *head,
            *(f"| {name}: {column}" * (not place) or column for name in variants for place, column in enumerate(HEAD)),
        ]
    ]
    for method, budget in dict.fromkeys((result.method, result.budget) for result in results):
        row = [method, str(budget)]
        for name in variants:
            wanted = (method, budget, name)
            scores = [r.score for r in results if (r.method, r.budget, r.variant) == wanted and r.score]
            first, *rest = summary(scores)
            row += [f"| {first}", *rest]
        rows.append(row)
    return rows


def summary(scores: Sequence[Score]) -> list[str]:
    """Return means of the shares, the median of lines, and median/maximum of the errors in seconds."""
    shares = [[getattr(score, name) for score in scores] for name in ("machine", "chat", "recall", "precision")]
    lines = [score.lines for score in scores]
    return [
        *(_mean(values) for values in shares),
        f"{median(lines):g}" if lines else NOTHING,
        *(_spread([getattr(score, name) for score in scores]) for name in ("onset", "end")),
    ]


def _mean(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{mean(known):.3f}" if known else NOTHING


def _spread(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    claimed = [value for value in known if value != float("inf")]
    if not claimed:
        return NOTHING
    unclaimed = f" ({len(known) - len(claimed)} unclaimed)" if len(known) > len(claimed) else ""
    return f"{median(claimed):.1f}/{max(claimed):.1f}{unclaimed}"


def _each(results: Sequence[Result]) -> list[list[str]]:
    """Return a row for each incident and variant of the first method, which is ours."""
    return [
        ["incident", "variant", "N", *HEAD],
        *(
            [result.kind, result.variant, str(result.budget), *summary([result.score])]
            for result in results
            if result.method == results[0].method and result.score
        ),
    ]


def _quiet(results: Sequence[Result]) -> list[list[str]]:
    rows = [["quiet window", "N", "variant", "lines", "claims of an outage"]]
    for result in results:
        if result.score and "no chat" not in result.variant:
            score = result.score
            rows.append([result.method, str(result.budget), result.variant, str(score.lines), str(score.false_claims)])
    return rows


def _print_misses(results: Sequence[Result], file: TextIO) -> None:
    for result in results:
        if result.method == results[0].method and result.score and result.score.missed:
            title = f"{result.kind}, {result.variant}, N={result.budget}"
            print(f"missed: {title}: {', '.join(result.score.missed)}", file=file)


def _print_lines(results: Sequence[Result], file: TextIO) -> None:
    for result in results:
        if result.shown:
            print(f"\n{result.kind}, {result.variant}, N={result.budget}", *result.shown, sep="\n", file=file)


def print_table(rows: Sequence[Sequence[str]], file: TextIO) -> None:
    """Print rows in columns, the first of them as a head; nothing if there is no more than a head."""
    if len(rows) < 2:  # noqa: PLR2004
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), file=file)
        if number == 0:
            print("  ".join("-" * width for width in widths), file=file)
    print(file=file)
