"""Turn a text into a question whose continuation is a label."""

from string import Formatter

from emomech.core.errors import UsageError
from emomech.data.corpus import Example
from emomech.presets.kinds import PromptPreset

_FIELDS = {"text", "person"}


def ask(prompt: PromptPreset, example: Example) -> str:
    """Fill the template with the example's text and person.

    Raises UsageError where the template asks for a person that the corpus does not name, or for what no
    example has.
    """
    fields = {name for _, name, _, _ in Formatter().parse(prompt.template) if name is not None}
    if strange := fields - _FIELDS:
        raise UsageError(f"prompt {prompt.template!r}: has {sorted(strange)}, expected only {{text}} and {{person}}.")
    if "person" in fields and not example.person:
        raise UsageError(
            f"prompt {prompt.template!r}: asks for a person, but the corpus names none in {example.text[:60]!r}. "
            "Add a `person` column, or take a prompt without {person}: plain, question."
        )
    return prompt.template.format(text=example.text, person=example.person)


def text_start(prompt: PromptPreset, example: Example) -> int:
    """Where in the prompt the example's text begins."""
    return len(prompt.template.partition("{text}")[0].format(person=example.person))


def answer(prompt: PromptPreset, word: str) -> str:
    """Give the continuation of the prompt that stands for a label's word, its leading space included."""
    return prompt.answer.format(label=word)
