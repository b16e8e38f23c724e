"""What the package never does: run what it reads."""

import ast
from pathlib import Path

import pytest

import radars

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
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in CALLS or name.endswith(".extractall") or options.get("shell") == "True":
                found.append(name)
            if name in ("torch.load", "np.load", "numpy.load"):
                is_safe = options.get("weights_only") == "True" or name != "torch.load"
                if not is_safe or options.get("allow_pickle", "False") != "False":
                    found.append(name)
    return found


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
        "torch.load(path, weights_only=True)\nyaml.safe_load(text)\nnetwork.eval()\nre.compile('')"
    )
    assert dangers(safe) == []
