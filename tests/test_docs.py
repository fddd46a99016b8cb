"""README and docs are run: every command with its output, every Python example, every option mentioned.

`UPDATE_DOCS=1 ./run pytest tests/test_docs.py` writes the outputs anew; read the diff before you commit it.
"""

from __future__ import annotations

import doctest
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import timeline
from timeline.cli import command

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
UPDATE = bool(os.environ.get("UPDATE_DOCS"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand where a reader stands after the clone, without touching the checkout."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def replay(block: str, folder: Path) -> str:
    """Run the commands of a console block and return the block with what they print now."""
    shown = []
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        script = line[2:].replace("./run ", "")
        result = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
        shown += [line, *(result.stdout + result.stderr).splitlines()]
    return "\n".join(shown) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_prints_what_the_page_shows(page: Path, workplace: Path) -> None:
    text = page.read_text(encoding="utf-8")
    renewed = CONSOLE.sub(lambda found: f"```console\n{replay(found[1], workplace)}```", text)
    if UPDATE and renewed != text:
        page.write_text(renewed, encoding="utf-8")
        return

    assert text == renewed


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_python_example_gives_what_the_page_shows(page: Path, workplace: Path) -> None:
    assert workplace.exists()
    text = re.sub(r"\n```\n", "\n\n", page.read_text(encoding="utf-8"))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)

    assert 0 == doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test).failed


@pytest.mark.parametrize("option", [name for item in command.params for name in item.opts if name.startswith("--")])
def test_every_option_is_documented(option: str) -> None:
    assert option in (ROOT / "docs/command-line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "item", [item for item in command.params if isinstance(item, click.Option)], ids=lambda item: item.name
)
def test_every_option_has_a_help_text(item: click.Option) -> None:
    assert item.help


@pytest.mark.parametrize("name", [name for name in timeline.__all__ if not name.startswith("__")])
def test_every_public_name_is_documented_and_has_a_docstring(name: str) -> None:
    assert f"`timeline.{name}" in (ROOT / "docs/library.md").read_text(encoding="utf-8")
    assert inspect.getdoc(getattr(timeline, name))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
