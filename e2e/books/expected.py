"""What the cells of each notebook must show. A cell that is not named shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shown import shows

if TYPE_CHECKING:
    from shown import Shows

QUICKSTART = {
    "run": shows(
        r"^mlq job \d+ area: succeeded in \d\.\d s on lab-1", "^computing 6 by 7$", "^42$"
    ),
    "submit": shows(*[r"<mlq.Job \d+ train>"] * 5),
    "why": shows(r"^place \d$", "2 devices fit: lab-1 #0, #1 are held by ana since"),
    "result": shows(
        r"^mlq job \d+ train: succeeded in .* on lab-1 CPU slot \d$",
        *[rf"^epoch {n}: loss 0\.\d+$" for n in range(6)],
        r"^\{'lr': 0.5, 'loss': 0.015625\}$",
        paints=4,
    ),
    "attach": shows("^mlq job .* succeeded in", "^epoch 5: loss 0.531$", "'loss': 0.531441"),
    "request": shows("^mlq job .* a small one: succeeded in", "^computing 2 by 3$", "^6$"),
    "files": shows("^mlq job .* report: succeeded in", r"File\(name='losses.csv', size=23"),
    "cancel": shows("^True$"),
}

EXPECTED: dict[str, dict[str, Shows]] = {"quickstart": QUICKSTART}
