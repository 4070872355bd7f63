"""A question as a user's turn, in the chat template that belongs to the model; its answer begins the assistant's turn.

The template is rendered once, around a mark, so that it is known where in the prompt the text stands. It holds the BOS
as text, which is taken off, as `tokens` puts one before every prompt: twice would be another prompt. Whether a space
stands before the answer is what the template itself puts between the assistant's mark and its words.
"""

from dataclasses import dataclass
from typing import Any

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.presets.kinds import PromptPreset

_QUESTION, _ANSWER = "EMOMECH-QUESTION", "EMOMECH-ANSWER"
_DATE = "26 Jul 2024"
"""The day that Llama's template names where nobody says one; that of today would change the results."""


@dataclass(frozen=True)
class Turns:
    """What a chat template puts around a question and its answer."""

    before: str
    """Before the question, without the BOS."""
    after: str
    """After it, up to where the assistant is to begin."""
    lead: str
    """White space before the assistant's first word."""
    end: str
    """After its last."""


def turns(lm: LanguageModel) -> Turns:
    """Read the chat template of a model. Raises UsageError where there is none, or one that changes the question."""
    if not lm.tokenizer.chat_template:
        raise UsageError(f"model {lm.name!r}: its tokenizer has no chat template, and its preset says chat.")
    asked = {"role": "user", "content": _QUESTION}
    prompt = _rendered(lm, [asked], True)
    whole = _rendered(lm, [asked, {"role": "assistant", "content": _ANSWER}], False)
    if prompt.count(_QUESTION) != 1 or not whole.startswith(prompt) or whole.count(_ANSWER) != 1:
        raise UsageError(
            f"model {lm.name!r}: its chat template does not put a question, and its answer after it, as they are. Take "
            "the model's folder as it is, without a preset that says chat."
        )
    before, after = prompt.split(_QUESTION)
    lead, end = whole.removeprefix(prompt).split(_ANSWER)
    return Turns(before.removeprefix(str(lm.tokenizer.bos_token or "")), after, lead, end)


def spoken(prompt: PromptPreset, found: Turns) -> PromptPreset:
    """Put a prompt into a user's turn: what it asks in a chat, or else its template."""
    question = (prompt.chat or prompt.template).strip()
    return prompt.model_copy(
        update={
            "template": f"{_literal(found.before)}{question}{_literal(found.after)}",
            "answer": f"{_literal(found.lead)}{prompt.answer.strip()}",
            "answer_end": found.end,
        }
    )


def _rendered(lm: LanguageModel, messages: list[dict[str, str]], begin: bool) -> str:
    from jinja2 import TemplateError

    tokenizer: Any = lm.tokenizer
    options = {"add_generation_prompt": begin, "date_string": _DATE, "enable_thinking": False}
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except TemplateError as error:
        raise UsageError(f"model {lm.name!r}: its chat template cannot be used: {error}.") from error


def _literal(text: str) -> str:
    """Write a text so that `str.format` leaves it as it is."""
    return text.replace("{", "{{").replace("}", "}}")
