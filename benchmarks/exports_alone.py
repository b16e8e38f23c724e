"""Networks of every space of the zoo, exported, and used where radars is not installed.

Of each space an architecture is drawn, its network is built with random weights and the BatchNorm
statistics of a batch of noise, and exported to each format. A process of an environment in which
there is PyTorch, safetensors, ONNX Runtime, what these need, and nothing else, loads the file and
answers on random images; the answers are those of the network.

    python benchmarks/exports_alone.py

Goes on where it stopped; appends a row for each space and format to
`benchmarks/results/exports_alone.jsonl`, prints the table, and exits with 1 where one differs.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import traceback
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from about import about, commit_of_here
from safetensors.torch import load_file, save_file

from radars.data import Normalisation
from radars.training import TrainConfig
from radars.training.exporting import ExportFormat, export_network
from radars.training.usable_network import UsableNetwork
from radars.zoo import load_space, zoo

RESULTS = Path(__file__).parent / "results" / "exports_alone.jsonl"
_ALONE = ("torch", "safetensors", "onnxruntime", "numpy")
_TOLERANCE = 1e-3  # of scores around 1
_SMALL: dict[str, dict[str, object]] = {
    "mobile": {"width_mult": 0.25}, "mobile-large": {"width_mult": 0.25},
    "mobile-elastic": {"width_mult": 0.25}, "ofa-mobile": {"width_mult": 0.25},
    "resnet-elastic": {"width_mult": 0.25}, "vit-elastic": {"image_size": 64, "patch_size": 16},
}  # fmt: skip
_SUFFIXES = {"onnx": "onnx", "torch-export": "pt2", "safetensors": "safetensors"}
_PROGRAM = """
import importlib.util
import sys

import torch
from safetensors.torch import load_file, save_file

for name in ("radars", "torchvision", "pydantic", "lightning_fabric", "yaml"):
    assert importlib.util.find_spec(name) is None, name
folder, suffix = sys.argv[1:]
image = load_file(f"{folder}/image.safetensors")["image"]
if suffix == "onnx":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{folder}/net.onnx", options)
    [scores] = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    scores = torch.from_numpy(scores)
elif suffix == "pt2":
    with torch.no_grad():
        scores = torch.export.load(f"{folder}/net.pt2").module()(image)
else:
    spec = importlib.util.spec_from_file_location("net", f"{folder}/net.py")
    net = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(net)
    with torch.no_grad():
        scores = net.load()(net.normalise(image))
save_file({"scores": scores.contiguous()}, f"{folder}/scores.safetensors")
"""


def main() -> None:
    """Exports what is left, appends a row for each, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="a space; may be repeated")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    rows = {(row["space"], row["format"], row["seed"]): row for row in map(json.loads, lines)}
    said = about() | {"commit": commit_of_here()}
    names = [
        entry.name for entry in zoo() if arguments.only is None or entry.name in arguments.only
    ]
    with tempfile.TemporaryDirectory(prefix="radars-exports-") as folder:
        python = environment(Path(folder) / "alone")
        for name in names:
            for kind in ExportFormat:
                key = name, str(kind), arguments.seed
                if key in rows:
                    continue
                place = Path(folder) / f"{name} {kind}"
                place.mkdir()
                rows[key] = said | attempt(name, str(kind), arguments.seed, place, python)
                print(rows[key], file=sys.stderr, flush=True)
                with arguments.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[key]) + "\n")
    print("| space | format | largest difference | held |\n|---|---|---|---|")
    for row in rows.values():
        print(f"| {row['space']} | {row['format']} | {row['difference']} | {row['held']} |")
    sys.exit(not all(row["held"] for row in rows.values()))


def environment(root: Path) -> Path:
    """The interpreter of a new environment with a few packages, what they need, and no others."""
    venv.create(root, symlinks=True)
    scheme = sysconfig.get_preferred_scheme("prefix")
    own = Path(sysconfig.get_path("purelib", scheme, {"base": str(root)}))
    installed = Path(sysconfig.get_path("purelib"))
    for distribution in _needed(set(_ALONE)):
        tops = {file.parts[0] for file in metadata.files(distribution) or () if file.parts}
        for top in tops - {"..", "__pycache__"}:
            if not (own / top).exists():
                (own / top).symlink_to(installed / top)
    return root / "bin" / "python"


def _needed(names: set[str]) -> set[str]:
    """The packages, and those that they need here."""
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # not for this system
            continue
        found.add(name)
        plain = (line for line in requirements if "extra ==" not in line)
        needed = {re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0] for line in plain}
        left |= needed - found
    return found


def attempt(name: str, kind: str, seed: int, folder: Path, python: Path) -> dict[str, Any]:
    """Exports a network, uses the file elsewhere, and compares."""
    row: dict[str, Any] = {"space": name, "format": kind, "seed": seed, "held": False,
                           "difference": None, "said": ""}  # fmt: skip
    try:
        trained, image = network_of(name, seed)
        suffix = _SUFFIXES[kind]
        export_network(trained, folder / f"net.{suffix}")
        save_file({"image": image}, folder / "image.safetensors")
        with torch.no_grad():
            expected = trained.network(trained.normalisation(image))
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [python, "-c", _PROGRAM, folder, suffix],
            env=environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return row | {"said": done.stderr[-1000:]}
        got = load_file(folder / "scores.safetensors")["scores"]
        difference = float((got - expected).abs().max())
        scale = max(1.0, float(expected.abs().max()))
        return row | {"difference": difference, "held": difference < _TOLERANCE * scale}
    except Exception:
        return row | {"said": traceback.format_exc()[-1000:]}


def network_of(name: str, seed: int) -> tuple[UsableNetwork, torch.Tensor]:
    """A network of a space, as a training leaves one, and images for it."""
    options = {"num_classes": 10, **_SMALL.get(name, {})}
    space = load_space(name, **options)
    assert space.input_shape is not None
    channels, *sides = space.input_shape
    shape = (channels, *(min(side, 64) for side in sides))
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    architecture = space.random_architecture(generator)
    network = space.build(architecture)
    image = torch.randint(256, (4, *shape), dtype=torch.uint8, generator=generator)
    normalisation = Normalisation(torch.full((channels,), 0.5), torch.full((channels,), 0.25))
    with torch.no_grad():
        network.train()(normalisation(image))  # statistics of BatchNorm
    config = TrainConfig(space=name, space_options=options)
    classes = tuple(map(str, range(10)))
    usable = UsableNetwork(network.eval(), config, architecture, classes, shape, normalisation)
    return usable, image


if __name__ == "__main__":
    main()
