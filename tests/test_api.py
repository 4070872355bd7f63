"""The public API has exactly these names, they are loaded on first use."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import emomech as em
from emomech import api

F = em.FeatureId(em.HookPoint(6), 17)
NAMES = [
    "Study",
    "StudySpec",
    "Run",
    "load_model",
    "LanguageModel",
    "load_saes",
    "train_saes",
    "Sae",
    "HookPoint",
    "FeatureId",
    "capture",
    "intervene",
    "MoveFeatures",
    "Add",
    "Replace",
    "Questions",
    "attribute",
    "ablate",
    "patch",
    "steer",
    "Estimate",
    "EmomechError",
    "UsageError",
]


def test_the_exported_names_are_exactly_these() -> None:
    assert sorted(em.__all__) == sorted(api.__all__) == sorted(NAMES)
    assert all(getattr(em, name) is getattr(api, name) for name in NAMES)
    assert set(NAMES) <= set(dir(em))
    with pytest.raises(AttributeError, match="'emomech' has no attribute 'ablation'"):
        em.ablation  # noqa: B018


def test_importing_the_package_loads_no_torch() -> None:
    program = "import sys, emomech; sys.exit(bool({'torch', 'transformers', 'numpy', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.fixture(scope="module")
def study() -> em.Study:
    return em.Study(limit=400)


@pytest.fixture(scope="module")
def report(study: em.Study) -> em.Questions:
    return study.questions("report", per_label=3)


def test_a_study_is_named_by_keywords_and_refuses_what_does_not_exist() -> None:
    assert em.Study(limit=3).spec == em.StudySpec(limit=3)
    with pytest.raises(em.UsageError, match="'organisn'.*Did you mean 'organism'"):
        em.Study(model="organisn")
    with pytest.raises(em.UsageError, match=r"split report: some label has no text in it.*larger limit"):
        em.Study(limit=3).questions("report")


def test_questions_are_balanced_and_of_one_side(study: em.Study, report: em.Questions) -> None:
    assert np.bincount(report.gold).tolist() == [3] * len(study.corpus.labels)
    sides = {study.corpus.split(example, study.spec.seed) for example in report.examples}
    assert sides == {"report"}


def test_a_model_is_loaded_by_name() -> None:
    lm = em.load_model("organism")
    assert (lm.n_layers, lm.name) == (8, "organism")


def test_paths_may_be_path_objects(tmp_path: Path) -> None:
    with pytest.raises(em.UsageError, match=f"there is nothing at {tmp_path}/nowhere"):
        em.Study(model=tmp_path / "nowhere")
