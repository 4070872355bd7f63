"""What an analysis asks of the model, of its SAEs and of the processor, known before it runs.

Every chapter declares its `Calls` as a function of a `Scale`: the sizes of the model, its SAEs and its texts. Plans and
the order of the book's jobs follow from this one record. Counts are sums, so records of steps can be added.

Example:
    >>> from emomech.study.calls import Calls
    >>> read = Calls(texts=100, forward=40_000, block_calls=320)
    >>> both = read + 2 * Calls(encoded=5000)
    >>> both.forward, both.encoded
    (40000, 10000)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from emomech.data.corpus import Split


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Sums over an analysis. A token counts once for each block that it passes, and padding counts as tokens."""

    texts: float = 0
    """Texts that the model reads, each as often as it is read."""
    forward: float = 0
    """Tokens through a block (token x block)."""
    backward: float = 0
    """Tokens whose gradient passes a block (token x block)."""
    keys: float = 0
    """Tokens of which a block computes keys and values only (token x block)."""
    block_calls: float = 0
    """Calls of a block, forward; each takes time however few its tokens are."""
    backward_calls: float = 0
    """Calls of a block, backward."""
    batches: float = 0
    """Batches that are made and given to the model, with masks and hooks."""
    logits: float = 0
    """Tokens with logits of the whole vocabulary."""
    encoded: float = 0
    """Activations that an SAE encodes."""
    decoded: float = 0
    """Activations that an SAE decodes."""
    met: float = 0
    """Gradients that meet the whole decoder of an SAE."""
    sae_calls: float = 0
    """Calls of an SAE."""
    fired: float = 0
    """Features that fire and whose decoder rows meet a gradient."""
    models: float = 0
    """Copies of the model that are made, such as one with random weights."""
    prepared: float = 0
    """Texts that are drawn from the grammar or read from a file, with their annotation."""
    tokenized: float = 0
    """Texts that are tokenized."""
    ranked: float = 0
    """Values that are sorted."""
    weighed: float = 0
    """Products in weighted sums: resamples x texts x columns."""
    fitted: float = 0
    """Products in classifiers that are fitted: texts x dimensions x classes."""
    decomposed: float = 0
    """Products in decompositions of matrices: rows x columns x the smaller of both."""
    steps: float = 0
    """Operations on small sparse arrays, and as much of other small ones: they take time however small they are."""
    rows: float = 0
    """Rows of result tables."""

    def __add__(self, other: "Calls") -> "Calls":
        """Sum of two records."""
        return Calls(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __rmul__(self, n: float) -> "Calls":
        """The same n times."""
        return Calls(**{f.name: n * getattr(self, f.name) for f in fields(self)})


def total(parts: Iterable[Calls]) -> Calls:
    """Sum of some records; the empty record if there are none."""
    return sum(parts, Calls())


@dataclass(frozen=True)
class Task:
    """The texts of a task: how many there are, and how long they are as questions."""

    labels: int
    rarest: Mapping[Split, int]
    """Texts of the label that has fewest, by split."""
    split: Mapping[Split, int]
    """Texts by split."""
    distinct: float
    """Clusters of texts, as a share of the texts."""
    lengths: tuple[float, ...]
    """Tokens of some questions, the longest first."""
    text_lengths: tuple[float, ...]
    """Tokens of the same texts without their questions, the longest first."""
    long_answers: int = 0
    """Labels whose answer has several tokens."""
    word_tags: frozenset[str] = frozenset()
    """Names of the tags that words carry."""
    answer_tags: frozenset[str] = frozenset()
    """Names of the tags that texts carry, besides the label."""
    styles: tuple[int, ...] = ()
    """Texts of the label that has fewest, in each style."""
    types: tuple[int, ...] = ()
    """The same in each item type."""

    @property
    def texts(self) -> int:
        """Number of texts."""
        return sum(self.split.values())

    def balanced(self, split: Split, most: int = 0) -> int:
        """Number of texts that `causal.questions.balanced` draws: equally many of every label."""
        n = self.rarest[split]
        return self.labels * min(n, most or n)


def padded(lengths: Sequence[float], n: float, most: int = 1024) -> float:
    """Mean tokens of `n` texts of such lengths, the longest first, in batches of at most `most` tokens with padding.

    A batch is as wide as its longest text, which is taken to be the middle one of those of its rank.

    Example:
        >>> from emomech.study.calls import padded
        >>> padded([20, 10, 8], n=3, most=40)  # two batches: 20 and 10, then 8
        16.0
    """
    total, start, n_texts = 0.0, 0, max(1, round(n))
    while start < n_texts:
        width = lengths[int((start + 0.5) * len(lengths) / n_texts)]
        rows = min(max(1, int(most // max(1, width))), n_texts - start)
        total, start = total + rows * width, start + rows
    return total / n_texts


@dataclass(frozen=True)
class Scale:
    """The sizes that calls depend on: those of the model, of its SAEs, and of its tasks."""

    layers: int
    width: int
    block: int
    """Weights of a block that a token is multiplied with."""
    vocabulary: int
    depths: tuple[int, ...]
    """Depth of each hook point with an SAE: number of blocks before it."""
    features: int
    """Features of one SAE."""
    active: float
    """Features that fire at a token."""
    task: Task
    controls: tuple[Task, ...] = ()
    beside: tuple[str, ...] = ()
    """SAEs that lie beside those of the study: names of the controls, and `second` for those of another seed."""
    batch: int = 1024
    """Tokens of a batch."""
    prefix: int = 0
    """Special tokens before every text."""
    reading: float = 1300
    """Tokens with which the model is checked when it is loaded, see `models.reading_check`."""

    @property
    def points(self) -> int:
        """Number of hook points with an SAE."""
        return len(self.depths)


EXAMPLE = Scale(
    layers=8,
    width=128,
    block=12 * 128**2,
    vocabulary=2000,
    depths=tuple(range(9)),
    features=512,
    active=16,
    task=Task(
        7, {"discover": 40, "tune": 20, "report": 40}, {"discover": 300, "tune": 150, "report": 300}, 0.9, (40,), (25,)
    ),
)
"""Sizes like those of the embedded model, for examples and tests."""
