"""Train and measure the embedded model, whose ground truth is known."""
