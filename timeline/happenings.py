"""Names of the happenings that stages make and later stages know: values of the columns `kind` and `source`."""

from __future__ import annotations

from typing import Final

DERIVED: Final = "derived"
"""Source of an entry that no single line says."""

HTTP_ERRORS: Final = "http-errors"
HTTP_ERRORS_END: Final = "http-errors-end"
OUTAGE_BEGIN: Final = "outage-begin"
OUTAGE_PEAK: Final = "outage-peak"
OUTAGE_END: Final = "outage-end"
ERRORS_RISE: Final = "errors-rise"
SLOW_BEGIN: Final = "slow-begin"
SLOW_END: Final = "slow-end"
SILENCE: Final = "silence"

FIRING: Final = "alert-firing"
RESOLVED: Final = "alert-resolved"
DEPLOY: Final = "deploy"
