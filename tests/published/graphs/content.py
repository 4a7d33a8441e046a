"""What is in the graphs of ``files``: plain data, so that any Python can make them of it."""

PAPERS = ["one title", "two titles", "", "na\u00efve", "five"]
YEARS = [2001, 2005, 2005, 2014, 2017]
AUTHORS = ["ann", "bob", "chloe"]
CITES = [(1, 0), (2, 0), (2, 1), (4, 3), (4, 0)]  # citing, cited
WRITES = [(0, 0), (0, 1), (1, 2), (2, 3), (1, 4)]  # author, paper
FIELDS = [(1, 0)]  # child, parent
EMB = [[0.5, -1.25, 3.0], [0.1, 0.2, 0.3], [1e-3, -7.0, 2.5], [0.0, 0.0, 1.0], [9.5, 8.5, 7.5]]
NODE_EMB = [[1.0, 2.0], [3.0, 4.0]]
