"""Nodes, relations and columns of an academic graph from a source's records."""

from __future__ import annotations

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.datasets.academic.features import Links
from GPT_GNN.datasets.academic.records import Records
from GPT_GNN.datasets.academic.selection import Division
from GPT_GNN.datasets.raw import NONE, FileCounts, distinct, lookup
from GPT_GNN.schema import EdgeType


class AcademicGraph:
    """Numbers the nodes of a graph and adds its relations and columns to a store.

    Args:
        kept: [P] bool, the papers of the store.
        counts: of each kind of record; what this store leaves out is counted there.
        division: where the store is one side of a transfer: it then has the relations that all
            papers have, so that both sides have one schema.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        records: Records,
        kept: np.ndarray,
        counts: dict[str, FileCounts],
        division: Division | None = None,
    ) -> None:
        self.builder, self.records, self.counts, self.division = builder, records, counts, division
        self.rows = np.flatnonzero(kept)
        self.node = np.full(len(kept), NONE, dtype=np.int32)
        self.node[self.rows] = np.arange(len(self.rows))
        self.year = records.papers.year[self.rows]
        self.positions: dict[str, np.ndarray] = {}  # node type -> [nodes] position in its names

    def add_links(self, references: np.ndarray) -> Links:
        """Declare nodes and relations, add all edges; ``references``: [2, E] distinct rows."""
        of_field = self._links(self.records.fields, "fields")
        of_author = self._links(self.records.authorships, "authorships")
        self.builder.add_node_type("paper", len(self.rows))
        author = self._number("author", of_author[1])
        venue = self._number("venue", self.records.papers.venue[self.rows])
        field = self._number("field", of_field[1])
        affiliation = self._number("affiliation", of_author[2])
        self._add_venues(venue)
        citations = self._add_citations(references)
        self._add_fields(of_field[0], field)
        self._add_hierarchy()
        employment = self._add_employment(author, affiliation, self.year[of_author[0]])
        self._add_authors(author, of_author[0], of_author[3])
        with_venue = np.flatnonzero(venue != NONE)
        return Links(
            year=self.year,
            papers_of={
                "author": tuple(distinct(np.stack([author, of_author[0]]))),
                "venue": (venue[with_venue], with_venue),
                "field": (field, of_field[0]),
            },
            employment=employment,
            citations=citations,
            num_nodes={"paper": len(self.rows)}
            | {node_type: len(positions) for node_type, positions in self.positions.items()},
        )

    def _links(self, rows: np.ndarray, kind: str) -> np.ndarray:
        """Records about this store's papers, each once, with nodes for rows of papers."""
        node = self.node[rows[0]]
        self.counts[kind].leave_out("paper left out", int((node == NONE).sum()))
        kept = np.concatenate([node[None], rows[1:]])[:, node != NONE]
        once = distinct(kept)
        self.counts[kind].leave_out("duplicate", kept.shape[1] - once.shape[1])
        return once

    def _number(self, node_type: str, positions: np.ndarray) -> np.ndarray:
        """Declare the nodes of a type, those that are used, by ascending id; number the links."""
        used = np.unique(positions[positions != NONE])
        self.positions[node_type] = used
        self.builder.add_node_type(node_type, len(used))
        return lookup(used, positions)

    def _add(
        self, edge_type: EdgeType, src: np.ndarray, dst: np.ndarray, time: np.ndarray | None
    ) -> None:
        """A relation with its edges; one without edges is declared in a division only."""
        if len(src) or self.division:
            self.builder.add_relation(edge_type)
            self.builder.add_edges(edge_type, src, dst, time)

    def _add_venues(self, venue: np.ndarray) -> None:
        kinds, kind = self.records.papers.kinds, self.records.papers.kind[self.rows]
        own = sorted(kinds[i] for i in np.unique(kind[venue != NONE]))
        for name in self.division.kinds if self.division else own:
            of_kind = np.flatnonzero((kind == kinds.index(name)) & (venue != NONE))
            relation = ("paper", f"PV_{name or 'Unknown'}", "venue")
            self._add(relation, of_kind, venue[of_kind], self.year[of_kind])

    def _add_citations(self, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts, year = self.counts["references"], self.year
        citing, cited = self.node[references]
        kept = (citing != NONE) & (cited != NONE)
        counts.leave_out("paper left out", int((~kept).sum()))
        citing, cited = citing[kept], cited[kept]
        possible = year[citing] >= year[cited]
        counts.leave_out("cited paper is newer", int((~possible).sum()))
        citing, cited = citing[possible], cited[possible]
        self._add(("paper", "PP_cite", "paper"), citing, cited, year[citing])
        return citing, cited

    def _add_fields(self, paper: np.ndarray, field: np.ndarray) -> None:
        self.level = self.records.level[self.positions["field"]]
        own = np.unique(self.level[field]).tolist()
        for level in self.division.levels if self.division else own:
            at = self.level[field] == level
            relation = ("paper", f"PF_in_L{level}", "field")
            self._add(relation, paper[at], field[at], self.year[paper[at]])

    def _add_hierarchy(self) -> None:
        parents = lookup(self.positions["field"], self.records.parents)
        kept = (parents != NONE).all(axis=0)
        self.counts["hierarchy"].leave_out("field without papers", int((~kept).sum()))
        child, parent = parents[:, kept]
        self._add(("field", "FF_in", "field"), child, parent, None)

    def _add_employment(
        self, author: np.ndarray, affiliation: np.ndarray, year: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Timed by the earliest paper that shows it; published: untimed, so known before it began.
        known = affiliation != NONE
        of, who, since = distinct(np.stack([affiliation, author, year])[:, known], keys=2)
        self._add(("author", "in", "affiliation"), who, of, since)
        return of, who, since

    def _add_authors(self, author: np.ndarray, paper: np.ndarray, sequence: np.ndarray) -> None:
        last = np.zeros(len(self.rows), dtype=np.int64)
        np.maximum.at(last, paper, sequence)
        is_first = sequence == 1
        is_last = ~is_first & (sequence == last[paper])
        place = {"first": is_first, "last": is_last, "other": ~is_first & ~is_last}
        for name, at in place.items():
            relation = ("author", f"AP_write_{name}", "paper")
            self._add(relation, author[at], paper[at], self.year[paper[at]])

    def add_columns(self) -> None:
        """Years, original ids, titles, names, levels."""
        builder, papers = self.builder, self.records.papers
        builder.add_column("paper", "time", self.year)
        builder.add_column("paper", "id", papers.ids[self.rows])
        builder.add_ragged("paper", "title", map(papers.titles.text, self.rows.tolist()))
        for node_type, positions in self.positions.items():
            names = self.records.names[node_type]
            builder.add_column(node_type, "id", names.ids[positions])
            builder.add_ragged(node_type, "name", map(names.name, positions.tolist()))
        builder.add_column("field", "level", self.level)

    def add_vectors(self) -> None:
        """Given vectors as the part ``node_emb``, the same in all views; zeros where none is."""
        if self.records.vectors is None:
            return
        ids, values = self.records.vectors
        used, again = np.zeros((2, len(ids)), dtype=bool)
        for node_type in ("venue", "field", "affiliation"):
            part = self.builder.create_feature(node_type, "node_emb", values.shape[1])
            node = lookup(self.records.names[node_type].ids[self.positions[node_type]], ids)
            rows = np.flatnonzero(node != NONE)
            first = rows[np.unique(node[rows], return_index=True)[1]]
            part[node[first]] = values[first]
            used[first] = True
            again[np.setdiff1d(rows, first)] = True
        self.counts["vectors"].leave_out("duplicate", int((again & ~used).sum()))
        self.counts["vectors"].leave_out("not in the graph", int((~again & ~used).sum()))

    def count_names(self) -> None:
        """Names of nothing in the graph are left out."""
        names = self.records.names
        unused = sum(len(names[t].ids) - len(used) for t, used in self.positions.items())
        self.counts["names"].leave_out("not in the graph", unused)
