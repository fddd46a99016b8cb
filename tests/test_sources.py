"""Evidence is found and opened: folders, compression by content, damage, archives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from timeline import compression, textlog
from timeline.containers import Memory
from timeline.errors import SourceError
from timeline.sources import Refusal, Source, discover

LOG_LINE = b'192.0.2.7 - - [15/Jun/2026:14:03:01 +0000] "GET /checkout HTTP/1.1" 200 5 "-" "curl"\n'
TEXT = b"".join(b"line %d of the log\n" % number for number in range(20_000))


def sources(path: Path | str) -> list[Source]:
    return [found for found in discover(path) if isinstance(found, Source)]


def packed(codec: str) -> bytes:
    if codec in ("zstd", "lz4"):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, codec) as stream:
            stream.write(TEXT)
        return sink.getvalue().to_pybytes()
    compress: Any = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[codec]
    return bytes(compress(TEXT))


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz", "zstd", "lz4"])
def test_compression_is_told_by_content(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.log").write_bytes(packed(codec))

    assert TEXT == sources(tmp_path / "a.log")[0].read()


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz"])
def test_many_members_are_one_stream(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.log").write_bytes(packed(codec) * 3)

    assert TEXT * 3 == sources(tmp_path / "a.log")[0].read()


@pytest.mark.parametrize("outer", ["gzip", "bz2", "xz"])
@pytest.mark.parametrize("inner", ["gzip", "bz2", "xz", "zstd", "lz4"])
def test_what_was_packed_twice_is_read(tmp_path: Path, outer: str, inner: str) -> None:
    compress: Any = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[outer]
    (tmp_path / "a.log.gz.gz").write_bytes(compress(packed(inner)))
    source = sources(tmp_path / "a.log.gz.gz")[0]

    assert TEXT == source.read()
    assert [] == source.problems


def test_packing_is_undone_twice_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(gzip.compress(packed("gzip"))))

    assert packed("gzip")[:3] == sources(tmp_path / "a.gz")[0].read()[:3]


def test_a_cut_in_what_was_packed_twice_is_said(tmp_path: Path) -> None:
    data = gzip.compress(packed("gzip"))
    (tmp_path / "a.gz").write_bytes(data[: len(data) // 2])
    source = sources(tmp_path / "a.gz")[0]

    assert TEXT.startswith(source.read())
    assert ["compressed stream is cut off; read as far as possible"] == source.problems


def test_a_log_may_begin_like_bzip2(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"BZh9 is the name of a host\n")

    assert b"BZh9 is the name of a host\n" == sources(tmp_path / "a.log")[0].read()


@pytest.mark.parametrize("nested", [False, True])
def test_a_bomb_is_stopped_after_64_mib(tmp_path: Path, *, nested: bool) -> None:
    data = gzip.compress(LOG_LINE) + gzip.compress(bytes(200 << 20))
    (tmp_path / "a.gz").write_bytes(gzip.compress(data) if nested else data)
    source = sources(tmp_path / "a.gz")[0]
    sizes = [len(chunk) for chunk in source.chunks()]

    assert 64 << 20 <= sum(sizes) < 80 << 20
    assert max(sizes) <= 8 << 20
    assert "as a bomb does" in source.problems[0]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_line_that_repeats_a_million_times_is_no_bomb(tmp_path: Path, compress: Any) -> None:
    data = LOG_LINE * 1_000_000
    (tmp_path / "a.log").write_bytes(compress(data))
    source = sources(tmp_path / "a.log")[0]

    assert len(data) == sum(map(len, source.chunks()))
    assert [] == source.problems


def test_a_line_without_end_is_not_held_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textlog, "LINE_HELD", 50)
    monkeypatch.setattr(compression, "PIECE", 100)
    source = Source(Memory("-", gzip.compress(b"one\n" + b"x" * 5000 + b"\nthree\n")), "")
    raw = list(textlog.read_raw_blocks(source, size=1))

    assert b"one\n" == b"".join(block.data for block in raw)[:4]
    assert b"\nthree\n" == b"".join(block.data for block in raw)[-7:]
    assert sum(len(block.data) for block in raw) < 400
    assert 3 == sum(block.data.count(b"\n") for block in raw)


def test_zeros_after_a_gzip_member_are_padding(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(packed("gzip") + b"\0" * 700)
    source = sources(tmp_path / "a.gz")[0]

    assert TEXT == source.read()
    assert [] == source.problems


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz", "zstd", "lz4"])
def test_a_cut_stream_gives_what_is_readable_and_says_so(tmp_path: Path, codec: str) -> None:
    data = packed(codec)
    # A block of bzip2 is larger than this text: the second member is cut, the first is whole.
    (tmp_path / "a.log").write_bytes(data + data[: len(data) // 2] if codec == "bz2" else data[: len(data) * 2 // 3])
    source = sources(tmp_path / "a.log")[0]
    text = source.read()

    assert TEXT.startswith(text[: len(TEXT)])
    assert 1 == len(source.problems)


def test_a_cut_gzip_loses_little(tmp_path: Path) -> None:
    data = gzip.compress(os.urandom(400_000))
    (tmp_path / "a.gz").write_bytes(data[:200_000])

    assert 190_000 < len(sources(tmp_path / "a.gz")[0].read()) < 200_001


def test_corrupt_gzip_gives_what_came_before(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"x" + os.urandom(399_999)))  # zeros in front would be a hole
    (tmp_path / "a.gz").write_bytes(bytes(data) + b"\x1f\x8b\x08garbage that is no member")
    source = sources(tmp_path / "a.gz")[0]

    assert 400_000 == len(source.read())
    assert source.problems


def test_a_folder_is_walked_in_a_stable_order_without_litter(tmp_path: Path) -> None:
    for name in ("b/x.log", "a.log", "__MACOSX/._a.log", ".DS_Store", "b/._x.log", "timeline-build.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n")

    assert [f"{tmp_path}/a.log", f"{tmp_path}/b/x.log"] == [source.label for source in sources(tmp_path)]


def test_a_symlink_loop_ends(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x\n")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert 1 == len(sources(tmp_path))


def test_a_missing_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing\.log"):
        list(discover(tmp_path / "nothing.log"))


def test_zip_members_are_labelled_after_an_exclamation_mark(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("web/access.log.gz", gzip.compress(b"hello\n"))

    [source] = sources(tmp_path / "e.zip")

    assert f"{tmp_path}/e.zip!web/access.log.gz" == source.label
    assert b"hello\n" == source.read()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_tar_members_are_read(tmp_path: Path, mode: str) -> None:
    with tarfile.open(tmp_path / "e.tar", mode) as archive:  # type: ignore[call-overload]
        for name in ("./web/a.log", "../evil.log"):
            info = tarfile.TarInfo(name)
            info.size = len(TEXT)
            archive.addfile(info, io.BytesIO(TEXT))
    found = list(discover(tmp_path / "e.tar"))

    assert [f"{tmp_path}/e.tar!web/a.log"] == [item.label for item in found if isinstance(item, Source)]
    assert [TEXT] == [item.read() for item in found if isinstance(item, Source)]
    assert ["its name leads out of the archive"] == [item.reason for item in found if isinstance(item, Refusal)]


def test_a_truncated_zip_in_a_folder_is_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("a.log", TEXT)
    data = (tmp_path / "e.zip").read_bytes()
    (tmp_path / "e.zip").write_bytes(data[: len(data) // 2])
    (tmp_path / "good.log").write_bytes(b"x\n")
    found = list(discover(tmp_path))

    assert [f"{tmp_path}/good.log"] == [item.label for item in found if isinstance(item, Source)]
    assert [f"{tmp_path}/e.zip"] == [item.label for item in found if isinstance(item, Refusal)]


@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")]
)
def test_byte_order_marks_are_understood(tmp_path: Path, mark: bytes, encoding: str) -> None:
    (tmp_path / "a.log").write_bytes(mark + "größer\n".encode(encoding))

    assert "größer\n".encode() == sources(tmp_path / "a.log")[0].read()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told_by_its_zeros(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.log").write_bytes(("a größer line\n" * 10).encode(encoding))

    assert ("a größer line\n" * 10).encode() == sources(tmp_path / "a.log")[0].read()


@pytest.mark.parametrize("zeros", [1, 20 << 20])
def test_zeros_before_a_log_that_was_truncated_while_written_are_dropped(tmp_path: Path, zeros: int) -> None:
    (tmp_path / "a.log").write_bytes(bytes(zeros) + LOG_LINE)
    source = sources(tmp_path / "a.log")[0]

    assert LOG_LINE == source.read() == source.head


def test_nothing_but_zeros_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(bytes(100))

    assert b"\0" == sources(tmp_path / "a.log")[0].read()


def test_colours_and_holes_are_taken_off_lines() -> None:
    raw = b"\x1b[32mgreen\x1b[0m \x1b[01;31m\x1b[Kmatch\x1b[m\x1b[K\n\0\0\0after a hole\nin\0side\n\0\0\n"

    assert b"green match\nafter a hole\nin\0side\n\n" == textlog.clean(raw).data


def test_a_full_head_without_colours_has_whole_lines(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\x1b[32mgreen line\x1b[0m\n" * 5000)

    assert set(sources(tmp_path / "a.log")[0].head.split(b"\n")) == {b"green line", b""}


def test_a_pipe_is_read_once_and_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if os.fork() == 0:
        pipe.write_bytes(TEXT)
        os._exit(0)
    [source] = sources(pipe)
    os.wait()

    assert TEXT == source.read()
    assert TEXT[:65536] == source.head


def test_a_pipe_in_a_folder_is_named_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.log").write_bytes(b"x\n")

    assert [(f"{tmp_path}/a.log", ""), (f"{tmp_path}/pipe", "is not a regular file")] == [
        (item.label, getattr(item, "reason", "")) for item in discover(tmp_path)
    ]


def test_names_that_are_not_utf_8_become_text_and_are_opened_all_the_same(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"na\xefve.log")).write_bytes(TEXT)
    [source] = sources(tmp_path)

    assert f"{tmp_path}/na\\xefve.log" == source.label
    assert source.matches(os.fsdecode(b"na\xefve.log"))
    assert TEXT == source.read()


def test_settings_of_a_folder_within_are_not_left_out_silently(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "timeline-build.toml").write_text("")
    (tmp_path / "timeline-build.toml").write_text("")

    found = [item for item in discover(tmp_path) if isinstance(item, Refusal)]

    assert [(f"{tmp_path}/timeline-build.toml", False), (f"{tmp_path}/web/timeline-build.toml", True)] == [
        (item.label, item.is_loss) for item in found
    ]


def test_a_date_that_nobody_set_is_no_date(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x\n")
    os.utime(tmp_path / "a.log", (0, 0))
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.log"), "x\n")  # 1980-01-01
        archive.writestr(zipfile.ZipInfo("b.log", (2026, 6, 15, 14, 3, 0)), "x\n")

    assert [None, None, 1781532180.0] == [source.modified for source in sources(tmp_path)]
