"""Was every SAE loaded rightly? A wrong scale, site or activation function, and SAEs of another model, show in figures.

Such an SAE loads without a word and gives features that mean nothing. So each is measured on the study's own texts
before it is used: the variance that it leaves and how many features fire, against fixed limits and, where they are
known, against what was published of it. And it is read in ways in which it may have been meant: at the site before or
after, at another scale, centred. A reading that fits it plainly better is the likely mistake.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, tokenize
from emomech.saes.override import forced
from emomech.saes.quality import Quality
from emomech.saes.sae import Sae

MAX_FVU = 0.9
"""An SAE that leaves more of the variance than this unexplained does hardly better than a constant."""
MAX_DENSITY = 0.25
"""Active features per token, in terms of the dimensions that they are read from: more are no sparse code, save where
a TopK SAE says itself how many there are to be."""
MAX_RATIO = 2.5
"""By what factor the active features per token may differ from what was published: texts differ, but not so much."""
MIN_SHARE = 0.5
"""Which part of the variance that is explained as published has to be explained here."""
BETTER = 0.8
"""A reading that leaves less than this part of the variance that is left is plainly the better one."""
N_TOKENS, N_SCREENED = 512, 64
"""Tokens that are measured, and those on which other readings are tried first."""
_TEXTS = 64
"""Texts that the tokens are taken from, at most."""
_SCALES = (1 / 8, 1 / 4, 1 / 2, 2.0, 4.0, 8.0)
_CHUNK = 256


def check_quality(qualities: Iterable[Quality], saes: Mapping[HookPoint, Sae]) -> None:
    """Raise UsageError, with the measure, for an SAE that is plainly mis-loaded or of another model.

    `qualities` were measured on the texts of the study. With `EMOMECH_FORCE=1` no SAE is refused.
    """
    for quality in qualities:
        sae, wrong = saes[quality.point], ""
        if not quality.fvu <= MAX_FVU:
            wrong = f"leaves {quality.fvu:.2f} of the variance unexplained, expected at most {MAX_FVU}"
        elif not 0 < quality.l0 <= sae.d_in:
            wrong = f"has {quality.l0:.1f} active features per token, expected more than 0 and at most {sae.d_in}"
        if wrong and not forced():
            raise UsageError(
                f"SAE {sae.name} at {quality.point}: on this study's texts it {wrong}. "
                f"It was trained on {sae.trained_on or 'an unnamed model'}; take SAEs of the model that is studied."
            )


@torch.inference_mode()
def misfits(lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[str]) -> list[str]:
    """Say of each SAE that should be refused what is wrong, by figure, with the likely cause; empty where all fit.

    Special tokens are left out, and the first token of every text, on which attention rests when there is no BOS and
    whose activation is many times as long as any other (Xiao et al., 2024, arXiv:2309.17453).
    """
    sites = {point: _neighbours(point, lm.n_layers) for point in saes}
    points = list(dict.fromkeys([*saes, *(site for near in sites.values() for site in near)]))
    tokenized, positions = _tokens(tokenize(lm, texts[:_TEXTS]))
    read = collect(lm, points, tokenized, positions)
    found = []
    for point in saes:
        if wrong := _wrong(saes[point], read[point], {site: read[site] for site in sites[point]}):
            found.append(wrong)
    return found


@dataclass(frozen=True)
class Figures:
    """How one SAE reads some activations."""

    fvu: float
    """Fraction of variance unexplained: 1 is what the mean activation leaves."""
    l0: float
    """Active features per token."""


def measured(sae: Sae, x: Tensor, *, scale: float = 1.0, centred: bool = False) -> Figures:
    """Measure an SAE on activations (n, d_in), read as `scale` times what they are, or less their mean over d_in."""
    x = x - x.mean(-1, keepdim=True) if centred else x
    left, active = 0.0, 0
    for chunk in x.split(_CHUNK):
        features = sae.encode(chunk * scale)
        left += float((chunk - sae.decode(features, chunk * scale) / scale).double().square().sum())
        active += int((features > 0).sum())
    variance = float((x - x.mean(0)).double().square().sum())
    return Figures(left / variance if variance else float("nan"), active / max(len(x), 1))


def _tokens(texts: Sequence[TokenizedText]) -> tuple[list[TokenizedText], list[list[int]]]:
    """Take the positions that count of as many texts as are needed."""
    kept: list[TokenizedText] = []
    positions: list[list[int]] = []
    for text in texts:
        if sum(map(len, positions)) >= N_TOKENS:
            break
        kept.append(text)
        positions.append([i for i, special in enumerate(text.special) if i and not special])
    return kept, positions


def _neighbours(point: HookPoint, n_layers: int) -> list[HookPoint]:
    """The residual stream one block earlier and later."""
    if point.site not in ("resid_pre", "resid_post"):
        return []
    near = (point.resid_index() - 1, point.resid_index() + 1)
    return [HookPoint(0, "resid_pre") if r == 0 else HookPoint(r - 1) for r in near if 0 <= r <= n_layers]


def _wrong(sae: Sae, x: Tensor, near: Mapping[HookPoint, Tensor]) -> str:
    """Say what is wrong with an SAE, or nothing."""
    found = measured(sae, x)
    figure = _beyond_limits(sae, found)
    better = _better_reading(sae, x, near)
    if not figure and not better:
        return ""
    told = figure or f"leaves {found.fvu:.3f} of the variance unexplained"
    cause = f" Likely cause: {better or _cause(sae, found)}."
    origin = f" It was trained on {sae.trained_on or 'an unnamed model'}."
    return f"SAE {sae.name} at {sae.point}: on {len(x)} tokens of this study's texts it {told}.{cause}{origin}"


def _beyond_limits(sae: Sae, found: Figures) -> str:
    """Say which figure is out of its bounds, with them."""
    most = max(sae.d_in * MAX_DENSITY, sae.k or 0)
    fires = f"has {found.l0:.1f} active features per token"
    if not found.fvu <= MAX_FVU:
        return f"leaves {found.fvu:.2f} of the variance unexplained, expected at most {MAX_FVU}"
    if not 0 < found.l0 <= most:
        return f"{fires}, expected more than 0 and at most {most:.0f}"
    if sae.expected_l0 is not None and not 1 / MAX_RATIO <= found.l0 / sae.expected_l0 <= MAX_RATIO:
        return f"{fires}, and {sae.expected_l0:.0f} as published"
    if sae.expected_explained is not None and 1 - found.fvu < MIN_SHARE * sae.expected_explained:
        published = f"and {sae.expected_explained:.2f} as published"
        return f"explains {1 - found.fvu:.2f} of the variance, {published}"
    return ""


@dataclass(frozen=True, eq=False)
class _Reading:
    """Another way in which an SAE may have been meant."""

    mistake: str
    activations: Tensor
    scale: float = 1.0
    centred: bool = False

    def fvu(self, sae: Sae, n: int | None = None) -> float:
        """Measure it on all activations, or the first n."""
        return measured(sae, self.activations[:n], scale=self.scale, centred=self.centred).fvu


def _better_reading(sae: Sae, x: Tensor, near: Mapping[HookPoint, Tensor]) -> str:
    """Name the reading that fits plainly better than the one that is given, if any does."""
    given = _Reading("", x)
    best = min((given, *_readings(sae, x, near)), key=lambda reading: reading.fvu(sae, N_SCREENED))
    if best is given:
        return ""
    left, least = given.fvu(sae), best.fvu(sae)
    return f"{best.mistake} it would leave {least:.3f}" if least < BETTER * left else ""


def _readings(sae: Sae, x: Tensor, near: Mapping[HookPoint, Tensor]) -> Iterator[_Reading]:
    for site, activations in near.items():
        yield _Reading(f"a wrong site; at {site}", activations)
    if sae.input_transform == "layer_norm":
        return  # neither scale nor mean matters
    for scale in (*_SCALES, sae.d_in**0.5 / float(x.norm(dim=-1).mean())):
        yield _Reading(f"a wrong scale; at {scale:.3g} times the activation", x, scale)
    if sae.input_transform == "none":
        yield _Reading("a mean that was not taken off; without it", x, centred=True)


def _cause(sae: Sae, found: Figures) -> str:
    """Guess what is wrong where no other reading fits better."""
    usual = sae.d_in * MAX_DENSITY if sae.expected_l0 is None else sae.expected_l0 * MAX_RATIO
    if found.l0 > usual:
        return "another activation function; the threshold or the k of its configuration may be lost"
    return "SAEs of another model, or those of a base model on its chat version"
