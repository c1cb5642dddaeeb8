"""The law: the subject that is written is the one of the note, or nothing is written."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.errors import SubjectMissing
from medie_fhir.model import Json
from medie_fhir.subjects import SubjectOptions, Subjects

people = st.lists(
    st.fixed_dictionaries(
        {"mrn": st.sampled_from(["1", "2", None]), "active": st.booleans(), "into": st.sampled_from([0, 1, 2, None])}
    ),
    min_size=3,
    max_size=3,
)
asked = st.builds(
    lambda id_, mrn: {
        **({"reference": f"Patient/p{id_}"} if id_ is not None else {}),
        **({"identifier": {"system": "urn:mrn", "value": mrn}} if mrn else {}),
    },
    st.sampled_from([0, 1, 2, 3, None]),
    st.sampled_from(["1", "2", "3", None]),
).filter(bool)


@settings(deadline=None)  # each example has a server of its own
@given(people=people, asked=asked)
async def test_the_subject_written_is_the_one_of_the_note_or_nothing_is_written(
    make_target: Any, record: Any, people: list[Json], asked: Json
) -> None:
    target = make_target()
    for index in range(len(people)):
        await target.patient(f"p{index}")
    for index, one in enumerate(people):
        link = target.merged_into(f"p{one['into']}") if one["into"] is not None else {}
        await target.patient(f"p{index}", one["mrn"], active=one["active"], **link)
    try:
        placed = await Subjects(target, target.clock, SubjectOptions(missing="stub")).placed(record(asked))
    except SubjectMissing:
        return
    written = placed.document.subject["reference"].partition("/")[2]
    meant, mrn = asked.get("reference", "").partition("/")[2], asked.get("identifier", {}).get("value")
    if written in [stub["id"] for stub in target.stubs()]:
        assert [i["value"] for stub in target.stubs() for i in stub["identifier"]] == [mrn]
        assert mrn not in [one["mrn"] for one in people]
        return
    roots = {written}  # all who were merged into the one that was written
    for _ in people:
        roots |= {f"p{i}" for i, one in enumerate(people) if one["into"] is not None and f"p{one['into']}" in roots}
    assert people[int(written[1:])]["into"] is None
    if mrn:
        assert mrn in [people[int(root[1:])]["mrn"] for root in roots]
    else:
        assert meant in roots
