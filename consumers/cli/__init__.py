"""The command ``medie-fhir``. Exit codes: 0 done, 1 a check failed, 2 wrong use, 3 a dependency is not reachable."""

from consumers.cli.app import main

__all__ = ["main"]
