"""The loader registers what it has to, and its copy beside an export is itself; `test_export` compares its logits."""

from pathlib import Path

import pytest
import torch

from emomech.causal.steering import outside


def test_which_tokens_are_moved() -> None:
    record = {"special": [0], "leave_first": False}
    ids, attention = torch.tensor([[9, 0, 5, 6]]), torch.tensor([[0, 1, 1, 1]])
    moved = {
        w: outside._moved({**record, "where": w}, ids, {"attention_mask": attention}).int().tolist()[0]
        for w in ("everywhere", "text", "answer")
    }
    assert moved == {"everywhere": [0, 0, 1, 1], "text": [0, 0, 1, 0], "answer": [0, 0, 0, 1]}


def test_without_a_mask_all_tokens_are_real() -> None:
    record = {"special": [], "leave_first": False, "where": "everywhere"}
    assert outside._moved(record, torch.tensor([[1, 2, 3]]), {}).all()


def test_a_folder_without_an_edit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"edit\.json"):
        outside.steer(torch.nn.Linear(2, 2), tmp_path)
