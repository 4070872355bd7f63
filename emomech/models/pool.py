"""The tokens of many texts, a few bytes each, to be read by a model in batches of similar length.

Texts may come from a stream: no more of them are read than the pool takes, and a few hundred.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray

from emomech.core import progress
from emomech.models.identity import TextsHash, model_hash
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, runs, tokenize_each

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TokenPool:
    """Tokens of texts, as one model reads them. A content token is one of the text itself, so no BOS or other mark."""

    ids: NDArray[np.int32] = field(repr=False)
    """Token numbers of all texts, one after another (token)."""
    special: NDArray[np.bool_] = field(repr=False)
    """Whether each token is a special token (token)."""
    starts: Numbers = field(repr=False)
    """First token of each text, and the number of all tokens at the end (text + 1)."""
    model: str
    """Hash of the model, see `identity.model_hash`."""
    texts: str
    """Hash of the texts in the pool, see `identity.TextsHash`."""

    @classmethod
    def read(cls, lm: LanguageModel, texts: Iterable[str], most: int) -> "TokenPool":
        """Tokenize texts in their order, up to the first one with which the pool would exceed `most` content tokens.

        The first text is always taken. Raises UsageError as `tokens.tokenize` does.

        Example:
            >>> from emomech.models.pool import TokenPool
            >>> from emomech.study.spec import StudySpec
            >>> from emomech.study.study import Study
            >>> pool = TokenPool.read(Study(StudySpec(limit=8)).lm, ["Anna lost the ring.", "Ben won."] * 1000, most=20)
            >>> pool.n, len(pool)
            (15, 2)
        """
        ids, special, starts, read = array("i"), bytearray(), array("q", [0]), TextsHash()
        n = 0
        with progress.track("reading texts", most, "token") as bar:
            for text, tokens in tokenize_each(lm.unmarked, texts):
                content = len(tokens.special) - sum(tokens.special)
                if len(starts) > 1 and n + content > most:
                    break
                ids.extend(tokens.ids)
                special.extend(tokens.special)
                starts.append(len(ids))
                read.add(text)
                n += content
                bar.advance(content)
        arrays = (np.array(ids, np.int32), np.frombuffer(bytes(special), np.bool_), np.array(starts, np.int64))
        return cls(*arrays, model_hash(lm), read.hexdigest())

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.starts) - 1

    @property
    def n(self) -> int:
        """Number of content tokens."""
        return int((~self.special).sum())

    @property
    def address(self) -> str:
        """Hash of the model and of all tokens (32 hex digits)."""
        digest = blake2b(self.model.encode(), digest_size=16)
        for part in (self.ids, self.special, self.starts):
            digest.update(part.tobytes())
        return digest.hexdigest()

    def rows(self) -> Numbers:
        """Number the content tokens: the first of each text, and their total at the end (text + 1)."""
        return np.concatenate([[0], np.cumsum(~self.special)])[self.starts]

    def order(self) -> Numbers:
        """Sort the texts by length, the longest first; texts of one length stay in order (text)."""
        return np.argsort(-np.diff(self.starts), kind="stable")

    def batches(self, lm: LanguageModel, first: int, most: int) -> Iterator[TokenBatch]:
        """Batch the texts in the order of `order`, from number `first` of this order on, padded on the right.

        A batch has at most `most` tokens with padding, and at least one text.
        """
        order: Numbers = self.order()[first:]
        lengths: Numbers = np.diff(self.starts)
        for run in runs(lengths[order].tolist(), most):
            numbers: Numbers = order[run.start : run.stop]
            is_token = np.arange(int(lengths[numbers].max())) < lengths[numbers, None]
            parts = [slice(int(self.starts[number]), int(self.starts[number + 1])) for number in numbers]
            input_ids = np.full(is_token.shape, lm.pad_id)
            input_ids[is_token] = np.concatenate([self.ids[part] for part in parts])
            content = np.zeros_like(is_token)
            content[is_token] = ~np.concatenate([self.special[part] for part in parts])
            arrays = (input_ids, is_token.astype(np.int64), content)
            yield TokenBatch(
                *(torch.from_numpy(array).to(lm.device) for array in arrays),
                example=tuple(numbers.tolist()),
                offset=torch.zeros(len(numbers), dtype=torch.long, device=lm.device),
            )
