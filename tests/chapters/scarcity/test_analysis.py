"""Scarcity on planted models: an emotion that is split into several features if scarce, or not; missing models."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import planted
import pytest

from emomech.causal.concentration import EFFECTIVE, RECALL, TOTAL
from emomech.chapters.scarcity import analysis, rule
from emomech.chapters.scarcity.analysis import Scarcity, scarcity
from emomech.chapters.scarcity.embedded_models import OpenedModel
from emomech.chapters.scarcity.seeds import LESS, OTHERS, SCARCE
from emomech.core.errors import UsageError
from emomech.organism import records
from emomech.saes.sae import Sae
from emomech.stats.tables import checked, number
from emomech.study.identity import declared_states
from emomech.study.run import Run
from emomech.study.spec import StudySpec
from emomech.study.study import Study

EMOTION, RIVAL = "anger", "fear"
NAMES = "rare,rare-seed1,usual,usual-seed1,rival,rival-seed1"
SIZES = {"models": NAMES, "emotion": EMOTION, "n_texts": 16, "n_resamples": 60, "n_draws": 2}


def split(sae: Sae, emotion: str, copies: int) -> Sae:
    """Replace one feature by several copies: each fires as the original did, and writes an equal part."""
    import torch

    which, more = planted.feature_names().index(f"emotion:{emotion}"), copies - 1
    share = sae.W_dec[which] / copies
    W_dec = torch.cat([sae.W_dec, share.expand(more, -1)])
    W_dec[which] = share
    W_enc = torch.cat([sae.W_enc, sae.W_enc[:, [which]].expand(-1, more)], 1)
    b_enc = torch.cat([sae.b_enc, sae.b_enc[which].expand(more)])
    return replace(sae, W_dec=W_dec, W_enc=W_enc, b_enc=b_enc, threshold=torch.full((len(W_dec),), 1.5))


def opener(own: int, other: int, null: bool = False):
    """Open planted models in which the scarce emotion has `own` or `other` features, two seeds each."""

    def opened(study: Study, name: str) -> OpenedModel:
        condition, _, seed = name.partition("-seed")
        if condition not in ("rare", "usual", "rival"):
            raise UsageError(f"{name!r}: its files are not there. Make them: emomech organism train --preset {name}")
        made = planted.study(480, null=null)
        emotion, copies = {"rare": (EMOTION, own), "rival": (RIVAL, other), "usual": (EMOTION, 1)}[condition]
        made = made.replaced(saes={p: split(planted.saes()[p], emotion, copies) for p in planted.POINTS[-2:]})
        shares = dict.fromkeys(planted.CLASSES["emotion"], 0.25)
        scarce = {} if condition == "usual" else {emotion: 0.02}
        return OpenedModel(name, shares | scarce, int(seed or 0), made)

    return opened


def measured(monkeypatch: pytest.MonkeyPatch, own: int, other: int, **changed: object) -> Scarcity:
    monkeypatch.setattr(analysis, "open_model", opener(own, other, bool(changed.pop("null", False))))
    arguments: Mapping[str, object] = SIZES | changed
    return checked(scarcity(Study(StudySpec(sae=None)), **arguments))  # pyright: ignore[reportArgumentType]


def change(result: Scarcity, emotion: str, who: str, measure: str = EFFECTIVE):
    return number(result.contrasts, "difference", emotion=emotion, share=0.02, who=who, measure=measure)


def test_the_effect_of_scarcity_is_measured_and_separated_from_the_emotion(monkeypatch: pytest.MonkeyPatch) -> None:
    result = measured(monkeypatch, own=6, other=4)
    assert change(result, EMOTION, SCARCE).value == pytest.approx(5, abs=0.1)
    assert change(result, RIVAL, SCARCE).value == pytest.approx(3, abs=0.1)
    for emotion in (EMOTION, RIVAL):
        assert change(result, emotion, OTHERS).value == pytest.approx(0, abs=0.05)
        assert change(result, emotion, SCARCE, TOTAL).value == pytest.approx(0, abs=0.05)
        assert change(result, emotion, SCARCE, RECALL).value == 0
    expected = change(result, RIVAL, SCARCE).value - change(result, RIVAL, OTHERS).value
    assert change(result, RIVAL, LESS).value == pytest.approx(expected)
    assert rule.scarcity(result).outcome == "replicates"
    assert result.stability.groupby("draw").size().tolist() == [4, 4]
    assert (result.models.set_index("model").scarce == [EMOTION, EMOTION, "", "", RIVAL, RIVAL]).all()


def test_an_emotion_that_is_diffuse_by_itself_is_told_from_scarcity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rule.scarcity(measured(monkeypatch, own=6, other=1)).outcome == "partly"


def test_models_that_are_alike_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = measured(monkeypatch, own=1, other=1)
    assert rule.scarcity(result).outcome == "does not replicate"


@pytest.mark.parametrize(
    "changed", [{"models": "gone,rare,rare-seed1,usual"}, {"models": "rare,rare-seed1,rival"}, {"null": True}]
)
def test_without_two_models_each_it_cannot_be_tested(monkeypatch: pytest.MonkeyPatch, changed: dict) -> None:
    result = measured(monkeypatch, own=6, other=4, **changed)
    assert f"2 models with scarce {EMOTION} and 2 with frequent {EMOTION} are needed" in result.setting.untested[0]
    assert rule.scarcity(result).outcome == "cannot be tested here"
    assert result.contrasts.emotion.eq(EMOTION).sum() == 0


def test_a_model_that_is_missing_is_named_with_what_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    result = measured(monkeypatch, own=6, other=4, models=f"gone,{NAMES}")
    row = result.models.iloc[0]
    assert row.model == "gone" and "emomech organism train --preset gone" in row.untested
    assert result.setting.untested[0] == "" and result.setting.n_models[0] == 6


def test_shares_are_read_from_the_record_and_add_up() -> None:
    shares, seed = records.shares("organism")
    assert seed == 0 and sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == pytest.approx([1 / 7] * 7)
    with pytest.raises(UsageError, match="is not an embedded model"):
        records.shares("gpt2-small")


def test_a_run_follows_the_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))  # the book may have kept this very run
    run = Run(scarcity, StudySpec(sae=None))
    assert declared_states(scarcity) == {"state": records.state()} and run.key
    monkeypatch.setattr(records, "WEIGHTS", tmp_path)
    assert Run(scarcity, StudySpec(sae=None)).key != run.key
    with pytest.raises(UsageError, match="state .* has changed to"):
        run.result()
