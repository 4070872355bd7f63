"""Charts of the rules draw the worst world of each rule, and power by size."""

from planted_rules import NULL, PLANTED, measured

from emomech.book import error_rates, rule_charts


def test_charts_are_valid_and_have_a_description() -> None:
    record = measured(NULL, ("more", "null", 1.0, {"replicates": 1, "does not replicate": 99}), *PLANTED)
    errors = rule_charts.errors(error_rates.rates(record)).to_dict()
    assert errors["description"] and {p["name"] for p in errors["params"]} == {"sizes"}
    rows = next(rows for rows in errors["datasets"].values() if "scenario" in rows[0])
    assert {(row["scenario"], row["outcome"]) for row in rows} == {
        ("more", "replicates"),
        ("nothing", "partly or better"),
    }
    power = rule_charts.power(error_rates.curves(record)).to_dict()
    assert power["description"] and {p["name"] for p in power["params"]} == {"sizes", "claim"}
