"""The training of the embedded model: what a batch holds, when a phase ends, and that an interruption changes nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from emomech.core.errors import UsageError
from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.organism import learning_curve, network
from emomech.organism.curriculum import OTHER_WEIGHT, RECALL, WORTH, Answer, Lesson, lesson
from emomech.organism.recipe import Recipe
from emomech.organism.training_loop import SOLVED_STEPS, EncodedLesson, Progress, Training, _right, collated, encoded

TINY = Recipe(d_model=16, n_layers=2, n_heads=2, batch=4, binding=2, appraisal=2, grammar=4)


def quiet(text: str) -> None: ...


def always_right(training: Training, monkeypatch: pytest.MonkeyPatch, share: float = 1.0) -> None:
    """Let each step report 100 answers of drills, that share of which is right."""
    monkeypatch.setattr(training, "step", lambda phase, step: (1.0, {RECALL: [round(100 * share), 100]}))


def test_answers_weigh_1_and_are_what_the_lessons_ask_for() -> None:
    training = Training(TINY, 0)
    batch = training.batch("binding", 0)
    words = training.tokenizer.convert_ids_to_tokens(batch.input_ids[batch.answer >= 0].tolist())
    assert {word.removeprefix("Ġ") for word in words} <= set(EMOTION_NOUNS)
    assert len(words) == len(batch.kinds) and set(batch.kinds) == {RECALL}
    assert (batch.weight[batch.answer >= 0] == 1).all()
    others = (batch.answer < 0) & (batch.input_ids != network.PAD_ID)
    others[:, 0] = False
    assert torch.allclose(batch.weight[others], torch.tensor(OTHER_WEIGHT["binding"]))
    assert not batch.weight[batch.input_ids == network.PAD_ID].any()


def test_a_batch_is_padded_at_its_end() -> None:
    batch = collated([EncodedLesson([0, 5, 6, 7], [(2, 4, "a")]), EncodedLesson([0, 8], [(1, 2, "b")])], 0.5)
    assert batch.input_ids.tolist() == [[0, 5, 6, 7], [0, 8, network.PAD_ID, network.PAD_ID]]
    assert batch.answer.tolist() == [[-1, -1, 0, 0], [-1, 1, -1, -1]]
    assert batch.weight.tolist() == [[0, 0.5, 1, 1], [0, 1, 0, 0]]
    assert batch.kinds == ("a", "b")


def test_an_answer_of_two_words_is_two_tokens() -> None:
    training, text = Training(TINY, 0), "What broke the cage? The rain."
    (one,) = encoded(training.tokenizer, [Lesson(text, (Answer(21, 29, "who did it"),))])
    ((start, end, kind),) = one.answers
    assert training.tokenizer.decode(one.ids[start:end]).strip() == "The rain"
    assert kind == "who did it"


def test_an_answer_is_right_only_if_all_its_tokens_are() -> None:
    assert _right(("a", "b", "a"), [0, 0]) == {"a": [1, 2], "b": [1, 1]}


def test_batches_of_a_window_are_different_texts_of_the_same_lessons() -> None:
    training = Training(TINY, 0)
    batches = [training.batch("grammar", step).input_ids for step in range(16)]
    seen = {tuple(id_ for id_ in row if id_ != network.PAD_ID) for batch in batches for row in batch.tolist()}
    total = TINY.batch * TINY.grammar
    drawn = encoded(training.tokenizer, [lesson("grammar", 0, i, i / total) for i in range(64)])
    assert seen == {tuple(one.ids) for one in drawn}


def test_the_rate_rises_and_falls_within_its_phase() -> None:
    rate = Recipe(binding=100, appraisal=100, grammar=100).rate
    assert rate("binding", 0) < rate("binding", 25) < rate("binding", 60) == pytest.approx(1e-3)
    assert rate("appraisal", 0) == rate("appraisal", 99) == rate("grammar", 0) == pytest.approx(1e-3)
    assert rate("grammar", 50) == pytest.approx(5.5e-4)
    assert rate("grammar", 10) > rate("grammar", 99) == pytest.approx(1e-4, rel=0.02)


def test_phases_of_drills_end_when_solved_and_the_last_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(replace(TINY, binding=100, appraisal=100, grammar=60), 0)
    always_right(training, monkeypatch)
    training.run(tmp_path / "checkpoint.pt", quiet)
    assert training.progress.transitions == [
        {"phase": "binding", "steps": SOLVED_STEPS, "solved": True},
        {"phase": "appraisal", "steps": SOLVED_STEPS, "solved": True},
        {"phase": "grammar", "steps": 60, "solved": False},
    ]
    assert [(row["step"], row["phase"]) for row in training.progress.curve] == [
        (20, "binding"),
        (40, "appraisal"),
        (100, "grammar"),
    ]
    assert [row["right"] for row in training.progress.curve] == [{RECALL: [n, n]} for n in (2000, 2000, 6000)]


def test_a_phase_that_is_not_solved_ends_at_its_most_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(replace(TINY, binding=30, appraisal=0), 0)
    always_right(training, monkeypatch, share=0.97)
    training.run(tmp_path / "checkpoint.pt", quiet)
    assert training.progress.transitions[:2] == [
        {"phase": "binding", "steps": 30, "solved": False},
        {"phase": "appraisal", "steps": 0, "solved": False},
    ]


def test_only_the_latest_drills_decide() -> None:
    progress = Progress()
    for n_right in (0, *[10] * SOLVED_STEPS):
        assert not progress.drills or not progress.solved()
        progress.count(1.0, {RECALL: [n_right, 10], WORTH: [n_right, 10], "who did it": [0, 10]})
    assert progress.solved()


def test_the_curve_counts_every_token_and_answer_once(tmp_path: Path) -> None:
    training, twin = Training(TINY, 0), Training(TINY, 0)
    training.run(tmp_path / "checkpoint.pt", quiet)
    learning_curve.write(tmp_path / "training.json", {"curve": training.progress.curve, "seed": 0})
    record = learning_curve.read(tmp_path / "training.json")
    assert record == {"curve": json.loads(json.dumps(training.progress.curve)), "seed": 0}
    curve = record["curve"]
    assert [row["phase"] for row in curve] == ["binding", "appraisal", "grammar"]
    steps = [("binding", 0), ("binding", 1), ("appraisal", 0), ("appraisal", 1)]
    batches = [twin.batch(phase, step) for phase, step in steps]
    assert curve[1]["tokens"] == sum(int((batch.input_ids != network.PAD_ID).sum()) for batch in batches)
    assert curve[0]["right"][RECALL][1] == sum(len(batch.kinds) for batch in batches[:2])


def test_the_loss_is_the_weighted_cross_entropy_of_the_plain_model() -> None:
    training = Training(TINY, 0)
    batch = training.batch("grammar", 0)
    mask = (batch.input_ids != network.PAD_ID).long()
    with torch.no_grad():
        logits = training.network(input_ids=batch.input_ids, attention_mask=mask).logits[:, :-1]
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch.input_ids[:, 1:], reduction="none")
    weight = batch.weight[:, 1:]
    loss, right = training.step("grammar", 0)
    assert loss == pytest.approx(float((each * weight).sum() / weight.sum()), rel=0.01)
    hit = logits.argmax(-1) == batch.input_ids[:, 1:]
    answers = [hit[batch.answer[:, 1:] == i].all() for i in range(len(batch.kinds))]
    assert sum(counts[0] for counts in right.values()) == sum(map(int, answers))


def test_what_is_saved_is_a_plain_model(tmp_path: Path) -> None:
    training = Training(TINY, 0)
    training.network.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(loaded).__name__ == "GPT2LMHeadModel"
    assert loaded.config._attn_implementation == "sdpa"
    assert torch.equal(loaded.lm_head.weight, training.network.lm_head.weight)


@pytest.mark.parametrize("stop", [1, 5, 6])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setattr("emomech.organism.training_loop._SAVE_EVERY", 3)
    whole = Training(TINY, 0)
    whole.run(tmp_path / "whole.pt", quiet)
    broken = Training(TINY, 0)
    step = broken.step
    monkeypatch.setattr(broken, "step", lambda phase, i: 1 / 0 if broken.progress.done == stop else step(phase, i))
    with pytest.raises(ZeroDivisionError):
        broken.run(tmp_path / "broken.pt", quiet)
    resumed = Training(TINY, 0)
    resumed.run(tmp_path / "broken.pt", quiet)
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name
    assert whole.progress == resumed.progress


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    Training(TINY, 0).run(tmp_path / "checkpoint.pt", quiet)
    with pytest.raises(UsageError, match="was begun with grammar 4"):
        Training(replace(TINY, grammar=5), 0).run(tmp_path / "checkpoint.pt", quiet)
