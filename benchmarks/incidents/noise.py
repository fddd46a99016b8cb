"""Foreign lines: the public loghub samples as journals of other hosts, with their stamps moved into a window."""

from __future__ import annotations

import csv
import json
import random
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

PRIORITIES = {
    "FATAL": 2, "SEVERE": 3, "ERROR": 3, "E": 3, "WARN": 4, "WARNING": 4, "W": 4, "NOTICE": 5, "INFO": 6, "I": 6,
    "D": 7, "V": 7,
}  # fmt: skip
UNSAID = 6
LEAST_TEMPLATES = 1000


def write_noise(loghub: Path, folder: Path, begin: float, end: float) -> int:
    """Write all samples below *folder*, spread over the window in their order; return the number of templates.

    Args:
        loghub: folder with the `*_2k.log_structured.csv` of loghub.
        folder: where the journals are written.
        begin: seconds since 1970.
        end: the same.
    """
    folder.mkdir(parents=True)
    templates = 0
    for path in sorted(loghub.glob("*_2k.log_structured.csv")):
        system = path.name.partition("_")[0].lower()
        with path.open(encoding="utf-8", errors="replace", newline="") as handle:
            rows = list(csv.DictReader(handle))
        templates += len({row["EventId"] for row in rows})
        lines = "".join(json.dumps(entry) + "\n" for entry in _entries(system, rows, begin, end))
        (folder / f"{system}.json").write_text(lines, encoding="utf-8")
    if templates < LEAST_TEMPLATES:
        raise SystemExit(
            f"{loghub}: {templates} templates, at least {LEAST_TEMPLATES} are needed; name loghub's samples"
        )
    return templates


def _entries(system: str, rows: list[dict[str, str]], begin: float, end: float) -> Iterator[dict[str, str]]:
    dice = random.Random(zlib.crc32(system.encode()))
    boot = uuid.uuid5(uuid.NAMESPACE_DNS, system).hex
    stamps = sorted(int((begin + dice.random() * (end - begin)) * 1e6) for _ in rows)
    for number, (row, stamp) in enumerate(zip(rows, stamps, strict=True)):
        level = (row.get("Level") or "").upper()
        crc = zlib.crc32(str(number).encode())
        yield {
            "__CURSOR": f"s={boot};i={number:x};b={boot};m={number:x};t={stamp:x};x={crc:x}",
            "__REALTIME_TIMESTAMP": str(stamp),
            "__MONOTONIC_TIMESTAMP": str(number),
            "_BOOT_ID": boot,
            "_HOSTNAME": f"{system}-01",
            "SYSLOG_IDENTIFIER": (row.get("Component") or system)[:60],
            "PRIORITY": str(PRIORITIES.get(level, UNSAID)),
            "MESSAGE": row["Content"],
        }
