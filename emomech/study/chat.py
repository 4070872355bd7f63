"""Put a question into a user's turn of the model's chat template; the answer begins the assistant's turn.

The template is rendered once, around a placeholder, so that the position of the text in the prompt is known. A BOS that
the template writes as text is removed, because `models.tokens` adds one to every prompt. The answer begins with the
white space that the template itself puts between the assistant's marker and its words.
"""

from dataclasses import dataclass
from typing import Any

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.presets.kinds import PromptPreset

_QUESTION, _ANSWER = "EMOMECH-QUESTION", "EMOMECH-ANSWER"
_DATE = "26 Jul 2024"
"""Date in Llama's template, which is its default; today's date would change results from day to day."""


@dataclass(frozen=True)
class Turns:
    """The texts that a chat template puts around a question and its answer."""

    before: str
    """Before the question, without the BOS."""
    after: str
    """After the question, up to where the assistant's turn begins."""
    lead: str
    """White space before the assistant's first word."""
    end: str
    """After the assistant's last word."""


def turns(lm: LanguageModel) -> Turns:
    """Read the chat template of a model. Raises UsageError if it has none, or one that changes the question."""
    if not lm.tokenizer.chat_template:
        raise UsageError(f"model {lm.name!r}: its tokenizer has no chat template, but its preset sets chat.")
    question = {"role": "user", "content": _QUESTION}
    prompt = _rendered(lm, [question], True)
    whole = _rendered(lm, [question, {"role": "assistant", "content": _ANSWER}], False)
    if prompt.count(_QUESTION) != 1 or not whole.startswith(prompt) or whole.count(_ANSWER) != 1:
        raise UsageError(
            f"model {lm.name!r}: its chat template does not put a question, and its answer after it, without changing "
            "them. Give the model's folder instead of a preset that sets chat."
        )
    before, after = prompt.split(_QUESTION)
    lead, end = whole.removeprefix(prompt).split(_ANSWER)
    return Turns(before.removeprefix(str(lm.tokenizer.bos_token or "")), after, lead, end)


def spoken(prompt: PromptPreset, template: Turns) -> PromptPreset:
    """Put a prompt into a user's turn: its `chat` question if it has one, or else its template."""
    question = (prompt.chat or prompt.template).strip()
    return prompt.model_copy(
        update={
            "template": f"{_literal(template.before)}{question}{_literal(template.after)}",
            "answer": f"{_literal(template.lead)}{prompt.answer.strip()}",
            "answer_end": template.end,
        }
    )


def _rendered(lm: LanguageModel, messages: list[dict[str, str]], begin: bool) -> str:
    """Render messages; with `begin`, start the assistant's turn. Raises UsageError for a template that fails."""
    from jinja2 import TemplateError

    tokenizer: Any = lm.tokenizer
    options = {"add_generation_prompt": begin, "date_string": _DATE, "enable_thinking": False}
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except TemplateError as error:
        raise UsageError(f"model {lm.name!r}: its chat template cannot be used: {error}.") from error


def _literal(text: str) -> str:
    """Escape a text for `str.format`."""
    return text.replace("{", "{{").replace("}", "}}")
