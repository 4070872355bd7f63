"""A prompt has one BOS or none, spans point into the text, and padding changes nothing."""

from dataclasses import replace

import planted
import pytest
import tiny
import torch

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import TokenizedText, batches, split_long_texts, tokenize

GPT2 = tiny.language_model("gpt2")
TOKENIZERS = {
    "byte level": tiny.byte_level(),
    "byte level with BOS": tiny.byte_level(True),
    "sentencepiece": tiny.sentencepiece(),
}
HARD = "Zoë  cried 🙂 aloud,\nand Ana's café  closed."


def reader(kind: str, prepend_bos: bool = True) -> LanguageModel:
    return wrap("m", GPT2.module, TOKENIZERS[kind], prepend_bos)


@pytest.mark.parametrize("text", ["Ana cried.", "<bos>Ana cried.", "<bos><bos>Ana cried."])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_bos_stands_once_or_not_at_all(kind: str, text: str) -> None:
    bos = TOKENIZERS[kind].bos_token_id
    (with_bos,), (without,) = tokenize(reader(kind), [text]), tokenize(reader(kind, False), [text])
    assert with_bos.ids.count(bos) == 1
    assert (with_bos.ids[0], with_bos.spans[0], with_bos.special[0]) == (bos, (0, 0), True)
    assert bos not in without.ids
    assert (with_bos.ids[1:], with_bos.spans[1:], with_bos.special[1:]) == (without.ids, without.spans, without.special)
    assert not any(without.special)
    assert list(without.ids) == TOKENIZERS[kind]("Ana cried.", add_special_tokens=False)["input_ids"]


def test_tokens_are_those_of_the_tokenizer_itself() -> None:
    (text,) = tokenize(reader("sentencepiece"), [HARD])
    assert list(text.ids) == TOKENIZERS["sentencepiece"](HARD)["input_ids"]


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("written", [*tiny.TEXTS, HARD])
def test_spans_are_places_in_the_text(kind: str, written: str) -> None:
    (text,) = tokenize(reader(kind), [written])
    covered = {i for start, end in text.spans for i in range(start, end)}
    assert covered >= {i for i, letter in enumerate(written) if not letter.isspace()}
    assert list(text.spans) == sorted(text.spans)
    assert len(text.ids) == len(text.spans) == len(text.special)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("written", [*tiny.TEXTS, HARD])
def test_a_word_is_found_at_its_last_token(kind: str, written: str) -> None:
    (text,) = tokenize(reader(kind), [written])
    start = 0
    for word in written.split():
        start = written.index(word, start)
        end = start + len(word)
        at = text.token_at(start, end)
        assert text.spans[at][0] < end == text.spans[at][1]
        assert all(first >= end for first, _ in text.spans[at + 1 :])
        start = end


def test_a_word_of_several_tokens_and_a_part_of_a_token() -> None:
    text = TokenizedText((9, 1, 2, 3, 4), ((0, 0), (0, 2), (2, 4), (4, 9), (9, 10)), (True, False, False, False, False))
    assert text.token_at(0, 4) == 2
    assert text.token_at(0, 2) == 1
    assert text.token_at(5, 9) == 3
    assert text.token_at(6, 7) == 3
    assert text.token_at(0, 10) == 4
    with pytest.raises(UsageError, match="characters 10 to 12: no token covers them; the text has 10"):
        text.token_at(10, 12)


def test_an_unknown_word_is_content_and_a_special_token_is_not() -> None:
    lm = planted.language_model()
    (text,) = tokenize(lm, ["ana dances <pad> today"])
    assert text.ids[2] == lm.tokenizer.unk_token_id
    assert text.special == (True, False, False, True, False)
    assert text.spans[3] == (0, 0)
    assert text.token_at(4, 10) == 2


def test_a_text_may_fill_the_context_and_no_more() -> None:
    lm = reader("byte level")
    fits = "!" * (tiny.CONTEXT - 1)
    (text,) = tokenize(lm, [fits])
    assert len(text.ids) == lm.context
    with pytest.raises(UsageError, match=r"text 2 has 65 tokens, m reads at most 64: .*Shorten .*longer context"):
        tokenize(lm, ["a", fits + "!"])
    (without,) = tokenize(reader("byte level", False), [fits + "!"])
    assert len(without.ids) == lm.context


@pytest.mark.parametrize("text", ["", "<bos>"])
@pytest.mark.parametrize("prepend_bos", [True, False])
def test_a_text_without_tokens_is_refused(text: str, prepend_bos: bool) -> None:
    with pytest.raises(UsageError, match=f"text 2: '{text}' has no token for m"):
        tokenize(reader("byte level", prepend_bos), ["So", text])


def test_a_token_that_the_model_does_not_have_is_refused() -> None:
    lm = wrap("m", planted.language_model().module, tiny.byte_level(), True)
    with pytest.raises(UsageError, match=r"text 1: m has no embedding for the token '.*' \(\d+; it has \d\d\)"):
        tokenize(lm, [tiny.TEXTS[2]])


def test_no_texts_are_no_batches() -> None:
    assert tokenize(GPT2, []) == []
    assert list(batches([], pad_id=0)) == []


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("max_tokens", [1, 45, 8192])
def test_every_text_stands_in_one_batch_within_the_budget(padding_side, max_tokens: int) -> None:
    tokenized = tokenize(GPT2, [*tiny.TEXTS] * 3)
    batched = list(batches(tokenized, pad_id=1, max_tokens=max_tokens, padding_side=padding_side))
    assert sorted(i for batch in batched for i in batch.example) == list(range(12))
    assert all(len(batch.example) == 1 or batch.input_ids.numel() <= max_tokens for batch in batched)
    assert (len(batched) == 1) == (max_tokens == 8192)
    lengths = [len(tokenized[i].ids) for batch in batched for i in batch.example]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_a_batch_holds_its_texts(padding_side) -> None:
    tokenized = tokenize(GPT2, tiny.TEXTS)
    (batch,) = batches(tokenized, pad_id=1, padding_side=padding_side)
    for row, i in enumerate(batch.example):
        text, first, last = tokenized[i], int(batch.offset[row]), int(batch.last[row])
        inside = torch.zeros_like(batch.attention_mask[row])
        inside[first : last + 1] = 1
        assert torch.equal(batch.attention_mask[row], inside)
        assert batch.input_ids[row, first : last + 1].tolist() == list(text.ids)
        assert (batch.input_ids[row][inside == 0] == 1).all()
        assert batch.position_ids[row, first : last + 1].tolist() == list(range(len(text.ids)))
        assert batch.content_mask[row].tolist() == [bool(inside[c]) and c != first for c in range(len(inside))]
        assert first == 0 if padding_side == "right" else last == len(inside) - 1


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_a_text_is_read_alike_alone_and_in_company(lm: LanguageModel, padding_side) -> None:
    tokenized = tokenize(lm, tiny.TEXTS)
    (batch,) = batches(tokenized, pad_id=lm.pad_id, padding_side=padding_side)
    with torch.inference_mode():
        together = lm.module(**batch.forward_kwargs()).logits
        assert torch.isfinite(together).all()
        for row, i in enumerate(batch.example):
            alone = lm.module(input_ids=torch.tensor([tokenized[i].ids]), use_cache=False).logits[0]
            columns = slice(int(batch.offset[row]), int(batch.last[row]) + 1)
            torch.testing.assert_close(together[row, columns], alone, atol=1e-5, rtol=0)


def test_what_stands_in_the_padding_does_not_matter(lm: LanguageModel) -> None:
    tokenized = tokenize(lm, tiny.TEXTS)
    (first_batch,) = batches(tokenized, pad_id=1, padding_side="left")
    (second_batch,) = batches(tokenized, pad_id=7, padding_side="left")
    with torch.inference_mode():
        logits = [lm.module(**batch.forward_kwargs()).logits[:, -1] for batch in (first_batch, second_batch)]
        shifted = replace(first_batch, attention_mask=torch.ones_like(first_batch.attention_mask))
        wrong = lm.module(**shifted.forward_kwargs()).logits[:, -1]
    torch.testing.assert_close(*logits, atol=1e-5, rtol=0)
    assert (logits[0] - wrong).abs().max() > 1e-2


def test_a_text_longer_than_the_context_is_cut_into_pieces_that_fit(lm: LanguageModel) -> None:
    long = " ".join(["the cat sat on the mat"] * lm.context)
    pieces = split_long_texts(lm, ["the cat", long])
    assert pieces[0] == "the cat" and "".join(pieces[1:]) == long and len(pieces) > 2
    assert max(len(text.ids) for text in tokenize(lm, pieces)) <= lm.context
