"""`reinforce`: RL-based NAS. An LSTM proposes architectures; each is trained from scratch.

Zoph and Le 2017, "Neural Architecture Search with Reinforcement Learning", in the form that is used
since: moving baseline, entropy bonus, no network trained twice, hopeless children stopped early.
"""

from pydantic import Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked
from radars.engine.methods.child_method import ChildMethod
from radars.engine.policies.lstm import LSTMController, LSTMControllerConfig
from radars.engine.policies.policy import Sample
from radars.engine.search_config import SearchConfig
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace


class ReinforceConfig(Checked):
    """Settings of `reinforce`.

    Attributes:
        batch: architectures that are sampled for each policy update.
        controller: the policy.
    """

    batch: int = Field(4, ge=1)
    controller: LSTMControllerConfig = LSTMControllerConfig()


class Reinforce(ChildMethod):
    """See the module."""

    settings_class = ReinforceConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(ReinforceConfig)
        self.controller = self.new_policy(context.problem.proxy.full, self.config)
        self._samples: list[Sample] = []

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> LSTMController:
        """See `Method`."""
        settings = config.settings_of(ReinforceConfig).controller
        return LSTMController(full, settings, stable_seed(config.seed, "controller"))

    @classmethod
    def policy_batch(cls, config: SearchConfig) -> int:
        """See `Method`."""
        return config.settings_of(ReinforceConfig).batch

    def propose(self) -> list[Architecture]:
        """A batch of draws from the policy."""
        number = self.settings.batch
        self._samples = [self.context.sampler.draw(self.controller) for _ in range(number)]
        return [sample.architecture for sample in self._samples]

    def learn(self, accuracies: list[float]) -> None:
        """Updates the policy with validation accuracies, and soft targets, as rewards."""
        rewards = [
            self.context.reward(sample.architecture, accuracy)
            for sample, accuracy in zip(self._samples, accuracies, strict=True)
        ]
        self.controller.reinforce(self._samples, rewards)

    def state_dict(self) -> State:
        """See `Method`."""
        allowed = [
            {choice: list(names) for choice, names in sample.allowed.items()}
            for sample in self._samples
        ]
        return super().state_dict() | {
            "controller": self.controller.state_dict(),
            "allowed": allowed,
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self._samples = [
            Sample(architecture, {choice: tuple(names) for choice, names in known.items()})
            for architecture, known in zip(self.proposed, state["allowed"], strict=False)
        ]

    def scalars(self) -> dict[str, float]:
        """See `Method`."""
        return {"entropy": self.controller.entropy()}
