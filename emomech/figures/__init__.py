"""Palette, shared marks of charts, and Vega-Lite specifications; independent of any analysis."""
