"""The comparisons: what is asked for, how long the package and its contenders take for it, and what was aimed at."""

import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp

from emomech.bench.environments import LENS, NNSIGHT, SAELENS, SKLEARN
from emomech.bench.interleaved import OURS, PLAIN, Arena, Entry, Outcome
from emomech.bench.workloads import L0, N_LABELS, Subject
from emomech.causal.feature_stats import Reference

DOSES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
CAPTURE = "encoding, all layers"
_MEMORY = 1.1
"""How many times model, one SAE and one batch may be held: of these the plain way holds nothing more."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    n_texts: int
    n_answer: int
    """Features that are ablated one by one at the answer."""
    n_everywhere: int
    n_slow: int
    """Features for which the slow contenders are run; their time is per feature."""
    n_turns: int


QUICK = Sizes(n_texts=2, n_answer=64, n_everywhere=4, n_slow=1, n_turns=2)
FULL = Sizes(n_texts=4, n_answer=192, n_everywhere=8, n_slow=1, n_turns=4)


@dataclass(frozen=True)
class Result:
    """One line of the table: the package beside one contender."""

    subject: str
    task: str
    unit: str
    ours: float
    """Seconds for one unit."""
    contender: str
    theirs: float | str
    """Seconds for one unit, or why there are none."""
    target: float | None = None
    """Ratio, of theirs to ours, that was aimed at, or seconds where there is no contender."""
    met: bool | None = None
    note: str = ""
    difference: float | None = None
    """Largest difference of the two answers, as a share of the largest that ours has between edits or layers."""
    share: float | None = None
    """Share of the rate of a matrix product that ours reaches, where its operations are known."""
    held: Mapping[str, float] | None = None
    """Bytes that ours and theirs hold, above what interpreter and libraries take, and the most that was aimed at."""

    @property
    def ratio(self) -> float | None:
        """How many times as long the contender takes."""
        return self.theirs / self.ours if isinstance(self.theirs, float) else None


@dataclass(frozen=True)
class Told:
    """What a contest is called."""

    subject: str
    task: str
    unit: str
    note: str
    target: float | None = None
    share: float | None = None
    more: float | None = None
    """How many times the first contender's memory may be held."""


def compared(told: Told, found: Mapping[str, Outcome], contenders: Mapping[str, tuple[str, str]]) -> Iterator[Result]:
    """Make lines of a contest: for each contender its name in the table and a note; the target is the first's."""
    own = found[OURS]
    assert isinstance(own.seconds, float)
    for place, (contender, (name, note)) in enumerate(contenders.items()):
        other = found[contender]
        target = told.target if place == 0 else None
        met = None
        if target is not None and isinstance(other.seconds, float):
            met = other.seconds / own.seconds >= target
        held = None
        if own.held is not None and other.held is not None:
            held = {"ours": float(own.held), "theirs": float(other.held)}
            held |= {"most": told.more * other.held} if told.more and place == 0 else {}
        line = (told.subject, told.task, told.unit, own.seconds, name, other.seconds)
        shown = note if place else told.note
        yield Result(*line, target, met, shown, _difference(own, other), None if place else told.share, held)


def _difference(own: Outcome, other: Outcome) -> float | None:
    """Compare the part of the two answers that both have: the slow give that of the first features."""
    if own.answer is None or other.answer is None or not other.answer.size:
        return None
    between = np.ptp(own.answer, axis=0).max()
    return float(np.abs(own.answer[: len(other.answer)] - other.answer).max() / between)


def capture(subject: Subject, arena: Arena, rate: float) -> Iterator[Result]:
    """Read and encode all layers, beside the bare forward pass and the bare matrix products."""
    n = sum(map(len, subject.questions.positions("everywhere")))
    entries = [Entry(OURS, "capture", n=n), Entry(PLAIN, "plain capture", n=n), Entry(SAELENS, "capture", n=n)]
    found = arena.contest(entries, fresh=True)
    share = operations(subject, 1, 1) / _seconds(found) / rate
    note = "reading, thresholds and sparse storage come on top of the products"
    told = Told(subject.name, CAPTURE, "token", note, 1 / 1.25, share, _MEMORY)
    others = {
        PLAIN: ("bare forward pass and products", ""),
        SAELENS: ("SAELens, run with cache", "features kept dense"),
    }
    yield from compared(told, found, others)


def screen(subject: Subject, arena: Arena, rate: float) -> Iterator[Result]:
    """Attribute all features of all layers, beside one forward and backward pass, and SAEs in nnsight's graph."""
    n = sum(map(len, subject.questions.positions("everywhere")))
    entries = [Entry(OURS, "screen", n=n), Entry(PLAIN, "plain screen", n=n), Entry(NNSIGHT, "screen", n=n)]
    found = arena.contest(entries, fresh=True)
    share = operations(subject, 2, 1) / _seconds(found) / rate
    note = "encoding of all layers comes on top of the passes; the gradient meets the features that fire"
    told = Told(subject.name, "attribution, every feature, all layers", "token", note, None, share)
    others = {
        PLAIN: ("one forward and backward pass", ""),
        NNSIGHT: ("nnsight, SAEs in the graph", "as in sparse feature circuits; all layers' features at once"),
    }
    yield from compared(told, found, others)


def effects(subject: Subject, arena: Arena, sizes: Sizes) -> Iterator[Result]:
    """Ablate features one by one: at the answer, everywhere to zero and to the mean, and after the last block."""
    usual = subject.usual([subject.middle, subject.last])
    behind = subject.lm.n_layers - subject.middle.resid_index()
    share = f"{behind} of {subject.lm.n_layers} blocks are behind the edit"
    middle = usual[subject.middle]
    features = subject.alive(middle, sizes.n_answer)
    asked = {"point": str(subject.middle), "where": "answer"} | moves(middle, features)
    note = f"the edited token alone is run; {share}"
    told = Told(subject.name, "mean ablation, at the answer, middle layer", "feature", note, 20)
    yield from _effects(told, arena, asked, sizes, peers=True)
    features = features[: sizes.n_everywhere]
    asked |= {"where": "everywhere", "features": features, "targets": [0.0] * len(features)}
    note = f"texts without the feature, and tokens before it, are not run; {share}"
    told = Told(subject.name, "zero ablation, at every token, middle layer", "feature", note, 3)
    yield from _effects(told, arena, asked, sizes, peers=True)
    asked |= moves(middle, features)
    note = f"every token changes, so what is saved is the blocks before: {share}, the last for the answer alone"
    told = Told(subject.name, "mean ablation, at every token, middle layer", "feature", note, 3)
    yield from _effects(told, arena, asked, sizes)
    features = subject.alive(usual[subject.last], sizes.n_answer)
    asked = {"point": str(subject.last), "where": "answer"} | moves(usual[subject.last], features)
    note = "final norm and the labels' rows of the unembedding, no block"
    told = Told(subject.name, "mean ablation, at the answer, last layer", "feature", note)
    yield from _effects(told, arena, asked, sizes)


def moves(usual: Reference, features: list[int]) -> dict[str, Any]:
    """Ask for each feature to be moved to its mean."""
    return {"features": features, "targets": usual.features[features].tolist()}


def _effects(told: Told, arena: Arena, asked: Mapping[str, Any], sizes: Sizes, peers: bool = False) -> Iterator[Result]:
    few = {**asked, **{name: asked[name][: sizes.n_slow] for name in ("features", "targets")}}
    others = {PLAIN: ("one forward pass per feature", "")}
    if peers:
        others |= {SAELENS: ("SAELens, one run per feature", "SAE and its error in the model")}
        others |= {NNSIGHT: ("nnsight, one trace per feature", "SAE and its error in the trace")}
    entries = [Entry(OURS, "effects", asked, len(asked["features"]))]
    entries += [Entry(name, "plain effects" if name == PLAIN else "effects", few, sizes.n_slow) for name in others]
    yield from compared(told, arena.contest(entries), others)


def doses(subject: Subject, arena: Arena) -> Iterator[Result]:
    """Steer by several features of the middle layer, one dose after another."""
    usual = subject.usual([subject.middle])[subject.middle]
    features = subject.alive(usual, 8)
    asked = {"point": str(subject.middle), "features": features, "doses": list(DOSES), "where": "everywhere"}
    others = {
        PLAIN: ("one forward pass per dose", ""),
        SAELENS: ("SAELens, one run per dose", "SAE and its error in the model"),
    }
    n = len(DOSES)
    entries = [Entry(OURS, "doses", asked, n), Entry(PLAIN, "plain doses", asked, n), Entry(SAELENS, "doses", asked, n)]
    note = f"{len(features)} features are multiplied at every token; the blocks before the edit are run once"
    yield from compared(
        Told(subject.name, "steering, a sweep of doses, middle layer", "dose", note), arena.contest(entries), others
    )


def patching(subject: Subject, arena: Arena) -> Iterator[Result]:
    """Patch the activation at the answer, one layer after another."""
    n = len(subject.saes)
    found = arena.contest([Entry(OURS, "patching", n=n), Entry(LENS, "patching", n=n)])
    note = "one whole forward pass per layer, as TransformerLens does"
    told = Told(subject.name, "patching, at the answer, every layer", "layer", note)
    yield from compared(told, found, {LENS: ("TransformerLens, one run per layer", "")})


def scores(folder: Path, sizes: Sizes, n: int = 5000, d_sae: int = 16384) -> Iterator[Result]:
    """Score all features for all emotions: AUROC, effect size, and a permutation null."""
    some = random_features(folder, 4 * sizes.n_slow, n, d_sae)
    task = f"scores of {d_sae:,} features, {N_LABELS} emotions, {n:,} texts"
    entries = [
        Entry(OURS, "scores", {"features": some}),
        Entry(SKLEARN, "scores", {"features": some}, len(some) / d_sae),
    ]
    with Arena(folder, sizes.n_turns) as arena:
        found = arena.contest(entries)
    own, note = _seconds(found), "AUROC, effect size, and 20 permutations"
    yield Result("random features", task, "layer", own, "none", "none", 1.0, own < 1, note)
    told = Told("random features", task, "layer", f"AUROC alone, from {len(some)} features")
    yield from compared(told, found, {SKLEARN: ("scikit-learn, a loop", "")})


def random_features(folder: Path, n_some: int, n: int, d_sae: int) -> list[int]:
    """Write features that fire as often as those of public SAEs, with labels; give the most frequent few."""
    rng = np.random.default_rng(0)
    often = rng.gamma(0.3, size=d_sae)
    column = rng.choice(d_sae, n * L0, p=often / often.sum())
    value = rng.integers(1, 1000, n * L0).astype(float)
    features = sp.csr_array((value, (np.repeat(np.arange(n), L0), column)), shape=(n, d_sae))
    folder.mkdir(parents=True, exist_ok=True)
    sp.save_npz(folder / "features.npz", features)
    np.save(folder / "member.npy", rng.integers(0, N_LABELS, n)[:, None] == np.arange(N_LABELS))
    return np.argsort(-often)[:n_some].tolist()


def start(sizes: Sizes) -> Iterator[Result]:
    """Start the command line and list what there is."""
    found = []
    for _ in range(sizes.n_turns + 1):
        before = _of_children()
        subprocess.run([sys.executable, "-m", "emomech", "list"], capture_output=True, check=True)
        found.append(_of_children() - before)
    own = median(found[1:])
    yield Result("command line", "emomech list", "call", own, "none", "none", 0.5, own < 0.5, "all that is listed")


def operations(subject: Subject, n_passes: int, n_products: int) -> int:
    """Floating-point operations per token of so many passes, and products with all SAEs."""
    blocks = sum(w.numel() for block in subject.lm.blocks for w in block.parameters() if w.ndim == 2)
    return 2 * n_passes * blocks + 2 * n_products * sum(sae.W_enc.numel() for sae in subject.saes.values())


def _seconds(found: Mapping[str, Outcome]) -> float:
    own = found[OURS].seconds
    assert isinstance(own, float)
    return own


def _of_children() -> float:
    """Seconds that programs started from here have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
