"""How records become a graph: the settings of the build."""

from __future__ import annotations

from dataclasses import dataclass

from GPT_GNN.datasets.academic.selection import MOST_YEARS, PARTS, TIME, TRANSFERS
from GPT_GNN.settings import LIST, Checked, setting


@dataclass(frozen=True)
class Settings(Checked):
    """How records become a graph."""

    citation_bar: int = setting(
        0,
        "citations within the source that a paper needs to be kept: this many for each year from "
        f"its own to the source's last, but for {MOST_YEARS} years at most",
        low=0,
    )
    text_encoder: str = setting("tfidf", "tfidf, or a sentence-transformers model (name or path)")
    text_dim: int = setting(256, "width of the tfidf features", low=1)
    word_dim: int = setting(100, "width of the word vectors", low=1)
    word_min_count: int = setting(5, "words rarer than this have no vector", low=1)
    word_epochs: int = setting(5, "passes of word2vec over the text; more over a small one", low=1)
    seed: int = setting(0, "of tfidf and word2vec", low=0)
    transfer: str = setting(
        TIME,
        "time: one store, whose papers of the source's pre-training years pre-train; field: a "
        "store of other fields' papers of all years to pre-train on, and one of the held-out "
        "fields' to fine-tune on; time+field: likewise, and the former has papers of the "
        "pre-training years alone",
        choices=TRANSFERS,
    )
    finetune_fields: tuple[str, ...] = setting(
        (), f"held-out fields: names or ids of level-1 fields, {LIST}; with a transfer of fields"
    )
    pretrain_fields: tuple[str, ...] = setting(
        (), "fields that pre-train, likewise; empty: all papers outside the held-out fields"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [f"--{n}_fields" for n in PARTS if getattr(self, f"{n}_fields")]
        if self.transfer == TIME and given:
            raise ValueError(f"{given[0]}: --transfer time divides by no field")
        if self.transfer != TIME and "--finetune_fields" not in given:
            raise ValueError(f"--transfer {self.transfer}: expected --finetune_fields, got none")
