"""The calls of the page of the embedded model: none of a model; texts are drawn and counted, and records are read."""

from emomech.chapters.declared import Parameters
from emomech.study.calls import Calls, Scale


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `organism`, which reads no text with a model."""
    return Calls(prepared=scale.task.texts, steps=8000, rows=2000)
