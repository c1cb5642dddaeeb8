"""Transactions as records of a topic, for sites whose own writer posts them to the FHIR server."""

from __future__ import annotations

from consumers.broker import Headers, Producer
from consumers.dead_letters import document_hash
from medie_fhir.adapters.document_of import devices_named, document_key, mapping_of
from medie_fhir.adapters.write_only import WriteOnly, accepted, compact, require_transaction
from medie_fhir.errors import FhirRejected
from medie_fhir.model import Json
from medie_fhir.telemetry import trace_headers

__all__ = ["BundleTopic"]

_DOING = "putting a Bundle on the topic"
_CONTENT_TYPE = ("content-type", b"application/fhir+json")


class BundleTopic(WriteOnly):
    """The port ``FhirServer`` on a topic: ``transact`` writes one record a Bundle, and whoever posts them reads.

    The key is the document's (``DocumentInfo.key``, as that of its extraction record), so that its Bundles keep their
    order. ``source``: the settings' name of the EHR, which is part of it. The producer stays its maker's to close.
    """

    def __init__(self, producer: Producer, topic: str, *, source: str | None = None) -> None:
        super().__init__("medie-fhir bundle topic", "A Kafka topic of transaction Bundles, to be posted by others")
        self._producer, self._topic, self._source = producer, topic, source
        self._devices: dict[str, Json] = {}

    async def transact(self, bundle: Json) -> Json:
        """Writes the Bundle to the topic; returns once all in-sync replicas have it.

        A Bundle of Devices alone is not sent: each goes along in every later Bundle that names it, for the record of
        another partition may be posted first. Raises FhirRejected for what is no transaction or about no document:
        without a key it would lie in any partition, and be posted in any order. BrokerError.
        """
        require_transaction(bundle, _DOING)
        entries = bundle.get("entry", [])
        if entries and all(entry.get("resource", {}).get("resourceType") == "Device" for entry in entries):
            self._devices |= {entry["request"]["url"]: entry for entry in entries}
            return accepted(bundle)
        key = document_key(bundle, self._source)
        if key is None:
            raise FhirRejected(f"{_DOING}: no document is named in it, by which it would keep its place among others")
        await self._producer.send(
            self._topic,
            key=key.encode(),
            value=compact(self._with_devices(bundle), _DOING),
            headers=_headers(key, mapping_of(bundle)),
        )
        return accepted(bundle)

    def _with_devices(self, bundle: Json) -> Json:
        named = devices_named(bundle) - {entry.get("request", {}).get("url") for entry in bundle.get("entry", ())}
        devices = [self._devices[place] for place in sorted(named & self._devices.keys())]
        return {**bundle, "entry": [*devices, *bundle.get("entry", ())]}


def _headers(key: str, mapping: str | None) -> Headers:
    ours = {"medie.document": document_hash(key), "medie.mapping": mapping, **trace_headers()}
    return (_CONTENT_TYPE, *((name, value.encode()) for name, value in ours.items() if value is not None))
