"""Nodes, relations and columns of an OAG store from what a raw dump holds."""

from __future__ import annotations

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.datasets.academic.features import Links
from GPT_GNN.datasets.academic.links import read_authors, read_fields
from GPT_GNN.datasets.academic.transfer import Division
from GPT_GNN.datasets.oag.field_vectors import add_node_vectors, find_vectors
from GPT_GNN.datasets.oag.raw import Names, Papers, RawDump, read_hierarchy
from GPT_GNN.datasets.raw import NONE, lookup
from GPT_GNN.schema import EdgeType


class OAGraph:
    """Numbers the nodes of a dump and adds its relations and columns to a store.

    Args:
        papers: those of the store.
        division: where they are one side of a dump's; the store then has the relations that the
            whole dump has, so that both sides have one schema.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        dump: RawDump,
        names: dict[str, Names],
        papers: Papers,
        division: Division | None = None,
    ) -> None:
        self.builder, self.dump, self.names, self.papers = builder, dump, names, papers
        self.division = division
        self.positions: dict[str, np.ndarray] = {}  # node type -> [nodes] position in its names
        self.level = np.empty(0, dtype=np.int8)

    def add_links(self, references: np.ndarray) -> Links:
        """Read the link files, declare nodes and relations, add all edges."""
        papers, names = self.papers, self.names
        hierarchy = read_hierarchy(self.dump)
        of_field = read_fields(self.dump, papers, names["field"], hierarchy)
        of_author = read_authors(self.dump, papers, names["author"], names["affiliation"])
        self.builder.add_node_type("paper", len(papers.ids))
        author = self._number("author", of_author[1])
        venue = self._number("venue", papers.venue)
        field = self._number("field", of_field[1])
        affiliation = self._number("affiliation", of_author[2])
        field_ids = names["field"].ids[self.positions["field"]]
        self.level = hierarchy.level[lookup(hierarchy.ids, field_ids)]
        self._add_venues(venue)
        citations = self._add_citations(references)
        self._add_fields(of_field[0], field)
        self._add_hierarchy(hierarchy.child, hierarchy.parent, field_ids)
        employment = self._add_employment(author, affiliation, papers.year[of_author[0]])
        self._add_authors(author, of_author[0], of_author[3])
        with_venue = np.flatnonzero(venue != NONE)
        return Links(
            year=papers.year,
            papers_of={
                "author": distinct_pairs(author, of_author[0])[:2],
                "venue": (venue[with_venue], with_venue),
                "field": (field, of_field[0]),
            },
            employment=employment,
            citations=citations,
            num_nodes={"paper": len(papers.ids)}
            | {node_type: len(positions) for node_type, positions in self.positions.items()},
        )

    def _number(self, node_type: str, positions: np.ndarray) -> np.ndarray:
        """Declare the nodes of a type, those that are used, by ascending id; number the links."""
        used = np.unique(positions[positions != NONE])
        self.positions[node_type] = used
        self.builder.add_node_type(node_type, len(used))
        return lookup(used, positions)

    def _add(
        self,
        edge_type: EdgeType,
        src: np.ndarray,
        dst: np.ndarray,
        time: np.ndarray | None,
    ) -> None:
        """A relation with its edges; one without edges is not declared but by a division."""
        if len(src) or self.division:
            self.builder.add_relation(edge_type)
            self.builder.add_edges(edge_type, src, dst, time)

    def _add_venues(self, venue: np.ndarray) -> None:
        doc_type = self.papers.doc_type
        own = np.unique(doc_type[venue != NONE]).tolist()
        for name in self.division.doc_types if self.division else own:
            of_type = np.flatnonzero((doc_type == name) & (venue != NONE))
            relation = f"PV_{name or 'Unknown'}"
            time = self.papers.year[of_type]
            self._add(("paper", relation, "venue"), of_type, venue[of_type], time)

    def _add_citations(self, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts, year = self.dump.counts["PR"], self.papers.year
        citing, cited = self.papers.node[references]
        kept = (citing != NONE) & (cited != NONE)
        counts.leave_out("paper left out", int((~kept).sum()))
        citing, cited = citing[kept], cited[kept]
        possible = year[citing] >= year[cited]
        counts.leave_out("cited paper is newer", int((~possible).sum()))
        citing, cited = citing[possible], cited[possible]
        self._add(("paper", "PP_cite", "paper"), citing, cited, year[citing])
        return citing, cited

    def _add_fields(self, paper: np.ndarray, field: np.ndarray) -> None:
        own = np.unique(self.level[field]).tolist()
        for level in self.division.levels if self.division else own:
            at = self.level[field] == level
            time = self.papers.year[paper[at]]
            self._add(("paper", f"PF_in_L{level}", "field"), paper[at], field[at], time)

    def _add_hierarchy(self, child: np.ndarray, parent: np.ndarray, ids: np.ndarray) -> None:
        child, parent = lookup(ids, child), lookup(ids, parent)
        kept = (child != NONE) & (parent != NONE)
        self.dump.counts["FHierarchy"].leave_out("field without papers", int((~kept).sum()))
        self._add(("field", "FF_in", "field"), child[kept], parent[kept], None)

    def _add_employment(
        self, author: np.ndarray, affiliation: np.ndarray, year: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Timed by the earliest paper that shows it; published: untimed, so known before it began.
        known = affiliation != NONE
        of, who, since = distinct_pairs(affiliation[known], author[known], year[known])
        self._add(("author", "in", "affiliation"), who, of, since)
        return of, who, since

    def _add_authors(self, author: np.ndarray, paper: np.ndarray, sequence: np.ndarray) -> None:
        last = np.zeros(len(self.papers.ids), dtype=np.int64)
        np.maximum.at(last, paper, sequence)
        is_first = sequence == 1
        is_last = ~is_first & (sequence == last[paper])
        for name, at in (
            ("first", is_first),
            ("last", is_last),
            ("other", ~is_first & ~is_last),
        ):
            time = self.papers.year[paper[at]]
            self._add(("author", f"AP_write_{name}", "paper"), author[at], paper[at], time)

    def add_columns(self) -> None:
        """Years, original ids, titles, names, levels."""
        builder, papers = self.builder, self.papers
        builder.add_column("paper", "time", papers.year)
        builder.add_column("paper", "id", papers.ids)
        builder.add_ragged("paper", "title", (papers.title(i) for i in range(len(papers.ids))))
        for node_type, positions in self.positions.items():
            names = self.names[node_type]
            builder.add_column(node_type, "id", names.ids[positions])
            texts = (names.text.text(row) for row in names.rows[positions])
            builder.add_ragged(node_type, "name", texts)
        builder.add_column("field", "level", self.level)

    def add_vectors(self) -> None:
        """Given vectors of venues, fields and affiliations, when the dump has them."""
        path = find_vectors(self.dump.folder)
        if path is not None:
            ids = {
                node_type: self.names[node_type].ids[self.positions[node_type]]
                for node_type in ("venue", "field", "affiliation")
            }
            skip = self.dump.skip_bad_rows
            self.dump.counts["vfi_vector"] = add_node_vectors(self.builder, path, ids, skip)

    def count_names(self) -> None:
        """Names of nothing in the graph are left out."""
        unused = sum(len(self.names[t].ids) - len(used) for t, used in self.positions.items())
        self.dump.counts["SeqName"].leave_out("not in the graph", unused)


def distinct_pairs(
    first: np.ndarray, second: np.ndarray, year: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct (first, second), each with its earliest year (zeros without years)."""
    years = np.zeros(len(first), dtype=np.int32) if year is None else year
    order = np.lexsort((years, second, first))
    first, second, years = first[order], second[order], years[order]
    new = np.ones(len(first), dtype=bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return first[new], second[new], years[new]
