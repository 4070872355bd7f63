"""Commands in the texts of the project exist, have the options that they name, and can be pasted into a shell."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from emomech.cli import main as cli
from emomech.core.paths import CHECKOUT

TEXTS = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "book").rglob("*.md"), *(CHECKOUT / "notebooks").glob("*.md")]
TEXTS = [text for text in TEXTS if "_build" not in text.parts]
COMMAND = re.compile(r"(?:^\.venv/bin/|`(?:\.venv/bin/)?)emomech (?P<rest>[a-z][^`\n]*)", re.MULTILINE)


def commands(text: Path) -> list[str]:
    return [match["rest"] for match in COMMAND.finditer(text.read_text(encoding="utf-8"))]


def problem(rest: str) -> str:
    """What is wrong with a command, without the name of the program; empty if nothing is."""
    if re.search(r"[<>\[\]]|\b[A-Z]{3,}\b|\.\.\.", rest.partition(" #")[0]):
        return "has a placeholder that a shell would misread"
    command: Any = typer.main.get_command(cli.app)
    words = shlex.split(rest, comments=True)
    while hasattr(command, "commands") and words:
        if words[0] not in command.commands:
            return f"there is no command {words[0]}"
        command = command.commands[words.pop(0)]
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    while words:
        word = words.pop(0)
        if word[0] == "-" and word not in options and word != "--help":
            return f"there is no option {word}"
        if word in options and word[0] == "-" and not options[word].is_flag:
            value = words.pop(0) if words else ""
            if word == "-p" and not re.fullmatch(r"\w+=.+", value):
                return f"-p {value} is no NAME=VALUE"
        elif "=" in word:
            return f"{word} has no -p before it"
    return ""


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text.relative_to(CHECKOUT)))
def test_commands_can_be_pasted(text: Path) -> None:
    assert {command: found for command in commands(text) if (found := problem(command))} == {}


def test_there_are_commands_to_check() -> None:
    assert len(commands(CHECKOUT / "README.md")) > 15


@pytest.mark.parametrize(
    "rest",
    [
        *(
            "run flow seed=1",
            "run flow -p seed",
            "run FLOW",
            "run <name>",
            "nosuch",
            "rules nosuch",
            "rules show --nosuch",
        ),
        *("sae train --model [x]", "verdicts -p model"),
    ],
)
def test_what_cannot_be_pasted_is_noticed(rest: str) -> None:
    assert problem(rest)
    assert not problem("run flow -p seed=1 --force  # <remark>")
