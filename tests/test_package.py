"""The package that people install: what its wheel holds, and that it works on its own."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import CoreMetadata, ProjectMetadata
from hatchling.plugin.manager import PluginManager
from tests.isolated import environment_without

import radars

ROOT = Path(__file__).parents[1]
KIB = 2**10
HELP = """
import resource, sys
from radars.cli.app import main

sys.argv = ["radars", "--help"]
try:
    main()
except SystemExit:
    pass
used = resource.getrusage(resource.RUSAGE_SELF)
print("torch" in sys.modules, used.ru_utime + used.ru_stime)
"""


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == radars.__version__
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert versions[0] == radars.__version__


def _core_metadata() -> CoreMetadata:
    return ProjectMetadata(str(ROOT), PluginManager()).core


def test_links_of_the_readme_work_on_a_package_index(monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    relative = re.findall(r"\]\((?!https?:)([^)]+)\)", readme)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert _core_metadata().readme == readme, "where nobody knows the repository"
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/something")
    shown = _core_metadata()
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", shown.readme)
    assert all(link.startswith("https://") for _, link in links)
    for path in relative:
        tag = f"someone/something/{{}}v{radars.__version__}/{path}"
        page = f"https://github.com/{tag.format('blob/')}"
        picture = f"https://raw.githubusercontent.com/{tag.format('')}?sanitize=true"
        assert ("", page) in links or ("!", picture) in links
    assert shown.urls["Repository"] == "https://github.com/someone/something"
    assert "arxiv.org" in shown.urls["Paper"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as for a release: a source distribution first, and the wheel from that."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment where the wheel is installed beside its dependencies."""
    interpreter = environment_without({"radars", "radars_nas"})
    target = subprocess.run(
        [interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    with zipfile.ZipFile(wheel) as files:
        files.extractall(target.stdout.strip())
    return interpreter


@pytest.mark.slow
def test_the_wheel_is_small_and_has_nothing_beside_the_package(wheel: Path) -> None:
    assert wheel.name == f"radars_nas-{radars.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 1024 * KIB
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "radars",
        f"radars_nas-{radars.__version__}.dist-info",
    }
    package = ROOT / "src" / "radars"
    committed = {str(Path("radars", file.relative_to(package))) for file in package.rglob("*.*")}
    committed = {name for name in committed if "__pycache__" not in name}
    assert committed == {name for name in names if name.startswith("radars/")}


@pytest.mark.slow
def test_an_installed_wheel_works_without_the_repository(python: str, tmp_path: Path) -> None:
    def radars_says(*arguments: str) -> str:
        done = subprocess.run(
            [python, "-I", "-m", "radars", *arguments],
            cwd=tmp_path, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    assert radars_says("--version") == f"radars {radars.__version__}\n"
    roomy = ("--budget", "1GiB", "--batch-size", "4")
    assert "fits" in radars_says("plan", "--space", "digits", *roomy)


@pytest.mark.slow
def test_help_comes_at_once_and_without_torch(python: str, tmp_path: Path) -> None:
    """Processor time, not time on the clock; the least of three, as other work disturbs it."""
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [python, "-I", "-c", HELP], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        has_torch, used = done.stdout.splitlines()[-1].split()
        assert has_torch == "False"
        seconds.append(float(used))
    assert min(seconds) < 0.5
