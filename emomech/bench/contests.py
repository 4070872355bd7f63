"""The comparisons: what is asked for, how long the package and its contenders take for it, and what was aimed at."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
import scipy.sparse as sp
import torch

from emomech.activations import collect
from emomech.bench import peers
from emomech.bench.subjects import GPT2, L0, N_LABELS, Subject
from emomech.bench.timing import rate, take_turns
from emomech.exact_effects import logits_of_each, logits_without_each
from emomech.features import encode
from emomech.interventions import MoveFeatures
from emomech.questions import Edits, Where
from emomech.ranks import Ranks, effect_sizes
from emomech.selectivity import Selectivity, Strata
from emomech.vocab import HookPoint

NOT_INSTALLED = "not installed"


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


QUICK = Sizes(n_texts=6, n_answer=96, n_everywhere=8, n_slow=1, n_turns=3)
FULL = Sizes(n_texts=12, n_answer=384, n_everywhere=24, n_slow=2, n_turns=7)


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    subject: str
    task: str
    unit: str
    ours: float
    """Seconds for one unit."""
    contender: str
    theirs: float | str
    """Seconds for one unit, or why there are none."""
    target: float | None
    """Ratio, of theirs to ours, that was aimed at, or seconds where there is no contender."""
    met: bool | None
    note: str
    difference: float | None = None
    """Largest difference of the two answers, where both can be compared."""

    @property
    def ratio(self) -> float | None:
        """How many times as long the contender takes."""
        return self.theirs / self.ours if isinstance(self.theirs, float) else None


def ablations(subject: Subject, sizes: Sizes) -> Iterator[Result]:
    """Ablate features one by one: at the answer, everywhere to zero and to the mean, and after the last block."""
    point, lens = subject.middle, _lens(subject)
    behind = subject.lm.n_layers - point.resid_index()
    share = f"{behind} of {subject.lm.n_layers} blocks are behind the edit"
    features, means = subject.alive(point, sizes.n_answer)
    answer = f"the edited token alone is run; {share}"
    task = "one feature to its mean at the answer, middle layer"
    yield from _ablation(subject, sizes, (task, answer, 20), (point, features, means, "answer"), lens)
    features, means = features[: sizes.n_everywhere], means[: sizes.n_everywhere]
    zero = f"texts without the feature, and tokens before it, are not run; {share}"
    task = "one feature to zero at every token, middle layer"
    yield from _ablation(subject, sizes, (task, zero, 3), (point, features, torch.zeros_like(means), "everywhere"))
    mean = f"every token changes, so what is saved is the blocks before: {share}, the last for the answer alone"
    task = "one feature to its mean at every token, middle layer"
    yield from _ablation(subject, sizes, (task, mean, 3), (point, features, means, "everywhere"))
    features, means = subject.alive(subject.last, sizes.n_answer)
    task = "one feature to its mean at the answer, last layer"
    note = "final norm and the labels' rows of the unembedding, no block"
    yield from _ablation(subject, sizes, (task, note, None), (subject.last, features, means, "answer"))


def _ablation(
    subject: Subject,
    sizes: Sizes,
    told: tuple[str, str, float | None],
    asked: tuple[HookPoint, torch.Tensor, torch.Tensor, Where],
    lens: peers.SaeLens | None = None,
) -> Iterator[Result]:
    (task, note, target), (point, features, targets, where) = told, asked
    sae, questions = subject.saes[point], subject.questions
    index, n = features.tolist(), sizes.n_slow
    edits: list[Edits] = [{point: MoveFeatures(sae, [i], offset=float(t))} for i, t in zip(index, targets, strict=True)]

    def ours() -> np.ndarray:
        if where == "answer":
            return logits_without_each(questions, sae, features, targets)
        return logits_of_each(questions, edits, where)

    contenders: dict[str, Callable[[], object]] = {
        "ours": ours,
        "forward": lambda: [questions.logits(one, where) for one in edits[:n]],
    }
    if lens:
        contenders[peers.SAELENS] = lambda: lens.ablate(point, index[:n])
    timed = take_turns(contenders, sizes.n_turns)
    difference = float(np.abs(ours()[:n] - np.stack([questions.logits(one, where) for one in edits[:n]])).max())
    own, whole = timed["ours"].seconds / len(index), timed["forward"].seconds / n
    line = (subject.name, task, "feature", own)
    met = None if target is None else whole / own >= target
    yield Result(*line, "one forward pass per feature", whole, target, met, note, difference)
    if where == "answer" and target is not None:
        theirs = timed[peers.SAELENS].seconds / n if lens else _why_not(subject)
        yield Result(*line, f"{peers.SAELENS}, one run per feature", theirs, None, None, "random weights, same shape")


def capture(subject: Subject, sizes: Sizes) -> Iterator[Result]:
    """Read and encode all layers, beside the bare forward pass and the bare matrix products."""
    lm, questions, saes = subject.lm, subject.questions, subject.saes
    points, positions = list(saes), questions.positions("everywhere")
    batches = [batch.forward_kwargs() for batch, _ in questions.batches("everywhere")]
    read = collect(lm, points, questions.texts, positions)

    def ours() -> None:
        for point, x in collect(lm, points, questions.texts, positions).items():
            encode(saes[point], x)

    @torch.inference_mode()
    def bare() -> None:
        for batch in batches:
            lm.module(**batch, logits_to_keep=1)
        for point, x in read.items():
            for rows in x.split(512):
                torch.mm(rows, saes[point].W_enc)

    contenders: dict[str, Callable[[], object]] = {"ours": ours, "bare": bare}
    if lens := _lens(subject):
        contenders[peers.SAELENS] = lens.encode
    timed = take_turns(contenders, sizes.n_turns)
    n = sum(map(len, positions))
    own, least = timed["ours"].seconds / n, timed["bare"].seconds / n
    line = (subject.name, "features of all layers", "token", own)
    operations = 2 * sum(w.numel() for block in lm.blocks for w in block.parameters() if w.ndim == 2)
    operations += 2 * sum(sae.W_enc.numel() for sae in saes.values())
    note = f"{operations / own / rate(sizes.n_turns, lm.d_model):.0%} of the rate of a matrix product of this width"
    yield Result(*line, "bare forward pass and products", least, 1 / 1.25, own / least <= 1.25, note)
    theirs = timed[peers.SAELENS].seconds / n if lens else _why_not(subject)
    yield Result(*line, f"{peers.SAELENS}, run with cache", theirs, None, None, "all features kept dense")


def scores(sizes: Sizes, n: int = 5000, d_sae: int = 16384) -> Iterator[Result]:
    """Score all features for all emotions: AUROC, effect size, and a permutation null."""
    rng = np.random.default_rng(0)
    often = rng.gamma(0.3, size=d_sae)
    column = rng.choice(d_sae, n * L0, p=often / often.sum())
    value = rng.integers(1, 1000, n * L0).astype(float)
    features = sp.csr_array((value, (np.repeat(np.arange(n), L0), column)), shape=(n, d_sae))
    labels = rng.integers(0, N_LABELS, n)
    member, strata = labels[:, None] == np.arange(N_LABELS), Strata(np.zeros(n, dtype=int))
    some = np.argsort(-often)[: 4 * sizes.n_slow].tolist()

    def scored() -> np.ndarray:
        ranks = Ranks.of(features)
        effect_sizes(features, member)
        Selectivity.ranked(ranks, labels, strata).null(20, seed=0)
        found = np.full((N_LABELS, d_sae), 0.5)
        found[:, ranks.feature] = ranks.aurocs(member)
        return found

    contenders: dict[str, Callable[[], object]] = {"ours": scored}
    if peers.installed(peers.SKLEARN):
        contenders[peers.SKLEARN] = lambda: peers.auroc_loop(features, member, some)
    timed = take_turns(contenders, sizes.n_turns)
    own = timed["ours"].seconds
    task = f"scores of {d_sae:,} features, {N_LABELS} emotions, {n:,} texts"
    note = "AUROC, effect size, and 20 permutations"
    yield Result("random features", task, "layer", own, "none", "none", 1.0, own < 1, note)
    theirs: float | str = NOT_INSTALLED
    difference = None
    if peers.SKLEARN in timed:
        theirs = timed[peers.SKLEARN].seconds * d_sae / len(some)
        loop = np.array(peers.auroc_loop(features, member, some)).reshape(len(some), N_LABELS)
        difference = float(np.abs(scored()[:, some].T - loop).max())
    note = f"AUROC alone, from {len(some)} features"
    yield Result(
        "random features", task, "layer", own, f"{peers.SKLEARN}, a loop", theirs, None, None, note, difference
    )


def start(sizes: Sizes) -> Iterator[Result]:
    """Start the command line and list what there is."""
    found = []
    for _ in range(sizes.n_turns + 1):
        before = _of_children()
        subprocess.run([sys.executable, "-m", "emomech", "list"], capture_output=True, check=True)
        found.append(_of_children() - before)
    own = median(found[1:])
    yield Result("command line", "emomech list", "call", own, "none", "none", 0.5, own < 0.5, "all that is listed")


def _of_children() -> float:
    """Seconds that programs started from here have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _lens(subject: Subject) -> peers.SaeLens | None:
    return peers.SaeLens(subject) if subject.name == GPT2 and peers.installed(peers.SAELENS) else None


def _why_not(subject: Subject) -> str:
    return NOT_INSTALLED if subject.name == GPT2 else "not measured"
