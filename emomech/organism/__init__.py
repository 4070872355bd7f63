"""Train and measure the embedded model, an organism whose truth is known."""
