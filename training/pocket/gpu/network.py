"""A T5 v1.1 (Raffel et al. 2020; gated GELU after Shazeer 2020) for packed rows: several documents per row, each of
which attends only to itself.

The parameters are named as in transformers. With the same weights, both compute the same.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

START = 0
"""The decoder's first input, which is the padding id."""
IGNORED = -100
"""A label that the loss ignores."""
_NEVER = -1e9


@dataclass(frozen=True)
class Shape:
    """The shape of the model, with the names of transformers' T5Config."""

    vocab_size: int = 16_000
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 1152
    num_heads: int = 8
    num_layers: int = 8
    num_decoder_layers: int = 3
    n_positions: int = 1024
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128


class Attention(nn.Module):
    """Attention without scaling. The first self-attention of a stack has the relative biases of all its layers."""

    def __init__(self, shape: Shape, *, has_bias: bool = False) -> None:
        super().__init__()
        inner = shape.num_heads * shape.d_kv
        self.heads = shape.num_heads
        self.q, self.k, self.v = (nn.Linear(shape.d_model, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, shape.d_model, bias=False)
        nn.init.normal_(self.q.weight, std=(shape.d_model * shape.d_kv) ** -0.5)
        nn.init.normal_(self.k.weight, std=shape.d_model**-0.5)
        nn.init.normal_(self.v.weight, std=shape.d_model**-0.5)
        nn.init.normal_(self.o.weight, std=inner**-0.5)
        if has_bias:
            self.relative_attention_bias = nn.Embedding(shape.relative_attention_num_buckets, shape.num_heads)
            nn.init.normal_(self.relative_attention_bias.weight, std=shape.d_model**-0.5)

    def forward(self, states: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """Attend from `states` (rows, length, width) to `context` (rows, context length, width). `bias` is added to the
        scores and must broadcast to (rows, heads, length, context length).
        """
        q, k, v = (
            project(read).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, read in ((self.q, states), (self.k, context), (self.v, context))
        )
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
        return cast(Tensor, self.o(found.transpose(1, 2).flatten(2)))


class FeedForward(nn.Module):
    """Feed-forward layer with gated GELU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.wi_0, self.wi_1 = (nn.Linear(shape.d_model, shape.d_ff, bias=False) for _ in range(2))
        self.wo = nn.Linear(shape.d_ff, shape.d_model, bias=False)
        nn.init.normal_(self.wi_0.weight, std=shape.d_model**-0.5)
        nn.init.normal_(self.wi_1.weight, std=shape.d_model**-0.5)
        nn.init.normal_(self.wo.weight, std=shape.d_ff**-0.5)

    def forward(self, states: Tensor) -> Tensor:
        """Map (…, width) to (…, width)."""
        return cast(Tensor, self.wo(functional.gelu(self.wi_0(states), approximate="tanh") * self.wi_1(states)))


class Layer(nn.Module):
    """A sublayer named `name` with the norm before it, and a residual connection."""

    def __init__(self, shape: Shape, name: str, inner: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, inner)
        self.layer_norm = nn.RMSNorm(shape.d_model, eps=1e-6)

    def forward(self, states: Tensor, *more: Tensor, attends_itself: bool = False) -> Tensor:
        """Return the states plus the sublayer's output."""
        normed = self.layer_norm(states)
        return states + cast(Tensor, getattr(self, self.name)(normed, *((normed,) if attends_itself else ()), *more))


class Block(nn.Module):
    """Self-attention, cross-attention in a decoder, and feed-forward."""

    def __init__(self, shape: Shape, *, is_decoder: bool, has_bias: bool) -> None:
        super().__init__()
        layers = [Layer(shape, "SelfAttention", Attention(shape, has_bias=has_bias))]
        if is_decoder:
            layers.append(Layer(shape, "EncDecAttention", Attention(shape)))
        self.layer = nn.ModuleList([*layers, Layer(shape, "DenseReluDense", FeedForward(shape))])

    def forward(self, states: Tensor, bias: Tensor, *source: Tensor) -> Tensor:
        """Apply the block. In a decoder, `source` are the encoder's states and the bias of cross-attention."""
        states = self.layer[0](states, bias, attends_itself=True)
        if source:
            states = self.layer[1](states, *source)
        return cast(Tensor, self.layer[-1](states))


class Stack(nn.Module):
    """An encoder or a decoder."""

    def __init__(self, shape: Shape, *, is_decoder: bool) -> None:
        super().__init__()
        self.shape, self.is_decoder = shape, is_decoder
        count = shape.num_decoder_layers if is_decoder else shape.num_layers
        self.block = nn.ModuleList([Block(shape, is_decoder=is_decoder, has_bias=not place) for place in range(count)])
        self.final_layer_norm = nn.RMSNorm(shape.d_model, eps=1e-6)

    def forward(self, states: Tensor, docs: Tensor, *source: Tensor) -> Tensor:
        """Apply all blocks to `states` (rows, length, width). `docs` (rows, length) has the number of each token's
        document. In a decoder, `source` are the encoder's states and their documents.
        """
        bias = self._positions(docs.shape[1], docs.device) + apart(docs, docs, is_causal=self.is_decoder)
        precision = _precision(states)
        about = (source[0], apart(docs, source[1]).to(precision)) if source else ()
        bias = bias.to(precision)
        for block in self.block:
            states = block(states, bias, *about)
        return cast(Tensor, self.final_layer_norm(states))

    def _positions(self, length: int, device: torch.device) -> Tensor:
        """Return the relative position biases, (1, heads, length, length)."""
        places = torch.arange(length, device=device)
        found = buckets(places[None, :] - places[:, None], self.shape, is_decoder=self.is_decoder)
        table = cast(Any, self.block[0]).layer[0].SelfAttention.relative_attention_bias
        return cast(Tensor, table(found)).permute(2, 0, 1).unsqueeze(0)


class Network(nn.Module):
    """The whole model. Input and output embeddings are tied, as in transformers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.shared = nn.Embedding(shape.vocab_size, shape.d_model)
        self.encoder = Stack(shape, is_decoder=False)
        self.decoder = Stack(shape, is_decoder=True)

    def forward(self, source: Tensor, source_docs: Tensor, inputs: Tensor, target_docs: Tensor) -> Tensor:
        """Return the logits, (rows, target length, pieces). Inputs are (rows, length): ids, and the number of each
        token's document in its row, 0 for padding.
        """
        read = self.encoder(self.shared(source), source_docs)
        states = self.decoder(self.shared(inputs), target_docs, read, source_docs)
        return functional.linear(states * self.shape.d_model**-0.5, self.shared.weight)


def loss_of(network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean loss per label, in nats."""
    logits = network(batch["source"], batch["source_docs"], batch["inputs"], batch["target_docs"])
    return functional.cross_entropy(logits.flatten(0, 1).float(), batch["labels"].flatten(), ignore_index=IGNORED)


def apart(docs: Tensor, others: Tensor, *, is_causal: bool = False) -> Tensor:
    """Return the attention mask, (rows, 1, length, other length): 0 where a token may attend to another, else a large
    negative number. Padding may have nothing to attend to and then gets a mean, which is never used.
    """
    together = docs[:, None, :, None] == others[:, None, None, :]
    if is_causal:
        together = together & torch.ones_like(together[0, 0]).tril()
    return torch.where(together, 0.0, _NEVER)


def buckets(distance: Tensor, shape: Shape, *, is_decoder: bool) -> Tensor:
    """Return the bucket of each distance to a key (Raffel et al. 2020, section 2.1). Small distances have a bucket
    each; larger ones share buckets of logarithmically growing width.
    """
    count, furthest = shape.relative_attention_num_buckets, shape.relative_attention_max_distance
    if is_decoder:
        offset, distance = torch.zeros_like(distance), (-distance).clamp(min=0)
    else:
        count //= 2
        offset, distance = (distance > 0).long() * count, distance.abs()
    exact = count // 2
    share = torch.log(distance.clamp(min=1).float() / exact) / math.log(furthest / exact)
    far = (exact + (share * (count - exact)).long()).clamp(max=count - 1)
    return offset + torch.where(distance < exact, distance, far)


def _precision(states: Tensor) -> torch.dtype:
    """Return the dtype of attention."""
    kind = states.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
