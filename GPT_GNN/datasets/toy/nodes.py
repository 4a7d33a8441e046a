"""Topics, fields and people of the built-in graph."""

from __future__ import annotations

import itertools

import numpy as np

from GPT_GNN.datasets.toy.words import CITIES, SURNAMES, topics

FIRST_YEAR, LAST_YEAR = 1995, 2020
# First id of each kind, so that ids of different kinds never meet.
PAPER, AUTHOR, VENUE, FIELD, AFFILIATION, OUTSIDE = (i * 10**9 for i in range(1, 7))
TOPICS = topics()
SUBTOPICS = [(t, sub) for t, topic in enumerate(TOPICS) for sub in topic.subtopics]
TOPIC_OF = np.array([t for t, _ in SUBTOPICS])
TOPIC_WORDS = np.array([topic.words for topic in TOPICS])  # [topics, words]
SUBTOPIC_WORDS = np.array([sub.words for _, sub in SUBTOPICS])  # [subtopics, words]


def nearby(
    rng: np.random.Generator, subtopic: np.ndarray, same: float, sibling: float
) -> np.ndarray:
    """Each subtopic itself, one of its topic, or any, with the given chances."""
    draw = rng.random(len(subtopic))
    size = len(SUBTOPICS) // len(TOPICS)
    siblings = TOPIC_OF[subtopic] * size + rng.integers(0, size, len(subtopic))
    anything = rng.integers(0, len(SUBTOPICS), len(subtopic))
    return np.where(draw < same, subtopic, np.where(draw < same + sibling, siblings, anything))


class Fields:
    """Fields of six levels: two roots, topics, subtopics (the labels), and three finer levels."""

    def __init__(self, rng: np.random.Generator) -> None:
        levels = [
            ["natural science", "human culture"],
            [topic.name for topic in TOPICS],
            [sub.name for _, sub in SUBTOPICS],
            [f"{word} research" for _, sub in SUBTOPICS for word in sub.words[:2]],
            [f"{sub.words[0]} measurement" for _, sub in SUBTOPICS],
            [f"{sub.words[0]} sensors" for _, sub in SUBTOPICS[::4]],
        ]
        starts = np.cumsum([0, *map(len, levels)])
        self.ids = [FIELD + np.arange(*bounds) for bounds in itertools.pairwise(starts)]
        pairs = zip(
            np.concatenate(self.ids), (name for level in levels for name in level), strict=True
        )
        self.names: list[list[object]] = [[i, name, "fos"] for i, name in pairs]
        roots = self.ids[0][np.arange(len(TOPICS)) * 2 // len(TOPICS)]
        parents = [roots, self.ids[1][TOPIC_OF], np.repeat(self.ids[2], 2)]
        parents += [self.ids[3][::2], self.ids[4][::4]]
        self.hierarchy = [
            (child, parent, f"L{level}", f"L{level - 1}")
            for level, of_level in enumerate(parents, start=1)
            for child, parent in zip(self.ids[level], of_level, strict=True)
        ]
        for child in rng.choice(len(SUBTOPICS), 8, replace=False):  # some have a second parent
            other = self.ids[1][(TOPIC_OF[child] + 1) % len(TOPICS)]
            self.hierarchy.append((self.ids[2][child], other, "L2", "L1"))

    def of_papers(self, rng: np.random.Generator, subtopic: np.ndarray) -> list[tuple[int, int]]:
        """Rows of PF."""
        n, size = len(subtopic), len(SUBTOPICS) // len(TOPICS)
        topic = TOPIC_OF[subtopic]
        related = topic * size + (subtopic + 1) % size  # each has a fixed companion
        draw = rng.random((n, 8))
        finer = subtopic * 2 + rng.integers(0, 2, n)
        l5 = np.minimum(subtopic // 4, len(self.ids[5]) - 1)
        choices = (
            (0.90, self.ids[0][topic * 2 // len(TOPICS)]),
            (0.90, self.ids[1][topic]),
            (0.80, self.ids[2][subtopic]),
            (0.30, self.ids[2][related]),
            (0.10, self.ids[2][rng.integers(0, len(SUBTOPICS), n)]),
            (0.20, self.ids[3][finer]),
            (0.08, self.ids[4][subtopic]),
            (0.05, self.ids[5][l5]),
        )
        rows = [
            (PAPER + int(paper), int(field[paper]))
            for column, (chance, field) in enumerate(choices)
            for paper in np.flatnonzero(draw[:, column] < chance)
        ]
        return sorted(set(rows))


class Authors:
    """People of one or two subtopics, an affiliation or two, and a name that others share."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        main = rng.integers(0, len(SUBTOPICS), count)
        second = np.where(rng.random(count) < 0.5, nearby(rng, main, 0.0, 0.7), main)
        self.subtopics = np.stack([main, second])  # [2, authors]
        self.productivity = 1.0 + rng.pareto(1.5, count)
        self.start = rng.integers(FIRST_YEAR - 10, LAST_YEAR + 1, count)
        self.end = self.start + rng.integers(5, 26, count)
        chance = 1.0 + 4.0 * (np.arange(len(CITIES)) % len(TOPICS) == TOPIC_OF[main][:, None])
        total = np.cumsum(chance, axis=1)  # [authors, cities]
        at = rng.random((2, count)) * total[:, -1]
        self.cities = (total < at[..., None]).sum(axis=2)  # [2, authors]: first and second
        self.moves = np.where(rng.random(count) < 0.3, self.start + 6, LAST_YEAR + 1)
        people = enumerate(self._names(rng, count), AUTHOR)
        self.names: list[list[object]] = [[i, name, "author"] for i, name in people]
        places = enumerate(CITIES, AFFILIATION)
        self.names += [[i, f"university of {city}", "affiliation"] for i, city in places]

    @staticmethod
    def _names(rng: np.random.Generator, count: int) -> list[str]:
        """Initial and surname; about 4 people per name, at any number of people."""
        letters = list("jymascdlkrtehpgbnwfivozqux")
        initials = letters + [a + b for a in letters for b in letters]
        initials = initials[: int(np.clip(count // (4 * len(SURNAMES)), 8, len(initials)))]
        rank = np.arange(1, len(SURNAMES) + 1)
        surname = rng.choice(SURNAMES, count, p=rank**-0.5 / (rank**-0.5).sum())
        return [f"{a} {b}" for a, b in zip(rng.choice(initials, count), surname, strict=True)]

    def of_papers(
        self, rng: np.random.Generator, subtopic: np.ndarray, year: np.ndarray
    ) -> list[tuple[object, ...]]:
        """Rows of PAuAf: teams of up to six, mostly of the subtopic and active that year."""
        size = np.minimum(1 + rng.poisson(1.6, len(subtopic)), 6)
        paper = np.repeat(np.arange(len(subtopic)), size)
        wanted = nearby(rng, subtopic[paper], 0.75, 0.15)
        draws = rng.random((len(paper), 4))
        who = np.empty(len(paper), dtype=np.int64)
        for s in range(len(SUBTOPICS)):
            at = np.flatnonzero(wanted == s)
            who[at] = self._draw(s, year[paper[at]], draws[at])
        moved = year[paper] >= self.moves[who]
        city = np.where(moved, self.cities[1, who], self.cities[0, who])
        known = rng.random(len(paper)) < 0.7
        rows: list[tuple[object, ...]] = []
        team: list[int] = []
        last = -1
        for p, a, c, k in zip(
            paper.tolist(), who.tolist(), city.tolist(), known.tolist(), strict=True
        ):
            team = team if p == last else []
            last = p
            if a not in team:
                team.append(a)
                rows.append((PAPER + p, AUTHOR + a, AFFILIATION + c if k else "", len(team)))
        return rows

    def _draw(self, subtopic: int, year: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """An author for each draw: the first active one of a few candidates, else the first."""
        weight = self.productivity * ((self.subtopics == subtopic) * [[1.0], [0.4]]).max(axis=0)
        if not weight.any():
            weight = self.productivity
        total = np.cumsum(weight)
        candidates = np.searchsorted(total, draws * total[-1], side="right")  # [n, 4]
        active = (self.start[candidates] <= year[:, None]) & (year[:, None] <= self.end[candidates])
        return candidates[np.arange(len(year)), active.argmax(axis=1)]
