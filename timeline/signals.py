"""What makes an entry worth a line: kinds of happenings, severities, and the words of people, with their weights.

The weights are of one scale: below `select.FLOOR` an entry is not worth a line, above 30 it hardly ever is left out.
"""

from __future__ import annotations

from typing import Final

from timeline.schema import SEVERITIES

KINDS: Final = {
    "outage-begin": 60, "outage-end": 50, "outage-peak": 30, "errors-rise": 30, "slow-begin": 36, "slow-end": 28,
    "silence": 26,
    "alert-firing": 38, "alert-resolved": 34, "deploy": 34, "pin": 6, "topic-change": 9, "channel-archived": 6,
    # what systemd says
    "unit-failed": 30, "unit-process-exit": 10, "unit-restart-scheduled": 8, "oom-kill": 36, "coredump": 30,
    "unit-starting": 4, "unit-started": 12, "unit-stopping": 8, "unit-stopped": 10, "unit-reloading": 6,
    "unit-reloaded": 12, "unit-succeeded": 4, "spawn-failed": 28, "startup-finished": 22, "shutdown": 20,
    "machine-start": 12, "machine-stop": 12, "time-change": 14, "boot": 24, "kernel-panic": 40, "kernel-bug": 30,
    "io-error": 32, "segfault": 28, "syn-flood": 26, "invalid-configuration": 18, "journal-dropped": 16,
    # what PostgreSQL says
    "server-start": 20, "server-ready": 24, "server-stop": 22, "process-crashed": 34, "crash-recovery": 28,
    "not-accepting": 24, "too-many-connections": 32, "out-of-memory": 34, "out-of-disk": 36, "corruption": 38,
    "deadlock": 26, "lock-timeout": 24, "lock-wait": 15, "statement-timeout": 24, "statement-cancelled": 12,
    "slow-statement": 14, "connection-terminated": 16, "connection-lost": 8, "authentication-failed": 8,
    "replication": 20, "recovery-conflict": 20, "promotion": 34, "archive-failed": 24, "config-reload": 18,
    "config-error": 26, "wraparound": 34,
    # what nginx says, beyond the severity that it gives
    "process-failed": 34, "bind-failed": 30, "config-invalid": 28, "connections-exhausted": 32, "disk-full": 36,
}  # fmt: skip
"""Weights of well-known happenings; one that is not named here weighs what its severity and words do."""

ROUTINE: Final = (
    r"^(?:Finished|Reached target|Created slice|Listening on|Mounted|start worker process|redo (?:starts|done))"
)
ROUTINE_SHARE: Final = 0.3
"""A job of a timer that ended well, or a step of booting: no change of state that anybody asks for."""

SEVERITY: Final = dict(zip(SEVERITIES, (34, 32, 28, 22, 13, 0, 0, 0), strict=True))

PROGRAM_WORDS: Final = (
    ("fatal or panic", r"^\W*(?:FATAL|PANIC|CRITICAL)\b|\bOutOfMemory|\bpanic: ", 26),
    (
        "schema change",
        r"\b(?:CREATE|ALTER|DROP|REINDEX|TRUNCATE|VACUUM FULL) (?:UNIQUE )?(?:INDEX|TABLE|DATABASE|[a-z_]+)\b",
        24,
    ),
    ("error", r"^\W*(?:ERROR|Error|SEVERE)\b|^[\w.]*(?:Error|Exception)\b", 20),
    (
        "change",
        r"(?i)\b(?:deploy(?:ed|ing)?|version|release[ds]?|rollback|rolled back|migrat(?:ed|ing|ion)|feature flag)\b",
        12,
    ),
    ("warning", r"^\W*WARN(?:ING)?\b", 11),
    (
        "lifecycle",
        (
            r"(?i)\b(?:started|stopped|ready|restart(?:ed|ing)|shut(?:ting)? down|killed|recover(?:ed|ing|y)|promoted"
            r"|restored|reconnected|resumed|stalled|unreachable|lost|healthy|unhealthy)\b"
        ),
        9,
    ),
)
"""Name, pattern and weight for messages of programs, whose severity the transport often does not carry."""

_DONE: Final = "|".join(
    verb.removesuffix("e")
    for verb in """
    patch restart revert kill terminate delete clear remove purge flush renew switch drain disable enable block throttle
    redeploy reload rebuild scale increase raise build create stop
    """.split()  # noqa: SIM905 - a list of quoted words cannot be read
)
"""Stems of what people do about an incident."""

STRONG_WORDS: Final = (
    (
        "decision",
        r"(?i)^\W*(?:decision|decided)\b|\bwe (?:will |are going to |have to )?(?:roll|revert|fail ?over|build)\b",
        36,
    ),
    (
        "incident declared",
        (
            r"(?i)\bdeclar(?:e|ed|ing)\b|\bsev[- ]?[0-4]\b|\bI(?: a|')m IC\b|^/incident|^!ic\b|^incident\b"
            r"|\b(?:open(?:ing|ed)?|tak(?:e|ing)|start(?:ing|ed)?|call(?:ing|ed)?) (?:an? |the |this )?incident\b"
        ),
        36,
    ),
    ("cause found", r"(?i)\broot cause\b|\bfound (?:it|the)\b|\bcaused by\b|\bculprit\b|\bthe cause\b", 34),
    (
        "all clear",
        (
            r"(?i)\ball[- ]clear\b|\bresolved\b|\bclosing\b|\bok to close\b|\bincident (?:is )?(?:over|closed)\b"
            r"|\bstand(?:ing)? down\b|\bwe(?: a|')re back\b|^all good\b"
        ),
        34,
    ),
    ("rollback", r"(?i)\broll(?:ed|ing|s)?[ -]?back\b|\brollbacks?\b|\brevert(?:ed|ing)?\b", 28),
    ("paged", r"(?i)\bpag(?:ed|ing)\b|\bpage (?:the|on-?call|@)|\bescalat(?:e|ed|ing)\b", 26),
    (
        "recovery",
        r"(?i)\bback to normal\b|\brecover(?:ed|ing)\b|\b(?:are|is) gone\b|\bdropping\b|\bhealthy again\b",
        26,
    ),
    (
        "fix",
        (
            r"(?i)\b(?:hot)?fix(?:ed|ing)?\b|\bmitigat(?:ed|ing|ion)\b|\bfail(?:ed|ing)? ?over\b"
            rf"|\b(?:{_DONE})p?(?:ed|ing)\b"
            r"|\bbuilt\b|\brebuilt\b|\b(?:restart|reload|stop|kill|delete) (?:it|the|this|that)\b|\bworkaround\b"
        ),
        26,
    ),
    ("impact", r"(?i)\bcustomers?\b|\busers (?:can't|cannot|see)\b|\b\d+ tickets\b|\bstatus page\b", 18),
)
"""Name, pattern and weight for messages of people; the heaviest that fits counts."""

WEAK_WORDS: Final = (
    r"(?i)\b(?:looking|investigat\w+|seeing|sees?|could be|might be|suspect\w*|checking|watching|full of|timing out"
    r"|slow|errors?|failing|down|dashboard|logs?)\b"
)
WEAK: Final = 7
CHATTER: Final = (
    r"(?i)^(?:\W|:[\w+-]+:|thanks?|thank you|thx|ty|ok(?:ay)?|lol|nice|great|awesome|good|morning|hi|hello|hey|cheers"
    r"|yes|no|all|so|much|job|work|sure|np|yep|nope|congrats|everyone|team)*$"
)
"""Emoji, greetings and thanks: no line of a timeline."""

QUESTION: Final = r"\?\s*$"
QUESTION_SHARE: Final = 0.6
"""What is only asked weighs less than what is said."""

SECOND_US: Final = 1_000_000
PERSON: Final = 4
IN_INCIDENT_CHANNEL: Final = 19
"""Added for a channel in which the incident was declared, decided or closed, while it lasted."""
SHARED_WORDS: Final = 8
"""Added to what people say in words of the logs."""
FIRST_WORD: Final = 14
LAST_WORD: Final = 12
"""Added to the first and the last thing that people say in such a channel."""
INCIDENT_CHANNEL: Final = r"(?i)(?:^|[-_#])(?:inc|incidents?|outages?|sev[0-4]|war-?room|postmortems?)(?:$|[-_\d])"
"""Names of such channels."""
WORDY: Final = r"(?:\S+\s+){3}\S"
"""So many words a remark needs, unless it says something strong: "here" and "on it" are none."""
PINNED: Final = 24
REACTED: Final = 6
MARKS: Final = frozenset({"pushpin", "round_pushpin", "stopwatch", "star"})
"""Reactions by which people mark what belongs on a timeline, as incident.io, Rootly and Dispatch have it."""
MARKED: Final = 12

NEAR: Final = 10
NEAR_US: Final = 30_000_000
FADED_US: Final = 120_000_000
"""Added close to the begin or end of an outage or to an alert, fading to nothing two minutes away."""

BACKGROUND: Final = 0.35
"""Left of a run that goes on from the beginning of the window to its end."""
BACKGROUND_EDGE: Final = 0.15
BACKGROUND_COUNT: Final = 4
BURST_SPAN: Final = 0.2
BURST_SHARE: Final = 0.5
"""It has a burst, and is no background, if more than half of it lies within a fifth of the window."""

AGAIN: Final = 0.6
AGAIN_IN_STORY: Final = 0.5
"""Left of a second line of the same template, or of the same story of a unit, and of that again for a third."""
ECHOED: Final = 0.3
"""Left of a line that holds the whole message of a line already taken: the application repeats its database."""
ACCOMPANIES: Final = 0.3
"""Left of a line of the same service that comes, goes and counts as one already taken does: it says the same thing."""
ECHO_LENGTH: Final = 24
EPISODE_US: Final = 30_000_000
STORIES: Final = ("unit-", "server-", "config-reload", "process-crashed", "crash-recovery")
"""What is said of one unit or server without a longer pause is one story: stopped, started, failed, restarted."""

BOOT_UNITS: Final = 6
BOOT_US: Final = 30_000_000
BOOT: Final = 0.35
"""Left of starts while a machine boots: so many units started within this time."""

CROWDED: Final = 0.9
CROWD: Final = 4
CROWD_OF_TALK: Final = 8
"""From the fifth line of one service on, each is worth a little less; from the ninth remark in one channel."""

FAILED_REQUESTS: Final = 34
FEW_FAILED_REQUESTS: Final = 4
OUTAGE_COUNT: Final = 10
OUTAGE_SHARE: Final = 0.05
OUTAGE_PAUSE_US: Final = 60_000_000
"""Failed requests are an outage if they are ten and a twentieth of their route's; a minute without any ends it."""

TELLING: Final = 6
"""From so many points on a line of a machine is an error or a change of state."""
COVERED: Final = 0.3
"""Left of a run of failed requests that an entry of `detect` tells already."""

AFFECTED: Final = 8
AFFECTED_RATIO: Final = 3.0
AFFECTED_SHARE: Final = 0.8
"""Added to the errors and changes of a service of whose errors so many lie inside the incident, beyond chance."""
MANY_ERRORS: Final = 6
SPREAD: Final = 0.5
"""Left of those of a service that has as many errors outside of it."""
NAMED: Final = 6
NAME_PART: Final = 4
COMMON_NAMES: Final = frozenset({"kernel", "systemd", "cron", "sudo", "sshd", "server", "client", "service", "process"})
"""Words that are no names, though services of every machine are called so."""
"""Added where people or alerts name the service or host."""
UNRELATED: Final = 0.4
"""Left of what a machine says that has nothing to do with the incident, as far as is known."""
OUT_OF_REACH: Final = 0.4
"""Left of what a machine says long before or after the incident."""
TRACE: Final = 0.2
"""Left of a line that is a piece of a stack trace."""
TRACE_LINE: Final = r"^(?:\s+\S|Traceback \(most recent call last\)|\tat |Caused by: |\s*\^+\s*$)"
NEWS: Final = 4
"""Added for what was not seen before, and for what comes in a burst, beyond chance."""
FEW_KINDS: Final = 10
CROWD_OF_KINDS: Final = 7
"""Taken off severities for each tenfold of kinds of severe lines beyond ten: among hundreds none is special."""

FAILURES: Final = (
    "unit-failed", "process-crashed", "crash-recovery", "not-accepting", "oom-kill", "kernel-panic", "coredump",
    "too-many-connections", "out-of-memory", "out-of-disk", "connections-exhausted", "disk-full", "promotion",
)  # fmt: skip
BREAKDOWN_COUNT: Final = 3
"""Kinds that, so often, are the outage of a service where no requests tell it."""
