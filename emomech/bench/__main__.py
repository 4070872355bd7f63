"""Measure on a GPU and write the results: `python -m emomech.bench FILE`."""

import sys
from pathlib import Path

import torch

from emomech.bench import gpu
from emomech.bench import run as bench_run
from emomech.core.errors import UsageError
from emomech.core.outputs import writable_file


def main(arguments: list[str]) -> None:
    """Measure on the GPU and write the file named in `arguments`. Raises UsageError without a file or a GPU."""
    if len(arguments) != 1 or not torch.cuda.is_available():
        raise UsageError("python -m emomech.bench FILE: expected the file to write, and a GPU that torch can use.")
    file = writable_file(Path(arguments[0]), "FILE")
    bench_run.write(gpu.run(torch.device("cuda")), file)


if __name__ == "__main__":
    main(sys.argv[1:])
