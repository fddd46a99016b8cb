"""The command `timeline-build`: a thin skin over the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EBADF
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from timeline import __version__
from timeline.errors import TimelineError, UsageError
from timeline.markdown_text import flatten

if TYPE_CHECKING:
    from timeline.results import Evidence, Timeline

STALE: Final = 1
FAILED: Final = 2
STRICT: Final = 3

FORMATS: Final = ("markdown", "table", "jsonl", "csv")
SEVERITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


def _by_glob(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Any:
    """Read `VALUE` and `GLOB=VALUE`, repeatable, into one value or a mapping."""
    told: dict[str, str] = {}
    for value in values:
        glob, separator, rest = value.rpartition("=")
        if parameter.name == "shift" and not separator:
            raise UsageError(
                f"--shift {value!r} names no file", help="--shift GLOB=DURATION, for example --shift 'web-2/*=-95s'"
            )
        told[glob if separator else "*"] = rest
    return told or None


def _options(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Read `PARSER.KEY=VALUE` into a mapping by parser."""
    told: dict[str, dict[str, str]] = {}
    for value in values:
        name, separator, setting = value.partition("=")
        parser, dot, key = name.partition(".")
        if not (separator and dot and parser and key):
            raise UsageError(
                f"--set {value!r} is not PARSER.KEY=VALUE",
                help="for example --set 'postgresql.log_line_prefix=%m [%p] '",
            )
        told.setdefault(parser, {})[key] = setting
    return told


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("evidence", nargs=-1, metavar="EVIDENCE...")
@click.option("--since", metavar="TIME", help="Begin of the window: '2026-06-15 14:03', 14:03, 90m, yesterday, @EPOCH.")
@click.option("--until", metavar="TIME", help="End of the window.")
@click.option("--around", metavar="TIME", help="A moment inside the window, instead of --since and --until.")
@click.option("--before", metavar="DURATION", help="How long before --around it begins.  [default: 15m]")
@click.option("--after", metavar="DURATION", help="How long after --around it ends.  [default: 1h]")
@click.option(
    "--tz", metavar="[GLOB=]ZONE", multiple=True, callback=_by_glob, help="Zone of stamps that have none. Repeatable."
)
@click.option("--shift", metavar="GLOB=DURATION", multiple=True, callback=_by_glob,
              help="Add to every stamp of these files: a clock 95 s ahead is -95s. Repeatable.")  # fmt: skip
@click.option("--year", metavar="[GLOB=]YYYY", multiple=True, callback=_by_glob,
              help="Year of the first record where stamps have none. Repeatable.")  # fmt: skip
@click.option(
    "--host", metavar="GLOB=NAME", multiple=True, callback=_by_glob, help="Host where records name none. Repeatable."
)
@click.option("--set", "options", metavar="PARSER.KEY=VALUE", multiple=True, callback=_options,
              help="Option of a parser: postgresql.log_line_prefix, nginx-access.log_format. Repeatable.")  # fmt: skip
@click.option("--source", metavar="NAME", multiple=True, help="Keep only this source or service. Repeatable.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Keep this severity and worse, and what has none.")
@click.option("--grep", metavar="REGEX", multiple=True, help="Keep only messages that contain this. Repeatable.")
@click.option("--exclude", metavar="REGEX", multiple=True, help="Drop messages that contain this. Repeatable.")
@click.option("--max-lines", metavar="N", type=click.IntRange(min=1), help="Budget of the timeline.  [default: 40]")
@click.option("--floor", metavar="SCORE", type=float, help="Least score of a line.  [default: 20]")
@click.option("--all", "everything", is_flag=True, help="Every event: no collapse, no selection.")
@click.option("--no-dedupe", is_flag=True, help="Keep copies of one event.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="markdown", show_default=True, help="Form of the output."
)
@click.option("--style", type=click.Choice(["bullets", "table"]), help="Form of the Markdown.  [default: bullets]")
@click.option("--citations", is_flag=True, help="Footnotes with file and line.")
@click.option("--why", is_flag=True, help="Say after each line why it was chosen, and its score.")
@click.option("-o", "--output", metavar="FILE", help="Write here instead of to standard output.")
@click.option("--into", metavar="FILE", help="Put the timeline into this Markdown file, between its markers.")
@click.option("--check", is_flag=True, help="With --into: write nothing, exit 1 if the block is stale.")
@click.option("--diff", is_flag=True, help="With --into: write nothing, print what would change.")
@click.option("--on-edit", type=click.Choice(["refuse", "overwrite"]), default="refuse", show_default=True,
              help="With --into: what to do with a block that a person changed.")  # fmt: skip
@click.option("--init", is_flag=True, help="With --into: add a Timeline section, or create the file.")
@click.option("--explain", is_flag=True, help="Only say what was read, how and why, and where every line went.")
@click.option("--explain-dedupe", metavar="FILE:LINE", help="Only say which records are this event, and why.")
@click.option("--config", metavar="FILE", help="Settings as TOML; else timeline-build.toml in an evidence folder.")
@click.option("--list-parsers", is_flag=True, help="List the installed parsers and stop.")
@click.option("--strict", is_flag=True, help="Exit 3 if a line was not understood or dated, or a zone was assumed.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors on standard error.")
@click.option("-v", "--verbose", is_flag=True, help="One line a source on standard error.")
@click.version_option(__version__, prog_name="timeline-build")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Turn the evidence of an incident into one UTC timeline in Markdown.

    EVIDENCE is files, folders, archives (.zip, .tar, .gz and others), - for standard input, PARSER:PATH to force a
    format, or journal: for the live journal. Formats are told by content.
    """
    if given["list_parsers"]:
        _list_parsers()
        return
    if not given["evidence"]:
        raise UsageError("no evidence was named", help="timeline-build FOLDER, or timeline-build --help")
    _check_combinations(given)
    timeline = _build(given)
    _report(timeline, given)
    failed = _write(timeline, given)
    if failed:
        context.exit(failed)
    if given["strict"] and _is_unsure(timeline):
        click.echo(
            "strict: a line was not understood or dated, a file cut off or left out, or a zone assumed "
            "(--explain shows which)",
            err=True,
        )
        context.exit(STRICT)


def main() -> NoReturn:
    """Run the command; every error that is raised on purpose is one line and a help line."""
    if sys.stderr is None:  # `2>&-`: what would be said is not heard
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the whole process
    try:
        # Outside of standalone mode click returns the status of `Context.exit`.
        status: Any = command(standalone_mode=False) or 0
    except click.exceptions.Exit as error:
        status = error.exit_code
    except click.ClickException as error:
        error.show()
        status = FAILED
    except TimelineError as error:
        click.echo(f"error: {error}", err=True)
        if error.help:
            click.echo(f"help: {error.help}", err=True)
        status = FAILED
    except BrokenPipeError:
        status = _close_quietly()
    except OSError as error:
        click.echo(f"error: {error.filename or 'output'}: {error.strerror or error}", err=True)
        status = FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        status = 130
    sys.exit(_flush(status))


def _flush(status: int) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        return _close_quietly()
    except OSError as error:
        click.echo(f"error: output: {error.strerror or error}", err=True)
        return FAILED
    return status


def _close_quietly() -> int:
    """`| head` closed the pipe: that is no error, and the interpreter must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _list_parsers() -> None:
    from timeline.registry import available_parsers, get_parser

    for name in available_parsers():
        try:
            about = (type(get_parser(name)).__doc__ or "").strip().splitlines()
            click.echo(f"{name:<16} {about[0] if about else ''}".rstrip())
        except TimelineError as error:
            click.echo(f"{name:<16} broken: {error}")


def _check_combinations(given: dict[str, Any]) -> None:
    if not given["into"] and (name := next((name for name in ("check", "diff", "init") if given[name]), None)):
        raise UsageError(f"--{name} needs --into FILE", help=f"timeline-build EVIDENCE --into postmortem.md --{name}")
    if given["into"] and (given["output"] or given["form"] != "markdown" or given["everything"]):
        raise UsageError("--into writes the Markdown timeline", help="leave out --all, --format and -o")
    if given["why"] and (given["into"] or given["form"] != "markdown" or given["everything"]):
        raise UsageError("--why is for the printed timeline", help="leave out --into, --all and --format")
    if (given["explain"] or given["explain_dedupe"]) and (given["into"] or given["form"] != "markdown"):
        name = "--explain" if given["explain"] else "--explain-dedupe"
        raise UsageError(f"{name} prints the explanation and nothing else", help="leave out --into and --format")


def _build(given: dict[str, Any]) -> Timeline:
    from timeline.pipeline import build

    names = ("since", "until", "around", "before", "after", "tz", "shift", "year", "host", "options", "source",
             "severity", "grep", "exclude", "config", "max_lines", "floor")  # fmt: skip
    with _progress(given) as progress:
        return build(
            *given["evidence"],
            everything=bool(given["everything"] or given["explain"] or given["explain_dedupe"]),
            dedupe=not given["no_dedupe"],
            progress=progress,
            **{name: given[name] for name in names},
        )


@contextmanager
def _progress(given: dict[str, Any]) -> Iterator[Callable[[str], None]]:
    """Show the file that is being read, on a terminal only, and wipe the line afterwards."""
    if given["quiet"] or not sys.stderr.isatty():
        yield lambda _: None
        return
    yield lambda label: click.echo(f"\r\x1b[Kreading {flatten(label)[-70:]}", nl=False, err=True)
    sys.stderr.write("\r\x1b[K")


def _report(timeline: Timeline, given: dict[str, Any]) -> None:
    """Say on standard error what happened."""
    if given["quiet"] or given["explain"] or given["explain_dedupe"]:
        return
    for warning in timeline.warnings:
        click.echo(f"warning: {flatten(warning)}", err=True)
    if timeline.window.since or timeline.window.until:
        click.echo(f"window: {timeline.window}", err=True)
    if given["verbose"]:
        from timeline.explain import describe_source

        for _, row in timeline.account.iterrows():
            click.echo(flatten(describe_source(row)), err=True)
    click.echo(_closing_line(timeline, everything=given["everything"]), err=True)


def _closing_line(timeline: Timeline, *, everything: bool) -> str:
    account = timeline.account
    sources = int((account["parser"] != "").sum())
    lines, unparsed, undated, skipped = (
        int(account[name].sum()) for name in ("lines", "unparsed", "undated", "skipped")
    )
    read = f" ({skipped:,} outside of the window and not read)" if skipped else ""
    parts = [
        f"{_count(sources, 'source')}, {_count(lines, 'line')}{read}",
        _count(int(account["events"].sum()), "event"),
    ]
    if not everything:
        parts.append(f"{len(timeline.entries):,} {'entry' if len(timeline.entries) == 1 else 'entries'}")
    text = " -> ".join(parts)
    if undated:
        text += f"; {_count(undated, 'record')} without a time"
    if unparsed:
        text += f"; {_count(unparsed, 'line')} not understood (--explain)"
    return text


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _write(timeline: Timeline, given: dict[str, Any]) -> int:
    """Write the result; return an exit status."""
    if given["explain"]:
        from timeline.explain import explain

        _print(explain(timeline), given["output"])
        return 0
    if given["explain_dedupe"]:
        _print(timeline.explain_dedupe(given["explain_dedupe"]), given["output"])
        return 0
    if given["into"]:
        return _embed(timeline, given)
    if given["form"] == "markdown":
        how = {"style": given["style"], "citations": given["citations"] or None, "why": given["why"]}
        _print(timeline.to_markdown(**how), given["output"])
        return 0
    from timeline.writers import WRITERS

    _output(WRITERS[given["form"]](timeline.entries), given["output"])
    return 0


def _print(text: str, path: str | None) -> None:
    _output(iter([text.encode("utf-8", "replace")]), path)


def _output(data: Iterator[bytes], path: str | None) -> None:
    from timeline.atomic import write_atomically

    if path is None or path == "-":
        if sys.stdout is None:  # `>&-`
            raise OSError(EBADF, "standard output is closed")
        sys.stdout.buffer.writelines(data)
        return
    try:
        if Path(path).exists() and not Path(path).is_file():
            # A pipe or device such as /dev/null is written to, never replaced.
            with Path(path).open("wb") as stream:
                stream.writelines(data)
        else:
            write_atomically(path, b"".join(data))
    except OSError as error:
        error.filename = path  # not that of the temporary file beside it
        raise


def _embed(timeline: Timeline, given: dict[str, Any]) -> int:
    from timeline import embed

    path = given["into"]
    lines = timeline.block_lines(style=given["style"], citations=given["citations"] or None)
    how = {"on_edit": given["on_edit"], "init": given["init"]}
    if given["diff"]:
        text = embed.diff(path, lines, **how)
        _print(text, None)
        return STALE if given["check"] and text else 0
    if given["check"]:
        if embed.check(path, lines, **how):
            return 0
        if not given["quiet"]:
            click.echo(f"{path}: the timeline is out of date (run again without --check)", err=True)
        return STALE
    result = embed.embed(path, lines, **how)
    if not given["quiet"]:
        click.echo(f"{path}: {'written' if result.changed else 'unchanged'}", err=True)
    return 0


def _is_unsure(timeline: Evidence) -> bool:
    lost = int(timeline.account["unparsed"].sum()) + int(timeline.account["undated"].sum())
    refused = bool(((timeline.account["parser"] == "") & (timeline.account["why"] == "")).any())
    damaged = bool(timeline.account["damaged"].any())
    return bool(lost or refused or damaged or timeline.account["zone"].str.contains("assumed").any())


def commands() -> Sequence[click.Parameter]:
    """Return the parameters of the command, for the reference in docs/."""
    return command.params
