"""Preparing a run: wrong parameters are refused before it starts, and the key covers all that decides the result."""

import shutil
from pathlib import Path

import pytest

from emomech.book import runner
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import PACKAGE

SMALL = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
# a remark
---

```python
# no title
```

# A small one

```{code-cell} ipython3
:tags: [parameters]

n: int = 2  # how many [>= 1]
word: str = "a"  # what is written
```
"""
STUDY = """# A study

```{code-cell} ipython3
:tags: [parameters]

model: str = "MODEL"  # the model
sae: str = "SAE"  # its SAEs
corpus: str = "CORPUS"  # the texts
limit: int = 0  # at most this many
style: str = "plain"  # not a matter of the study
```
"""


def write_study(workplace: Path) -> list[Path]:
    """A notebook about a model, SAEs and texts of the user's; the files they consist of."""
    model, sae, corpus = workplace / "model", workplace / "sae", workplace / "texts.csv"
    embedded = PACKAGE / "organism" / "weights" / "default"
    shutil.copytree(embedded / "model", model)
    shutil.copytree(next((embedded / "saes").iterdir()), sae)
    for folder in (model, sae):
        (folder / "a.json").write_text("{}")
    corpus.write_text("text,label\na,joy\nb,sadness\n")
    text = STUDY.replace("MODEL", str(model)).replace("SAE", str(sae), 1).replace("CORPUS", str(corpus))
    (workplace / "notebooks" / "study.md").write_text(text)
    return [model / "a.json", sae / "a.json", corpus]


def test_notebooks_are_found_by_name(workplace: Path) -> None:
    (workplace / "notebooks" / "small.md").write_text(SMALL)
    write_study(workplace)
    (workplace / "notebooks" / "notes.txt").write_text("no notebook")
    assert list(runner.notebooks()) == ["small", "study"]
    assert runner.find("small") == workplace / "notebooks" / "small.md"
    assert [runner.title(notebook) for notebook in runner.notebooks().values()] == ["A small one", "A study"]
    with pytest.raises(UsageError, match="unknown notebook 'smal'. Did you mean 'small'. Known: small, study"):
        runner.find("smal")


def test_a_notebook_without_a_heading_has_its_name_for_a_title(tmp_path: Path) -> None:
    (tmp_path / "bare.md").write_text("## Not a title\n")
    assert runner.title(tmp_path / "bare.md") == "bare"


def test_outside_a_checkout_the_way_out_is_told(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "NOTEBOOKS", workplace / "nowhere")
    with pytest.raises(EmomechError, match="nowhere: there is no such folder.*pip install -e"):
        runner.notebooks()


def test_a_plan_knows_all_values_and_which_of_them_are_the_users(workplace: Path) -> None:
    (workplace / "notebooks" / "small.md").write_text(SMALL)
    planned = runner.prepare("small", {"n": "3", "word": "a"})
    assert planned.parameters == {"n": 3, "word": "a"} and planned.overrides == {"n": 3}
    assert planned.source == (workplace / "notebooks" / "small.md").read_text()


@pytest.mark.parametrize(
    ("overrides", "match"),
    [
        ({"m": "1"}, "unknown parameter of small 'm'"),
        ({"n": "0"}, "small: n: found '0', expected a whole number >= 1"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(workplace: Path, overrides: dict[str, object], match: str) -> None:
    (workplace / "notebooks" / "small.md").write_text(SMALL)
    with pytest.raises(UsageError, match=match):
        runner.prepare("small", overrides)


@pytest.mark.parametrize(
    ("overrides", "match"),
    [
        ({"model": "no-such"}, "unknown preset in models 'no-such'"),
        ({"model": "./nowhere"}, "model folder './nowhere': there is nothing at"),
        ({"corpus": "texts.parquet"}, "corpus file 'texts.parquet': there is nothing at"),
        ({"limit": "-1"}, "limit -1: expected 0"),
    ],
)
def test_a_study_that_does_not_exist_is_refused(workplace: Path, overrides: dict[str, object], match: str) -> None:
    write_study(workplace)
    with pytest.raises(UsageError, match=match):
        runner.prepare("study", overrides)


@pytest.mark.parametrize("name", ["models", "prompts", "words"])
def test_a_list_of_presets_is_checked_name_by_name(name: str, workplace: Path) -> None:
    known = {"models": "organism, organism-seed1", "prompts": "then,felt", "words": "reactions"}[name]
    (workplace / "notebooks" / "listing.md").write_text(SMALL.replace('word: str = "a"', f'{name}: str = "{known}"'))
    assert runner.prepare("listing", {}).parameters[name] == known
    with pytest.raises(UsageError, match="unknown preset in .* 'nosuch'"):
        runner.prepare("listing", {name: f"{known}, nosuch"})


def test_the_key_hangs_on_all_that_decides_the_result(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_study(workplace)
    monkeypatch.setattr(runner, "CONSTRAINTS", workplace / "constraints.txt")
    monkeypatch.setattr(runner, "PACKAGE", workplace / "package")
    (workplace / "package").mkdir()
    files += [workplace / "notebooks" / "study.md", workplace / "constraints.txt"]
    files += [workplace / "package" / "a.py", workplace / "package" / "presets.toml"]
    keys = [runner.prepare("study", {}).key]
    for file in files:
        with file.open("a") as opened:
            opened.write("\n")
        keys.append(runner.prepare("study", {}).key)
    keys.append(runner.prepare("study", {"limit": "1"}).key)
    keys.append(runner.prepare("study", {"style": "ornate"}).key)
    assert len(set(keys)) == len(keys) == 10
    (workplace / "package" / "notes.txt").write_text("no source")
    assert runner.prepare("study", {"limit": 0}).key == keys[7]
