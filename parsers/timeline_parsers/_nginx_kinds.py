"""Well-known happenings in nginx error logs: message pattern -> kind."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline.schema import category_column

# The first pattern that fits wins. Texts are nginx's own: src/os/unix/ngx_process.c, ngx_process_cycle.c,
# src/core/ngx_connection.c, ngx_cycle.c, src/http/ngx_http_upstream.c, ngx_http_upstream_round_robin.c.
KINDS: Final = (
    (r"^(?:worker|cache \w+|\w+) process \d+ exited on signal (?:[013]?[0-9]|[4-9]\d+)\b", "process-crashed"),
    (r"^(?:worker|cache \w+) process \d+ exited with fatal code", "process-crashed"),
    (r"^could not respawn|^fork\(\) failed", "process-failed"),
    (r"^signal 1 \(SIGHUP\) received|^reconfiguring$|^signal process started", "config-reload"),
    (r"^signal (?:3|15) \(SIG(?:QUIT|TERM)\) received", "server-stop"),
    (r"^start worker processes$|^nginx/\d|^openresty/\d", "server-start"),
    (r"^(?:gracefully shutting down|exiting|exit)$", "noise"),
    (r"^using the \"|^built by |^OS: |^getrlimit|^start (?:worker|cache \w+) process \d", "noise"),
    (r"^signal \d+ \(SIG(?:CHLD|IO|USR1|WINCH)\) received|^reopening logs$", "noise"),
    (r"^(?:worker|cache \w+|unknown) process \d+ exited with code", "noise"),
    (r"bind\(\) to .* failed|still could not bind\(\)", "bind-failed"),
    (r"^host not found in upstream|^configuration file .* test failed", "config-invalid"),
    (r"in (?:/|[A-Za-z]:)\S*:\d+$", "config-invalid"),
    (r"^no live upstreams", "upstream-unavailable"),
    (r"upstream timed out", "upstream-timeout"),
    (r"connect\(\) .*failed \(\d+: .*\) while connecting to upstream", "upstream-refused"),
    (r"^upstream (?:server temporarily disabled|prematurely closed|sent )|while reading .*upstream", "upstream-error"),
    (r"worker_connections are not enough|accept4?\(\) failed|Too many open files", "connections-exhausted"),
    (r"No space left on device", "disk-full"),
    (r"^limiting (?:requests|connections)", "rate-limited"),
)


def find_kinds(messages: pa.LargeStringArray) -> pd.Categorical:
    """Return the kind of each message, missing where it is none of the well-known ones."""
    # In an outage the same few messages come again and again.
    encoded = messages.dictionary_encode()
    codes = np.full(len(encoded.dictionary), -1)
    for code, (pattern, _) in reversed(list(enumerate(KINDS))):
        codes[pc.match_substring_regex(encoded.dictionary, pattern).to_numpy(zero_copy_only=False)] = code
    return category_column(codes[encoded.indices.to_numpy()], [kind for _, kind in KINDS])
