"""What pre-training and the tasks have to know of OAG's graphs."""

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import TimeSplit

FACTS = GraphFacts(
    target="paper",
    rel_stop_list=("rev_PF_in_L0", "rev_PF_in_L5", "rev_PV_Repository", "rev_PV_Patent"),
    split=TimeSplit(pretrain_until=2013, train_until=2016, valid_until=2017),  # as published
    text_part="text",
    text_column="title",
)
