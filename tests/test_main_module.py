"""`python -m emomech` does the same as `emomech`."""

import subprocess
import sys

import emomech.__main__
from emomech.cli import main as cli


def test_the_module_runs_the_command_line() -> None:
    assert emomech.__main__.main is cli.main
    done = subprocess.run([sys.executable, "-m", "emomech", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "emomech" in done.stdout and "book" in done.stdout
