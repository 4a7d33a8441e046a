"""The paper's numbers, to be printed beside ours.

Source: Hu et al., GPT-GNN, KDD 2020, tables 2 and 3: OAG, 10 % of the labels. Whether they are MRR
or NDCG is not said; we believe MRR, and print both of ours. Our data are others: what can agree is
the order of the methods, not the digits.
"""

from __future__ import annotations

NOTE = (
    "*paper*: what the paper reports, on its data and with its own choice of what is hidden; it "
    "does not say whether as NDCG or MRR, we believe MRR."
)
TASKS = ("PF", "PV", "AD")  # paper-field, paper-venue, author name disambiguation
NO_PRETRAIN = (0.346, 0.598, 0.813)  # the same whatever is transferred
TRANSFER: dict[str, dict[str, tuple[float, float, float]]] = {
    "field": {
        "no pre-train": NO_PRETRAIN,
        "GAE": (0.403, 0.626, 0.836),
        "GraphSAGE": (0.368, 0.609, 0.818),
        "Graph Infomax": (0.387, 0.612, 0.827),
        "GPT-GNN (attr)": (0.396, 0.623, 0.834),
        "GPT-GNN (edge)": (0.413, 0.635, 0.842),
        "GPT-GNN": (0.420, 0.641, 0.848),
    },
    "time": {
        "no pre-train": NO_PRETRAIN,
        "GAE": (0.384, 0.619, 0.828),
        "GraphSAGE": (0.352, 0.601, 0.815),
        "Graph Infomax": (0.369, 0.606, 0.821),
        "GPT-GNN (attr)": (0.374, 0.614, 0.826),
        "GPT-GNN (edge)": (0.397, 0.629, 0.836),
        "GPT-GNN": (0.405, 0.635, 0.840),
    },
    "time+field": {
        "no pre-train": NO_PRETRAIN,
        "GAE": (0.371, 0.611, 0.821),
        "GraphSAGE": (0.349, 0.602, 0.812),
        "Graph Infomax": (0.360, 0.600, 0.815),
        "GPT-GNN (attr)": (0.364, 0.609, 0.824),
        "w/o node separation": (0.347, 0.601, 0.813),
        "GPT-GNN (edge)": (0.390, 0.622, 0.830),
        "w/o adaptive queue": (0.376, 0.617, 0.828),
        "GPT-GNN": (0.397, 0.628, 0.833),
    },
}
# Paper-field, field transfer: without and with pre-training.
ENCODERS = {
    "hgt": (0.346, 0.420),
    "gcn": (0.327, 0.359),
    "gat": (0.318, 0.382),
    "rgcn": (0.296, 0.351),
    "han": (0.332, 0.406),
}
FRACTION = 0.1  # of the labels
# (setting, method, encoder, task, share of the labels) -> number
NUMBERS = {
    (setting, method, "hgt", task, FRACTION): number
    for setting, methods in TRANSFER.items()
    for method, numbers in methods.items()
    for task, number in zip(TASKS, numbers, strict=True)
} | {
    ("field", method, conv, "PF", FRACTION): number
    for conv, numbers in ENCODERS.items()
    for method, number in zip(("no pre-train", "GPT-GNN"), numbers, strict=True)
}
