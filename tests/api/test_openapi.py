"""The OpenAPI document against the running service: no 500, and no answer that the document does not name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(media, triton_url=triton.url, operator_keys="root", allow_anonymous=1, log_level="WARNING") as service:
        task = service.submit().json()["data"]["task_id"]
        service.until(task, "succeeded")
        yield service


def test_every_answer_is_in_the_document(live: Live) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{live.port}/openapi.json", timeout=60)
    found = list(schema.get_all_operations())
    operations = [result.ok() for result in found if isinstance(result, Ok)]
    assert len(operations) == len(found) >= 11
    for operation in operations:

        @FEW
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(checks=CHECKS, headers={"Authorization": "Bearer root"}, timeout=60)

        ask()


def test_calls_that_follow_each_other_are_in_the_document_too(live: Live) -> None:
    """What one call answers goes into the next: tasks that are made are looked at, cancelled, and looked at again."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{live.port}/openapi.json", timeout=60)

    class Calls(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return {"headers": {"Authorization": "Bearer root"}, "timeout": 60}

        def validate_response(
            self, response: schemathesis.Response, case: schemathesis.Case[Any], *_: Any, **kwargs: Any
        ) -> None:
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(Calls, settings=settings(FEW, max_examples=12, stateful_step_count=5))


def test_the_documents_examples_run(live: Live) -> None:
    document = live.client.get("/openapi.json").json()
    for example in document["components"]["schemas"]["GenerateRequest"]["examples"]:
        assert live.client.post("/human/generate", json=example).status_code in (200, 404)
