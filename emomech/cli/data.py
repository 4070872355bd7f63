"""The commands on data sets: `emomech data sample`, `parse`.

A command imports what it needs when it is called, as in `main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from emomech.cli.options import say
from emomech.core.outputs import path_option, writable_file

data = typer.Typer(help="Texts: draw the sample that is shipped, parse a corpus.")


@data.command()
def sample(
    source: Annotated[
        Path, typer.Argument(parser=path_option, help="GoEmotions as its authors publish it: a file or a folder.")
    ],
    output: Annotated[Path, typer.Option(parser=path_option, help="CSV file to write: text, label, id.")],
    per_label: Annotated[int, typer.Option(min=1, help="Texts of each emotion.")] = 400,
) -> None:
    """Draw a balanced sample of GoEmotions by a fixed rule; the corpus `goemotions-sample` is made by it."""
    from emomech.core.files import write_atomic
    from emomech.data.published import readers, sampling
    from emomech.presets import lookup
    from emomech.study import corpora

    writable_file(output, "--output")
    preset = lookup.corpus("goemotions").model_copy(update={"path": str(source)})
    files = corpora.files(str(source), preset)
    rows = (row for file in files for row in readers.rows(file, "goemotions"))
    drawn = sampling.balanced(rows, preset.mapping, per_label)
    write_atomic(output, drawn.as_csv())
    say(f"{len(drawn.texts)} texts, {per_label} of each emotion")
    for reason, number in drawn.left_out.items():
        say(f"left out: {number:,} ({reason})")
    typer.echo(output)


@data.command()
def parse(
    corpus: Annotated[str, typer.Argument(help="A corpus preset, or a file or folder of texts.")],
    output: Annotated[Path, typer.Option(parser=path_option, help="CoNLL-U file to write.")],
    treebank: Annotated[
        Path | None,
        typer.Option(parser=path_option, help="CoNLL-U file on which the parser's errors are measured, too."),
    ] = None,
    source: Annotated[str, typer.Option("--parser", help="spacy, or spacy:MODEL.")] = "spacy",
) -> None:
    """Parse a corpus with spaCy once; `-p gold=FILE` then reads the labels of its words without spaCy.

    The first lines of the file say how often the parser differs from the treebank. The file holds the texts: do not
    share it if the texts may not be shared.
    """
    from emomech.core.errors import UsageError
    from emomech.core.files import write_atomic
    from emomech.data.annotation import conllu, parser_errors, parsing
    from emomech.study import corpora
    from emomech.study.spec import StudySpec

    if not (model := parsing.spacy_model(source)):
        raise UsageError(f"--parser {source!r}: expected spacy, or spacy:MODEL.")
    writable_file(output, "--output")
    resolved = StudySpec(corpus=corpus, sae=None).resolved
    if resolved.corpus.preset.grammar:
        raise UsageError(f"corpus {corpus!r}: comes from the grammar, which annotates its own words.")
    labels = [*resolved.words, *resolved.corpus.preset.mapping.values()]  # neutral texts, too
    texts = [example.text for example in corpora.read(resolved.corpus, labels).examples]
    comments = {"corpus": Path(corpus).name, "parser": ", ".join(parsing.versions(source, model))}
    if treebank:
        sentences = conllu.read(treebank)
        found = parsing.parsed(source, model, [sentence.text for sentence in sentences])
        for one in parser_errors.agreement(sentences, found):
            comments[f"{one.family} on {treebank.name}"] = str(one)
    write_atomic(output, parsing.write(parsing.parsed(source, model, texts), comments))
    for name, value in comments.items():
        say(f"{name}: {value}")
    typer.echo(output)
