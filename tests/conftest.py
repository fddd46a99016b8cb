"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No timed assertions: a busy machine is no defect. Derandomised, so that a run can be repeated.
settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
