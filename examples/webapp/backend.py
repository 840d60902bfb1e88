"""A web backend that has its long work done elsewhere.

It queues what a visitor asks for and answers at once; the page asks how far it is, and MLQ
calls back when it has ended.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for
from mlq.compat import MLQ  # was: from mlq.queue import MLQ

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

PORT = int(os.environ.get("PORT", "3000"))
CALLBACK_URL = f"http://127.0.0.1:{PORT}/callback"

app = Flask(__name__)
mlq = MLQ("example_app", "localhost", 6379, 0)
called_back: dict[str, dict[str, str]] = {}  # by job; a real application tells the visitor


@app.get("/")
def index() -> str:
    return render_template("index.html")


@app.post("/primes")
def count_primes() -> ResponseReturnValue:
    """Of a form or of JSON: {"below": 1000}."""
    asked: Any = request.get_json() if request.is_json else request.form
    try:
        below = int(asked["below"])
    except (KeyError, TypeError, ValueError):
        abort(400, "below: want a whole number")
    job_id = mlq.post({"below": below}, CALLBACK_URL, functions=["primes"])
    if request.is_json:
        return jsonify(job_id=job_id, status=url_for("status", job_id=job_id)), 202
    return redirect(url_for("result", job_id=job_id), 303)


@app.get("/status/<job_id>")
def status(job_id: str) -> ResponseReturnValue:
    """What the page asks for again and again."""
    return jsonify(progress=mlq.get_progress(job_id))


@app.get("/result/<job_id>")
def result(job_id: str) -> ResponseReturnValue:
    """For people; with ``Accept: application/json`` for programs."""
    job = mlq.get_job(job_id)
    told = called_back.get(job_id)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(short_result=job["short_result"], result=job["result"], called_back=told)
    return render_template("result.html", job=job, told=told)


@app.get("/callback")
def callback() -> str:
    """MLQ calls this when a job has ended: ?success=1&job_id=53&short_result=168"""
    called_back[request.args["job_id"]] = request.args.to_dict()
    return "ok"


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=PORT)
