"""Files of the hub come from the cache, and what goes wrong is told with the way out."""

from pathlib import Path

import httpx
import huggingface_hub
import pytest
from huggingface_hub import errors

from emomech import hub_files
from emomech.errors import EmomechError, UsageError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ANSWER = httpx.Response(404, request=httpx.Request("GET", "https://huggingface.co"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, with the layout that the hub's library has."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def put(cache: Path, file: str) -> Path:
    path = cache / "datasets--a--b" / "snapshots" / COMMIT / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def test_what_is_in_the_cache_is_found_without_the_network(cache: Path) -> None:
    assert hub_files.commit("a/b", COMMIT, ["d/x.csv"]) == ""
    file = put(cache, "d/x.csv")
    assert hub_files.commit("a/b", COMMIT, ["d/x.csv"]) == COMMIT
    assert hub_files.commit("a/b", COMMIT, ["d/x.csv", "d/y.csv"]) == hub_files.commit("a/b", COMMIT, []) == ""
    assert hub_files.fetch("mine", "a/b", COMMIT, ["d/x.csv"]) == [file]


def test_a_branch_is_told_by_the_commit_that_it_stood_at(cache: Path) -> None:
    put(cache, "x.csv")
    (cache / "datasets--a--b" / "refs").mkdir()
    (cache / "datasets--a--b" / "refs" / "main").write_text(COMMIT)
    assert hub_files.commit("a/b", "main", ["x.csv"]) == COMMIT
    assert hub_files.pinned(COMMIT)
    assert not hub_files.pinned("main")
    assert not hub_files.pinned(COMMIT[:7])


def test_without_network_the_way_out_is_told(cache: Path) -> None:
    with pytest.raises(
        EmomechError, match=r"corpus 'mine': .*datasets/a/b is not in the cache.*-p corpus=PATH"
    ) as told:
        hub_files.fetch("mine", "a/b", COMMIT, ["x.csv"])
    assert not isinstance(told.value, UsageError)


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (
            errors.GatedRepoError("no", response=ANSWER),
            "is gated. Accept its terms there, and log in with `hf auth login`",
        ),
        (errors.RepositoryNotFoundError("no", response=ANSWER), "does not exist, or is private"),
        (errors.RevisionNotFoundError("no", response=ANSWER), f"has no revision '{COMMIT}'"),
        (errors.RemoteEntryNotFoundError("no x.csv", response=ANSWER), "has no such file at .*no x.csv"),
    ],
)
def test_what_the_hub_refuses_is_the_users_to_put_right(
    error: Exception, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(UsageError, match=match):
        hub_files.fetch("mine", "a/b", COMMIT, ["x.csv"])


def test_a_revision_is_asked_for_and_no_script_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict] = []

    def answer(repository: str, file: str, **options: object) -> str:
        asked.append({"repository": repository, "file": file, **options})
        return file

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", answer)
    assert hub_files.fetch("mine", "a/b", COMMIT, ["x", "y"]) == [Path("x"), Path("y")]
    assert asked == [
        {"repository": "a/b", "file": file, "revision": COMMIT, "repo_type": "dataset"} for file in ("x", "y")
    ]
