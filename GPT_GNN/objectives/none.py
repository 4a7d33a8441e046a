"""No pre-training: the baseline that every other objective is compared with."""

from GPT_GNN.objectives.objective import Objective


class Untrained(Objective):
    """A fresh encoder that pre-training writes as it is.

    Fine-tuning from it is fine-tuning from scratch with the same seed.
    """

    trains = False
