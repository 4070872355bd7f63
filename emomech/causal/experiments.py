"""Experiments in one call: screen the features of a study, then ablate, steer or patch them, each with an interval.

What a script wants from `attribution`, `Dictionary` and `patching`, with every argument checked. Choose features and
doses on other texts than those you report: the same texts twice would show the best of what chance offers.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

import numpy as np

from emomech.causal import attribution
from emomech.causal.dictionary import Dictionary, Style
from emomech.causal.patching import patched
from emomech.causal.questions import Edits, Questions, Where, log_odds
from emomech.core.errors import UsageError, unknown
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.saes.sae import Sae
from emomech.stats.estimates import Estimate, Floats, Ints, bootstrap_weights, mean_estimate

if TYPE_CHECKING:
    import pandas as pd

Measure = Literal["log-odds", "accuracy"]
"""log-odds: each text's own label against all other labels, in nats, mean over the texts. accuracy: share of the texts
whose own label has the highest logit."""
_N_RESAMPLES = 1000
"""Bootstrap resamples, of whole clusters of texts, for each 95 % interval."""


@dataclass(frozen=True, eq=False)
class Features(Sequence[FeatureId]):
    """A list of features, with the model, SAEs and statistics that edits of them need."""

    ids: tuple[FeatureId, ...]
    dictionary: Dictionary = field(repr=False)
    model: str
    """Name of the model whose features they are."""

    @overload
    def __getitem__(self, index: int) -> FeatureId: ...
    @overload
    def __getitem__(self, index: slice) -> "Features": ...
    def __getitem__(self, index: int | slice) -> "FeatureId | Features":
        """One feature by rank, or a slice of them as `Features`."""
        return Features(self.ids[index], self.dictionary, self.model) if isinstance(index, slice) else self.ids[index]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[FeatureId]:
        return iter(self.ids)


@dataclass(frozen=True, eq=False)
class Effects:
    """Estimated effect of ablating each feature alone, for all features of all hook points."""

    model: str
    dictionary: Dictionary = field(repr=False)
    loss: Mapping[HookPoint, Floats] = field(repr=False)
    """Estimated loss in log-odds of the own label under ablation to the mean, in nats, mean over the texts (d_sae)."""

    def top(self, n: int = 10) -> Features:
        """The n features with the largest estimated loss, largest first. Raises UsageError for n below 1."""
        if not isinstance(n, int) or n < 1:
            raise UsageError(f"n {n!r}: expected a whole number of features, 1 or more.")
        ids = [FeatureId(point, i) for point, loss in self.loss.items() for i in range(len(loss))]
        loss = np.concatenate(list(self.loss.values()))
        strongest = tuple(ids[i] for i in np.argsort(-loss, kind="stable")[:n])
        return Features(strongest, self.dictionary, self.model)

    def table(self, n: int = 10) -> "pd.DataFrame":
        """The features of `top(n)` as rows: hook point, feature, estimated loss in nats."""
        import pandas as pd

        rows = [(str(f.point), f.index, float(self.loss[f.point][f.index])) for f in self.top(n)]
        return pd.DataFrame(rows, columns=["hook_point", "feature", "loss"])


def attribute(questions: Questions, saes: Mapping[HookPoint, Sae], where: Where = "everywhere") -> Effects:
    """Estimate how much the answers lose if one feature is ablated to its mean, for every feature in one backward pass.

    Attribution patching (Marks et al., 2025, arXiv:2403.19647): a first-order screen. Verify its top features with
    `ablate`, on other texts. `where`: at all tokens, only at the text, or only at the answer; means are over
    all tokens. Raises UsageError for SAEs that do not fit the model's width, and for no questions or no SAEs.

    Example:
        >>> import emomech as em
        >>> study = em.Study(limit=400)
        >>> effects = em.attribute(study.questions("discover", per_label=2), study.saes)
        >>> len(effects.top(5)), list(effects.table(5))
        (5, ['hook_point', 'feature', 'loss'])
    """
    _check_questions("questions", questions)
    _check_choice("where", where, Where)
    _check_saes(saes)
    dictionary = Dictionary.of(questions, saes)
    one_group: Ints = np.zeros(len(questions), dtype=int)
    screened = attribution.attribute(questions, saes, dictionary.means, where, groups=one_group)
    loss = {point: -effects.effect[0] for point, effects in screened.items()}
    return Effects(questions.lm.name, dictionary, loss)


def ablate(
    questions: Questions,
    features: Sequence[FeatureId],
    saes: Mapping[HookPoint, Sae] | None = None,
    *,
    style: Style = "mean",
    measure: Measure = "log-odds",
    seed: int = 0,
) -> Estimate:
    """Measure how much the answers lose if all these features are ablated at once, at every token: before minus after.

    `style`: to the mean, to zero, or to values at random tokens. Features from `attribute` bring their SAEs and their
    means over the texts that screened them; other features need `saes`, and take their means over `questions`. A
    feature that is named twice counts once. The interval is a bootstrap over clusters of texts. Raises UsageError for a
    feature or hook point that the SAEs do not have, and for features of another model.

    Example:
        >>> import emomech as em
        >>> study = em.Study(limit=400)
        >>> mine = [em.FeatureId(em.HookPoint(6), 17)]
        >>> lost = em.ablate(study.questions("report", per_label=2), mine, study.saes)
        >>> lost.low <= lost.value <= lost.high
        True
    """
    _check_choice("style", style, Style)
    ids, dictionary = _editable(questions, features, saes)
    return _change(questions, dictionary.ablate(ids, style), measure, seed, sign=-1)


def steer(
    questions: Questions,
    features: Sequence[FeatureId],
    saes: Mapping[HookPoint, Sae] | None = None,
    *,
    dose: float = 0.5,
    measure: Measure = "log-odds",
    seed: int = 0,
) -> Estimate:
    """Measure how much the answers gain if these features are multiplied by 1 + `dose`: after minus before.

    The same features are scaled for every text, whatever its label, so the edit does not give the answer away.
    Choose features and dose on other texts than `questions`. A dose of -1 ablates to zero. Raises UsageError as
    `ablate` does, and for a dose that is not a finite number.

    Example:
        >>> import emomech as em
        >>> study = em.Study(limit=400)
        >>> mine = [em.FeatureId(em.HookPoint(6), 17)]
        >>> em.steer(study.questions("report", per_label=2), mine, study.saes, dose=0.0).value
        0.0
    """
    if isinstance(dose, bool) or not isinstance(dose, int | float) or not math.isfinite(dose):
        raise UsageError(f"dose {dose!r}: expected a finite number; 0.5 multiplies the features by 1.5.")
    ids, dictionary = _editable(questions, features, saes)
    return _change(questions, dictionary.scale(ids, 1 + dose), measure, seed, sign=1)


def patch(questions: Questions, donors: Questions, point: HookPoint, *, seed: int = 0) -> Estimate:
    """Measure how much the donor's label gains if a text's activation at the answer is replaced by its donor's.

    Activation patching (Vig et al., 2020; Meng et al., 2022). The i-th of `questions` gets the activation of the i-th
    of `donors` at `point`. Returns the gain in log-odds of the donor's label, in nats, mean over the texts. Raises
    UsageError if the numbers of donors and questions differ, or if they are of another model or have other labels.

    Example:
        >>> import emomech as em
        >>> study = em.Study(limit=400)
        >>> questions = study.questions("report", per_label=2)
        >>> donors = questions.take([*range(1, len(questions)), 0])
        >>> em.patch(questions, donors, em.HookPoint(7)).value > 5
        True
    """
    _check_questions("questions", questions)
    _check_questions("donors", donors)
    if not isinstance(point, HookPoint):
        raise UsageError(f"point {point!r}: expected a HookPoint, such as HookPoint({questions.lm.n_layers - 1}).")
    if len(questions) != len(donors):
        raise UsageError(f"donors: there are {len(donors)} for {len(questions)} questions; expected one for each.")
    for what, of_donors, expected in (
        ("model", donors.lm.name, questions.lm.name),
        ("labels", donors.labels, questions.labels),
    ):
        if of_donors != expected:
            raise UsageError(f"donors: their {what} {of_donors!r} differ from {expected!r} of the questions.")
    values = donors.activations([point], "answer")[point]
    before = log_odds(questions.logits(), donors.gold)
    return _mean(log_odds(patched(questions, point, values), donors.gold) - before, questions, seed)


def _editable(
    questions: Questions, features: Sequence[FeatureId], saes: Mapping[HookPoint, Sae] | None
) -> tuple[list[FeatureId], Dictionary]:
    """Return each feature once, and the SAEs and statistics to edit them with; raise UsageError for a misfit."""
    _check_questions("questions", questions)
    ids = list(dict.fromkeys([features] if isinstance(features, FeatureId) else features))
    for feature in ids:
        if not isinstance(feature, FeatureId):
            raise UsageError(f"features: {feature!r} is no FeatureId; write FeatureId(HookPoint(6), 17).")
    if not ids:
        raise UsageError("features: the list is empty; expected one or more.")
    if isinstance(features, Features) and features.model != questions.lm.name:
        raise UsageError(f"features: they are of {features.model!r}, and the questions of {questions.lm.name!r}.")
    if isinstance(features, Features) and saes is None:
        return ids, features.dictionary
    if saes is None:
        raise UsageError("saes: features that were not screened by `attribute` need their SAEs; pass `study.saes`.")
    points = {feature.point for feature in ids}
    _check_saes(saes)
    for point in points:
        if point not in saes:
            raise UsageError(f"{point}: has no SAE; expected one of {', '.join(map(str, saes))}.")
    taken = {point: saes[point] for point in saes if point in points}
    return ids, Dictionary.of(questions, taken)


def _check_questions(name: str, questions: Any) -> None:
    if not isinstance(questions, Questions):
        raise UsageError(f"{name}: expected Questions, found {type(questions).__name__}; call `study.questions()`.")
    if not len(questions):
        raise UsageError(f"{name}: there are none; expected one or more texts.")


def _check_choice(name: str, value: str, choices: Any) -> None:
    if value not in get_args(choices):
        raise unknown(name, str(value), get_args(choices))


def _check_saes(saes: Any) -> None:
    """Raise UsageError for SAEs that are not a mapping, or are none; their width is checked where they are read."""
    if not isinstance(saes, Mapping):
        raise UsageError(f"saes: expected SAEs by hook point, found {type(saes).__name__}; pass `study.saes`.")
    if not saes:
        raise UsageError("saes: there are none; expected one or more, such as `study.saes`.")


def _change(questions: Questions, edits: Edits, measure: Measure, seed: int, sign: int) -> Estimate:
    """Return the mean change of a measure under edits, times `sign`."""
    _check_choice("measure", measure, Measure)
    before, after = questions.logits(), questions.logits(edits)
    if measure == "accuracy":
        change = (after.argmax(1) == questions.gold).astype(float) - (before.argmax(1) == questions.gold)
    else:
        change = log_odds(after, questions.gold) - log_odds(before, questions.gold)
    return _mean(sign * change, questions, seed)


def _mean(values: Floats, questions: Questions, seed: int) -> Estimate:
    """Return the mean over the texts with its interval, which is undefined for a single cluster of texts."""
    if len(set(questions.clusters)) < 2:
        return Estimate(float(values.mean()), float("nan"), float("nan"), len(values))
    return mean_estimate(values, bootstrap_weights(questions.clusters, _N_RESAMPLES, seed))
