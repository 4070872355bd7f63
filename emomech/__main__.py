"""Lets `python -m emomech` do what `emomech` does."""

from emomech.cli.main import main

if __name__ == "__main__":
    main()
