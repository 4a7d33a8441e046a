"""Cells of what is finished, the paper's numbers beside them, Markdown and LaTeX alike."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.report import paper
from GPT_GNN.report.results import Results, read_scores
from GPT_GNN.report.tables import MOST_FREQUENT, Table, escaped, gains_table, results_table

COLUMNS = {task: {"task": task, "method": "none"} for task in ("PF", "PV")}
ROWS = {"most frequent": MOST_FREQUENT} | {m: {"method": m} for m in ("none", "gae", "gpt")}


def none(cell):
    return {**cell, "method": "none"}


def finish(out, task, method, seed, values, items=None):
    """A finished run with these scores of its test items."""
    values = np.asarray(values, dtype=np.float64)
    name = f"{task}_{method}_{seed}"
    (out / name).mkdir(parents=True)
    items = np.arange(len(values)) if items is None else items
    np.savez(out / name / "test_scores.npz", items=items, ndcg=values, mrr=values / 2)
    metrics = {"ndcg": values.mean(), "mrr": values.mean() / 2}
    metrics |= {"most_frequent_ndcg": 0.1 + seed / 10, "most_frequent_mrr": 0.05}
    labels = {"task": task, "method": method}
    common = {"kind": "finetune", "seed": seed, "folder": name, "labels": labels}
    return {name: {"name": name, "metrics": metrics, **common}}


@pytest.fixture
def records(tmp_path):
    """PF: two seeds from scratch and with gpt, one with gae; PV: from scratch only."""
    scratch = np.linspace(0.2, 0.6, 40)
    noise = np.random.default_rng(0).normal(0, 0.05, 40)
    runs = {}
    for seed in (0, 1):
        runs |= finish(tmp_path, "PF", "none", seed, scratch + seed / 10)
        runs |= finish(tmp_path, "PF", "gpt", seed, scratch + seed / 10 + 0.2 + noise)
    runs |= finish(tmp_path, "PF", "gae", 1, scratch + 0.1)
    return runs | finish(tmp_path, "PV", "none", 0, scratch)


def test_a_partly_finished_table(tmp_path, records):
    results = Results(tmp_path, records, ("ndcg", "mrr"))

    def number(cell):
        return {("gpt", "PF"): 0.42, ("gae", "PF"): 0.403}.get((cell["method"], cell["task"]))

    table = results_table("title", ROWS, COLUMNS, results, none, number)
    assert table.header == ("", "PF", "paper", "PV")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["most frequent"] == (
        "0.150 ± 0.071 / 0.050 ± 0.000 (2)",
        "-",
        "0.100 / 0.050 (1)",
    )
    assert rows["none"] == ("0.450 ± 0.071 / 0.225 ± 0.035 (2)", "-", "0.400 / 0.200 (1)")
    # Tested over the seed that both have, where it scores alike on every item.
    assert rows["gae"] == ("0.500 / 0.250 (1; 0 of 1 up; p 1.000)", "0.403", "-")
    mean = np.mean([r["metrics"]["ndcg"] for n, r in records.items() if n.startswith("PF_gpt")])
    assert rows["gpt"][0].startswith(f"{mean:.3f} ± 0.071 / ")
    assert rows["gpt"][0].endswith("(2; 2 of 2 up; p < 0.001)") and rows["gpt"][1:] == (
        "0.420",
        "-",
    )


@pytest.mark.parametrize("old", [(0,), (0, 1)])
def test_the_most_frequent_answers_of_runs_of_an_older_version(tmp_path, records, old):
    """They were called floor_*; a table may have runs of both."""
    for seed in old:
        metrics = records[f"PF_none_{seed}"]["metrics"]
        for name in ("ndcg", "mrr"):
            metrics[f"floor_{name}"] = metrics.pop(f"most_frequent_{name}")
    results = Results(tmp_path, records, ("ndcg", "mrr"))
    (row, *_) = results_table("t", ROWS, COLUMNS, results, none).rows
    assert row == ("most frequent", "0.150 ± 0.071 / 0.050 ± 0.000 (2)", "0.100 / 0.050 (1)")


def test_a_test_over_fewer_seeds_than_the_mean_says_so(tmp_path, records):
    more = finish(tmp_path, "PF", "gae", 0, np.linspace(0.2, 0.6, 40) + 0.1)
    more |= finish(tmp_path, "PF", "gae", 2, np.linspace(0.2, 0.6, 40) + 0.1)
    results = Results(tmp_path, records | more, ("ndcg", "mrr"))
    table = results_table("t", ROWS, COLUMNS, results, none)
    assert table.rows[2][1].endswith("(3; 1 of 2 up; p < 0.001)")
    assert table.rows[3][1].endswith("(2; 2 of 2 up; p < 0.001)")


def test_all_seeds_are_tested_not_the_first(tmp_path):
    """Of two seeds that say the opposite on every item nothing is left."""
    base, runs = np.arange(40) / 64, {}  # in halves of halves: no rounding
    for seed, gain in ((0, 0.125), (1, -0.125)):
        runs |= finish(tmp_path, "PF", "none", seed, base)
        runs |= finish(tmp_path, "PF", "gpt", seed, base + gain)
        runs |= finish(tmp_path, "PF", "gae", seed, base + gain + 0.125)
    results = Results(tmp_path, runs, ("ndcg", "mrr"))
    rows = {row[0]: row[1] for row in results_table("t", ROWS, COLUMNS, results, none).rows}
    assert rows["gpt"].endswith("(2; 1 of 2 up; p 1.000)")
    assert rows["gae"].endswith("(2; 1 of 2 up; p < 0.001)")


def test_gains_are_of_runs_with_the_same_seed(tmp_path, records):
    """A seed's labels move both runs by 0.1, which is no deviation of what is gained."""
    records |= finish(tmp_path, "PV", "gpt", 0, np.linspace(0.2, 0.6, 40) - 0.02)
    records |= finish(tmp_path, "PV", "gae", 1, np.linspace(0.2, 0.6, 40))
    rows = {m: {"method": m} for m in ("gae", "gpt", "infomax")}
    results = Results(tmp_path, records, ("ndcg", "mrr"))
    table = gains_table("t", rows, COLUMNS, results, none)
    gain = np.mean([records[f"PF_gpt_{s}"]["metrics"]["ndcg"] for s in (0, 1)]) - 0.45
    assert table.header == ("", "PF", "PV")
    assert table.rows == (
        ("gae", "+0.000 (1)", "-"),  # no seed that both have in PV
        ("gpt", f"+{gain:.3f} ± 0.000 (2)", "-0.020 (1)"),
        ("infomax", "-", "-"),
    )


def test_nothing_is_finished(tmp_path):
    table = results_table("t", ROWS, COLUMNS, Results(tmp_path, {}, ("ndcg", "mrr")), none)
    assert {cell for row in table.rows for cell in row[1:]} == {"-"}
    assert "| gpt           | -  | -  |" in table.markdown()


def test_a_run_without_its_scores_is_shown_untested(tmp_path, records):
    (tmp_path / "PF_gae_1" / "test_scores.npz").unlink()
    results = Results(tmp_path, records, ("ndcg", "mrr"))
    table = results_table("t", ROWS, COLUMNS, results, none)
    assert table.rows[2] == ("gae", "0.500 / 0.250 (1)", "-")


def test_other_items_are_refused(tmp_path, records):
    more = finish(tmp_path, "PV", "gpt", 0, np.linspace(0, 1, 40), np.arange(40)[::-1])
    results = Results(tmp_path, records | more, ("ndcg", "mrr"))
    with pytest.raises(ValueError, match=r"PV_none_0.*expected the test items of .*PV_gpt_0"):
        results_table("t", ROWS, COLUMNS, results, none)


def test_micro_f1_of_an_item_is_whether_it_is_right(tmp_path):
    path = tmp_path / "test_scores.npz"
    np.savez(path, items=np.arange(3), true=np.array([0, 1, 2]), predicted=np.array([0, 2, 2]))
    assert read_scores([path], "micro_f1").tolist() == [[1, 0, 1]]


def test_latex_is_what_markdown_says_escaped():
    table = Table("50 % & more", ("", "a_b"), (("w/o {x}", "0.1 ± 0.2; p < 0.001"),), "~note^2\\")
    assert table.latex() == "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering\small",
            r"\caption{50 \% \& more. \textasciitilde{}note\textasciicircum{}2\textbackslash{}}",
            r"\begin{adjustbox}{max width=\textwidth}",
            r"\begin{tabular}{lc}",
            r"\toprule",
            r" & a\_b \\",
            r"\midrule",
            r"w/o \{x\} & 0.1 $\pm$ 0.2; p $<$ 0.001 \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{adjustbox}",
            r"\end{table}",
        ]
    )
    assert escaped("$#") == r"\$\#"
    assert table.markdown().splitlines()[0] == "**50 % & more**"


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (("field", "GPT-GNN", "hgt", "PF"), 0.420),
        (("time", "GraphSAGE", "hgt", "PV"), 0.601),
        (("time+field", "w/o adaptive queue", "hgt", "AD"), 0.828),
        (("time", "no pre-train", "hgt", "AD"), 0.813),
        (("field", "no pre-train", "han", "PF"), 0.332),
        (("field", "GPT-GNN", "gat", "PF"), 0.382),
        (("field", "GPT-GNN", "gat", "PV"), None),
        (("time", "GPT-GNN", "gat", "PF"), None),
        (("field", "GPT-GNN", "hetgnn", "PF"), None),
        (("field", "GAE", "gcn", "PF"), None),
        (("time", "w/o adaptive queue", "hgt", "PF"), None),
        (("time", "MLP", "hgt", "PF"), None),
        (("time", "GPT-GNN", "hgt", ""), None),
        (("random", "GPT-GNN", "hgt", "PF"), None),
    ],
)
def test_the_papers_numbers(cell, number):
    assert paper.NUMBERS.get((*cell, 0.1)) == number
    assert (*cell, 0.2) not in paper.NUMBERS
    assert paper.ENCODERS["hgt"] == tuple(
        paper.NUMBERS["field", method, "hgt", "PF", 0.1] for method in ("no pre-train", "GPT-GNN")
    )
