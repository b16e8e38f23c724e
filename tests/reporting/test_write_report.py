import json
import re
import sys
from pathlib import Path

import pytest

from radars.cli.app import main
from radars.errors import ConfigError
from radars.reporting.write_report import write_report

KEYS = {
    *("network-diagram", "pruning-pruning", "preferences-preferences", "preferences-entropy"),
    *("accuracy-accuracy", "memory-memory", "pareto-pareto-macs"),
}


def test_figures_are_written_for_papers(run_path: Path, tmp_path: Path) -> None:
    files = write_report([run_path], tmp_path / "report.html", tmp_path / "figures")
    assert files[0] == tmp_path / "report.html"
    assert {file.name for file in files[1:]} == {f"{k}.{e}" for k in KEYS for e in ("svg", "pdf")}
    for file in files[1:]:
        start = b"%PDF" if file.suffix == ".pdf" else b"<?xml"
        assert file.read_bytes().startswith(start)
    taken = json.loads((run_path / "architecture.json").read_bytes())
    diagram = (tmp_path / "figures" / "network-diagram.svg").read_text("utf-8")
    assert all(f">{name}</text>" in diagram for name in taken.values())


def test_the_report_of_a_run_goes_into_its_directory(run_path: Path) -> None:
    [file] = write_report([run_path])
    assert file == run_path / "report.html"
    text = file.read_text("utf-8")
    file.unlink()
    figures = json.loads(re.findall(r'id="figures">(.*?)</script>', text)[0])
    assert {key.replace("-0-", "-") for key in figures} == KEYS - {"network-diagram"}


@pytest.mark.parametrize(
    ("out", "said"),
    [("missing/report.html", "does not; make it"), (".", "give --out a file's name")],
)
def test_a_place_that_cannot_be_written_is_refused(
    out: str, said: str, run_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        write_report([run_path], tmp_path / out)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "error: a report is about a run or a comparison"),
        (("results.jsonl",), "error: a comparison has a row for each search that is done"),
    ],
)
def test_the_command_line_refuses_what_has_nothing_to_report(
    names: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(sys, "argv", ["radars", "report", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == list(names)
