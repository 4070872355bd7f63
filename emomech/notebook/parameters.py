"""The parameters of a notebook: each has a type, a default, a meaning and, optionally, limits.

A notebook declares them only in its cell tagged `parameters`, one line each:

    seed: int = 0  # decides which texts are drawn [>= 0]
    style: str = "plain"  # how the texts are written [plain | ornate]
"""

import ast
import io
import math
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.limits import LARGEST

Value: TypeAlias = str | int | float | bool
TYPES: Mapping[str, type[Value]] = {"str": str, "int": int, "float": float, "bool": bool}
_FENCE = re.compile(r"(?P<mark>`{3,}|~{3,})\{code-cell\}")
_TAGS = re.compile(r":?tags:\s*\[(?P<tags>[^\]]*)\]\s*")
_LIMITS = re.compile(r"(?P<help>.*?)\s*\[(?P<limits>[^\[\]]*)\]")
_BOUND = re.compile(r"(?P<sign>>=?)\s*(?P<number>\S+)")
_BOOLS: Mapping[str, bool] = {"true": True, "false": False}
_LINE = "name: type = literal  # meaning"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook."""

    name: str
    type: str
    """One of `TYPES`."""
    default: Value
    help: str
    choices: tuple[Value, ...] = ()
    minimum: float | None = None
    """Smallest allowed value."""
    above: float | None = None
    """Exclusive lower bound."""

    @property
    def expected(self) -> str:
        """The values that fit, in words."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        kind = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}[self.type]
        limits = {" >= ": self.minimum, " > ": self.above}
        bounds = "".join(f"{sign}{limit:g}" for sign, limit in limits.items() if limit is not None)
        return f"{kind}{bounds}{f', at most {LARGEST}' if self.type == 'int' else ''}"

    def convert(self, value: object) -> Value:
        """Convert a value, or the text of one, to the declared type. Raises ValueError if it does not fit."""
        converted = _parse(self.type, value) if isinstance(value, str) else _exactly(self.type, value)
        too_small = not isinstance(converted, str) and (
            (self.minimum is not None and converted < self.minimum)
            or (self.above is not None and converted <= self.above)
        )
        if too_small or (self.choices and converted not in self.choices):
            raise ValueError(value)
        return converted


def _parse(kind: str, text: str) -> Value:
    if kind == "bool":
        if text.lower() not in _BOOLS:
            raise ValueError(text)
        return _BOOLS[text.lower()]
    text.encode()  # fails for bytes of a command line that are not valid text, which a notebook cannot store
    return _exactly(kind, TYPES[kind](text))


def _exactly(kind: str, value: object) -> Value:
    """Return a value of exactly this type; a whole number is also a float, but True is not a whole number."""
    if kind == "float" and type(value) is int:
        value = float(value)
    if type(value) is not TYPES[kind] or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(value)
    if type(value) is int and abs(value) > LARGEST:
        raise ValueError(value)
    return value


def read(notebook: Path) -> dict[str, Parameter]:
    """Read the parameters of a notebook by name; empty for a notebook without a cell tagged `parameters`.

    Raises EmomechError for a line that declares no parameter, with its number and the expected form.
    """
    return parse(notebook.read_text(encoding="utf-8"), notebook.name)


def parse(text: str, notebook_name: str) -> dict[str, Parameter]:
    """Read the parameters from the text of a notebook in MyST Markdown, as `read` does."""
    cells = list(_parameter_cells(text))
    if len(cells) > 1:
        raise EmomechError(f"{notebook_name}:{cells[1][0]}: a second cell tagged parameters, expected one.")
    declared: dict[str, Parameter] = {}
    for first_line, source in cells:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            line = first_line + (error.lineno or 1) - 1
            raise EmomechError(f"{notebook_name}:{line}: {error.msg}; expected {_LINE}") from error
        comments = _comments(source)
        for statement in tree.body:
            where = f"{notebook_name}:{first_line + statement.lineno - 1}"
            parameter = _parameter(statement, comments.get(statement.end_lineno or 0, ""), where)
            if parameter.name in declared:
                raise EmomechError(f"{where}: {parameter.name} is declared twice.")
            declared[parameter.name] = parameter
    return declared


def _parameter_cells(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line number and the source of each code cell tagged `parameters`."""
    lines = text.splitlines()
    start = 0
    while start < len(lines):
        fence = _FENCE.match(lines[start])
        start += 1
        if fence is None:
            continue
        end = next((i for i in range(start, len(lines)) if lines[i].rstrip() == fence["mark"]), len(lines))
        tags, start = _tags(lines, start, end)
        if "parameters" in tags:
            yield start + 1, "\n".join(lines[start:end]) + "\n"
        start = end + 1


def _tags(lines: list[str], start: int, end: int) -> tuple[set[str], int]:
    """Read a cell's tags, from `:tags: […]` or a block between `---`, and give the line where its source begins."""
    tags: set[str] = set()
    block = start < end and lines[start].rstrip() == "---"
    start += block
    while start < end and (block or lines[start].startswith(":")):
        if match := _TAGS.fullmatch(lines[start]):
            tags |= {tag.strip(" \"'") for tag in match["tags"].split(",")}
        start += 1
        if block and lines[start - 1].rstrip() == "---":
            break
    return tags, start


def _comments(source: str) -> dict[int, str]:
    """Find the comments of a source by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}


def _parameter(statement: ast.stmt, comment: str, where: str) -> Parameter:
    if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value):
        raise EmomechError(f"{where}: found {ast.unparse(statement)!r}, expected {_LINE}")
    name, kind = statement.target.id, ast.unparse(statement.annotation)
    where = f"{where}: {name}"
    if kind not in TYPES:
        raise EmomechError(f"{where}: has the type {kind}, expected one of {', '.join(TYPES)}.")
    if not comment:
        raise EmomechError(f"{where}: has no comment with its meaning; expected {_LINE}")
    parameter = _without_default(name, kind, comment, where)
    try:
        return replace(parameter, default=parameter.convert(_exactly(kind, ast.literal_eval(statement.value))))
    except ValueError as error:
        default = ast.unparse(statement.value)
        raise EmomechError(f"{where}: has the default {default}, expected {parameter.expected}.") from error


def _without_default(name: str, kind: str, comment: str, where: str) -> Parameter:
    """Make a parameter from its comment, which may end in limits; its default is set later."""
    bare = Parameter(name, kind, "", comment)
    match = _LIMITS.fullmatch(comment)
    if match is None:
        return bare
    try:
        return _limited(replace(bare, help=match["help"]), match["limits"].strip())
    except ValueError as error:
        raise EmomechError(
            f"{where}: ends in [{match['limits']}], expected choices [a | b] or a bound [>= 0], [> 0] that fit {kind}."
        ) from error


def _limited(parameter: Parameter, limits: str) -> Parameter:
    if bound := _BOUND.fullmatch(limits):
        if parameter.type not in ("int", "float"):
            raise ValueError(limits)
        limit = float(bound["number"])
        return replace(parameter, minimum=limit) if bound["sign"] == ">=" else replace(parameter, above=limit)
    choices = tuple(parameter.convert(choice.strip()) for choice in limits.split("|"))
    if len(choices) < 2:
        raise ValueError(limits)
    return replace(parameter, choices=choices)


def validate(
    parameters: Mapping[str, Parameter], overrides: Mapping[str, object], notebook_name: str
) -> dict[str, Value]:
    """Give the value of every parameter, the default or its override, as the declared type.

    Raises UsageError for a name that the notebook does not have and for a value that does not fit.
    """
    values = {name: parameter.default for name, parameter in parameters.items()}
    for name, value in overrides.items():
        if name not in parameters:
            raise unknown(f"parameter of {notebook_name}", name, parameters)
        try:
            values[name] = parameters[name].convert(value)
        except ValueError as error:
            raise UsageError(
                f"{notebook_name}: {name}: found {value!r}, expected {parameters[name].expected}."
            ) from error
    return values


def assignments(given: Iterable[str]) -> dict[str, str]:
    """Split texts such as `seed=1` into names and values. Raises UsageError for any other form and a repeated name.

    Example:
        >>> from emomech.notebook.parameters import assignments
        >>> assignments(["model=gpt2-small", "seed=1"])
        {'model': 'gpt2-small', 'seed': '1'}
    """
    values: dict[str, str] = {}
    for assignment in given:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {assignment!r}: expected NAME=VALUE, such as -p seed=1.")
        if name in values:
            raise UsageError(f"-p {name}: is given twice, as {values[name]!r} and {value!r}.")
        values[name] = value
    return values
