"""Compile an nginx `log_format` into cutting steps and an exact pattern.

Reference: https://nginx.org/en/docs/http/ngx_http_log_module.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from timeline.errors import UsageError

COMBINED: Final = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
_TIMED: Final = (
    ' rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time"'
)

# What people put in front of and behind combined. The more a format demands, the earlier it stands: among formats
# that fit equally well the first one is taken.
_FRONTS: Final = {
    "combined": "",
    "xff-first": '"$http_x_forwarded_for" ',
    "xff-bare": "$http_x_forwarded_for ",
    "vhost": "$host ",
    "vhost-port": "$host:$server_port ",
}
_ENDS: Final = {
    "": "",
    "-main": ' "$http_x_forwarded_for"',
    "-timed": _TIMED,
    "-main-timed": ' "$http_x_forwarded_for"' + _TIMED,
    # kubernetes/ingress-nginx, `upstreaminfo` of internal/ingress/controller/config/config.go
    "-ingress": " $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name]"
    " $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id",
    "-and-more": " $extra",
}
_COMMON: Final = COMBINED.split(' "$http_referer"', maxsplit=1)[0]
_XFF_AS_CLIENT: Final = COMBINED.replace("$remote_addr", "$http_x_forwarded_for")

KNOWN_FORMATS: Final = {
    "main": COMBINED + _ENDS["-main"],
    **{
        front + end: before + COMBINED + behind
        for end, behind in _ENDS.items()
        for front, before in _FRONTS.items()
        if not ("xff" in front and "main" in end) and front + end != "combined-main"
    },
    "xff-as-client": _XFF_AS_CLIENT,
    "xff-as-client-and-more": _XFF_AS_CLIENT + " $extra",
    # Nginx Proxy Manager, docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf
    "proxy-manager": "[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host"
    ' "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server]'
    ' "$http_user_agent" "$http_referer"',
    # kubernetes/ingress-nginx, `log-format-stream`
    "ingress-stream": "[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time",
    "common": _COMMON,
    "vhost-common": "$host " + _COMMON,
    "common-and-more": _COMMON + " $extra",
}
"""Formats that are tried when the user names none."""

STAMPS: Final = {"time_local": 26, "time_iso8601": 25, "msec": 14}
"""Variables that hold a time, and how many bytes they take."""

_WIDTHS: Final = {**STAMPS, "status": 3}
_DIGITS: Final = frozenset({"status", "server_port"})
_CHECKED: Final = frozenset({"host", "http_x_forwarded_for"})
_ANYTHING: Final = frozenset({"extra"})

_ADDRESS: Final = r"[0-9A-Fa-f.:]+|unix:|unknown"
_LIST: Final = r"[^ ,]+(?:(?:,| :) [^ ,]+)*"
_PATTERNS: Final = {
    "time_local": r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "time_iso8601": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
    "msec": r"\d{10}\.\d{3}",
    "status": r"\d{3}",
    "server_port": r"\d{0,5}",
    "extra": r".*",
    # Not quoted in combined, and the client's own text: blanks, brackets and quotes occur.
    "remote_user": r".*?",
    "host": r"\[[^\] ]*\]|[^ :/]*",
    "http_x_forwarded_for": rf"-|(?:{_ADDRESS})(?:, ?(?:{_ADDRESS}))*",
}
_LISTS: Final = re.compile(r"upstream_\w+$")

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_DIRECTIVE: Final = re.compile(r"\s*log_format\s+\S+\s+(?:escape=(\w+)\s+)?(.*?);?\s*$", re.DOTALL)
_PIECES: Final = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\S+)""", re.DOTALL)
_ESCAPES: Final = ("default", "json", "none")

END_OF_LINE: Final = -1


@dataclass(frozen=True)
class Step:
    """One literal and the variable behind it.

    Attributes:
        literal: the bytes that must stand before the variable.
        variable: its name without `$`.
        width: how many bytes it takes, 0 if that varies.
        until: the byte at which it ends, or `END_OF_LINE`.
        digits: it must be all digits.
        anything: it may hold the byte at which a bare value would end.
        check: a pattern that the whole value must fit, where the byte that ends it does not tell enough.
    """

    literal: bytes
    variable: str
    width: int
    until: int
    digits: bool
    anything: bool
    check: str = ""


@dataclass(frozen=True)
class LineFormat:
    """A compiled `log_format`.

    Attributes:
        name: its name among `KNOWN_FORMATS`, or "log_format".
        steps: how to cut a line; empty if only the pattern can read it.
        tail: the bytes after the last variable.
        pattern: exact regular expression over a whole line, a named group a variable; RE2 and `re` read it alike.
        variables: their names, each once.
        escape: "default", "json" or "none".
        keys: for a JSON template, the variable of each key.
    """

    name: str
    steps: tuple[Step, ...]
    tail: bytes
    pattern: str
    variables: tuple[str, ...]
    escape: str = "default"
    keys: tuple[tuple[str, str], ...] = ()


@cache
def known_formats() -> tuple[LineFormat, ...]:
    """Return `KNOWN_FORMATS`, compiled, in their order."""
    return tuple(compile_format(text, name=name) for name, text in KNOWN_FORMATS.items())


def compile_format(text: str, *, name: str = "log_format", escape: str = "default") -> LineFormat:
    """Compile a `log_format`.

    Args:
        text: the format, one of the names in `KNOWN_FORMATS`, or the whole directive as it stands in nginx.conf.
        name: what to call it.
        escape: its escaping; an `escape=` in a directive wins.

    Raises:
        UsageError: it cannot be read, or has no time.
    """
    text, escape = _unwrap_directive(KNOWN_FORMATS.get(text.strip(), text), escape)
    if escape not in _ESCAPES:
        raise UsageError(f"log_format: no escaping named {escape!r}", help=f"use one of {', '.join(_ESCAPES)}")
    literals, variables = _split(text)
    if not any(variable in STAMPS for variable in variables) and not text.lstrip().startswith("{"):
        raise UsageError(
            f"log_format without a time: {text}",
            help="it needs $time_local, $time_iso8601 or $msec; quote it so that the shell leaves the $ alone",
        )
    return LineFormat(
        name=name,
        steps=_make_steps(literals, variables),
        tail=literals[-1].encode(),
        pattern=_make_pattern(literals, variables, escape),
        variables=tuple(dict.fromkeys(variables)),
        escape=escape,
        keys=_find_keys(text) if text.lstrip().startswith("{") else (),
    )


def _unwrap_directive(text: str, escape: str) -> tuple[str, str]:
    """Join the quoted pieces of `log_format NAME [escape=…] '…' '…';` as nginx does."""
    directive = _DIRECTIVE.match(text)
    if directive is None:
        return text.strip("\n"), escape
    pieces = [re.sub(r"\\(['\"\\])", r"\1", "".join(found)) for found in _PIECES.findall(directive[2])]
    return "".join(pieces), directive[1] or escape


def _split(text: str) -> tuple[list[str], list[str]]:
    """Split into n + 1 literals and the n variables between them."""
    parts = _VARIABLE.split(text)
    return parts[::3], [braced or plain for braced, plain in zip(parts[1::3], parts[2::3], strict=True)]


def _make_steps(literals: list[str], variables: list[str]) -> tuple[Step, ...]:
    """Make the steps, or none if two variables touch or one occurs twice."""
    touching = any(not literal for literal in literals[1:-1])
    if touching or len(set(variables)) < len(variables):
        return ()
    places = zip(literals, variables, literals[1:], strict=False)
    return tuple(_make_step(literal, variable, after) for literal, variable, after in places)


def _make_step(literal: str, variable: str, after: str) -> Step:
    quoted = literal.endswith('"') and after.startswith('"')
    special = variable in _CHECKED or (_LISTS.match(variable) is not None and after[:1] in ("", " "))
    return Step(
        literal=literal.encode(),
        variable=variable,
        width=_WIDTHS.get(variable, 0),
        until=after.encode()[0] if after else END_OF_LINE,
        digits=variable in _DIGITS,
        anything=variable in _ANYTHING,
        check=f"^(?:{_value_pattern(variable, after, 'default', quoted=False)})$" if special and not quoted else "",
    )


def _make_pattern(literals: list[str], variables: list[str], escape: str) -> str:
    parts, seen = ["(?s)^"], set()
    for literal, variable, after in zip(literals, variables, literals[1:], strict=False):
        group = f"(?P<{variable}>" if variable not in seen else "(?:"
        seen.add(variable)
        quoted = literal.endswith('"') and after.startswith('"')
        parts += [_quote(literal), group, _value_pattern(variable, after, escape, quoted=quoted), ")"]
    return "".join([*parts, _quote(literals[-1]), "$"])


def _value_pattern(variable: str, after: str, escape: str, *, quoted: bool) -> str:
    if variable in _WIDTHS or variable in _DIGITS:
        return _PATTERNS[variable]
    if quoted:
        # Apache writes `\"` where nginx writes `\x22`; this reads both.
        return r".*?" if escape == "none" else r'(?:[^"\\]|\\.)*'
    if variable in _PATTERNS:
        return _PATTERNS[variable]
    if _LISTS.match(variable) and after[:1] in ("", " "):
        return _LIST
    return f"[^{_quote(after[:1] or ' ')}]*"


def _quote(text: str) -> str:
    """Escape for RE2, which takes no backslash before letters, and for `re`."""
    return re.sub(r"([\\.+*?()|\[\]{}^$-])", r"\\\1", text)


def _find_keys(template: str) -> tuple[tuple[str, str], ...]:
    """Return (key, variable) pairs of a JSON template such as `{"time":"$time_iso8601","st":$status}`."""
    found = re.findall(r'"([^"$]+)"\s*:\s*"?\$(?:\{(\w+)\}|(\w+))"?\s*[,}]', template)
    return tuple((key, braced or plain) for key, braced, plain in found)
