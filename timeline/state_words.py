"""Words that say in which state something is, or what was asked for: they are never taken for a parameter."""

from __future__ import annotations

from typing import Final

STATE_WORDS: Final = frozenset(
    """
    abort aborted aborting accept accepted accepting acquired activated activating active added allowed attached
    available bad begin blocked bound broken cancel cancelled canceled changed cleared close closed closing complete
    completed connect connected connecting connection corrupt crash crashed created critical dead deactivated deleted
    denied destroyed detached disable disabled disconnect disconnected done down dropped dumped elected empty enable
    enabled end ended entered error errors exceeded exit exited expired fail failed failing failure false fatal finished
    firing follower found full gone granted halted healthy idle ignored inactive initialized installed invalid joined
    kill killed leader leaving left listening loaded locked login logout lost mask masked master missing mounted new no
    off offline ok old on online oom open opened opening panic passed paused pending permitted primary promoted queued
    ready rebooting received recovered recovering recovery refused rejected reload reloaded released removed replica
    reset resolved restart restarted restarting restored resume resumed resuming retry retrying revoked rollback running
    secondary sent shutdown skipped slave standby start started starting stop stopped stopping success successful
    succeeded suspend suspended terminate terminated timeout timedout true unable unavailable unblocked unhealthy
    unknown unloaded unlocked unmounted unreachable up updated valid waiting warning yes
    delete get head options patch post put trace
    """.split()  # noqa: SIM905 - a list of 200 quoted words cannot be read
)
"""In lower case. "Job x failed" and "Job x completed" are two things that happened, GET and DELETE are two requests."""
