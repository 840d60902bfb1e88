"""What users write, and what a type checker says of it: test_typed.py runs mypy over this file.

``# error: CODE`` marks what must be refused, ``# is TYPE`` what a value is.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from datetime import timedelta

import mlq


def train(config: dict[str, float], epochs: int = 1) -> float:
    return config["lr"] * epochs


def listen(msg: str, context: mlq.Context) -> int:
    context.update_progress(0.5)
    return len(msg) + len(context["full_message"])


job = mlq.submit(train, {"lr": 0.1}, epochs=2, gpus=1, name="x")
reveal_type(job)  # is mlq.Job[float]
reveal_type(job.id)  # is int
reveal_type(job.result(timeout=5))  # is float
reveal_type(job.exception())  # is BaseException | None
reveal_type(job.retry())  # is mlq.Job[float]
reveal_type(job.logs())  # is str
reveal_type(job.logs(follow=True))  # is typing.Iterator[str]
reveal_type(job.why().earliest)  # is float | None
reveal_type(job.files()[0].size)  # is int
job.add_done_callback(lambda ended: print(ended.result() + 1))
job.results()  # error: attr-defined
job.result(wait=1)  # error: call-arg

jobs = mlq.map(train, [{"lr": 0.1}, {"lr": 0.2}])
reveal_type(jobs)  # is mlq.JobList[float]
reveal_type(jobs.results())  # is list[float]
reveal_type([nearest.result() for nearest in mlq.as_completed(jobs)])  # is list[float]
reveal_type(mlq.wait(jobs).not_done)  # is set[mlq.Job[Any]]
mlq.wait(jobs, return_when="SOME")  # error: arg-type
reveal_type(mlq.run(listen, "hello"))  # is int
reveal_type(mlq.job(53))  # is mlq.Job[Any]

two = mlq.options(gpus=2, timeout=timedelta(hours=2), min_cc=(8, 0), after=[job, 7])
reveal_type(two)  # is mlq.Submitter
reveal_type(two.submit(train, {"lr": 1.0}))  # is mlq.Job[float]
two.submit(train, {"lr": 1.0}, epoch=2)  # error: call-arg
two.submit(train, "config")  # error: arg-type
mlq.options(gpu=2)  # error: call-arg
mlq.options(gpus="two")  # error: arg-type
mlq.options(on_partition="wait")  # error: arg-type

with mlq.Executor(gpus=1, name="sweep") as executor:
    future = executor.submit(train, {"lr": 1.0}, epochs=3)
    reveal_type(future)  # is mlq.JobFuture[float]
    reveal_type(future.job)  # is mlq.Job[float]
    reveal_type(future.result())  # is float
    reveal_type(executor.map(train, [{"lr": 1.0}], timeout=3))  # is typing.Iterator[float]
    executor.submit(train, {"lr": 1.0}, epoch=3)  # error: call-arg
    plain: concurrent.futures.Executor = executor
    ended: concurrent.futures.Future[float] = future
mlq.Executor(gpu=1)  # error: call-arg
reveal_type(two.executor())  # is mlq.Executor


async def main() -> None:
    reveal_type(await mlq.submit(train, {"lr": 0.1}))  # is float
    loop = asyncio.get_running_loop()
    reveal_type(await loop.run_in_executor(executor, train, {"lr": 0.1}, 1))  # is float
    reveal_type(await asyncio.gather(*jobs))  # is list[float]


with mlq.connect("http://127.0.0.1:5001", max_result=10**9) as lab:
    reveal_type(lab)  # is mlq.Client
    reveal_type(lab.submit(train, {"lr": 0.1}))  # is mlq.Job[float]
    reveal_type(lab.check(train, python="3.11").ok)  # is bool
lab.check(train, pyhton="3.11")  # error: call-arg

for step in mlq.progress([1, 2]):
    reveal_type(step)  # is int
reveal_type(mlq.status().devices[0].memory)  # is int
try:
    job.result()
except mlq.JobError as error:
    reveal_type(error.log_tail)  # is str
mlq.sumbit(train)  # error: attr-defined
