"""What a user would take instead, each a program for an environment of its own; see `bench/*.txt`."""
