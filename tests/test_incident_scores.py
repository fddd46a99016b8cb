"""How timelines of recorded incidents are scored: every expected figure follows from a few lines made by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from checks import count_held
from lines import without_repeats
from metrics import Line, judge_lines, look, phase_errors, score_lines, share
from noise import write_noise
from score import Result, chosen_kinds, main
from tables import summary
from targets import Target, target_rows
from truth import Fact, Truth, load_kinds, load_truth

import timeline

FACTS = (
    Fact("deploy", 100, "deploying", kind="chat"),
    Fact("first-5xx", 110, r"\b50\d\b"),
    Fact("restart", 200, "shop-api.*started"),
)
TRUTH = Truth(FACTS, (100, 200), ((110, 190),))


def test_a_fact_is_found_within_its_tolerance_and_not_beyond() -> None:
    for at, found in ((100, 1.0), (120, 1.0), (120.001, 0.0), (99.9, 0.0)):
        assert score_lines([Line(at, "nginx 502")], Truth((FACTS[1],))).machine == found


def test_machine_and_chat_facts_are_counted_apart() -> None:
    score = score_lines([Line(101, "Deploying 1.5.0", chat=True), Line(109, "GET /cart 502")], TRUTH)
    assert (score.chat, score.machine, score.missed) == (1.0, 0.5, ("restart",))
    assert score.recall == pytest.approx(2 / 3)


def test_what_people_say_is_no_machine_fact_and_the_other_way_round() -> None:
    lines = [Line(110, "I see 502", chat=True), Line(100, "deploying")]
    assert score_lines(lines, TRUTH).recall == 0


def test_a_foreign_line_tells_no_fact() -> None:
    assert score_lines([Line(110, "502 Bad Gateway", "x/noise/apache.json")], TRUTH).machine == 0


def test_without_facts_there_is_no_recall() -> None:
    score = score_lines([Line(1, "a")], Truth())
    assert (score.machine, score.chat, score.recall, score.precision) == (None, None, None, 0.0)


def test_a_line_far_from_the_incident_is_bad() -> None:
    lines = [Line(69.9, "a"), Line(70, "b"), Line(230, "c"), Line(230.1, "d")]
    assert judge_lines(lines, TRUTH) == [False, True, True, False]


def test_background_and_foreign_lines_are_bad() -> None:
    lines = [Line(150, "Telemetry lost"), Line(150, "fine"), Line(150, "panic", "x/noise/bgl.json")]
    assert judge_lines(lines, TRUTH, ["telemetry"]) == [False, True, False]


def test_the_third_line_of_a_kind_is_bad() -> None:
    lines = [Line(150 + n, f"worker {n} failed") for n in range(4)]
    assert judge_lines(lines, TRUTH) == [True, True, False, False]


def test_words_with_a_digit_do_not_make_another_look() -> None:
    assert look("request=12 took 3ms at web-01") == look("request=9 took 40ms at web-02")
    assert look("started") != look("stopped")


def test_a_share_of_nothing_is_none() -> None:
    assert share([]) is None
    assert share([True, False, False, True]) == 0.5


def test_phases_are_compared_with_what_clients_saw() -> None:
    lines = [Line(111.5, "5xx", phase="OUTAGE BEGINS"), Line(187, "last", phase="OUTAGE ENDS")]
    assert phase_errors(lines, TRUTH) == (1.5, 3)


def test_of_two_outages_the_worse_counts() -> None:
    truth = Truth(outages=((10, 20), (50, 60)))
    lines = [Line(at, "", phase="OUTAGE BEGINS") for at in (11, 54)]
    assert phase_errors(lines, truth) == (4, math.inf)


def test_an_outage_that_nobody_claims_is_not_a_small_error() -> None:
    assert phase_errors([], TRUTH) == (math.inf, math.inf)
    assert phase_errors([Line(5, "", phase="OUTAGE BEGINS")], Truth()) == (None, None)


def test_an_outage_that_no_client_saw_is_a_false_claim() -> None:
    lines = [Line(at, "", phase="OUTAGE BEGINS") for at in (99.9, 100, 150, 200, 200.1)]
    assert score_lines(lines, TRUTH).false_claims == 2
    assert score_lines(lines, Truth()).false_claims == 5


def test_means_leave_out_what_was_not_there() -> None:
    first = score_lines([Line(110, "502")], Truth(FACTS[1:2], (100, 200), ((110, 190),)))
    second = score_lines([Line(500, "x"), Line(100, "deploying", chat=True)], Truth(FACTS[:2], (100, 200)))
    # machine 1 and 0; chat none and 1; all 1 and 1/2; precision 1 and 1/2; lines 1 and 2; nobody claims the outage
    assert summary([first, second]) == ["0.500", "1.000", "0.750", "0.750", "1.5", "-", "-"]


def test_a_target_is_met_by_the_mean_and_compared_with_the_best_simple_way() -> None:
    found, lost = (score_lines([Line(at, "502")], Truth(FACTS[1:2], (100, 200))) for at in (110, 150))
    results = [
        Result(kind, "clean", method, 40, score)
        for method, scores in (("ours", (found, found)), ("a", (found, lost)), ("b", (lost, lost)))
        for kind, score in zip(("x", "y"), scores, strict=True)
    ]
    target = Target("recall", "clean", 40, lambda score: score.recall, 0.75)
    assert [*target_rows(results, [target])] == [["recall", "clean, N=40", "1", ">= 0.75", "yes", "0.5"]]
    assert [*target_rows(results[2:], [target])] == [["recall", "clean, N=40", "0.5", ">= 0.75", "NO", "0"]]
    assert [*target_rows([], [target])] == []


def test_the_truth_is_read_back(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "t": "1970-01-01T00:01:40.500000Z", "regex": "x", "tolerance": 20.0, "kind": "chat"},
        {"id": "incident", "t": "1970-01-01T00:01:40Z", "until": "1970-01-01T00:02:00Z", "kind": "interval"},
        {"id": "outage", "t": "1970-01-01T00:01:41Z", "until": "1970-01-01T00:01:50Z", "kind": "interval"},
    ]
    path = tmp_path / "a.truth.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    truth = load_truth(path)
    assert truth == Truth((Fact("a", 100.5, "x", 20.0, "chat"),), (100, 120), ((101, 110),))
    assert truth.without_chat().facts == ()


def test_kinds_set_aside_are_scored_only_when_meant(tmp_path: Path) -> None:
    kinds = load_kinds()
    for name in (*kinds.tuning, *kinds.set_aside, *kinds.quiet):
        (tmp_path / f"{name}.truth.jsonl").touch()
    assert not set(chosen_kinds(tmp_path, [], set_aside=False)) & set(kinds.set_aside)
    assert chosen_kinds(tmp_path, [], set_aside=True) == [*kinds.set_aside]
    with pytest.raises(SystemExit, match="dns: not among"):
        chosen_kinds(tmp_path, ["dns"], set_aside=False)
    with pytest.raises(SystemExit, match="no recorded incidents"):
        chosen_kinds(tmp_path / "none", [], set_aside=False)


@pytest.mark.parametrize("option", ["--misses", "--show"])
def test_nobody_looks_at_what_is_set_aside(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--set-aside", option])
    assert "do not go with --set-aside" in capsys.readouterr().err


def test_foreign_lines_keep_their_order_and_lie_in_the_window(tmp_path: Path) -> None:
    rows = "".join(f"{n},ERROR,core,fault {n},E{n}\n" for n in range(1000))
    path = tmp_path / "Odd_2k.log_structured.csv"
    path.write_text("LineId,Level,Component,Content,EventId\n" + rows, encoding="utf-8")
    assert write_noise(tmp_path, tmp_path / "noise", 1_700_000_000, 1_700_000_060) == 1000
    events = timeline.read(tmp_path / "noise").events
    assert events["message"].tolist() == [f"fault {n}" for n in range(1000)]
    assert set(events["severity"]) == {"err"}
    seconds = [stamp.timestamp() for stamp in events["timestamp"]]
    assert 1_700_000_000 <= min(seconds) < max(seconds) <= 1_700_000_060


def test_too_few_foreign_templates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="at least 1000"):
        write_noise(tmp_path, tmp_path / "noise", 0, 60)


ACCESS = """\
10.0.0.1 - - [25/Nov/2026:10:00:{second:02} +0000] "GET /{route} HTTP/1.1" {status} 5 "-" "curl/8"
"""


def test_reasons_and_figures_are_counted_again_from_the_events(tmp_path: Path) -> None:
    statuses = [200] * 5 + [502, 200, 502, 502] + [200] * 5
    text = "".join(ACCESS.format(second=n, route="cart", status=status) for n, status in enumerate(statuses))
    (tmp_path / "access.log").write_text(text + ACCESS.format(second=7, route="other", status=200), encoding="utf-8")
    events = timeline.read(tmp_path).events
    begin = events[events["line"] == 6].iloc[0]
    told = {
        "5xx on GET /cart rise from 0 % to 75 % (3 of 4 requests until 10:00:08)": True,
        "5xx on GET /cart rise from 0 % to 75 % (3 of 5 requests until 10:00:08)": False,
        "5xx on GET /cart rise from 0 % to 75 % (2 of 4 requests until 10:00:08)": False,
        "5xx rise from 0 % to 60 % (3 of 5 requests until 10:00:08), most on GET /cart (75 %)": True,
    }
    for message, holds in told.items():
        entry = pd.DataFrame([begin]).assign(message=message, why="a person's message")
        assert count_held(entry, events) == (int(holds), 1), message
    for why, answer in (("severity err", (1, 1)), ("severity crit; first alert", (0, 2)), ("named in chat", (0, 0))):
        assert count_held(pd.DataFrame([begin]).assign(message="x", why=why), events) == answer


def test_repeats_of_a_service_fold_though_others_speak_between() -> None:
    said = [
        ("api", "job 1 failed"),
        ("db", "checkpoint"),
        ("api", "job 2 failed"),
        ("api", "ready"),
        ("api", "job 3 failed"),
    ]
    rows = pd.DataFrame(said, columns=["service", "message"])
    assert without_repeats(rows).index.tolist() == [0, 1, 3, 4]
