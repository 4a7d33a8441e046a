"""Columns of values to features, by name: texts, numbers, categories."""

from GPT_GNN.features.column_encoder import ColumnEncoder
from GPT_GNN.features.columns import Categorical, Log, Multi, Numeric, Vector
from GPT_GNN.features.text_column import Text

ENCODERS: dict[str, type[ColumnEncoder]] = {
    "numeric": Numeric,
    "log": Log,
    "categorical": Categorical,
    "multi": Multi,
    "text": Text,
    "vector": Vector,
}
