"""What is pre-trained, one method per file."""

from dataclasses import dataclass

from GPT_GNN.objectives.gae import GAE
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.objectives.graphsage import GraphSAGE
from GPT_GNN.objectives.infomax import Infomax
from GPT_GNN.objectives.none import Untrained
from GPT_GNN.objectives.objective import Objective
from GPT_GNN.settings import Choosing, setting

OBJECTIVES: dict[str, type[Objective]] = {
    "gpt_gnn": GPTGNN,
    "gae": GAE,
    "graphsage": GraphSAGE,
    "infomax": Infomax,
    "none": Untrained,
}


@dataclass(frozen=True)
class ObjectiveConfig(Choosing):
    """What is pre-trained."""

    objective: str = setting(
        "gpt_gnn", "method; none writes a fresh encoder, untrained", registry=OBJECTIVES
    )
