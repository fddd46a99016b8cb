"""Hostile and broken archives: nothing is extracted, what is dangerous is refused and named, the rest is read."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import timeline
from timeline import containers
from timeline.containers import Memory, TarArchive, ZipArchive
from timeline.errors import SourceError
from timeline.sources import Refusal, Source, discover

LINE = b"good line\n"


def look(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return what can be read, and what was refused and why; both by the name behind the archive's."""
    read: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for found in discover(path):
        name = found.label.removeprefix(f"{path}!").removeprefix(f"{path}/")
        if isinstance(found, Refusal):
            refused[name] = found.reason
        else:
            read[name] = found.read()
    return read, refused


def make_zip(path: Path, members: Sequence[tuple[zipfile.ZipInfo | str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def make_tar(path: Path, members: Sequence[tuple[tarfile.TarInfo | str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def patch(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


BAD_NAMES = [
    "../evil.log",
    "a/../../evil.log",
    "a/..",
    "/etc/passwd",
    "\\\\server\\share\\evil.log",
    "..\\evil.log",
    "a\\b.log",
    "C:evil.log",
    "c:/evil.log",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_zip_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "x.zip", [(name, b"evil"), ("good.log", LINE)])

    read, refused = look(path)

    assert {"good.log": LINE} == read
    assert ["its name leads out of the archive"] == list(refused.values())
    assert ["x.zip"] == [file.name for file in tmp_path.iterdir()]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_tar_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = make_tar(tmp_path / "x.tar", [(name, b"evil"), ("good.log", LINE)])

    read, refused = look(path)

    assert {"good.log": LINE} == read
    assert ["its name leads out of the archive"] == list(refused.values())


@pytest.mark.parametrize(
    "name", ["..hidden.log", "a..b/c..log", "2026-06-15T14:03.log", "FC:F1:x/day.json", "./here.log"]
)
def test_odd_names_that_stay_inside_are_read(tmp_path: Path, name: str) -> None:
    zipped, _ = look(make_zip(tmp_path / "x.zip", [(name, LINE)]))
    tarred, _ = look(make_tar(tmp_path / "x.tar", [(name, LINE)]))

    assert [LINE] == list(zipped.values()) == list(tarred.values())


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    path = patch(make_zip(tmp_path / "x.zip", [("goodXlog", b"evil"), ("good.log", LINE)]), b"goodXlog", b"good\0log")

    read, refused = look(path)

    assert {"good.log": LINE} == read
    assert 1 == len(refused)


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.log")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    read, refused = look(make_zip(tmp_path / "x.zip", [(link, b"/etc/passwd"), ("good.log", LINE)]))

    assert ({"good.log": LINE}, {"link.log": "is a symbolic link"}) == (read, refused)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    special = tarfile.TarInfo("special")
    special.type, special.linkname = kind, "/etc/passwd"

    read, refused = look(make_tar(tmp_path / "x.tar", [(special, b""), ("good.log", LINE)]))

    assert ({"good.log": LINE}, {"special": "is not a regular file"}) == (read, refused)


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [("secret.log", b"x"), ("good.log", LINE)])
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flags of the first member, in its own header and in the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)

    assert ({"good.log": LINE}, {"secret.log": "is encrypted"}) == look(path)


def test_the_second_of_two_members_with_one_name_is_refused(tmp_path: Path) -> None:
    path = patch(make_zip(tmp_path / "x.zip", [("a.log", LINE), ("b.log", b"other")]), b"b.log", b"a.log")

    assert ({"a.log": LINE}, {"a.log": "has the name of an earlier member"}) == look(path)


def test_a_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.log", LINE)
        with archive.open("bomb.json", "w") as bomb:
            for _ in range(65):
                bomb.write(bytes(1 << 20))

    read, refused = look(path)

    assert {"good.log": LINE} == read
    assert refused["bomb.json"].startswith("expands to 68,157,440 bytes from ")


def test_a_member_that_is_too_large_is_refused_whatever_its_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "MAX_MEMBER_SIZE", 200)
    noise = bytes(range(256))

    zipped = look(make_zip(tmp_path / "x.zip", [("large.json", noise), ("good.log", LINE)]))
    tarred = look(make_tar(tmp_path / "x.tar", [("large.json", noise), ("good.log", LINE)]))

    assert {"good.log": LINE} == zipped[0] == tarred[0]
    assert zipped[1]["large.json"].startswith("expands to 256 bytes from ")
    assert {"large.json": "too many members, or too large"} == tarred[1]


def test_a_compression_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [("odd.log", LINE), ("good.log", LINE)])
    data = bytearray(path.read_bytes())
    data[8] = data[data.index(b"PK\1\2") + 10] = 99  # AES, in the first member's own header and in the directory
    path.write_bytes(data)

    read, refused = look(path)

    assert {"good.log": LINE} == read
    assert {"odd.log"} == set(refused)


def test_a_member_whose_header_has_another_name_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [("inner.log", LINE), ("good.log", LINE)])
    path.write_bytes(path.read_bytes().replace(b"inner.log", b"../../etc", 1))

    read, refused = look(path)

    assert {"good.log": LINE} == read
    assert {"inner.log"} == set(refused)


def test_a_bomb_that_lies_about_its_size_stops_at_what_it_says(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [("bomb.json", bytes(1 << 20)), ("good.log", LINE)])
    patch(path, struct.pack("<I", 1 << 20), struct.pack("<I", 100))

    read, _ = look(path)

    assert LINE == read["good.log"]
    assert len(read["bomb.json"]) <= 100


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_MEMBERS", 3)
    members = [(f"{number}.log", LINE) for number in range(5)]

    for path in (make_zip(tmp_path / "x.zip", members), make_tar(tmp_path / "x.tar", members)):
        read, refused = look(path)

        assert ["0.log", "1.log", "2.log"] == list(read)
        assert ["3.log", "4.log"] == list(refused)


def test_archives_in_archives_are_looked_into_once(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "1.zip", [("deep.log", LINE)]).read_bytes()
    middle = make_zip(tmp_path / "2.zip", [("1.zip", inner), ("middle.log", LINE)]).read_bytes()
    outer = make_zip(tmp_path / "3.zip", [("2.zip", middle), ("1.zip", inner)])

    read, refused = look(outer)

    assert {"1.zip!deep.log": LINE, "2.zip!middle.log": LINE} == read
    assert ["2.zip!1.zip"] == list(refused)


def test_a_hostile_export_is_read_around_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "BOMB_SIZE", 1 << 16)
    link = zipfile.ZipInfo("general/2026-06-16.json")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    day = b'[{"type": "message", "user": "U1", "text": "%s", "ts": "1781532000.000100"}]'
    members: list[tuple[zipfile.ZipInfo | str, bytes]] = [
        ("users.json", b'[{"id": "U1", "name": "alice"}]'),
        ("general/2026-06-15.json", day % b"good"),
        ("../general/2026-06-14.json", day % b"evil"),
        ("/general/2026-06-13.json", day % b"evil"),
        ("general\\2026-06-12.json", day % b"evil"),
        ("general/2026-06-11.json", b"[" + b" " * (1 << 20) + b"]"),
        (link, b"/etc/passwd"),
        ("general/2026-06-17.json", day % b"evil"),
    ]
    path = patch(make_zip(tmp_path / "x.zip", members), b"general/2026-06-17.json", b"general/2026-06-15.json")
    before = sorted(tmp_path.rglob("*"))

    evidence = timeline.read(path)

    assert [("alice", "good")] == list(evidence.events[["actor", "message"]].itertuples(index=False, name=None))
    told = "\n".join([*evidence.warnings, evidence.account.to_string(max_colwidth=None)])
    for name in ("../general/2026-06-14", "/general/2026-06-13", "2026-06-12", "2026-06-11", "2026-06-16"):
        assert name in told
    assert before == sorted(tmp_path.rglob("*"))


def test_names_without_the_utf8_flag(tmp_path: Path) -> None:
    utf8 = patch(make_zip(tmp_path / "u.zip", [("caf__.log", LINE)]), b"caf__", "café".encode())
    cp437 = patch(make_zip(tmp_path / "c.zip", [("caf_.log", LINE)]), b"caf_", "café".encode("cp437"))
    flagged = make_zip(tmp_path / "f.zip", [("café.log", LINE)])

    assert {"café.log": LINE} == look(utf8)[0] == look(cp437)[0] == look(flagged)[0]


def test_an_impossible_date_is_no_date(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [(zipfile.ZipInfo("a.log", (1980, 1, 1, 0, 0, 0)), LINE)])
    patch(path, struct.pack("<HH", 0, (1 << 5) | 1), struct.pack("<HH", 0, 0))

    (found,) = discover(path)

    assert isinstance(found, Source)
    assert found.modified is None


def test_a_cut_zip_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", [("a.log", LINE * 1000)])
    path.write_bytes(path.read_bytes()[:-30])
    (tmp_path / "good.log").write_bytes(LINE)

    with pytest.raises(SourceError, match=r"x\.zip: is not a readable zip file"):
        list(discover(path))
    read, refused = look(tmp_path)
    assert {"good.log": LINE} == read
    assert refused["x.zip"].startswith("is not a readable zip file")


def test_a_member_with_a_wrong_checksum_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bad.log", b"one line\n")
        archive.writestr("good.log", LINE)
    patch(path, b"one line\n", b"two line\n")

    sources = {found.member: found for found in discover(path) if isinstance(found, Source)}

    assert LINE == sources["good.log"].read()
    assert sources["bad.log"].read() in (b"", b"two line\n")
    assert "could not be read to its end" in sources["bad.log"].problems[0]


@pytest.mark.parametrize("damage", [b"\0", b"\xff"])
def test_a_corrupt_member_is_read_as_far_as_it_goes(tmp_path: Path, damage: bytes) -> None:
    path = make_zip(tmp_path / "x.zip", [("bad.log", b"".join(b"line %d\n" % number for number in range(5000)))])
    data = bytearray(path.read_bytes())
    data[3000:3200] = damage * 200
    path.write_bytes(data)

    (source,) = (found for found in discover(path) if isinstance(found, Source))

    assert source.read() == b"" or source.read().startswith(b"line 0\n")
    assert source.problems


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_of_every_compression_are_read(tmp_path: Path, mode: str) -> None:
    assert {"a/b.log": LINE} == look(make_tar(tmp_path / "x", [("./a/b.log", LINE)], mode))[0]


@pytest.mark.parametrize(
    ("cut", "sizes"),
    [(300, {}), (600, {"a.log": 10}), (1600, {"a.log": 10, "b.log": 0}), (2600, {"a.log": 10, "b.log": 1000})],
)
def test_a_cut_tar_gives_what_is_there(tmp_path: Path, cut: int, sizes: dict[str, int]) -> None:
    path = make_tar(tmp_path / "x.tar", [("a.log", LINE), ("b.log", LINE * 100)])  # headers at 0 and 1024
    path.write_bytes(path.read_bytes()[:cut])

    read, refused = look(path)

    assert sizes == {name: len(data) for name, data in read.items()}
    assert all((LINE * 100).startswith(data) for data in read.values())
    assert cut == 2600 or {"(rest of the archive)"} == set(refused)


def test_a_cut_member_of_a_tar_says_so(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x.tar", [("a.log", LINE * 20_000)])
    path.write_bytes(path.read_bytes()[:150_000])  # two pieces of 64 KiB and a part of the third
    source = next(found for found in discover(path) if isinstance(found, Source))

    assert (LINE * 20_000)[: 2 << 16] == source.read()
    assert ["could not be read to its end: unexpected end of data"] == source.problems


def test_cut_members_of_a_compressed_tar_are_named(tmp_path: Path) -> None:
    noise = b"".join(number.to_bytes(4, "big") for number in range(0, 2**32, 2**17))
    path = make_tar(tmp_path / "x.tar.gz", [("a.log", LINE), ("b.log", noise)], "w:gz")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    read, refused = look(path)

    assert LINE == read["a.log"]
    assert noise.startswith(read["b.log"])
    assert {"(rest of the archive)": "cannot be read: compressed stream is cut off; read as far as possible"} == refused


def test_a_bomb_in_a_tar_is_read_in_part_and_what_follows_is_named(tmp_path: Path) -> None:
    members: list[tuple[tarfile.TarInfo | str, bytes]] = [
        ("a.log", LINE),
        ("bomb.log", bytes(100 << 20)),
        ("b.log", LINE),
    ]
    path = make_tar(tmp_path / "x.tar.gz", members, "w:gz")

    found = list(discover(path))
    bomb = next(source for source in found if isinstance(source, Source) and source.member == "bomb.log")

    assert sum(map(len, bomb.chunks())) <= 64 << 20
    assert "as a bomb does" in bomb.problems[0]
    assert {"(rest of the archive)"} == {item.label.rpartition("!")[2] for item in found if isinstance(item, Refusal)}


def test_a_tar_that_does_not_fit_into_memory_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_TAR_SIZE", 1500)
    path = make_tar(tmp_path / "x.tar", [("a.log", LINE * 100), ("b.log", LINE * 100), ("c.log", LINE)])

    read, refused = look(path)

    assert ["a.log", "c.log"] == list(read)
    assert ["b.log"] == list(refused)


def test_members_that_are_a_bomb_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "BOMB_TOTAL", 25)
    monkeypatch.setattr(containers, "BOMB_RATIO", 0)
    read, refused = look(make_zip(tmp_path / "x.zip", [(f"{number}.log", LINE) for number in range(4)]))

    assert ["0.log", "1.log"] == list(read)
    assert dict.fromkeys(("2.log", "3.log"), "with it the archive expands to 30 bytes, as a bomb does") == refused


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz"])
def test_a_line_that_repeats_a_million_times_is_no_bomb(tmp_path: Path, name: str) -> None:
    line = b'192.0.2.7 - - [15/Jun/2026:14:03:01 +0000] "GET /checkout HTTP/1.1" 200 5 "-" "curl"\n'
    path, data = tmp_path / name, line * 1_000_000
    made = make_zip(path, [("a.log", data)]) if name == "x.zip" else make_tar(path, [("a.log", data)], f"w:{name[-2:]}")

    assert 200 * made.stat().st_size < len(data)
    assert ({"a.log": len(data)}, {}) == ({key: len(value) for key, value in look(made)[0].items()}, look(made)[1])


def test_an_empty_zip_holds_nothing(tmp_path: Path) -> None:
    assert ({}, {}) == look(make_zip(tmp_path / "x.zip", []))


def test_archives_list_only_what_may_be_read(tmp_path: Path) -> None:
    members = [("../evil", b""), ("__MACOSX/._a", b""), (".DS_Store", b""), ("b.log", LINE), ("a.log", LINE)]
    zipped = ZipArchive("x.zip", io.BytesIO(make_zip(tmp_path / "x.zip", [*members, ("folder/", b"")]).read_bytes()))
    tarred = TarArchive("x.tar", io.BytesIO(make_tar(tmp_path / "x.tar", members).read_bytes()))

    assert ["a.log", "b.log"] == zipped.names() == tarred.names()
    assert LINE == zipped.open("a.log").read() == tarred.open("a.log").read()


def test_a_pipe_has_one_member() -> None:
    pipe = Memory("-", LINE)

    assert ([""], LINE, None) == (pipe.names(), pipe.open("").read(), pipe.modified(""))
