"""`TensorBoardCurves`: curves and pictures for TensorBoard."""

import os
import socket
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from radars.runs.files import append_whole, make_directory, unwritable_said
from radars.tracking.curves import Curves, Picture


class TensorBoardCurves(Curves):
    """Writes TensorBoard's logs, each point at once.

    PyTorch's `SummaryWriter` writes in a thread of its own. Where the disk is full, that thread
    prints a traceback, and the writer raises its error later, wherever the run is by then.

    Args:
        path: the directory of the logs.
        first_step: the first step of a resumed run: what was written for this step and later is
            hidden.

    Raises:
        RunError: the logs cannot be written.
    """

    def __init__(self, path: Path, first_step: int | None = None) -> None:
        # here, as it takes seconds
        from tensorboard.compat.proto.event_pb2 import (  # type: ignore[import-untyped]
            Event,
            SessionLog,
        )
        from torch.utils.tensorboard import RecordWriter, summary

        self._new_event, self._new_record_writer = Event, RecordWriter
        self._summary: Any = summary  # without types
        # files of a directory are read in the order of their names
        self._path = path / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}"
        make_directory(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        with unwritable_said(self._path):
            self._descriptor = os.open(self._path, flags, 0o666)
        first: list[dict[str, Any]] = [{"file_version": "brain.Event:2"}]
        if first_step is not None:
            first.append({"step": first_step, "session_log": SessionLog(status=SessionLog.START)})
        try:
            self._append(*first)
        except BaseException:
            self.close()
            raise

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Curves`.

        Raises:
            RunError: it cannot be written; the logs end with the point before.
        """
        summaries = [self._summary.scalar(name, value) for name, value in scalars.items()]
        self._append(*({"step": step, "summary": known} for known in summaries))

    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        """See `Curves`.

        Raises:
            RunError: it cannot be written; the logs end with the point before.
        """
        picture = self._summary.image(name, picture_HW3, dataformats="HWC")
        self._append({"step": step, "summary": picture})

    def close(self, status: str = "finished") -> None:
        """See `Curves`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1  # the number may soon be that of another file

    def _append(self, *events: Mapping[str, Any]) -> None:
        """Adds events to the file, all or none."""
        records = BytesIO()
        writer = self._new_record_writer(records)
        for event in events:
            writer.write(self._new_event(wall_time=time.time(), **event).SerializeToString())
        with unwritable_said(self._path):
            append_whole(self._descriptor, records.getvalue())
