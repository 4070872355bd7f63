"""The public names of `import emomech as em`: load a study, screen its features, ablate, patch and steer them.

Everything else is imported from its subpackage (`emomech.causal`, `emomech.saes`, …) and may change between versions.

Example:
    >>> import emomech as em
    >>> study = em.Study(limit=400)
    >>> discover, report = study.questions("discover", per_label=4), study.questions("report", per_label=4)
    >>> effects = em.attribute(discover, study.saes)
    >>> em.ablate(report, effects.top(10)).value > 1
    True
"""

from pathlib import Path
from typing import Any, TypedDict, Unpack, get_args

from emomech.causal.experiments import ablate, attribute, patch, steer
from emomech.causal.questions import Questions, balanced
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.data.corpus import Split
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.saes.collection import load_saes
from emomech.saes.edits import Add, MoveFeatures, Replace
from emomech.saes.sae import Sae
from emomech.saes.training import train_saes
from emomech.stats.estimates import Estimate
from emomech.study import study as studies
from emomech.study.run import Run
from emomech.study.spec import StudySpec

__all__ = [
    "Add",
    "EmomechError",
    "Estimate",
    "FeatureId",
    "HookPoint",
    "LanguageModel",
    "MoveFeatures",
    "Questions",
    "Replace",
    "Run",
    "Sae",
    "Study",
    "StudySpec",
    "UsageError",
    "ablate",
    "attribute",
    "capture",
    "intervene",
    "load_model",
    "load_saes",
    "patch",
    "steer",
    "train_saes",
]


class Names(TypedDict, total=False):
    """The fields of a `StudySpec` as keywords of a `Study`: names of presets (see `emomech list`), paths, numbers."""

    model: str | Path
    sae: str | Path | None
    corpus: str | Path
    emotions: str
    prompt: str
    seed: int
    limit: int
    controls: str
    text: str
    label: str
    gold: str | Path


class Study(studies.Study):
    """A model, its SAEs and its texts, each loaded when it is first used.

    Takes the fields of a `StudySpec` as keywords: `model`, `sae`, `corpus`, `emotions`, `prompt`, `seed`, `limit`, ….
    A name is that of a preset (see `emomech list`), or a path.

    Example:
        >>> import emomech as em
        >>> study = em.Study(model="organism", corpus="organism", limit=100)
        >>> len(study.corpus.examples), study.lm.n_layers
        (100, 8)
    """

    def __init__(self, spec: StudySpec | None = None, *rest: Any, **names: Unpack[Names]) -> None:
        """Take a spec, or the fields of one. Loads nothing yet; `replaced` swaps in your own model, SAEs or texts.

        Raises UsageError for an unknown field, a value of the wrong type, a name that does not exist, and for a spec
        together with fields.
        """
        if spec is not None and (names or not isinstance(spec, StudySpec)):
            raise UsageError(f"Study: expected one StudySpec, or names such as model=…; found {spec!r} and {names!r}.")
        super().__init__(spec or _spec(names).validate(), *rest)

    def questions(self, split: Split = "report", per_label: int = 40) -> Questions:
        """Return questions on the texts of one split: the same number for each label, at most `per_label`.

        Choose features and doses on `discover` and `tune`; measure on `report`. The model is scored on the first token
        of each label's word. Raises UsageError for an unknown split, for `per_label` below 1, if a label has no text in
        the split, and if two labels begin with the same token.
        """
        if split not in get_args(Split):
            raise unknown("split", str(split), get_args(Split))
        if not isinstance(per_label, int) or per_label < 1:
            raise UsageError(f"per_label {per_label!r}: expected a whole number of texts, 1 or more.")
        rows = balanced(self, split, per_label)
        if not len(rows):
            raise UsageError(
                f"split {split}: some label has no text in it. Take more texts: a larger limit, or 0 for all."
            )
        return Questions.of(self, rows)


def load_model(model: str | Path) -> LanguageModel:
    """Load a causal language model by preset or folder (see `emomech list models`).

    Raises UsageError for a model that does not exist or is not causal, EmomechError for files that are damaged.
    """
    return Study(model=model, sae=None).lm


def _spec(names: Any) -> StudySpec:
    """Make a spec of keywords; paths become text. Raises UsageError for an unknown field and for a wrong type."""
    values: dict[str, Any] = {}
    for name, value in names.items():
        if name not in Names.__annotations__:
            raise unknown("field of a Study", name, Names.__annotations__)
        value = str(value.expanduser().absolute()) if isinstance(value, Path) else value
        expected = int if name in ("seed", "limit") else str
        if isinstance(value, bool) or (not isinstance(value, expected) and not (name == "sae" and value is None)):
            wanted = "a whole number" if expected is int else "a name or a path"
            raise UsageError(f"{name} {value!r}: expected {wanted}, found {type(value).__name__}.")
        values[name] = value
    return StudySpec(**values)
