"""Compiling a log_format."""

from __future__ import annotations

import re

import pytest
from timeline_parsers._nginx_format import KNOWN_FORMATS, compile_format, known_formats

from timeline.errors import UsageError


def test_combined_becomes_steps_and_an_exact_pattern() -> None:
    combined = compile_format("combined")

    assert combined.variables == (
        "remote_addr", "remote_user", "time_local", "request", "status", "body_bytes_sent", "http_referer",
        "http_user_agent",
    )  # fmt: skip
    assert [step.literal for step in combined.steps] == [b"", b" - ", b" [", b'] "', b'" ', b" ", b' "', b'" "']
    assert combined.tail == b'"'


@pytest.mark.parametrize("name", KNOWN_FORMATS)
def test_known_formats_are_patterns_of_both_engines(name: str) -> None:
    known = {known.name: known for known in known_formats()}[name]

    assert re.compile(known.pattern).groups == len(known.variables)
    assert known.steps


def test_a_whole_directive_is_taken_as_it_stands_in_nginx_conf() -> None:
    directive = """log_format timing escape=json '$remote_addr [$time_iso8601] '
                                         '"$request" ${status}';"""

    compiled = compile_format(directive)

    assert compiled.variables == ("remote_addr", "time_iso8601", "request", "status")
    assert compiled.escape == "json"


def test_touching_variables_are_left_to_the_pattern() -> None:
    compiled = compile_format("$time_iso8601 $scheme://$host$request_uri $status")

    assert compiled.steps == ()
    found = re.match(compiled.pattern, "2026-06-15T14:03:11+02:00 https://a.example/x?y=1 200")
    assert found is not None
    assert (found["scheme"], found["status"]) == ("https", "200")


def test_a_json_template_tells_what_its_keys_hold() -> None:
    compiled = compile_format('{"t":"$time_iso8601","who": "$remote_addr","st":$status}')

    assert compiled.keys == (("t", "time_iso8601"), ("who", "remote_addr"), ("st", "status"))


@pytest.mark.parametrize("text", ["$remote_addr $status", "combinde", ""])
def test_a_format_without_time_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(UsageError, match="without a time") as error:
        compile_format(text)

    assert "$time_local" in error.value.help


def test_an_unknown_escaping_is_refused() -> None:
    with pytest.raises(UsageError, match="escaping"):
        compile_format("combined", escape="html")
