"""``python -m GPT_GNN``: which commands there are, how they are found and how they begin."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from GPT_GNN.commands import COMMANDS
from tests.call import call

ROOT = Path(__file__).resolve().parents[2]


def source(module):
    return (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")


def test_every_file_of_a_command_is_in_the_registry():
    folders = [ROOT / "GPT_GNN" / "commands" / name for name in ("train", "data")]
    files = {path for folder in folders for path in folder.glob("*.py")}
    found = {path.stem for path in files if path.name != "__init__.py"}
    assert {module.rpartition(".")[2] for module in COMMANDS.values()} == found
    for name, module in COMMANDS.items():
        assert module.endswith(f".{name.replace(' ', '_')}")


@pytest.mark.parametrize(("name", "module"), COMMANDS.items())
def test_a_command_says_first_what_it_does_and_then_how(name, module):
    tree = ast.parse(source(module))
    first, empty, example, *_ = (ast.get_docstring(tree) or "").split("\n")
    assert first.endswith(".") and not empty and example in ("Example:", "Examples:")
    assert f"\n    python -m GPT_GNN {name}" in ast.get_docstring(tree)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("name", "module"), COMMANDS.items())
def test_help(name, module, capsys):
    with pytest.raises(SystemExit) as exit_:
        call(name, "--help")
    assert not exit_.value.code
    text = capsys.readouterr().out
    assert text.startswith(ast.get_docstring(ast.parse(source(module))).partition("\n")[0])
    assert f"\nusage: python -m GPT_GNN {name} " in text


@pytest.mark.parametrize("words", [("",), ("--help",), ("-h",)])
def test_the_list_of_all_commands(words, capsys):
    assert call(*words) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, module in COMMANDS.items():
        first = ast.get_docstring(ast.parse(source(module))).partition("\n")[0]
        assert f"  {name:14} {first}" in lines


def test_the_commands_that_begin_alike(capsys):
    assert call("build") == call("build --help") == 0
    out = capsys.readouterr().out
    assert out.count("build tables") == 2 and "pretrain" not in out


def test_the_list_is_instant_since_it_imports_no_command():
    code = (
        "import sys\nfrom GPT_GNN.__main__ import main\nsys.argv = ['GPT_GNN', '--help']\nmain()\n"
        "assert not {'torch', 'numba', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "pretrain" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("pretrian --n_hid 3", "'pretrian'; did you mean pretrain?"),
        ("build table d.yaml out", "'build table'; did you mean build tables?"),
        ("xyz --help", "'xyz'"),
        ("--n_hid 3", "'--n_hid'"),
    ],
)
def test_an_unknown_command(words, message, capsys):
    assert call(words) == 2
    hint = "python -m GPT_GNN --help lists all commands"
    assert capsys.readouterr().err == f"error: unknown command {message}\n{hint}\n"


def test_mistakes_are_one_line_from_every_command(tmp_path, capsys):
    assert call("show", tmp_path / "nowhere") == 1
    assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(SystemExit) as exit_:
        call("show", "--verfy", tmp_path)
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        "error: unknown flag --verfy; did you mean --verify?\n"
        "python -m GPT_GNN show --help explains the flags\n"
    )


USAGE = {
    "show": "STORE",
    "build tables": "DESCRIPTION STORE",
    "build pyg": "NAME STORE",
    "build scale": "--out STR",
    "convert graph": "FILE STORE",
    "convert model": "FILE --data_dir STR --output STR",
    "export graph": "STORE FILE",
}


@pytest.mark.parametrize(("name", "words"), USAGE.items())
def test_what_a_command_needs_is_in_its_usage(name, words, capsys):
    with pytest.raises(SystemExit):
        call(name, "--help")
    assert f"\nusage: python -m GPT_GNN {name} {words} [flags]\n" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        call(name)
    assert exit_.value.code == 2
    missing = [word for word in words.split() if word != "STR"]
    told = f"error: the following arguments are required: {', '.join(missing)}\n"
    assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("build scale --out z --nodes 3000 --width -3", "--width: expected a value in [1, inf)"),
        ("build scale --out z --seed -1", "--seed: expected a value in [0, inf), got -1"),
        ("build scale --out z --nodes 20", "--nodes: expected a value in [2000, inf), got 20"),
        ("build scale --out z --nodes many", "--nodes: expected int, got 'many'"),
        ("build scale --out=", "--out: expected a value, got an empty one"),
        ("build pyg Cora z --seed -1", "--seed: expected a value in [0, inf), got -1"),
        ("build pyg Coral z", "NAME: expected one of AMiner, "),
    ],
)
def test_a_bad_value_is_refused_before_any_work(words, message, tmp_path, monkeypatch, capsys):
    def download(root, **arguments):
        raise AssertionError("it reads the data set")

    monkeypatch.setattr("torch_geometric.datasets.Planetoid", download)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        call(words)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: argument {message}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["convert graph . z", "build tables . z"])
def test_a_folder_in_the_place_of_a_file_is_called_a_folder(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(words) == 1
    assert capsys.readouterr().err == "error: .: expected a file, found a folder\n"
    assert not list(tmp_path.iterdir())


def test_the_installed_command_is_the_same(monkeypatch, capsys):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["gpt-gnn"].partition(":")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/gpt-gnn", "show", "--help"])
    with pytest.raises(SystemExit):
        getattr(import_module(module), function)()
    assert "\nusage: gpt-gnn show STORE [flags]\n" in capsys.readouterr().out
