"""The network against transformers' T5, and Muon by hand."""

import numpy as np
import torch

from training.pocket.gpu.drawing import pack
from training.pocket.gpu.exporting import as_transformers
from training.pocket.gpu.muon import Muon, orthogonal
from training.pocket.gpu.network import Network, Shape, loss_of
from training.runs.data.batches import Example

_SHAPE = Shape(vocab_size=60, d_model=16, d_kv=4, d_ff=24, num_heads=3, num_layers=2, num_decoder_layers=2)
_EXAMPLES = [
    Example([*range(3, 40), 1], [5, 6, 7, 1]),
    Example([9, 8, 1], [11, 12, 13, 14, 15, 1]),
    Example([20, 1], [21, 1]),
]


def _untrained() -> Network:
    torch.manual_seed(3)
    network = Network(_SHAPE)
    with torch.no_grad():
        for parameter in network.parameters():  # biases that are all alike would hide a wrong bucket
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return network.eval()


def test_documents_packed_into_a_row_get_the_logits_that_transformers_gives_each_alone() -> None:
    network = _untrained()
    model = as_transformers(network.shape, network.state_dict())
    packed, taken = pack(_EXAMPLES, 2, (48, 12))
    batch = {name: torch.from_numpy(ids) for name, ids in packed.items()}
    assert taken == 3 and batch["source_docs"].max() == 3
    with torch.no_grad():
        logits = network(batch["source"], batch["source_docs"], batch["inputs"], batch["target_docs"])
        for number, example in enumerate(_EXAMPLES, start=1):
            labels = torch.tensor([example.target])
            alone = model(input_ids=torch.tensor([example.source]), labels=labels).logits[0]
            at = batch["target_docs"] == number
            assert torch.equal(batch["labels"][at], labels[0])
            torch.testing.assert_close(logits[at], alone, atol=1e-4, rtol=1e-4)


def test_the_loss_is_the_mean_over_labels_and_padding_has_no_gradient_of_its_own() -> None:
    network = _untrained()
    batch, wide = (
        {name: torch.from_numpy(ids) for name, ids in pack(_EXAMPLES, rows, (48, 12))[0].items()} for rows in (1, 3)
    )
    losses = [loss_of(network, one) for one in (batch, wide)]
    torch.testing.assert_close(losses[0], losses[1])
    losses[1].backward()
    assert all(torch.isfinite(one.grad).all() for one in network.parameters() if one.grad is not None)


def test_a_step_of_muon_follows_its_definition() -> None:
    weight = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    gradients = [torch.tensor([[3.0, 0.0], [0.0, 0.5], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])]
    optimizer = Muon([weight], lr=0.1, momentum=0.9)
    expected, mean = weight.detach().numpy().astype(np.float64), np.zeros((3, 2))
    for gradient in gradients:
        weight.grad = gradient
        optimizer.step()
        mean = 0.9 * mean + 0.1 * gradient.numpy()
        ahead = 0.1 * gradient.numpy() + 0.9 * mean
        # A diagonal matrix stays diagonal: each value goes through the polynomial by itself.
        values = np.array([ahead[0, 0], ahead[1, 1]]) / np.linalg.norm(ahead)
        for _ in range(5):
            values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
        expected[[0, 1], [0, 1]] -= 0.1 * (3 / 2) ** 0.5 * values
        np.testing.assert_allclose(weight.detach().numpy(), expected, atol=1e-5)


def test_an_orthogonal_step_moves_every_direction_about_as_far() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 8, 5) @ torch.diag(torch.tensor([1.0, 0.8, 0.5, 0.3, 0.2]))
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert values.min() > 0.6 and values.max() < 1.3
