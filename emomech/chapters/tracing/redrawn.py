"""The main estimates on other draws of the texts: half of the texts rank the features, half of the others report.

Hook point and k stay those of the page, so that all draws are about the same quantity. The ranking without features
that write a label is drawn again for sufficiency only, because each of its ablations takes a pass through the model.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from emomech.causal.ablation import Ranking, rank_on_parts
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.chapters.tracing.curves import Contest, matched_sets, whole_of
from emomech.chapters.tracing.evidence import (
    FEATURES,
    MATCHED,
    NECESSITY,
    OF_ACTIVE,
    OF_DIMENSIONS,
    Evidence,
    quantity,
)
from emomech.chapters.tracing.kept import Chosen, Screened, Sufficiency, evidence_of, kept_line
from emomech.core import progress
from emomech.core.hook_points import FeatureId
from emomech.stats.estimates import Floats, Ints


def redrawn(
    discover: Questions,
    sample: Sample,
    contested: Contest,
    kept: Sufficiency,
    evidence: Sequence[Evidence],
    n_draws: int,
) -> dict[str, list[float]]:
    """Name of each estimate -> its values on the draws, of which the first is the page's own."""
    rng = np.random.default_rng(sample.seed)
    ranked = [half_of_each(discover.gold, rng) for _ in range(1, n_draws)]
    reported = [half_of_each(sample.gold, rng) for _ in range(1, n_draws)]
    rankings = rank_on_parts(discover, contested.dictionary, ranked) if ranked else []
    values = {name: [value] for one in evidence for name, value in _values(one).items()}
    silent_need = quantity(NECESSITY, evidence[1].variant, "")
    values = {name: drawn for name, drawn in values.items() if not name.startswith(silent_need)}
    draws = list(zip(rankings, ranked, reported, strict=True))
    for ranking, inside, rows in progress.counted(draws, "drawing texts again", "draw"):
        part = sample.take(rows)
        again = [_necessity(contested, ranking, part, evidence[0])]
        again += [_sufficiency(one, discover.take(inside), part) for one in kept.chosen]
        for name, value in (pair for one in again for pair in _values(one).items()):
            values[name].append(value)
    return values


def half_of_each(gold: Ints, rng: np.random.Generator) -> Ints:
    """Draw half of the texts of each label, by number."""
    rows = [rng.permutation(np.flatnonzero(gold == label)) for label in range(int(gold.max()) + 1)]
    return np.sort(np.concatenate([of_label[: (len(of_label) + 1) // 2] for of_label in rows]))


def _values(evidence: Evidence) -> Mapping[str, float]:
    one = np.ones((1, len(evidence.nothing)))
    sizes, lead = evidence.sizes(one), evidence.lead(MATCHED, one)
    values = {OF_ACTIVE: sizes[OF_ACTIVE], OF_DIMENSIONS: sizes[OF_DIMENSIONS], MATCHED: lead}
    return {quantity(evidence.part, evidence.variant, what): float(value[0]) for what, value in values.items()}


def _necessity(contested: Contest, ranking: Ranking, sample: Sample, like: Evidence) -> Evidence:
    """Ablate the first features of another ranking, at sizes up to twice what counts as few."""
    ks = sorted({*(k for k in like.ks if k <= like.n_dimensions // 2), like.k})
    sets: list[Sequence[FeatureId]] = [ranking.features[:k] for k in ks]
    matches = matched_sets(ranking.features[: like.k], contested.dictionary, sample.seed)[:1]
    lost = sample.losses(contested.dictionary.ablate(one) for one in [*sets, *matches])
    n = len(sample)
    return Evidence(
        part=NECESSITY,
        variant=FEATURES,
        ks=ks,
        values=lost[: len(ks)],
        nothing=np.zeros(n),
        everything=whole_of(sample),
        active=np.full(n, contested.n_active),
        firing=np.repeat(np.array(ks, float)[:, None], n, 1),
        k=like.k,
        others={MATCHED: lost[-1]},
        n_features=like.n_features,
        n_dimensions=like.n_dimensions,
    )


def _sufficiency(chosen: Chosen, discover: Questions, sample: Sample) -> Evidence:
    """Rank again at the hook point of the page, and keep the first features of that ranking."""
    point, questions = chosen.screened.point, sample.questions
    screened = Screened.of(discover, {point: chosen.screened.dictionary.saes[point]})[point]
    order = screened.orders[chosen.variant]
    k = min(chosen.k, len(order))
    again = Chosen(screened, chosen.variant, k)
    own = screened.kept(questions, chosen.variant, sorted({k, *screened.sizes(chosen.variant)}))
    sets = [matched_sets(order[:k], screened.dictionary, sample.seed)]
    right: Floats = sample.right.astype(float)
    return evidence_of(again, questions, right, [own, kept_line(questions, MATCHED, screened.dictionary, sets, [k])])
