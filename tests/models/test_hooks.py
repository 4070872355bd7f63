"""In every family a hook point is where its name says, an edit acts there, and no hook remains afterwards."""

from copy import deepcopy
from dataclasses import replace

import pytest
import tiny
import torch
from accelerate import disk_offload
from torch import Tensor, nn

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, forward_to, intervene, read_at, record_calls
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, batches, tokenize

LAYERS = range(tiny.N_BLOCKS)
SITES = ("resid_pre", "attn_out", "mlp_out", "resid_post")
POINTS = [HookPoint(layer, site) for layer in LAYERS for site in SITES]
GPT2 = tiny.language_model("gpt2")
NORMS = ("ln_f", "final_layer_norm", "norm")


def batch_of(lm: LanguageModel) -> TokenBatch:
    (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
    return batch


@torch.inference_mode()
def run(lm: LanguageModel, **options: object):
    return lm.module(**batch_of(lm).forward_kwargs(), **options)


def read(lm: LanguageModel, points=tuple(POINTS)) -> dict[HookPoint, Tensor]:
    with capture(lm, points) as seen:
        run(lm)
    return seen


def n_hooks(lm: LanguageModel) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in lm.module.modules())


def noise(x: Tensor) -> Tensor:
    return x + torch.randn(x.shape, generator=torch.Generator().manual_seed(1))


def test_the_stream_is_what_the_model_gives_as_hidden_states(lm: LanguageModel) -> None:
    seen, shape = read(lm), (len(tiny.TEXTS), batch_of(lm).input_ids.shape[1], tiny.D_MODEL)
    states = run(lm, output_hidden_states=True).hidden_states
    assert list(seen) and all(activation.shape == shape for activation in seen.values())
    for layer in LAYERS:
        assert torch.equal(seen[HookPoint(layer, "resid_pre")], states[layer])
    for layer in LAYERS[:-1]:
        assert torch.equal(seen[HookPoint(layer)], states[layer + 1])
    decoder = lm.module.get_decoder()
    norm = next(getattr(decoder, name) for name in NORMS if hasattr(decoder, name))
    last = seen[HookPoint(LAYERS[-1])]
    torch.testing.assert_close(norm(last), states[-1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(last, states[-1], atol=0.1)


def test_a_block_leaves_what_it_read_and_what_its_branches_add(lm: LanguageModel) -> None:
    seen = read(lm)
    for layer in LAYERS:
        before, attention, mlp, after = (seen[HookPoint(layer, site)] for site in SITES)
        torch.testing.assert_close(before + attention + mlp, after, atol=1e-5, rtol=1e-5)
        assert attention.std() > 0.1 and mlp.std() > 0.1


def test_capturing_changes_nothing_and_an_edit_to_the_same_is_none(lm: LanguageModel) -> None:
    clean = run(lm).logits
    with capture(lm, POINTS), intervene(lm, {point: lambda x: x for point in POINTS}):
        assert torch.equal(run(lm).logits, clean)
    assert torch.equal(run(lm).logits, clean)


@pytest.mark.parametrize("site", SITES)
def test_an_edit_changes_what_comes_after_it_and_nothing_before(lm: LanguageModel, site) -> None:
    clean, point = read(lm), HookPoint(1, site)
    with intervene(lm, {point: noise}):
        edited, logits = read(lm), run(lm).logits
    assert torch.equal(edited[point], noise(clean[point]))
    assert all(torch.equal(edited[HookPoint(0, other)], clean[HookPoint(0, other)]) for other in SITES)
    assert not torch.allclose(edited[HookPoint(1)], clean[HookPoint(1)], atol=0.1)
    assert not torch.allclose(run(lm).logits, logits, atol=1e-2)
    before, attention, mlp, after = (edited[HookPoint(1, other)] for other in SITES)
    if site != "resid_post":
        torch.testing.assert_close(before + attention + mlp, after, atol=1e-5, rtol=1e-5)


def test_what_a_block_leaves_is_what_the_next_one_reads(lm: LanguageModel) -> None:
    logits = []
    for point in (HookPoint(0), HookPoint(1, "resid_pre")):
        with intervene(lm, {point: noise}):
            logits.append(run(lm).logits)
    assert torch.equal(*logits)


def test_an_edit_of_one_text_leaves_the_others_alone(lm: LanguageModel) -> None:
    clean = run(lm).logits

    def edit(x: Tensor) -> Tensor:
        return torch.cat([x[:1], noise(x[1:2]), x[2:]])

    for site in SITES:
        with intervene(lm, {HookPoint(1, site): edit}):
            edited = run(lm).logits
        torch.testing.assert_close(edited[[0, 2, 3]], clean[[0, 2, 3]], atol=1e-5, rtol=0)
        assert not torch.allclose(edited[1], clean[1], atol=1e-3)


def test_a_capture_sees_the_edits_entered_before_it() -> None:
    point = HookPoint(1)
    clean = read(GPT2)[point]
    edits = {point: lambda x: x + 1}
    with capture(GPT2, [point]) as outside, intervene(GPT2, edits), capture(GPT2, [point]) as inside:
        run(GPT2)
    assert torch.equal(outside[point], clean)
    assert torch.equal(inside[point], clean + 1)


def test_edits_at_one_point_are_made_one_after_another() -> None:
    point = HookPoint(0, "resid_pre")
    clean = read(GPT2)[point]
    with intervene(GPT2, {point: lambda x: x + 1}), intervene(GPT2, {point: lambda x: x * 2}):
        assert torch.equal(read(GPT2)[point], (clean + 1) * 2)


def test_each_forward_pass_is_recorded_anew_and_without_gradients() -> None:
    point = HookPoint(1)
    with capture(GPT2, [point]) as seen:
        assert seen == {}
        GPT2.module(input_ids=torch.tensor([[1, 2, 3]]))
        assert seen[point].shape == (1, 3, tiny.D_MODEL)
        embeddings = torch.randn(1, 5, tiny.D_MODEL, requires_grad=True)
        GPT2.module(inputs_embeds=embeddings)
        assert seen[point].shape == (1, 5, tiny.D_MODEL)
        assert not seen[point].requires_grad


def test_gradients_pass_through_an_edit() -> None:
    added = torch.zeros(tiny.D_MODEL, requires_grad=True)
    with intervene(GPT2, {HookPoint(1): lambda x: x + added}):
        GPT2.module(input_ids=torch.tensor([[1, 2, 3]])).logits[0, -1, 0].backward()
    assert added.grad is not None and added.grad.abs().sum() > 0


def test_the_calls_of_the_blocks_give_the_stream_again(lm: LanguageModel) -> None:
    before = n_hooks(lm)
    with record_calls(lm) as calls:
        run(lm)
    seen = read(lm)
    assert n_hooks(lm) == before and len(calls) == tiny.N_BLOCKS
    for layer, (x, arguments) in enumerate(calls):
        assert torch.equal(x, seen[HookPoint(layer, "resid_pre")])
        again = lm.blocks[layer](x, **arguments)
        assert torch.equal(again[0] if isinstance(again, tuple) else again, seen[HookPoint(layer)])


@torch.inference_mode()
@pytest.mark.parametrize("deepest", POINTS[1::2], ids=str)
def test_a_pass_ends_behind_the_deepest_point_and_reads_what_a_whole_pass_does(lm: LanguageModel, deepest) -> None:
    points = [deepest, *POINTS[: POINTS.index(deepest) : 3]]
    entered: list[object] = []
    decoder = lm.module.get_decoder()
    norm = next(getattr(decoder, name) for name in NORMS if hasattr(decoder, name))
    later = [*lm.blocks[deepest.layer + 1 :], norm, lm.module.get_output_embeddings()]
    handles = [module.register_forward_pre_hook(lambda module, _: entered.append(module)) for module in later]
    try:
        seen = forward_to(lm, batch_of(lm), points)
        assert entered == []
        whole = read(lm, points)
        assert entered == later
    finally:
        for handle in handles:
            handle.remove()
    assert list(seen) == points
    assert all(torch.equal(seen[point], whole[point]) for point in points)


def test_after_a_pass_that_ended_early_the_model_is_as_before(lm: LanguageModel) -> None:
    clean, before = run(lm, output_hidden_states=True), n_hooks(lm)
    with torch.inference_mode():
        forward_to(lm, batch_of(lm), [HookPoint(0, "attn_out")])
    again = run(lm, output_hidden_states=True)
    assert torch.equal(clean.logits, again.logits) and len(again.hidden_states) == tiny.N_BLOCKS + 1
    assert n_hooks(lm) == before


def test_a_pass_that_ends_early_sees_edits_and_reads_each_point_once() -> None:
    point, batch = HookPoint(1), batch_of(GPT2)
    clean = forward_to(GPT2, batch, [point, point])
    with intervene(GPT2, {HookPoint(0): noise}), capture(GPT2, [point]) as seen:
        edited = forward_to(GPT2, batch, [point])
    assert list(clean) == [point] and torch.equal(edited[point], seen[point])
    assert not torch.allclose(edited[point], clean[point], atol=0.1)
    assert forward_to(GPT2, batch, []) == {}
    with pytest.raises(UsageError, match="blocks.9"):
        forward_to(GPT2, batch, [HookPoint(9)])


def test_the_graph_of_a_pass_that_ended_early_leads_back_to_the_edit() -> None:
    added = torch.zeros(tiny.D_MODEL, requires_grad=True)
    with intervene(GPT2, {HookPoint(0): lambda x: x + added}):
        (x,) = read_at(GPT2, batch_of(GPT2), [HookPoint(1)], lambda _, activation: activation.sum()).values()
    x.backward()
    assert added.grad is not None and added.grad.abs().sum() > 0


@pytest.mark.parametrize("site", SITES)
def test_weights_that_are_offloaded_stay_so_after_a_pass_that_ended_early(site, tmp_path) -> None:
    """accelerate loads the weights of a module when it is entered, and drops them when it is left."""
    lm, point = tiny.language_model("llama"), HookPoint(1, site)
    expected = forward_to(lm, batch_of(lm), [point])[point]
    away = lm.around(disk_offload(deepcopy(lm.module), tmp_path, execution_device=torch.device("cpu")))
    for _ in range(2):
        (x,) = read_at(away, batch_of(lm), [point], lambda _, activation: activation).values()
        assert torch.equal(x, expected)
        assert all(weight.is_meta for weight in away.module.parameters())


class _Stop(Exception):
    pass


def _stop(_: Tensor) -> Tensor:
    raise _Stop


def test_no_hook_is_left_whatever_happens() -> None:
    run(GPT2, output_hidden_states=True)  # transformers installs hooks of its own, once
    before = n_hooks(GPT2)
    with pytest.raises(_Stop), capture(GPT2, POINTS), intervene(GPT2, dict.fromkeys(POINTS, noise)):
        assert n_hooks(GPT2) == before + 2 * len(POINTS)
        raise _Stop
    assert n_hooks(GPT2) == before
    with pytest.raises(_Stop), intervene(GPT2, {HookPoint(1, "mlp_out"): _stop}):
        run(GPT2)
    assert n_hooks(GPT2) == before
    with (
        pytest.raises(UsageError, match=r"blocks\.9\.hook_resid_post: the model has blocks 0\.\.2"),
        capture(GPT2, [HookPoint(0), HookPoint(9)]),
    ):
        pass
    assert n_hooks(GPT2) == before


@pytest.mark.parametrize(
    ("edit", "returned"),
    [
        (lambda x: None, "NoneType"),
        (lambda x: x[0], r"torch.float32 \(\d+, 32\)"),
        (lambda x: x.double(), r"torch.float64 \(4, \d+, 32\)"),
    ],
)
@pytest.mark.parametrize("site", SITES)
def test_an_edit_that_gives_something_else_is_refused(edit, returned: str, site) -> None:
    message = rf"edit at blocks\.1\.hook_{site}: returns {returned}, expected torch.float32 \(4, \d+, 32\)"
    with pytest.raises(EmomechError, match=message), intervene(GPT2, {HookPoint(1, site): edit}):
        run(GPT2)


class _Block(nn.Module):
    """A block that returns a tuple."""

    def forward(self, hidden_states: Tensor, scale: float = 1.0) -> tuple[Tensor, str]:
        return hidden_states * scale, "cache"


@pytest.mark.parametrize("named", [True, False])
def test_tuples_and_named_arguments_are_understood(named: bool) -> None:
    lm, x = replace(GPT2, blocks=nn.ModuleList([_Block()])), torch.ones(2, 3, 4)
    before, after = HookPoint(0, "resid_pre"), HookPoint(0)
    edits = {before: lambda x: x + 1, after: lambda x: x * 10}
    with intervene(lm, edits), capture(lm, edits) as seen:
        output = lm.blocks[0](hidden_states=x, scale=3.0) if named else lm.blocks[0](x, scale=3.0)
    assert torch.equal(output[0], torch.full_like(x, 60)) and output[1] == "cache"
    assert torch.equal(seen[before], x + 1)
    assert torch.equal(seen[after], output[0])
