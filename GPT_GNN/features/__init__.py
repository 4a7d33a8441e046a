"""Columns of values to features, by name: numbers, categories, texts, vectors."""

from GPT_GNN.features.columns import Categorical, Log, Multi, Numeric, Vector
from GPT_GNN.features.featurizer import Featurizer
from GPT_GNN.features.text import Text

FEATURIZERS: dict[str, type[Featurizer]] = {
    "numeric": Numeric,
    "log": Log,
    "categorical": Categorical,
    "multi": Multi,
    "text": Text,
    "vector": Vector,
}
