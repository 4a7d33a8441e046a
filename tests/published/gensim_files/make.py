"""Write the word vectors of gensim 3.8.3 (Python 3.7), whole and with side files.

python make.py
"""

from gensim.models import Word2Vec

SENTENCES = [
    ["bos", "a", "graph", "of", "words", "eos"],
    ["bos", "deep", "graph", "nets", "eos"],
] * 30


def main():
    model = Word2Vec(SENTENCES, size=8, min_count=1, workers=1, seed=1)
    model.save("gensim3.8.model")
    model.save("gensim3.8_aside.model", sep_limit=0)
    model.wv.save_word2vec_format("gensim3.8.txt")


if __name__ == "__main__":
    main()
