"""Read a plain text file: every line that is not blank is a text.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from emomech.data.plain_text import each_line
    >>> file = Path(tempfile.mkdtemp()) / "letters.txt"
    >>> _ = file.write_text("It rained.\\n\\nWe left.\\n", encoding="utf-8")
    >>> list(each_line(file))
    ['It rained.', 'We left.']
"""

from collections.abc import Iterator
from pathlib import Path

from emomech.core.errors import UsageError
from emomech.data.tables import encoding_of

SUFFIX = ".txt"


def each_line(path: Path) -> Iterator[str]:
    """Yield the lines of a file that are not blank, without spaces around them; the file is not held in memory.

    A byte order mark says in which encoding it is; without one it is read as UTF-8. Raises UsageError that names the
    file, and the line that is not in this encoding.
    """
    number = 1
    try:
        encoding = encoding_of(path)
        with path.open(encoding=encoding) as file:
            for number, line in enumerate(file, 2):
                if "\0" in line:
                    raise UsageError(f"{path.name}: line {number - 1} has a null character. Save the file as text.")
                if text := line.strip():
                    yield text
    except UnicodeDecodeError as error:
        where = f"near line {number}, there is a byte that is not {encoding.upper()}"
        raise UsageError(f"{path.name}: {where}. Save the file as UTF-8 with the program that made it.") from error
    except OSError as error:
        raise UsageError(f"{path.name}: cannot be read: {error.strerror or error}") from error
