"""What a chart's specification holds, and what is drawn of it."""

import json

import altair as alt
import vl_convert


def fields(spec: object) -> set[str]:
    """Names of the columns that a specification encodes."""
    if isinstance(spec, dict):
        own = {spec["field"]} if isinstance(spec.get("field"), str) else set()
        return own.union(*map(fields, spec.values()))
    return set().union(*map(fields, spec)) if isinstance(spec, list) else set()


def columns(spec: dict) -> set[str]:
    """Names of the columns of all data sets in a specification."""
    return {column for rows in spec["datasets"].values() for row in rows for column in row}


def svg(chart: alt.TopLevelMixin, width: int = 400) -> str:
    """Draw a chart that is as wide as its page."""
    return vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": width})


def n_marks(drawn: str) -> int:
    """Count the shapes in an SVG."""
    return sum(drawn.count(shape) for shape in ("<path", "<line", "<rect"))
