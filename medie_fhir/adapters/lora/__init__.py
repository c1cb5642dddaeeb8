"""LoRA adapters as a site keeps them: named, pinned by digest, verified before they are loaded, their use recorded."""

from __future__ import annotations

from medie_fhir.adapters.lora.digest import digest_of
from medie_fhir.adapters.lora.in_use import in_use, of_registry
from medie_fhir.adapters.lora.journal import Journal, Pinned, Step
from medie_fhir.adapters.lora.modules import LoraModules
from medie_fhir.adapters.lora.on_demand import OnDemand
from medie_fhir.adapters.lora.origin import at_hand, verified
from medie_fhir.adapters.lora.registry import Adapter, Registry, load_registry

__all__ = [
    "Adapter",
    "Journal",
    "LoraModules",
    "OnDemand",
    "Pinned",
    "Registry",
    "Step",
    "at_hand",
    "digest_of",
    "in_use",
    "load_registry",
    "of_registry",
    "verified",
]
