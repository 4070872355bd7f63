"""The page of the embedded model asks no model."""

from emomech.chapters.organism import calls
from emomech.study.calls import EXAMPLE

PARAMETERS = {}


def test_no_model_is_asked() -> None:
    declared = calls.calls(EXAMPLE, PARAMETERS)
    assert declared.forward == declared.encoded == 0 < declared.prepared
