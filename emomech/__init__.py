"""How language models infer emotion: the package behind the pages of the book. `ARCHITECTURE.md` draws its parts.

Scripts and notebooks write `import emomech as em` and use the names of `__all__`. They are loaded from `emomech.api`
when the first of them is used, so that importing the package loads neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emomech.api import (
        Add,
        EmomechError,
        Estimate,
        FeatureId,
        HookPoint,
        LanguageModel,
        MoveFeatures,
        Questions,
        Replace,
        Run,
        Sae,
        Study,
        StudySpec,
        UsageError,
        ablate,
        attribute,
        capture,
        intervene,
        load_model,
        load_saes,
        patch,
        steer,
        train_saes,
    )

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


def __getattr__(name: str) -> object:
    """Load a public name from `emomech.api`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("emomech.api"), name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
