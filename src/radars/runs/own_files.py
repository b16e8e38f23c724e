"""`check_no_file_of_a_run`: nothing else is written over what a run has written."""

import re
from pathlib import Path

from radars.errors import ConfigError
from radars.runs.file_names import CHECKPOINT_NAME, CONFIG_NAME, TENSORBOARD_NAME, WEIGHTS_NAME


def check_no_file_of_a_run(file: Path) -> None:
    """Refuses to write a report or an export over what a run or a comparison has written.

    Raises:
        ConfigError: the file is one of its own.
    """
    file = file.resolve()
    folders = [file.parent, *(p for p in file.parents if p.name in _OWN_FOLDERS)]
    for folder in (*folders, *(p.parent for p in folders[1:])):
        is_of_a_run = any((folder / name).exists() for name in (CONFIG_NAME, "results.jsonl"))
        if is_of_a_run and (folder != file.parent or _OWN_FILES.fullmatch(file.name)):
            raise ConfigError(
                f"{file.name} in {folder} belongs to the run there, and is not overwritten; choose "
                f"another --out"
            )


_OWN_FOLDERS = (CHECKPOINT_NAME, TENSORBOARD_NAME, WEIGHTS_NAME)
_OWN_FILES = re.compile(
    r"(config\.yaml|lock|table\.md|controllers\.md|(events|results|lost)(\.\d+)?\.jsonl"
    r"|error\.txt|mlflow_run|wandb_run"
    r"|(weights|last)\.(safetensors|py)"
    r"|(identity|result|architecture|pareto|evaluation|latencies)\.json)"
)
