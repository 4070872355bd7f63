"""The palette, the marks that charts share, and Vega-Lite specifications. Knows no finding."""
