"""`enas`: RL over shared weights. An LSTM samples single paths, which all share their weights.

Pham et al. 2018, "Efficient Neural Architecture Search via Parameter Sharing". Weights are trained
on paths that the policy samples; it is rewarded with their accuracy on validation batches. At the
end, of several samples the one is returned that is best with the shared weights (section 2.2).

Not the paper's: the weights are trained uniformly for a warm-up, and weights and
policy take turns every few steps rather than every epoch.
"""

from collections.abc import Iterator

from pydantic import Field

from radars.engine.context import SearchContext
from radars.engine.method_config import Checked, PolicyUpdatesConfig
from radars.engine.methods.method import Found, Scored, scored_of, scored_values
from radars.engine.methods.shared_method import SharedMethod
from radars.engine.policies.lstm import LSTMController, LSTMControllerConfig
from radars.engine.search_config import SearchConfig
from radars.engine.search_observer import SearchObserver
from radars.runs.state import State
from radars.seeds import stable_seed
from radars.space import Subspace

_EXPLORE_SHARE = 0.9  # of the time; the finalists have the rest


class EnasConfig(Checked):
    """Settings of `enas`; `explore.steps` says how long the shared weights are trained.

    Attributes:
        updates: when and how the policy is rewarded.
        finalists: architectures that are sampled at the end; the best with shared weights wins.
        controller: the policy.
    """

    updates: PolicyUpdatesConfig = PolicyUpdatesConfig()
    finalists: int = Field(16, ge=1)
    controller: LSTMControllerConfig = LSTMControllerConfig()


class Enas(SharedMethod):
    """See the module."""

    settings_class = EnasConfig

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self.settings = self.config.settings_of(EnasConfig)
        self.controller = self.new_policy(context.problem.proxy.full, self.config)
        self._finalists: list[Scored] = []

    @classmethod
    def new_policy(cls, full: Subspace, config: SearchConfig) -> LSTMController:
        """See `Method`."""
        settings = config.settings_of(EnasConfig).controller
        return LSTMController(full, settings, stable_seed(config.seed, "controller"))

    @classmethod
    def policy_batch(cls, config: SearchConfig) -> int:
        """See `Method`."""
        return config.settings_of(EnasConfig).updates.samples

    def run(self, observer: SearchObserver) -> Found:
        """See `Method`."""
        if observer.position.phase != "finalists":
            self.train_paths(
                observer,
                "explore",
                self.controller,
                self.settings.updates,
                share=_EXPLORE_SHARE,
            )
            observer.position.begin("finalists")
        with observer.phase("finalists", self.settings.finalists) as pace:
            for _ in pace.steps():
                architecture = self.context.sampler.draw(self.controller).architecture
                accuracy = self.shared_accuracy(architecture)
                self._finalists.append((architecture, accuracy))
                pace.done(accuracy)
        return self.best_so_far()

    def ranked(self) -> Iterator[Found]:
        """The finalists, best first, or what the policy prefers where there is none yet."""
        if not self._finalists and self.controller.is_rewarded:
            yield Found(self.controller.best(self.problem.feasible), None)
        yield from self.ranked_of(self._finalists)

    def state_dict(self) -> State:
        """See `Method`."""
        return super().state_dict() | {
            "controller": self.controller.state_dict(),
            "finalists": scored_values(self._finalists),
        }

    def load_state_dict(self, state: State, /) -> None:
        """See `Method`."""
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self._finalists = scored_of(state["finalists"])

    def scalars(self) -> dict[str, float]:
        """See `Method`."""
        return {"entropy": self.controller.entropy()}
