"""One folder for each finding: its analysis, the rule of its verdict, its charts."""
