"""The rule on results made by hand: pool and sets, one of them, neither, only label words, and a model at chance."""

from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.sharing.analysis import ADVANTAGE, SETTING, SHARED, SHARING, SPECIFIC, Sharing
from emomech.chapters.sharing.relations import ALL, AXES, SILENT
from emomech.chapters.sharing.rule import axes_in_words, sharing
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas

EMOTIONS = ("joy", "fear", "anger", "calm")
CONTROLS = ("shuffled labels", "random dictionary", "random weights")


def shared(
    pool: float, own: int, *, silent: tuple[float, int] | None = None, control: float = 0.0, untested: str = ""
) -> Sharing:
    """Tables with an excess ± 0.01 and `own` emotions with specific features; `silent` holds both for silent features."""
    rows: dict[str, list[tuple]] = {"sharing": [], "specific": [], "advantage": []}
    for evidence in ("selective", "stepwise", "supporting"):
        for features, (excess, n) in {ALL: (pool, own), SILENT: silent or (pool, own)}.items():
            key = (evidence, "trained", features)
            rows["sharing"].append((*key, excess, excess - 0.01, excess + 0.01, 900))
            for i, emotion in enumerate(EMOTIONS):
                share = 0.05 if i < n else 0.0
                rows["specific"].append((*key, emotion, share, share - 0.01, share + 0.01, 45))
                for baseline in CONTROLS:
                    lead = (evidence, features, baseline, emotion, share, share - 0.01, share + 0.01, 900)
                    rows["advantage"].append(lead)
            for baseline in CONTROLS:
                lead = excess - control
                rows["advantage"].append((evidence, features, baseline, SHARED, lead, lead - 0.01, lead + 0.01, 900))
    axes = [
        ("selective", "trained", "valence", 0.6, 0.0, 0.4, 0.01, 0.01, 30, ""),
        ("selective", "trained", "arousal", 0.2, 0.0, 0.4, 0.5, 0.05, 30, ""),
    ]
    filled = {
        "setting": table(SETTING, [("m", 0.9, 0.8, 0.95, 0.25, 400, 400, untested)]),
        "sharing": table(SHARING, rows["sharing"]),
        "specific": table(SPECIFIC, rows["specific"]),
        "advantage": table(ADVANTAGE, rows["advantage"]),
        "axes": table(AXES, axes),
    }
    return checked(Sharing(**{name: filled.get(name, table(schema)) for name, schema in schemas(Sharing).items()}))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (shared(0.05, 4), "replicates"),
        (shared(0.05, 2), "replicates"),
        (shared(0.05, 4, silent=(0.0, 4)), "partly"),
        (shared(0.05, 1), "partly"),
        (shared(0.0, 4), "partly"),
        (shared(-0.05, 4), "partly"),
        (shared(0.0, 1), "does not replicate"),
        (shared(0.05, 1, control=0.05), "does not replicate"),
        (shared(0.05, 4, untested="the model is at chance"), "cannot be tested here"),
    ],
)
def test_sharing(result: Sharing, outcome: str) -> None:
    assert sharing(result).outcome == outcome


@pytest.mark.parametrize("control", CONTROLS)
def test_a_verdict_needs_its_controls(control: str) -> None:
    result = shared(0.05, 4)
    without = replace(result, advantage=result.advantage[result.advantage.baseline != control])
    with pytest.raises(EmomechError, match="expected one"):
        sharing(without)


def test_features_of_one_emotion_have_to_exceed_both_controls() -> None:
    result = shared(0.0, 4)
    same = (result.advantage.baseline == "random weights") & (result.advantage.quantity != SHARED)
    result.advantage.loc[same, ["difference", "low", "high"]] = 0.0
    assert sharing(result).outcome == "does not replicate"


def test_the_reason_says_what_each_kind_of_evidence_shows() -> None:
    verdict = sharing(shared(-0.05, 3, silent=(0.0, 2)))
    assert verdict.reason.startswith(
        "Among the features that are selective for emotions, fewer features are shared than under independent "
        "assignment, and 3 of 4 emotions have more specific features than in both controls. "
        "Without those that write a label word, no more features are shared"
    )
    assert "selective −5.00 [−6.00, −4.00]" in verdict.estimate


def test_why_it_cannot_be_tested_is_said() -> None:
    assert sharing(shared(0.05, 4, untested="too few texts")).reason == "Too few texts."


def test_the_sentence_names_each_axis() -> None:
    assert axes_in_words(shared(0.05, 4)) == (
        "Features shared by several emotions follow valence better than with exchanged emotion names; "
        "do not follow arousal better than with exchanged emotion names."
    )


def test_random_directions_are_compared_with() -> None:
    assert sharing(shared(0.05, 3)).reason.endswith(
        "With random directions in place of the SAEs, the pool is smaller than that of the SAEs; there are fewer "
        "specific features for 3 of 4 emotions and more for 0."
    )
