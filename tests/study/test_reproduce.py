"""The scripts that fill the paper's tables, from their flags to the report."""

from __future__ import annotations

import json
import runpy
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.study import grid
from GPT_GNN.study.plan import plan
from GPT_GNN.study.progress import duration
from GPT_GNN.study.records import only_process, read_records
from GPT_GNN.study.reproduce import reproduce
from GPT_GNN.study.study import Cells, DataFlags

ROOT = Path(__file__).resolve().parents[2]
PF = ("PF",)
FIELDS = {"input_dir": "", "domain": "_CS", "finetune_fields": ("oceanography",)}


@pytest.fixture
def oag(study, scripts):
    """The real study with scripts that cost nothing, fewer methods and encoders."""
    real = study("example_OAG")
    tables = {
        "transfer": replace(
            real.tables["transfer"],
            settings=("time", "field"),
            methods=("MLP", "no pre-train", "GPT-GNN"),
            tasks=("PF", "AD"),
        ),
        "encoders": replace(real.tables["encoders"], convs=("hgt", "gcn")),
        "labels": replace(real.tables["labels"], tasks=("PF",), fractions=(0.1, 1.0)),
    }
    return replace(real, scripts=str(scripts), tables=tables, raw_files=raw_files)


def raw_files(data):
    """Stands for what a data set looks at: any files of tables, and a field that there is not."""
    if "nonsense" in data["finetune_fields"]:
        raise ValueError(f"--finetune_fields: no field {data['finetune_fields']!r}")
    files = Path(data["input_dir"]).glob("*.tsv") if data["input_dir"] else ()
    return {path.name: path.stat().st_size for path in files}


def test_from_flags_to_report(oag, tmp_path, calls, capsys):
    flags = ["--out", str(tmp_path), "--jobs", "2"]
    reproduce(oag, "", [*flags, "--table", "labels", "--seeds", "2"])
    first = calls()
    assert len(first) == 1 + 2 + 2 * 2 * 2
    report = (tmp_path / "report" / "report.md").read_text()
    assert report.count(" up; p ") == 2 + 1 and "11 of 11 jobs finished, which took" in report
    assert "## transfer" not in report
    caption = "Validation scores of fine-tuning, setting time, hgt, 10 % of the labels."
    assert f"![labels, finetuning](labels_finetuning.png)\n\n*{caption}*" in report
    assert "| GPT-GNN, 10 %       |" in report and "| no pre-train, 100 % |" in report
    assert "**OAG, labels: pre-training, validation losses**" in report
    assert "**OAG, labels, setting time: test NDCG above no pre-train of the same seed**" in report
    (trained,) = [x for x in report.splitlines() if x.startswith("| time, GPT-GNN, hgt |")]
    assert [x.strip() for x in trained.split("|")[2:6]] == ["1.000 ± 0.707", "-", "-", "2 of 2"]
    assert (tmp_path / "report" / "labels_curves.png").is_file()
    # Another table takes over what is finished, and the report keeps what was there.
    reproduce(oag, "", [*flags, "--table", "transfer", "--seeds", "1"])
    again = calls()
    assert all(again.count(name) == 1 for name in again) and set(first) < set(again)
    report = (tmp_path / "report" / "report.md").read_text()
    assert "## transfer" in report and "## labels" in report
    assert "it does not say whether as NDCG or MRR, we believe MRR." in report
    shown = capsys.readouterr().out
    assert "**OAG, transfer, setting time, 10 % of the labels**" in shown
    row = next(x for x in shown.splitlines() if x.startswith("| GPT-GNN ") and "0.405" in x)
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells[0].endswith("(1; 1 of 1 up; p < 0.001)") and cells[1] == "0.405"
    assert len(cells) == 4 and cells[-1] == "0.840"
    title = "**OAG, transfer, 10 % of the labels: test NDCG above no pre-train of the same seed**"
    assert title in shown
    assert "Steps: fine-tuning, 10 %: 2; pre-training, time: 2" in shown
    latex = (tmp_path / "report" / "tables.tex").read_text()
    assert latex.count(r"\begin{table}") == 4 + 5 and r"p $<$ 0.001" in latex
    # Settings that differ keep their stores apart.
    stores = [r for r in read_records(tmp_path).values() if r["kind"] == "preprocess"]
    assert {r["command"] for r in stores} == {
        "preprocess_OAG.py --domain _CS --transfer time",
        "preprocess_OAG.py --domain _CS --transfer field --finetune_fields oceanography",
    }
    report_only = ["--out", str(tmp_path), "--report_only", "--table", "encoders"]
    reproduce(oag, "", [*report_only, "--seeds", "1"])
    assert calls() == again
    assert "| gcn | - " in capsys.readouterr().out


def test_some_settings_alone_are_run_and_shown(oag, tmp_path, calls, capsys):
    dump = tmp_path / "dump"
    dump.mkdir()
    flags = ["--out", str(tmp_path), "--seeds", "1", "--input_dir", str(dump)]
    for wrong in (["--settings", "field,x"], ["--table", "labels", "--settings", "field"]):
        with pytest.raises(ValueError, match="--settings"):
            reproduce(oag, "", [*flags, *wrong])
    assert not calls()
    # What the settings that are left out need is not asked for.
    reproduce(oag, "", [*flags, "--table", "transfer", "--settings", "time"])
    records = read_records(tmp_path).values()
    assert {record["labels"]["setting"] for record in records} == {"time"} and records
    shown = capsys.readouterr().out
    assert "**OAG, transfer, setting time, 10 % of the labels**" in shown
    assert "setting field" not in shown
    before = calls()
    flags += ["--finetune_fields", "x"]
    reproduce(oag, "", [*flags, "--table", "transfer"])
    assert set(before) < set(calls()) and len(calls()) == 2 * len(before)
    assert "setting time" in (shown := capsys.readouterr().out) and "setting field" in shown


def test_a_failed_job_is_reported_and_the_others_are_shown(oag, tmp_path):
    tasks = {name: replace(t, command=f"{t.command} --fail") for name, t in oag.tasks.items()}
    broken = replace(oag, tasks={**oag.tasks, "PF": tasks["PF"]})
    spec = Cells("methods", ("time",), ("no pre-train",), ("PF", "AD"))
    broken = replace(broken, tables={"few": spec})
    with pytest.raises(ValueError, match=r"1 of 3 jobs failed or need one that did: finetune_time"):
        reproduce(broken, "", ["--out", str(tmp_path), "--seeds", "1"])
    assert "2 of 3 jobs finished" in (tmp_path / "report" / "report.md").read_text()


def test_the_folder_remembers_its_data(oag, tmp_path):
    scratch = {"methods": ("no pre-train",), "tasks": ("AD",)}
    spec = replace(oag.tables["transfer"], **scratch)
    tables = {"labels": replace(spec, settings=("time",)), "transfer": spec}
    oag = replace(oag, tables=tables)
    dump, out = tmp_path / "dump", ["--out", str(tmp_path / "out"), "--seeds", "1"]
    dump.mkdir()
    begin = [*out, "--table", "labels", "--input_dir", str(dump), "--domain", "_Med"]
    reproduce(oag, "", begin)
    with pytest.raises(ValueError, match="expected --finetune_fields, which setting field needs"):
        reproduce(oag, "", out)
    reproduce(oag, "", [*out, "--report_only"])
    reproduce(oag, "", [*out, "--table", "transfer", "--finetune_fields", "cell biology,x"])
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    assert data == {
        **{"input_dir": str(dump), "domain": "_Med", "finetune_fields": ["cell biology,x"]},
        **{"language": "en", "citation_bar": "0", "pretrain_fields": []},
        "preset": "small",
    }
    records = read_records(tmp_path / "out")
    assert records["store_field"]["command"].endswith("--finetune_fields 'cell biology,x'")
    for other in (["--domain", "_X"], ["--preset", "paper"], ["--citation_bar", "2"]):
        told = f"was started with {other[0]} .*none of its 2 finished runs has these.*another --out"
        for dry in ([], ["--dry_run"]):
            with pytest.raises(ValueError, match=told):
                reproduce(oag, "", [*out, *other, *dry])
    older = {name: data[name] for name in FIELDS}  # by a version that knew no other flag
    (tmp_path / "out" / "data.json").write_text(json.dumps(older))
    reproduce(oag, "", [*out, "--report_only"])
    with pytest.raises(ValueError, match="was started with --language 'en', got 'any'"):
        reproduce(oag, "", [*out, "--language", "any"])
    assert read_records(tmp_path / "out") == records
    older["preset"] = "large"
    (tmp_path / "out" / "data.json").write_text(json.dumps(older))
    with pytest.raises(ValueError, match=r"expected one of the presets \['small', 'paper'\], got"):
        reproduce(oag, "", out)


def test_a_changed_flag_runs_anew_what_depends_on_it_alone(oag, tmp_path, calls, capsys):
    spec = replace(oag.tables["transfer"], methods=("GPT-GNN",), tasks=("PF",))
    oag = replace(oag, tables={"transfer": spec})
    out = ["--out", str(tmp_path), "--seeds", "1"]
    reproduce(oag, "", [*out, "--finetune_fields", "astronomy"])
    first = read_records(tmp_path)
    assert len(calls()) == 6  # a store, a model and a run in each of two settings
    capsys.readouterr()
    reproduce(oag, "", [*out, "--dry_run"])  # the flags are remembered
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == "finished: 6 of 6 jobs; to run: 0; to run again: 0"
    reproduce(oag, "", [*out, "--dry_run", "--finetune_fields", "music", "--seeds", "2"])
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3:] == [
        "finished: 3 of 10 jobs; to run: 4; to run again: 3:",
        "  store_field: --finetune_fields music, was --finetune_fields astronomy",
        "  2 more that depend on these",
    ]
    with pytest.raises(ValueError, match="no field .*'nonsense'"):
        reproduce(oag, "", [*out, "--finetune_fields", "nonsense"])
    assert len(calls()) == 6 and read_records(tmp_path) == first
    assert json.loads((tmp_path / "data.json").read_text())["finetune_fields"] == ["astronomy"]
    reproduce(oag, "", [*out, "--finetune_fields", "music"])
    assert "to run again: 3:\n  store_field: " in capsys.readouterr().out
    again = {name for name, record in read_records(tmp_path).items() if record != first[name]}
    assert again == {name for name in first if "_field" in name} and len(again) == 3
    # Taken back: what was run with it is another run, and of time all is still as it was.
    reproduce(oag, "", [*out, "--finetune_fields", "astronomy"])
    assert len(calls()) == 12
    kept = {name for name, record in read_records(tmp_path).items() if record == first[name]}
    assert kept == first.keys() - again


def test_a_default_can_be_given_where_another_value_is_remembered(oag, tmp_path, capsys):
    oag = replace(oag, tables={"labels": oag.tables["labels"]}, scripts="/none")
    out = ["--out", str(tmp_path), "--seeds", "1"]
    remembered = {"input_dir": "", "domain": "_CS", "language": "any", "preset": "paper"}
    (tmp_path / "data.json").write_text(json.dumps(remembered))
    (tmp_path / "results.jsonl").write_text("")
    for flags, told in (([], "The paper's sizes"), (["--preset", "small"], "Small: ")):
        reproduce(oag, "", [*out, "--dry_run", *flags])
        assert capsys.readouterr().out.startswith(told)


def test_the_same_dump_at_another_place(oag, tmp_path, calls, capsys):
    oag = replace(oag, tables={"labels": oag.tables["labels"]})
    out = ["--out", str(tmp_path / "out"), "--seeds", "1"]
    for name, text in (("one", "1 2"), ("same", "1 2"), ("other", "1 2 3")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "papers.tsv").write_text(text)
        (tmp_path / name / "notes.txt").write_text(name)
    reproduce(oag, "", [*out, "--input_dir", str(tmp_path / "one")])
    records = read_records(tmp_path / "out")
    assert records["store_time"]["inputs"] == {"papers.tsv": 3}
    reproduce(oag, "", [*out, "--input_dir", str(tmp_path / "same")])
    assert read_records(tmp_path / "out") == records
    for other in (str(tmp_path / "other"), ""):
        with pytest.raises(ValueError, match="was started with --input_dir '.*same', got '"):
            reproduce(oag, "", [*out, "--input_dir", other])
    # Of a store by an older version nobody knows which files it read.
    capsys.readouterr()
    lines = (
        (tmp_path / "out" / "results.jsonl")
        .read_text()
        .replace('"inputs": {"papers.tsv": 3}, ', "")
    )
    (tmp_path / "out" / "results.jsonl").write_text(lines)
    reproduce(oag, "", [*out, "--dry_run"])
    assert "finished: 6 of 6 jobs" in capsys.readouterr().out
    with pytest.raises(ValueError, match="was started with --input_dir"):
        reproduce(oag, "", [*out, "--input_dir", str(tmp_path / "one")])


def test_the_real_data_are_looked_at_before_the_first_job(study, tmp_path):
    """A mistyped field, a file that is not there: nothing is run, nothing is written."""
    # Without scripts: a job that were begun would end at once.
    oag, reddit = (replace(study(f"example_{name}"), scripts="/none") for name in ("OAG", "reddit"))
    out = ["--out", str(tmp_path / "out"), "--table", "leaks", "--seeds", "1"]
    (tmp_path / "dump").mkdir()
    dump = ["--input_dir", str(tmp_path / "dump")]
    for declared, flags, told in (
        (oag, ["--finetune_fields", "oceanografy"], "one of 8: .*oceanography"),
        (oag, ["--finetune_fields", "music", "--pretrain_fields", "Music"], "music is in --pret"),
        (oag, ["--pretrain_fields", "tides"], "--pretrain_fields 'tides': expected the name or"),
        (oag, dump, "expected one file SeqName_CS_<8 digits>.tsv"),
        (reddit, dump, "expected reddit_data.npz, found none"),
    ):
        for more in ([], ["--dry_run"]):
            with pytest.raises(ValueError, match=told):
                reproduce(declared, "", [*out, *flags, *more])
    assert not (tmp_path / "out").exists()


def test_flags_of_preprocessing_that_a_dump_needs(oag):
    def stores(**more):
        jobs = plan(oag, oag.presets["small"], ["transfer"], 1, FIELDS | more)
        return [job.command for job in jobs if job.kind == "preprocess"]

    time, field = stores()
    assert stores(language="en", citation_bar="0") == [time, field]
    begin = "preprocess_OAG.py --domain _CS --language any --citation_bar 2 "
    assert stores(language="any", citation_bar="2", pretrain_fields="cell biology") == [
        f"{begin}--transfer time",
        f"{begin}--transfer field --finetune_fields oceanography --pretrain_fields 'cell biology'",
    ]


def test_a_mistake_before_anything_is_finished_is_not_remembered(oag, tmp_path):
    fails = replace(oag, preprocess=f"{oag.preprocess} --fail")
    out = ["--out", str(tmp_path), "--seeds", "1", "--table", "labels"]
    with pytest.raises(ValueError, match="jobs failed"):
        reproduce(fails, "", [*out, "--input_dir", "/no/such/dump", "--domain", "_Cs"])
    with only_process(tmp_path):  # its jobs go by what it was begun with
        with pytest.raises(ValueError, match="is in use by process .* give another --out"):
            reproduce(oag, "", [*out, "--input_dir", str(tmp_path)])
    reproduce(oag, "", [*out, "--input_dir", str(tmp_path)])
    data = json.loads((tmp_path / "data.json").read_text())
    assert (data["input_dir"], data["domain"]) == (str(tmp_path), "_CS")


def test_a_table_that_the_preset_does_not_have(study, scripts, tmp_path):
    oag = replace(study("example_OAG"), scripts=str(scripts))
    flags = ["--out", str(tmp_path / "out"), "--preset", "paper"]
    with pytest.raises(ValueError, match="--table why: it is no table of --preset paper"):
        reproduce(oag, "", [*flags, "--table", "why"])
    assert list(tmp_path.iterdir()) == []
    # In those that it has all methods pre-train for its 20 epochs.
    paper = oag.presets["paper"]
    tables = [name for name in oag.tables if name not in paper.without]
    jobs = [j for j in plan(oag, paper, tables, 1, FIELDS) if j.kind == "pretrain"]
    assert jobs and all(job.command.count("--n_epoch") == 1 for job in jobs)
    assert all("--n_epoch 20 " in job.command for job in jobs)


def test_the_paper_s_sizes_run_one_at_a_time_on_one_gpu(oag, tmp_path, capsys):
    spec = Cells("methods", ("time",), ("no pre-train",), PF)
    flags = ["--seeds", "1", "--table", "few"]
    for jobs, told in (([], 1), (["--jobs", "3"], 3)):
        out = ["--out", str(tmp_path / str(told)), "--preset", "paper"]
        reproduce(replace(oag, tables={"few": spec}), "", [*flags, *jobs, *out])
        assert f"left with {told} at a time" in capsys.readouterr().out


def test_nothing_to_report(oag, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere: expected results.jsonl of earlier runs"):
        reproduce(oag, "", ["--out", str(tmp_path / "nowhere"), "--report_only"])
    assert not (tmp_path / "nowhere").exists()


def test_methods_whose_names_differ_too_little(oag):
    methods = {**oag.methods, "GPT-GNN [edge]": oag.methods["GPT-GNN"]}
    spec = Cells("methods", ("time",), ("GPT-GNN (edge)", "GPT-GNN [edge]"), PF)
    oag = replace(oag, methods=methods, tables={"few": spec})
    with pytest.raises(ValueError, match=r"both be pretrain_time_GPT-GNN-.*names that differ"):
        plan(oag, oag.presets["small"], ["few"], 1, FIELDS)


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_the_declared_grid(study, preset):
    oag = study("example_OAG")
    sizes = oag.presets[preset]
    jobs = plan(oag, sizes, list(oag.tables), sizes.seeds, FIELDS)
    by_name = {job.name: job for job in jobs}
    assert len(by_name) == len(jobs) and sizes.seeds >= 3
    alone = [plan(oag, sizes, [table], sizes.seeds, FIELDS) for table in oag.tables]
    assert len(jobs) < sum(map(len, alone))  # tables share runs
    for number, job in enumerate(jobs):
        assert all(jobs.index(by_name[name]) < number for name in job.needs)
        words = job.command.split()
        if "--objective" in words:  # it would not read the flags of generation
            assert not {"--attr_type", "--queue_size", "--attr_ratio"} & set(words)
        if "--conv_name" in words and words[words.index("--conv_name") + 1] != "hgt":
            assert "--prev_norm" not in words
        assert ("--use_pretrain" in words) == ("--pretrain_model_dir" in job.places) or (
            job.kind == "pretrain"
        )
        for name in job.needs:  # a model serves the runs of its seed
            assert by_name[name].seed in (None, job.seed)
    seeds = [job.seed for job in jobs if job.seed is not None]
    assert seeds == sorted(seeds)
    assert study("example_reddit").tables.keys() == {"methods", "encoders", "labels", "leaks"}


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_what_runs_longer_is_declared_to(study, preset):
    oag = study("example_OAG")
    jobs = plan(oag, oag.presets[preset], list(oag.tables), 1, FIELDS)
    declared = {job.name: job.expected for job in jobs}
    one_pass = declared["pretrain_time_GPT-GNN--one-pass_hgt_0"]
    assert one_pass == oag.presets[preset].seconds["pretrain"]
    assert declared["pretrain_time_GPT-GNN_hgt_0"] == 1.8 * one_pass
    # A row of another length says so in its name, and in its cost.
    usual = int(oag.presets["small"].epochs["time+field"].removeprefix("--n_epoch "))
    lengths = {"a fifth of the steps": usual / 5, "three times the steps": 3 * usual}
    own = {
        name: int(method.pretrain.split("--n_epoch ")[1])
        for name, method in oag.methods.items()
        if method.pretrain and "--n_epoch" in method.pretrain
    }
    assert own == lengths
    assert {oag.methods[name].cost for name in own} == {1.8 / 5, 1.8 * 3}
    for name in ("pretrain_field_GPT-GNN_{}_0", "finetune_field_no-pre-train_{}_PF_0.1_0"):
        times = [declared[name.format(conv)] for conv in ("gcn", "hgt", "rgcn")]
        assert times == sorted(set(times))


def test_a_dry_run_tells_the_times_and_leaves_nothing(oag, tmp_path, calls, capsys):
    for preset, told in (("small", "Small: 2 layers of 128"), ("paper", "sizes: 3 layers of 400")):
        out = ["--out", str(tmp_path / "out"), "--dry_run", "--preset", preset]
        reproduce(oag, "", [*out, "--input_dir", "/no/such/dump"])
        shown = capsys.readouterr().out.splitlines()
        assert told in shown[0]
        assert [line.partition(":")[0] for line in shown[1:]] == [*oag.tables, "together"]
        sizes = oag.presets[preset]
        jobs = plan(oag, sizes, ["labels"], sizes.seeds, FIELDS)
        hours = f"{duration(sum(job.expected for job in jobs))}, one at a time"
        assert f"labels: {len(jobs)} jobs, {hours}" in shown
        reproduce(oag, "", [*out, "--table", "labels", "--report_only"])
        assert len(capsys.readouterr().out.splitlines()) == 2
    assert not calls() and not (tmp_path / "out").exists()


def test_runs_of_several_commits_in_a_table_are_told(oag, tmp_path, monkeypatch, capsys):
    flags = ["--out", str(tmp_path), "--seeds", "1", "--jobs", "1"]
    commits = iter("abcdefghijklmnopqrst")
    # Of each run at its start: files may change while a grid is at work.
    monkeypatch.setattr(grid, "commit_of", lambda root: next(commits))
    reproduce(oag, "", [*flags, "--table", "labels"])
    shown = capsys.readouterr().out
    assert "SEVERAL: a (of 1), b (of 1), c (of 1), d (of 1), e (of 1), f (of 1). What" in shown
    monkeypatch.setattr(grid, "commit_of", lambda root: "one")
    reproduce(oag, "", ["--out", str(tmp_path / "new"), "--seeds", "1", "--table", "labels"])
    assert "\nCommit of the finished jobs: one (of 6)." in capsys.readouterr().out


def test_a_report_shows_the_tables_that_were_begun(oag, tmp_path, capsys):
    out = ["--out", str(tmp_path), "--seeds", "1"]
    fields = ["--finetune_fields", "x", "--input_dir", str(tmp_path)]
    reproduce(oag, "", [*out, *fields, "--table", "transfer"])
    # Runs of its no pre-training with hgt are there, none of its own.
    assert "## encoders" not in capsys.readouterr().out
    for table, shown in (("all", {"transfer"}), ("encoders", {"transfer", "encoders"})):
        reproduce(oag, "", [*out, "--report_only", "--table", table])
        assert tables_of(capsys) == shown
    # One whose runs are all there is shown, also where another table has them.
    part = replace(oag.tables["transfer"], settings=("time",))
    more = replace(oag, tables={**oag.tables, "part": part})
    reproduce(more, "", [*out, "--report_only"])
    assert tables_of(capsys) == {"transfer", "part"}


def test_a_store_alone_begins_no_table(oag, tmp_path, capsys):
    fails = {name: replace(t, command=f"{t.command} --fail") for name, t in oag.tasks.items()}
    spec = Cells("methods", ("field",), ("no pre-train",), PF)
    some = replace(oag, tables={"few": spec, "labels": oag.tables["labels"]})
    out = ["--out", str(tmp_path), "--seeds", "1", "--finetune_fields", "x"]
    out += ["--input_dir", str(tmp_path)]
    with pytest.raises(ValueError, match="jobs failed"):
        reproduce(replace(some, tasks=fails), "", [*out, "--table", "few"])
    capsys.readouterr()
    reproduce(some, "", [*out, "--table", "labels"])
    assert tables_of(capsys) == {"labels"}


def test_every_setting_can_be_named(study, tmp_path, capsys):
    for folder in ("example_OAG", "example_reddit"):
        declared = study(folder)
        for setting in declared.settings:
            out = ["--out", str(tmp_path), "--dry_run", "--settings", setting]
            reproduce(declared, "", out)
            assert "jobs" in capsys.readouterr().out


def tables_of(capsys):
    told = capsys.readouterr().out
    return {line[3:] for line in told.splitlines() if line.startswith("## ")}


def test_every_flag_of_the_declared_grid_is_one_of_its_script(study, monkeypatch):
    from GPT_GNN import command_line
    from GPT_GNN.train import flags as flags_module

    parse = flags_module.parse_flags
    for folder in ("example_OAG", "example_reddit"):
        declared = study(folder)
        data = {"input_dir": ""} if declared.data is DataFlags else FIELDS
        commands = {
            job.command.replace(f"--task_name {job.name}", "").replace("--seed 1", "--seed 0")
            for preset in declared.presets.values()
            for job in plan(declared, preset, list(declared.tables), 1, data)
        }
        for command in sorted(commands):
            script, *words = shlex.split(command)
            parsed = []

            def once(groups, text, argv=None, *args, words=words, parsed=parsed, **settings):
                parsed.append(parse(groups, text, words, *args, **settings))
                raise KeyboardInterrupt

            monkeypatch.setattr(flags_module, "parse_flags", once)
            monkeypatch.setattr(command_line, "parse_flags", once)
            with pytest.raises((SystemExit, KeyboardInterrupt)):
                runpy.run_path(str(ROOT / folder / script), run_name="__main__")
            assert len(parsed) == 1, command


@pytest.mark.slow
def test_the_real_scripts_on_the_built_in_graph(study, tmp_path, capsys):
    reddit = study("example_reddit")
    tiny = replace(
        reddit.presets["small"],
        encoder="--n_hid 8 --n_heads 2 --n_layers 1",
        sampler="--sample_depth 2 --sample_width 8 --batch_size 16 --n_pool 0 --cuda -1",
        pretrain="--dropout 0 --n_epoch 1 --n_batch 4",
        finetune=((1.0, "--n_epoch 1 --n_batch 2", 1.0),),
    )
    spec = Cells("methods", ("random",), ("GPT-GNN",), ("communities",))
    small = replace(
        reddit,
        presets={"small": tiny},
        tables={"methods": spec},
        preprocess="preprocess_reddit.py --toy_posts 200",
    )
    reproduce(small, "", ["--out", str(tmp_path), "--seeds", "1", "--jobs", "2"])
    shown = capsys.readouterr().out
    assert "3 of 3 jobs finished" in shown
    assert (tmp_path / "report" / "methods_bars.png").is_file()
    run = read_records(tmp_path)["finetune_random_GPT-GNN_hgt_communities_0.1_0"]
    assert run["config"]["encoder"]["n_hid"] == 8 and run["metrics"]["items"] == 20


@pytest.mark.slow
def test_a_transfer_between_fields_of_the_built_in_graph(study, tmp_path):
    oag = study("example_OAG")
    tiny = replace(
        oag.presets["small"],
        encoder="--n_hid 8 --n_heads 2 --n_layers 1",
        sampler="--sample_depth 2 --sample_width 8 --batch_size 16 --n_pool 0 --cuda -1",
        pretrain="--dropout 0 --n_batch 4",
        epochs={"time+field": "--n_epoch 1"},
        finetune=((1.0, "--max_lr 1e-3 --n_epoch 1 --n_batch 2", 1.0),),
    )
    small = replace(
        oag,
        presets={"small": tiny},
        tables={"why": Cells("methods", ("time+field",), ("GPT-GNN", "GPT-GNN, rate 5e-4"), PF)},
        preprocess="preprocess_OAG.py --toy_papers 1000 --text_dim 8 --word_dim 4",
    )
    reproduce(small, "", ["--out", str(tmp_path), "--seeds", "1", "--jobs", "2"])
    records = read_records(tmp_path)
    (model,) = [r for r in records.values() if r["kind"] == "pretrain"]  # one for both
    rates = {r["config"]["optim"]["max_lr"]: r for r in records.values() if r["kind"] == "finetune"}
    assert set(rates) == {1e-3, 5e-4}
    assert len({r["config"]["graph"]["pretrained"] for r in rates.values()}) == 1
    stores = tmp_path / "stores" / "time+field"
    assert (
        model["config"]["graph"]["fingerprint"] == HeteroGraph.open(stores / "pretrain").fingerprint
    )
    assert (
        rates[1e-3]["config"]["graph"]["fingerprint"]
        == HeteroGraph.open(stores / "finetune").fingerprint
    )
