"""`SharedMethod`: what the methods share whose architectures share the weights of a supernet."""

from collections.abc import Iterator, Mapping

from radars.engine.context import SearchContext
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.methods.method import Found, Method, Work
from radars.engine.phases.discretisation import discretisation_scores
from radars.engine.phases.train_paths import train_paths
from radars.engine.policies.policy import Policy
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.nn.optimizer import OptimizerConfig
from radars.runs.state import State
from radars.schedules import cosine
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace

TRAINING_SHARE = 0.97
"""The part of the time that training has, in a search whose end is an evaluation."""


class SharedMethod(Method):
    """Has a supernet.

    Attributes:
        supernet: the shared weights, and the architecture logits.
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.supernet = context.networks.new_supernet(self.architecture_optimizer())

    @classmethod
    def planned_work(cls, config: SearchConfig, full: Subspace) -> Work | None:
        """See `Method`: the training of the shared weights."""
        return Work(config.explore.num_steps(full))

    def architecture_optimizer(self) -> OptimizerConfig:
        """What trains the architecture logits, where the method has some."""
        return self.config.differentiate.architecture_optimizer

    def train_paths(
        self,
        observer: SearchObserver,
        phase: str,
        policy: Policy,
        updates: PolicyUpdatesConfig,
        *,
        share: float,
    ) -> None:
        """Trains the shared weights on single paths, and rewards the policy.

        Args:
            observer: told of every step.
            phase: the name of the phase; it begins where it has not begun yet.
            policy: draws the paths.
            updates: when and how the policy is rewarded.
            share: how much of the time it may take, where time is limited.
        """
        observer.position.begin(phase)
        num_steps = self.config.explore.num_steps(self.problem.proxy.full)
        with observer.phase(phase, num_steps, share=share) as pace:
            train_paths(
                self.context,
                self.supernet,
                policy,
                updates,
                pace,
                seed=stable_seed(self.config.seed, phase),
                learning_rate_at=self.decayed_rate,
            )

    def decayed_rate(self, fraction: float) -> float:
        """The learning rate of the shared weights after a fraction of their training."""
        return self.config.optimizer.learning_rate * cosine(fraction)

    def shared_accuracy(self, architecture: Architecture) -> float:
        """The accuracy of a path with the shared weights on the whole validation part."""
        return self.context.evaluator.accuracy(
            self.supernet, architecture, self.config.data.batch_size
        )

    def ranked_by_logits(self, logits: Mapping[str, Mapping[str, float]]) -> Iterator[Found]:
        """Yields the best architectures by logits; none while all are 0, as at the start.

        Args:
            logits: choice to candidate to logit, of the candidates to choose from.
        """
        if any(logit for of_choice in logits.values() for logit in of_choice.values()):
            scores = discretisation_scores(logits, self.problem.proxy.rules)
            for best in self.problem.feasible.ranked(scores, Subspace(logits)):
                yield Found(best, None)

    def release(self) -> None:
        """See `Method`: the shared weights go to the host."""
        self.supernet.release()

    def state_dict(self) -> State:
        """See `Method`."""
        return {"supernet": self.supernet.state_dict()}

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        self.supernet.load_state_dict(state["supernet"])
