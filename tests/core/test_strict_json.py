"""A field that is given twice is refused at any depth; everything else is read as Python reads it."""

import json

import pytest

from emomech.core.strict_json import loads


@pytest.mark.parametrize("text", ['{"a": 1, "b": [1, null]}', "[]", '"x"', '{"a": {"b": 1}, "b": 2}'])
def test_json_is_read(text: str) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"x": {"a": 1, "a": 2}}]'])
def test_a_repeated_field_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it has the field 'a' twice"):
        loads(text)
