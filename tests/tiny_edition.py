"""A checkout that declares a tiny edition of the embedded model."""

from pathlib import Path

CHAPTER = "behaviour"
RUNS_OF_BOOK = '[[run]]\nnotebook = "behaviour"\nseconds = 9\n[run.quick]\nlimit = 200\nn_resamples = 50\n'
RUNS_OF_BOOK += (
    '[[run]]\nnotebook = "flow"\nneeds = ["behaviour"]\n[[run]]\nnotebook = "speed"\nabout = "the machine"\n'
)
DECLARED = """\
[trial-one]
title = "A trial of the embedded model"
label = "Trial"
model = "organism"
corpus = "organism"
texts_may_be_shown = true

[trial-one.parameters]
seed = 3

[trial-one.chapters.behaviour.parameters]
n_draws = 2
"""


def write_root(root: Path, declarations: str = DECLARED) -> Path:
    """Write the lists of a checkout that declares an edition."""
    (root / "book").mkdir(parents=True)
    (root / "book" / "runs.toml").write_text(RUNS_OF_BOOK)
    (root / "book" / "editions.toml").write_text(declarations)
    return root
