"""T5 as two networks that any engine can run, and their int8 files for ONNX Runtime and OpenVINO.

One network reads prompts, the other computes a token's logits with a cache.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from assistant.engine.recipe import load_float32, scales_outputs

_FAR = 1024
"""The largest distance between pieces for which the networks have a bias."""
_MASKED = -1e9


class Reader(nn.Module):
    """Reads prompts: ids and mask, shape (prompts, pieces) each.

    Returns the keys and values for the cross-attention of every decoder layer, shape (prompts, heads, pieces, head
    width) each.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        _plain_gelu(model)
        self.embed, self.blocks, self.norm = model.shared, model.encoder.block, model.encoder.final_layer_norm
        self.cross = nn.ModuleList([block.layer[1].EncDecAttention for block in model.decoder.block])
        bias = self.blocks[0].layer[0].SelfAttention.compute_bias(1, 2 * _FAR, past_seen_tokens=_FAR)
        self.register_buffer("bias", bias[0, :, 0].detach().clone())  # (heads, distance from -_FAR)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        places = torch.arange(ids.shape[1])
        bias = self.bias[:, places[None] - places[:, None] + _FAR][None] + _hidden(mask)
        hidden = self.embed(ids)
        for block in self.blocks:
            normed, own = block.layer[0].layer_norm(hidden), block.layer[0].SelfAttention
            hidden = hidden + _attend(own, normed, _split(own, own.k(normed)), _split(own, own.v(normed)), bias)
            hidden = block.layer[1](hidden)
        hidden = self.norm(hidden)
        return tuple(_split(own, part(hidden)) for own in self.cross for part in (own.k, own.v))


class Step(nn.Module):
    """Adds one token: takes the last token of every row, shape (rows,), and the cache, and returns the next logits and
    the longer cache.

    The inputs are the tokens, the prompts' mask, with `reorders` the rows to continue with, what `Reader` returned, and
    the cache: keys and values of every layer, shape (rows, heads, tokens, head width) each.
    """

    def __init__(self, model: Any, reorders: bool = False) -> None:
        super().__init__()
        _plain_gelu(model)
        self.embed, self.blocks, self.norm = model.shared, model.decoder.block, model.decoder.final_layer_norm
        self.head, self.reorders = model.lm_head, reorders
        self.scale = model.config.d_model**-0.5 if scales_outputs(model) else 1.0
        bias = self.blocks[0].layer[0].SelfAttention.compute_bias(1, _FAR + 1, past_seen_tokens=_FAR)
        self.register_buffer("bias", bias.detach().clone())  # (1, heads, 1, distance from -_FAR to 0)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor, *caches: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.reorders:
            order, *caches = caches
            caches = [*caches[: len(caches) // 2], *(past[order] for past in caches[len(caches) // 2 :])]
        cross, past = caches[: len(caches) // 2], caches[len(caches) // 2 :]
        far, unseen = self.bias[..., _FAR - past[0].shape[2] :], _hidden(mask)
        hidden, present = self.embed(tokens[:, None]), []
        for i, block in enumerate(self.blocks):
            normed, own = block.layer[0].layer_norm(hidden), block.layer[0].SelfAttention
            keys = torch.cat([past[2 * i], _split(own, own.k(normed))], 2)
            values = torch.cat([past[2 * i + 1], _split(own, own.v(normed))], 2)
            hidden = hidden + _attend(own, normed, keys, values, far)
            present += [keys, values]
            other = block.layer[1].EncDecAttention
            normed = block.layer[1].layer_norm(hidden)
            hidden = hidden + _attend(other, normed, cross[2 * i], cross[2 * i + 1], unseen)
            hidden = block.layer[2](hidden)
        return self.head(self.norm(hidden)[:, 0] * self.scale), *present


def export_onnx(folder: Path, files: Path) -> None:
    """Write both networks for ONNX Runtime, with int8 matrices quantized per channel."""
    quantization = import_module("onnxruntime.quantization")
    for name, network, inputs, names, outputs in _networks(folder, reorders=False):
        axes = {"ids": {0: "prompts", 1: "pieces"}, "tokens": {0: "rows"}, "mask": {0: "rows", 1: "pieces"}}
        caches = {one: {0: "rows", 2: "length_" + one.split("_")[0]} for one in [*names, *outputs] if "_" in one}
        place = files / f"{name}.onnx"
        torch.onnx.export(
            network,
            inputs,
            place,
            input_names=names,
            output_names=outputs,
            dynamic_axes={**{one: axes[one] for one in names if one in axes}, **caches},
            dynamo=False,
        )
        quantization.quantize_dynamic(place, files / f"{name}.int8.onnx", per_channel=True)
        place.unlink()


def export_openvino(folder: Path, files: Path) -> None:
    """Write both networks for OpenVINO with int8 matrices, and make the cache a state of the engine."""
    openvino, nncf = import_module("openvino"), import_module("nncf")
    for name, network, inputs, names, outputs in _networks(folder, reorders=True):
        model = openvino.convert_model(network, example_input=inputs)
        for ports, given in ((model.inputs, names), (model.outputs, outputs)):
            for port, one in zip(ports, given, strict=True):
                port.get_tensor().set_names({one})
        model = nncf.compress_weights(model)
        if name == "step":
            own = network.blocks[0].layer[0].SelfAttention
            _keep_cache(model, own.n_heads, own.key_value_proj_dim)
        openvino.save_model(model, files / f"{name}.xml", compress_to_fp16=False)


def _keep_cache(model: Any, heads: int, width: int) -> None:
    """Turn `past_…` and `present_…` into variables that start empty, with one row per token row."""
    passes = import_module("openvino._offline_transformations")
    operators = import_module("openvino.opset13")
    count = sum(one.any_name.startswith("past_") for one in model.inputs)
    passes.apply_make_stateful_transformation(model, {f"past_{i}": f"present_{i}" for i in range(count)})
    rows = operators.shape_of(model.input("tokens"))
    tail = operators.constant(np.array([heads, 0, width]))
    empty = operators.broadcast(operators.constant(np.float32(0)), operators.concat([rows, tail], 0))
    for operation in model.get_ops():
        if operation.get_type_name() == "ReadValue":
            operation.set_arguments([empty.output(0)])
    model.validate_nodes_and_infer_types()


def _networks(folder: Path, reorders: bool) -> Iterator[tuple[str, nn.Module, tuple[Any, ...], list[str], list[str]]]:
    """Yield name, network, example inputs, and the names of inputs and outputs."""
    model = load_float32(folder)
    reader, step = Reader(model).eval(), Step(model, reorders).eval()
    ids = torch.ones(2, 5, dtype=torch.long)
    cross = reader(ids, ids)
    past = tuple(part[:, :, :3] for part in cross)
    lists = [[f"{name}_{i}" for i in range(len(cross))] for name in ("cross", "past", "present")]
    order = ["order"] if reorders else []
    yield "reader", reader, (ids, ids), ["ids", "mask"], lists[0]
    inputs = (ids[:, 0], ids, *([torch.arange(2)] if reorders else []), *cross, *past)
    yield "step", step, inputs, ["tokens", "mask", *order, *lists[0], *lists[1]], ["logits", *lists[2]]


def _plain_gelu(model: Any) -> None:
    """Compute GELU with one operator instead of eight; the formula is the same."""
    for stack in (model.encoder, model.decoder):
        for block in stack.block:
            network = block.layer[-1].DenseReluDense
            if type(network.act).__name__ == "NewGELUActivation":
                network.act = nn.GELU(approximate="tanh")


def _attend(
    attention: Any, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    found = nn.functional.scaled_dot_product_attention(
        _split(attention, attention.q(hidden)), keys, values, attn_mask=bias, scale=1.0
    )
    mixed: torch.Tensor = attention.o(found.transpose(1, 2).flatten(2))
    return mixed


def _split(attention: Any, states: torch.Tensor) -> torch.Tensor:
    """Reshape (rows, pieces, heads * width) to (rows, heads, pieces, width)."""
    return states.unflatten(-1, (attention.n_heads, attention.key_value_proj_dim)).transpose(1, 2)


def _hidden(mask: torch.Tensor) -> torch.Tensor:
    return (1 - mask[:, None, None].float()) * _MASKED
