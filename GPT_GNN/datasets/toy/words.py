"""Words of the built-in graph: topics, their subtopics, and what any title may hold."""

from __future__ import annotations

from typing import NamedTuple


class Subtopic(NamedTuple):
    """A finer topic: its name and the words that only its titles prefer."""

    name: str
    words: list[str]


class Topic(NamedTuple):
    """A topic: its name, words of all its titles, and its subtopics."""

    name: str
    words: list[str]
    subtopics: list[Subtopic]


# topic: its words; then a line for each subtopic, "name: words".
_TOPICS = """
oceanography: ocean water depth current salt marine surface coastal sea basin pelagic shelf
  tides: lunar ebb harbour gauge
  coral reefs: bleaching polyp atoll reef
  deep sea vents: hydrothermal chimney vent sulphide
  sea ice: polar floe melt arctic
  plankton blooms: algae nutrient bloom diatom
  ocean waves: swell breaker shoreline surf

astronomy: star orbit light sky mass telescope spectrum cosmic distance radiation bright faint
  exoplanets: transit habitable planet companion
  black holes: accretion horizon jet singularity
  comets: tail nucleus dust perihelion
  galaxy clusters: dark halo lensing cluster
  stellar evolution: giant dwarf fusion supernova
  solar physics: corona flare sunspot wind

botany: plant leaf growth root seed soil green tissue flower stem species water
  pollination: bee nectar pollen insect
  forest ecology: canopy tree undergrowth succession
  plant genetics: gene mutant hybrid chromosome
  photosynthesis: chloroplast carbon pigment sunlight
  crop science: wheat yield harvest fertiliser
  mosses and ferns: spore frond moss fern

medicine: patient clinical treatment disease risk therapy health chronic dose care trial tissue
  cardiology: heart artery valve pressure
  sleep medicine: insomnia dream apnoea circadian
  vaccines: antibody immunity booster dose
  surgery: incision laparoscopic suture recovery
  nutrition: diet vitamin obesity meal
  epidemiology: outbreak contact incidence infection

architecture: building design space house structure urban plan wall form city public material
  bridges: span arch cable girder
  timber construction: wood beam joint lumber
  housing policy: tenant rent neighbourhood affordable
  cathedral history: gothic nave vault medieval
  green buildings: insulation solar ventilation roof
  landscape design: garden park terrace path

music: sound melody composer performance rhythm harmony listening score tone piano audience voice
  jazz improvisation: solo swing chord saxophone
  opera: aria libretto soprano stage
  folk song: ballad fiddle village oral
  acoustics: resonance string vibration concert
  music education: classroom pupil practice teacher
  electronic music: synthesiser sampling loop studio

economics: market price trade growth capital income policy demand firm cost wage supply
  labour markets: unemployment hiring union vacancy
  auctions: bid bidder reserve winner
  banking crises: loan default liquidity bank
  development aid: poverty village microcredit donor
  game theory: equilibrium player payoff strategy
  taxation: tax evasion revenue haven

linguistics: language word speech grammar meaning sentence sound verb speaker lexical text dialect
  phonology: vowel consonant stress syllable
  language acquisition: child infant bilingual learner
  historical change: loanword ancient drift etymology
  sign languages: gesture hand deaf signer
  discourse: dialogue turn anaphora coherence
  writing systems: script alphabet glyph orthography
"""

ADJECTIVES = """
new simple first large small better general rapid local modern robust careful long practical
comparative shared quantitative
""".split()

NOUNS = """
study model review survey theory measurement comparison framework history change design structure
portrait record pattern limit
""".split()

# A an adjective, N a general noun, W a word of the topic or the subtopic, the rest as it stands.
TEMPLATES = [
    template.split()
    for template in (
        "A N of W and W in W W",
        "a A N of W W and W",
        "N of W W in W W",
        "the W of W W a N",
        "on the A N of W W",
        "W W and W under A W",
        "N and N for W W and W",
        "from W to W a N of W W",
        "how W W and W shape W",
        "W and W a A N of W",
    )
]

SURNAMES = """
wang li zhang chen liu kim lee smith garcia kumar singh mueller rossi tanaka sato nguyen silva
ivanov kowalski jensen brown martin lopez ali hassan park suzuki novak dubois costa
""".split()

CITIES = """
lisbon porto vienna graz oslo bergen kyoto osaka lima cusco cairo tunis delhi pune seoul busan
turin pisa leeds york utrecht delft lyon nantes austin boston quebec toronto nairobi accra
""".split()


def topics() -> list[Topic]:
    """All topics in a fixed order."""
    found = []
    for block in _TOPICS.strip().split("\n\n"):
        (name, words), *rest = (line.split(":") for line in block.splitlines())
        subtopics = [Subtopic(sub.strip(), listed.split()) for sub, listed in rest]
        found.append(Topic(name.strip(), words.split(), subtopics))
    return found
