"""The sizes of a study are those of its model, its SAEs and its texts, without loading any of them."""

from pathlib import Path

import numpy as np
import pytest

from emomech.causal.questions import balanced
from emomech.core.errors import UsageError
from emomech.core.settings import Settings
from emomech.models.tokens import batches
from emomech.study.scale import PER_WORD, SPLITS, scale_of
from emomech.study.spec import StudySpec
from emomech.study.study import Study


def test_sizes_are_those_of_the_study_when_it_is_loaded() -> None:
    spec = StudySpec(limit=200)
    scale, study = scale_of(spec), Study(spec)
    assert (scale.layers, scale.width, scale.vocabulary) == (study.lm.n_layers, study.lm.d_model, study.lm.vocab_size)
    block = study.lm.blocks[0].parameters()
    assert scale.block == sum(weight.numel() for weight in block if weight.ndim > 1)
    assert scale.depths == tuple(point.resid_index() for point in study.saes)
    assert (scale.features, scale.active) == (512, 16)
    task = scale.task
    assert (task.texts, task.labels, len(scale.controls)) == (200, len(study.corpus.labels), len(study.controls))
    for split in SPLITS:
        assert task.balanced(split, 5) == len(balanced(study, split, 5))
    assert task.lengths == tuple(sorted((len(text.ids) for text in study.tokens), reverse=True))
    padded = sum(batch.input_ids.numel() for batch in batches(study.tokens, pad_id=0))
    asked = scale.task.lengths
    assert np.mean(asked) < padded / len(asked)
    assert scale.beside == ("soft-frozen", "frozen", "second")


def test_a_table_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    rows = (f"word {'and word ' * (i % 3)}number {i},{['joy', 'fear', 'fear'][i % 3]}\n" for i in range(60))
    file.write_text("text,label\n" + "".join(rows))
    scale = scale_of(StudySpec(model="organism", corpus=str(file), sae=None))
    assert (scale.task.texts, scale.task.labels, scale.depths, scale.controls) == (60, 2, (), ())
    assert sum(scale.task.rarest.values()) <= 20


def test_texts_and_tokenizers_that_are_elsewhere_are_assumed() -> None:
    scale = scale_of(StudySpec(model="gpt2-small", corpus="goemotions", limit=1000))
    assert scale.task.texts == 1000 and scale.task.balanced("report") <= 400
    assert np.mean(scale.task.text_lengths) == pytest.approx(26 * PER_WORD, rel=0.01)
    assert (scale.layers, scale.width, len(scale.depths), scale.features) == (12, 768, 13, 24_576)
    assert scale.block == pytest.approx(12 * 768**2, rel=0.02)


def test_a_damaged_tokenizer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")
    monkeypatch.setattr("emomech.core.hub.cached_file", lambda *_: file)
    with pytest.raises(UsageError, match="is no tokenizer"):
        scale_of(StudySpec(model="gpt2-small", limit=20))


def test_a_leading_token_counts_by_the_settings_that_are_given_whatever_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = StudySpec(model="pythia-70m-deduped", sae=None, corpus="organism", limit=20)
    monkeypatch.delenv("EMOMECH_LEADING", raising=False)
    assert scale_of(spec).prefix == 0
    assert scale_of(spec, Settings(leading="<|endoftext|>")).prefix == 1
    monkeypatch.setenv("EMOMECH_LEADING", "<|endoftext|>")
    assert scale_of(spec, Settings()).prefix == 0
