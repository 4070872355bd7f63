"""Explanations in bulk: one explainer, one label per feature, and no curve over layers that different ones explained."""

import gzip
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from emomech import feature_labels
from emomech.errors import EmomechError, UsageError
from emomech.feature_labels import download, families, label_curve, lexicon, read_labels, source_of
from emomech.schema import number
from emomech.vocab import HookPoint

MINI, FLASH = "mini / token-act-pair", "flash / acts-logits"


def row(index: int, text: str | None, by: str = MINI, layer: str = "5-res", **more: object) -> dict[str, object]:
    model, kind = by.split(" / ")
    found = {"modelId": "small", "layer": layer, "index": str(index), "description": text}
    return found | {"explanationModelName": model, "typeName": kind, "embedding": "[0.1]"} | more


def write(folder: Path, **batches: list[dict[str, object]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in batches.items():
        text = "".join(json.dumps(one) + "\n" for one in rows)
        (folder / f"{name.replace('_', '-')}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def test_each_feature_has_one_label_the_first_of_the_explainer_with_most(tmp_path: Path) -> None:
    found = read_labels(
        write(
            tmp_path,
            batch_10=[row(0, "later"), row(3, "fear", embedding=[0.1])],
            batch_2=[row(0, "verbs"), row(0, "again"), row(1, None), row(2, "joy"), row(1, "only by another", FLASH)],
        )
    )
    assert (found.source, found.explainer) == ("small/5-res", MINI)
    assert found.text == {0: "verbs", 2: "joy", 3: "fear"}
    assert found.explainers == {MINI: 3, FLASH: 1}
    assert found.n_repeated == 2
    assert found.coverage(4) == 0.75


def test_another_explainer_may_be_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path, batch_0=[row(0, "a"), row(1, "b"), row(1, "c", FLASH)])
    assert read_labels(folder, FLASH).text == {1: "c"}
    with pytest.raises(UsageError, match=r"unknown explainer.*Did you mean 'flash / acts-logits'"):
        read_labels(folder, "flash / acts")


def test_what_is_no_folder_of_explanations_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no file batch-N.jsonl.gz"):
        read_labels(tmp_path)
    with pytest.raises(UsageError, match=r"explains small/5-res and small/6-res, expected the explanations of one"):
        read_labels(write(tmp_path / "two", batch_0=[row(0, "a"), row(0, "b", layer="6-res")]))
    with pytest.raises(UsageError, match="explains nothing"):
        read_labels(write(tmp_path / "none", batch_0=[row(0, "")]))
    with pytest.raises(UsageError, match=r"batch-0.jsonl.gz:2: is no explanation \(KeyError\('description'\)\)"):
        read_labels(write(tmp_path / "lacking", batch_0=[row(0, "a"), {"index": 1}]))
    broken = write(tmp_path / "broken", batch_0=[row(0, "a")]) / "batch-0.jsonl.gz"
    broken.write_bytes(broken.read_bytes()[:-12])
    with pytest.raises(UsageError, match=r"batch-0.jsonl.gz: cannot be read as gzipped text"):
        read_labels(tmp_path / "broken")


def test_a_label_of_a_feature_that_the_sae_does_not_have_is_refused(tmp_path: Path) -> None:
    found = read_labels(write(tmp_path, batch_0=[row(7, "joy")]))
    with pytest.raises(UsageError, match="explain feature 7, but the SAE has 7"):
        found.coverage(7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Verbs in the past tense", {"syntax"}),
        ("references to FEAR and anxiety", {"semantics", "emotion"}),
        ("misspelled tokens", {"lexical"}),
        ("adverbial", {"syntax"}),
        ("saddle makers", set()),
        ("hexadecimal strings", set()),
    ],
)
def test_families_are_told_by_key_words(text: str, expected: set[str]) -> None:
    assert families(text) == expected


def test_no_key_word_stands_in_two_families() -> None:
    import tomllib

    words = tomllib.loads((feature_labels.PACKAGE / "presets" / "label_families.toml").read_text())
    every = [word for found in words.values() for word in found]
    assert len(every) == len(set(every))
    assert list(words) == list(lexicon()) == ["lexical", "syntax", "semantics", "emotion"]


def test_a_curve_counts_the_families_of_explained_features(tmp_path: Path) -> None:
    labels = {
        HookPoint(1): read_labels(write(tmp_path / "1", batch_0=[row(0, "joy"), row(1, "sad"), row(2, "x")])),
        HookPoint(0): read_labels(write(tmp_path / "0", batch_0=[row(0, "nouns"), row(1, "joyful nouns")])),
    }
    table = label_curve(labels, {HookPoint(0): 4, HookPoint(1): 4}, 2)
    assert table.depth.tolist() == [0.5] * 4 + [1.0] * 4
    share = {(p, f): number(table, "share", hook_point=str(p), family=f).value for p in labels for f in lexicon()}
    assert share[HookPoint(0), "syntax"] == 1 and share[HookPoint(0), "emotion"] == 0.5
    assert share[HookPoint(1), "emotion"] == pytest.approx(2 / 3) and share[HookPoint(1), "syntax"] == 0
    assert table.coverage.tolist() == [0.5] * 4 + [0.75] * 4


def test_layers_that_different_explainers_explained_make_no_curve(tmp_path: Path) -> None:
    labels = {
        HookPoint(layer): read_labels(write(tmp_path / str(layer), batch_0=[row(0, "joy", by)]))
        for layer, by in enumerate([MINI, FLASH, MINI])
    }
    message = r"flash / acts-logits: blocks.1.hook_resid_post; mini / token-act-pair: blocks.0.\S+, blocks.2"
    with pytest.raises(EmomechError, match=message):
        label_curve(labels, dict.fromkeys(labels, 4), 3)


def test_the_registry_knows_what_an_sae_is_called() -> None:
    assert source_of("gpt2-small-res-jb", "blocks.5.hook_resid_pre") == "gpt2-small/5-res-jb"
    with pytest.raises(UsageError, match="Neuronpedia has no such SAE"):
        source_of("gpt2-small-res-jb", "blocks.50.hook_resid_pre")
    with pytest.raises(UsageError, match="not in SAELens's registry"):
        source_of("mine", "x")


class _Bucket(SimpleHTTPRequestHandler):
    """Answers as the bucket does, two files a page."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if "list-type" not in query:
            return super().do_GET()
        root = Path(self.directory)
        keys = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
        keys = [key for key in keys if key.startswith(query["prefix"])]
        start = int(query.get("continuation-token", 0))
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{(root / key).stat().st_size}</Size></Contents>"
            for key in keys[start : start + 2]
        )
        further = f"<NextContinuationToken>{start + 2}</NextContinuationToken>" if start + 2 < len(keys) else ""
        page = (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{entries}{further}</ListBucketResult>'
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(page.encode())
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Bucket]]:
    root = tmp_path / "bucket"
    batches = {f"batch_{i}": [row(i, f"joy {i}")] for i in range(5)}
    (write(root / "v1/small/5-res/explanations", **batches) / "notes.txt").write_text("no batch")
    handler = type("Bucket", (_Bucket,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(feature_labels, "BUCKET", f"http://127.0.0.1:{server.server_port}/")
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.hub
def test_all_batches_are_fetched_once(bucket: type[_Bucket], tmp_path: Path) -> None:
    folder = download("small/5-res", tmp_path / "cache")
    assert folder == tmp_path / "cache/small/5-res/explanations"
    assert sorted(file.name for file in folder.iterdir()) == [f"batch-{i}.jsonl.gz" for i in range(5)]
    assert read_labels(folder).text == {i: f"joy {i}" for i in range(5)}
    bucket.asked.clear()
    (folder / "batch-3.jsonl.gz").write_bytes(b"half")
    download("small/5-res", tmp_path / "cache")
    assert [path for path in bucket.asked if "?" not in path] == ["/v1/small/5-res/explanations/batch-3.jsonl.gz"]


@pytest.mark.hub
def test_what_is_not_there_or_not_reached_is_said(
    bucket: type[_Bucket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        UsageError, match=r"'small/6-res': Neuronpedia's bucket has none in v1/small/6-res/explanations/"
    ):
        download("small/6-res", tmp_path / "cache")
    monkeypatch.setattr(feature_labels, "BUCKET", "http://127.0.0.1:9/")
    with pytest.raises(UsageError, match="cannot be fetched .* Connect to the network once"):
        download("small/5-res", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
