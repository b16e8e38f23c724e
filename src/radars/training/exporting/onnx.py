"""The format `onnx`: a file that onnxruntime, and much else, runs."""

import warnings

import torch
from torch import Tensor

from radars.errors import ConfigError, SpaceError, first_line, root_cause
from radars.training.exporting.portable import check_same, facts, input_names, parameter_names
from radars.training.exporting.torch_export import exported_program
from radars.training.usable_network import UsableNetwork

OUTPUT_NAME = "scores"


def onnx_bytes(trained: UsableNetwork) -> tuple[bytes, float]:
    """The contents of the file, and how far its answers are from the network's.

    Raises:
        ConfigError: the packages for it are not installed.
        SpaceError: the network cannot be exported.
        RunError: the file would answer otherwise than the network.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch.onnx needs it
    except ImportError as error:
        raise ConfigError(
            f"the format onnx needs the package {error.name}, which is not installed; "
            f"pip install 'radars-nas[onnx]'"
        ) from error
    program, names = exported_program(trained), input_names(trained)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what changes within onnxscript
            exported = torch.onnx.export(
                program,
                dynamo=True,
                input_names=names,
                output_names=[OUTPUT_NAME],
                dynamic_shapes={key: {0: "batch"} for key in parameter_names(trained)},
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # an operation that ONNX lacks is found in many ways
        raise SpaceError(
            f"a network is exported to ONNX where ONNX has its operations, but torch.onnx says: "
            f"{first_line(root_cause(error))[:200]}; export it as torch-export"
        ) from error
    assert exported is not None
    model = exported.model_proto
    onnx.helper.set_model_props(model, facts(trained))
    content: bytes = model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(*inputs: Tensor, **named: Tensor) -> Tensor:
        given = zip(names, (*inputs, *named.values()), strict=True)
        [score_BK] = session.run([OUTPUT_NAME], {name: part_B.numpy() for name, part_B in given})
        return torch.from_numpy(score_BK)

    return content, check_same(trained, run, "the ONNX file")
