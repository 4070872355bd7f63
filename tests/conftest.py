"""What all tests share: one thread, fixed seeds, no network, and a model of each family."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported

from collections.abc import Iterator

import pytest
import tiny
import torch

from emomech.models import LanguageModel

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Draw the same numbers whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(params=tiny.FAMILIES)
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    """A random model of each family in turn."""
    return tiny.language_model(request.param)
