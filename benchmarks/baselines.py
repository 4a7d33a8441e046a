"""What the most frequent answer scores on the test set of each task, without training.

    python benchmarks/baselines.py --data_dir STORE
    python benchmarks/baselines.py --data_dir STORE --data_percentage 1.0 --seeds 5

The tasks of an OAG store (a Reddit store: of its posts) with the labels that the fine-tuning
scripts use at these seeds. Ties are not drawn: a number is the expected value over all orders of
tied candidates, as in the test line of a run (``most_frequent_*``). Mean and standard deviation
over seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.published import open_graph
from benchmarks.scripts import over_seeds
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import AuthorDisambiguation, LabelClassification, NodeClassification, Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="an OAG or Reddit store")
    parser.add_argument("--data_percentage", type=float, default=0.1, help="share of the labels")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    graph = open_graph(args.data_dir)
    print(f"{'task':<28}{'test items':>12}  mean ± std over {args.seeds} seeds")
    for name, make in tasks(graph).items():
        found = []
        for seed in range(args.seeds):
            task = make(args.data_percentage, seed)
            found.append(task.metrics(task.most_frequent("test")))
        scores = over_seeds(found, *task.metric_names)
        print(f"{name:<28}{found[0]['items']:>12,}  {scores}  ({' / '.join(task.metric_names)})")


def tasks(graph: HeteroGraph) -> dict[str, Callable[[float, int], Task]]:
    """The tasks of the scripts, made from a share of the labels and a seed.

    What a script hides besides the labels does not matter here: the baseline reads labels alone.
    """
    stored = GraphFacts.stored(graph)
    if stored is not None and stored.target == Reddit.FACTS.target:
        return {
            "communities": lambda share, seed: LabelClassification(
                graph, Reddit.FACTS.split, Reddit.FACTS.target, fraction=share, seed=seed
            )
        }
    split = OAG.facts(graph).split
    return {
        "PF": lambda share, seed: NodeClassification(
            graph, split, [OAG.paper_field("L2")], fraction=share, seed=seed
        ),
        "PV": lambda share, seed: NodeClassification(
            graph, split, OAG.paper_venue(graph), classes="all", fraction=share, seed=seed
        ),
        "AD": lambda share, seed: AuthorDisambiguation(
            graph, split, OAG.paper_author(graph), fraction=share, seed=seed
        ),
    }


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
