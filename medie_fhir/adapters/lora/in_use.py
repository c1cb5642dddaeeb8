"""The adapter that the journal leaves in use, as the registry has it."""

from __future__ import annotations

from medie_fhir.adapters.lora.journal import Journal, Pinned
from medie_fhir.adapters.lora.registry import Adapter, Registry
from medie_fhir.errors import SettingsError

__all__ = ["in_use", "of_registry"]


def in_use(registry: Registry) -> Adapter | None:
    """The adapter in use; None where that is the settings' own. Raises SettingsError where the registry changed it."""
    pinned = Journal(registry.journal).in_use()
    return of_registry(registry, pinned) if pinned else None


def of_registry(registry: Registry, pinned: Pinned) -> Adapter:
    """What was pinned. Raises SettingsError where the registry lacks it, or has other bytes under its name."""
    adapter = registry.adapter(pinned.name)
    if adapter.sha256 != pinned.sha256:
        raise SettingsError(
            f"{registry.path}: {pinned.name} was promoted with another sha256 ({pinned.sha256[:12]}…): give a new"
            " adapter a new name, and promote that"
        )
    return adapter
