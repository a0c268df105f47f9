"""Many members of one shape trained as one batched network (JAX): folds x seeds, each with its own rows and order.

Made for a GPU, which one small network leaves idle; on a processor it gains nothing, since the matrix products of one
member fill a core already. Sums are taken in another order than one by one, so results agree to about 1e-4, not to the
last digit: a run trains its members one way or the other, never both.

Importing this module imports keras and jax.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from forecast.networks.optimizer import FoldTensors, TrainedWeights, TrainingState, Vector, begin, shuffled, trained
from forecast.networks.training_loop import Program
from pipelines.preprocessing.windows import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """One member of a batch. start: its first parameters; material, train, shuffle, draw: as in Program.train."""

    start: Vector
    material: FoldTensors
    train: Rows
    shuffle: np.random.Generator
    draw: int = 0


def train_together(
    program: Program, learners: Sequence[Learner], *, batch: int, epochs: int, patience: int
) -> list[TrainedWeights]:
    """What `Program.train` gives for each, in the same order; each stops early for itself.

    The materials must come from one Program and one batch size and be padded alike (`room`): one shape for all.
    """
    room = -(-len(learners[0].material.ends) // batch)
    orders = np.stack(
        [shuffled(each.train, shuffle=each.shuffle, epochs=epochs, shape=(epochs, room, batch)) for each in learners]
    )
    states = jax.tree.map(
        lambda *leaves: np.stack(leaves), *(begin(each.start, epochs, draw=each.draw) for each in learners)
    )
    material = jax.tree.map(lambda *leaves: jax.numpy.stack(leaves), *(each.material for each in learners))
    many = jax.jit(jax.vmap(program.train_epochs, in_axes=(0, 0, 0, None, None)))
    ended = [
        np.asarray(leaf) for leaf in many(tuple(states), tuple(material), orders, np.int32(epochs), np.int32(patience))
    ]
    return [
        trained(TrainingState(*(leaf[number] for leaf in ended)), patience=patience) for number in range(len(learners))
    ]
