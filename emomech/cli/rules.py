"""The commands on the rules: `emomech rules simulate`, `show`, `freeze`.

A command imports what it needs when it is called, as in `main`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emomech.cli.options import FormatOption, echo_wrapped, say
from emomech.core.errors import EmomechError, UsageError
from emomech.core.outputs import path_option, writable_file

if TYPE_CHECKING:
    import pandas as pd


rules = typer.Typer(help="The rules by which claims are decided: what they ask, and how often they err.")


@rules.command()
def simulate(
    quick: Annotated[bool, typer.Option("--quick", help="Draw fewer studies: a few minutes on two cores.")] = False,
    claims: Annotated[str, typer.Option(help="Which claims, separated by commas, such as C1,C5; or all.")] = "all",
    output: Annotated[
        Path | None, typer.Option(parser=path_option, help="JSON file to write the counts to; all claims only.")
    ] = None,
    format: FormatOption = "table",
) -> None:
    """Send studies from worlds whose truth is known through every rule. Exits with 1 if a rate breaks its bound.

    Where a claim is false, a rule may say "replicates" or "partly" only rarely; where it is true, it has to say so.
    Counts are kept, so that a second call with the same rules computes nothing.
    """
    from emomech.book import claims as book_claims
    from emomech.book import error_rates, operating

    names = [claim.name for claim in book_claims.select(claims)]
    if output and claims != book_claims.ALL:
        raise UsageError("--output: the record holds all claims; leave out --claims.")
    if output:
        writable_file(output, "--output")
    n_jobs = book_claims.parallel_jobs()
    say(f"{len(names)} rules, in {n_jobs} processes")
    measured = operating.measure(operating.QUICK if quick else operating.THOROUGH, names, n_jobs)
    if output:
        operating.write(measured, output)
    rates, smallest = error_rates.rates(measured), error_rates.smallest(measured)
    if format == "json":
        tables = {"rates": rates, "curves": error_rates.curves(measured), "smallest": smallest}
        tables["outcomes"] = error_rates.outcome_rates(measured)
        records = {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}
        typer.echo(json.dumps(records, indent=1, ensure_ascii=False))
    else:
        typer.echo(_text(rates.drop(columns=["n"])))
        typer.echo("\nsmallest effect that is shown in 80 % of the studies, among those tried")
        typer.echo(_text(smallest))
    if broken := error_rates.broken(rates):
        raise EmomechError("\n".join(["these rates break their bounds:", *broken]))


@rules.command()
def show(
    claim: Annotated[str, typer.Argument(help="A claim, such as C1; `all` for every claim.")] = "all",
    format: FormatOption = "table",
) -> None:
    """Print the criteria of a rule: role, part, what is estimated, sign, margin and control."""
    from emomech.book import claims, frozen_rules, rule_history
    from emomech.notebook import rule_identity

    names = [selected.name for selected in claims.select(claim)]
    chosen = {name: rule for name, rule in frozen_rules.rules().items() if name in names}
    if format == "json":
        every = {name: rule_history.criteria(rule).to_dict("records") for name, rule in chosen.items()}
        typer.echo(json.dumps(every, indent=1, ensure_ascii=False))
        return
    for name, rule in chosen.items():
        _, date = rule_identity.fixed(name)
        when = f"fixed on {date}" if date else "changed since it was last fixed"
        hash_ = rule_identity.rule_hash(rule)[: rule_identity.SHORT]
        echo_wrapped(f"{name}: {rule_history.plain(rule.statement)}\n  rule {hash_}, {when}\n\n")
        for row in rule_history.criteria(rule).to_dict("records"):
            facts = {key: value for key, value in row.items() if key not in ("claim", "criterion", "role") and value}
            echo_wrapped(f"  {row['role']}: {row['criterion']}")
            echo_wrapped("".join(f"      {key}: {value}\n" for key, value in facts.items()) + "\n")


@rules.command()
def freeze(
    claim: Annotated[str, typer.Argument(help="The claim whose rule to fix; leave it out with --all.")] = "",
    reason: Annotated[str, typer.Option(help="Why the rule is as it is now.")] = "",
    seen: Annotated[str, typer.Option(help="What has been seen of the results by now.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Fix every rule that has changed; needs --reason-file.")] = False,
    reason_file: Annotated[
        Path | None, typer.Option(help="TOML file with seen = TEXT and [reasons] with CLAIM = TEXT.")
    ] = None,
) -> None:
    """Fix the rule of a claim as it is now: add an entry with its hash, the date and the reason to book/rules.lock.

    The rule that it replaces stays in the file, with the outcomes that it gave.
    """
    from emomech.book import claims, frozen_rules
    from emomech.book.edition import Edition

    if bool(claim) == all_:
        raise UsageError("rules freeze: name one claim, or --all.")
    if bool(reason) == bool(reason_file) or (all_ and reason_file is None):
        raise UsageError("rules freeze: give --reason for one claim, or --reason-file for any number of them.")
    reasons = frozen_rules.Reasons.read(reason_file) if reason_file else frozen_rules.Reasons({claim: reason}, seen)
    names = [known.name for known in claims.CLAIMS] if all_ else [claim]
    fixed = frozen_rules.freeze(names, reasons, Edition().executed(claims.PAGE))
    typer.echo(f"fixed: {', '.join(fixed)}" if fixed else "nothing to do: the rules are fixed as they are")


def _text(table: "pd.DataFrame") -> str:
    """Write a table for a terminal."""
    return table.to_string(index=False, float_format=lambda number: f"{number:.3f}")
