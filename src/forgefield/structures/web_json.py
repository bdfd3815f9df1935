"""JSON from the web, kept in a folder so that nothing is asked for twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.compound_spec import WebSpec

_AGENT = "forgefield (interatomic potentials; structures for training)"
# The server is busy, being restarted, or behind a gateway that lost it.
_PASSING = (429, 502, 503, 504)
_LONGEST_WAIT = 30.0
# A server that is there takes a connection at once, however long its answer takes; without a network none does.
_CONNECTION = 5.0


class WebError(ForgefieldError):
    """A server that gave no usable answer.

    Attributes:
        status: HTTP status of its answer, or None without one.
        wait: seconds that the server wants to be left alone before it is asked again; None if that is pointless.
    """

    def __init__(
        self, problem: str, remedy: str = "", status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(problem, remedy)
        self.status = status
        self.wait = wait


def fetched_json(url: str, cache: Path, spec: WebSpec) -> dict[str, Any]:
    """The JSON object at an address, from the folder if it is there, else from the web and then put there.

    Servers that are busy are asked again, up to ``spec.attempts`` times and with growing pauses.

    Args:
        url: address with its query.
        cache: folder of earlier answers; made where it is missing. Answers in it do not age: delete the folder to
            ask anew.
        spec: time-out and attempts.

    Raises:
        WebError: no connection, no answer in time, an answer that is an error, or one that is no JSON object.
    """
    return remembered(url, cache, lambda: _asked(url, spec))


def remembered(question: str, cache: Path, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer in the folder, or the one that ``ask`` gives, which is put there.

    Args:
        question: what was asked, in full.
        cache: folder of earlier answers.
        ask: gives a JSON object, or raises.
    """
    path = cache / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.json"
    known = _kept(path, question)
    if known is not None:
        return known
    answer = ask()
    _keep(path, question, answer)
    return answer


def _asked(url: str, spec: WebSpec) -> dict[str, Any]:
    for attempt in range(1, spec.attempts):
        try:
            return _answer(url, spec.timeout)
        except WebError as error:
            if error.wait is None:
                raise
            time.sleep(min(max(error.wait, spec.wait * 2.0 ** (attempt - 1)), _LONGEST_WAIT))
    return _answer(url, spec.timeout)


def _answer(url: str, timeout: float) -> dict[str, Any]:
    try:
        import requests
    except ImportError as error:
        raise ForgefieldError(
            "databases on the web need requests, which is not installed",
            "pip install 'forgefield[structures]'",
        ) from error
    host = urlparse(url).netloc
    headers = {"User-Agent": _AGENT, "Accept": "application/json, */*;q=0.5"}
    try:
        response = requests.get(url, timeout=(min(timeout, _CONNECTION), timeout), headers=headers)
    except requests.ReadTimeout:
        raise WebError(
            f"{host} did not answer within {timeout:g} s", "try again later, or raise the time-out", wait=0.0
        ) from None
    except requests.RequestException as error:
        raise WebError(
            f"{host or url} cannot be reached ({type(error).__name__})",
            "check the address and the network connection",
        ) from None
    try:
        answer = response.json()
    except ValueError:
        answer = None
    status = int(response.status_code)
    if status != 200:
        passing = status in _PASSING
        raise WebError(
            f"{host} answered {status} {response.reason}{_details(answer)}",
            "try again later" if passing or status >= 500 else "",
            status,
            _advice(response.headers.get("Retry-After", "")) if passing else None,
        )
    if not isinstance(answer, dict):
        raise WebError(
            f"{host} answered with something that is no JSON object: {response.text[:60]!r}",
            "check that the address is that of a database",
            status,
        )
    return answer


def _advice(header: str) -> float:
    with contextlib.suppress(ValueError):
        return max(float(header), 0.0)
    return 0.0


def _details(answer: Any) -> str:
    """The first line of what JSON API errors say."""
    try:
        text = str(answer["errors"][0]["detail"])
    except (KeyError, IndexError, TypeError):
        return ""
    return f": {text.splitlines()[0][:200]}" if text.strip() else ""


def _kept(path: Path, question: str) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if (
        not isinstance(kept, dict)
        or kept.get("question") != question
        or not isinstance(kept.get("answer"), dict)
    ):
        return None
    return dict(kept["answer"])


def _keep(path: Path, question: str, answer: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"question": question, "answer": answer}, file)
    Path(temporary).replace(path)
