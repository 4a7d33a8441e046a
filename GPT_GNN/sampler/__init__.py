"""From seed nodes to subgraphs, one sampler per file."""

from dataclasses import dataclass

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.sampler import Sampler
from GPT_GNN.settings import Choosing, setting

SAMPLERS: dict[str, type[Sampler]] = {
    "hgsampling": HGSampler,
}


@dataclass(frozen=True)
class SamplerConfig(Choosing):
    """How batches are sampled, and the threads that do it."""

    sampler: str = setting("hgsampling", "sampler", registry=SAMPLERS)
    batch_size: int = setting(256, "target nodes of a batch", low=1)
    n_pool: int = setting(
        2, "threads that sample ahead; 0 samples in the training thread", low=0, place=True
    )

    def open(self, graph: HeteroGraph) -> Sampler:
        """The sampler of these settings."""
        return SAMPLERS[self.sampler](graph, **vars(self.own()))
