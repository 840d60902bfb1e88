"""The bar of warnings, from what /readyz and the connection say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from desk import Desk
    from lab import Lab

READ = """async (model) => {
    const { warnings } = await import("/web/bar.js");
    model.at = model.at && new Date(Date.now() - model.at);
    return warnings(model).map((line) => `${line.kind}: ${line.head} ${line.rest}`);
}"""


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"away": "", "data": {}}, []),
        ({"away": "", "data": {"ready": {"problems": [], "warnings": []}}}, []),
        (
            {
                "away": "",
                "data": {"ready": {"problems": ["store: away"], "warnings": ["disk: 8 %"]}},
            },
            ["bad: Takes no work now. store: away", "warn: Look after this: disk: 8 %"],
        ),
        ({"away": "it does not answer", "at": 0, "data": {}}, ["bad: The server is away.  Trying"]),
        ({"away": "no answer", "at": 125_000, "data": {}}, ["2 min 5 s ago. Trying again…"]),
    ],
)
def test_what_the_bar_tells(desk: Desk, lab: Lab, model: dict[str, Any], told: list[str]) -> None:
    desk.page.goto(lab.url)
    lines = desk.page.evaluate(READ, model)
    assert len(lines) == len(told)
    for line, words in zip(lines, told):
        assert words in line
