"""Measures on a GPU and writes what it finds: `python -m emomech.bench FILE`."""

import sys
from pathlib import Path

import torch

from emomech.bench import gpu
from emomech.bench import run as bench_run
from emomech.core.errors import UsageError

if __name__ == "__main__":
    if len(sys.argv) != 2 or not torch.cuda.is_available():
        raise UsageError("python -m emomech.bench FILE: takes one file to write, and a GPU that torch can use.")
    bench_run.write(gpu.run(torch.device("cuda")), Path(sys.argv[1]))
