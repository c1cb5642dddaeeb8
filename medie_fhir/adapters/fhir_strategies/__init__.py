"""The same picture of every server: our ids, one transaction a document. What a server lacks is made up for here."""

from __future__ import annotations

from collections.abc import Iterable

from medie_fhir.adapters.fhir_strategies.abilities import NEEDED, STUBS, Abilities, Strategy, chosen
from medie_fhir.adapters.fhir_strategies.adapting import Adapting
from medie_fhir.adapters.fhir_strategies.by_identifier import ByIdentifier
from medie_fhir.adapters.fhir_strategies.piecewise import Piecewise
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.errors import FhirForbidden, FhirRejected, FhirUnfit
from medie_fhir.ports import FhirServer
from medie_fhir.settings import FhirSettings

__all__ = [
    "NEEDED",
    "Abilities",
    "Adapting",
    "ByIdentifier",
    "Piecewise",
    "Strategy",
    "adapted",
    "by_strategy",
    "chosen",
]


async def adapted(
    server: WritesSingly, settings: FhirSettings, types: Iterable[str] = NEEDED
) -> tuple[FhirServer, str]:
    """The server as the pipeline takes it to be, and one line on how it is written to, for ``doctor``.

    Reads the CapabilityStatement, once. Where the server doesn't show it, identity and sending are as the settings say.
    ``types`` are the types that are to be written. The server itself comes back where it takes our ids in transactions.
    Raises FhirUnfit where it can't be written to, or not as the settings say, or where neither tells how.
    """
    abilities = await _abilities(server, settings)
    written = frozenset(types) | (STUBS if settings.missing_subject == "stub" else frozenset())
    strategy = chosen(abilities, settings.identity, settings.sending, written)
    return by_strategy(server, strategy), strategy.description


async def _abilities(server: FhirServer, settings: FhirSettings) -> Abilities:
    try:
        return Abilities.of(await server.capabilities())
    except (FhirForbidden, FhirRejected):
        if "auto" in (settings.identity, settings.sending):
            raise FhirUnfit(
                "the FHIR server doesn't show us its CapabilityStatement, which says how it is written to: allow us to"
                " GET /metadata there, or set both fhir.identity and fhir.sending"
            ) from None
        return Abilities(shown=False)


def by_strategy(server: WritesSingly, strategy: Strategy) -> FhirServer:
    """The server, wrapped as the strategy says."""
    if strategy.identity != "client-ids":
        server = ByIdentifier(
            server,
            conditional_update=strategy.identity == "conditional-update",
            conditional_create=strategy.conditional_create,
        )
    return server if strategy.sending == "transaction" else Piecewise(server, batch=strategy.sending == "batch")
