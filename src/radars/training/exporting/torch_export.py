"""The format `torch-export`: a `.pt2` file that `torch.export.load` reads."""

import io
import warnings

import torch
from torch.export import Dim, ExportedProgram

from radars.errors import SpaceError, first_line
from radars.example import arguments_of
from radars.training.exporting.portable import (
    check_same,
    facts,
    parameter_names,
    portable_of,
    random_examples,
)
from radars.training.usable_network import UsableNetwork


def exported_program(trained: UsableNetwork) -> ExportedProgram:
    """The network as `torch.export` sees it, for batches of any size.

    Raises:
        SpaceError: it cannot be exported.
    """
    *_, example_B = random_examples(trained)
    inputs, named = arguments_of(example_B)
    batch = {0: Dim("batch")}
    try:
        with torch.no_grad():
            return torch.export.export(
                portable_of(trained),
                inputs,
                named,
                dynamic_shapes=dict.fromkeys(parameter_names(trained), batch),
            )
    except Exception as error:  # the network's own code runs, on values that it does not expect
        raise SpaceError(
            f"a network can be exported where its steps depend neither on values nor on the size "
            f"of the batch, but torch.export says: {first_line(error)[:200]}; change the space"
        ) from error


def torch_export_bytes(trained: UsableNetwork) -> tuple[bytes, float]:
    """The contents of the file, and how far its answers are from the network's.

    Raises:
        SpaceError: the network cannot be exported.
        RunError: the file would answer otherwise than the network.
    """
    program = exported_program(trained)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how torch stores tensors, which is not our choice
        torch.export.save(program, file, extra_files=facts(trained))
        file.seek(0)
        loaded = torch.export.load(file).module()
    return file.getvalue(), check_same(trained, loaded, "the .pt2 file")
