"""What must hold of every sample, whatever was drawn."""

import os
import subprocess
import sys
import threading
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.sampler import kernels
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.kernels.compiler import SOURCES
from GPT_GNN.sampler.query import Query
from tests.sampler.graphs import CITE, MEETS, SAME, random_graph, same_subgraph

ROOT = Path(__file__).parents[2]
TIME_MAX = 2008
SEEDS = {
    "paper": (np.array([9, 0, 59]), np.array([2004, 2006, 2008])),
    "author": (np.array([5, 39]), np.array([2004, 2005])),
}


def draw(graph, i, depth=3, seeds=SEEDS):
    """Sample number i; number 0 takes in all that it reaches."""
    return HGSampler(graph, sample_depth=depth, sample_width=5 if i else 100).sample(
        Query(seeds, TIME_MAX, "pretrain"), derive(7, i)
    )


def stored_edges(graph):
    """(edge type, source, target) -> times."""
    out = {}
    for e, edge_type in enumerate(graph.edge_types):
        csr = graph.csr(edge_type)
        times = [NO_TIME] * len(csr.indices) if csr.time is None else csr.time.tolist()
        for u, v, t in zip(csr.indices.tolist(), csr.targets().tolist(), times, strict=True):
            out.setdefault((e, u, v), []).append(t)
    return out


def sampled_edges(graph, s):
    """[(edge type, source, target, link)] in ids of the graph."""
    out = []
    for e, edge_type in enumerate(graph.edge_types):
        at = s.edges(edge_type)
        source = s.node_ids[graph.node_types.index(edge_type[0])][s.src[at]]
        target = s.node_ids[graph.node_types.index(edge_type[2])][s.dst[at]]
        out += zip(
            [e] * len(source), source.tolist(), target.tolist(), s.link[at].tolist(), strict=True
        )
    return out


@pytest.mark.parametrize("i", range(15))
def test_nodes(timed_graph, i):
    s = draw(timed_graph, i)
    for t, node_type in enumerate(timed_graph.node_types):
        ids, times = s.node_ids[t], s.node_times[t]
        seeds, seed_times = SEEDS.get(node_type, (np.empty(0, int), np.empty(0, int)))
        assert s.num_seeds[t] == len(seeds)
        assert np.array_equal(ids[: len(seeds)], seeds)
        assert np.array_equal(times[: len(seeds)], seed_times)
        assert len(np.unique(ids)) == len(ids) == len(times)
        assert len(ids) <= len(seeds) + 3 * (5 if i else 100)
        assert ids.dtype == np.int64 and times.dtype == np.int32
        assert not len(ids) or (ids.min() >= 0 and ids.max() < timed_graph.num_nodes(node_type))
        assert (times <= TIME_MAX).all() and (times > 1990).all()


@pytest.mark.parametrize("i", range(15))
def test_edges_are_edges_of_the_graph_and_not_late(timed_graph, i):
    stored = stored_edges(timed_graph)
    found = Counter(edge[:3] for edge in sampled_edges(timed_graph, draw(timed_graph, i)))
    assert len(found) > 20
    for edge, count in found.items():
        assert count == sum(time <= TIME_MAX for time in stored[edge])


@pytest.mark.parametrize("timed", [True, False])
def test_edges_are_sorted(timed_graph, untimed_graph, timed):
    graph = timed_graph if timed else untimed_graph
    seeds = SEEDS if timed else {t: (ids, None) for t, (ids, _) in SEEDS.items()}
    s = draw(graph, 0, seeds=seeds)
    assert s.edge_offsets[0] == 0 and s.edge_offsets[-1] == len(s.src) == len(s.dst) == len(s.link)
    assert s.src.dtype == s.dst.dtype == s.link.dtype == np.int32
    for edge_type in graph.edge_types:
        at = s.edges(edge_type)
        key = s.dst[at].astype(int) * 1000 + s.src[at]
        assert (np.diff(key) >= 0).all()
        assert (np.diff(key) > 0).all() or edge_type[1].endswith("meets")


@pytest.mark.parametrize("i", range(15))
def test_links_pair_each_edge_with_its_inverse(timed_graph, i):
    s = draw(timed_graph, i)
    inverse = timed_graph.schema.inverse
    by_link = {}
    for e, u, v, link in sampled_edges(timed_graph, s):
        by_link.setdefault(link, []).append((e, u, v))
    assert sorted(by_link) == list(range(s.num_links))
    for edges in by_link.values():
        e, u, v = edges[0]
        alone = inverse[e] == e and u == v  # a self loop of a symmetric relation
        assert edges[1:] == ([] if alone else [(inverse[e], v, u)])
    first_seen = list(dict.fromkeys(s.link.tolist()))
    assert first_seen == sorted(first_seen)


def test_the_hard_cases_occur(timed_graph):
    """Self loops, a self-inverse relation and parallel edges are in sample 0 of the tests above."""
    seen = sampled_edges(timed_graph, draw(timed_graph, 0))
    same, cite = timed_graph.schema.edge_type_id(SAME), timed_graph.schema.edge_type_id(CITE)
    meets = timed_graph.schema.edge_type_id(MEETS)
    assert any(e == same and u == v for e, u, v, _ in seen)
    assert any(e == same and u != v for e, u, v, _ in seen)
    assert any(e == cite and u == v for e, u, v, _ in seen)
    parallel = Counter((e, u, v) for e, u, v, _ in seen if e == meets)
    assert max(parallel.values()) > 1


def test_lone_seed_and_depth_zero(timed_graph):
    s = draw(timed_graph, 0, seeds={"paper": (np.array([59]), np.array([2005]))})
    assert [len(ids) for ids in s.node_ids] == [1, 0, 0, 0, 0]
    assert len(s.src) == s.num_links == 0
    shallow = draw(timed_graph, 0, depth=0)
    assert [len(ids) for ids in shallow.node_ids] == list(shallow.num_seeds) == [3, 2, 0, 0, 0]
    nothing = draw(timed_graph, 0, seeds={})
    assert sum(len(ids) for ids in nothing.node_ids) == 0


def test_graph_without_edges_or_relations(tmp_path):
    for name, relations in (("none", []), ("empty", [("a", "to", "b")])):
        with build_graph(tmp_path / name) as builder:
            builder.add_node_type("a", 2)
            builder.add_node_type("b", 1)
            for edge_type in relations:
                builder.add_relation(edge_type)
        graph = HeteroGraph.open(tmp_path / name)
        s = draw(graph, 0, seeds={"a": (np.array([1, 0]), None)})
        assert s.node_ids[0].tolist() == [1, 0] and s.node_times[0].tolist() == [NO_TIME] * 2
        assert len(s.edge_offsets) == 2 * len(relations) + 1


def test_an_edge_without_time_hands_on_its_targets(tmp_path):
    with build_graph(tmp_path / "store") as builder:
        builder.add_node_type("a", 3)
        builder.add_relation(("a", "to", "a"))
        times = np.array([NO_TIME, 2001])
        builder.add_edges(("a", "to", "a"), np.array([1, 2]), np.array([0, 0]), times)
    s = draw(HeteroGraph.open(tmp_path / "store"), 0, seeds={"a": (np.array([0]), np.array([7]))})
    assert dict(zip(s.node_ids[0].tolist(), s.node_times[0].tolist(), strict=True)) == {
        0: 7,
        1: 7,
        2: 2001,
    }


def test_same_generator_same_sample_from_threads_too(timed_graph):
    sampler = HGSampler(timed_graph, sample_depth=3, sample_width=4)
    expected = [sampler.sample(Query(SEEDS, TIME_MAX, "pretrain"), derive(3, i)) for i in range(40)]
    assert not same_subgraph(expected[0], expected[1])
    found: dict[int, bool] = {}

    def work(part):
        for i in range(part, 40, 4):
            again = sampler.sample(Query(SEEDS, TIME_MAX, "pretrain"), derive(3, i))
            found[i] = same_subgraph(again, expected[i])

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40 and all(found.values())


@pytest.mark.parametrize(
    "seeds, message",
    [
        ({"paper": (np.array([4, 2, 4]), None)}, "distinct ids, got 4 twice"),
        ({"paper": (np.array([60]), None)}, r"ids in \[0, 60\), got 60 .. 60"),
        ({"paper": (np.array([-1]), None)}, "got -1 .. -1"),
        ({"book": (np.array([0]), None)}, "unknown node type 'book'"),
        ({"paper": (np.array([1]), np.array([2009]))}, "up to 2008, got 2009"),
        ({"paper": (np.array([1, 2]), np.array([2001]))}, "differ"),
    ],
)
def test_bad_seeds(timed_graph, seeds, message):
    with pytest.raises(ValueError, match=message):
        draw(timed_graph, 0, seeds=seeds)


def test_bad_settings(timed_graph):
    for depth, width in ((-1, 4), (2, 0)):
        with pytest.raises(ValueError, match="expected a value in"):
            HGSampler(timed_graph, sample_depth=depth, sample_width=width)


PEAK = """
import sys, tracemalloc
import numpy as np
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query

for path in sys.argv[1:]:
    sampler = HGSampler(HeteroGraph.open(path), sample_depth=3, sample_width=8)
    tracemalloc.start()
    sampler.sample(Query({"a": (np.array([5, 11]), None)}, 0, ""), np.random.default_rng(0))
    print(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
"""


def test_memory_follows_the_sample(tmp_path):
    """A ring with one hub, 1,000 and 200,000 nodes: the kernel, run as Python, peaks the same."""
    for n in (1000, 1000, 200_000):
        ring = np.arange(n)
        with build_graph(tmp_path / str(n)) as builder:
            builder.add_node_type("a", n)
            builder.add_relation(("a", "next", "a"), inverse="next")
            builder.add_edges(("a", "next", "a"), ring, (ring + 1) % n)
            builder.add_edges(("a", "next", "a"), ring, np.zeros(n, int))
    stores = [str(tmp_path / str(n)) for n in (1000, 1000, 200_000)]  # the first warms up
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", PEAK, *stores]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    _, small, large = map(int, done.stdout.split())
    assert large < 1.2 * small < 200_000


LOOKS = """
import sys
import numpy as np
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query

class Counted:
    looks = 0
    def __init__(self, values):
        self.values = values
    def __len__(self):
        return len(self.values)
    def __getitem__(self, at):
        Counted.looks += 1
        return self.values[at]

graph = HeteroGraph.open(sys.argv[1])
other = HiddenEdges(graph, pairs={("paper", "PV", "venue"): (np.array([0]), np.array([1]))})
for hidden in (None, other):
    sampler = HGSampler(graph, sample_depth=2, sample_width=16)
    arrays = sampler._arrays
    sampler._arrays = arrays._replace(edges=Counted(arrays.edges))
    papers = (np.arange(99), np.full(99, 2001))
    seeds = {"venue": (np.array([0]), np.array([2013])), "paper": papers}
    s = sampler.sample(Query(seeds, 2013, "", hidden), np.random.default_rng(0))
    assert len(s.src) == 2 * 115, len(s.src)
print(Counted.looks)
"""


def test_a_hub_costs_nothing(tmp_path):
    """A venue of 100,000 papers, most of them late: few of its edges are looked at."""
    n = 100_000
    with build_graph(tmp_path / "store") as builder:
        builder.add_node_type("paper", n)
        builder.add_node_type("venue", 2)
        builder.add_relation(("paper", "PV", "venue"))
        time = np.where(np.arange(n) < 30_000, 2001, 2019)
        builder.add_edges(("paper", "PV", "venue"), np.arange(n), np.zeros(n, int), time)
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", LOOKS, str(tmp_path / "store")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2500


def test_kernel_is_compiled_once(timed_graph, untimed_graph, tmp_path):
    """Timed, untimed and edgeless graphs give it arrays of the same kinds."""
    draw(timed_graph, 0)
    draw(untimed_graph, 0, seeds={"paper": (np.array([1]), None)})
    draw(random_graph(tmp_path / "store", 0, n_edges=0), 0)
    assert len(kernels.sample.signatures) == 1


def test_an_edited_kernel_is_compiled_anew():
    """Numba's cache goes by the name; without the checksum in it, it would run stale code."""
    folder = Path(kernels.__file__).parent
    assert {*folder.glob("*.py"), folder.parents[1] / "system" / "prefetch.py"} == set(SOURCES)
    checksum = zlib.crc32(b"".join(source.read_bytes() for source in SOURCES))
    assert kernels.sample.py_func.__qualname__ == f"sample_{checksum:08x}"


def test_edges_later_than_the_bound_leave_no_trace(tmp_path: Path) -> None:
    """A venue's later papers must not thin out the sample of its earlier ones."""
    samples = []
    for later in (0, 200):
        with build_graph(tmp_path / str(later)) as builder:
            builder.add_node_type("paper", 400)
            builder.add_node_type("venue", 1)
            builder.add_relation(("paper", "PV", "venue"))
            papers = np.arange(200 + later)
            time = np.where(papers < 200, 2010, 2019)
            builder.add_edges(("paper", "PV", "venue"), papers, np.zeros_like(papers), time)
        sampler = HGSampler(
            HeteroGraph.open(tmp_path / str(later)), sample_depth=2, sample_width=16
        )
        seeds = {"venue": (np.array([0]), np.array([2013]))}
        samples.append(sampler.sample(Query(seeds, 2013, "pretrain"), np.random.default_rng(0)))
    assert len(samples[0].node_ids[0]) == 16
    np.testing.assert_array_equal(samples[0].node_ids[0], samples[1].node_ids[0])
