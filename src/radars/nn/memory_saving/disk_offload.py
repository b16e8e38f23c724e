"""`DiskOffload`: tensors on disk, memory-mapped when they are read."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from radars.errors import RunError


class DiskOffload:
    """Named tensors by key, a file each; empty at first, whatever the folder held.

    What is read keeps its values when the key is put again: the file is replaced, not changed.

    Args:
        folder: where the files are; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: set[str] = set()
        self._is_made = False

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Writes the tensors of a key.

        Raises:
            RunError: the disk does not take them.
        """
        try:
            if not self._is_made:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir(parents=True)
                self._is_made = True
            path = self._path(key)
            new = path.with_suffix(".new")
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, new)
            new.replace(path)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"cannot keep weights in {self._folder}: {error}; free the disk, or raise "
                f"memory_savings.host_bytes so that they stay in memory"
            ) from error
        self._keys.add(key)

    def read(self, key: str) -> dict[str, Tensor]:
        """The tensors of a key, in pages of their file."""
        tensors: dict[str, Tensor] = load_file(self._path(key))
        return tensors

    def remove(self, key: str) -> None:
        """Forgets a key."""
        self._keys.discard(key)
        self._path(key).unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes everything."""
        if self._is_made:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._keys.clear()
            self._is_made = False

    def __iter__(self) -> Iterator[str]:
        """What is there, sorted."""
        yield from sorted(self._keys)

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
