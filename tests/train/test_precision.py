"""Mixed precision and gradient checkpointing: what is computed how, and that results stay near."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import assemble, pin_memory, to_device
from GPT_GNN.batch.loader import Loader
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import Schema
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train import optim
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.optim import OptimConfig, Stepper, autocast
from tests.made import encoder_settings, indexed, method_of

CPU = torch.device("cpu")


def objective_and_batch(toy, attr_type="vec", **encoder):
    settings = encoder_settings(
        **{"conv_name": "hgt", "n_hid": 16, "n_heads": 2, "n_layers": 2} | encoder
    )
    objective = new_objective(
        new_encoder(toy, settings, 0),
        toy,
        OAG.facts(toy),
        method_of("gpt_gnn", GPTConfig(attr_type)),
        0,
    )
    rng = derive(0, "precision")
    ids = rng.choice(OAG.FACTS.split.nodes(toy, "paper", "pretrain"), 48, replace=False)
    seeds = {"paper": (ids, toy.node_time("paper")[ids])}
    subgraph = HGSampler(toy, sample_depth=3, sample_width=16).sample(
        Query(seeds, 2013, "pretrain"), rng
    )
    return objective, indexed(objective.transform(toy, subgraph, rng))


def step(objective, data, amp="off"):
    """Losses, and every gradient, of one step with the same dropout."""
    objective.zero_grad()
    with seeded(0, "step"):
        with autocast(amp, CPU):
            losses = objective(data)
        losses["loss"].backward()
    return losses, {n: p.grad for n, p in objective.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("attr_type", ["vec", "text"])
def test_bf16_stays_near_float32_and_keeps_losses_and_parameters_whole(toy, attr_type):
    objective, data = objective_and_batch(toy, attr_type)
    objective.eval()  # no dropout, no queue
    want, want_grads = step(objective, data)
    inside = []
    layer = objective.encoder.convs[0].kv[0]
    hook = layer.register_forward_hook(lambda module, x, out: inside.append(out.dtype))
    got, got_grads = step(objective, data, "bf16")
    hook.remove()
    assert inside == [torch.bfloat16]
    for name in want:
        assert got[name].dtype == torch.float32
        torch.testing.assert_close(got[name], want[name], rtol=0.02, atol=0.02)
    assert got_grads.keys() == want_grads.keys()
    for name, grad in got_grads.items():
        assert grad.dtype == torch.float32
        cosine = torch.cosine_similarity(grad.flatten(), want_grads[name].flatten(), 0)
        assert cosine > 0.98 or want_grads[name].norm() < 1e-3, name


@pytest.mark.parametrize("conv_name", ["gcn", "gat", "rgcn", "han", "hetgnn"])
def test_bf16_and_checkpointing_with_the_other_convolutions(toy, conv_name):
    results = []
    for amp, checkpointing in (("off", False), ("off", True), ("bf16", True)):
        objective, data = objective_and_batch(
            toy, conv_name=conv_name, gradient_checkpointing=checkpointing
        )
        objective.encoder.train()
        results.append(step(objective, data, amp))
    (want, want_grads), *others = results
    for (got, got_grads), tolerance in zip(others, (1e-5, 0.05), strict=True):
        torch.testing.assert_close(got["loss"], want["loss"], rtol=tolerance, atol=tolerance)
        assert got_grads.keys() == want_grads.keys()
        for name, grad in got_grads.items():
            assert grad.dtype == torch.float32
            cosine = torch.cosine_similarity(grad.flatten(), want_grads[name].flatten(), 0)
            assert cosine > 1 - tolerance or want_grads[name].norm() < 1e-3, name


@pytest.mark.parametrize("wide_norm", [False, True])
def test_bf16_with_types_without_features_and_norms_that_stay_whole(monkeypatch, wide_norm):
    """On a GPU autocast leaves the results of LayerNorm in float32; so is a learned input."""
    if wide_norm:
        forward = torch.nn.LayerNorm.forward
        monkeypatch.setattr(torch.nn.LayerNorm, "forward", lambda *x: forward(*x).float())
    schema = Schema(("a", "f"), (("f", "r", "a"), ("a", "rev_r", "f")), (1, 0), (False, False))
    encoder = GNN(
        schema,
        {"a": 6, "f": 0},
        n_hid=8,
        n_heads=2,
        dropout=0.0,
        prev_norm=True,
        last_norm=True,
    )
    src, dst = np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1])
    x = [np.ones((2, 6), np.float32), np.ones((2, 0), np.float32)]
    times = [np.zeros(2, np.int32)] * 2
    batch = assemble(schema, x, times, src, dst, np.array([0, 2, 4])).index()
    want = encoder(batch)
    with autocast("bf16", CPU):
        got = encoder(batch)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=0.05, atol=0.05)
    got.sum().backward()


def scaled(monkeypatch, model):
    """A float16 stepper on the CPU, where only its scale can be tried."""
    monkeypatch.setattr(optim, "autocast", lambda amp, device: None)
    config = OptimConfig("adamw", "cosine", max_lr=0.1, weight_decay=0.0, amp="fp16")
    return Stepper(model, CPU, config, 10)


def test_float16_leaves_out_a_step_that_overflowed_and_unscales_before_it_clips(monkeypatch):
    model = torch.nn.Linear(3, 1)
    stepper = scaled(monkeypatch, model)
    assert stepper.may_overflow
    weight, scale = model.weight.detach().clone(), stepper.scaler.get_scale()
    norm = stepper.backward(model(torch.ones(1, 3)).sum() * math.inf)
    assert not norm.isfinite()
    stepper.step()
    assert torch.equal(model.weight, weight) and stepper.lr == 0.1
    assert stepper.scaler.get_scale() < scale
    norm = stepper.backward(100 * model(torch.ones(1, 3)).sum())
    assert norm.item() == pytest.approx(200, rel=1e-4)
    stepper.step()
    assert not torch.equal(model.weight, weight) and stepper.lr < 0.1
    other = scaled(monkeypatch, model)
    other.load_state_dict(stepper.state_dict())
    assert other.scaler.get_scale() == stepper.scaler.get_scale()


def test_float16_that_never_fits_is_an_error(monkeypatch):
    model = torch.nn.Linear(3, 1)
    stepper = scaled(monkeypatch, model)
    with pytest.raises(FloatingPointError, match="float16 gradients are not finite"):
        for _ in range(40):
            stepper.backward(model(torch.ones(1, 3)).sum() * math.nan)
            stepper.step()


def test_float16_needs_a_gpu():
    with pytest.raises(ValueError, match="--amp fp16: expected a GPU, found the CPU"):
        autocast("fp16", CPU)


def test_a_step_is_clipped_and_moves_the_schedule():
    model = torch.nn.Linear(3, 1)
    settings = OptimConfig("adamw", "cosine", max_lr=0.1, weight_decay=0.0)
    stepper = Stepper(model, CPU, settings, 10)
    norm = stepper.backward(100 * model(torch.ones(1, 3)).sum())
    assert norm > 100
    total = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    assert abs(total.item() - 0.5) < 1e-4
    assert stepper.lr == 0.1
    stepper.step()
    assert stepper.lr < 0.1
    other = Stepper(model, CPU, settings, 10)
    other.load_state_dict(stepper.state_dict())
    assert other.lr == stepper.lr


@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_checkpointing_changes_no_value_and_keeps_less(toy, amp):
    results, kept = [], []
    for checkpointing in (False, True):
        objective, data = objective_and_batch(toy, gradient_checkpointing=checkpointing)
        sizes = []

        def pack(x, sizes=sizes):
            sizes.append(x.numel())
            return x

        objective.encoder.train()  # dropout must be drawn again alike
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            with autocast(amp, CPU):
                objective.embed(data)
        kept.append(sum(sizes))
        results.append(step(objective, data, amp))
    (want, want_grads), (got, got_grads) = results
    assert torch.equal(got["loss"], want["loss"])
    assert got_grads.keys() == want_grads.keys()
    for name, grad in got_grads.items():
        torch.testing.assert_close(grad, want_grads[name], rtol=1e-5, atol=1e-6)
    assert kept[1] < 0.6 * kept[0]


def test_a_gpu_s_batches_are_pinned_whole_and_the_cpu_s_are_not(toy, monkeypatch):
    _, data = objective_and_batch(toy, "text")
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: pinned.append(x) or x)
    assert next(iter(Loader(lambda step: data, range(1), 0, CPU))) is data
    assert not pinned
    next(iter(Loader(lambda step: data, range(1), 0, torch.device("cuda"))))
    moved = []
    monkeypatch.setattr(torch.Tensor, "to", lambda x, *_, **__: moved.append(x) or x)
    to_device(data, CPU)
    assert len(pinned) == len(moved) > 30
    assert pin_memory(data).batch.graph.node_offsets == data.batch.graph.node_offsets
