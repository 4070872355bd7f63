"""Dictionaries of known overlap are matched correctly, and a sweep returns a row for each size."""

import json
import math
from pathlib import Path

import pytest
import tiny
import torch

from emomech.cli import main as cli
from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.organism.curriculum import lessons
from emomech.saes.points import default_points
from emomech.saes.recipe import SaeRecipe
from emomech.saes.sweep import SWEEP, Grid, default_sweep_points, match, random_directions, sweep

TEXTS = [text for text in tiny.TEXTS if len(text) > 10] * 40
RECIPE = SaeRecipe(n_tokens=12_000, batch=256, dead_window=20)


def dictionary(n: int, d_in: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d_in, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return tiny.language_model("gpt2")


def test_the_same_dictionary_in_another_order_and_scale_is_the_same() -> None:
    first = dictionary(40, 16, seed=0)
    second = first[torch.randperm(40, generator=torch.Generator().manual_seed(1))] * torch.linspace(0.1, 9, 40)[:, None]
    result = match(first, second)
    assert result.shared == 1
    assert result.cosine == pytest.approx(1)


def test_a_feature_of_the_other_sign_is_another() -> None:
    first = torch.eye(8)
    assert match(first, -first).shared == 0


def test_features_are_paired_one_to_one() -> None:
    first = torch.eye(8)
    twice = torch.cat([first[:4], first[:4]])
    result = match(first, twice)
    assert result.shared == pytest.approx(4 / 8)
    assert result.cosine == pytest.approx(4 / 8)


def test_features_without_a_counterpart_are_not_shared() -> None:
    first = torch.eye(9)
    assert match(first, first[:3]).shared == pytest.approx(2 * 3 / 12)
    assert match(first[:3], first).cosine == pytest.approx(1)
    assert math.isnan(match(first, first[:0]).shared)


def test_the_cosine_of_a_pair_counts_from_the_bound_on() -> None:
    first = torch.tensor([[1.0, 0.0]])
    assert match(first, torch.tensor([[0.71, (1 - 0.71**2) ** 0.5]])).shared == 1
    assert match(first, torch.tensor([[0.69, (1 - 0.69**2) ** 0.5]])).shared == 0


def test_random_dictionaries_are_alike_by_chance_only() -> None:
    first, second = dictionary(200, 64, seed=0), dictionary(200, 64, seed=1)
    real, chance = match(first, second), match(first, random_directions(second, 200, seed=2))
    assert real.shared == chance.shared == 0
    assert real.cosine == pytest.approx(chance.cosine, abs=0.02)


def test_chance_is_higher_where_features_lie_in_few_dimensions() -> None:
    flat = dictionary(60, 3, seed=0) @ dictionary(3, 64, seed=1)
    chance = random_directions(flat, 60, seed=2)
    assert torch.linalg.matrix_rank(chance, rtol=1e-4) == 3
    assert match(flat, chance).shared > 0.9


def test_the_embedding_the_middle_and_the_last_block_are_taken(lm: LanguageModel) -> None:
    assert [point.resid_index() for point in default_sweep_points(lm)] == [0, 2, 3]


def test_a_sweep_has_a_row_for_each_size(lm: LanguageModel) -> None:
    progress: list[str] = []
    points = default_points(lm)[1:2]
    table = sweep(lm, TEXTS, points, Grid((16, 48), (2, 8), recipe=RECIPE), progress.append)
    assert list(table.columns) == list(SWEEP.columns)
    rows = [(str(point), d_sae, k) for point in points for d_sae in (16, 48) for k in (2, 8)]
    assert list(table[["hook_point", "d_sae", "k"]].itertuples(index=False, name=None)) == rows
    assert len(progress) == 1 + 2 * len(rows)
    assert (table.l0 <= table.k).all()
    assert (table[table.k == 8].fvu.to_numpy() < table[table.k == 2].fvu.to_numpy()).all()
    for column in ("dead", "stable", "stable_chance"):
        assert table[column].between(0, 1).all()
    assert (table.cosine > table.cosine_chance).all()


def test_the_same_seed_gives_the_same_table(lm: LanguageModel) -> None:
    grid = Grid((16,), (2,), recipe=RECIPE)
    first, second = (sweep(lm, TEXTS, default_points(lm)[:1], grid) for _ in range(2))
    assert first.equals(second)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (Grid(seeds=1), "seeds 1: expected 2 or more"),
        (Grid(d_sae=()), r"d_sae \[\]: expected one or more different numbers"),
        (Grid(k=(8, 8)), r"k \[8, 8\]: expected one or more different"),
        (Grid(d_sae=(8, 64), k=(16,)), "k 16: expected 1 to d_sae, which is 8"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(lm: LanguageModel, grid: Grid, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sweep(lm, TEXTS, default_points(lm)[:1], grid)


def test_too_few_texts_are_refused(lm: LanguageModel) -> None:
    with pytest.raises(UsageError, match="has 4 texts, at least 5"):
        sweep(lm, TEXTS[:4], default_points(lm)[:1], Grid(recipe=RECIPE))
    with pytest.raises(UsageError, match="at least 256 are needed"):
        sweep(lm, TEXTS[:6], default_points(lm)[:1], Grid((16,), (2,), recipe=RECIPE))


def command(capsys: pytest.CaptureFixture[str], *options: str, corpus: str = "organism") -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["sae", "sweep", "--model", "organism", "--corpus", corpus, *options])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def test_the_command_answers_with_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    texts = [{"text": lesson.text, "label": lesson.text.split()[-1][:-1]} for lesson in lessons("binding", 0, 60)]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, texts)))
    sizes = ["--d-sae", "16,32", "--k", "4", "--tokens", "4000", "--points", "blocks.0.hook_resid_pre"]
    code, out, err = command(capsys, *sizes, "--format", "json", corpus=str(tmp_path / "texts.jsonl"))
    assert code == 0, err
    rows = json.loads(out)
    assert [(row["d_sae"], row["k"]) for row in rows] == [(16, 4), (32, 4)]
    assert set(rows[0]) == set(SWEEP.columns)
    assert err.count("seed 1") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--d-sae", "256,many"], "--d-sae '256,many': expected whole numbers"),
        (["--k", "0"], "--k '0': expected whole numbers from 1 to 2147483647"),
        (["--k", ""], "--k '': expected whole numbers"),
        (["--d-sae", "8", "--k", "16"], "k 16: expected 1 to d_sae, which is 8"),
        (["--points", "blocks.9.hook_resid_post"], "unknown hook point of organism 'blocks.9.hook_resid_post'"),
        (["--points", ","], "layers ',': none is named. Expected numbers from 0 to 7"),
    ],
)
def test_what_is_asked_wrongly_is_named(capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    code, out, err = command(capsys, *options)
    assert (code, out) == (2, "")
    assert message in err
