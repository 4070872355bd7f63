"""Tokens that a tokenizer puts before a text are kept, those after it are refused, and markers are told from words."""

import json
from typing import Any

import pytest
import tiny
from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerFast

from emomech.core.errors import UsageError
from emomech.models.language_model import wrap
from emomech.models.tokenizers import markers, own_prefix, prefix_of
from emomech.models.tokens import tokenize

GPT2 = tiny.language_model("gpt2")
MARKS = ("<bos>", "<pad>")


def tokenizer(template: str, **named: str) -> Any:
    """A byte-level tokenizer that puts marks around a text as a template says, with the named special tokens."""
    bpe = Tokenizer.from_str(json.dumps(json.loads(tiny.byte_level().backend_tokenizer.to_str())))
    ids = [(mark, bpe.token_to_id(mark)) for mark in MARKS]
    bpe.post_processor = processors.TemplateProcessing(single=template, special_tokens=ids)  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(tokenizer_object=bpe, **named)


@pytest.mark.parametrize("named", [{}, {"bos_token": "<bos>"}, {"bos_token": "<pad>"}, {"eos_token": "<bos>"}])
@pytest.mark.parametrize(("template", "n"), [("$A", 0), ("<bos> $A", 1), ("<pad> $A", 1), ("<pad> <bos> $A", 2)])
def test_what_the_tokenizer_puts_first_is_kept_whatever_it_is_named(
    template: str, n: int, named: dict[str, str]
) -> None:
    own = tokenizer(template, **named)
    lm = wrap("m", GPT2.module, own, None)
    (text,) = tokenize(lm, ["Ana cried."])
    assert list(text.ids) == own("Ana cried.")["input_ids"]
    assert text.special == (True,) * n + (False,) * (len(text.ids) - n)
    assert text.spans[:n] == ((0, 0),) * n
    assert len(lm.prefix) == n
    assert lm.prepend_bos is (lm.tokenizer.bos_token_id in lm.prefix)


def test_a_prefix_of_two_tokens_is_put_once_before_a_text_that_has_it() -> None:
    lm = wrap("m", GPT2.module, tokenizer("<pad> <bos> $A"), None)
    once, twice = tokenize(lm, ["Ana cried.", "<pad><bos><pad><bos>Ana cried."])
    assert once.ids == twice.ids


def test_a_bos_is_added_or_left_out_where_that_is_asked_for() -> None:
    own = tokenizer("<pad> <bos> $A", bos_token="<bos>")
    bos, pad = own.convert_tokens_to_ids(["<bos>", "<pad>"])
    assert prefix_of("m", own, None) == prefix_of("m", own, True) == (pad, bos)
    assert prefix_of("m", own, False) == ()
    assert prefix_of("m", tokenizer("$A", bos_token="<bos>"), True) == (bos,)


def test_a_token_after_every_text_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"model 'm': its tokenizer puts '<pad>' after every text.*add_eos_token"):
        own_prefix("m", tokenizer("<bos> $A <pad>", bos_token="<bos>"))


@pytest.mark.parametrize("role", ["pad_token", "eos_token", "bos_token"])
def test_a_word_that_fills_rows_is_content_in_a_text(role: str) -> None:
    own = tokenizer("$A", **{role: "!"})
    lm = wrap("m", GPT2.module, own, None)
    (text,) = tokenize(lm, ["No! She left."])
    mark = own.convert_tokens_to_ids("!")
    assert mark in text.ids and not any(text.special)
    assert text.spans[text.ids.index(mark)] == (2, 3)
    assert mark not in markers(own)


def test_markers_are_those_in_brackets() -> None:
    own = tokenizer("$A", bos_token="<bos>", pad_token="<pad>")
    assert markers(own) == set(own.convert_tokens_to_ids(["<bos>", "<pad>"]))


def test_a_token_outside_the_embedding_is_not_used_to_fill_rows() -> None:
    own = tokenizer("$A", pad_token="<bos>")
    own.add_special_tokens({"pad_token": "<filler>", "eos_token": "<end>"})
    own.add_tokens([f"extra{i}" for i in range(120)])
    own.add_special_tokens({"pad_token": "<far>"})
    lm = wrap("m", GPT2.module, own, None)
    assert own.convert_tokens_to_ids("<far>") >= lm.vocab_size
    assert 0 <= lm.pad_id < lm.vocab_size


def test_a_length_that_is_no_number_is_refused() -> None:
    own = tokenizer("$A")
    own.model_max_length = "long"
    with pytest.raises(UsageError, match="model_max_length of its tokenizer is 'long', expected a number"):
        wrap("m", GPT2.module, own, None)
