"""The rules behind the verdicts, one file per chapter, each fixed before its result was seen."""
