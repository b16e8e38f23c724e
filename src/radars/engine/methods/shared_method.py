"""`SharedMethod`: what the methods share whose architectures share the weights of a supernet."""

from radars.engine.context import SearchContext
from radars.engine.methods.method import Method
from radars.engine.phases.explore import explore
from radars.engine.policies.policy import Policy
from radars.engine.search_observer import SearchObserver
from radars.nn.optimizer import OptimizerConfig
from radars.runs.state import State
from radars.schedules import cosine
from radars.seeds import stable_seed
from radars.space import Architecture


class SharedMethod(Method):
    """Has a supernet.

    Attributes:
        supernet: the shared weights, and the architecture logits.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.supernet = context.networks.new_supernet(self.architecture_optimizer())

    def architecture_optimizer(self) -> OptimizerConfig:
        """What trains the architecture logits, where the method has some."""
        return self.config.differentiate.architecture_optimizer

    def train_paths(
        self, observer: SearchObserver, phase: str, policy: Policy, *, warmup_fraction: float = 0.0
    ) -> None:
        """Trains the shared weights on single paths, as `explore` says, and rewards the policy.

        Args:
            observer: told of every step.
            phase: the name of the phase; it begins where it has not begun yet.
            policy: draws the paths.
            warmup_fraction: of the steps, those at first that draw uniformly.
        """
        config = self.config.explore
        observer.position.begin(phase)
        with observer.phase(phase, config.steps) as tick:
            explore(
                self.context,
                self.supernet,
                policy,
                config,
                start=observer.position.step,
                seed=stable_seed(self.config.seed, phase),
                num_uniform=round(warmup_fraction * config.steps),
                learning_rate_at=lambda step: (
                    self.config.optimizer.learning_rate * cosine(step / config.steps)
                ),
                tick=tick,
            )

    def shared_accuracy(self, architecture: Architecture) -> float:
        """The accuracy of a path with the shared weights on the whole validation part."""
        return self.context.evaluator.accuracy(
            self.supernet, architecture, self.config.data.batch_size
        )

    def state_dict(self) -> State:
        """See `Method`."""
        return {"supernet": self.supernet.state_dict()}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        self.supernet.load_state_dict(state["supernet"])
