"""The demo's scripts hold the shipped model and nothing else, and describe features correctly."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emomech.book import demo, pages
from emomech.core.hook_points import HookPoint
from emomech.core.paths import CHECKOUT, PACKAGE
from emomech.data.grammar.lexicon import EMOTION_NOUNS, persons
from emomech.data.grammar.vignettes import STUDY_ONE_IN, bag_hash
from emomech.saes.controls import dimensions
from emomech.study.study import Study

SHIPPED = PACKAGE / "organism" / "weights" / "default"
SCRIPT = re.compile(r"window\.emomech \?\?= \{ saes: \{\} \};\nemomech\.([\w\[\]]+) = (.*);\n", re.DOTALL)
N_OF_EACH = 8


@pytest.fixture(scope="module")
def study() -> Study:
    return demo.demo_study()


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory, study: Study) -> dict[str, Any]:
    """Name and value that each script sets; features are described from few texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "N_OF_EACH", N_OF_EACH)
        patch.setattr(demo, "demo_study", lambda: study)
        files = demo.export(tmp_path_factory.mktemp("demo") / "new")
    matches = [SCRIPT.fullmatch(file.read_text(encoding="utf-8")) for file in files]
    assert sum(file.stat().st_size for file in files) < 8.5e6
    return {match[1]: json.loads(match[2]) for match in matches if match}


def tensors(part: dict[str, Any]) -> dict[str, np.ndarray]:
    """Tensors of a part, read as the page reads them."""
    numbers = np.frombuffer(base64.b64decode(part["data"]), dtype="<f2")
    sizes = [int(np.prod(shape)) for _, shape in part["tensors"]]
    assert sum(sizes) == len(numbers)
    pieces = np.split(numbers, np.cumsum(sizes)[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(part["tensors"], pieces, strict=True)}


def test_there_is_a_script_for_the_model_and_one_for_each_depth(scripts: dict[str, Any], study: Study) -> None:
    assert list(scripts) == ["model", *(f"saes[{depth}]" for depth in range(study.lm.n_layers + 1))]


def test_weights_are_those_that_ship_bit_for_bit(scripts: dict[str, Any]) -> None:
    files = {"model": SHIPPED / "model" / "model.safetensors"}
    files |= {
        name: SHIPPED / "saes" / part["point"] / "sae_weights.safetensors"
        for name, part in scripts.items()
        if name != "model"
    }
    for name, file in files.items():
        exported = tensors(scripts[name])
        for weight, stored in demo.shipped_tensors(file).items():
            assert stored.dtype == torch.float16
            np.testing.assert_array_equal(exported[weight], stored.numpy(), err_msg=f"{name}: {weight}")


def test_the_model_comes_with_its_words(scripts: dict[str, Any], study: Study) -> None:
    model, tokenizer = scripts["model"], study.lm.tokenizer
    assert tokenizer.convert_tokens_to_ids(model["vocabulary"]) == list(range(study.lm.vocab_size))
    assert [tokenizer.decode([token]) for token in model["labels"].values()] == [f" {word}" for word in EMOTION_NOUNS]
    assert list(model["colours"]) == list(model["labels"]) and len(set(model["colours"].values())) == len(EMOTION_NOUNS)
    seen = set(tokenizer.convert_ids_to_tokens(model["seen"]))
    assert {"ĠAnna", "Ġfelt", "'s", ".", ",", ":"} <= seen and not {"ß", "Ġ", "!"} & seen


def test_features_are_described_by_what_they_do_at_the_answer(scripts: dict[str, Any], study: Study) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "N_OF_EACH", N_OF_EACH)
        questions = demo.demo_questions(study)
    assert np.bincount(questions.gold).tolist() == [N_OF_EACH] * len(EMOTION_NOUNS)
    for depth in (0, 5, 8):
        part = scripts[f"saes[{depth}]"]
        point = list(study.saes)[depth]
        assert part["point"] == str(point) and part["k"] == study.saes[point].k
        fired = study.saes[point].encode(questions.activations([point], "answer")[point]).numpy()
        exported = tensors(part)
        np.testing.assert_allclose(exported["peak"], fired.max(0), rtol=2e-3, atol=1e-4)
        for label in range(len(EMOTION_NOUNS)):
            np.testing.assert_allclose(
                exported["means"][label], fired[questions.gold == label].mean(0), rtol=2e-3, atol=1e-4
            )
        assert set(part["selective"]) <= {"", *EMOTION_NOUNS} and len(part["selective"]) == len(exported["peak"])
        assert not any(label for label, peak in zip(part["selective"], exported["peak"], strict=True) if peak == 0)


class FakeQuestions:
    """The part of `Questions` that describes features."""

    labels = ("joy", "anger")

    def __init__(self, gold: np.ndarray) -> None:
        self.gold = gold

    def __len__(self) -> int:
        return len(self.gold)


def test_a_feature_is_selective_for_the_emotion_that_alone_makes_it_fire() -> None:
    gold = np.repeat([0, 1], 50)
    noise = torch.rand(100, 1, generator=torch.Generator().manual_seed(0))
    x = torch.cat([torch.zeros(100, 1), noise, torch.from_numpy(gold == 1).float()[:, None] + noise], dim=1)
    questions: Any = FakeQuestions(gold)
    use = demo._use(dimensions([HookPoint(0)], 3)[HookPoint(0)], x, questions)
    assert use.selective[:3] == ("", "", "anger")
    assert use.peak[:3].tolist() == pytest.approx(x.max(0).values.tolist())


def test_examples_are_texts_of_the_study_whose_persons_can_change_places() -> None:
    examples = demo.examples()
    emotions = [example["feels"][example["person"]] for example in examples if example["style"] == "story"]
    assert emotions == list(EMOTION_NOUNS)
    assert [example["style"] for example in examples[len(emotions) :]] == ["diary", "dialogue"]
    for example in examples:
        assert all(bag_hash(text) % STUDY_ONE_IN == 0 for text in (example["text"], example["exchanged"]["text"]))
        first, second = example["feels"]
        assert example["exchanged"]["feels"] == {first: example["feels"][second], second: example["feels"][first]}
        assert example["feels"][first] != example["feels"][second]
        if example["style"] != "diary":
            swapped = {first: second, second: first}
            text = re.sub(r"\w+", lambda word, names=swapped: names.get(word[0], word[0]), example["text"])
            assert text == example["exchanged"]["text"] and {first, second} <= set(persons())


def test_pages_are_made_again_when_the_scripts_would_be_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "demo.md"
    page.write_text("# A page\n")
    with_page, without = {"book/demo.md": page}, {"book/other.md": page}
    before = pages.key_of(with_page), pages.key_of(without)
    monkeypatch.setattr(demo, "key", lambda: "another")
    assert pages.key_of(with_page) != before[0] and pages.key_of(without) == before[1]


def test_the_script_finds_all_that_it_fills_in_the_page() -> None:
    text = (CHECKOUT / "book" / "demo.md").read_text(encoding="utf-8")
    script = (CHECKOUT / "book" / "assets" / "demo.js").read_text(encoding="utf-8")
    wanted = set(re.findall(r'\bat\("([\w-]+)"\)', script))
    assert wanted and wanted <= set(re.findall(r'id="demo-([\w-]+)"', text))
    assert "http" not in text.split("```")[1] and "http" not in script
