"""The rules of a call: which keyword belongs to whom, and what is refused before it is sent."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from mlq._binding import check, check_function, name_of, split, takes_context
from mlq._binding import signature_of as signature

if TYPE_CHECKING:
    from collections.abc import Iterator


def plain(msg: Any, lr: float = 0.1) -> Any:
    return msg


def with_context(msg: Any, ctx: Any) -> Any:
    return msg


def with_rest(msg: Any, *args: Any) -> Any:
    return msg


def open_ended(msg: Any, **config: Any) -> Any:
    return msg


class Model:
    def __init__(self, size: int) -> None:
        self.size = size

    def fit(self, data: Any) -> Any:
        return data

    def __call__(self, data: Any) -> Any:
        return data


class TestSplit:
    def test_request_fields_and_the_functions_own(self) -> None:
        assert split(plain, {"gpus": 2, "lr": 0.5}) == ({"gpus": 2}, {"lr": 0.5})

    def test_one_that_both_claim_names_the_way_out(self) -> None:
        def train(name: str) -> None: ...

        with pytest.raises(TypeError, match=r"mlq\.options\(name=…\)\.submit\(.*train, …\)"):
            split(train, {"name": "x"})

    def test_one_that_neither_knows_names_the_nearest_field(self) -> None:
        with pytest.raises(TypeError, match=r"neither .* did you mean 'timeout'"):
            split(plain, {"timeuot": 1})

    def test_one_that_neither_knows_names_the_nearest_parameter(self) -> None:
        with pytest.raises(TypeError, match="did you mean 'lr'"):
            split(plain, {"lrr": 1})

    def test_a_function_of_any_keyword_takes_all_but_request_fields(self) -> None:
        assert split(open_ended, {"name": "n", "depth": 3}) == ({"name": "n"}, {"depth": 3})

    def test_positional_only_parameters_claim_no_keyword(self) -> None:
        def train(name: str, /) -> None: ...

        assert split(train, {"name": "x"}) == ({"name": "x"}, {})


class TestCheck:
    def test_missing_argument(self) -> None:
        with pytest.raises(TypeError, match=r"plain\(\) missing a required argument: 'msg'"):
            check(plain, (), {})

    def test_one_argument_too_many(self) -> None:
        with pytest.raises(TypeError, match=r"plain\(\) too many positional arguments"):
            check(plain, (1, 2, 3), {})

    def test_context_counts_as_the_second_argument(self) -> None:
        check(with_context, ("msg",), {})

    def test_no_context_beside_keywords(self) -> None:
        with pytest.raises(TypeError, match="missing a required argument"):
            check(with_context, (), {"msg": 1})

    def test_a_class_is_bound_to_its_constructor(self) -> None:
        check(Model, (3,), {})
        with pytest.raises(TypeError, match=r"Model\(\) missing"):
            check(Model, (), {})

    def test_bound_methods_and_callable_objects(self) -> None:
        check(Model(1).fit, ("data",), {})
        check(Model(1), ("data",), {})

    def test_a_builtin_without_a_signature_is_left_to_the_job(self) -> None:
        check(max, (1, 2), {})


@pytest.mark.parametrize(
    ("function", "positional", "keywords", "expected"),
    [
        (plain, 1, False, False),
        (with_context, 1, False, True),
        (with_context, 2, False, False),
        (with_context, 1, True, False),
        (with_rest, 1, False, True),
        (with_rest, 3, False, False),
        (open_ended, 1, False, False),
        (lambda msg, *, ctx: msg, 1, False, False),
        (lambda *args: args, 1, False, False),
    ],
)
def test_who_gets_the_context(
    function: Any, positional: int, keywords: bool, expected: bool
) -> None:
    found = signature(function)
    assert found is not None
    assert takes_context(found, positional, keywords=keywords) is expected


class TestCheckFunction:
    def test_a_value_instead_of_a_function(self) -> None:
        with pytest.raises(TypeError, match=r"not an int: write submit\(f, x\), not submit\(f\(x"):
            check_function(plain(3))

    def test_a_generator_function(self) -> None:
        def produce() -> Iterator[int]:
            yield 1

        with pytest.raises(TypeError, match="returns a list"):
            check_function(produce)
        with pytest.raises(TypeError, match="not a generator"):
            check_function(produce())

    def test_a_coroutine_function(self) -> None:
        async def train() -> None: ...

        with pytest.raises(TypeError, match=r"asyncio\.run"):
            check_function(train)
        with pytest.raises(TypeError, match="not a coroutine"):
            check_function(train())

    @pytest.mark.parametrize("fine", [plain, Model, Model(1), Model(1).fit, max, lambda: 1])
    def test_all_kinds_of_functions(self, fine: Any) -> None:
        check_function(fine)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (plain, "plain"),
        (Model(1).fit, "Model.fit"),
        (Model(1), "Model"),
        (functools.partial(plain, 1), "plain"),
        (lambda: 1, "<lambda>"),
    ],
)
def test_names_for_people(function: Any, name: str) -> None:
    assert name_of(function) == name
