"""The table of lengths shows what is massive, where, and whether it is the first token of a text."""

import copy
from typing import Any

import numpy as np
import tiny

from emomech.chapters.behaviour.lengths import LENGTHS, length_rows
from emomech.models.language_model import wrap
from emomech.stats.tables import frame


def test_every_hook_point_has_a_row_and_a_model_without_sinks_has_no_massive_tokens() -> None:
    table = frame(LENGTHS, length_rows(tiny.language_model("llama"), tiny.TEXTS))
    assert table.depth.tolist() == [0, 1 / 3, 2 / 3, 1]
    assert (table.massive == 0).all() and np.isnan(table["first"].astype(float)).all()
    assert (table.longest >= table["median"]).all() and (table.special > 0).all()


def test_a_planted_sink_at_the_first_token_is_all_first() -> None:
    plain = tiny.language_model("gpt2")
    module: Any = copy.deepcopy(plain.module)
    module.transformer.wpe.weight[0] *= 2000
    table = frame(LENGTHS, length_rows(wrap("m", module, plain.tokenizer, False), tiny.TEXTS))
    assert (table["first"] == 1).all()
    assert np.allclose(table.massive, len(tiny.TEXTS) / table.n)
    assert table.special.isna().all()
