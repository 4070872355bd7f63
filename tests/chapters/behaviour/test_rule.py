"""The rule on results made by hand: the premise holds, holds in part, fails, or cannot be tested."""

from dataclasses import replace

import pytest

from emomech.chapters.behaviour.analysis import ACCURACY, Behaviour
from emomech.chapters.behaviour.rule import BASELINES, behaviour
from emomech.chapters.behaviour.scores import ABOVE, ADVANTAGE
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate
from emomech.stats.tables import checked, filled, frame

BETTER = dict.fromkeys(BASELINES, 0.2)


def about(value: float, reach: float, n: int) -> Estimate:
    return Estimate(value, value - reach, value + reach, n)


def behaved(
    advantage: dict[str, float], above: float = 0.5, conflict: float = 0.5, n: int = 200, reach: float = 0.04
) -> Behaviour:
    """Tables with an advantage over each baseline, and an excess over chance on all texts and on conflict items."""
    excess = [
        {"breakdown": "all", "group": "all texts", "above": about(above, reach, n), "n": n},
        {"breakdown": "item type", "group": "conflict", "above": about(conflict, reach, n), "n": n},
    ]
    gains = [{"baseline": name, "difference": about(gain, reach, n), "n": n} for name, gain in advantage.items()]
    shown = [{"predictor": name, "breakdown": "all", "group": "all texts"} for name in ("model", *advantage)]
    tables = {"above": frame(ABOVE, excess), "advantage": frame(ADVANTAGE, gains), "accuracy": frame(ACCURACY, shown)}
    return checked(filled(Behaviour, **tables))


@pytest.mark.parametrize(
    ("result", "outcome", "reason"),
    [
        (behaved(BETTER), "replicates", "All 6 criteria are met."),
        (behaved(BETTER, conflict=0.0), "partly", "by 0.1 in: conflict (0.00 [−0.04, 0.04], 200 texts)."),
        (behaved(BETTER, above=-0.12), "reversed", "The opposite is shown"),
        (behaved(BETTER, reach=0.6), "no power here", "Too small a sample to tell"),
        (behaved(BETTER, n=12), "cannot be tested here", "Only 12 texts"),
        *(
            (behaved(BETTER | {name: 0.0}), "does not replicate", f"Controls that are not beaten: {name}.")
            for name in BASELINES
        ),
        *(
            (behaved({n: 0.2 for n in BASELINES if n != name}), "does not replicate", f"{name} (undefined).")
            for name in BASELINES
        ),
    ],
)
def test_behaviour(result: Behaviour, outcome: str, reason: str) -> None:
    verdict = behaviour(result)
    assert verdict.outcome == outcome
    assert reason in verdict.reason


def test_a_corpus_without_item_types_is_its_only_group() -> None:
    result = behaved(BETTER)
    assert behaviour(replace(result, above=result.above[:1])).outcome == "replicates"


def test_an_advantage_that_changes_its_sign_on_a_half_leaves_partly() -> None:
    result = behaved(BETTER)
    draws = frame(STABILITY, stability_rows({"majority": [0.2, -0.1]}))
    assert behaviour(replace(result, stability=draws)).outcome == "partly"


def test_a_baseline_without_a_role_is_refused() -> None:
    with pytest.raises(EmomechError, match="another"):
        behaviour(behaved({**BETTER, "another": 0.2}))
