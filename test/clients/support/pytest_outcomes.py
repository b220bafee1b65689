"""A pytest plug-in: one line of JSON for each test, so that another test runner can report them as its own.

The file is named by the environment variable OUTCOMES. Loaded by `-p`; the tests themselves stay as they are.
"""

import json
import os

_outcomes = {}


def _reason(report):
    """What a skip says, or the last line of a failure."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)[-2000:]


def pytest_runtest_logreport(report):
    known = _outcomes.get(report.nodeid, {}).get("outcome")
    if report.outcome == "passed" and (report.when != "call" or known == "failed"):
        return
    detail = None if report.passed else _reason(report)
    _outcomes[report.nodeid] = {"outcome": report.outcome, "detail": detail}


def pytest_deselected(items):
    for item in items:
        _outcomes[item.nodeid] = {"outcome": "deselected", "detail": None}


def pytest_sessionfinish():
    with open(os.environ["OUTCOMES"], "w", encoding="utf-8") as file:
        for name, outcome in _outcomes.items():
            file.write(json.dumps({"name": name, **outcome}) + "\n")
