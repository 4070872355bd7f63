"""A reader of GGUF files that never reads past the end of a file, and reads an array at once.

`gguf.GGUFReader` makes several objects for each entry of an array, which takes 13 s for the vocabulary of Gemma, and
takes what lies beyond the end for empty. This module imports `gguf`, so import it where a file is read.
"""

import struct
from typing import Any

import numpy as np
from gguf import GGUFReader, GGUFValueType

_LENGTH = struct.Struct("<Q")


class BoundedReader(GGUFReader):
    """Header and tensors of a GGUF file; raises EOFError, with a position in bytes, for one that ends too early."""

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
        end = int(offset) + np.dtype(dtype).itemsize * int(count)
        if not 0 <= end <= len(self.data):
            raise EOFError(f"it has {len(self.data):,} bytes, but byte {end:,} is read")
        return super()._get(offset, dtype, count, override_order)

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> tuple[int, list[Any], list[int], list[Any]]:
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        kind = GGUFValueType(int(self._get(orig_offs, np.uint32)[0]))
        length, start = int(self._get(orig_offs + 4, np.uint64)[0]), orig_offs + 12
        types = [GGUFValueType.ARRAY, kind] if length else [GGUFValueType.ARRAY]
        if kind == GGUFValueType.STRING:
            strings, end = self._strings(start, length)
            return end - orig_offs, [strings], [0], types
        if (scalar := self.gguf_scalar_to_np.get(kind)) is None:
            raise ValueError(f"an array of type {kind.name}")
        numbers = self._get(start, scalar, length)
        return 12 + int(numbers.nbytes), [numbers], [0], types

    def _strings(self, start: int, n: int) -> tuple[list[str], int]:
        """Read n strings from a position on; return them and the position behind them."""
        content, strings = memoryview(self.data), []  # pyright: ignore[reportArgumentType]
        for _ in range(n):
            (length,) = _LENGTH.unpack_from(content, start) if start + 8 <= len(content) else (0,)
            end = start + 8 + length
            if end > len(content):
                raise EOFError(f"it has {len(content):,} bytes, but byte {end:,} is read")
            strings.append(bytes(content[start + 8 : end]).decode("utf-8"))
            start = end
        return strings, start

    def value(self, key: str) -> Any:
        """Value of a key: a number, a text, or a list; None for a key that the file does not have."""
        field = self.fields.get(key)
        if field is None:
            return None
        if field.types[:1] == [GGUFValueType.ARRAY]:
            entries = field.parts[field.data[0]]
            return entries if isinstance(entries, list) else entries.tolist()
        return field.contents()
