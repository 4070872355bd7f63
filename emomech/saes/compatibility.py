"""Refuse SAEs that were loaded wrongly or belong to another model; a user can override it, see `override`.

An SAE that is read at a wrong scale, at a wrong site or with a wrong activation function loads without an error and
gives features that mean nothing. So each SAE is measured on the study's own texts before it is used: by the fraction of
variance that it leaves unexplained (FVU) and by its active features per token (L0), against fixed limits and against
the published values where they are known. Then other readings are tried: at the site before or after, at another
scale, without the mean. If one fits clearly better, the message names it as the likely mistake.

Two checks use the limits. `check_fit` runs when SAEs are loaded, on a few hundred tokens; `emomech sae check` prints
what it measures. `check_quality` runs in chapters that measure `quality` on many texts anyway.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, tokenize
from emomech.saes.dead import mostly_dead
from emomech.saes.override import refusal
from emomech.saes.quality import Quality
from emomech.saes.sae import Sae
from emomech.stats.tables import Schema, frame

if TYPE_CHECKING:
    import pandas as pd


MAX_FVU = 0.9
"""Largest FVU; an SAE above it is hardly better than a constant."""
MAX_FVU_FROZEN = 1.0
"""Largest FVU of an SAE with a frozen decoder, whose FVU is large by design; that of the mean activation is 1."""
MAX_DENSITY = 0.25
"""Largest number of active features per token, as a share of d_in; a TopK SAE may have as many as its k."""
MAX_RATIO = 2.5
"""L0 may differ from the published value by this factor, because the texts differ."""
MIN_SHARE = 0.5
"""An SAE has to explain at least this share of the published explained variance."""
BETTER = 0.8
"""Another reading fits clearly better if its FVU is less than this share of the FVU as loaded."""
N_TOKENS, N_SCREENED = 512, 64
"""Tokens that each SAE is measured on, and how many of them serve to compare other readings."""
_MAX_TEXTS = 64
"""Texts that the tokens are taken from."""
FIT = Schema(
    keys={"hook_point": "hook point of the SAE"},
    values={
        "fvu": "fraction of variance unexplained",
        "max_fvu": "largest FVU of an SAE that fits",
        "l0": "active features per token",
        "max_l0": "largest L0 of an SAE that fits",
        "published_l0": "L0 as published with the SAE",
        "published_explained": "fraction of variance explained as published with the SAE",
        "dead": "share of features that never fire on these tokens; it falls with their number",
        "tokens": "tokens that the SAE is measured on",
        "verdict": "fits, or what is wrong with the likely cause",
    },
)
_SCALES = (1 / 8, 1 / 4, 1 / 2, 2.0, 4.0, 8.0)
_CHUNK = 256
"""Activations that are encoded at once."""


def check_quality(qualities: Iterable[Quality], saes: Mapping[HookPoint, Sae], *, override: bool) -> None:
    """Raise UsageError, with the measure, for an SAE that is clearly mis-loaded or of another model.

    `qualities` were measured on the texts of the study. With `override` no SAE is refused.
    """
    for quality in qualities:
        sae, problem = saes[quality.point], ""
        if not quality.fvu <= MAX_FVU:
            problem = f"leaves {quality.fvu:.2f} of the variance unexplained, expected at most {MAX_FVU}"
        elif not 0 < quality.l0 <= sae.d_in:
            problem = f"has {quality.l0:.1f} active features per token, expected more than 0 and at most {sae.d_in}"
        if problem and not override:
            raise UsageError(
                f"SAE {sae.name} at {quality.point}: on this study's texts it {problem}. "
                f"It was trained on {sae.trained_on or 'an unnamed model'}; take SAEs of the model that is studied."
            )


def check_fit(
    lm: LanguageModel,
    saes: Mapping[HookPoint, Sae],
    texts: Sequence[str],
    *,
    override: bool,
    max_fvu: float = MAX_FVU,
) -> tuple[str, ...]:
    """Raise UsageError if an SAE does not fit the model; with `override`, return what is wrong as warnings instead."""
    problems = misfits(lm, saes, texts, max_fvu)
    if problems and not override:
        raise UsageError(refusal(problems))
    return tuple(problems)


def misfits(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[str], max_fvu: float = MAX_FVU
) -> list[str]:
    """List what is wrong with SAEs, one sentence each: the measure, its limit, the likely cause; empty if all fit."""
    return [examined.problem for examined in examine(lm, saes, texts, max_fvu) if examined.problem]


@dataclass(frozen=True)
class Fit:
    """How well one SAE reconstructs some activations, and how sparsely."""

    fvu: float
    """Fraction of variance unexplained; 1 for the mean activation."""
    l0: float
    """Active features per token."""
    dead: float
    """Share of features that fire on none of the activations."""


@dataclass(frozen=True)
class Examined:
    """One SAE on some texts."""

    point: HookPoint
    n: int
    """Tokens."""
    fit: Fit
    max_fvu: float
    max_l0: float
    expected_l0: float | None
    expected_explained: float | None
    fault: str
    """What is wrong, and the likely cause; empty if the SAE fits."""
    problem: str
    """The same as a whole sentence, with the name and the origin of the SAE."""


@torch.inference_mode()
def examine(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[str], max_fvu: float = MAX_FVU
) -> list[Examined]:
    """Measure each SAE on the first texts, and compare it with its limits and with other readings.

    Special tokens are left out, and so is the first token of every text: without a BOS it is an attention sink, whose
    activation is many times longer than any other (Xiao et al., 2024, arXiv:2309.17453).
    """
    sites = {point: _neighbours(point, lm.n_layers) for point in saes}
    points = list(dict.fromkeys([*saes, *(site for near in sites.values() for site in near)]))
    tokenized, positions = _tokens(tokenize(lm, texts[:_MAX_TEXTS]))
    activations = collect(lm, points, tokenized, positions)
    near = {point: {site: activations[site] for site in sites[point]} for point in saes}
    each = progress.counted(list(saes), "checking SAEs", "SAE")
    return [_examined(saes[point], activations[point], near[point], max_fvu) for point in each]


def fit_table(examined: Iterable[Examined]) -> "pd.DataFrame":
    """Tabulate SAEs that were examined, with the schema `FIT`."""
    rows = [
        {
            "hook_point": str(one.point),
            "fvu": one.fit.fvu,
            "max_fvu": one.max_fvu,
            "l0": one.fit.l0,
            "max_l0": one.max_l0,
            "published_l0": float("nan") if one.expected_l0 is None else one.expected_l0,
            "published_explained": float("nan") if one.expected_explained is None else one.expected_explained,
            "dead": one.fit.dead,
            "tokens": one.n,
            "verdict": one.fault or "fits",
        }
        for one in examined
    ]
    return FIT.check(frame(FIT, rows), "fit")


def measure_fit(sae: Sae, x: Tensor, *, scale: float = 1.0, centred: bool = False) -> Fit:
    """Measure an SAE on activations `x` (n, d_in), multiplied by `scale`; `centred` subtracts their mean over d_in."""
    x = x - x.mean(-1, keepdim=True) if centred else x
    residual, active, fired = 0.0, 0, torch.zeros(sae.d_sae, dtype=torch.bool, device=sae.W_dec.device)
    for chunk in x.split(_CHUNK):
        features = sae.encode(chunk * scale)
        residual += float((chunk - sae.decode(features, chunk * scale) / scale).double().square().sum())
        active += int((features > 0).sum())
        fired |= (features > 0).any(0)
    variance = float((x - x.mean(0)).double().square().sum())
    fvu = residual / variance if variance else float("nan")
    return Fit(fvu, active / max(len(x), 1), 1 - float(fired.float().mean()))


def _tokens(texts: Sequence[TokenizedText]) -> tuple[list[TokenizedText], list[list[int]]]:
    """Select texts until they have `N_TOKENS` tokens to measure on; return them with the positions of these tokens."""
    kept: list[TokenizedText] = []
    positions: list[list[int]] = []
    for text in texts:
        if sum(map(len, positions)) >= N_TOKENS:
            break
        kept.append(text)
        positions.append([i for i, content in enumerate(text.content) if i and content])
    return kept, positions


def _neighbours(point: HookPoint, n_layers: int) -> list[HookPoint]:
    """List the residual stream one block earlier and later."""
    if point.site not in ("resid_pre", "resid_post"):
        return []
    near = (point.resid_index() - 1, point.resid_index() + 1)
    return [HookPoint(0, "resid_pre") if r == 0 else HookPoint(r - 1) for r in near if 0 <= r <= n_layers]


def _examined(sae: Sae, x: Tensor, near: Mapping[HookPoint, Tensor], max_fvu: float) -> Examined:
    """Measure an SAE on activations, and describe what is wrong with it."""
    fit = measure_fit(sae, x)
    beyond = _beyond_limits(sae, fit, max_fvu)
    better = _better_reading(sae, x, near)
    fault = problem = ""
    if beyond or better:
        measure = beyond or f"leaves {fit.fvu:.3f} of the variance unexplained"
        fault = f"{measure}. Likely cause: {better or _cause(sae, fit)}."
        origin = f"It was trained on {sae.trained_on or 'an unnamed model'}."
        problem = f"SAE {sae.name} at {sae.point}: on {len(x)} tokens of this study's texts it {fault} {origin}"
    limits = (max_fvu, _most_active(sae), sae.expected_l0, sae.expected_explained)
    return Examined(sae.point, len(x), fit, *limits, fault, problem)


def _most_active(sae: Sae) -> float:
    """Return the largest number of active features per token."""
    return max(sae.d_in * MAX_DENSITY, sae.k or 0)


def _beyond_limits(sae: Sae, fit: Fit, max_fvu: float) -> str:
    """Describe the measure that is beyond its limit, and the limit; empty if none is."""
    most = _most_active(sae)
    fires = f"has {fit.l0:.1f} active features per token"
    if not fit.fvu <= max_fvu:
        return f"leaves {fit.fvu:.2f} of the variance unexplained, expected at most {max_fvu:g}"
    if max_fvu <= MAX_FVU and (dead := mostly_dead(sae)):
        return dead
    if not 0 < fit.l0 <= most:
        return f"{fires}, expected more than 0 and at most {most:.0f}"
    if sae.expected_l0 is not None and not 1 / MAX_RATIO <= fit.l0 / sae.expected_l0 <= MAX_RATIO:
        return f"{fires}, but the published value is {sae.expected_l0:.0f}"
    if sae.expected_explained is not None and 1 - fit.fvu < MIN_SHARE * sae.expected_explained:
        published = f"the published value is {sae.expected_explained:.2f}"
        return f"explains {1 - fit.fvu:.2f} of the variance, but {published}"
    return ""


@dataclass(frozen=True, eq=False)
class _Reading:
    """One way to read activations with an SAE."""

    mistake: str
    """The mistake in loading if this reading is the right one; empty for the SAE as it was loaded."""
    activations: Tensor
    """(n, d_in)"""
    scale: float = 1.0
    centred: bool = False

    def fvu(self, sae: Sae, n: int | None = None) -> float:
        """Measure the fraction of variance unexplained on all activations, or on the first n."""
        return measure_fit(sae, self.activations[:n], scale=self.scale, centred=self.centred).fvu


def _better_reading(sae: Sae, x: Tensor, near: Mapping[HookPoint, Tensor]) -> str:
    """Name the reading that fits clearly better than the SAE as loaded; empty if none does."""
    loaded = _Reading("", x)
    best = min((loaded, *_readings(sae, x, near)), key=lambda reading: reading.fvu(sae, N_SCREENED))
    if best is loaded:
        return ""
    loaded_fvu, best_fvu = loaded.fvu(sae), best.fvu(sae)
    return f"{best.mistake} it would leave {best_fvu:.3f} unexplained" if best_fvu < BETTER * loaded_fvu else ""


def _readings(sae: Sae, x: Tensor, near: Mapping[HookPoint, Tensor]) -> Iterator[_Reading]:
    """Yield the other readings: neighbouring sites, other scales, activations without their mean."""
    for site, activations in near.items():
        yield _Reading(f"a wrong site; at {site}", activations)
    if sae.input_transform == "layer_norm":
        return  # neither scale nor mean matters
    for scale in (*_SCALES, sae.d_in**0.5 / float(x.norm(dim=-1).mean())):
        yield _Reading(f"a wrong scale; at {scale:.3g} times the activation", x, scale)
    if sae.input_transform == "none":
        yield _Reading("a mean that was not subtracted; without it", x, centred=True)


def _cause(sae: Sae, fit: Fit) -> str:
    """Guess what is wrong if no other reading fits better."""
    if mostly_dead(sae):
        return "too short a training, or one on massive activations (attention sinks); train it again"
    most = sae.d_in * MAX_DENSITY if sae.expected_l0 is None else sae.expected_l0 * MAX_RATIO
    if fit.l0 > most:
        return "another activation function; the threshold or the k of its configuration may be lost"
    return "SAEs of another model, or those of a base model on its chat version"
