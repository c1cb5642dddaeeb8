"""Records to make transactions of."""

from collections.abc import Callable

import pytest

from medie_fhir.model import (
    DocumentInfo,
    DocumentVersion,
    ExtractionRecord,
    Outcome,
    Produced,
    RetractionReason,
    TextInfo,
)

MakeRecord = Callable[..., ExtractionRecord]


@pytest.fixture
def make_record() -> MakeRecord:
    def make(
        version: str | None = "1",
        *,
        at: str = "2026-01-02T10:00:00Z",
        retracted: RetractionReason | None = None,
        subject: str | None = "Patient/p1",
    ) -> ExtractionRecord:
        return ExtractionRecord(
            document=DocumentInfo(
                reference="DocumentReference/d1",
                version=DocumentVersion(version_id=version),
                status="current",
                subject={"reference": subject} if subject else None,
                date="2026-01-01T09:00:00Z",
            ),
            text=None if retracted else TextInfo(sha256="00", characters=10, content_type="text/plain"),
            produced=Produced(
                at=at, software="medie-fhir 0", task="oncology@1", task_digest="t", model="base", adapter="a"
            ),
            outcome=Outcome.RETRACTED if retracted else Outcome.EXTRACTED,
            reason=retracted,
        )

    return make
