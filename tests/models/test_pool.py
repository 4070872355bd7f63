"""A pool holds the tokens of the first texts, reads no more of a stream than it needs, and batches all of them once."""

from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np
import pytest
import tiny
import torch

from emomech.core.errors import UsageError
from emomech.models.pool import TokenPool
from emomech.models.tokens import batches, tokenize

LM = tiny.language_model("llama")
TEXTS = [*tiny.TEXTS, *tiny.TEXTS[::-1]]
TOKENS = tokenize(LM, TEXTS)
CONTENT = [len(text.ids) - 1 for text in TOKENS]


def test_a_pool_has_the_tokens_of_the_texts_in_their_order() -> None:
    pool = TokenPool.read(LM, TEXTS, 10_000)
    assert (len(pool), pool.n) == (len(TEXTS), sum(CONTENT))
    assert pool.ids.tolist() == [token for text in TOKENS for token in text.ids]
    assert pool.special.tolist() == [special for text in TOKENS for special in text.special]
    assert pool.rows().tolist() == np.cumsum([0, *CONTENT]).tolist()


@pytest.mark.parametrize(("spare", "n_texts"), [(0, 2), (1, 2), (-1, 1)])
def test_it_takes_texts_until_one_does_not_fit(spare: int, n_texts: int) -> None:
    assert len(TokenPool.read(LM, TEXTS, sum(CONTENT[:2]) + spare)) == n_texts


def test_it_takes_the_first_text_whatever_its_length() -> None:
    assert len(TokenPool.read(LM, TEXTS, 1)) == 1
    assert (len(TokenPool.read(LM, [], 1)), TokenPool.read(LM, [], 1).n) == (0, 0)


def test_a_stream_without_end_is_read_as_far_as_needed() -> None:
    read = 0

    def stream() -> Iterator[str]:
        nonlocal read
        for text in chain.from_iterable(repeat(tiny.TEXTS)):
            read += 1
            yield text

    pool = TokenPool.read(LM, stream(), 10 * sum(CONTENT[:4]))
    assert len(pool) == 40 and read < 40 + 512


def test_a_text_that_cannot_be_read_is_named_by_its_number_in_the_stream() -> None:
    with pytest.raises(UsageError, match=r"text 301 has 81 tokens"):
        TokenPool.read(LM, chain(repeat("So", 300), ["So " * 40]), 10_000)


def test_its_hashes_are_those_of_what_was_read() -> None:
    whole = TokenPool.read(LM, TEXTS, 10_000)
    again, stopped = TokenPool.read(LM, iter(TEXTS), 10_000), TokenPool.read(LM, TEXTS, sum(CONTENT[:3]))
    first = TokenPool.read(LM, TEXTS[:3], 10_000)
    other = TokenPool.read(tiny.language_model("gpt2"), TEXTS, 10_000)
    assert (whole.texts, whole.model, whole.address) == (again.texts, again.model, again.address)
    assert (stopped.texts, stopped.address) == (first.texts, first.address) != (whole.texts, whole.address)
    assert other.texts == whole.texts and other.model != whole.model and other.address != whole.address


@pytest.mark.parametrize("most", [1, 30, 8192])
def test_batches_are_those_of_the_texts(most: int) -> None:
    pool = TokenPool.read(LM, TEXTS, 10_000)
    expected = list(batches(TOKENS, pad_id=LM.pad_id, max_tokens=most))
    made = list(pool.batches(LM, 0, most))
    assert [batch.example for batch in made] == [batch.example for batch in expected]
    for batch, like in zip(made, expected, strict=True):
        assert torch.equal(batch.input_ids, like.input_ids)
        assert torch.equal(batch.attention_mask, like.attention_mask)
        assert torch.equal(batch.content_mask, like.content_mask)
    skipped = len(expected[0].example)
    assert [batch.example for batch in pool.batches(LM, skipped, most)] == [batch.example for batch in expected[1:]]
