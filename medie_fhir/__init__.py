"""medie-fhir: clinical notes from Kafka, read by a language model, grounded, coded, and written to FHIR."""

__version__ = "0.1.0"
