"""Claim C4: do few features carry the prediction?

Features are ranked on the `discover` texts by the gradient screen, and everything that is chosen is chosen there: the
number of features that is compared with other parts, and the hook point of sufficiency. On other texts, `curves`
measures necessity: what the answer loses without the first k features of all hook points, at every token. `kept`
measures sufficiency: what it keeps with only k features of one hook point, at the answer token. Both are compared with
as many other parts, and both are repeated without features that write a label. Single features are ablated one by one
(`single_features`), and so is the part of the activations that the SAEs do not explain. Log-odds are those of a text's
own label.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from emomech.causal import recordings
from emomech.causal.dictionary import NODES
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.chapters.tracing.curves import STYLES, Contest, Line, Necessity, contest, necessity, whole_of
from emomech.chapters.tracing.evidence import (
    ALL_TEXTS,
    FEATURES,
    RECOGNISED,
    dose_rows,
    edit_rows,
    lead_rows,
    size_rows,
)
from emomech.chapters.tracing.kept import Sufficiency, sufficiency
from emomech.chapters.tracing.redrawn import redrawn
from emomech.chapters.tracing.single_features import SingleEffect, by_layer, corrected, single_effects
from emomech.chapters.tracing.tables import (
    CURVES,
    DOSE_STEPS,
    EVERYWHERE,
    FEW,
    FIRST,
    KEPT,
    LAYERS,
    LEADS,
    MIN_TEXTS,
    MOST_LISTED,
    NODES_LOST,
    OTHER_EDITS,
    SETTING,
    SINGLES,
    SIZES,
    Tracing,
)
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.tables import Row, filled, frame
from emomech.stats.testing import LEVEL
from emomech.study.study import Study


def tracing(
    study: Study,
    *,
    n_discover: int = 30,
    n_report: int = 12,
    n_single: int = 3,
    n_resamples: int = 200,
    n_draws: int = 5,
) -> Tracing:
    """Ablate features, and what they are compared with, one by one and together.

    `n_discover` and `n_report` are texts of each label. At each hook point, `n_single` screened features and `n_single`
    others are ablated one by one. The main estimates are repeated on `n_draws` draws of the texts.
    """
    seed = study.spec.seed
    try:
        discover = recordings.kept(Questions.of(study, balanced(study, "discover", n_discover)))
        questions = Questions.of(study, balanced(study, "report", n_report))
    except UsageError as error:
        return _untested(study, str(error))
    if min(len(discover), len(questions)) < MIN_TEXTS * len(questions.labels):
        return _untested(study, f"A label has fewer than {MIN_TEXTS} texts on one side of the split.")
    sample = Sample.of(questions, n_resamples, seed).replayed()
    if not sample.above_chance:
        return _untested(study, f"The model is at chance: its balanced accuracy is {sample.balanced_accuracy}.")
    most = max(1, int(FEW * study.lm.d_model))
    contested = contest(discover, sample, study.saes, seed)
    choose_on = Sample.of(first_of_each(discover, n_report), 0, seed).replayed()
    lost = necessity(contested, choose_on, most)
    kept = sufficiency(discover, choose_on, sample, study.saes, most)
    singles = single_effects(sample, contested.dictionary, contested.ranking, n_single, seed)
    depth = {point: point.depth(study.lm.n_layers) for point in study.saes}
    evidence = [*lost.evidence, *kept.evidence]
    groups = {ALL_TEXTS: np.arange(len(sample)), RECOGNISED: np.flatnonzero(sample.right)}
    drawn = redrawn(discover, sample, contested, kept, evidence, n_draws)
    return Tracing(
        setting=frame(SETTING, [_setting(study, sample, contested, lost, len(discover))]),
        sizes=frame(SIZES, (row for one in evidence for row in size_rows(one, sample.weights, groups))),
        leads=frame(LEADS, (row for one in evidence for row in lead_rows(one, sample.weights, groups))),
        other_edits=frame(OTHER_EDITS, _other_edits(sample, lost)),
        dose_steps=frame(DOSE_STEPS, dose_rows(lost.doses, lost.evidence[0].whole(sample.weights), sample.weights)),
        stability=frame(STABILITY, stability_rows(drawn)),
        curves=frame(CURVES, _curves(sample, lost.lines)),
        kept=frame(KEPT, _kept(sample, kept)),
        singles=frame(SINGLES, _singles(sample, singles, depth)),
        layers=frame(LAYERS, _layers(sample, singles, depth)),
        nodes=frame(NODES_LOST, _nodes(sample, contested, depth)),
        first=frame(FIRST, _first(contested, lost.evidence[0].k, depth)),
    )


def _untested(study: Study, reason: str) -> Tracing:
    """Make empty tables, with the reason in `setting`."""
    return filled(Tracing, setting=frame(SETTING, [{"model": study.lm.name, "untested": reason}]))


def first_of_each(questions: Questions, n: int) -> Questions:
    """Take the first n texts of each label."""
    rows = [np.flatnonzero(questions.gold == label)[:n] for label in range(len(questions.labels))]
    return questions.take(np.sort(np.concatenate(rows)))


def _setting(study: Study, sample: Sample, contested: Contest, lost: Necessity, n_discover: int) -> Row:
    return {
        "model": study.lm.name,
        "accuracy": sample.balanced_accuracy,
        "chance": 1 / len(sample.labels),
        "log_odds": sample.base.mean(),
        "above_guess": whole_of(sample).mean(),
        "all_ablated": lost.all_ablated.mean(),
        "n_alive": contested.contenders[FEATURES].n,
        "n_active": contested.n_active,
        "d_model": study.lm.d_model,
        "n_discover": n_discover,
        "n": len(sample),
        "untested": "",
    }


def _other_edits(sample: Sample, lost: Necessity) -> Iterator[Row]:
    evidence = lost.evidence[0]
    for line in lost.lines:
        if line.edit in STYLES:
            firing = np.repeat(np.array(line.ks, float)[:, None], len(sample), 1)
            edited = replace(evidence, ks=line.ks, values=line.nats, firing=firing, others={})
            yield from edit_rows(edited, line.edit, sample.weights)


def _curves(sample: Sample, lines: Sequence[Line]) -> Iterator[Row]:
    for line in lines:
        for k, nats in zip(line.ks, line.nats, strict=True):
            row = {"condition": line.condition, "edit": line.edit, "k": k, "n": len(nats)}
            yield {**row, "value": sample.mean(nats)}


def _kept(sample: Sample, kept: Sufficiency) -> Iterator[Row]:
    for ranking, point, line in kept.lines:
        for measure, values in {"accuracy": line.right, "log-odds": line.odds}.items():
            for k, of_size in zip(line.ks, values, strict=True):
                row = {"ranking": ranking, "condition": line.condition, "measure": measure, "k": k}
                yield {**row, "hook_point": point, "value": sample.mean(of_size), "n": len(of_size)}


def _singles(sample: Sample, singles: Sequence[SingleEffect], depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    for effect, q in zip(singles, corrected(singles, sample.questions.clusters), strict=True):
        yield {
            "hook_point": str(effect.feature.point),
            "feature": effect.feature.index,
            "depth": depth[effect.feature.point],
            "kind": effect.kind,
            "rank": effect.rank,
            "estimate": effect.estimate,
            "loss": sample.mean(effect.loss),
            "n": len(effect.loss),
            "q": q,
            "zero": effect.zero,
            "resample": effect.resample,
        }


def _layers(sample: Sample, singles: Sequence[SingleEffect], depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    for summary in by_layer(singles, sample.questions.clusters):
        yield {
            "hook_point": str(summary.point) if summary.point else EVERYWHERE,
            "kind": summary.kind,
            "depth": depth[summary.point] if summary.point else np.nan,
            "n": summary.n,
            "n_nominal": summary.n_nominal,
            "expected": LEVEL * summary.n,
            "n_found": summary.n_found,
            "n_needed": summary.n_needed,
            "agreement": summary.agreement,
            "same_sign": summary.same_sign,
            "zero": summary.zero,
            "resample": summary.resample,
        }


def _nodes(sample: Sample, contested: Contest, depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    for node in NODES:
        edits = {point: contested.dictionary.node(point, node) for point in depth}
        losses = sample.losses([*({point: edit} for point, edit in edits.items()), edits])
        places = [*((str(point), at) for point, at in depth.items()), (EVERYWHERE, np.nan)]
        for (point, at), loss in zip(places, losses, strict=True):
            yield {"hook_point": point, "node": node, "depth": at, "loss": sample.mean(loss), "n": len(loss)}


def _first(contested: Contest, k: int, depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    places = [{feature: rank for rank, feature in enumerate(other.features, 1)} for other in contested.permuted]
    ranking = contested.ranking
    for i, feature in enumerate(ranking.features[: min(k, MOST_LISTED, len(contested.labels))]):
        yield {
            "rank": i + 1,
            "hook_point": str(feature.point),
            "feature": feature.index,
            "depth": depth[feature.point],
            "estimate": ranking.loss[i],
            "rank_shuffled": float(np.mean([place[feature] for place in places])),
            "expected": (len(ranking.features) + 1) / 2,
            "writes": contested.labels[i],
        }
