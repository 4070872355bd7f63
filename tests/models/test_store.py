"""A store holds what each text alone gives, from one pass, within its budgets, and leaves nothing behind."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import disk_usage

import pytest
import tiny
import torch
from tqdm import tqdm

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.models import store_planning, store_writing
from emomech.models.activations import collect
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel
from emomech.models.pool import TokenPool
from emomech.models.store import ActivationStore, Place
from emomech.models.tokens import tokenize

LM = tiny.language_model("llama")
TEXTS = [*tiny.TEXTS, "Ana", *tiny.TEXTS[::-1]]
POINTS = (HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(1, "mlp_out"), HookPoint(2))
POOL = TokenPool.read(LM, TEXTS, 10_000)
EACH = POOL.n * tiny.D_MODEL * 2
"""Bytes of one hook point."""


def content(lm: LanguageModel, points=POINTS) -> dict[HookPoint, torch.Tensor]:
    texts = tokenize(lm, TEXTS)
    return dict(collect(lm, points, texts, [range(1, len(text.ids)) for text in texts]))


def stored(place: Place, lm=LM, points=POINTS, say: Callable[[str], None] = lambda _: None):
    with ActivationStore.capture(lm, TokenPool.read(lm, TEXTS, 10_000), points, place, say) as store:
        return {point: x.clone() for point, x in store}


def size(n_bytes: int) -> str:
    return tqdm.format_sizeof(n_bytes, "B")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*/*.*16")}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int]]:
    """Hook points and number of texts of each batch that the model runs."""
    ran = []
    read_at = store_writing.read_at

    def counted(lm, batch, points, read):
        ran.append(([str(point) for point in points], len(batch.example)))
        return read_at(lm, batch, points, read)

    monkeypatch.setattr(store_writing, "read_at", counted)
    return ran


def test_rows_are_the_content_tokens_of_the_texts_in_order(lm: LanguageModel, tmp_path: Path) -> None:
    expected, activations = content(lm), stored(Place(tmp_path), lm)
    assert list(activations) == list(POINTS)
    for point, x in activations.items():
        assert (x.dtype, x.device.type) == (torch.float16, "cpu")
        torch.testing.assert_close(x.float(), expected[point], atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("memory", [1, EACH, 10**9])
def test_rows_do_not_depend_on_the_memory_and_neither_does_their_order(memory: int, tmp_path: Path, passes) -> None:
    activations = stored(Place(tmp_path, memory=memory))
    assert (len(passes) == len(TEXTS)) == (memory == 1)
    for point, x in content(LM).items():
        torch.testing.assert_close(activations[point].float(), x, atol=1e-5, rtol=1e-3)


def test_one_pass_reads_all_hook_points_and_stops_behind_the_deepest(tmp_path: Path, passes) -> None:
    def never(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a block behind the deepest hook point has run")

    with intervene(LM, {HookPoint(2, "resid_pre"): never}):
        stored(Place(tmp_path), points=POINTS[:3])
    assert sum(n for _, n in passes) == len(TEXTS)
    assert all(points == [str(point) for point in POINTS[:3]] for points, _ in passes)


def test_nothing_remains_and_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    with ActivationStore.capture(LM, POOL, POINTS, Place(tmp_path)) as store:
        assert store.n == POOL.n and store.points == POINTS
        assert files(tmp_path) == {}  # the model has not run yet
        x = store.at(POINTS[1])
        assert sorted(files(tmp_path)) == sorted(f"{point}.float16" for point in POINTS)
        assert all(len(content) == EACH for content in files(tmp_path).values())
    assert list(tmp_path.iterdir()) == []
    assert x.isfinite().all()


def test_a_mapped_file_can_be_read_after_it_was_removed_and_is_not_changed(tmp_path: Path) -> None:
    with ActivationStore.capture(LM, POOL, POINTS[:1], Place(tmp_path, memory=EACH - 1)) as store:
        x, again = store.at(POINTS[0]), store.at(POINTS[0])
        x[0] = 0
        assert again[0].abs().sum() > 0
    torch.testing.assert_close(x[1:].float(), content(LM)[POINTS[0]][1:], atol=1e-5, rtol=1e-3)


def test_a_kept_store_is_read_and_not_computed_again(tmp_path: Path, passes) -> None:
    first = stored(Place(tmp_path, keep=True))
    ran = len(passes)
    assert ran and len(files(tmp_path)) == len(POINTS)
    again, more = stored(Place(tmp_path)), stored(Place(tmp_path), points=(*POINTS[:2], HookPoint(1)))
    assert all(torch.equal(again[point], first[point]) for point in POINTS)
    assert torch.equal(more[POINTS[1]], first[POINTS[1]])
    assert passes[ran:] and all(points == ["blocks.1.hook_resid_post"] for points, _ in passes[ran:])
    assert len(files(tmp_path)) == len(POINTS) + 1


def test_other_texts_and_other_models_have_stores_of_their_own(tmp_path: Path) -> None:
    stored(Place(tmp_path, keep=True))
    stored(Place(tmp_path, keep=True), tiny.language_model("gpt2"))
    with ActivationStore.capture(LM, TokenPool.read(LM, TEXTS[:2], 10_000), POINTS, Place(tmp_path, keep=True)) as s:
        assert s.at(POINTS[0]).shape == (s.n, tiny.D_MODEL)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 3


def test_hook_points_that_do_not_fit_at_once_are_read_in_groups(tmp_path: Path, passes) -> None:
    said: list[str] = []
    with ActivationStore.capture(LM, POOL, POINTS, Place(tmp_path, disk=2 * EACH), said.append) as store:
        for point, x in store:
            assert len(files(tmp_path)) <= 2
            torch.testing.assert_close(x.float(), content(LM)[point], atol=1e-5, rtol=1e-3)
    assert sum(n for _, n in passes) == 2 * len(TEXTS)
    assert {tuple(points) for points, _ in passes} == {tuple(map(str, POINTS[:2])), tuple(map(str, POINTS[2:]))}
    assert said == [
        f"activations of {POOL.n} tokens at 4 hook points need {size(4 * EACH)}; {size(2 * EACH)} are "
        "free for them, so the texts are read 2 times"
    ]


def test_a_budget_below_one_hook_point_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    message = rf"one hook point need {size(EACH)}, but the budget of disk space is {size(1000)}. Take fewer tokens"
    with pytest.raises(UsageError, match=message):
        stored(Place(tmp_path, disk=1000))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_full_is_refused_before_the_model_runs(tmp_path: Path, passes, monkeypatch) -> None:
    free = store_planning.SPARE + EACH - 1
    monkeypatch.setattr(store_planning.shutil, "disk_usage", lambda path: disk_usage(path)._replace(free=free))
    with pytest.raises(UsageError, match=rf"need {size(EACH)}, but the disk of {tmp_path} has 3.90kB free for them"):
        stored(Place(tmp_path, disk=10**9))
    assert list(tmp_path.iterdir()) == [] and passes == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_numbers_of_a_model_with_half_the_width_are_kept_as_they_are(dtype: torch.dtype, tmp_path: Path) -> None:
    half = LM.around(copy.deepcopy(LM.module).to(dtype))
    activations = stored(Place(tmp_path), half)
    for point, x in content(half).items():
        assert activations[point].dtype == dtype
        torch.testing.assert_close(activations[point].float(), x, atol=0.05, rtol=0.05)  # batches differ
    assert torch.equal(activations[POINTS[0]].float(), content(half)[POINTS[0]])


def test_numbers_beyond_float16_are_stored_in_bfloat16_at_that_hook_point(tmp_path: Path) -> None:
    said: list[str] = []
    large = HookPoint(1, "mlp_out")
    with intervene(LM, {large: lambda x: torch.cat([x[..., :1], x[..., 1:2] * 1e6, x[..., 2:]], -1)}):
        expected, activations = content(LM), stored(Place(tmp_path), say=said.append)
    assert expected[large].abs().max() > 1e5
    for point, x in activations.items():
        wide = point in (large, HookPoint(2))
        assert x.dtype == (torch.bfloat16 if wide else torch.float16)
        torch.testing.assert_close(x.float(), expected[point], atol=2e-2 if wide else 1e-5, rtol=1e-2)
    assert [line.split(":")[0] for line in said[1:]] == [str(large), "blocks.2.hook_resid_post"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_activations_that_are_not_finite_are_refused_by_hook_point(bad: float, tmp_path: Path) -> None:
    edit = {HookPoint(1, "mlp_out"): lambda x: x.masked_fill(x == x.amax(), bad)}
    message = r"'tiny llama': its activations at blocks\.1\.hook_mlp_out are not finite.* in float32"
    with intervene(LM, edit), pytest.raises(EmomechError, match=message):
        stored(Place(tmp_path))


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"blocks\.9"):
        stored(Place(tmp_path), points=(HookPoint(9),))
    with pytest.raises(UsageError, match="kept need a folder"):
        stored(Place(keep=True))
    empty = TokenPool.read(LM, [], 10)
    with pytest.raises(UsageError, match="no token"), ActivationStore.capture(LM, empty, POINTS):
        pass
    with (
        ActivationStore.capture(LM, POOL, POINTS[:1]) as store,
        pytest.raises(UsageError, match=r"unknown hook point of the store 'blocks\.2"),
    ):
        store.at(POINTS[3])


def test_a_text_of_special_tokens_alone_has_no_rows(tmp_path: Path) -> None:
    no_prefix = replace(LM, prefix=())
    with_bos = TokenPool.read(no_prefix, ["<pad>", "Ana", "<pad><pad>"], 100)
    with ActivationStore.capture(no_prefix, with_bos, POINTS[:1], Place(tmp_path, memory=1)) as store:
        assert store.at(POINTS[0]).shape == (with_bos.n, tiny.D_MODEL)
        assert with_bos.n == len(tokenize(no_prefix, ["Ana"])[0].ids)
