"""Keep the package readable: imports point one way, one module touches the model, files and functions stay small."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

import emomech

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "emomech"
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
WINGS = (
    *("core", "stats", "figures", "data", "models", "presets", "saes", "study"),
    *("causal", "organism", "chapters", "bench", "notebook", "book", "cli"),
)
"""From the ground up. A module imports its own wing or one further left."""
APART = (("data", "models"), ("figures", "data"), ("stats", "models"), ("causal", "organism"))
"""Wings that stand side by side: neither imports the other."""
DOORS = ("", "api", "__main__")
"""The modules at the root, which stand above all wings. `api` is what scripts and notebooks import."""
MAX_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS, MAX_OPTIONS = 300, 60, 6, 14


def name_of(file: Path) -> str:
    """Name a module from within the package: `causal.ablation`; a folder's `__init__.py` by the folder."""
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(file): file for file in FILES}


def wing(module: str) -> str:
    return module.split(".")[0]


def imports_of(file: Path) -> set[str]:
    """Modules of the package that a file imports, at its top or inside a function."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "emomech":
            parent = str(node.module).removeprefix("emomech").removeprefix(".")
            names = {f"{parent}.{alias.name}".removeprefix(".") for alias in node.names}
            imported |= names if names <= set(MODULES) else {parent, *names}
        elif isinstance(node, ast.Import):
            imported |= {alias.name.removeprefix("emomech.") for alias in node.names}
    return imported & set(MODULES)


IMPORTS = {module: imports_of(file) - {module} for module, file in MODULES.items()}


def test_the_package_consists_of_its_wings() -> None:
    assert {wing(module) for module in MODULES} == {*WINGS, *DOORS}
    assert len(list(PACKAGE.glob("*.py"))) <= 4


@pytest.mark.parametrize("module", [module for module in MODULES if wing(module) in WINGS])
def test_imports_point_one_way(module: str) -> None:
    own = WINGS.index(wing(module))
    for imported in IMPORTS[module] - {""}:
        other = wing(imported)
        assert other in WINGS, f"{module} imports {imported}, which is for scripts and notebooks"
        assert WINGS.index(other) <= own, f"{module} imports {imported}, which is above it"
        assert (other, wing(module)) not in APART, f"{module} imports {imported}, which stands beside it"


def test_imports_have_no_cycle() -> None:
    graph = dict(IMPORTS)
    while graph:
        leaves = {module for module, imported in graph.items() if not imported & set(graph)}
        assert leaves, f"these import each other: {sorted(graph)}"
        graph = {module: imported for module, imported in graph.items() if module not in leaves}


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module.count(".") == 2 and wing(module) == "chapters"]
)
def test_a_chapter_knows_no_other_and_computes_before_it_judges_or_draws(module: str) -> None:
    chapter = module.split(".")[1]
    imported = {
        other.split(".", 2)[1:] and tuple(other.split(".")[1:])
        for other in IMPORTS[module]
        if wing(other) == "chapters"
    }
    assert {parts[0] for parts in imported if len(parts) > 1} <= {chapter}
    if module.endswith(".analysis"):
        assert not {"rule", "charts"} & {parts[-1] for parts in imported if parts}


def test_one_module_registers_hooks() -> None:
    # besides the loader of exported edits, which is copied to where this package is not
    assert [name for name, file in MODULES.items() if re.search(r"register_\w*hook", file.read_text())] == [
        "causal.steering.outside",
        "models.hooks",
    ]


@pytest.mark.parametrize("file", [*FILES, *TESTS], ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short_and_take_few_parameters(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            names = [argument.arg for argument in node.args.posonlyargs + node.args.args + node.args.kwonlyargs]
            offered = node.name in emomech.__all__ or module == f"chapters.{node.name}.analysis"
            limit = MAX_OPTIONS if offered or wing(module) == "cli" else MAX_PARAMETERS
            limit += names[:1] in (["self"], ["cls"], ["ctx"])
            assert lines <= MAX_FUNCTION_LINES, f"{module}.{node.name} has {lines} lines"
            assert len(names) <= limit, f"{module}.{node.name} takes {len(names)} parameters"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_says_what_it_is_and_prints_nothing(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "print" not in {function.id for function in called if isinstance(function, ast.Name)}


@pytest.mark.parametrize("module", MODULES)
def test_names_say_something(module: str) -> None:
    vague = {"utils", "util", "helpers", "common", "manager", "handler", "engine", "misc"}
    assert not vague & set(re.split(r"[._]", module))


@pytest.mark.parametrize("module", [name for name, file in MODULES.items() if file.name != "__init__.py"])
def test_every_module_is_tested_in_its_own_folder(module: str) -> None:
    folder = (ROOT / "tests").joinpath(*module.split(".")[:-1])
    texts = [file.read_text() for file in folder.glob("test_*.py")]
    *parents, name = ["emomech", *module.split(".")]
    dotted = ".".join(parents)
    imported = re.compile(rf"{re.escape(dotted)}\.{name}\b|from {re.escape(dotted)} import [^\n]*\b{name}\b")
    assert any(imported.search(text) for text in texts), f"no test of {folder.relative_to(ROOT)} imports {module}"


def test_the_top_level_is_what_a_reader_expects() -> None:
    expected = "bench book notebooks emomech tests _config.yml _toc.yml environment.yml pyproject.toml constraints.txt "
    expected += "Makefile README.md ARCHITECTURE.md CONTRIBUTING.md LICENSE CITATION.cff .binder .ci .gitignore "
    expected += ".pre-commit-config.yaml"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in tracked.splitlines()} == set(expected.split())
