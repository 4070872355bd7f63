"""How long the activations of the model are at each hook point, and which tokens are massive (see `models.sinks`)."""

from collections.abc import Iterator, Sequence

from emomech.models.language_model import LanguageModel
from emomech.models.sinks import MULTIPLE, lengths_at
from emomech.stats.tables import DEPTH, Row, Schema

MOST = 100
"""Texts that are measured, at most."""
LENGTHS = Schema(
    keys={"hook_point": "hook point of the residual stream"},
    values={
        "depth": DEPTH,
        "median": "median length of the activations at content tokens",
        "longest": "length of the longest activation at a content token",
        "special": "length of the longest activation at a BOS or another special token; empty if there is none",
        "massive": f"share of content tokens that are massive: more than {MULTIPLE:g} times as long as the median",
        "first": "share of the massive content tokens that are the first of their text; empty if none is massive",
        "n": "content tokens",
    },
)


def length_rows(lm: LanguageModel, texts: Sequence[str]) -> Iterator[Row]:
    """Measure the activations of the first `MOST` texts at every hook point."""
    for point, measured in lengths_at(lm, texts[:MOST]).items():
        row: dict[str, object] = {
            "hook_point": str(point),
            "depth": point.resid_index() / lm.n_layers,
            "median": float(measured.content.median()),
            "longest": float(measured.content.max()),
            "massive": float(measured.massive.float().mean()),
            "n": len(measured.content),
        }
        if len(measured.special):
            row["special"] = float(measured.special.max())
        if measured.massive.any():
            row["first"] = float(measured.first[measured.massive].float().mean())
        yield row
