"""The arrows between modules point one way, and importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import timeline

PACKAGE = Path(timeline.__file__).parent
MODULES = sorted(PACKAGE.glob("*.py"))

STAGES = {"normalize", "merge", "dedupe", "collapse", "detect", "select"}
PURE = {"errors", "schema", "arrays", "templates", "overlaps", "rotation", "cores", "crowds", "cells", "cell_keys", "cell_limits", "cell_requests", "cell_runs", "cell_table", "echoes", "signals", "scene", "weigh", "zones",
        "scan", "traffic", "outages", "phrases", "happenings", "crashes", "relations", "lasts", "pins", "clocks", "headline", "heartbeats", "wording", "markdown_text", "slots", "state_words"}  # fmt: skip
TOP = {
    "pipeline", "gather", "sieve", "results", "cli", "explain", "explain_dedupe", "reading", "__init__", "__main__", "testing",
}  # fmt: skip


def imported_by(path: Path) -> set[str]:
    """Name the modules of the package that *path* imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "timeline":
            names |= {alias.name for alias in node.names if (PACKAGE / f"{alias.name}.py").exists()}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("timeline."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("timeline.")}
    return names


def test_the_modules_are_found() -> None:
    assert {"schema", "normalize", "pipeline", "cli"} <= {path.stem for path in MODULES}


def test_a_stage_imports_no_other_stage_and_nothing_above() -> None:
    for path in MODULES:
        if path.stem in STAGES:
            assert not imported_by(path) - PURE, path.stem


def test_only_the_top_imports_the_top() -> None:
    for path in MODULES:
        if path.stem not in TOP:
            assert not imported_by(path) & TOP, path.stem


def test_nothing_imports_the_command() -> None:
    for path in MODULES:
        if path.stem != "__main__":
            assert "cli" not in imported_by(path), path.stem


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_core_never_names_a_concrete_parser_package(path: Path) -> None:
    assert "timeline_parsers" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "module", ["timeline", "timeline.cli", "timeline.parser", "timeline.registry", "timeline.sources"]
)
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('pandas', 'numpy', 'pyarrow')))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("option", ["--help", "--version", "--list-parsers"])
def test_the_quick_options_do_not_need_pandas(option: str) -> None:
    code = (
        "import sys\nsys.argv = ['timeline-build', sys.argv[1]]\nfrom timeline.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\nassert 'pandas' not in sys.modules or sys.argv[1] == '--list-parsers'"
    )

    assert subprocess.run([sys.executable, "-c", code, option], check=False, capture_output=True).returncode == 0


def test_stages_stay_functions_after_their_modules_are_imported() -> None:
    import timeline.merge
    import timeline.pipeline

    assert callable(timeline.merge)
    assert callable(timeline.dedupe)
