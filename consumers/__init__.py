"""The programs on Kafka: brokers, the loop, the two consumers, and the command ``medie-fhir``."""
