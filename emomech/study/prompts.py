"""Prompts: a text becomes a question whose continuation is the word of a label."""

from string import Formatter

from emomech.core.errors import UsageError
from emomech.data.corpus import Example
from emomech.presets.kinds import PromptPreset

_FIELDS = {"text", "person"}


def ask(prompt: PromptPreset, example: Example) -> str:
    """Fill the template with the example's text and person.

    Raises UsageError for a template with another field, and for one with {person} if the example names none.

    Example:
        >>> from emomech.data.corpus import Example
        >>> from emomech.presets import lookup
        >>> from emomech.study.prompts import answer, ask
        >>> prompt = lookup.prompt("felt")
        >>> ask(prompt, Example("Ana lost the race.", "sadness", person="Ana")), answer(prompt, "sad")
        ('Ana lost the race. Ana felt', ' sad')
    """
    fields = {name for _, name, _, _ in Formatter().parse(prompt.template) if name is not None}
    if strange := fields - _FIELDS:
        raise UsageError(f"prompt {prompt.template!r}: has {sorted(strange)}, expected only {{text}} and {{person}}.")
    if "person" in fields and not example.person:
        raise UsageError(
            f"prompt {prompt.template!r}: asks for a person, but a text of the corpus names none. Add a "
            "`person` column, or take a prompt without {person}: plain, question."
        )
    return prompt.template.format(text=example.text, person=example.person)


def text_start(prompt: PromptPreset, example: Example) -> int:
    """Return the position in the prompt, in characters, at which the example's text begins."""
    return len(prompt.template.partition("{text}")[0].format(person=example.person))


def answer(prompt: PromptPreset, word: str) -> str:
    """Return the continuation of the prompt for a label's word, with its leading space."""
    return prompt.answer.format(label=word)
