"""Journal files: equal to what journalctl prints, whatever the variant, and readable when damaged."""

from __future__ import annotations

import lzma
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers import _journal_objects as objects
from timeline_parsers.journald import parser

from timeline import schema
from timeline.containers import Folder, Memory
from timeline.parser import Batch
from timeline.sources import Source

REMOTE = next(
    (
        path
        for path in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
        if Path(path).exists()
    ),
    "",
)
BOOT = "0123456789abcdef0123456789abcdef"
NOON = 1_781_532_191_000_000

Fields = Mapping[str, str | bytes]


def batches(data: bytes) -> list[Batch]:
    found = list(parser.parse(Source(Memory("x.journal", data), "")))
    for batch in found:
        counted = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + counted
    return found


def read(data: bytes) -> pd.DataFrame:
    return schema.concat([batch.records for batch in batches(data)])


def warnings(data: bytes) -> str:
    return "\n".join(text for batch in batches(data) for text in batch.warnings)


def export(entries: Sequence[Fields]) -> bytes:
    lines = []
    for number, entry in enumerate(entries):
        meta = {"__REALTIME_TIMESTAMP": str(NOON + number), "__MONOTONIC_TIMESTAMP": str(number + 1), "_BOOT_ID": BOOT}
        for name, value in (meta | dict(entry)).items():
            raw = value if isinstance(value, bytes) else value.encode()
            plain = raw.isascii() and raw.decode().isprintable()
            lines.append(name.encode() + (b"=" if plain else b"\n" + struct.pack("<Q", len(raw))) + raw + b"\n")
        lines.append(b"\n")
    return b"".join(lines)


def some_entries(count: int) -> list[Fields]:
    units = ("nginx.service", "postgresql@15-main.service", "shop-api.service")
    return [
        {
            "MESSAGE": f"request {number} took {number % 7} ms"
            if number % 11
            else "y" * 600 + f" {number}\nsecond line",
            "PRIORITY": str(number % 8),
            "_HOSTNAME": f"web-{number % 2}",
            "_SYSTEMD_UNIT": units[number % 3],
            "SYSLOG_IDENTIFIER": "shop",
            "_PID": str(number),
            "_SELINUX_CONTEXT": "unconfined\n",
            **({"_SOURCE_REALTIME_TIMESTAMP": str(NOON + number - 7)} if number % 2 else {}),
        }
        for number in range(count)
    ]


def make_journal(path: Path, entries: Sequence[Fields], **environment: str) -> bytes:
    if not REMOTE:
        pytest.fail("systemd-journal-remote is missing: apt install systemd-journal-remote")
    subprocess.run(
        [REMOTE, "-o", str(path), "-"], input=export(entries), capture_output=True, check=True, env=environment
    )
    return path.read_bytes()


@cache
def sample_journal() -> bytes:
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, check=True, text=True).stdout.strip())
    try:
        return make_journal(folder / "sample.journal", some_entries(400), SYSTEMD_JOURNAL_COMPACT="1")
    finally:
        shutil.rmtree(folder)


def journalctl(path: Path) -> list[dict[str, Any]]:
    if not shutil.which("journalctl"):
        pytest.fail("journalctl is missing: apt install systemd")
    command = ["journalctl", "--file", str(path), "-o", "json", "-a", "--no-pager"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    return [orjson.loads(line) for line in output.splitlines()]


def assert_as_journalctl(path: Path) -> None:
    expected = journalctl(path)

    frame = read(path.read_bytes())

    times = [int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])) for entry in expected]
    assert [entry["__CURSOR"] for entry in expected] == frame["ref"].tolist()
    assert times == frame["wall"].tolist()
    assert [entry.get("_SYSTEMD_UNIT") for entry in expected] == values(frame["service"])
    assert [text(entry.get("MESSAGE")) for entry in expected] == values(frame["message"])
    assert [entry.get("_HOSTNAME") for entry in expected] == values(frame["host"])


def values(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column]


def text(value: Any) -> Any:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, list) else value


@pytest.mark.parametrize("compact", ["0", "1"])
def test_a_file_gives_what_journalctl_prints(tmp_path: Path, compact: str) -> None:
    data = make_journal(tmp_path / "x.journal", some_entries(500), SYSTEMD_JOURNAL_COMPACT=compact)

    assert bool(data[12] & objects.COMPACT) == (compact == "1")
    assert_as_journalctl(tmp_path / "x.journal")
    assert not warnings(data)


def pack_lz4(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + bytes(pa.Codec("lz4_raw").compress(raw, asbytes=True))


def pack_zstd(raw: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(raw, asbytes=True))


def pack_xz(raw: bytes) -> bytes:
    return lzma.compress(raw, check=lzma.CHECK_NONE)


SEALS: dict[int, Callable[[bytes], bytes]] = {0: bytes, 1: pack_xz, 2: pack_lz4, 4: pack_zstd}


def write_journal(path: Path, entries: Sequence[Fields], pack: int = 0, header: int = 272, state: int = 0) -> bytes:
    """Write a journal that is not compact, with any compression and header size. Its hash tables are empty."""
    seal = SEALS[pack]
    flags = {0: 0, 1: objects.XZ, 2: objects.LZ4, 4: objects.ZSTD}[pack]
    body = bytearray(header)
    kinds = (objects.DATA_HASH_TABLE, objects.FIELD_HASH_TABLE)
    tables = [append(body, kind, bytes(16 * 8)) + 16 for kind in kinds]
    offsets = []
    for number, entry in enumerate(entries):
        items = b""
        for name, value in entry.items():
            raw = name.encode() + b"=" + (value if isinstance(value, bytes) else value.encode())
            packed = seal(raw) if pack and len(raw) > 100 else raw
            at = append(body, objects.DATA, bytes(48) + packed, pack if packed is not raw else 0)
            items += struct.pack("<QQ", at, 0)
        head = struct.pack("<QQQ16sQ", number + 1, NOON + number, 5000 + number, bytes.fromhex(BOOT), 0xABC0 + number)
        offsets.append(append(body, objects.ENTRY, head + items))
    array = append(body, objects.ENTRY_ARRAY, struct.pack(f"<Q{len(offsets)}Q", 0, *offsets))
    fields = {
        8: struct.pack("<IIB", 0, flags, state), 24: bytes(range(64)), 88: struct.pack("<QQ", header, len(body) - header),
        104: struct.pack("<QQQQ", tables[0], 128, tables[1], 128),
        136: struct.pack("<QQQ", array, 3 + 2 * len(offsets), len(offsets)),
        160: struct.pack("<QQQ", len(offsets), 1, array), 184: struct.pack("<QQ", NOON, NOON + len(offsets) - 1),
    }  # fmt: skip
    body[:8] = objects.MAGIC
    for at, raw in fields.items():
        body[at : at + len(raw)] = raw
    path.write_bytes(body)
    return bytes(body)


def append(body: bytearray, kind: int, content: bytes, flags: int = 0) -> int:
    body += bytes(-len(body) % 8)
    at = len(body)
    body += struct.pack("<BB6xQ", kind, flags, 16 + len(content)) + content
    body += bytes(-len(body) % 8)
    return at


@pytest.mark.parametrize("header", [208, 224, 240, 256, 264, 272])
@pytest.mark.parametrize("pack", [0, 1, 2, 4], ids=["plain", "xz", "lz4", "zstd"])
def test_every_compression_and_header_size_is_read_as_by_journalctl(tmp_path: Path, pack: int, header: int) -> None:
    write_journal(tmp_path / "x.journal", some_entries(40), pack, header)

    assert_as_journalctl(tmp_path / "x.journal")


@pytest.mark.parametrize("state", [0, 1, 2, 7])
def test_the_state_byte_does_not_matter(tmp_path: Path, state: int) -> None:
    data = write_journal(tmp_path / "x.journal~", some_entries(12), state=state)

    assert 12 == len(read(data))
    assert not warnings(data)


def test_the_first_of_repeated_fields_counts(tmp_path: Path) -> None:
    stream = export([{"MESSAGE": "one", "_HOSTNAME": "h"}]).replace(b"MESSAGE=one\n", b"MESSAGE=one\nMESSAGE=two\n")
    subprocess.run([REMOTE, "-o", str(tmp_path / "x.journal"), "-"], input=stream, capture_output=True, check=True)

    assert ["one"] == read((tmp_path / "x.journal").read_bytes())["message"].tolist()


def test_a_value_is_never_decompressed_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "LARGEST_VALUE", 500)
    data = write_journal(tmp_path / "x.journal", [{"MESSAGE": "x" * 1000, "_HOSTNAME": "h"}], 4)

    assert [None] == values(read(data)["message"])
    assert "1 compressed fields are damaged or too large" in warnings(data)


@pytest.mark.parametrize("pack", [1, 2, 4], ids=["xz", "lz4", "zstd"])
def test_a_core_dump_is_not_decompressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: int) -> None:
    dump = b"\x7fELF" + Random(1).randbytes(100_000) + bytes(400_000)
    data = write_journal(tmp_path / "x.journal", [{"MESSAGE": "m" * 1000, "COREDUMP": dump, "_HOSTNAME": "h"}], pack)
    monkeypatch.setattr(objects, "LARGEST_VALUE", 2_000)

    assert ["m" * 1000] == read(data)["message"].tolist()
    assert not warnings(data)


def test_a_cut_file_gives_every_entry_that_it_still_holds() -> None:
    data = sample_journal()
    whole = read(data)
    end = data.rindex(b"request 399")
    for size in (len(data) - 1, len(data) - 7, end + 4096, end, *range(300, len(data), 75_013)):
        frame = read(data[:size])

        # Nothing invented: what is read is a beginning of the whole.
        assert frame["ref"].tolist() == whole["ref"].tolist()[: len(frame)]
        assert f"truncated: {size:,} of {len(data):,} bytes" in warnings(data[:size])
    assert 400 == len(read(data[: len(data) - 1]))


@pytest.mark.parametrize("size", [8, 100, 207, 208, 250])
def test_a_file_cut_in_its_header_gives_a_warning(size: int) -> None:
    data = sample_journal()[:size]

    assert read(data).empty
    assert warnings(data)


def test_entries_are_found_when_the_index_is_lost() -> None:
    data = bytearray(sample_journal())
    data[176:184] = struct.pack("<Q", 8)
    whole = read(sample_journal())

    frame = read(bytes(data))

    assert whole["ref"].tolist() == frame["ref"].tolist()
    assert whole["message"].tolist() == frame["message"].tolist()
    assert "its index of entries is broken; 400 of 400 entries read, 400 of them found by searching" in warnings(
        bytes(data)
    )


def test_a_loop_in_the_index_ends(tmp_path: Path) -> None:
    data = bytearray(write_journal(tmp_path / "x.journal", some_entries(20)))
    array = struct.unpack_from("<Q", data, 176)[0]
    data[array + 16 : array + 24] = struct.pack("<Q", array)

    assert 20 == len(read(bytes(data)))
    assert "broken" in warnings(bytes(data))


def test_an_entry_of_damaged_size_does_not_take_fields_of_others(tmp_path: Path) -> None:
    data = bytearray(write_journal(tmp_path / "x.journal", [{"MESSAGE": "one"}, {"MESSAGE": "two", "_HOSTNAME": "h"}]))
    array = struct.unpack_from("<Q", data, 176)[0]
    first = struct.unpack_from("<Q", data, array + 24)[0]
    data[first + 8 : first + 16] = struct.pack("<Q", 64 + 16 * 9)

    frame = read(bytes(data))

    assert ["one", "two"] == frame["message"].tolist()
    assert [None, "h"] == values(frame["host"])


def test_features_from_the_future_are_named_and_not_guessed(tmp_path: Path) -> None:
    data = bytearray(write_journal(tmp_path / "x.journal", some_entries(3)))
    data[12] |= 0x40

    assert read(bytes(data)).empty
    assert "needs the journal feature 0x40" in warnings(bytes(data))
    assert "journalctl" in warnings(bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=60))
def test_flipped_bytes_never_raise_and_never_lose_the_account(flips: list[tuple[float, int]]) -> None:
    data = bytearray(sample_journal())
    used = data.rindex(b"request 399") + 2000
    for place, value in flips:
        data[8 + int(place * (used - 8))] = value

    assert len(read(bytes(data))) <= 400 + len(flips)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([b"", objects.MAGIC, b"LPKSHHRH" + bytes(80)]))
def test_arbitrary_bytes_never_raise(data: bytes, start: bytes) -> None:
    parser.sniff(start + data)
    batches(start + data)


def test_a_file_on_disk_reads_as_one_from_memory(tmp_path: Path) -> None:
    (tmp_path / "x.journal").write_bytes(sample_journal())
    (batch,) = parser.parse(Source(Folder(str(tmp_path)), "x.journal"))

    assert read(sample_journal()).equals(batch.records)
    assert list(range(1, 401)) == batch.records["line"].tolist()


FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
OTHER_BOOT = "ffffffffffffffffffffffffffffffff"
FEATURES: list[Fields] = [
    {"MESSAGE": "plain", "_HOSTNAME": "h", "PRIORITY": "6", "_PID": "7", "SYSLOG_IDENTIFIER": "app"},
    {"_HOSTNAME": "h", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "no-message"},
    {"MESSAGE": b"\0\x01 control \x1b[31mred\x1b[0m \xff not UTF-8", "_HOSTNAME": "h"},
    {"MESSAGE": "two\nlines, emoji 🍣, separator \u2028 and \x85", "_HOSTNAME": "hôst"},
    {"MESSAGE": "x" * 70_000, "_HOSTNAME": "h", "_TRANSPORT": "stdout"},
    {"MESSAGE": "", "_HOSTNAME": "h", "PRIORITY": "9", "_PID": "no number"},
    {"MESSAGE": "=a==b", "_MACHINE_ID": BOOT, "_COMM": "cp", "_AUDIT_LOGINUID": "1000"},
    {"MESSAGE": "Out of memory: Killed process 7", "_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel"},
    {"MESSAGE": "a.service: Failed", "MESSAGE_ID": FAILED, "_PID": "1", "UNIT": "a.service", "_SYSTEMD_UNIT": "init.scope"},
    {"MESSAGE": "forged", "_PID": "9", "UNIT": "a.service", "_SYSTEMD_UNIT": "evil.service", "USER_UNIT": "b.service"},
    {"MESSAGE": "of a user", "_SYSTEMD_UNIT": "user@1000.service", "USER_UNIT": "b.service", "_UID": "1000"},
    {"MESSAGE": "about another", "_UID": "0", "OBJECT_SYSTEMD_UNIT": "c.service", "_SYSTEMD_UNIT": "d.service"},
    {"MESSAGE": "in a container", "CONTAINER_NAME": "web", "_SYSTEMD_UNIT": ""},
    {"MESSAGE": "earlier at its sender", "_SOURCE_REALTIME_TIMESTAMP": str(NOON - 5_000_000)},
    {"MESSAGE": "impossible sender", "_SOURCE_REALTIME_TIMESTAMP": str(1 << 55)},
    {"MESSAGE": "next boot", "_BOOT_ID": OTHER_BOOT, "_HOSTNAME": "h", "_SELINUX_CONTEXT": "unconfined\n"},
    {"MESSAGE": "2026/06/15 14:03:11 [error] 12#12: *3 no live upstreams, client: 10.0.0.9", "SYSLOG_IDENTIFIER": "nginx"},
]  # fmt: skip


def write_features(pack: int, header: int, path: Path) -> bytes:
    one_boot = [entry for entry in FEATURES if "_BOOT_ID" not in entry]
    return write_journal(path, one_boot, pack, header, state=1)


VARIANTS: dict[str, Callable[[Path], object]] = {
    "compact": lambda path: make_journal(path, FEATURES, SYSTEMD_JOURNAL_COMPACT="1"),
    "regular": lambda path: make_journal(path, FEATURES, SYSTEMD_JOURNAL_COMPACT="0"),
    "jenkins": lambda path: make_journal(path, FEATURES, SYSTEMD_JOURNAL_KEYED_HASH="0", SYSTEMD_JOURNAL_COMPACT="0"),
    "plain, header 208": partial(write_features, 0, 208),
    "xz, header 240": partial(write_features, 1, 240),
    "lz4, header 256": partial(write_features, 2, 256),
    "zstd, header 272": partial(write_features, 4, 272),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_reader_library_and_journalctl_agree_on_every_feature(tmp_path: Path, variant: str) -> None:
    path = tmp_path / "x.journal"
    VARIANTS[variant](path)
    native = read(path.read_bytes())
    command = ["journalctl", "--file", str(path), "-o", "json", "-a", "--no-pager"]
    printed = read(subprocess.run(command, capture_output=True, check=True).stdout)

    assert len(native) >= len(FEATURES) - 1
    for name in native.columns:
        assert values(native[name]) == values(printed[name]), name
    pytest.importorskip("systemd._reader", reason="the extra journald is not installed")
    from timeline_parsers import _journal_live as live

    library = schema.concat([batch.records for batch in live._read(live._open([str(path)]), "")])
    pd.testing.assert_frame_equal(native, library, check_categorical=False)


def test_the_reader_agrees_with_systemd_python(tmp_path: Path) -> None:
    pytest.importorskip("systemd._reader", reason="the extra journald is not installed")
    from timeline_parsers import _journal_live as live

    (tmp_path / "x.journal").write_bytes(sample_journal())
    library = schema.concat([batch.records for batch in live._read(live._open([str(tmp_path / "x.journal")]), "")])

    pd.testing.assert_frame_equal(read(sample_journal()), library, check_categorical=False)
