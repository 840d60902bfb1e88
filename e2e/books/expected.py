"""What the cells of each notebook must show. A cell that is not named shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shown import shows

if TYPE_CHECKING:
    from shown import Shows

EPOCH = [rf"^epoch {n}: loss 0\.\d+$" for n in range(6)]

QUICKSTART = {
    "devices": shows("^host +# +state", "^lab-1 +0 +free", "^lab-1 +1 +free", tables=1),
    "run": shows(r"^mlq job \d+ area: succeeded in \d\.\d s", "^computing 6 by 7$", "^42$"),
    "submit": shows(*[r"<mlq.Job \d+ train>"] * 5),
    "why": shows(
        r"^place \d$",  # asked before the first two are claimed, or when a minute began between them
        r"^(2 devices fit: lab-1 (#0, #1 are|#\d is .*; lab-1 #\d is) held by ana since .*; )?"
        r"\d jobs of its kind are ahead of it$",
    ),
    "result": shows(
        r"^mlq job \d+ train: succeeded in .* on lab-1 CPU slot \d$",
        *EPOCH,
        r"^\{'lr': 0.5, 'loss': 0.015625\}$",
        paints=4,
    ),
    "attach": shows("^mlq job .* succeeded in", "^epoch 5: loss 0.531$", "'loss': 0.531441"),
    "jobs": shows("^id +state +name", *[r"^\d+ +succeeded +train"] * 5, tables=1),
    "request": shows("^mlq job .* a small one: succeeded in", "^computing 2 by 3$", "^6$"),
    "files": shows("^mlq job .* report: succeeded in", r"File\(name='losses.csv', size=23"),
    "cancel": shows("^True$"),
}

MANY_JOBS = {
    "map": shows(r"^mlq jobs \d+–\d+ degree: 12 of 12 done$", paints=2),
    "best": shows(r"^degree [4-8] has the lowest error, 0\.0[45]\d\d$", pictures=1),
    "table": shows("^id +state +name", *[r"^\d+ +succeeded +degree"] * 12, tables=1),
    "live": shows("^<Figure", r"^mlq jobs \d+–\d+ grid: 24 of 24 done$", pictures=1, paints=3),
    "failed": shows("^0.25$", "^0.5$", "^division by zero$", "^1.0$"),
    "failed-table": shows(r"failed +inverse .*division by zero", tables=1),
    "cancel": shows("^50 of 50 cancelled$"),
}

ERRORS = {
    "raised": shows(
        r"^mlq job \d+ train: failed after .*\(ValueError: a batch of 7, not 32\)",
        r'raise ValueError\(f"a batch of \{len\(batch\)\}, not 32"\)',
        "^ValueError: a batch of 7, not 32$",
        error="ValueError",
    ),
    "caught": shows("^caught: a batch of 5, not 32$"),
    "killed": shows(
        r"^mlq job \d+ dies: ", "^allocating$", "SIGKILL", "allocating", error="JobLost"
    ),
    "timeout": shows("^sleeping$", "time limit", error="JobTimeout"),
    "unpicklable": shows(r"batches.*generator|generator.*batches", error="NotSerializable"),
    "wrong-call": shows("learning_rate", error="TypeError"),
    "logs": shows(*[f"^step {n}$" for n in range(5)]),
    "logs-again": shows("^step 4$"),
    "patience": shows(r"^mlq job \d+ count: ", "^not finished in time; the job goes on$"),
    "patience-again": shows("^mlq job .* count: succeeded in", "^step 0$", "^step 4$", "^5$"),
    "before": shows(r"<mlq.Job \d+ long_count>"),
    "gone": shows("^False$"),
    "after": shows(r"^\d+ +running +long_count", tables=1),
    "reattach": shows(
        r"^mlq job \d+ long_count: succeeded in [89]\.\d s",
        *[f"^step {n}$" for n in range(16)],
        "^'done'$",
        paints=3,
    ),
    "key": shows(r"^\(True, 42\)$"),
}

TRAINING = {
    "check": shows("torch", r"^lab-1 +torch .*fits", tables=1),
    "submit": shows(r"<mlq.Job \d+ spirals>"),
    "live": shows("^<Figure", pictures=1, paints=4),
    "weights": shows(r"'0\.weight': \(64, 2\)", r"'4\.bias': \(1,\)"),
    "accuracy": shows(r"^(9[89]\.\d|100\.0)% of the points"),
    "boundary": shows("^<Figure", pictures=1),
}

ADMIN = {
    "status": shows("^lab-1 +0 +leased +(ana|ben)", "^lab-1 +1 +leased +(ana|ben)", tables=1),
    "leases": shows(
        "ends_by", r"ana +lab-1 +\d+ +night +running", r"ben +lab-1 +\d+ +sweep +running", tables=1
    ),
    "leases-plot": shows("^<Figure", pictures=1),
    "queue": shows(r"1 +ben +\d+ +waits +1", tables=1),
    "usage": shows(
        "device_s", *[rf"{user} +\d+\.\d+ +\d+ +\d+ +1 " for user in ("ana", "ben")], tables=1
    ),
    "usage-plot": shows("^<Figure", pictures=1),
    "hosts": shows("lab-1", tables=1),
}

EXPECTED: dict[str, dict[str, Shows]] = {
    "admin": ADMIN,
    "errors-logs-reattach": ERRORS,
    "many-jobs": MANY_JOBS,
    "quickstart": QUICKSTART,
    "training": TRAINING,
}
