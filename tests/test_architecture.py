"""What keeps the package readable: imports point down, one place touches the model, files and functions stay small."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "emomech"
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

GRAMMAR = ("organism.happenings", "organism.grammar", "organism.ordinary", "organism.tasks")
MAKING = ("organism.recipe", "organism.training", "organism.train", "organism.card")
PEERS = "peers.saelens peers.transformer_lens peers.nnsight peers.sklearn"
BENCHED = "timing worker case subjects own environments arena contests growth gpu __main__ record report"
BENCH = tuple(f"bench.{name}" for name in f"{BENCHED} {PEERS}".split())
CARD = ("organism.dataset", "organism.inventory")
TREEBANKS = ("treebanks", "coreference", "propositions")
CHARTS = (
    "charts.marks",
    "charts.behaviour",
    "charts.causal_features",
    "charts.concentration",
    "charts.depth",
    "charts.fidelity",
    "charts.flow",
    "charts.learning",
    "charts.organism",
    "charts.scarcity",
    "charts.sharing",
    "charts.speed",
    "charts.early_layers",
    "charts.steering",
    "charts.transfer",
    "charts.tracing",
)
RULES = (
    "rules.ruling",
    "rules.behaviour",
    "rules.concentration",
    "rules.depth",
    "rules.fidelity",
    "rules.flow",
    "rules.scarcity",
    "rules.steering",
    "rules.transfer",
    "rules.sharing",
    "rules.early_layers",
    "rules.tracing",
)
LAYERS: dict[str, tuple[str, ...]] = {
    "words": (
        "errors",
        "whole_files",
        "forcing",
        "vocab",
        "stats",
        "depths",
        "ranks",
        "selectivity",
        "detection",
        "schema",
        "numerals",
        "formats",
        "masking",
        "hub",
        "preset_kinds",
        "presets",
        "devices",
        "model_files",
        *TREEBANKS,
    ),
    "things": ("models", "saes", "corpus", "published", "feature_labels", "organism.lexicon", "organism.events"),
    "stored": ("sae_files", "sae_releases", "sae_sets"),
    "texts": ("tokens", "prompts", "chat", "public_texts", "data_cards", "linguistics", "organism.wording", *GRAMMAR),
    "touch": (
        "hooks",
        "interventions",
        "features",
        "readings",
        "organism.curriculum",
        "organism.network",
        "organism.curve",
        *CARD,
    ),
    "measure": ("activations", "readout", "gate"),
    "given": ("load_gate", "study", "labelled_texts"),
    "cause": (
        "questions",
        "reference",
        "replay",
        "exact_effects",
        "attribution",
        "label_writing",
        "patching",
        "pooled",
        "belonging",
        "dictionaries",
        "assignment",
        "circumplex",
        "weight_edits",
        "language_modelling",
        "recognition",
        "steer",
        "steering_baselines",
        "steering_methods",
        "text_sets",
        "support",
        "spread",
        "interference",
        "ablation",
        "ablation_curves",
        "single_effects",
    ),
    "fit": ("sae_training", "sae_sweep"),
    "compare": ("profiles", "depth_measures", "organism.evaluate", "organism.records"),
    "findings": (
        "analyses.behaviour",
        "analyses.causal_features",
        "analyses.concentration",
        "analyses.depth",
        "analyses.fidelity",
        "analyses.flow",
        "analyses.organism",
        "analyses.scarcity",
        "analyses.sharing",
        "analyses.early_layers",
        "analyses.steering",
        "analyses.transfer",
        "analyses.tracing",
        "analyses.phases",
    ),
    "keep and show": ("run", "palette", "verdicts", "organism_story", *CHARTS, *RULES),
    "shell": (
        "workload",
        "machine",
        "plan",
        "parameters",
        "runner",
        "notebook",
        "feature_cards",
        "sphinx_vega",
        "demo",
        "sphinx_layers",
        "sphinx_buttons",
        "shown",
        "artefacts",
        "pages",
        "page_checks",
        "prose",
        "differences",
        "difference_page",
        "edition",
        "book",
        "release",
        "pdf",
        "ledger",
        "matrix",
        *BENCH,
        *MAKING,
    ),
    "door": ("training_commands", "publishing_commands", "cli", "__main__"),
}
"""Bottom up. A module imports modules of lower layers; inside `words`, `stored`, `given`, `cause`, `fit`, `keep and show`, `shell` and `organism` also its neighbours."""
NEIGHBOURLY = ("words", "stored", "given", "cause", "fit", "keep and show", "shell", "door")


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {name_of(file): file for file in FILES if file.name != "__init__.py"}
LAYER_OF = {module: layer for layer, modules in LAYERS.items() for module in modules}


def imports_of(file: Path) -> set[str]:
    """Names of the package's modules that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("emomech"):
            inside = node.module.removeprefix("emomech").removeprefix(".")
            found |= {inside, *(f"{inside}.{alias.name}".removeprefix(".") for alias in node.names)}
    return found & set(MODULES)


def test_every_module_has_its_layer() -> None:
    assert set(MODULES) == set(LAYER_OF)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    order = list(LAYERS)
    here = order.index(LAYER_OF[module])
    for imported in imports_of(MODULES[module]):
        there = order.index(LAYER_OF[imported])
        neighbours = LAYER_OF[module] in NEIGHBOURLY or module.split(".")[0] == imported.split(".")[0] == "organism"
        assert there < here or (there == here and neighbours), f"{module} imports {imported}, which is not below it"


def test_imports_have_no_cycle() -> None:
    graph = {module: imports_of(file) for module, file in MODULES.items()}
    while graph:
        leaves = {module for module, imported in graph.items() if not imported & set(graph)}
        assert leaves, f"these import each other: {sorted(graph)}"
        graph = {module: imported for module, imported in graph.items() if module not in leaves}


def test_analyses_do_not_know_each_other() -> None:
    for module, file in MODULES.items():
        if module.startswith("analyses."):
            assert not [other for other in imports_of(file) if other.startswith("analyses.")]


def test_one_module_registers_hooks() -> None:
    found = [name for name, file in MODULES.items() if re.search(r"register_\w*hook", file.read_text())]
    assert found == ["hooks"]


@pytest.mark.parametrize("file", [*FILES, *TESTS], ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 300


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short_and_take_few_parameters(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            assert lines <= 80, f"{module}.{node.name} has {lines} lines"
            limit = 12 if LAYER_OF[module] == "door" else 6 + (arguments[0].arg in ("self", "cls") if arguments else 0)
            assert len(arguments) <= limit, f"{module}.{node.name} takes {len(arguments)} parameters"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_says_what_it_is_and_prints_nothing(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert not [node for node in calls if node.func.id == "print"]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("module", MODULES)
def test_names_say_something(module: str) -> None:
    vague = {"utils", "util", "helpers", "common", "manager", "handler", "engine", "misc"}
    assert not vague & set(re.split(r"[._]", module))


TESTED_WITH = {
    "organism.curve": "training",
    "organism.events": "grammar",
    "organism.wording": "grammar",
    "organism.card": "train",
}
TESTED_WITH |= {"organism.recipe": "training", "__main__": "cli", "palette": "charts"}
TESTED_WITH |= {"model_files": "models", "machine": "plan"}
TESTED_WITH |= {"training_commands": "cli", "matrix": "ledger", "preset_kinds": "presets"}
TESTED_WITH |= {"organism.inventory": "analyses.organism", "organism.records": "analyses.organism"}
TESTED_WITH |= {
    "charts.marks": "charts",
    "charts.behaviour": "charts",
    "charts.fidelity": "charts",
    "charts.flow": "charts",
    "charts.causal_features": "feature_cards",
}
TESTED_WITH |= {"charts.learning": "organism_charts", "charts.organism": "organism_charts"}
TESTED_WITH |= {"rules.ruling": "rules.behaviour"}
TESTED_WITH |= {
    "ablation_curves": "analyses.tracing",
    "label_writing": "analyses.tracing",
    "single_effects": "ablation",
    "analyses.phases": "analyses.tracing",
}
TESTED_WITH |= {"assignment": "belonging", "dictionaries": "belonging"}
TESTED_WITH |= {"exact_effects": "replay"} | dict.fromkeys(BENCH, "bench")
TESTED_WITH |= {"depth_measures": "analyses.depth", "charts.speed": "bench"}
TESTED_WITH |= {"labelled_texts": "analyses.flow_on_treebanks"}
TESTED_WITH |= {"steering_methods": "analyses.steering"}
"""Parts of a whole that is tested under its own name."""
BARE = {"errors", "vocab"}


def test_every_module_has_its_test() -> None:
    folders = {file: file.relative_to(ROOT / "tests").parent.parts for file in TESTS}
    tested = {".".join((*folders[file], file.stem.removeprefix("test_"))) for file in TESTS}
    untested = {module for module in MODULES if TESTED_WITH.get(module, module.removeprefix("organism.")) not in tested}
    assert untested <= BARE


def test_the_top_level_is_what_a_reader_expects() -> None:
    expected = "bench book notebooks emomech tests _config.yml _toc.yml environment.yml pyproject.toml constraints.txt "
    expected += "Makefile README.md LICENSE CITATION.cff .binder .ci .gitignore .pre-commit-config.yaml"
    import subprocess

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in tracked.splitlines()} == set(expected.split())
