"""vLLM's LoRA modules while it runs (vLLM docs, "LoRA adapters: dynamically serving").

``POST /v1/load_lora_adapter`` and ``/v1/unload_lora_adapter``, which a server has where it was started with
``VLLM_ALLOW_RUNTIME_LORA_UPDATING=True``; its modules are among ``GET /v1/models``.
"""

from __future__ import annotations

from typing import Any

import httpx

from medie_fhir.adapters.closing import Closing
from medie_fhir.errors import ModelRefused, ModelUnavailable

__all__ = ["LoraModules"]

_BUSY = {408, 425, 429}


class LoraModules(Closing):
    """The modules of one server. ``base_url`` with or without ``/v1``; ``timeout`` in seconds, for a load too.

    All raise ModelUnavailable where it is away or busy, ModelRefused where it won't.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeout: float = 120.0) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/").removesuffix("/v1"),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout,
            trust_env=False,
        )

    async def names(self) -> frozenset[str]:
        """The names that it answers to: of its base model and of all modules."""
        content = await self._asked("GET", "/v1/models", None)
        entries = content.get("data") if isinstance(content, dict) else None
        return frozenset(str(e.get("id")) for e in entries or () if isinstance(e, dict))

    async def load(self, name: str, path: str) -> None:
        """Load the adapter that lies at ``path`` on the server's machine; nothing is done where it has that name."""
        if name in await self.names():
            return
        try:
            await self._asked("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": path})
        except ModelRefused:
            if name not in await self.names():  # else another member has loaded it meanwhile
                raise

    async def unload(self, name: str) -> None:
        """Forget a module; what is not there needs no forgetting."""
        if name in await self.names():
            await self._asked("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _asked(self, method: str, path: str, body: dict[str, str] | None) -> Any:
        where = self._client.base_url.netloc.decode()
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ModelUnavailable(f"{where} is not reachable ({type(error).__name__})") from None
        if response.status_code in _BUSY or response.is_server_error:
            raise ModelUnavailable(f"{where} is busy or failing (HTTP {response.status_code})")
        if not response.is_success:
            raise ModelRefused(
                f"{where} refuses {path} (HTTP {response.status_code}): is it started with --enable-lora and"
                " VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, is the adapter's folder there, by its server_path, and the key"
                " right?"
            )
        try:
            return response.json() if method == "GET" else None
        except ValueError:
            raise ModelUnavailable(f"{where} answers something that is not JSON: is it a model server?") from None
