"""Tables in, pictures out: every figure of the book, one file per page, on marks that all share."""
