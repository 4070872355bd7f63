"""The learning curve of an embedded model: stored by column, which is compact, and used by row."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CurveRow = dict[str, Any]
"""One row of the curve, which never spans two phases: `step` (over all phases), `phase`, `loss` (mean since the last
row, in nats per token, with the weights of the phase), `rate` (learning rate), `tokens` seen so far, and `right` (right
answers and all answers since the last row, for each kind)."""
CURVE, RIGHT = "curve", "right"


def write(file: Path, training: Mapping[str, Any]) -> None:
    """Write the record of a training, with its `curve` by column."""
    record = dict(training) | {CURVE: _columns(training[CURVE])}
    file.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")


def read(file: Path) -> dict[str, Any]:
    """Read the record of a training, with its `curve` by row; empty if the file has no curve."""
    record = json.loads(file.read_text(encoding="utf-8"))
    return record | {CURVE: _rows(record.get(CURVE) or {RIGHT: {}})}


def _columns(rows: Sequence[CurveRow]) -> dict[str, Any]:
    names = [name for name in rows[0] if name != RIGHT] if rows else []
    kinds = sorted({kind for row in rows for kind in row[RIGHT]})
    return {name: [row[name] for row in rows] for name in names} | {
        RIGHT: {kind: [row[RIGHT].get(kind) for row in rows] for kind in kinds}
    }


def _rows(columns: Mapping[str, Any]) -> list[CurveRow]:
    names = [name for name in columns if name != RIGHT]
    rows = [dict(zip(names, values)) for values in zip(*(columns[name] for name in names))] if names else []
    for number, row in enumerate(rows):
        row[RIGHT] = {kind: counts[number] for kind, counts in columns[RIGHT].items() if counts[number]}
    return rows
