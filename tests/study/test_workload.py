"""The counts behind the estimates of time belong to existing notebooks, and are positive."""

from emomech.book import edition
from emomech.study import workload


def test_the_counts_are_of_notebooks_of_the_study() -> None:
    counted = workload.counted()
    assert set(counted) <= set(edition.studied()) and "flow" in counted
    assert all(work.tokens > 0 and work.seconds >= 0 for work in counted.values())
