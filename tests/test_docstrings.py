"""Examples run as they stand: those of docstrings, and the scripts in README and in the page on Python."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from emomech.core.paths import CHECKOUT

PACKAGE = CHECKOUT / "emomech"
MODULES = [file for file in sorted(PACKAGE.rglob("*.py")) if ">>> " in file.read_text()]
SCRIPT = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [page for page in (CHECKOUT / "README.md", CHECKOUT / "book/appendix/python.md") if page.exists()]
SCRIPTS = [(page, match[1]) for page in PAGES for match in SCRIPT.finditer(page.read_text())]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_the_examples_of_a_module_hold(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = ".".join(file.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    examples = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs={}) if test.examples]
    for example in examples:
        runner.run(example, out=report.append)
    n_written = len(re.findall(r"^ *>>> ", file.read_text(), re.MULTILINE))
    n_run = sum(len(example.examples) for example in examples)
    assert n_run == n_written, f"{name}: has {n_written} examples, but doctest finds {n_run} of them"
    assert not runner.summarize(verbose=False).failed, "".join(report)


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_script_of_a_page_runs_and_prints(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, script = SCRIPTS[number]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    exec(compile(script, str(page), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip(), f"{page.name}: the script prints nothing"
