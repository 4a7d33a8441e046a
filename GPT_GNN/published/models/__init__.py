"""Models of the published GPT-GNN code: their files, their keys, their weights as ours.

``door`` opens a file: ``weights`` divides it by part, ``whole_model`` reads one that is a pickled
module, ``encoder`` and ``objective`` give state dicts of ours, ``layouts`` knows the parameters of
each layer in all versions of PyG, ``keys`` accounts for every entry. ``convert`` writes a
checkpoint of ours.
"""
