"""The calls that every chapter declares, by name, and those of the steps that most chapters begin with.

Example:
    >>> from emomech.chapters.declared import calls_of
    >>> from emomech.study.calls import EXAMPLE
    >>> calls_of("behaviour")(EXAMPLE, {"n_resamples": 100}).forward > 0
    True
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from emomech.causal.calls import Asked
from emomech.study.calls import Calls, Scale, Task

Parameters: TypeAlias = Mapping[str, Any]
"""Values of a notebook's parameters, by name."""
Declared: TypeAlias = Callable[[Scale, Parameters], Calls]
"""From the sizes of a study and the parameters of its page to the calls of the analysis."""
READING_CALLS = 13
"""Batches with which a model is checked when it is loaded, see `models.reading_check`."""
FIT_TOKENS, FIT_TEXTS = 1200, 18
"""Activations that an SAE encodes when it is checked, and texts that they come from, see `saes.compatibility`."""


def calls_of(chapter: str) -> Declared | None:
    """Return the function with which a chapter declares its calls; None for a page that is no chapter."""
    if not (Path(__file__).with_name(chapter) / "calls.py").is_file():
        return None
    return import_module(f"emomech.chapters.{chapter}.calls").calls


def loaded(scale: Scale, tasks: bool = False) -> Calls:
    """Load the model, and check that it reads texts as its own tokenizer does; read the texts of the study.

    With `tasks`, those of the control tasks are read as well.
    """
    texts = scale.task.texts + sum(task.texts for task in scale.controls if tasks)
    tokens = scale.reading * scale.layers
    reading = Calls(
        forward=tokens, block_calls=READING_CALLS * scale.layers, batches=READING_CALLS, logits=scale.reading, texts=30
    )
    return reading + Calls(models=1, prepared=texts, steps=1000)


def checked(scale: Scale, sets: int = 1) -> Calls:
    """Check that each of some sets of SAEs fits the model."""
    read = Asked.of(scale, FIT_TEXTS).at(min(scale.layers, max(scale.depths, default=0) + 1)).read()
    rows = FIT_TOKENS * scale.points
    return sets * (read + Calls(encoded=rows, decoded=rows, sae_calls=28 * scale.points))


def quality(scale: Scale, n: float, task: Task | None = None) -> Calls:
    """Measure the quality of one SAE at every hook point on `n` texts, without their questions.

    For the loss, the reconstruction is put in, and only the blocks behind the hook point run again.
    """
    asked = Asked(scale, n, (task or scale.task).text_lengths)
    behind = sum(scale.layers - depth for depth in scale.depths)
    losses = asked.recorded() + Calls(
        forward=n * asked.tokens * behind,
        block_calls=asked.batches * behind,
        logits=(1 + scale.points) * n * asked.content,
    )
    return Calls(tokenized=n) + asked.read() + 2 * asked.encoded(decoded=True) + losses
