"""Flow where syntax and semantics are read on a treebank's sentences and emotion on the corpus."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import planted
import pytest
import tiny

from emomech.book import runner
from emomech.chapters.flow import rule
from emomech.chapters.flow.analysis import Flow, flow
from emomech.chapters.flow.texts import LabelledTexts, readable
from emomech.data import corpus
from emomech.data.annotation.gold import Gold
from emomech.data.corpus import Example, Word
from emomech.saes.points import default_points
from emomech.saes.recipe import SaeRecipe
from emomech.saes.training import train_saes
from emomech.stats.tables import checked
from emomech.study.spec import StudySpec
from emomech.study.study import Study

N = 480


def study(n_sentences: int = N) -> Study:
    """Plant emotions in one kind of texts and all other labels in another."""
    made = planted.study(N)
    told = [
        replace(e, words=tuple(Word(w.start, w.end, {}) for w in e.words), answer_tags={}) for e in made.corpus.examples
    ]
    sentences = [
        replace(e, label="", answer_tags={}, cluster=f"s{i}") for i, e in enumerate(planted.examples(n_sentences, 1))
    ]
    made = made.replaced(
        corpus=corpus.make("mine", told, made.corpus.labels), gold=Gold("news", tuple(sentences), False)
    )
    return made


@pytest.fixture(scope="module")
def found() -> Flow:
    return checked(flow(study(), n_permutations=40, n_resamples=40))


def test_each_family_is_read_on_the_texts_that_have_its_labels() -> None:
    texts = LabelledTexts.of(study(100))
    assert texts.numbers["emotion"] == range(N)
    assert {texts.numbers[family] for family in ("word", "role", "semantic_role")} == {range(N, N + 100)}
    assert len(texts.examples) == len(texts.questions) == N + 100
    assert texts.first(3) == [texts.examples[i].text for i in (0, 1, 2, N, N + 1, N + 2)]


def test_a_treebank_s_sentences_are_no_questions() -> None:
    one = study(10)
    lm, texts = one.lm, LabelledTexts.of(one)
    told = [lm.tokenizer.decode([i for i in q.ids if i != lm.tokenizer.bos_token_id]) for q in texts.questions]
    assert told[0].endswith(" felt")
    assert not any(" felt" in text for text in told[N:])


def test_without_a_treebank_all_is_read_on_the_corpus() -> None:
    texts = LabelledTexts.of(planted.study(48))
    assert set(texts.numbers.values()) == {range(48)}
    assert {kind.labels for kind in texts.kind_of.values()} == {"corpus"}


def test_sentences_too_long_for_the_model_are_left_out() -> None:
    one = study(10)
    long = Example("so " * planted.CONTEXT, "", cluster="long")
    one = one.replaced(gold=replace(one.gold, examples=(long, *one.gold.examples)))
    assert LabelledTexts.of(one).numbers["role"] == range(N, N + 10)


def test_texts_without_tokens_or_longer_than_the_context_are_not_readable() -> None:
    lm = tiny.language_model("gpt2")
    short, long, empty = (Example(text, "") for text in ("So", "So " * tiny.CONTEXT, ""))
    assert readable(lm, [short, long, empty]) == [short]
    assert readable(lm, []) == []


@pytest.mark.parametrize("stage", ["syntax", "semantics", "emotion"])
def test_each_stage_is_found_in_its_band(found: Flow, stage: str) -> None:
    rows = found.stages.query("condition == 'trained' and where == 'words' and stage == @stage")
    family = {"syntax": "role", "semantics": "entity", "emotion": "emotion"}[stage]
    band = [index / planted.N_BLOCKS for index in planted.BANDS[family]]
    inside = np.isclose(np.subtract.outer(rows.depth.to_numpy(), band), 0).any(1)
    assert rows.explained[inside].min() > 0.02 > rows.explained[~inside].max()


def test_the_texts_of_each_stage_are_shown(found: Flow) -> None:
    rows = found.texts.set_index("stage")
    assert rows.texts.to_dict() == {"lexical": "news", "syntax": "news", "semantics": "news", "emotion": "mine"}
    assert rows.labels.to_dict() == {"lexical": "news", "syntax": "news", "semantics": "news", "emotion": "corpus"}
    assert set(rows.n_texts) == {N}


def test_at_the_answer_there_is_emotion_alone(found: Flow) -> None:
    assert set(found.profile[found.profile["where"] == "answer"].stage) == {"emotion"}


def test_the_order_is_there_and_yet_the_claim_replicates_partly_at_most(found: Flow) -> None:
    verdict = rule.flow(found)
    assert verdict.outcome == "partly"
    at_words = [check.status for check in verdict.checks if check.criterion.startswith("At the words")]
    assert set(at_words) == {"met"}
    assert "read on different texts (syntax and semantics on news; emotion on mine)" in verdict.reason


def test_a_treebank_without_a_stage_cannot_speak() -> None:
    one = study()
    bare = [
        replace(e, words=tuple(replace(w, tags={"role": w.tags["role"]}) for w in e.words)) for e in one.gold.examples
    ]
    missing = {"semantic_role": "news has no columns of predicates and arguments"}
    one = one.replaced(gold=replace(one.gold, examples=tuple(bare), missing=missing))
    result = flow(one, n_permutations=20, n_resamples=20)
    verdict = rule.flow(result)
    assert verdict.outcome == "cannot be tested here"
    assert "semantic role (news has no columns of predicates and arguments)" in verdict.reason
    at_answer = result.families[(result.families.family == "semantic role") & (result.families["where"] == "answer")]
    assert at_answer.untested.tolist() == ["the texts have no such annotation"]
    assert "role" in set(result.profile.family)  # what is there is shown


@pytest.fixture
def real(shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A real model, SAEs that train in seconds, and texts with emotions; no treebank."""
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    labels = (shared_data("goemotions_ekman") / "labels.txt").read_text().split()
    with (shared_data("goemotions_ekman") / "dev.tsv").open(newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row[1].isdecimal()]
    table = pd.DataFrame([(row[0], labels[int(row[1])]) for row in rows if len(row[0]) < 90], columns=["text", "label"])
    table[table.label.isin(["joy", "anger"])][:500].to_csv(tmp_path / "texts.csv", index=False)
    model = str(shared_data("stories260K"))
    named = {"model": model, "corpus": str(tmp_path / "texts.csv")}
    lm = Study(StudySpec(sae=None, **named)).lm
    recipe = SaeRecipe(d_sae=96, k=24, n_tokens=40_000, pool=20_000)
    train_saes(lm, list(table.text), default_points(lm)[::3], recipe, out=tmp_path / "saes")
    return named | {"sae": str(tmp_path / "saes")}


@pytest.mark.realdata
def test_a_treebank_with_roles_speaks_about_every_stage(
    real: dict[str, str], shared_data: Callable[[str], Path]
) -> None:
    spec = StudySpec(**real, gold=str(shared_data("up_english_ewt")), limit=300).validate()
    found = checked(flow(Study(spec), n_permutations=20, n_resamples=20))
    rows = found.texts.set_index("stage")
    assert rows.n_tested[["syntax", "semantics", "emotion"]].to_list() == [2, 1, 1]
    assert rows.texts.to_dict() == dict.fromkeys(rows.index, "up_english_ewt") | {"emotion": "texts.csv"}
    assert rule.flow(found).outcome in (
        "partly",
        "does not replicate",
        "no power here",
        "reversed",
        "cannot be tested here",
    )


@pytest.mark.realdata
def test_the_chapter_is_executed_on_texts_of_two_kinds(
    real: dict[str, str], shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    few = {"limit": 300, "n_permutations": 20, "n_resamples": 20}
    planned = runner.prepare("flow", real | few | {"gold": str(shared_data("ud_english_ewt"))})
    executed = runner.execute(planned, tmp_path / "flow.ipynb")
    cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type in ("error", "stream")]
    glued = {o.metadata.scrapbook.name: o.data for o in outputs if "scrapbook" in o.get("metadata", {})}
    told = {name: str(next(iter(data.values()))).strip("'\"") for name, data in glued.items()}
    assert told["flow.outcome"] == "cannot be tested here"
    assert told["flow.texts"] == "ud_english_ewt and texts.csv"
