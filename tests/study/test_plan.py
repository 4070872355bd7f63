"""A plan estimates bytes, memory and time from sizes, and refuses a study that cannot fit, with a way out that can."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from emomech.cli import main as cli
from emomech.core import devices, hub, machine
from emomech.core.errors import UsageError
from emomech.core.machine import Machine
from emomech.core.settings import Settings
from emomech.presets import lookup
from emomech.presets.kinds import SaePreset
from emomech.study import plan
from emomech.study.calls import EXAMPLE, Calls
from emomech.study.costs import Expected
from emomech.study.sizes import sizes_of
from emomech.study.spec import StudySpec

GB = 10**9
SMALL = Machine("cpu", host=24 * GB, gpus=(), disk=100 * GB, rate=5e10, host_rate=5e10)
LARGE = Machine("cuda", host=128 * GB, gpus=(80 * GB,), disk=500 * GB, rate=5e13, host_rate=5e11)
GPT2 = StudySpec(model="gpt2-small")
GEMMA = StudySpec(model="gemma-2-2b")
LLAMA = StudySpec(model="llama-3.1-8b", sae="gemma-scope-2b-res-16k")


@pytest.fixture(autouse=True)
def nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "cache_folder", lambda: tmp_path / "hub")
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "own"))


def test_downloads_are_weights_and_dictionaries() -> None:
    estimate = plan.plan(GPT2, SMALL)
    assert estimate.fetch == {"model": 124_439_808 * 4, "sae": 13 * 2 * 768 * 24_576 * 4}
    assert estimate.cached == {"model": 0, "sae": 0}
    assert estimate.disk == estimate.fetch["model"] + 2 * estimate.fetch["sae"]
    assert plan.plan(StudySpec(model="gpt2-small", sae=None), SMALL).fetch["sae"] == 0
    half = plan.plan(replace(LLAMA, sae=None), LARGE).fetch["model"]
    assert half == 8_030_261_248 * 2


def test_what_is_in_the_cache_is_not_fetched_again(tmp_path: Path) -> None:
    blobs = tmp_path / "hub" / "models--openai-community--gpt2" / "blobs"
    cached_sae = tmp_path / "own" / "saes" / "gpt2-small-res-jb" / "blocks.0.hook_resid_pre"
    for folder, size in ((blobs, 5000), (cached_sae, 7000)):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"0" * size)
    (blobs / "half.incomplete").write_bytes(b"0" * 100)
    bare, estimate = 124_439_808 * 4 + 26 * 2 * 768 * 24_576 * 4, plan.plan(GPT2, SMALL)
    assert estimate.cached == {"model": 5000, "sae": 7000}
    assert estimate.disk == bare - 5000 - 2 * 7000


def test_memory_holds_the_model_twice_one_sae_and_a_batch() -> None:
    on_cpu, on_gpu = plan.plan(GEMMA, SMALL), plan.plan(GEMMA, LARGE)
    weights, sae, logits = 2_614_341_888 * 4, 2 * 2304 * 16_384 * 4, 3 * 4 * 2**28
    assert on_cpu.gpu == 0
    assert on_gpu.gpu >= 2 * weights + logits > 0.9 * on_gpu.gpu
    assert 2 * weights + 3 * 4 * 1024 * 256_000 < on_cpu.host < 2 * weights + 8 * GB
    assert on_gpu.host > weights + sae


def test_the_embedded_study_fits_and_its_sizes_are_read_from_its_files() -> None:
    estimate = plan.plan(StudySpec(), SMALL).check()
    sizes = sizes_of(StudySpec(), Settings())
    assert (sizes.model.layers, sizes.model.d_model, sizes.features, sizes.points) == (8, 128, 512, 9)
    assert 2_000_000 > sizes.model.parameters > 8 * 12 * 128**2
    assert estimate.fetch == {"model": 0, "sae": 0} and estimate.host < GB


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UsageError, match=r"memory: gemma-2-2b in float32 takes 2\d.\d GB, and 20.0 GB are free.*bfloat16"
    ):
        plan.plan(GEMMA, replace(SMALL, host=20 * GB)).check()
    with pytest.raises(
        UsageError, match="GPU memory: .* are free. Take EMOMECH_DTYPE=bfloat16, or --device cpu, or a sma"
    ):
        plan.plan(GEMMA, replace(LARGE, gpus=(20 * GB,))).check()
    with pytest.raises(UsageError, match=r"llama-3.1-8b in bfloat16 .* Take a smaller model, such as -p model=\S+\."):
        plan.plan(LLAMA, SMALL).check()
    with pytest.raises(UsageError, match=r"disk: .* have to be fetched, and 1.0 GB are free at .*set HF_HUB_CACHE"):
        plan.plan(GEMMA, replace(LARGE, disk=GB)).check()
    with pytest.raises(UsageError, match="Take another machine"):
        plan.plan(GPT2, replace(SMALL, host=GB // 2)).check()
    assert plan.plan(GEMMA, replace(LARGE, gpus=(20 * GB, 20 * GB))).check()  # spread
    monkeypatch.setenv(devices.DTYPE, "bfloat16")
    assert plan.plan(GEMMA, replace(LARGE, gpus=(20 * GB,))).check().dtype == "bfloat16"


def test_the_way_out_leads_out() -> None:
    tight = replace(SMALL, host=12 * GB)
    with pytest.raises(UsageError) as refused:
        plan.plan(LLAMA, tight).check()
    smaller = str(refused.value).split("model=")[1].split(".  ")[0].rstrip(".")
    plan.plan(StudySpec(model=smaller, sae=None), tight).check()


def test_the_time_of_each_chapter_is_a_row_of_columns() -> None:
    expected = {"flow": Expected.of(Calls(forward=3e6, encoded=1e6, ranked=1e7), EXAMPLE, SMALL)}
    rows = dict(plan.rows(plan.plan(GPT2, SMALL, expected=expected), SMALL, ["flow", "tracing"]))
    assert rows["time of"].split() == ["texts", "passes", "model", "SAEs", "rest", "total"]
    texts, passes, *times = rows["flow"].split()
    assert (texts, passes) == ("750", "12")
    seconds = [int(time) for time in times[::2]]
    assert times[1::2] == ["s"] * 4 and abs(sum(seconds[:3]) - seconds[3]) <= 2 and min(seconds) > 0
    assert rows["tracing"] == "unknown: it reads SAEs, and there are none"


def test_parameters_of_pages_are_no_parameters_of_the_study() -> None:
    assert plan.of_study({"limit": "5", "n_resamples": "7"}) == {"limit": "5"}


def test_memory_follows_the_texts(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"

    def host(n: int) -> int:
        rows = (f"word and word {i},{['joy', 'fear'][i % 2]}\n" for i in range(n))
        file.write_text("text,label\n" + "".join(rows))
        return plan.plan(replace(GPT2, corpus=str(file)), SMALL).host

    kept_per_text = 4 * 13 * 768 * 4
    assert host(4000) - host(40) == (4000 - 40) * kept_per_text


def test_another_machine_has_nothing_in_its_cache_and_says_what_is_assumed(tmp_path: Path) -> None:
    blobs = tmp_path / "hub" / "models--openai-community--gpt2" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "file").write_bytes(b"0" * 5000)
    other = machine.described("h100-80gb")
    estimate = plan.plan(GPT2, other)
    assert estimate.cached == {"model": 0, "sae": 0} and plan.plan(GPT2, SMALL).cached["model"] == 5000
    shown = dict(plan.rows(estimate, other, []))
    assert "h100-80gb, at the peak rates of: NVIDIA H100" in shown["machine"] and "assumed" in shown["machine"]
    assert shown["texts"] == "2400 texts of 26 words, from the embedded grammar"
    assert "machine" not in dict(plan.rows(plan.plan(GPT2, SMALL), SMALL, []))
    with pytest.raises(UsageError, match="disk: .* are free on h100-80gb"):
        plan.plan(GPT2, replace(other, disk=0)).check()


def test_public_saes_say_their_size() -> None:
    for sae in lookup.table("saes").values():
        assert isinstance(sae, SaePreset)
        assert bool(sae.features) == bool(sae.release)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"n_resamples": "3"}, "unknown parameter of a study 'n_resamples'"),
        ({"model": "gpt3"}, "gpt3"),
        ({"limit": "few"}, "limit 'few': expected a whole number"),
        ({"seed": "9" * 5000}, "seed '9+': expected a whole number from 0 to 2147483647"),
    ],
)
def test_what_is_no_study_is_told(values: dict[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        plan.spec_of(values)


def test_a_preset_without_sizes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = lookup.model("gpt2-small").model_copy(update={"parameters": 0})
    monkeypatch.setattr(lookup, "model", lambda name: bare)
    with pytest.raises(UsageError, match="model 'gpt2-small': its preset does not say its sizes"):
        sizes_of(replace(GPT2), Settings())


def test_the_command_tells_people_and_programs_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["plan", *arguments])
        return int(ended.value.code or 0)

    monkeypatch.setattr(machine, "this_machine", lambda device: SMALL)
    assert call("-p", "model=gpt2-small") == 0
    out = capsys.readouterr().out
    assert re.search(r"time of +texts +passes +model +SAEs +rest +total", out)
    assert "model 0.5 GB, SAEs 2.0 GB" in out and re.search(r"flow +2400 +\d+ +\S+ (s|min|h)", out)
    assert call("-p", "model=gpt2-small", "--profile", "quick", "-p", "n_permutations=40") == 0
    assert re.search(r"flow +400 +\d+ +\S+ (s|min|h)", capsys.readouterr().out)
    assert call("-p", "model=gemma-2-9b", "-p", "sae=gemma-scope-2b-res-16k", "--format", "json") == 2
    shown = capsys.readouterr()
    printed = json.loads(shown.out)
    assert printed["host"] > 24 * GB and printed["machine"]["host"] == 24 * GB and printed["problems"]
    assert shown.err.startswith("emomech: memory: gemma-2-9b in bfloat16 takes")
    assert call("-p", "modle=gpt2-small") == 2
    capsys.readouterr()
    assert call("--for", "h100-80gb", "-p", "model=gemma-2-9b", "--format", "json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["device"], printed["machine"]["name"], printed["texts"]["number"]) == ("cuda", "h100-80gb", 2400)
    assert call("--for", "", "-p", "model=gpt2-small") == 2
    assert "unknown machine ''" in capsys.readouterr().err
    assert call("--for", "laptop-16gb", "--device", "cuda") == 2
