"""Commands of ``python -m GPT_GNN``: a file per command, in folders by subject."""

TRAIN = {
    "pretrain": "GPT_GNN.commands.train.pretrain",
    "finetune": "GPT_GNN.commands.train.finetune",
    "embed": "GPT_GNN.commands.train.embed",
    "demo": "GPT_GNN.commands.train.demo",
}
DATA = {
    "show": "GPT_GNN.commands.data.show",
    "build academic": "GPT_GNN.commands.data.build_academic",
    "build tables": "GPT_GNN.commands.data.build_tables",
    "build pyg": "GPT_GNN.commands.data.build_pyg",
    "build scale": "GPT_GNN.commands.data.build_scale",
    "convert graph": "GPT_GNN.commands.data.convert_graph",
    "convert model": "GPT_GNN.commands.data.convert_model",
    "export graph": "GPT_GNN.commands.data.export_graph",
}
COMMANDS = TRAIN | DATA
