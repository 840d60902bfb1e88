"""What it costs to watch a job from a notebook: prints CPU, requests and paintings a minute.

.venv/bin/python e2e/notebook/overhead.py [SECONDS, less than 60]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "web"))

from kernel import Kernel
from lab import Lab

SETUP = """
import collections, mlq._http
asked = collections.Counter()
once = mlq._http.Transport.open
def counted(self, method, path, **more):
    asked[path.rsplit("/", 1)[-1]] += 1
    return once(self, method, path, **more)
mlq._http.Transport.open = counted

def reports(seconds):
    import mlq, time
    for n in mlq.progress(range(seconds * 10)):
        if n % 5 == 0: print("step", n, flush=True)
        time.sleep(0.1)

def watch(job, seconds):
    asked.clear()
    began = time.process_time()
    try: job.result(timeout=seconds)
    except TimeoutError: pass
    print("\\nCPU", time.process_time() - began, dict(asked))
"""


def main(seconds: int) -> None:
    """Watch a job that waits and one that runs, for so many seconds each."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), "cpu:1", dev=True).start()
        kernel = Kernel({"MLQ_URL": lab.url})
        try:
            kernel.run(SETUP)
            kernel.run(f"runs = mlq.submit(reports, {4 * seconds}); waits = mlq.submit(len, 'x')")
            for name in ("waits", "runs"):
                cell = kernel.run(f"watch({name}, {seconds})")
                painted = len(cell.of("display_data", "update_display_data"))
                print(f"{name} for {seconds} s: {cell.stdout.splitlines()[-1]}, painted {painted}")
            kernel.run("waits.cancel(); runs.cancel()")
        finally:
            kernel.stop()
            lab.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
