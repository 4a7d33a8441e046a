"""Scorers and the title decoder against their literal versions: values and gradients."""

from __future__ import annotations

import pytest
import torch

from GPT_GNN.model.heads import Matcher, TextDecoder
from tests.oracle import legacy
from tests.oracle.edge_scorer import LiteralMatcher
from tests.oracle.text_decoder import LiteralTextDecoder


def test_scores_and_gradients():
    torch.manual_seed(0)
    ours, literal = Matcher(6, 4).eval().double(), LiteralMatcher(6, 4).eval().double()
    ours.load_state_dict(literal.state_dict())
    target, source = torch.randn(9, 6).double(), torch.randn(9, 4).double()
    source[0] = 0  # a node without features: cosine 0
    want, got = literal(target, source), ours(target, source)
    torch.testing.assert_close(got, want)
    assert got[0] == 0
    want.square().sum().backward()
    got.square().sum().backward()
    for mine, theirs in zip(ours.parameters(), literal.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize("lengths", [(4, 0, 7), (0,), (2, 2)])
def test_title_loss_and_gradients(lengths):
    torch.manual_seed(1)
    vectors, bos, eos = torch.randn(11, 5), 0, 1
    literal = LiteralTextDecoder(6, vectors).eval()
    ours = TextDecoder(6, vectors).eval()
    ours.load_state_dict(legacy.ours_text_decoder(literal.state_dict()))
    titles = [torch.randint(2, 11, (n,)).tolist() for n in lengths]
    longest = max(lengths) + 1
    tokens = torch.full((longest, len(titles)), eos)
    targets, mask = tokens.clone(), torch.zeros(tokens.shape, dtype=torch.bool)
    for b, title in enumerate(titles):
        tokens[: len(title) + 1, b] = torch.tensor([bos, *title])
        targets[: len(title) + 1, b] = torch.tensor([*title, eos])
        mask[: len(title) + 1, b] = True

    nodes = torch.randn(len(titles), 6)
    mine, theirs = nodes.clone().requires_grad_(), nodes.clone().requires_grad_()
    got = ours.loss(tokens, targets, mask, mine)
    want = literal.title_loss(titles, theirs, bos, eos)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(literal.loss(tokens, targets, mask, nodes), want)
    (2 * got).backward()
    (2 * want).backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    grads = {name: p.grad for name, p in literal.named_parameters() if p.requires_grad}
    frozen = {"encoder.weight": vectors}  # our buffer, no gradient on either side
    for name, grad in legacy.ours_text_decoder(grads | frozen).items():
        if name != "word_vectors":
            torch.testing.assert_close(ours.get_parameter(name).grad, grad)
