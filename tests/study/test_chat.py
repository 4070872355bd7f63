"""A chat model is asked in its own template: one BOS, the template's tokens, and the text at the right position."""

import copy
from dataclasses import replace

import pytest
import tiny
from transformers import PreTrainedTokenizerFast

from emomech.causal.questions import Questions
from emomech.causal.steering.baselines import few_shot
from emomech.core.errors import UsageError
from emomech.data.corpus import Example, make
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.scoring import label_log_probs
from emomech.models.tokens import tokenize
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset, PromptPreset
from emomech.study.chat import Turns, spoken, turns
from emomech.study.prompts import answer, ask, text_start
from emomech.study.spec import StudySpec
from emomech.study.study import Study

GEMMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else 'user') + "
    "'\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ '<head>system<tail>\n\nToday: ' + date_string + '<end_of_turn>' }}"
    "{% for m in messages %}{{ '<head>' + m['role'] + '<tail>\n\n' + m['content'] | trim + '<end_of_turn>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<head>assistant<tail>\n\n' }}{% endif %}"
)
CHATML = (
    "{% for m in messages %}{{ '<start_of_turn>' + m['role'] + '\n' + m['content'] + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>assistant\n' }}{% endif %}"
)
BRACKETS = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '<head>{x} ' + m['content'] + '<tail>' }}"
    "{% else %}{{ ' ' + m['content'] + '<end_of_turn>' }}{% endif %}{% endfor %}"
)
TEMPLATES = {"gemma": GEMMA, "llama": LLAMA, "chatml": CHATML, "brackets": BRACKETS}
EXAMPLES = (
    Example("Ana lost the race and cried.", "sad", person="Ana"),
    Example("Zoë's café {x}  closed,\nand Ben felt 🙂 glad.", "joy", person="Ben"),
    Example("When Eva came home, nobody was there.", "sad", person="Eva"),
    Example("Ben was glad to meet her", "joy", person="Ben"),
)
ASKED = PromptPreset(summary="", template="{text} {person} felt", chat="Text: {text}\nHow did {person} feel?")


def talker(template: str, prepend_bos: bool = True, base: PreTrainedTokenizerFast | None = None) -> LanguageModel:
    """A random model whose tokenizer adds a BOS, and whose chat template writes another one."""
    tokenizer = copy.deepcopy(base or tiny.byte_level(True))
    marks = ["<start_of_turn>", "<end_of_turn>", "<head>", "<tail>"]
    tokenizer.add_tokens(marks, special_tokens=True)
    tokenizer.chat_template = template
    module = tiny.random_module("llama", **tiny.WIDE)
    return wrap("m", module, tokenizer, prepend_bos)


@pytest.fixture(params=TEMPLATES)
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    return talker(TEMPLATES[request.param], request.param != "chatml")


def test_tokens_are_those_of_the_template(lm: LanguageModel) -> None:
    prompt = spoken(ASKED, turns(lm))
    for example in EXAMPLES:
        question = ASKED.chat.format(text=example.text, person=example.person)
        messages = [{"role": "user", "content": question}]
        options = {"add_generation_prompt": True, "date_string": "26 Jul 2024", "return_dict": True}
        expected = lm.tokenizer.apply_chat_template(messages, **options)["input_ids"]
        (actual,) = tokenize(lm, [ask(prompt, example)])
        assert list(actual.ids) == expected
        assert actual.ids.count(lm.tokenizer.bos_token_id) == lm.prepend_bos


def test_words_are_found_where_they_stand_in_the_text(lm: LanguageModel) -> None:
    prompt = spoken(ASKED, turns(lm))
    for example in EXAMPLES:
        question = ask(prompt, example)
        start = text_start(prompt, example)
        assert question[start:].startswith(example.text)
        (tokens,) = tokenize(lm, [question])
        text = tokens.counted_from(start)
        for word in make("c", [example, EXAMPLES[0], EXAMPLES[1]]).examples[0].words:
            at = text.token_at(word.start, word.end)
            first, last = tokens.spans[at]
            assert text.spans[at][0] < word.end <= text.spans[at][1]
            assert question[first:last].strip() in example.text[word.start : word.end] or last == start + word.end


def test_marks_of_the_template_are_no_content(lm: LanguageModel) -> None:
    (text,) = tokenize(lm, [ask(spoken(ASKED, turns(lm)), EXAMPLES[0])])
    hidden = {lm.tokenizer.convert_ids_to_tokens(i) for i, special in zip(text.ids, text.special) if special}
    assert hidden <= {"<bos>", "<start_of_turn>", "<end_of_turn>", "<head>", "<tail>"} and len(hidden) > 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gemma", Turns("<start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n", "", "<end_of_turn>\n")),
        ("brackets", Turns("<head>{x} ", "<tail>", " ", "<end_of_turn>")),
    ],
)
def test_a_space_before_the_answer_is_what_the_template_puts_there(name: str, expected: Turns) -> None:
    actual = turns(talker(TEMPLATES[name]))
    assert actual == expected
    assert answer(spoken(ASKED, actual), "joy") == f"{expected.lead}joy"


def test_a_prompt_that_has_no_question_for_a_chat_is_asked_as_it_is() -> None:
    prompt = spoken(ASKED.model_copy(update={"chat": ""}), turns(talker(GEMMA)))
    assert "user\nAna lost the race and cried. Ana felt<end_of_turn>" in ask(prompt, EXAMPLES[0])


def test_the_day_of_the_year_does_not_matter() -> None:
    assert "Today: 26 Jul 2024" in turns(talker(LLAMA)).before


@pytest.mark.parametrize(
    ("template", "match"),
    [
        ("", "no chat template"),
        ("{{ raise_exception('only for tools') }}", "cannot be used: only for tools"),
        ("{{ messages[0]['content'] | lower }}", "does not put a question"),
        ("{{ messages[0]['content'] }}{{ messages[0]['content'] }}", "does not put a question"),
    ],
)
def test_a_template_that_cannot_ask_is_told(template: str, match: str) -> None:
    with pytest.raises(UsageError, match=f"model 'm': .*{match}"):
        turns(talker(template))


@pytest.fixture
def study(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of a chat model, from the spec down to the tokens."""
    monkeypatch.setattr(lookup, "model", lambda name: ModelPreset(summary="", path=name, chat=True, sae="organism"))
    monkeypatch.setattr(lookup, "prompt", lambda name: ASKED)
    chat_study = Study(StudySpec(controls="none"))
    labels = {"sad": "sad", "joy": "joy"}
    chat_study = chat_study.replaced(lm=lm, corpus=make("texts", EXAMPLES, labels), emotions=labels)
    return chat_study


def test_a_study_asks_scores_and_reads_in_the_template(study: Study) -> None:
    lead = turns(study.lm).lead
    assert study.answers == [f"{lead}sad", f"{lead}joy"]
    scores = label_log_probs(study.lm, study.prompts, study.answers)
    assert scores.shape == (4, 2) and (scores < 0).all()
    questions = Questions.of(study, range(4))
    assert questions.logits().shape == (4, 2)
    assert [places[-1] for places in questions.positions("everywhere")] == [
        len(text.ids) - 1 for text in questions.texts
    ]
    assert [len(places) for places in questions.positions("answer")] == [1] * 4
    for text, example, whole in zip(study.tokens, EXAMPLES, questions.texts, strict=True):
        assert text.ids == whole.ids
        word = study.corpus.examples[EXAMPLES.index(example)].words[0]
        assert text.spans[text.token_at(word.start, word.end)][1] >= word.end


def test_worked_examples_are_turns_of_their_own(study: Study) -> None:
    questions = few_shot(study, [0], [2, 3])
    end, bos = turns(study.lm).end, study.lm.tokenizer.bos_token_id
    closes = study.lm.tokenizer.convert_tokens_to_ids("<end_of_turn>")
    assert end.startswith("<end_of_turn>")
    assert questions.texts[0].ids.count(bos) == study.lm.prepend_bos
    alone = Questions.of(study, [0]).texts[0].ids.count(closes)
    assert questions.texts[0].ids.count(closes) == 3 * alone + 2
    assert questions.texts[0].ids[-5:] == Questions.of(study, [0]).texts[0].ids[-5:]


def test_a_prompt_with_words_before_the_text_counts_from_the_text() -> None:
    """This needs no chat model."""
    lm = replace(talker(GEMMA), name="plain")
    prompt = PromptPreset(summary="", template="{person}: {text}\nEmotion:")
    (text,) = tokenize(lm, [ask(prompt, EXAMPLES[0])])
    actual = text.counted_from(text_start(prompt, EXAMPLES[0]))
    at = actual.token_at(0, 3)
    assert actual.spans[at] == (0, 3) or actual.spans[at][1] == 3
    assert text.spans[at][1] == 8
