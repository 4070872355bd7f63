"""The front page of an edition has the facts of its model, its chapters with verdicts, its limits, and its texts."""

from pathlib import Path

import planted_book
import yaml
from tiny_edition import CHAPTER, DECLARED, write_root

from emomech.book import pages
from emomech.book.kept import declared, front
from emomech.book.kept.declared import KeptEdition
from emomech.presets import lookup


def test_an_edition_that_is_kept_has_a_part_in_the_contents(trial: KeptEdition, tmp_path: Path) -> None:
    assert front.parts(trial.root, pages.RESULTS) == [
        {
            "caption": "A trial of the embedded model",
            "chapters": [{"file": f"book/results/trial-one/{page}"} for page in ("index", CHAPTER)],
        }
    ]
    assert front.parts(write_root(tmp_path / "a"), pages.RESULTS) == []


def test_the_contents_of_the_book_get_the_part_before_the_appendix(trial: KeptEdition) -> None:
    results = trial.root / "book" / "results"
    planted_book.write(results / "trial-one", behaviour=planted_book.executed("behaviour"))
    toc = {"root": "book/index", "parts": [{"caption": "Results", "chapters": []}, {"caption": "Appendix"}]}
    (trial.root / "_toc.yml").write_text(yaml.safe_dump(toc))
    for name in ("_config.yml", "book/index.md"):
        (trial.root / name).write_text("# A book\n")
    sources = pages.book_sources(trial.root, results)
    contents = yaml.safe_load(str(sources["_toc.yml"]))
    assert [part["caption"] for part in contents["parts"]] == ["Results", "A trial of the embedded model", "Appendix"]
    assert sources["book/results/trial-one/behaviour.ipynb"] == results / "trial-one" / "behaviour.ipynb"
    assert "[Does the model infer the emotion?](behaviour.ipynb) | C1: **replicates**" in str(
        sources["book/results/trial-one/index.md"]
    )
    assert not any(name.startswith("book/editions/") for name in sources)


def test_chapters_that_are_missing_or_cannot_be_asked_are_listed(tmp_path: Path) -> None:
    text = DECLARED + "[trial-one.without]\nflow = 'It has no labelled words.'\n"
    edition = declared.find("trial-one", write_root(tmp_path / "a", text))
    page = front.text(edition, tmp_path)
    assert "not computed yet: `emomech edition compute trial-one --chapter behaviour`" in page
    assert "cannot be asked: It has no labelled words." in page


def test_a_model_from_a_package_is_described_with_file_licence_and_quantisation() -> None:
    edition = declared.find("smollm2-goemotions")
    package = lookup.model(edition.model).package
    page = front.text(edition, Path("nowhere"))
    assert package is not None
    for told in (package.licence, Path(package.members[0]).name, "Q4_1: the weights are rounded", "134,515,008"):
        assert told in page
    assert "**The model is small.** It has 135 million parameters" in page
    assert "### GoEmotions" in page and "Demszky" in page and "**The labels have errors.**" in page


def test_texts_that_may_not_be_shown_are_named_among_the_limits() -> None:
    assert "**The texts are not shown.**" in front.text(declared.find("smollm2-isear"), Path("nowhere"))
    assert "**The texts are not shown.**" not in front.text(declared.find("smollm2-goemotions"), Path("nowhere"))
