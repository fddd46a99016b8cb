"""Settings: by glob, from a file beside the evidence, wrong keys with a suggestion."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from timeline.config import load_config, rules_from, settings_for
from timeline.errors import TimelineError, UsageError


def test_the_glob_for_a_file_beats_the_value_for_all() -> None:
    rules = rules_from(tz={"error.log": "Europe/Berlin", "*": "America/New_York"})

    assert "Europe/Berlin" == settings_for("incident/nginx/error.log", rules).tz
    assert "America/New_York" == settings_for("incident/pg.log", rules).tz


@pytest.mark.parametrize(
    "glob", ["error.log", "nginx/error.log", "nginx/*", "*.log", "incident/nginx/error.log", "./incident/nginx/*"]
)
def test_a_glob_fits_any_ending_of_the_path(glob: str) -> None:
    assert "UTC" == settings_for("incident/nginx/error.log", rules_from(tz={glob: "UTC"})).tz


@pytest.mark.parametrize("glob", ["rror.log", "apache/*", "nginx"])
def test_a_glob_does_not_fit_half_a_name(glob: str) -> None:
    assert settings_for("incident/nginx/error.log", rules_from(tz={glob: "UTC"})).tz is None


def test_a_glob_fits_archive_members() -> None:
    assert "h" == settings_for("slack.zip!general/a.json", rules_from(host={"general/*.json": "h"})).host


def test_shifts_are_durations() -> None:
    assert timedelta(seconds=-95) == settings_for("web/x.log", rules_from(shift={"web/*": "-95s"})).shift


@pytest.mark.parametrize(("name", "value"), [("tz", "Europe/Berln"), ("year", "26"), ("shift", {"*": "soon"})])
def test_a_wrong_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError):
        rules_from(**{name: value})  # type: ignore[arg-type]


def test_a_wrong_zone_names_the_closest() -> None:
    with pytest.raises(TimelineError) as caught:
        rules_from(tz="Europe/Berln")

    assert "Europe/Berlin" in caught.value.help


def test_a_settings_file_holds_for_its_own_folder(tmp_path: Path) -> None:
    path = tmp_path / "timeline-build.toml"
    path.write_text(
        "[timeline]\nmax-lines = 20\nsince = 2026-06-15T14:00:00Z\n"
        '[[source]]\nmatch = "nginx/error.log"\ntz = "Europe/Berlin"\nshift = "-95s"\nset = {"nginx-access.log_format" = "x"}\n'
    )

    config = load_config(path, folder=str(tmp_path))
    found = settings_for(f"{tmp_path}/nginx/error.log", config.rules)

    assert ("Europe/Berlin", timedelta(seconds=-95), {"nginx-access.log_format": "x"}) == (
        found.tz,
        found.shift,
        found.options,
    )
    assert settings_for("/elsewhere/nginx/error.log", config.rules).tz is None
    assert (20, "2026-06-15T14:00:00+00:00") == (config.timeline["max_lines"], config.timeline["since"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [('[[source]]\nmtch = "x"\n', "match"), ("[timelin]\n", "timeline"), ("[timeline]\nmax_lines = 1\n", "max-lines")],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)

    with pytest.raises(UsageError) as caught:
        load_config(path)

    assert "s.toml" in str(caught.value)
    assert expected in caught.value.help


def test_a_file_that_is_not_toml_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"= =\n")

    with pytest.raises(UsageError, match=r"s\.toml"):
        load_config(path)


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        (".", "nginx/error.log"), ("./", "nginx/error.log"), ("incident", "incident/nginx/error.log"),
        ("incident/", "incident/nginx/error.log"), ("./incident", "./incident/nginx/error.log"),
        ("a/./incident", "a/./incident/nginx/error.log"), ("a//incident", "a//incident/nginx/error.log"),
        ("..", "../nginx/error.log"), ("/srv/[x]", "/srv/[x]/nginx/error.log"), ("/", "/nginx/error.log"),
    ],
)  # fmt: skip
def test_a_folder_explains_itself_however_it_is_spelled(tmp_path: Path, folder: str, label: str) -> None:
    path = tmp_path / "timeline-build.toml"
    path.write_text('[[source]]\nmatch = "nginx/*"\ntz = "Europe/Berlin"\n')

    assert "Europe/Berlin" == settings_for(label, load_config(path, folder=folder).rules).tz


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("incident", "old/incident/nginx/error.log"), ("incident", "incident2/nginx/error.log"),
        (".", "/srv/nginx/error.log"), (".", "../nginx/error.log"), ("incident", "incident/web/nginx/error.log"),
    ],
)  # fmt: skip
def test_a_folder_does_not_explain_another_one(tmp_path: Path, folder: str, label: str) -> None:
    path = tmp_path / "timeline-build.toml"
    path.write_text('[[source]]\nmatch = "nginx/*"\ntz = "Europe/Berlin"\n')

    assert settings_for(label, load_config(path, folder=folder).rules).tz is None


@pytest.mark.parametrize("glob", ["a[1]!=x.log", "sp ace/a[1]!=x.log", "[!b]*.log", "./d//sp ace/*"])
def test_a_name_with_signs_of_globs_fits_as_it_is(glob: str) -> None:
    assert "UTC" == settings_for("d/sp ace/a[1]!=x.log", rules_from(tz={glob: "UTC"})).tz


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[timeline]\nmax-lines = "x"\n', "max-lines"), ("[timeline]\nmax-lines = 0\n", "max-lines"),
        ("[timeline]\nmax-lines = true\n", "max-lines"), ("[timeline]\nsource = 5\n", "source"),
        ("[timeline]\ngrep = [5]\n", "grep"), ("[timeline]\nsince = 5\n", "since"),
        ("[timeline]\ntz = {a = 'b'}\n", "tz"), ("[timeline]\ncitations = 'yes'\n", "citations"),
        ("[[timeline]]\n", "[timeline]"), ("[source]\nmatch = 'x'\n", "[[source]]"), ("source = [5]\n", "[[source]]"),
        ("[[source]]\nmatch = 3\n", "match"), ("[[source]]\nset = 5\n", "set"),
        ("[[source]]\nset = {a = [1]}\n", "set"), ("[[source]]\ntz = 5\n", "tz"), ("[[source]]\nhost = 5\n", "host"),
        ("[[source]]\nshift = -95\n", "shift"), ("[[source]]\nyear = 'x'\n", "four digits"),
        ("[[source]]\nparser = ['x']\n", "parser"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_names_the_file_and_what_it_should_be(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match=r"s\.toml") as caught:
        load_config(path)

    assert expected in caught.value.help
