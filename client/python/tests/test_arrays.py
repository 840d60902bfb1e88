"""Arrays of all layouts arrive as they were, writable, in the memory that was received."""

from __future__ import annotations

import array
import importlib
import importlib.util
import pickle
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any, Callable

import pytest

from both_ways import BOTH, Sent, as_argument, as_result
from mlq._pickle import CallWriter

if TYPE_CHECKING:
    from pathlib import Path

np: Any = importlib.import_module("numpy")
MIB = 1 << 20
AVAILABLE = {name for name in ("pandas", "torch") if importlib.util.find_spec(name)}


def large(dtype: Any = "f8") -> Any:
    return np.arange(3 * 20 * 1000).astype(dtype).reshape(3, 20, 1000)


LAYOUTS: dict[str, Callable[[], Any]] = {
    "C": large,
    "Fortran": lambda: np.asfortranarray(large()),
    "transposed": lambda: large().transpose(2, 0, 1),
    "axes swapped": lambda: large().transpose(0, 2, 1),
    "a column": lambda: large()[:, 3, :],
    "every second": lambda: large()[:, :, ::2],
    "backwards": lambda: large()[::-1, :, ::-1],
    "from the middle": lambda: large()[1:2, 4:, :],
    "without elements": lambda: np.zeros((0, 7, 2)),
    "without axes": lambda: np.array(3.5),
    "broadcast": lambda: np.broadcast_to(np.arange(1000.0), (8, 1000)),
    "not writable": lambda: np.frombuffer(bytes(8000), "f8"),
    "small and not writable": lambda: np.frombuffer(bytes(80), "f8"),
    "big endian": lambda: large(">i4"),
    "structured": lambda: np.zeros(900, [("id", "i4"), ("at", "M8[ns]"), ("v", "f4", (3,))]),
    "times": lambda: large("i8").view("M8[s]"),
    "durations": lambda: large("i8").view("m8[us]"),
    "halves": lambda: large("f2"),
    "complex": lambda: large("c16"),
    "bools": lambda: large() > 100,
    "texts": lambda: np.array(["grüße", "x"] * 900),
    "texts of no characters": lambda: np.zeros(4, "U0"),
    "raw": lambda: np.zeros(900, "V7"),
    "objects": lambda: np.array([{"a": 1}, None, "x"] * 900, dtype=object),
}


@pytest.mark.parametrize("send", BOTH)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, send: Callable[[Any], Sent]) -> None:
    source = LAYOUTS[layout]()
    sent = send(source)
    got = sent.value
    assert type(got) is np.ndarray
    assert got.dtype == source.dtype
    assert got.dtype.byteorder == source.dtype.byteorder
    assert got.shape == source.shape
    np.testing.assert_array_equal(got, source)
    assert got.flags.writeable
    assert got.flags.aligned
    if source.size:
        got[...] = source.flat[0]  # it does not share a page with what is read-only
    if source.nbytes >= 4096 and not source.dtype.hasobject:
        assert sent.beside == source.nbytes, "it is sent once, beside the pickle"
        assert sent.within < 1000
        assert got.ctypes.data % 64 == 0, "it begins where vector units like it"


@pytest.mark.parametrize("layout", ["Fortran", "transposed", "axes swapped"])
def test_dense_memory_keeps_its_order(layout: str) -> None:
    """So that what was fast before is fast after, and nothing had to be copied."""
    source = LAYOUTS[layout]()
    assert as_result(source).value.strides == source.strides


def test_an_array_twice_is_one() -> None:
    source = large()
    one, two = as_result([source, source]).value
    assert one is two


def test_a_file_that_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "data"
    large().tofile(path)
    sent = as_argument(np.memmap(path, "f8", "r", shape=(3, 20, 1000)))
    assert type(sent.value) is np.ndarray
    np.testing.assert_array_equal(sent.value, large())
    assert sent.within < 1000


def test_subclasses_stay_what_they_are() -> None:
    masked = np.ma.masked_greater(large(), 100)
    got = as_result(masked).value
    assert type(got) is type(masked)
    assert (got == masked).all()
    records = np.rec.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")])
    assert as_result(records).value.b.tolist() == [2.5, 4.5]


@pytest.mark.parametrize("send", BOTH)
@pytest.mark.parametrize("code", ["b", "B", "h", "I", "l", "Q", "f", "d", "u"])
@pytest.mark.parametrize("count", [0, 3, 5000])
def test_array_array(code: str, count: int, send: Callable[[Any], Sent]) -> None:
    source = array.array(code, "x" * count if code == "u" else range(count and 100))
    source *= max(1, count // 100) if code != "u" else 1
    sent = send(source)
    assert sent.value == source
    assert type(sent.value) is array.array
    assert sent.value.typecode == code
    sent.value.append(source[0] if source else ("y" if code == "u" else 1))
    if code != "u" and source.itemsize * len(source) >= 4096:
        assert sent.beside == source.itemsize * len(source)


VIEWS: dict[str, Callable[[], memoryview]] = {
    "bytes": lambda: memoryview(bytes(range(256)) * 40),
    "writable": lambda: memoryview(bytearray(range(256)) * 40),
    "doubles": lambda: memoryview(array.array("d", range(5000))),
    "two axes": lambda: memoryview(bytearray(6000)).cast("H", (60, 50)),
    "Fortran": lambda: memoryview(np.asfortranarray(np.arange(6000.0).reshape(60, 100))),
    "every third": lambda: memoryview(bytearray(range(256)) * 60)[::3],
    "backwards": lambda: memoryview(array.array("i", range(9000)))[::-1],
    "small": lambda: memoryview(b"abc"),
    "empty": lambda: memoryview(array.array("d")),
}


@pytest.mark.parametrize("send", BOTH)
@pytest.mark.parametrize("kind", VIEWS)
def test_memoryviews(kind: str, send: Callable[[Any], Sent]) -> None:
    source = VIEWS[kind]()
    got = send(source).value
    assert type(got) is memoryview
    assert (got.format, got.shape, got.readonly) == (source.format, source.shape, source.readonly)
    assert got.tolist() == source.tolist()


def test_a_view_that_cannot_be_cast_arrives_as_bytes() -> None:
    source = memoryview(np.zeros(3, [("a", "i4"), ("b", "f8")]))
    assert as_result(source).value == source.tobytes()


@pytest.mark.parametrize("make", [bytes, bytearray, lambda n: "x" * n])
def test_what_owns_its_memory_lies_within_and_is_not_copied(make: Callable[[int], Any]) -> None:
    data = make(40 * MIB)
    writer = CallWriter(len, {})
    tracemalloc.start()
    try:
        parts = writer.write(([data, {"again": data}],), {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if type(data) is not str:  # its UTF-8 is another thing than the text
        assert any(part is data for part in parts)
        assert peak < 2 * MIB
    sent = as_argument([data, {"again": data}])
    assert sent.value == [data, {"again": data}]
    assert type(sent.value[0]) is type(data)
    assert sent.value[0] is sent.value[1]["again"]


@pytest.mark.parametrize("layout", ["C", "Fortran", "axes swapped"])
def test_nothing_is_copied(layout: str) -> None:
    source = np.zeros((5, 1000, 1000)) + 1
    source = {"C": source, "Fortran": source.T, "axes swapped": source.transpose(0, 2, 1)}[layout]
    writer = CallWriter(len, {})
    tracemalloc.start()
    try:
        writer.write((source,), {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * MIB


def test_gaps_cost_one_copy() -> None:
    source = np.zeros((4000, 4000))[:, ::2]
    writer = CallWriter(len, {})
    tracemalloc.start()
    try:
        writer.write((source,), {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert source.nbytes <= peak < source.nbytes + 2 * MIB


def test_more_arrays_than_an_envelope_has_frames() -> None:
    source = [np.full(600, n, "f8") for n in range(5000)]
    source[-1].flags.writeable = False
    got = as_result(source).value
    assert all((a == b).all() for a, b in zip(source, got))
    assert all(a.flags.writeable for a in got)


def test_pandas() -> None:
    if "pandas" not in AVAILABLE:  # it is there where PyTorch is (.venv-torch), and tested there
        assert "torch" not in AVAILABLE
        return
    pd: Any = importlib.import_module("pandas")

    frame = pd.DataFrame(
        {
            "a": np.arange(5000.0),
            "b": pd.date_range("2026-01-01", periods=5000, freq="s"),
            "c": ["x", "y"] * 2500,
            "d": pd.Categorical(["p", "q"] * 2500),
        }
    )
    for send in BOTH:
        sent = send(frame)
        pd.testing.assert_frame_equal(sent.value, frame)
        assert sent.beside >= 2 * 8 * 5000
        sent.value.loc[3, "a"] = -1.0
    pd.testing.assert_series_equal(as_result(frame["a"][::2]).value, frame["a"][::2])


def test_numpy_is_not_imported_for_others() -> None:
    code = (
        "import sys; from mlq._pickle import CallWriter; import array;"
        "CallWriter(len, {}).write(([array.array('d', [1.0] * 999), memoryview(b'x')],), {});"
        "print(sorted({'numpy', 'torch', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_pickle_names_nothing_of_numpy_but_its_types() -> None:
    """Names within numpy moved between 1 and 2, and a job may have the other one."""
    import pickletools

    data = pickle.dumps(as_argument(large()).value)  # what numpy itself would do
    assert b"_core" in data or b"core" in data
    frame = bytes(as_argument(large()).envelope.frames["args"])
    texts = {arg for _op, arg, _at in pickletools.genops(frame) if type(arg) is str}
    assert {t for t in texts if t.startswith("numpy")} == {"numpy"}
