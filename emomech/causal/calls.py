"""The calls of questions, edits and screens, as `Questions`, `logits_of_each` and `attribute_each` make them.

Arithmetic only: nothing is loaded, and no model runs. Chapters add these up to declare what they will ask of a model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from emomech.study.calls import Calls, Scale, Task, padded, total

EDIT = 8
"""Operations on arrays around an edit of a batch at a hook point: masks, comparisons, the logits of the labels."""
MOST_KEPT = 384 * 2**20
"""Bytes of the recordings of some texts that are kept."""
TOGETHER = 1024
"""Edited tokens that `causal.effects` runs through the blocks in one batch."""


@dataclass(frozen=True)
class Asked:
    """Some texts as questions to a model that SAEs read at hook points on the residual stream.

    Example:
        >>> from emomech.causal.calls import Asked
        >>> from emomech.study.calls import EXAMPLE
        >>> asked = Asked.of(EXAMPLE, 64)
        >>> asked.once().forward == 64 * asked.tokens * EXAMPLE.layers
        True
    """

    scale: Scale
    n: float
    """Texts."""
    lengths: tuple[float, ...]
    """Tokens of such texts, the longest first."""

    @classmethod
    def of(cls, scale: Scale, n: float, task: Task | None = None) -> "Asked":
        """Ask `n` texts of a task, by default of the study's own."""
        return cls(scale, n, (task or scale.task).lengths)

    def take(self, n: float) -> "Asked":
        """Ask another number of texts of such lengths."""
        return replace(self, n=n)

    def at(self, *depths: int) -> "Asked":
        """Read at other hook points, by their depth."""
        return replace(self, scale=replace(self.scale, depths=depths))

    @cached_property
    def tokens(self) -> float:
        """Tokens of a text with its padding, mean."""
        return padded(self.lengths, self.n, self.scale.batch)

    @cached_property
    def content(self) -> float:
        """Tokens of a text, mean."""
        return sum(self.lengths) / len(self.lengths)

    @property
    def batches(self) -> float:
        """Batches of these texts."""
        return math.ceil(self.n / max(1, self.scale.batch // max(1, math.ceil(self.tokens))))

    def drawn(self, labels: int) -> Calls:
        """Tokenize the questions, alone and followed by the answer of each label."""
        return Calls(tokenized=self.n * (labels + 2))

    def through(self, blocks: float, logits: float = 0) -> Calls:
        """Pass some blocks, with the logits of so many tokens of each text."""
        n, batches = self.n * self.tokens * blocks, self.batches
        passed = Calls(forward=n, block_calls=batches * blocks, batches=batches)
        return passed + Calls(texts=self.n, logits=self.n * logits)

    def once(self) -> Calls:
        """Answer the questions."""
        return self.through(self.scale.layers, 1)

    def recorded(self, times: float = 1) -> Calls:
        """Record a pass that edits are replayed from, for so many calls on the same texts, see `recordings.kept`."""
        n_bytes = self.n * self.content * self.scale.width * (self.scale.layers + 1) * 4
        return (1 if n_bytes <= MOST_KEPT else times) * self.through(self.scale.layers)

    def read(self) -> Calls:
        """Read the activations at the hook points; the pass ends behind the deepest."""
        return self.through(max(self.scale.depths, default=0))

    def encoded(self, share: float = 1.0, decoded: bool = False) -> Calls:
        """Encode all tokens at every hook point, or a share of them; padding is left out."""
        rows = self.n * self.content * self.scale.points * share
        calls = math.ceil(self.n * self.content * share / 2048) * self.scale.points
        return Calls(encoded=rows, decoded=rows * decoded, sae_calls=calls * (1 + decoded))

    def at_answer(self, decoded: bool = False) -> Calls:
        """Encode the last token of every text at every hook point."""
        return self.encoded(1 / self.content, decoded)

    def statistics(self, answer: bool = False) -> Calls:
        """Statistics of all features, as `feature_stats` measures them."""
        return self.read() + (self.at_answer(decoded=True) if answer else self.encoded(decoded=True))

    def edited(self, depths: Sequence[int]) -> Calls:
        """Replay the blocks behind each of some edits, each at one hook point and at all tokens."""
        known = self.scale.layers - min(depths, default=self.scale.layers)
        before = Calls(keys=self.n * self.tokens * known, block_calls=self.batches * known)  # of the tokens left alone
        return total(self._replayed(depth) for depth in depths) + bool(self.scale.prefix) * before

    def _replayed(self, depth: int) -> Calls:
        rows = self.n * self.tokens
        edit = Calls(encoded=rows, sae_calls=self.batches, steps=EDIT * self.batches)
        if depth >= self.scale.layers:
            return edit
        behind = self.scale.layers - 1 - depth
        last = Calls(forward=self.n, keys=rows, block_calls=2 * self.batches)
        return edit + Calls(forward=rows * behind, block_calls=self.batches * behind) + last

    def moved(self, share: float) -> Calls:
        """Answer in a whole pass with features moved at a share of the hook points; padding is edited, too."""
        points = self.scale.points * share
        return self.once() + Calls(encoded=self.n * self.tokens * points, sae_calls=self.batches * points)

    def edited_together(self, edits: float, points: float | None = None, depth: float | None = None) -> Calls:
        """Replay edits of several hook points at once, from the first of them on."""
        n_points = self.scale.points if points is None else points
        start = min(self.scale.depths, default=0) if depth is None else depth
        rows, behind = self.n * self.tokens, self.scale.layers - start
        each = Calls(forward=rows * behind, block_calls=self.batches * behind)
        steps = EDIT * self.batches * n_points
        return edits * (each + Calls(encoded=rows * n_points, sae_calls=self.batches * n_points, steps=steps))

    def edited_at_answer(self, depths: Sequence[int], encoded: float = 1, decoded: float = 0) -> Calls:
        """Replay only the last token behind each of some edits; those of one depth run together.

        An edit encodes all tokens `encoded` times, and decodes them `decoded` times.
        """
        rows, layers, together = self.n * self.tokens, self.scale.layers, Calls()
        each = max(1, TOGETHER // max(1, math.ceil(self.n / max(1, self.batches))))
        for depth in set(depths):
            n, behind = list(depths).count(depth), layers - depth
            together += Calls(forward=self.n * n * behind, block_calls=self.batches * math.ceil(n / each) * behind)
        known = layers - min(depths, default=layers)
        coded = Calls(encoded=rows * encoded, decoded=rows * decoded, sae_calls=self.batches * (encoded + decoded))
        coded += Calls(steps=EDIT * self.batches)
        edits = len(depths) * coded
        return together + edits + Calls(keys=rows * known, block_calls=self.batches * known)

    def screened(self, moves: Sequence[float], answer: bool = False, record: bool = True) -> Calls:
        """Screen all features at all hook points, forward and backward, for moves with so many groups of texts each.

        At the answer the pass forward is recorded, unless that is done already.
        """
        layers, points = self.scale.layers, self.scale.points
        behind = layers - min(self.scale.depths, default=layers)
        if answer:
            keys = Calls(keys=self.n * self.tokens * layers, block_calls=2 * self.batches * layers)
            slopes = record * self.recorded() + keys + Calls(forward=self.n * layers, backward=self.n * behind)
            tokens, encoded = 1.0, self.at_answer()
        else:
            slopes, tokens = self.once() + Calls(backward=self.n * self.tokens * behind), self.content
            encoded = self.encoded()
        groups = sum(min(n, self.n) if n >= self.n else min(n * self.batches, self.n) for n in moves)
        fired = self.n * tokens * self.scale.active * points
        met = Calls(backward_calls=self.batches * behind, fired=fired, met=groups * points)
        return slopes + encoded + met + Calls(steps=self.batches * points * (4 + 4 * len(moves)))


def found(n: float) -> float:
    """Share of the hook points at which a label has features that support it, if they are sought on `n` of its texts.

    More texts show weaker support: about half of the hook points on 12 texts, three in four on 40. This is an
    expectation; what a model has is known only after the screen.
    """
    return 1 - 0.45 * math.sqrt(12 / max(12, n))


def late(depths: Sequence[int]) -> tuple[int, ...]:
    """The deeper two thirds of some hook points, at which most features that support a label are found."""
    return tuple(depths[len(depths) // 3 :])


def spread(depths: Sequence[int], n: float) -> list[int]:
    """Distribute `n` edits evenly over some depths."""
    return [depths[int((i + 0.5) * len(depths) / round(n))] for i in range(round(n))]


def selected(labels: int, discover: Asked, tune: Asked, report: Asked) -> Calls:
    """Select the features of each label on `discover`, screen them on `report`, and total them on `tune`.

    That is what `causal.concentration.SelectedFeatures` does.
    """
    screen = discover.statistics() + discover.screened([discover.n, labels]) + report.screened([report.n])
    few, scale = tune.take(tune.n / labels), tune.scale
    edits = spread(late(scale.depths), labels * scale.points * found(discover.n / labels))
    return screen + tune.once() + labels * few.recorded() + few.edited(edits)
