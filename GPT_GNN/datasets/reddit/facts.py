"""What pre-training and the task have to know of the graph of posts."""

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit

POST = "def"  # the published code's name of the only type
RELATION = (POST, POST, POST)  # its own inverse
SPLIT = ColumnSplit()
FACTS = GraphFacts(target=POST, split=SPLIT, text_part="emb", label="y")
