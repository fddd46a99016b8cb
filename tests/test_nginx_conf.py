"""A `log_format` that lies beside the log, in an `nginx.conf` or in what it includes."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pandas as pd
import pytest
from timeline_parsers._nginx_conf import read_directives
from timeline_parsers.nginx_access import parser

import timeline
from timeline.containers import Folder
from timeline.parser import Batch
from timeline.schema import concat
from timeline.sources import Source, discover

# 2026-06-15 12:03:11 UTC
EPOCH = 1_781_524_991
SHORT = f'{EPOCH}.042 203.0.113.9 "GET /checkout HTTP/1.1" 502 0.250 shop'
CONF = """
# log_format main '$remote_addr comment';
http {
    log_format old '$remote_addr "$request" $msec';
    log_format short '$msec $remote_addr "$request" '   # the log of the shop
                     '$status $request_time $server_name';
    access_log /var/log/nginx/access.log short;
}
"""


def lay(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_log", ".log").replace("_conf", ".conf")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def read(path: Path, name: str = "access.log") -> tuple[pd.DataFrame, set[str]]:
    sources = [source for source in discover(path) if isinstance(source, Source)]
    (source,) = [source for source in sources if source.label.endswith(name)]
    batches = list(parser.parse(source))
    assert all(isinstance(batch, Batch) for batch in batches)
    return concat(batch.records for batch in batches), {batch.note for batch in batches}


def test_the_format_that_explains_the_lines_is_taken(tmp_path: Path) -> None:
    lay(tmp_path, nginx_conf=CONF, access_log=f"{SHORT}\n")

    records, notes = read(tmp_path)

    assert records["wall"].tolist() == [EPOCH * 1_000_000 + 42_000]
    assert records["nginx.server_name"].tolist() == ["shop"]
    assert notes == {"log_format short of nginx.conf"}


def test_an_archive_and_a_file_that_is_named_itself(tmp_path: Path) -> None:
    lay(tmp_path, nginx_conf=CONF, access_log=f"{SHORT}\n")
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for name in ("nginx.conf", "access.log"):
            archive.add(tmp_path / name, name)

    assert read(tmp_path / "all.tar")[1] == {"log_format short of nginx.conf"}
    assert read(tmp_path / "access.log")[1] == {"log_format short of nginx.conf"}


def test_a_format_without_protocol_is_recognised_with_its_configuration_only(tmp_path: Path) -> None:
    form = "$time_iso8601 $remote_addr $request_method $request_uri $status"
    lay(
        tmp_path,
        a__nginx_conf=f"log_format shop '{form}';",
        a__access_log="2026-06-15T14:03:11+02:00 203.0.113.9 GET /a?b 502\n",
    )
    lay(tmp_path, b__access_log="2026-06-15T14:03:11+02:00 203.0.113.9 GET /a?b 502\n")

    with_it, without = timeline.read(tmp_path / "a"), list(parser.parse(Source(Folder(tmp_path / "b"), "access.log")))

    assert with_it.events["message"].tolist() == ["GET /a?b 502"]
    assert with_it.events["timestamp"].astype(str).tolist() == ["2026-06-15 12:03:11+00:00"]
    assert not any("log_format" in text for text in with_it.warnings)
    assert [(batch.unparsed, "nginx.conf" in batch.warnings[0]) for batch in without if isinstance(batch, Batch)] == [
        (1, True)
    ]


@pytest.mark.parametrize(
    "include", ["conf.d/*.conf", "/etc/nginx/conf.d/*.conf", '"conf.d/logs.conf"', "/etc/nginx/*/logs.conf"]
)
def test_files_that_it_includes(tmp_path: Path, include: str) -> None:
    lay(
        tmp_path,
        web__nginx_conf=f"http {{ include mime.types; include {include}; }}",
        web__conf_d__other_conf="include conf.d/*.conf;",
        logs__access_log=f"{SHORT}\n",
    )
    (tmp_path / "web" / "conf.d").mkdir()
    (tmp_path / "web" / "conf.d" / "logs.conf").write_text(f"include conf.d/*.conf;\n{CONF}")

    assert read(tmp_path)[1] == {"log_format short of web/conf.d/logs.conf"}


def test_the_nearest_configuration_comes_first(tmp_path: Path) -> None:
    lay(tmp_path, a__nginx_conf=CONF, b__nginx_conf=CONF.replace("$server_name", "$host"), b__access_log=f"{SHORT}\n")

    records, notes = read(tmp_path)

    assert records["server.address"].tolist() == ["shop"]
    assert notes == {"log_format short of b/nginx.conf"}


def test_a_json_template(tmp_path: Path) -> None:
    conf = (
        """log_format j escape=json '{"when":"$time_iso8601","what":"$request","how":$status,"took":$request_time}';"""
    )
    line = '{"when":"2026-06-15T14:03:11+02:00","what":"GET / HTTP/1.1","how":200,"took":0.5}'
    lay(tmp_path, nginx_conf=conf, access_log=f"{line}\n")

    records, notes = read(tmp_path)

    assert records["message"].tolist() == ["GET / HTTP/1.1 200"]
    assert records["nginx.request_time"].tolist() == [0.5]
    assert notes == {"log_format j of nginx.conf"}


def test_a_format_that_does_not_fit_is_left_alone(tmp_path: Path) -> None:
    combined = '203.0.113.9 - - [15/Jun/2026:14:03:11 +0200] "GET /a HTTP/1.1" 502 157 "-" "curl/8.5.0"'
    lay(tmp_path, nginx_conf=CONF, access_log=f"{combined}\n")

    records, notes = read(tmp_path)

    assert (len(records), notes) == (1, {""})


def test_what_the_user_sets_wins(tmp_path: Path) -> None:
    lay(tmp_path, nginx_conf=CONF, access_log=f"{SHORT}\n")
    (source,) = (found for found in discover(tmp_path / "access.log") if isinstance(found, Source))
    source.options = {"log_format": '$msec $remote_addr "$request" $status $request_time $host'}

    (batch,) = parser.parse(source)

    assert isinstance(batch, Batch)
    assert batch.records["server.address"].tolist() == ["shop"]
    assert batch.note == ""


def test_words_of_a_configuration() -> None:
    text = """a 'it\\'s' "b;#" c#d ${x}y; # e;\nhttp { f; } g 'unclosed"""

    assert list(read_directives(text)) == [["a", "it's", "b;#", "c#d", "${x}y"], ["http"], ["f"]]


def test_a_log_of_a_format_of_its_own_is_recognised_in_a_folder(tmp_path: Path) -> None:
    lay(tmp_path, nginx_conf=CONF, access_log=f"{SHORT}\n" * 3)

    evidence = timeline.read(tmp_path)

    assert evidence.events["timestamp"].astype(str).tolist() == ["2026-06-15 12:03:11.042+00:00"] * 3
    assert "log_format short of nginx.conf" in set(evidence.account["note"])
