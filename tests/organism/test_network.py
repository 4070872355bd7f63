"""The untrained network: its tokenizer knows the grammar's words, and one of its heads looks back."""

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from emomech.data.grammar.lexicon import written_forms
from emomech.organism.curriculum import lessons
from emomech.organism.network import BOS_ID, PAD_ID, make_network, make_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer(128)


def test_every_word_is_one_token_after_a_bos(tokenizer: PreTrainedTokenizerFast) -> None:
    for one in lessons("grammar", 5, 200):
        ids = tokenizer(one.text)["input_ids"]
        assert ids[0] == tokenizer.bos_token_id
        n_words = len(re.findall(r"'s|\w+|[^\w\s]+", one.text))
        assert len(ids) == n_words + 1, tokenizer.convert_ids_to_tokens(ids)
        assert tokenizer.decode(ids[1:]).strip() == one.text


def test_a_text_of_other_words_is_read_too(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.decode(tokenizer("zxqv é 7")["input_ids"][1:]).strip() == "zxqv é 7"


def test_what_is_no_letter_is_a_word_of_the_texts(tokenizer: PreTrainedTokenizerFast) -> None:
    longer = {token for token in tokenizer.get_vocab() if len(token) > 1} - {"<bos>", "<pad>", "'s"}
    assert longer == {f"Ġ{form}" for form in written_forms() if form.isalpha()}
    assert len(tokenizer) == len(longer) + 256 + 3


def test_a_saved_tokenizer_reads_as_before(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    texts = [one.text for one in lessons("grammar", 5, 50)] + ["zxqv é 7"]
    assert loaded(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert (loaded.bos_token_id, loaded.pad_token_id) == (BOS_ID, PAD_ID)


def test_the_first_head_looks_back_and_others_do_not(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    network = make_network(tokenizer, d_model=128, n_layers=2, n_heads=4).eval()
    network.set_attn_implementation("eager")
    ids = torch.tensor([tokenizer(one.text)["input_ids"][:20] for one in lessons("grammar", 5, 20)])
    attention = network(input_ids=ids, output_attentions=True).attentions[0].detach()
    back = attention.diagonal(offset=-1, dim1=2, dim2=3).mean((0, 2))
    assert back[0] > 0.4
    assert (back[1:] < 0.2).all()


def test_activations_neither_vanish_nor_explode(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    network = make_network(tokenizer, d_model=64, n_layers=4, n_heads=4).eval()
    ids = torch.tensor([tokenizer("Tom laughed.")["input_ids"]])
    states = network(input_ids=ids, output_hidden_states=True).hidden_states
    assert all(0.5 < state.std() < 10 for state in states)
