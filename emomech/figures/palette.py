"""Colours and theme of all figures.

The colours are Okabe and Ito's (2008), which colour-blind readers can tell apart. A colour has one meaning within a
palette. A thing that occurs in several palettes, such as the model or a control, keeps its colour where possible.
"""

from collections.abc import Iterable, Mapping

import altair as alt

HIGHLIGHT, OTHER = "#d55e00", "#8c8c8c"
"""One highlighted value, and all others."""
EMOTION_COLOURS: Mapping[str, str] = {
    "joy": "#e69f00",
    "sadness": "#0072b2",
    "anger": "#d55e00",
    "fear": "#7b5ea7",
    "disgust": "#009e73",
    "surprise": "#cc79a7",
    "calm": "#56a9d9",
}
STAGE_COLOURS: Mapping[str, str] = {
    "lexical": "#8c8c8c",
    "syntax": "#3a9bdc",
    "semantics": "#009e73",
    "emotion": "#d55e00",
}
PREDICTOR_COLOURS: Mapping[str, str] = {
    "model": "#0072b2",
    "bag of words": "#e69f00",
    "last sentence": "#9a6a00",
    "majority": "#8c8c8c",
    "random weights": "#cc79a7",
}
READER_COLOURS: Mapping[str, str] = {
    "SAE features": "#0072b2",
    "residual dimensions": "#e69f00",
    "linear probe": "#009e73",
    "random directions": "#cc79a7",
    "random weights": "#8c8c8c",
    "soft-frozen decoder": "#d55e00",
    "frozen decoder": "#9a6a00",
    "second SAEs": "#56a9d9",
}
KIND_COLOURS: Mapping[str, str] = {
    "recall": "#e69f00",
    "one person": "#3a9bdc",
    "two, no conflict": "#009e73",
    "two, conflict": "#d55e00",
    "minimal pair": "#0072b2",
    "worth of an event": "#cc79a7",
    "who did it": "#8c8c8c",
}
STYLE_COLOURS: Mapping[str, str] = {"story": "#0072b2", "diary": "#009e73", "dialogue": "#d55e00"}
GATE_COLOURS: Mapping[str, str] = {"met": "#009e73", "missed": "#d55e00"}
PLACE_COLOURS: Mapping[str, str] = {"words": "#009e73", "answer": "#7b5ea7"}
MEASURE_COLOURS: Mapping[str, str] = {
    "probe": "#009e73",
    "best feature": "#0072b2",
    "read-out": "#7b5ea7",
    "effect of features": "#d55e00",
    "effect of activation": "#e69f00",
    "J-lens": "#56a9d9",
}
SUPPORT_COLOURS: Mapping[str, str] = {
    "its features": "#0072b2",
    "matched features": "#cc79a7",
    "shuffled labels": "#e69f00",
    "random weights": "#8c8c8c",
    "soft-frozen decoder": "#009e73",
    "frozen decoder": "#7b5ea7",
    "second SAEs": "#3a9bdc",
}
CONDITION_COLOURS: Mapping[str, str] = {
    "trained": "#0072b2",
    "shuffled labels": "#e69f00",
    "random dictionary": "#cc79a7",
    "random weights": "#8c8c8c",
    "soft-frozen decoder": "#d55e00",
    "frozen decoder": "#9a6a00",
    "second SAEs": "#56a9d9",
}
SHARING_COLOURS: Mapping[str, str] = {"of one emotion": "#0072b2", "of several": "#d55e00"}
THIRD_COLOURS: Mapping[str, str] = {"early": "#0072b2", "middle": "#009e73", "late": "#d55e00"}
STEERED_COLOURS: Mapping[str, str] = {
    "causal features": "#0072b2",
    "matched features": "#cc79a7",
    "logit bias": "#e69f00",
    "selective features": "#3a9bdc",
    "raw dimensions": "#009e73",
    "difference of means": "#d55e00",
    "few-shot prompt": "#7b5ea7",
    "random weights": "#8c8c8c",
    "linear probe": "#9a6a00",
}
TRACED_COLOURS: Mapping[str, str] = {
    "SAE features": "#0072b2",
    "writing no label": "#009e73",
    "random dictionary": "#7b5ea7",
    "residual dimensions": "#e69f00",
    "shuffled labels": "#d55e00",
    "matched features": "#cc79a7",
    "random weights": "#8c8c8c",
}
VERIFIED_COLOURS: Mapping[str, str] = {"screened": "#0072b2", "audited": "#e69f00"}
NODE_COLOURS: Mapping[str, str] = {"SAE error": "#d55e00", "all features": "#0072b2", "whole activation": "#8c8c8c"}
TEXT_COLOURS: Mapping[str, str] = {"all texts": "#0072b2", "recognised texts": "#009e73"}
BESIDE_COLOURS: Mapping[str, str] = {
    "the plain way": "#8c8c8c",
    "SAELens": "#0072b2",
    "TransformerLens": "#009e73",
    "nnsight": "#d55e00",
    "scikit-learn": "#e69f00",
    "sparsify": "#cc79a7",
    "dictionary_learning": "#56b4e9",
}
TASK_COLOURS: Mapping[str, str] = {
    "encoding": "#0072b2",
    "attribution": "#d55e00",
    "ablation": "#009e73",
    "scores": "#e69f00",
}
HELD_COLOURS: Mapping[str, str] = {"emomech": "#d55e00", "the other": "#8c8c8c"}
COST_COLOURS: Mapping[str, str] = {"texts": "#0072b2", "features": "#d55e00", "layers": "#009e73"}
SCARCITY_COLOURS: Mapping[str, str] = {
    "the scarce emotion": "#d55e00",
    "the other emotions": "#8c8c8c",
    "the one less the others": "#0072b2",
}


def emotion_colours(labels: Iterable[str]) -> dict[str, str]:
    """Colour of every label: its emotion's, or else one that no label uses, or grey if none is left.

    Example:
        >>> from emomech.figures.palette import emotion_colours
        >>> emotion_colours(["joy", "pride"])
        {'joy': '#e69f00', 'pride': '#0072b2'}
    """
    names = list(dict.fromkeys(labels))
    unused = iter([colour for emotion, colour in EMOTION_COLOURS.items() if emotion not in names])
    return {name: EMOTION_COLOURS.get(name) or next(unused, OTHER) for name in names}


def theme() -> alt.theme.ThemeConfig:
    """Altair theme: fonts, sizes and no frame. The page sets the colours of text and lines, as it may be dark."""
    return {
        "config": {
            "background": "transparent",
            "font": "system-ui, -apple-system, 'Segoe UI', sans-serif",
            "view": {"stroke": None},
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 500, "domain": False, "tickSize": 4},
            "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -8, "titleX": 0},
            "legend": {
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleLimit": 300,
                "orient": "top",
                "title": None,
                "columns": 4,
                "columnPadding": 18,
                "offset": 24,
            },
            "point": {"filled": True, "size": 55},
        }
    }
