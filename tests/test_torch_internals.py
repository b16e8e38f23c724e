"""A canary for each private name of PyTorch: what a new version changed, in one line."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.autograd.graph import saved_tensors_hooks

NAMES = {
    "torch._ops.OpOverload": "tracing on fake tensors",
    "torch._subclasses.fake_tensor.DataDependentOutputException": "constructors that read values",
    "torch._subclasses.fake_tensor.FakeTensor": "tracing on fake tensors",
    "torch._subclasses.fake_tensor.FakeTensorMode": "tracing on fake tensors",
    "torch._subclasses.fake_tensor.in_kernel_invocation_manager": "making fake tensors again",
    "torch._VF.lstm": "tracing an LSTM as oneDNN runs it",
    "torch._subclasses.fake_tensor.unset_fake_temporarily": "constructors that read values",
    "torch.nn.modules.batchnorm._BatchNorm": "finding BatchNorm layers",
    "torch.nn.modules.conv._ConvNd": "writing convolutions down",
    "torch.utils._python_dispatch.TorchDispatchMode": "counting bytes, and fingerprints",
    "torch.utils._pytree.tree_iter": "counting bytes",
    "torch.utils._pytree.tree_leaves": "diagrams of spaces",
    "torch.utils._pytree.tree_map": "fingerprints of networks",
    "torch._C._current_graph_task_id": "telling activations from temporaries",
    "torch._C._autograd._top_saved_tensors_default_hooks": "selective checkpointing",
    "torch._C._dispatch_has_kernel_for_dispatch_key": "tracing the fused SGD",
}
SOURCE = Path(__file__).parents[1] / "src" / "radars"
PRIVATE = {
    name
    for owner in (
        Tensor, nn.Module, torch.optim.Optimizer, torch.autograd.graph.Node, fx.Node, fx.Graph,
        torch.Generator, torch.UntypedStorage, torch.ops.aten.add.Tensor, torch,
    )
    for name in dir(owner)
    if name.startswith("_") and not name.startswith("__")
} | nn.Module().__dict__.keys() - {"training"}  # fmt: skip


def _private_names(file: Path) -> list[str]:
    """What of PyTorch a file names that is private, as far as names tell."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("torch")]
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            own = owner in ("self", "cls", "other")
            of_torch = node.attr in PRIVATE or re.fullmatch(r"(torch|_aten)[\w.]*", owner)
            names = [f"{owner}.{node.attr}"] if of_torch and not own else []
        elif isinstance(node, ast.Constant):
            names = [f".{node.value}"] if node.value in PRIVATE else []
        else:
            continue
        found += [
            name for name in names if re.fullmatch(r"[^(\[]*\._\w[\w.]*", name) and "__" not in name
        ]
    return found


def test_private_names_stand_in_one_module() -> None:
    files = set(SOURCE.rglob("*.py")) - {SOURCE / "_torch_internals.py"}
    assert {str(file): names for file in files if (names := _private_names(file))} == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(name: str) -> None:
    module_name, _, attribute = name.rpartition(".")
    while True:
        try:
            found: Any = importlib.import_module(module_name)
            break
        except ImportError:
            module_name, _, first = module_name.rpartition(".")
            attribute = f"{first}.{attribute}"
    for part in attribute.split("."):
        found = getattr(found, part, None)
    assert found is not None, f"{name} is gone, which is needed for {NAMES[name]}"


@pytest.fixture
def internals() -> Any:
    return importlib.import_module("radars._torch_internals")


def test_changes_in_place_are_counted(internals: Any) -> None:
    tensor = torch.zeros(2)
    before = internals.version_of(tensor)
    tensor.add_(1)
    assert internals.version_of(tensor) == before + 1, "Tensor._version no longer counts changes"


def test_memory_is_told_apart(internals: Any) -> None:
    with internals.FakeTensorMode():
        first, second = torch.zeros(4), torch.zeros(4)
        keys = [
            internals.storage_key(each.untyped_storage()) for each in (first, first[1:], second)
        ]
    assert keys[0] == keys[1] != keys[2], "UntypedStorage._cdata no longer tells fake memory apart"


def test_a_backward_pass_is_noticed(internals: Any) -> None:
    seen = []
    tensor = torch.ones(1, requires_grad=True)
    tensor.register_hook(  # type: ignore[no-untyped-call]
        lambda gradient: seen.append(internals.in_backward_pass())
    )
    tensor.sum().backward()  # type: ignore[no-untyped-call]
    said = [*seen, internals.in_backward_pass()]
    assert said == [True, False], "torch._C._current_graph_task_id no longer says where autograd is"


def test_the_innermost_hooks_are_found(internals: Any) -> None:
    def pack(tensor: Tensor) -> Tensor:
        return tensor

    assert internals.top_saved_tensors_hooks() is None, "there are hooks where nobody set any"
    with saved_tensors_hooks(pack, pack):
        hooks = internals.top_saved_tensors_hooks()
    assert hooks == (pack, pack), "_top_saved_tensors_default_hooks no longer returns the hooks"


def test_batch_norm_keeps_its_statistics(internals: Any) -> None:
    image = torch.randn(8, 3, 4, 4, requires_grad=True)
    statistics = internals.batch_statistics(nn.BatchNorm2d(3)(image))
    assert statistics is not None, "BatchNorm's gradient no longer has _saved_result1 and 2"
    mean, scale = statistics
    variance = image.var((0, 2, 3), correction=0)
    torch.testing.assert_close(mean, image.mean((0, 2, 3)), msg="_saved_result1 is not the mean")
    torch.testing.assert_close(
        scale, (variance + 1e-5).rsqrt(), msg="_saved_result2 is not 1 / sqrt(variance + eps)"
    )


@pytest.mark.parametrize("has_kernel", [True, False])
def test_tensors_are_copied(
    internals: Any, has_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_kernel:
        monkeypatch.delattr(torch, "_foreach_copy_")
    targets = [torch.zeros(2), torch.zeros(3)]
    internals.copy_each(targets, [torch.ones(2), torch.ones(3)])
    assert all(bool(target.all()) for target in targets), "torch._foreach_copy_ does not copy"


def test_the_default_device_is_known(internals: Any) -> None:
    device = torch.device(internals.default_device())
    assert device == torch.device("cpu"), "_get_default_device no longer returns a device"


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_fused_optimizers_heed_found_inf(internals: Any, name: str) -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    optimizer = getattr(torch.optim, name)([weight], 0.1, fused=True)
    with internals.found_inf(torch.ones(()), optimizer):
        optimizer.step()
    assert bool((weight == 1).all()), f"the fused {name} no longer skips a step by found_inf"
    optimizer.step()
    assert bool((weight < 1).all()), f"the fused {name} skips a step without found_inf"


def test_what_is_written_to_is_told_by_the_schema(internals: Any) -> None:
    writes = internals.writes_to_arguments
    said = [writes(torch.ops.aten.add_.Tensor), writes(torch.ops.aten.add.Tensor)]
    assert said == [True, False], "OpOverload._schema no longer says what is written to"


def test_the_fused_sgd_is_traced(internals: Any) -> None:
    internals.trace_fused_sgd()
    with internals.FakeTensorMode():
        weight = nn.Parameter(torch.ones(2))
        weight.grad = torch.ones(2)
        torch.optim.SGD([weight], 0.1, momentum=0.9, fused=True).step()


def test_fake_tensors_say_what_they_stand_for(internals: Any) -> None:
    with internals.FakeTensorMode() as mode:
        fake: Any = torch.zeros(2)
        with internals.in_kernel_invocation_manager(mode):
            meta = torch.empty(2, device="meta")
        made = internals.FakeTensor(mode, meta, torch.device("cpu"))
    for tensor in (fake, made):
        said = (tensor.fake_mode, tensor.fake_device, tensor.constant)
        assert said == (mode, torch.device("cpu"), None), "FakeTensor is made in another way"


def test_operators_that_are_asked_for_by_name(internals: Any) -> None:
    for operator in (internals.DEVICE_OF, internals.UNSAFE_VIEW):
        assert isinstance(operator, internals.OpOverload), f"{operator} is no operator any more"
    packets = [*internals.DISTANCES, internals.TRILINEAR]
    said = [operator.default.overloadpacket for operator in packets]
    assert said == packets, "the operators of cdist and Bilinear have other overloads"


def test_modules_say_what_they_are_made_of(internals: Any) -> None:
    module, shared = nn.Module(), nn.ReLU()
    module.a, module.b = shared, shared
    module.register_buffer("kept", torch.zeros(1))
    module.register_buffer("lost", torch.zeros(1), persistent=False)
    assert internals.children_of(module) == {"a": shared, "b": shared}, "Module._modules is gone"
    saved = [internals.is_buffer_saved(module, name) for name in ("kept", "lost")]
    assert saved == [True, False], "Module._non_persistent_buffers_set no longer says what is saved"
    layer = nn.Linear(1, 1, bias=False)
    [weight] = internals.own_parameters(layer)
    assert weight is layer.weight, "Module._parameters is gone"
    assert internals.own_parameters(nn.Sequential(layer)) == [], "it has those within"
    parameters, buffers = internals.own_tensors(nn.BatchNorm1d(1))
    said = [list(parameters), list(buffers)[:2]]
    expected = [["weight", "bias"], ["running_mean", "running_var"]]
    assert said == expected, "Module._parameters or _buffers has no tensors"


def test_hooks_on_gradients_are_noticed(internals: Any) -> None:
    tensor = torch.ones(1, requires_grad=True)
    assert not internals.has_gradient_hooks(tensor), "there are hooks where nobody set any"
    tensor.register_hook(lambda gradient: gradient)  # type: ignore[no-untyped-call]
    assert internals.has_gradient_hooks(tensor), "Tensor._backward_hooks no longer has hooks"


def test_nodes_get_names_that_are_free(internals: Any) -> None:
    graph = fx.Graph()
    nodes = [graph.placeholder(name) for name in ("x", "input")]
    internals.rename_node(nodes[1], "x")
    first, second = (node.name for node in nodes)
    assert first == "x", "Node._rename renames others"
    assert second not in ("x", "input"), "Node._rename keeps the name, or gives one that is taken"


def test_layers_are_instances_of_the_private_bases(internals: Any) -> None:
    assert issubclass(nn.BatchNorm2d, internals.BatchNorm), "BatchNorm2d is no _BatchNorm any more"
    assert issubclass(nn.Conv2d, internals.Convolution), "Conv2d is no _ConvNd any more"


def test_nested_arguments_are_walked(internals: Any) -> None:
    nested = [1, (2, {"a": 3})]
    assert list(internals.tree_iter(nested)) == [1, 2, 3], "tree_iter leaves something out"
    assert internals.tree_leaves(nested) == [1, 2, 3], "tree_leaves leaves something out"
    assert internals.tree_map(lambda value: -value, nested) == [-1, (-2, {"a": -3})]
