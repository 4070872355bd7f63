"""The J-lens: identity at the last depth, finite differences, products of matrices, and what the model does."""

import numpy as np
import planted_model
import pytest
import tiny
import torch
from tiny import byte_level
from torch import Tensor, nn
from transformers import GPT2Config

from emomech.causal.jacobian import JacobianLens, Tokens
from emomech.causal.patching import read_out
from emomech.causal.questions import Questions, places
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Example
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import tokenize

EMBEDDING, MIDDLE, LAST = HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(tiny.N_BLOCKS - 1)
POINTS = [EMBEDDING, MIDDLE, HookPoint(1), LAST]
EXAMPLES = tuple(Example(text, "a") for text in tiny.TEXTS)
EITHER = pytest.mark.parametrize("tokens", ["answer", "everywhere"])


def questions_of(lm: LanguageModel) -> Questions:
    texts = tuple(tokenize(lm, tiny.TEXTS))
    return Questions(
        lm, texts, torch.tensor([[5, 7, 11]] * len(texts)), np.array([0, 1, 2, 0]), EXAMPLES, ("a", "b", "c")
    )


@pytest.fixture(scope="module", params=["gpt2", "gemma2"])
def questions(request: pytest.FixtureRequest) -> Questions:
    return questions_of(tiny.language_model(request.param))


@EITHER
def test_at_the_last_depth_it_is_the_identity_and_reads_as_the_logit_lens(questions: Questions, tokens: Tokens) -> None:
    lens = JacobianLens.fit(questions, [LAST], tokens)
    torch.testing.assert_close(lens.matrices[LAST], torch.eye(tiny.D_MODEL), atol=1e-6, rtol=0)
    x = questions.activations([LAST], "answer")[LAST]
    np.testing.assert_allclose(lens.read(questions, LAST, x), read_out(questions, x), atol=1e-4)
    assert (lens.tokens, lens.n_texts, lens.model) == (tokens, 4, questions.lm.name)


def stream(questions: Questions, point: HookPoint, move: Tensor, at: Tensor) -> Tensor:
    """Final stream (batch, pos, d_model) with a move added to the tokens `at` (batch, pos) of a point."""
    ((batch, _),) = questions.batches("everywhere")
    edit = {point: lambda x: x + at[..., None] * move.to(x)}
    with intervene(questions.lm, edit), capture(questions.lm, [LAST]) as seen, torch.inference_mode():
        questions.lm.module(**batch.forward_kwargs(), logits_to_keep=1)
    return seen[LAST].double()


@EITHER
@pytest.mark.parametrize("point", [EMBEDDING, HookPoint(1)])
def test_it_is_what_finite_differences_give(questions: Questions, point: HookPoint, tokens: Tokens) -> None:
    """Move one source token at a time; sum the change over target tokens, and average over source tokens."""
    one, size = questions.take([0]), 1e-3
    move = torch.randn(tiny.D_MODEL, generator=torch.Generator().manual_seed(0))
    ((batch, _),) = one.batches("everywhere")
    taking_part = places(batch, tokens)
    changes = []
    for position in taking_part[0].nonzero().flatten():
        at = torch.zeros_like(taking_part)
        at[0, position] = True
        change = stream(one, point, size * move, at) - stream(one, point, -size * move, at)
        changes.append(change[taking_part].sum(0) / (2 * size))
    predicted = JacobianLens.fit(one, [point], tokens).carry(point, move)
    expected = torch.stack(changes).mean(0)
    assert float((predicted - expected).norm() / expected.norm()) < 5e-3


def test_the_last_token_alone_gives_what_the_whole_text_gives(
    questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = JacobianLens.fit(questions, POINTS, "answer")
    monkeypatch.setattr("emomech.causal.jacobian._last_tokens", lambda *_: None)
    slow = JacobianLens.fit(questions, POINTS, "answer")
    for point in POINTS:
        torch.testing.assert_close(fast.matrices[point], slow.matrices[point], atol=2e-4, rtol=1e-3)


class Linear(nn.Module):
    """A block that multiplies every token with a matrix and sees no other token."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        return x @ self.matrix.T


@EITHER
def test_in_a_linear_model_it_is_the_product_of_the_matrices(tokens: Tokens) -> None:
    config = GPT2Config(n_embd=6, n_layer=3, n_head=1, n_positions=tiny.CONTEXT, vocab_size=tiny.VOCAB)
    module = planted_model.PlantedModel(config)
    matrices = torch.randn(3, 6, 6, generator=torch.Generator().manual_seed(0))
    module.blocks = nn.ModuleList(map(Linear, matrices))
    lens = JacobianLens.fit(questions_of(wrap("linear", module, byte_level(), True)), POINTS, tokens)
    product = torch.eye(6)
    for point, matrix in zip(reversed(POINTS), [torch.eye(6), *matrices.flip(0)], strict=True):
        product = product @ matrix
        torch.testing.assert_close(lens.matrices[point], product, atol=1e-5, rtol=1e-5)


@EITHER
def test_texts_have_the_same_weight_whatever_their_length(questions: Questions, tokens: Tokens) -> None:
    parts = [JacobianLens.fit(questions.take([i]), [MIDDLE], tokens).matrices[MIDDLE] for i in range(4)]
    whole = JacobianLens.fit(questions, [MIDDLE], tokens).matrices[MIDDLE]
    torch.testing.assert_close(whole, torch.stack(parts).mean(0), atol=1e-4, rtol=1e-3)


def test_it_predicts_a_small_change_better_than_a_large_one(questions: Questions) -> None:
    """What patching does to the final stream of one text, and what that text's own Jacobian predicts."""
    one = questions.take([0])
    ((batch, answer),) = one.batches("answer")
    move, zero = torch.randn(tiny.D_MODEL, generator=torch.Generator().manual_seed(1)), torch.zeros(tiny.D_MODEL)
    predicted, errors = JacobianLens.fit(one, [MIDDLE], "answer").carry(MIDDLE, move), []
    for size in (1e-2, 10.0):
        change = (stream(one, MIDDLE, size * move, answer) - stream(one, MIDDLE, zero, answer))[0, batch.last[0]]
        errors.append(float((change / size - predicted).norm() / predicted.norm()))
    assert errors[0] < 0.05 < errors[1]


def test_progress_is_reported(questions: Questions) -> None:
    calls: list[tuple[int, int]] = []
    JacobianLens.fit(questions, [LAST], "answer", lambda done, n: calls.append((done, n)))
    assert calls[0] == (1, tiny.D_MODEL) and calls[-1] == (tiny.D_MODEL, len(calls))


def test_what_does_not_belong_is_refused(questions: Questions) -> None:
    lens = JacobianLens.fit(questions, [LAST], "answer")
    x = questions.activations([LAST], "answer")[LAST]
    with pytest.raises(UsageError, match=r"the lens has L2\.resid_post|the lens has"):
        lens.carry(MIDDLE, x)
    with pytest.raises(UsageError, match="at least one text"):
        JacobianLens.fit(questions.take([]), [LAST], "answer")
    with pytest.raises(UsageError, match="not on 'tiny llama'"):
        lens.read(questions.on(tiny.language_model("llama")), LAST, x)
