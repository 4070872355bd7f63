"""Write the activations of a pool of tokens to files, one per hook point, in one pass over the texts.

A file holds the rows of all content tokens, in the order of the texts and of their tokens, whatever the batches were.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import read_at
from emomech.models.language_model import LanguageModel
from emomech.models.pool import TokenPool
from emomech.models.store_folder import Record, Written
from emomech.models.tokens import TokenBatch

WIDTH = 2
"""Bytes of a number."""
_LARGEST = torch.finfo(torch.float16).max


class _BeyondFloat16(Exception):
    """Names the hook points with numbers that float16 cannot hold."""

    def __init__(self, points: Sequence[HookPoint]) -> None:
        super().__init__(points)
        self.points = points


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes the files of a store."""

    lm: LanguageModel
    pool: TokenPool
    folder: Path
    record: Record
    most: int
    """Tokens of a batch."""
    say: Callable[[str], None]

    def write(self, points: Sequence[HookPoint]) -> None:
        """Write the files of some hook points, from where the record says that each of them ends.

        The number format is that of the model. A model in float32 is stored in float16; hook points with larger numbers
        than float16 can hold are written again in bfloat16. Raises EmomechError for numbers that are not finite, and
        OSError if a file cannot be written.
        """
        for point in points:
            self._prepare(point, self.record.files.get(str(point)) or Written(_format(self.lm)))
        while True:
            try:
                return self._pass(points)
            except _BeyondFloat16 as beyond:
                for point in beyond.points:
                    self.say(f"{point}: has numbers beyond the range of float16, so it is stored in bfloat16")
                    path_of(self.folder, point, self.record).unlink()
                    self._prepare(point, Written("bfloat16"))

    def _prepare(self, point: HookPoint, written: Written) -> None:
        """Make the file of a hook point; one that is missing or of another size is written from the start."""
        self.record.files[str(point)] = written
        path, size = path_of(self.folder, point, self.record), self.pool.n * self.lm.d_model * WIDTH
        if not path.exists() or path.stat().st_size != size:
            written.texts = 0
            with path.open("wb") as file:
                file.truncate(size)

    @torch.inference_mode()
    def _pass(self, points: Sequence[HookPoint]) -> None:
        """Run the texts that are not written yet."""
        written = {point: self.record.files[str(point)] for point in points}
        start = min(one.texts for one in written.values())
        rows = self.pool.rows()
        n_left = int(np.diff(rows)[self.pool.order()[start:]].sum())
        with ExitStack() as stack:
            paths = {point: path_of(self.folder, point, self.record) for point in points}
            files = {point: stack.enter_context(FileIO(path, "r+")) for point, path in paths.items()}
            what = f"reading activations at {len(points)} hook points"
            bar = stack.enter_context(progress.track(what, n_left, "token"))
            for batch in self.pool.batches(self.lm, start, self.most):
                start += len(batch.example)
                wanted = [point for point, one in written.items() if one.texts < start]
                places = [(int(rows[number]), int(rows[number + 1])) for number in batch.example]
                for point, x in self._read(batch, wanted).items():
                    _write(files[point], x, places)
                for point in wanted:
                    written[point].texts = start
                self.record.write(self.folder)
                bar.advance(int(batch.content_mask.sum()))

    def _read(self, batch: TokenBatch, points: Sequence[HookPoint]) -> dict[HookPoint, Tensor]:
        """Run a batch; return the activations at its content tokens (n, d_model), in the format of each file."""
        content = batch.content_mask.flatten().nonzero().flatten()
        if not len(content):
            return {}
        formats = {point: getattr(torch, self.record.files[str(point)].format) for point in points}
        read = read_at(self.lm, batch, points, partial(_converted, content, formats))
        largest = {point: float(number) for point, (_, number) in read.items()}
        if bad := [point for point, number in largest.items() if not np.isfinite(number)]:
            raise EmomechError(
                f"model {self.lm.name!r}: its activations at {bad[0]} are not finite, so it cannot be computed in "
                f"{str(self.lm.dtype).removeprefix('torch.')}. Take float32, or bfloat16 on a GPU."
            )
        if beyond := [p for p, number in largest.items() if formats[p] == torch.float16 and number > _LARGEST]:
            raise _BeyondFloat16(beyond)
        return {point: rows.cpu() for point, (rows, _) in read.items()}


def path_of(folder: Path, point: HookPoint, record: Record) -> Path:
    """Return the file of a hook point, which the record has to name."""
    return folder / f"{point}.{record.files[str(point)].format}"


def _format(lm: LanguageModel) -> str:
    """Return the number format in which activations are stored: that of the model if it has half the width."""
    return "bfloat16" if lm.dtype == torch.bfloat16 else "float16"


def _converted(
    content: Tensor, formats: Mapping[HookPoint, torch.dtype], point: HookPoint, activation: Tensor
) -> tuple[Tensor, Tensor]:
    """Select tokens of an activation (batch, pos, d_model), convert them; return the largest magnitude as well.

    Both stay on the device of the activation, so that a GPU need not wait for each hook point.
    """
    x = activation.flatten(0, 1)[content.to(activation.device)]
    low, high = x.aminmax()
    return x.to(formats[point]), torch.maximum(-low, high)


def _write(file: FileIO, rows: Tensor, places: Sequence[tuple[int, int]]) -> None:
    """Write the rows (n, d_model) of texts to their places; raises OSError if the disk is full."""
    content, width = rows.contiguous().view(torch.uint8).numpy().reshape(-1).data, rows.shape[1] * WIDTH
    start = 0
    for first, last in places:
        file.seek(first * width)
        end = start + (last - first) * width
        while start < end:
            start += file.write(content[start:end])
