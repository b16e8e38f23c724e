"""A search space from a user's own file: `path/file.py:function`. Executes that file, no other."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from torch import nn

from radars.errors import ConfigError, SpaceError, first_line


def is_file_name(name: str) -> bool:
    """Whether the name of a space is that of a file, and not of the zoo."""
    return ":" in name or name.endswith(".py")


def load_network(name: str) -> Callable[..., nn.Module]:
    """Executes the file of `path/file.py:function`, and returns the function (or class).

    Raises:
        ConfigError: there is no such file or function, or executing the file fails.
    """
    path, function = _split(name)
    module = _execute(path)
    network = getattr(module, function, None)
    if not callable(network):
        own = [
            key
            for key, value in vars(module).items()
            if inspect.isroutine(value) or inspect.isclass(value)
            if value.__module__ == module.__name__
        ]
        raise ConfigError(
            f"a space in a file is a function or a module class there, but {path} has no "
            f"{function!r}; it has {', '.join(own) or 'none'}"
        )
    return network  # type: ignore[no-any-return]


@contextmanager
def located(name: str) -> Iterator[None]:
    """Within, a `SpaceError` that comes from the user's file says the line."""
    path, _ = _split(name)
    try:
        yield
    except SpaceError as error:
        line = _line_in(path, error.__cause__) or _line_in(path, error)
        if line is None:
            raise
        raise SpaceError(f"{path}, line {line}: {error}") from error


def _split(name: str) -> tuple[Path, str]:
    file_name, _, function = name.rpartition(":")
    if not file_name.endswith(".py") or not function.isidentifier():
        raise ConfigError(
            f"a space in a file is written path/file.py:function, but got {name!r}; "
            "add a colon and the name of the function"
        )
    path = Path(file_name)
    try:
        is_file = path.is_file()
    except OSError:  # a name that no file can have
        is_file = False
    if not is_file:
        raise ConfigError(
            f"there is no file {file_name!r}, which should hold the space {name!r}; check the path"
        )
    return path, function


def _execute(path: Path) -> ModuleType:
    # the name is not the file's own, or a random.py would hide the standard library's
    module_name = f"{path.stem}_space"
    spec = importlib.util.spec_from_file_location(module_name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        place = f"{path}, line {error.lineno}" if error.filename == str(path.resolve()) else path
        raise ConfigError(f"{place}: {type(error).__name__}: {error.msg}; repair it") from error
    except (Exception, SystemExit) as error:
        line = _line_in(path, error)
        place = path if line is None else f"{path}, line {line}"
        raise ConfigError(
            f"{place}: {type(error).__name__}: {first_line(error)}; repair it"
        ) from error
    return module


def _line_in(path: Path, error: BaseException | None) -> int | None:
    """The line of the innermost call in the file that led to an error."""
    if error is None:
        return None
    file_name = str(path.resolve())
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file_name]
    return lines[-1] if lines else None
