"""`freehold plan`: what is measured and what is assumed leads to machines, and all of it is shown."""

from typing import Any

import msgspec
import pytest

from freehold.cli.main import main
from freehold.cli.plan import figures, reckoning
from freehold.cli.plan.assumptions import ASSUMPTIONS, EXAMPLE_PRICES, PRICES
from freehold.cli.plan.figures import Figures

MEASURED = Figures(
    when="2026-11-22",
    machine="2 × a machine",
    load=1.0,
    synthetic_posts=1_000_000,
    members=100_000,
    calls_ms=dict.fromkeys(reckoning.READS.values(), 0.8),
    door_ms=0.2,
    writes_ms={"post": 1.0, "like": 1.0, "follow": 1.0},
    account_ms=30.0,
    index_bytes={"post": 800, "member": 400, "follow": 300, "like": 400, "notice": 100},
    truth_bytes={"post": 1_000, "like": 1_000, "follow": 1_000},
    event_bytes={"post": 5_000, "like": 5_000, "follow": 5_000},
    idle_megabytes=90,
    megabytes=150,
)


@pytest.fixture(autouse=True)
def measured(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FILE", tmp_path / "figures.json")
    figures.write(MEASURED)


def planned(capsys: pytest.CaptureFixture[str], *words: str, members: int = 100_000) -> dict[str, Any]:
    assert main(["plan", "--members", str(members), "--json", *words]) == 0
    told: dict[str, Any] = msgspec.json.decode(capsys.readouterr().out)
    return told


def test_the_sums_can_be_followed_by_hand(capsys: pytest.CaptureFixture[str]):
    few = ["--active", "0.864", "--posts", "1", "--likes", "0", "--follows", "0", "--peak", "2", "--years", "1"]
    reads = ["--timelines", "9", "--author-feeds", "0", "--threads", "0", "--profiles", "0", "--notices", "0"]
    found = planned(capsys, *few, *reads, "--searches", "1", "--pictures", "0", "--used", "0.5")
    assert found["active"] == 86_400
    assert found["writes"] == pytest.approx(2)  # 86,400 a day, twice as many in the busiest minutes
    assert found["reads"] == pytest.approx(20)
    assert found["writing_cores"] == pytest.approx(0.002)
    assert found["reading_cores"] == pytest.approx(0.020)
    assert found["cores"] == 1
    assert found["truth_gb"] == pytest.approx(86_400 * (365 * 1_000 + 3 * 5_000) / 1e9)
    assert found["index_gb"] == pytest.approx((86_400 * 365 * (800 + 0.5 * 100) + 100_000 * 400) / 1e9)
    assert found["blobs_gb"] == 0
    assert found["beyond"] == []


def test_every_assumption_is_an_option_that_is_shown_and_counts(capsys: pytest.CaptureFixture[str]):
    base = ["--example-prices", "--used", "0.001"]  # so that a little more is a core more
    before = planned(capsys, *base, members=30_000_000)
    main(["plan", "--members", "10", *base])
    shown = capsys.readouterr().out
    for one in ASSUMPTIONS:
        option = f"--{one.name.replace('_', '-')}"
        assert option in shown
        value = before["assumed"][one.name]
        other = planned(capsys, *base, option, str(value * 1.6), members=30_000_000)
        del before["assumed"], other["assumed"]
        assert other != before, one.name
        before = planned(capsys, *base, members=30_000_000)


def test_what_is_more_than_one_machine_is_said(capsys: pytest.CaptureFixture[str]):
    main(["plan", "--members", "5000"])
    assert "One machine does it" in capsys.readouterr().out
    main(["plan", "--members", "20000000"])
    said = capsys.readouterr().out
    assert "Beyond one machine" in said
    assert "one writer is planned for 1,000" in said
    assert "2026-11-22 on 2 × a machine" in said


def test_a_price_is_told_only_for_prices_that_are_given(capsys: pytest.CaptureFixture[str]):
    assert planned(capsys)["price"] is None
    assert planned(capsys, "--core-price", "5")["price"] is None
    example = planned(capsys, "--example-prices")["price"]
    assert example > 0
    assert planned(capsys, "--example-prices", "--standbys", "0")["price"] < example
    given = [word for name, price in EXAMPLE_PRICES.items() for word in (f"--{name.replace('_', '-')}", str(price))]
    assert planned(capsys, *given)["price"] == example
    assert {one.name for one in ASSUMPTIONS if one.group == PRICES} == EXAMPLE_PRICES.keys()


@pytest.mark.parametrize("words", [["--members", "0"], [], ["--members", "5", "--active", "-1"]])
def test_words_that_make_no_sense_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["plan", *words]) == 2


def test_the_figures_that_are_kept_have_all_that_is_reckoned_with(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    kept = figures.read()
    assert kept.calls_ms.keys() >= set(reckoning.READS.values())
    assert kept.truth_bytes.keys() == kept.event_bytes.keys() == kept.writes_ms.keys()
    assert kept.index_bytes.keys() >= {"post", "member", "follow", "like", "notice"}
