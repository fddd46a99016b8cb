"""Tell settings of servers from evidence: they lie beside the logs, but nothing happened in them."""

from __future__ import annotations

import re
from typing import Final

FORMS: Final = {
    # https://nginx.org/en/docs/beginners_guide.html#conf_structure
    "configuration of nginx": re.compile(
        rb"""^\s*(?:
            (?: http | server | events | stream | types | location\s+\S+ | upstream\s+\S+ ) \s* \{
            | log_format \s+ \w+
        )""",
        re.MULTILINE | re.VERBOSE,
    ),
    # https://www.postgresql.org/docs/current/config-setting.html
    "configuration of PostgreSQL": re.compile(
        rb"""^\#?
            (?: shared_buffers | max_connections | listen_addresses | log_line_prefix | log_timezone | hba_file )
            \s* = \s* \S""",
        re.MULTILINE | re.VERBOSE,
    ),
    # https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
    "access rules of PostgreSQL": re.compile(
        rb"""^(?: local | host(?:no)?(?:ssl|gssenc)? ) \s+ \S+ \s+ \S+ .*
            \s (?: trust | reject | md5 | peer | ident | scram-sha-256 | cert ) \b""",
        re.MULTILINE | re.VERBOSE,
    ),
}
"""What such files are, and a line that only they have."""


def name_configuration(head: bytes) -> str | None:
    """Return what the file that begins with *head* is, None if it is no configuration that is known."""
    return next((name for name, form in FORMS.items() if form.search(head)), None)
