"""PyTorch's tensors arrive as they were, on the CPU, in the memory that was received.

Runs in .venv-torch (``make .venv-torch``), both as the client and as the jobs' environment.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import tracemalloc
import warnings
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle
import pytest

import mlq
from both_ways import BOTH, Sent, as_argument, as_result
from mlq import _tensors
from mlq._dump import dumps, measure
from mlq._pickle import CallWriter, dump_code

if TYPE_CHECKING:
    from collections.abc import Iterator

torch: Any = importlib.import_module("torch")
MIB = 1 << 20
N = 60_000


def large(dtype: Any = torch.float32) -> Any:
    return torch.arange(N).to(dtype).reshape(3, 20, 1000)


LAYOUTS: dict[str, Callable[[], Any]] = {
    "contiguous": large,
    "transposed": lambda: large().permute(2, 0, 1),
    "a column": lambda: large()[:, 3, :],
    "every second": lambda: large()[:, :, ::2],
    "from the middle": lambda: large()[1:2, 4:],
    "expanded": lambda: torch.arange(2000.0).expand(8, 2000),
    "channels last": lambda: torch.rand(2, 3, 50, 50).contiguous(memory_format=torch.channels_last),
    "without elements": lambda: torch.zeros(0, 7),
    "without elements in a large storage": lambda: large()[3:],
    "without axes": lambda: torch.tensor(3.5),
    "small": lambda: torch.arange(5),
    "halves": lambda: large(torch.float16),
    "bf16": lambda: large(torch.bfloat16),
    "complex": lambda: large(torch.complex64),
    "bools": lambda: large() > 100,
    "bytes": lambda: large(torch.uint8),
    "doubles": lambda: large(torch.float64),
    "of numpy": lambda: torch.from_numpy(large(torch.int64).numpy()[:, ::2]),
    "learned": lambda: large().requires_grad_(),
    "calculated": lambda: large().requires_grad_() * 2,
}


@pytest.mark.parametrize("send", BOTH)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, send: Callable[[Any], Sent]) -> None:
    source = LAYOUTS[layout]()
    sent = send(source)
    got = sent.value
    assert type(got) is torch.Tensor
    assert (got.dtype, got.shape) == (source.dtype, source.shape)
    assert got.stride() == source.stride()
    assert torch.equal(got, source)
    assert got.requires_grad is source.requires_grad
    assert got.is_leaf
    assert got._base is None
    with torch.no_grad():
        got.zero_() if layout != "expanded" else got[0].zero_()
    if source.numel() * source.element_size() >= 4096:
        used = _tensors._stretch_of(source)
        assert 0 <= sent.beside - (used.stop - used.start) < 4096, "its stretch, once"
        assert sent.within < 1000
        assert (got.data_ptr() - got.storage_offset() * got.element_size()) % 64 == 0


@pytest.mark.parametrize("send", BOTH)
def test_those_that_share_a_storage_still_do(send: Callable[[Any], Sent]) -> None:
    source = large()
    sent = send(
        {
            "all": source,
            "row": source[2],
            "t": source.permute(2, 1, 0),
            "bytes": source.view(torch.uint8),
        }
    )
    got = sent.value
    got["row"][5, 7] = -42.0
    assert got["all"][2, 5, 7] == -42.0
    assert got["t"][7, 5, 2] == -42.0
    assert torch.equal(got["bytes"].view(torch.float32), got["all"])
    assert sent.beside == 4 * N


def test_of_a_large_storage_only_the_stretch_that_is_used() -> None:
    source = large()
    sent = as_argument([source[1, :3], source[1, 2:4], source[1, 1]])
    assert 4 * 4000 <= sent.beside < 4 * 4000 + 64
    one, two, three = sent.value
    assert torch.equal(one, source[1, :3])
    assert torch.equal(two, source[1, 2:4])
    one[2] = 9.0
    assert (two[0] == 9.0).all(), "what they share, they share"
    assert torch.equal(three, source[1, 1])
    assert 4 * 1000 <= measure([source[0, 0]]) < 4 * 1000 + 1000


def test_a_value_that_is_pickled_differently_the_second_time() -> None:
    """The plan of the first time does not fit, and nothing is read beyond it."""

    class Shifty:
        def __init__(self) -> None:
            self.base, self.times = large(), 0

        def __reduce__(self) -> Any:
            self.times += 1
            row = self.times % 3
            fresh = torch.full((N,), float(row))  # another storage each time
            return list, ([self.base[row].clone()[2:4], self.base[row], fresh[10:]],)

    source = Shifty()
    _part, row, fresh = as_argument(source).value
    assert source.times == 2
    assert torch.equal(row, source.base[2])
    assert (fresh == 2.0).all()


@pytest.mark.parametrize("send", BOTH)
def test_a_module(send: Callable[[Any], Sent]) -> None:
    torch.manual_seed(1)
    source = torch.nn.Sequential(
        torch.nn.Linear(100, 100), torch.nn.BatchNorm1d(100), torch.nn.Linear(100, 100)
    )
    source[2].weight = source[0].weight  # tied
    source[0].bias.requires_grad_(False)
    sent = send(source)
    got = sent.value
    assert got[2].weight is got[0].weight
    for (name, one), (other, two) in zip(source.named_parameters(), got.named_parameters()):
        assert (name, type(two)) == (other, torch.nn.Parameter)
        assert torch.equal(one, two)
        assert one.requires_grad is two.requires_grad
    batch = torch.rand(8, 100)
    assert torch.equal(source(batch), got(batch))
    got(batch).sum().backward()
    torch.optim.SGD(got.parameters(), 0.1).step()
    state = send(source.state_dict()).value
    got.load_state_dict(state)
    assert all(torch.equal(state[k], v) for k, v in source.state_dict().items())
    assert sent.beside == 4 * 100 * 100, "the tied weight, once"


def test_what_pytorch_pickles_itself() -> None:
    sparse = torch.eye(300).to_sparse()
    assert torch.equal(as_result(sparse).value.to_dense(), torch.eye(300))
    quantised = torch.quantize_per_tensor(large(), 0.5, 3, torch.qint8)
    assert torch.equal(as_result(quantised).value.dequantize(), quantised.dequantize())
    conjugated = large(torch.complex64).conj()
    assert torch.equal(as_result(conjugated).value, conjugated)
    named = large()
    named.name_of_ours = "x"
    assert vars(as_result(named).value) == vars(pickle.loads(pickle.dumps(named)))
    meta = torch.zeros(10, device="meta")
    assert as_result(meta).value.device.type == "meta"


def test_in_a_closure() -> None:
    """Captured tensors lie within the code, which has no buffers beside it."""
    weights = large()[1:2]
    fn = pickle.loads(dump_code(lambda: weights))
    assert torch.equal(fn(), weights)
    fn().zero_()


def test_nothing_is_copied() -> None:
    source = torch.ones(40 * MIB // 4)
    writer = CallWriter(len, {})
    tracemalloc.start()
    try:
        parts = writer.write((source, source[:1000]), {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * MIB
    source[:] = 2.0
    at = torch.frombuffer(parts[-1], dtype=torch.float32)
    assert (at == 2.0).all(), "it is the tensor's own memory that is sent"


def test_the_memory_outlives_the_tensor() -> None:
    dumped = dumps([torch.full((2000,), 3.0)])  # the only reference ends here
    junk = [torch.full((2000,), 4.0) for _ in range(50)]
    assert (torch.frombuffer(dumped.buffers[0], dtype=torch.float32) == 3.0).all()
    assert len(junk) == 50


def test_what_lies_on_a_device_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no GPU here: memory of this machine is taken for a device's. CUDA was not tried."""
    fetched: list[int] = []
    real = _tensors._fetch

    def fetch(storage: Any, start: int, size: int) -> Any:
        fetched.append(size)
        return real(storage, start, size)

    monkeypatch.setattr(_tensors, "_fetch", fetch)
    monkeypatch.setattr(_tensors, "_HERE", "nowhere")
    source = large()
    sent = as_result([source[1], source[1, 3:5]])
    assert fetched == [4 * 20_000], "only what is used, once"
    assert torch.equal(sent.value[0], source[1])
    sent.value[1].zero_()
    assert (sent.value[0][3:5] == 0).all()
    assert source[1, 3, 5] != 0, "a copy was sent"
    fetched.clear()
    assert torch.equal(pickle.loads(dump_code(lambda: source))(), source)
    assert fetched == [4 * N]


# --- against a real server, whose jobs run in this environment


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


def double(batch: Any) -> Any:
    """Writes into what it was given, and gives back a view of it."""
    batch["x"] *= 2
    assert batch["row"].data_ptr() == batch["x"][1].data_ptr()
    return batch["x"][1:]


def test_a_job_works_in_place(live: mlq.Client) -> None:
    source = torch.arange(3_000_000.0).reshape(3, 1_000_000)
    got = live.run(double, {"x": source, "row": source[1]})
    assert torch.equal(got, source[1:] * 2)
    got.zero_()


def train(model: Any, inputs: Any, targets: Any) -> tuple[Any, float]:
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(30):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimiser.step()
    return model, loss.item()


def test_a_training(live: mlq.Client) -> None:
    torch.manual_seed(3)
    inputs = torch.rand(400, 64)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    targets = inputs.sum(1, keepdim=True) / 64
    before = torch.nn.functional.mse_loss(model(inputs), targets).item()
    learned, loss = live.run(train, model, inputs, targets)
    assert loss < before / 2
    assert torch.nn.functional.mse_loss(learned(inputs), targets).item() <= loss * 1.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.optim.SGD(learned.parameters(), 0.1).step()
