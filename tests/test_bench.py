"""The bench times what it says, compares answers that are the same, and its table is made of its figures alone."""

import json
import time
from pathlib import Path

import pytest
import torch

from emomech import cli
from emomech.bench import contests, peers, report, subjects
from emomech.bench.contests import Result, Sizes
from emomech.bench.timing import rate, take_turns
from emomech.vocab import HookPoint

SMALL = Sizes(n_texts=3, n_answer=5, n_everywhere=2, n_slow=1, n_turns=1)


@pytest.fixture(scope="module")
def subject() -> subjects.Subject:
    return subjects.gpt2_shaped(3, n_layers=2, d_model=64, d_sae=512)


def test_turns_are_taken_in_order_and_the_first_does_not_count() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        end = time.process_time() + (0.2 if len(calls) <= 2 else 0.01)
        while time.process_time() < end:
            pass

    found = take_turns({"slow": slow, "fast": lambda: calls.append("fast")}, 3)
    assert calls == ["slow", "fast"] * 4
    assert 0.01 <= found["slow"].seconds < 0.1 and found["fast"].seconds < 0.01
    assert rate(1, size=64) > 1e6


def test_features_fire_as_often_as_in_public_saes(subject: subjects.Subject) -> None:
    point = HookPoint(1)
    x = subject.questions.activations([point])[point]
    l0 = (subject.saes[point].encode(x) > 0).sum(1).float().mean()
    assert 0.5 * subjects.L0 < l0 < 2 * subjects.L0


def test_the_answers_that_are_timed_are_the_same(subject: subjects.Subject) -> None:
    found = [*contests.ablations(subject, SMALL), *contests.capture(subject, SMALL)]
    compared = [one for one in found if one.contender.startswith("one forward pass")]
    assert len(compared) == 4
    assert all(one.difference is not None and one.difference < 1e-5 for one in compared)
    assert all(isinstance(one.theirs, float) and one.ours > 0 for one in found)


def test_scores_are_those_of_the_loop() -> None:
    first, loop = contests.scores(SMALL, n=300, d_sae=200)
    assert loop.difference is not None and loop.difference < 1e-9
    assert first.ratio is None and loop.ratio and loop.ratio > 1


def test_what_is_not_installed_is_named(subject: subjects.Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "installed", lambda name: False)
    found = [*contests.ablations(subject, SMALL), *contests.capture(subject, SMALL)]
    assert [one.theirs for one in found if one.contender.startswith(peers.SAELENS)] == [contests.NOT_INSTALLED] * 2
    assert contests.NOT_INSTALLED in [one.theirs for one in contests.scores(SMALL, n=300, d_sae=200)]


def test_the_peer_reads_with_the_same_saes(subject: subjects.Subject) -> None:
    lens = peers.SaeLens(subject)
    for point, sae in lens.saes.items():
        x = torch.randn(5, 64)
        torch.testing.assert_close(sae.encode(x), subject.saes[point].encode(x), atol=1e-5, rtol=1e-5)


def test_a_report_is_a_table_and_a_file(tmp_path: Path) -> None:
    results = [
        Result("a model", "a task", "feature", 0.002, "a loop", 0.05, 20.0, True, "why"),
        Result("a model", "another", "layer", 1.5, "none", "none", 1.0, False, "because"),
    ]
    lines = [{**vars(one), "ratio": one.ratio} for one in results]
    file = tmp_path / "bench.json"
    report.write({"results": lines}, file)
    first, second = report.rows(json.loads(file.read_text()))
    assert first[3:8] == ("2\u00a0ms", "50\u00a0ms", "25×", "20×", "met")
    assert second[3:8] == ("1.5\u00a0s", "none", "", "1\u00a0s", "missed")
    assert report.markdown({"results": lines}).count("\n") == 3
    assert [one.name for one in tmp_path.iterdir()] == ["bench.json"]


def test_the_command_prints_the_table_and_keeps_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Result("a model", "a task", "feature", 0.002, "a loop", 0.05, 20.0, True, "why")
    found = {"quick": True, "results": [{**vars(one), "ratio": one.ratio}]}
    monkeypatch.setattr(report, "run", lambda quick, say: {**found, "quick": quick})
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "--quick", "--output", str(tmp_path / "bench.json")])
    assert end.value.code == 0
    assert "| 25× | 20× | met |" in capsys.readouterr().out
    assert json.loads((tmp_path / "bench.json").read_text()) == found


def test_the_page_of_the_book_is_that_of_its_figures() -> None:
    book = Path(__file__).parents[1] / "book"
    found = json.loads((book / "bench.json").read_text())
    assert (book / "appendix" / "speed.md").read_text() == report.page(found)


def test_a_time_is_written_in_its_unit() -> None:
    assert [report.seconds(value) for value in (2.0, 0.0123, 4.5e-6, 3e-9)] == [
        "2\u00a0s",
        "12.3\u00a0ms",
        "4.5\u00a0µs",
        "3\u00a0ns",
    ]
