"""Read JSON, and refuse an object that gives a field twice, of which Python's reader keeps the last without a word.

Example:
    >>> from emomech.core.strict_json import loads
    >>> loads('{"text": "It rained."}')
    {'text': 'It rained.'}
    >>> loads('{"k": 8, "k": 16}')
    Traceback (most recent call last):
    ...
    ValueError: it has the field 'k' twice
"""

import json
from collections import Counter
from typing import Any


def loads(text: str) -> Any:
    """Read a JSON value. Raises ValueError for text that is not JSON or repeats a field, RecursionError for depth."""
    return json.loads(text, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if repeated := [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]:
        raise ValueError(f"it has the field {repeated[0]!r} twice")
    return dict(pairs)
