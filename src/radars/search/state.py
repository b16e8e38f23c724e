"""`SearchState`: everything that changes while searching, to and from a checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from torch import Tensor

from radars.data import BatchStream
from radars.memory import Levers, Plan, Planner
from radars.nn.supernet import Supernet
from radars.search.controller import Controller
from radars.search.meter import MemoryMeter
from radars.search.select import Selection, Untrained
from radars.space import Architecture, Subspace

Phase = Literal["explore", "differentiate", "select"]


@dataclass
class SearchState:
    """The state of a search at a step boundary.

    Attributes:
        supernet: shared weights and architecture logits.
        controller: the policy.
        train_stream: training batches.
        validation_stream: validation batches.
        meter: the memory so far.
        round_index: the round that is running.
        phase: its phase.
        step: steps of the phase that are done.
        plan: of the round's differentiate phase, once it is made.
        favourites: the best architecture of each round that is done.
        selection: how far selecting is, once it has begun.
        seconds: wall-clock time spent so far, over all sittings.
        total_steps: steps of all phases that are done.
        num_saves: checkpoints that were saved.
    """

    supernet: Supernet
    controller: Controller
    train_stream: BatchStream
    validation_stream: BatchStream
    meter: MemoryMeter
    round_index: int = 0
    phase: Phase = "explore"
    step: int = 0
    plan: Plan | None = None
    favourites: list[Architecture] = field(default_factory=list)
    selection: Selection | None = None
    seconds: float = 0.0
    total_steps: int = 0
    num_saves: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "supernet": self.supernet.state(),
            "controller": self.controller.tensors(),
            "train": self.train_stream.state(),
            "validation": self.validation_stream.state(),
        }
        if self.selection and self.selection.child and self.selection.child_stream:
            parts["child"] = self.selection.child.state()
            parts["child_train"] = self.selection.child_stream.state()
        return {
            f"{part}/{name}": tensor
            for part, known in parts.items()
            for name, tensor in known.items()
        }

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {
            "round_index": self.round_index,
            "phase": self.phase,
            "step": self.step,
            "seconds": self.seconds,
            "total_steps": self.total_steps,
            "num_saves": self.num_saves,
            "controller_subspace": _plain(self.controller.subspace),
            "plan": self.plan
            and {
                "subspace": _plain(self.plan.subspace),
                "levers": asdict(self.plan.levers),
                "is_pruned": self.plan.is_pruned,
                "time_ratio": self.plan.time_ratio,
            },
            "favourites": [dict(architecture) for architecture in self.favourites],
            "selection": self.selection
            and {
                "contenders": [dict(architecture) for architecture in self.selection.contenders],
                "untrained": [list(known) for known in self.selection.untrained],
                "standings": self.selection.standings,
                "rung": self.selection.rung,
                "accuracies": self.selection.accuracies,
                "child_step": self.selection.child_step,
                "has_child": self.selection.child is not None,
            },
            "meter": asdict(self.meter),
        }

    def load(
        self,
        tensors: Mapping[str, Tensor],
        values: Mapping[str, Any],
        planner: Planner,
        new_child: Callable[[Architecture], Supernet],
        new_stream: Callable[[], BatchStream],
    ) -> None:
        """Puts back what `tensors` and `values` returned, bit for bit."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = tensor
        self.supernet.load_state(parts["supernet"])
        self.controller.load_tensors(parts["controller"], Subspace(values["controller_subspace"]))
        self.train_stream.load_state(parts["train"])
        self.validation_stream.load_state(parts["validation"])
        self.round_index = values["round_index"]
        self.phase = values["phase"]
        self.step = values["step"]
        self.seconds = values["seconds"]
        self.total_steps = values["total_steps"]
        self.num_saves = values["num_saves"]
        self.favourites = [Architecture(candidate) for candidate in values["favourites"]]
        for name, value in values["meter"].items():
            setattr(self.meter, name, value)
        planner.tighten(self.meter.budget_bytes)
        if values["plan"]:
            subspace = Subspace(values["plan"]["subspace"])
            levers = Levers(**values["plan"]["levers"])
            memory = planner.predict(subspace, levers)
            self.plan = Plan(
                subspace,
                levers,
                memory,
                is_pruned=values["plan"]["is_pruned"],
                time_ratio=values["plan"]["time_ratio"],
            )
        if values["selection"]:
            saved = values["selection"]
            architectures = [Architecture(candidate) for candidate in saved["contenders"]]
            self.selection = Selection(
                contenders=architectures,
                untrained=[Untrained(*known) for known in saved["untrained"]],
                standings=list(saved["standings"]),
                rung=saved["rung"],
                accuracies=list(saved["accuracies"]),
                child_step=saved["child_step"],
            )
            if saved["has_child"]:
                child = new_child(architectures[len(saved["accuracies"])])
                child.load_state(parts["child"])
                stream = new_stream()
                stream.load_state(parts["child_train"])
                self.selection.child, self.selection.child_stream = child, stream


def _plain(subspace: Subspace) -> dict[str, list[str]]:
    return {choice: list(names) for choice, names in subspace.items()}
