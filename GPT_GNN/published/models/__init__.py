"""Models of the published GPT-GNN code: their files, their keys, their weights as ours.

``files`` opens a file, ``keys`` accounts for every entry, ``layouts`` knows the parameters of each
layer in all versions of PyG, ``encoder`` and ``objective`` give state dicts of ours.
``python -m GPT_GNN convert model`` writes a checkpoint of ours.
"""
