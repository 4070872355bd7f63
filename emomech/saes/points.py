"""Choose the hook points at which SAEs are trained, by layer or by name.

Example:
    >>> from emomech.saes.points import chosen_points
    >>> from emomech.study.spec import StudySpec
    >>> from emomech.study.study import Study
    >>> [str(point) for point in chosen_points(Study(StudySpec(limit=8)).lm, "embedding,2-3,last")]
    ['blocks.0.hook_resid_pre', 'blocks.2.hook_resid_post', 'blocks.3.hook_resid_post', 'blocks.7.hook_resid_post']
"""

from emomech.core.errors import UsageError, unknown
from emomech.core.hook_points import HookPoint
from emomech.core.limits import whole_number
from emomech.models.language_model import LanguageModel
from emomech.presets.lookup import listed

EMBEDDING, LAST, EVERY = "embedding", "last", "every:"


def default_points(lm: LanguageModel) -> list[HookPoint]:
    """List the embedding and the output of every block."""
    return [HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(lm.n_layers))]


def chosen_points(lm: LanguageModel, layers: str) -> list[HookPoint]:
    """Read layers separated by commas, and return their hook points in order of depth.

    A number is the output of a block, from 0, `4-8` those of several blocks, `last` that of the last one, and
    `embedding` the embedding. `every:3` is the embedding and the output of every third block: blocks 2, 5, 8 and so on.
    Names such as `blocks.3.hook_resid_post` are read as well. Raises UsageError for anything else, for a block that the
    model does not have, and for a layer that is named twice.
    """
    named = [point for part in listed(layers) for point in _points_of(lm, part)]
    for point in named:
        if named.count(point) > 1:
            raise UsageError(f"layers {layers!r}: name {point} twice, expected once.")
    if not named:
        raise UsageError(f"layers {layers!r}: none is named. {_expected(lm)}")
    return [point for point in default_points(lm) if point in named]


def _points_of(lm: LanguageModel, part: str) -> list[HookPoint]:
    """Read one part between commas."""
    every = default_points(lm)
    if "." in part or "_" in part:
        known = {str(point): point for point in every}
        if part not in known:
            raise unknown(f"hook point of {lm.name}", part, known)
        return [known[part]]
    if part in (EMBEDDING, LAST):
        return [every[0 if part == EMBEDDING else -1]]
    if part.startswith(EVERY):
        step = whole_number(part.removeprefix(EVERY), smallest=1)
        blocks = range(0, lm.n_layers + 1, step) if step else None
        chosen = None if blocks is None else [every[i] for i in blocks]
    else:
        first, dash, end = part.partition("-")
        low, high = whole_number(first), whole_number(end if dash else first)
        chosen = every[low + 1 : high + 2] if low is not None and high is not None and high < lm.n_layers else None
    if not chosen:
        raise UsageError(f"layers {part!r}: are no layers of {lm.name}. {_expected(lm)}")
    return chosen


def _expected(lm: LanguageModel) -> str:
    return f"Expected numbers from 0 to {lm.n_layers - 1}, 2-4, {EMBEDDING}, {LAST} or {EVERY}3, separated by commas."
