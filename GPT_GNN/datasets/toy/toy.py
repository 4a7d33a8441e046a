"""The built-in graph: an invented OAG-layout raw dump with planted structure, of any size.

Each paper has a subtopic. The subtopic governs, with noise, its title words, venue, fields, authors
and references; its title alone often shows only the topic, its neighbours show the rest. Authors
stay in one or two subtopics and share names such as ``y wang`` with others.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from GPT_GNN.datasets.oag.files import COLUMNS
from GPT_GNN.datasets.toy.nodes import (
    FIRST_YEAR,
    LAST_YEAR,
    OUTSIDE,
    PAPER,
    SUBTOPIC_WORDS,
    SUBTOPICS,
    TOPIC_OF,
    TOPIC_WORDS,
    TOPICS,
    VENUE,
    Authors,
    Fields,
    nearby,
)
from GPT_GNN.datasets.toy.words import ADJECTIVES, NOUNS, TEMPLATES
from GPT_GNN.rng import derive

VERSION = 2  # of what a seed gives; a cached graph of another version is built again


def write_toy_dump(folder: Path, num_papers: int = 4000, seed: int = 0) -> None:
    """Write the raw dump of a built-in graph (domain ``_CS``, stamp 20190919, plain text).

    Args:
        num_papers: at least 100 papers; about 3 % of them are not in English.
        seed: the dump is a function of it and of the size.
    """
    if num_papers < 100:
        raise ValueError(f"the built-in graph needs at least 100 papers, got {num_papers}")
    rng = derive(seed, "toy", num_papers)
    year, subtopic = _papers(rng, num_papers)
    venue, venue_rows = _venues(rng, subtopic)
    fields = Fields(rng)
    references = _references(rng, subtopic)
    authors = Authors(rng, max(60, num_papers * 2 // 5))
    folder.mkdir(parents=True, exist_ok=True)
    names = [*venue_rows, *fields.names, *authors.names]
    _write(folder, "SeqName", names)
    _write(folder, "FHierarchy", fields.hierarchy)
    titles = _titles(rng, subtopic)
    _write(folder, "Papers", _paper_rows(rng, year, titles, venue, venue_rows, references))
    _write(folder, "PF", fields.of_papers(rng, subtopic))
    _write(folder, "PAuAf", authors.of_papers(rng, subtopic, year))
    _write(folder, "PR", references)
    _write(folder, "PAb", enumerate(_abstracts(rng, subtopic), PAPER))


def _write(folder: Path, stem: str, rows: Iterable[Iterable[object]]) -> None:
    domain = "" if stem == "FHierarchy" else "_CS"
    with open(folder / f"{stem}{domain}_20190919.tsv", "w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(COLUMNS[stem]) + "\n")
        file.writelines("\t".join(map(str, row)) + "\n" for row in rows)


def _papers(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Year, ascending, and subtopic of every paper: more papers every year, fashions drift."""
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    growth = np.linspace(1.0, 3.0, len(years))
    year = np.sort(rng.choice(years, count, p=growth / growth.sum()))
    popularity = rng.normal(0.0, 0.4, len(SUBTOPICS))
    trend = rng.normal(0.0, 0.4, len(SUBTOPICS))
    subtopic = np.empty(count, dtype=np.int64)
    for this in years:
        weight = np.exp(popularity + trend * (this - years.mean()) / 13)
        at = year == this
        subtopic[at] = rng.choice(len(SUBTOPICS), int(at.sum()), p=weight / weight.sum())
    return year, subtopic


def _venues(
    rng: np.random.Generator, subtopic: np.ndarray
) -> tuple[np.ndarray, list[list[object]]]:
    """Venue of every paper, and the venues; a subtopic prefers some of its topic's venues."""
    forms = (
        ("conference", "symposium on {}"),
        ("conference", "workshop on {}"),
        ("journal", "{} letters"),
        ("journal", "journal of {}"),
    )
    named = [(kind, form.format(topic.name)) for topic in TOPICS for kind, form in forms]
    named += [("journal", "annals of everything"), ("conference", "congress of sciences")]
    named += [("repository", "open archive"), ("patent", "patent office")]
    chance = np.full((len(SUBTOPICS), len(named)), 0.1 / len(named))
    chance[:, -4:] += [0.08, 0.08, 0.05, 0.02]
    for s, t in enumerate(TOPIC_OF):
        chance[s, t * len(forms) : (t + 1) * len(forms)] += 0.67 * rng.dirichlet([0.5] * len(forms))
    total = np.cumsum(chance, axis=1)
    at = rng.random(len(subtopic)) * total[subtopic, -1]
    venue = (total[subtopic] < at[:, None]).sum(axis=1)
    rows: list[list[object]] = [[VENUE + i, name, kind] for i, (kind, name) in enumerate(named)]
    return venue, rows


def _content_words(rng: np.random.Generator, subtopic: np.ndarray) -> np.ndarray:
    """A word for each entry: of the topic, the subtopic, a sibling subtopic, or any topic."""
    draw, pick = rng.random(len(subtopic)), rng.integers(0, 2**31, len(subtopic))
    of_sub = nearby(rng, subtopic, 0.75, 0.2)
    topic = np.where(draw < 0.85, TOPIC_OF[subtopic], rng.integers(0, len(TOPICS), len(subtopic)))
    general = TOPIC_WORDS[topic, pick % TOPIC_WORDS.shape[1]]
    special = SUBTOPIC_WORDS[of_sub, pick % SUBTOPIC_WORDS.shape[1]]
    return np.where((draw > 0.5) & (draw < 0.8), special, general)


def _titles(rng: np.random.Generator, subtopic: np.ndarray) -> list[str]:
    template = rng.integers(0, len(TEMPLATES), len(subtopic))
    slots = np.array([t.count("W") for t in TEMPLATES])[template]
    words = iter(_content_words(rng, np.repeat(subtopic, slots)).tolist())
    most = 2 * len(subtopic)  # of each kind, at most two per title
    slot = {
        "W": words,
        "A": iter(rng.choice(ADJECTIVES, most).tolist()),
        "N": iter(rng.choice(NOUNS, most).tolist()),
    }
    return [
        " ".join(next(slot[word]) if word in slot else word for word in TEMPLATES[chosen])
        for chosen in template
    ]


def _abstracts(rng: np.random.Generator, subtopic: np.ndarray) -> list[str]:
    """Sixty per cent of the papers have one, of 20 to 40 words."""
    length = rng.integers(20, 41, len(subtopic)) * (rng.random(len(subtopic)) < 0.6)
    words = _content_words(rng, np.repeat(subtopic, length))
    plain = rng.choice([*ADJECTIVES, *NOUNS, "the", "of", "and", "in"], len(words))
    words = np.where(rng.random(len(words)) < 0.45, plain, words)
    return [" ".join(part) for part in np.split(words, np.cumsum(length)[:-1])]


def _references(rng: np.random.Generator, subtopic: np.ndarray) -> list[tuple[int, int]]:
    """Rows of PR: to older papers, mostly of the subtopic; half are copied from a cited paper's own
    references, which makes the much cited more cited. Two per cent leave the dump."""
    counts = rng.poisson(6.0, len(subtopic))
    wanted = iter(nearby(rng, np.repeat(subtopic, counts), 0.65, 0.2).tolist())
    draws = iter(rng.random((int(counts.sum()), 4)).tolist())
    written: list[list[int]] = [[] for _ in SUBTOPICS]
    cited: list[list[int]] = []
    rows = []
    for paper, (own, count) in enumerate(zip(subtopic.tolist(), counts.tolist(), strict=True)):
        mine: list[int] = []
        for _ in range(count):
            pool, (recent, copy, which, outside) = written[next(wanted)], next(draws)
            if outside < 0.02:
                rows.append((PAPER + paper, OUTSIDE + int(which * 10**6)))
            elif pool:
                target = pool[int(len(pool) * recent**0.6)]
                if copy < 0.5 and cited[target]:
                    target = cited[target][int(len(cited[target]) * which)]
                if target not in mine:
                    mine.append(target)
        rows += [(PAPER + paper, PAPER + target) for target in mine]
        cited.append(mine)
        written[own].append(paper)
    return list(dict.fromkeys(rows))


def _paper_rows(
    rng: np.random.Generator,
    year: np.ndarray,
    titles: list[str],
    venue: np.ndarray,
    venue_rows: list[list[object]],
    references: list[tuple[int, int]],
) -> Iterable[tuple[object, ...]]:
    cited = np.array([target for _, target in references if target < OUTSIDE]) - PAPER
    citations = np.bincount(cited, minlength=len(year))
    language = np.where(rng.random(len(year)) < 0.03, "fr", "en")
    for i, title in enumerate(titles):
        venue_id, _, kind = venue_rows[venue[i]]
        doc_type = str(kind).capitalize()
        yield PAPER + i, year[i], title, venue_id, language[i], doc_type, citations[i]
