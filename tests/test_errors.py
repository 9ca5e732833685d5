"""The tree of errors, and the names that records of before gave them."""

from __future__ import annotations

import re

import pytest
from dbos import PortableWorkflowError

from digital_human import errors
from digital_human.errors import ServiceError
from digital_human.jobs.models import failure_of
from digital_human.observability import metrics


@pytest.mark.parametrize(
    ("name", "status"),
    [("BadInput", 400), ("NotFound", 404), ("Cancelled", 499), ("TimedOut", 504), ("OutputFailed", 507)],
)
def test_a_failure_recorded_under_a_former_name_keeps_its_status(name: str, status: int) -> None:
    failure = failure_of(PortableWorkflowError("video_path: holds no video stream", name))

    assert (failure.status, str(failure)) == (status, "video_path: holds no video stream")


def test_every_error_is_found_by_its_own_name() -> None:
    for kind in errors.all_errors():
        assert errors.error_class(kind.__name__) is kind
        assert kind.__name__.endswith("Error")


def test_the_tree_in_the_documentation_is_the_tree() -> None:
    drawn = re.findall(r"^    [ │├└─]*(\w+Error) +(\d+)", errors.__doc__ or "", re.MULTILINE)

    assert drawn
    assert {name: int(status) for name, status in drawn} == {
        kind.__name__: kind.status for kind in errors.all_errors() if kind.__module__ == errors.__name__
    }


def test_metrics_keep_the_labels_that_alerts_are_written_with() -> None:
    assert metrics.kind(errors.BadInputError("")) == "BadInput"
    assert metrics.kind(errors.JobCancelledError("")) == "Cancelled"
    assert metrics.kind(ServiceError("")) == "ServiceError"
    assert metrics.kind(KeyError()) == "Internal"
