"""The model in the reader's browser: its numbers are Python's, and the page can be used."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch

from emomech.book import demo, pages
from emomech.book.checks import html as html_checks
from emomech.causal.patching import read_out
from emomech.causal.questions import Questions
from emomech.core.hook_points import HookPoint
from emomech.core.paths import CHECKOUT
from emomech.data.corpus import Example
from emomech.models.scoring import label_probabilities, label_tokens
from emomech.models.tokens import tokenize
from emomech.presets import lookup
from emomech.saes.edits import MoveFeatures
from emomech.study.prompts import ask
from emomech.study.study import Study

WITHIN = 1e-3
LINK = re.compile(r"\]\(([\w/]+\.(?:md|ipynb))\)")
TEXTS = [
    (
        "As planned, Nils assigned Hugo the chain. In the middle of it all, Simon's diary was smashed by the snow.",
        "Hugo",
    ),
    (
        "At the fixed hour, the earthquake poured spit onto my pillowcase. The snow may preserve the puppy of Jakob.",
        "I",
    ),
    (
        "Otto to Ralph: The zebra «ate» 3 naïve kites,\n\tdidn't it? 🐛 Otto to Ralph: The clerk sucked Kira's  sleeve.",
        "Kira",
    ),
    ("", "I"),
]
DEPTHS = (0, 4, 8)


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's page: of the book that EMOMECH_BOOK names, or of a book of this page and empty ones that it links to."""
    if named := os.environ.get("EMOMECH_BOOK"):
        return Path(named).resolve() / f"{demo.PAGE}.html"
    folder = tmp_path_factory.mktemp("demo")
    text = (CHECKOUT / f"{demo.PAGE}.md").read_text(encoding="utf-8")
    sources = pages.single_sources(CHECKOUT, CHECKOUT / f"{demo.PAGE}.md", folder)
    del sources["demo.ipynb"]
    linked = [f"book/{name}" for name in LINK.findall(text)]
    for name in linked:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            (folder / name).write_text("# Another page\n\n```{bibliography}\n```\n")
        else:
            nbformat.write(
                nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Another page")]), folder / name
            )
    chapters = [{"file": name.rsplit(".", 1)[0]} for name in linked]
    (folder / "_toc.yml").write_text(json.dumps({"format": "jb-book", "root": demo.PAGE, "chapters": chapters}))
    pages.render(
        sources | {f"{demo.PAGE}.md": CHECKOUT / f"{demo.PAGE}.md"} | {n: folder / n for n in linked}, folder / "html"
    )
    return folder / "html" / f"{demo.PAGE}.html"


class Demo:
    """The page, open, with what it complained of and asked for."""

    def __init__(self, browser: Any, page: Path, scheme: str = "light", width: int = 1440) -> None:
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 1000})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(page.as_uri())
        self.page.wait_for_selector("#demo-features li")

    def ask(self, text: str, person: str) -> None:
        """Put a question as a reader does who types."""
        self.page.fill("#demo-text", text)
        self.page.wait_for_function("text => window.emomech.shown.text === text", arg=text)
        if person in self.page.locator("#demo-person option").all_inner_texts():
            self.page.select_option("#demo-person", person)

    def look(self, depth: int) -> None:
        self.page.select_option("#demo-depth", str(depth))
        self.page.wait_for_function("depth => window.emomech.shown.depth === depth", arg=depth)

    @property
    def shown(self) -> Any:
        return self.page.evaluate("window.emomech.shown")

    def slide(self, feature: int, value: float) -> None:
        slider = self.page.locator(f'[data-feature="{feature}"] input')
        slider.evaluate("(s, value) => { s.value = value; s.dispatchEvent(new Event('input')) }", value)

    def height_with(self, example: str) -> int:
        """Height of the whole, in pixels, for an example."""
        self.page.select_option("#demo-example", example)
        return round(self.page.locator(".emo-demo").bounding_box()["height"])


@pytest.fixture(scope="session")
def opened(browser: Any, page: Path) -> Iterator[Demo]:
    """One page that several tests use in turn; each begins with its own question."""
    demo_page = Demo(browser, page)
    yield demo_page
    demo_page.context.close()


@pytest.fixture(scope="session")
def study() -> Study:
    return demo.demo_study()


def questions(study: Study, text: str, person: str) -> Questions:
    """The same question, asked in Python."""
    example = Example(text.strip(), study.corpus.labels[0], person)
    prompt = [ask(lookup.prompt("felt"), example)]
    ids = torch.from_numpy(label_tokens(study.lm, prompt, study.answers))
    texts = tuple(tokenize(study.lm, prompt))
    return Questions(study.lm, texts, ids, np.zeros(1, dtype=int), (example,), study.corpus.labels)


@pytest.mark.parametrize(("text", "person"), TEXTS, ids=["story", "diary", "unknown words", "no text"])
def test_its_numbers_are_those_of_python(opened: Demo, study: Study, text: str, person: str) -> None:
    opened.ask(text, person)
    asked = questions(study, text, person)
    assert opened.shown["person"] == person
    assert opened.shown["ids"] == list(asked.texts[0].ids)
    activations = asked.activations(list(study.saes), "answer")
    for depth, (point, x) in enumerate(activations.items()):
        expected = label_probabilities(read_out(asked, x))[0]
        np.testing.assert_allclose(opened.shown["readOuts"][depth], expected, atol=WITHIN, err_msg=str(point))
    np.testing.assert_allclose(opened.shown["readOuts"][-1], label_probabilities(asked.logits())[0], atol=WITHIN)
    for depth in DEPTHS:
        opened.look(depth)
        point = list(study.saes)[depth]
        features = study.saes[point].encode(activations[point])[0]
        found = torch.zeros_like(features)
        for feature, value in opened.shown["features"]:
            found[feature] = value
        torch.testing.assert_close(found, features, atol=WITHIN, rtol=WITHIN)


@pytest.mark.parametrize(("depth", "factor"), [(0, 0.0), (4, 4.0), (6, 0.0), (8, 2.5)])
def test_a_feature_that_fires_is_multiplied_as_in_python(opened: Demo, study: Study, depth: int, factor: float) -> None:
    opened.ask(*TEXTS[0])
    opened.look(depth)
    feature = int(opened.shown["features"][0][0])
    opened.slide(feature, factor)
    point = list(study.saes)[depth]
    edit = MoveFeatures(study.saes[point], [feature], factor=factor)
    asked = questions(study, *TEXTS[0])
    expected = label_probabilities(asked.logits({point: edit}, "answer"))[0]
    np.testing.assert_allclose(opened.shown["readOuts"][-1], expected, atol=WITHIN)
    assert np.abs(expected - label_probabilities(asked.logits())[0]).max() > WITHIN, "the edit changes nothing"
    opened.page.click("#demo-reset")


def test_a_silent_feature_is_added_as_in_python_and_stays_while_the_text_changes(opened: Demo, study: Study) -> None:
    depth, point = 7, HookPoint(6)
    opened.ask(*TEXTS[0])
    opened.look(depth)
    opened.page.select_option("#demo-silent", "joy")
    opened.page.click("#demo-add")
    feature = int(opened.page.locator("#demo-features li.demo-changed").get_attribute("data-feature"))
    assert feature not in [number for number, _ in opened.shown["features"]]
    opened.slide(feature, 1.5)
    use = demo.feature_uses(study, demo.demo_questions(study))[point]
    assert use.selective[feature] == "joy"
    edit = MoveFeatures(study.saes[point], [feature], factor=1.0, offset=1.5 * float(use.peak.half()[feature]))
    for text in TEXTS[:2]:
        opened.ask(*text)
        expected = label_probabilities(questions(study, *text).logits({point: edit}, "answer"))[0]
        np.testing.assert_allclose(opened.shown["readOuts"][-1], expected, atol=WITHIN)
    opened.page.click("#demo-reset")


def test_the_page_says_what_the_model_answers(opened: Demo) -> None:
    opened.ask(*TEXTS[0])
    shares = opened.shown["readOuts"][-1]
    rows = opened.page.locator("#demo-rows tr")
    names = [row.locator("th").inner_text() for row in rows.all()]
    label = names[int(np.argmax(shares))]
    assert opened.page.locator("#demo-answer").inner_text().startswith(f"Hugo felt {label}")
    assert rows.nth(0).locator("td").count() == 9 + 2
    assert opened.page.locator("#demo-answer").get_attribute("aria-live") == "polite"


def test_the_roles_of_an_example_are_exchanged_and_back(opened: Demo) -> None:
    opened.page.select_option("#demo-example", "2")
    before, person = opened.page.input_value("#demo-text"), opened.shown["person"]
    opened.page.click("#demo-exchange")
    assert opened.shown["text"] != before and sorted(opened.shown["text"]) == sorted(before)
    assert opened.shown["person"] == person and "By the rule of the grammar" in opened.page.inner_text("#demo-answer")
    opened.page.click("#demo-exchange")
    assert opened.shown["text"] == before


def test_unknown_words_and_long_texts_are_named(opened: Demo) -> None:
    opened.ask(*TEXTS[2])
    assert "zebra" in opened.page.inner_text("#demo-remark")
    assert opened.page.locator("#demo-marks").text_content() == TEXTS[2][0], "marks do not lie under their words"
    assert opened.page.locator(".demo-unknown").first.inner_text().strip() == "zebra"
    opened.page.fill("#demo-text", "The zebra waited. " * 30)
    opened.page.wait_for_function("document.getElementById('demo-remark').textContent.includes('reads 128 at most')")
    opened.ask(*TEXTS[0])
    assert opened.page.inner_text("#demo-remark") == ""


def test_the_model_answers_while_one_types(opened: Demo) -> None:
    text = "The bus may be late. " * 19
    opened.ask("Anna waited.", "Anna")
    before = opened.page.evaluate("performance.now()")
    opened.ask(text, "I")
    assert len(opened.shown["ids"]) > 110
    assert opened.page.evaluate("performance.now()") - before < 1500  # the pause, a whole text, and a loaded machine


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_whole_and_asks_nobody(browser: Any, page: Path, scheme: str, width: int) -> None:
    visit = Demo(browser, page, scheme, width)
    for depth in range(9):
        visit.look(depth)
    visit.page.click("#demo-add")
    wide = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"the page scrolls sideways by {wide} pixels"
    named = "e => e.labels?.length || e.ariaLabel || e.textContent.trim()"
    for control in visit.page.query_selector_all(".emo-demo :is(select, textarea, input, button)"):
        assert control.evaluate(named), control.evaluate("e => e.outerHTML")
    visit.page.click("#demo-reset")
    examples = visit.page.locator("#demo-example option").count()
    heights = {visit.height_with(str(example)) for example in range(examples)}
    assert len(heights) == 1, "the layout jumps"
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
    assert [problem for problem in html_checks.html_problems(page.parents[1]) if problem.startswith(demo.PAGE)] == []
    visit.context.close()
