"""One read per text, equally many per family, and a reason for each family that cannot be tested."""

from dataclasses import replace

import numpy as np
import pytest

from emomech.chapters.flow.reads import MIN_CLASS, MIN_READS, STAGES, choose_reads, stage_of
from emomech.data.corpus import Example, Word
from emomech.models.tokens import TokenizedText


def example(i: int, cluster: str = "", tagged: bool = True) -> Example:
    """ "ab cd", the first word tagged by turns subject and object."""
    role = {"role": ["subject", "object"][i % 2]} if tagged else {}
    words = (Word(0, 2, role), Word(3, 5, {}))
    return Example("ab cd", ["joy", "fear"][i // 2 % 2], cluster=cluster or str(i), words=words, answer_tags=role)


QUESTION = TokenizedText(ids=(0, 1, 2, 3), spans=((0, 0), (0, 2), (2, 5), (5, 6)), special=(True, False, False, False))


def read(examples: list[Example], seed: int = 0) -> tuple[dict, dict]:
    tested, untested = choose_reads(examples, [QUESTION] * len(examples), seed)
    return {(r.where, r.family): r for r in tested}, {(u.where, u.family): u.reason for u in untested}


def test_families_of_a_place_have_equally_many_reads() -> None:
    examples = [example(i, tagged=i < 300) for i in range(500)]
    tested, _ = read(examples)
    assert {key: len(r.text) for key, r in tested.items()} == dict.fromkeys(
        [("words", "word"), ("words", "role"), ("words", "emotion"), ("answer", "role"), ("answer", "emotion")], 300
    )


def test_a_text_is_read_once_and_a_cluster_too() -> None:
    tested, _ = read([example(i, cluster=str(i // 2)) for i in range(600)])
    for reading in tested.values():
        assert len(set((reading.text // 2).tolist())) == len(reading.text) == 300


def test_the_last_token_of_the_word_is_read_and_at_the_answer_the_last_of_all() -> None:
    tested, _ = read([example(i) for i in range(200)])
    assert set(tested["words", "role"].token.tolist()) == {1}
    assert set(tested["words", "emotion"].token.tolist()) == {1, 2}
    assert set(tested["answer", "emotion"].token.tolist()) == {3}


def test_a_word_whose_last_token_is_massive_is_not_read() -> None:
    examples = [example(i) for i in range(200)]
    massive = replace(QUESTION, sinks=frozenset({1}))
    tested, _ = choose_reads(examples, [massive] * len(examples), seed=0)
    tokens = {(reading.where, reading.family): set(reading.token.tolist()) for reading in tested}
    assert tokens["words", "emotion"] == {2} and ("words", "role") not in tokens
    assert tokens["answer", "emotion"] == {3}


def test_labels_are_those_of_the_text_that_is_read() -> None:
    examples = [example(i) for i in range(200)]
    tested, _ = read(examples)
    reading = tested["answer", "emotion"]
    assert [reading.classes[label] for label in reading.label] == [examples[text].label for text in reading.text]


def test_strata_are_the_words_except_for_token_identity() -> None:
    tested, _ = read([example(i) for i in range(200)])
    assert set(tested["words", "emotion"].strata) == {"ab", "cd"}
    assert set(tested["words", "word"].strata) == {""}
    assert set(tested["answer", "emotion"].strata) == {""}


def test_what_a_corpus_does_not_annotate_is_said() -> None:
    _, untested = read([example(i, tagged=False) for i in range(200)])
    assert untested["words", "voice"] == "the texts have no such annotation"


def test_small_classes_are_left_out_and_too_few_reads_are_said() -> None:
    few = [example(i) for i in range(MIN_READS - 1)]
    _, untested = read(few)
    assert untested["words", "role"] == f"{MIN_READS - 1} labelled texts, {MIN_READS} are needed"
    rare = [example(0) if i < MIN_CLASS - 1 else example(3) for i in range(200)]
    _, untested = read([Example(**(vars(e) | {"cluster": str(i)})) for i, e in enumerate(rare)])
    assert untested["answer", "emotion"] == f"fewer than two classes have {MIN_CLASS} texts or more"


def test_the_seed_decides_which_words_are_read() -> None:
    examples = [example(i) for i in range(200)]
    same = [read(examples, seed=s)[0]["words", "emotion"].token for s in (0, 0, 1)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()


@pytest.mark.parametrize("stage", STAGES)
def test_every_family_has_its_stage(stage: str) -> None:
    assert {stage_of(family) for family in STAGES[stage]} == {stage}
