"""Well-known happenings in a journal, by MESSAGE_ID or by text. Reference: systemd's sd-messages.h and catalog."""

from __future__ import annotations

import re
from typing import Final

KINDS: Final = {
    "be02cf6855d2428ba40df7e9d022f03d": "unit-failed",  # the start job failed
    "d9b373ed55a64feb8242e02dbe79a49c": "unit-failed",  # UNIT_FAILURE_RESULT: the unit entered the failed state
    "98e322203f7a4ed290d09fe03c09fe15": "unit-process-exit",
    "5eb03494b6584870a536b337290809b3": "unit-restart-scheduled",
    "fe6faa94e7774663a0da52717891d8ef": "oom-kill",
    "d989611b15e44c9dbf31e3c81256e4ed": "oom-kill",  # by systemd-oomd
    "fc2e22bc6ee647b6b90729ab34a250b1": "coredump",
    "5aadd8e954dc4b1a8c954d63fd9e1137": "coredump",  # truncated
    "1f4e0a44a88649939aaea34fc6da8c95": "backtrace",
    "7d4958e842da4a758f6c1cdc7b36dcc5": "unit-starting",
    "39f53479d3a045ac8e11786248231fbf": "unit-started",
    "de5b426a63be47a7b6ac3eaac82e2f6f": "unit-stopping",
    "9d1aaa27d60140bd96365438aad20286": "unit-stopped",
    "d34d037fff1847e6ae669a370e694725": "unit-reloading",
    "7b05ebc668384222baa8881179cfda54": "unit-reloaded",
    "7ad2d189f7e94e70a38c781354912448": "unit-succeeded",
    "ae8f7b866b0347b9af31fe1c80b127c0": "noise",  # UNIT_RESOURCES: CPU time and traffic of a unit that ended
    "0e4284a0caca4bfc81c0bb6786972673": "unit-skipped",
    "641257651c1b4ec9a8624d7a40a9e1e7": "spawn-failed",
    "b07a249cd024414a82dd00cd181378ff": "startup-finished",
    "eed00a68ffd84e31882105fd973abdd1": "noise",  # the manager of a user finished starting
    "98268866d1d54a499c4e98921d93bc40": "shutdown",
    "9e7066279dc8403da79ce4b1a69064b2": "shutdown-scheduled",
    "249f6fb9e6e2428c96f3f0875681ffa3": "shutdown-canceled",
    "6bbd95ee977941e497c48be27c254128": "sleep",
    "8811e6df2a8e40f58a94cea26f8ebf14": "wake",
    "c7a787079b354eaaa9e77b371893cd27": "time-change",
    "7db73c8af0d94eeb822ae04323fe6ab6": "time-change",  # the clock was set forward at boot
    "45f82f4aef7a4bbf942ce861d1f20990": "timezone-change",
    "7c8a41f37b764941a0e1780b1be2f037": "time-sync",
    "f77379a8490b408bbe5f6940505a777b": "journal-start",
    "d93fb3c9c24d451a97cea615ce59c00b": "journal-stop",
    "a596d6fe7bfa4994828e72309e95d61e": "journal-dropped",
    "e9bf28e6e834481bb6f48f548ad13606": "journal-dropped",  # messages of the kernel
    "0027229ca0644181a76c4e92458afa2e": "journal-dropped",  # on the way to a syslog daemon
    "ec387f577b844b8fa948f33cad9a75e6": "noise",  # how much space the journal uses
    "8d45620c1a4348dbb17410da57c60c66": "session-start",
    "3354939424b4456d9802ca8333ed424a": "session-stop",
    "24d8d4452573402496068381a6312df2": "machine-start",
    "58432bd3bace477cb514b56381b8a758": "machine-stop",
    "b72ea4a2881545a0b50e200e55b9b06f": "lid-opened",
    "b72ea4a2881545a0b50e200e55b9b070": "lid-closed",
    "b72ea4a2881545a0b50e200e55b9b071": "power-key",
    "b72ea4a2881545a0b50e200e55b9b072": "suspend-key",
    "b72ea4a2881545a0b50e200e55b9b073": "hibernate-key",
    "e6f456bd92004d9580160b2207555186": "battery-low",
    "267437d33fdd41099ad76221cc24a335": "battery-low",
    "c772d24e9a884cbeb9ea12625c306c01": "invalid-configuration",
    "50876a9db00f4c40bde1a2ad381c3a1b": "tainted",
    "1675d7f172174098b1108bf8c7dc8f5d": "dnssec-failure",
    "36db2dfa5a9045e1bd4af5f93e1cf057": "dnssec-failure",  # downgrade
    "658a67adc1c940b3b3316e7e8628834a": "selinux-failed",
}
"""MESSAGE_ID to kind; `noise` is bookkeeping that a timeline folds away."""

SESSION_UNIT: Final = re.compile(r"session-\w+\.scope|user@\d+\.service|user-runtime-dir@\d+\.service|user-\d+\.slice")
"""Units that come and go with each login; their starts and stops are noise."""

UNIT_ROUTINE: Final = frozenset({"unit-starting", "unit-started", "unit-stopping", "unit-stopped", "unit-succeeded"})
"""Kinds that are noise for a session unit."""

KERNEL_TEXTS: Final = {
    "oom-kill": r"[Oo]ut of memory: Killed process|invoked oom-killer|oom-kill:",
    "kernel-panic": r"Kernel panic",
    "kernel-bug": r"BUG:|Call Trace",
    "io-error": r"I/O error|EXT4-fs error",
    "segfault": r"segfault at ",
    "link-change": r"link is not ready|link becomes ready",
    "syn-flood": r"SYN flooding",
    "boot": r"^Linux version ",
}
"""Kind to a pattern for messages of the kernel, which carry no MESSAGE_ID; the first that fits counts."""

MANAGER_TEXTS: Final = {
    "unit-failed": (
        r"^Failed to (start|listen on|mount|activate swap|set up automount) |^Dependency failed for "
        r"|^Timed out (starting|waiting for|mounting|listening on|activating swap) |: Failed with result '"
    ),
    "unit-process-exit": r": [A-Z][a-z]+ process exited, code=",
    "unit-restart-scheduled": r": Scheduled restart job, restart counter is at ",
    "oom-kill": r": A process of this unit has been killed by the OOM killer",
    "spawn-failed": r": Failed to (spawn|execute|locate executable)",
    # A container's manager says how long it took without the parts that a machine has.
    "noise": r": Consumed .* CPU time|^Startup finished in [^=]*$",
    "unit-skipped": r" was skipped because |^Condition check resulted in .* being skipped",
    "unit-starting": r"^(Starting|Mounting|Activating swap|Setting up automount) .*\.\.\.$",
    "unit-started": (
        r"^(Started|Finished|Reached target|Listening on|Mounted|Activated swap|Set up automount|Created slice"
        r"|Found device) "
    ),
    "unit-stopping": r"^(Stopping|Unmounting|Deactivating swap|Unsetting automount) .*\.\.\.$",
    "unit-stopped": r"^(Stopped|Unmounted|Deactivated swap|Unset automount|Removed slice|Closed) ",
    "unit-succeeded": r": Deactivated successfully|: Succeeded\.$",
    "unit-reloading": r"^Reloading .*\.\.\.$",
    "unit-reloaded": r"^Reloaded ",
    "startup-finished": r"^Startup finished in .* = ",
    "time-change": r"^Time has been changed$|^System time (before build time|advanced to)|^System clock time unset or ",
    "shutdown": r"^Shutting down\.$",
}
"""Kind to a pattern for messages of systemd in texts, which do not show the MESSAGE_ID; the first that fits counts."""

DAEMON_TEXTS: Final = {
    "journal-dropped": r"^Suppressed \d+ messages from |^Missed \d+ kernel messages|^Forwarding to syslog missed ",
    "journal-start": r"^Journal started$",
    "journal-stop": r"^Journal stopped$",
    "noise": r"^(Runtime|System) Journal \(.*\) is .*, max ",
    "session-start": r"^New session \S+ of user ",
    "session-stop": r"^Removed session ",
    "shutdown": r"^System is (powering (down|off)|rebooting|halting)",
    "shutdown-scheduled": r"^The system will (power off|reboot|halt) (at|now)",
    "coredump": r"^Process \d+ \(.*\) of user \d+ (dumped core|terminated abnormally)",
    "oom-kill": r"^Killed \S+ due to (memory pressure|memory used)",
    "spawn-failed": r": Failed at step [A-Z0-9_]+ spawning ",
    "time-sync": r"^(Initial (clock )?synchronization to|System clock synchronized|Contacted time)",
    "time-change": r"^System clock (was stepped by|time unset or jumped)|^System time advanced to ",
    "timezone-change": r"^Changed time zone to ",
    "power-key": r"^Power key pressed",
}
"""The same for systemd's daemons, chronyd, and children that failed to start, such as `(nginx)`."""
