"""What the package never does: run what it reads."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import candidates, quick_config, tiny_data, tiny_network
from torch import nn

import radars
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.space import Choose, SearchSpace

SOURCE = Path(radars.__file__).parent
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "shutil.unpack_archive"),
}


def dangers(text: str) -> list[str]:
    """What runs, or may run, the content of a file."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if ast.unparse(node) == "exec('')":  # nothing is run
                continue
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in CALLS or name.endswith(".extractall") or options.get("shell") == "True":
                found.append(name)
            if name in ("torch.load", "np.load", "numpy.load"):
                is_safe = options.get("weights_only") == "True" or name != "torch.load"
                if not is_safe or options.get("allow_pickle", "False") != "False":
                    found.append(name)
    return found


OPENING = {
    # files of the package itself, of the system, and of the program that runs
    *("reading.py", "reporting/page.py", "machine.py", "cost/price_cache.py"),
    # to write, or a directory; `test_directory.py` and `test_lock.py` try links there
    *("runs/files.py", "runs/events.py", "runs/lock.py", "tracking/tensorboard.py"),
    *("cost/program.py", "cli/endings.py"),  # the null device
}


def opened(text: str) -> list[str]:
    """Calls that open a file, which may be a pipe, a device or endless."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            takes_mode = name.endswith(".open") and bool(node.args or node.keywords)
            if (
                name in ("open", "io.open")
                or name.endswith((".read_text", ".read_bytes"))
                or (takes_mode and name != "Image.open")
            ):
                found.append(name)
    return found


def test_files_are_opened_in_one_place() -> None:
    found = {
        str(file.relative_to(SOURCE)): names
        for file in sorted(SOURCE.rglob("*.py"))
        if (names := opened(file.read_text("utf-8")))
    }
    assert found.keys() <= OPENING, found


def test_images_are_opened_in_known_formats_alone() -> None:
    for file in sorted(SOURCE.rglob("*.py")):
        for call in re.findall(r"Image\.open\((.*)\)", file.read_text("utf-8")):
            assert "formats=" in call, file


@pytest.mark.parametrize(
    "text", ["open(path)", "path.read_text()", "path.open('rb')", "os.open(path, flags)"]
)
def test_the_scan_finds_what_opens(text: str) -> None:
    assert opened(text)


def test_no_file_is_unpickled_evaluated_or_unpacked() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    found = {str(file): dangers(file.read_text("utf-8")) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from cloudpickle import loads",
        "eval('1')",
        "exec(text)",
        "yaml.load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "archive.extractall(folder)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
    ],
)
def test_the_scan_finds(text: str) -> None:
    assert dangers(text)


def test_the_scan_lets_pass_what_is_safe() -> None:
    safe = (
        "torch.load(path, weights_only=True)\nyaml.safe_load(text)\nnetwork.eval()\n"
        "re.compile('')\nexec('')"
    )
    assert dangers(safe) == []


def test_names_are_no_paths_and_a_run_writes_in_its_directory_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "here", "temporary", "runs"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "here")

    def network(choose: Choose) -> nn.Module:
        names = {"none": "/etc/none", "conv3": "../../../conv3", "mb2": "a/b\\c"}

        def choose_odd(name: str, known: dict[str, Any]) -> Any:
            return choose(f"../{name}", {names[key]: value for key, value in known.items()})

        return tiny_network(choose_odd)  # type: ignore[arg-type]

    assert set(candidates(1)) == {"none", "conv3", "mb2"}
    space = SearchSpace(network, name="../../space", input_shape=(1, 8, 8))
    out = tmp_path / "runs" / "run"
    given = Given(space=space, data=tiny_data())
    found = run_search(quick_config("random", children={"number": 2, "steps": 2}), given, out=out)
    assert found.architecture is not None
    assert all(choice.startswith("../") for choice in found.architecture)
    radars.report(out)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert written
    assert all(file.is_relative_to(out) for file in written), written
