"""Our topics: whether they are there and ours to use, whether they are fit, and making them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from kafka import errors as client_errors
from kafka.admin import ConfigResource, ConfigResourceType

from consumers.kafka_broker.failures import translated
from medie_fhir.errors import BrokerRefused, TopicForbidden, TopicMissing
from medie_fhir.settings import KafkaSettings

__all__ = ["Rights", "check", "check_group", "create", "fitness", "missing", "wanted"]

Rights = Mapping[str, Collection[str]]
"""Of each topic, what must be allowed to us: ``READ``, ``WRITE``."""

_ENOUGH_BROKERS: Final = 3
_NO_COORDINATOR: Final = (
    client_errors.CoordinatorNotAvailableError,
    client_errors.CoordinatorLoadInProgressError,
    client_errors.NotCoordinatorError,
)


def check(admin: Any, rights: Rights) -> None:
    """Raise TopicMissing, or else TopicForbidden, with the faults of all topics."""
    absent, hidden = [], []
    with translated("looking at topics"):
        described = admin.describe_topics(sorted(rights))
    for topic in described:
        name, error = topic["name"], client_errors.for_code(topic["error_code"])
        if issubclass(error, client_errors.AuthorizationError):
            hidden.append(f"{name}: hidden from us by the ACLs, or not there")
        elif error is client_errors.UnknownTopicOrPartitionError:
            absent.append(f"{name}: not there")
        elif issubclass(error, client_errors.InvalidTopicError):
            absent.append(f"{name}: no topic can have this name")
        elif lacks := sorted(set(rights[name]) - _allowed(topic)):
            hidden.append(f"{name}: the ACLs don't grant us {' and '.join(lacks)}")
    if absent or hidden:
        text = "; ".join([*absent, *hidden])
        todo = [
            *(["create the topics, or mend their names"] if absent else []),
            *(["grant READ where a topic is read, WRITE where it is written"] if hidden else []),
        ]
        raise (TopicMissing if absent else TopicForbidden)(f"topics: {text}. To do: {'; '.join(todo)}")


def _allowed(topic: Mapping[str, Any]) -> set[str]:
    operations = set(topic.get("authorized_operations") or ())
    return operations if "DESCRIBE" in operations else {"READ", "WRITE"}  # an old broker doesn't say: it shows later


def check_group(admin: Any, group: str) -> None:
    """Raise TopicForbidden where the ACLs keep us out of a consumer group."""
    with translated("looking at the group", group=group):
        try:
            described = admin.describe_groups([group])
        except _NO_COORDINATOR:
            return  # a new cluster makes it with the first member, who will be told
    if "AuthorizationFailed" in str(described[group].get("error")):
        raise TopicForbidden(f"the ACLs keep us out of the consumer group {group}: grant READ on it")


def missing(admin: Any, names: Iterable[str]) -> set[str]:
    """Those that are not there."""
    with translated("looking at topics"):
        described = admin.describe_topics(sorted(names))
    unknown = client_errors.UnknownTopicOrPartitionError.errno
    return {topic["name"] for topic in described if topic["error_code"] == unknown}


def wanted(kafka: KafkaSettings) -> dict[str, dict[str, Any]]:
    """Our topics as we would make them."""
    size = {"max.message.bytes": str(kafka.max_record_bytes)}
    configs = {
        kafka.events: size,
        kafka.extractions: size | {"cleanup.policy": "compact"},
        kafka.dead_letters: size | {"cleanup.policy": "delete", "retention.ms": "-1"},
    }
    if kafka.bundles is not None:
        configs[kafka.bundles] = size | {"cleanup.policy": "delete", "retention.ms": "-1"}  # the reader may be away
    copies = {} if kafka.replication is None else {"replication_factor": kafka.replication}
    return {name: {"num_partitions": kafka.partitions, **copies, "configs": made} for name, made in configs.items()}


def create(admin: Any, topics: Mapping[str, Mapping[str, Any]]) -> None:
    """Make topics; one that exists is left as it is. Raises BrokerRefused where the cluster can't make one so."""
    for name, how in topics.items():
        with translated(f"creating the topic {name}", topic=name):
            try:
                admin.create_topics({name: dict(how)}, wait_for_metadata=True)
            except client_errors.TopicAlreadyExistsError:
                continue
            except client_errors.AuthorizationError:
                raise TopicForbidden(f"the ACLs don't let us create the topic {name}: grant CREATE on it") from None
            except (client_errors.InvalidReplicationFactorError, client_errors.InvalidConfigurationError) as error:
                raise BrokerRefused(
                    f"the cluster can't make the topic {name} as kafka.partitions, replication and max_record_bytes ask"
                    f" ({type(error).__name__})"
                ) from None


def fitness(admin: Any, kafka: KafkaSettings, brokers: int) -> Iterator[str]:
    """What an operator should mend about our topics, a line each. Raises BrokerRefused where records would be lost."""
    names = [kafka.events, kafka.extractions, kafka.dead_letters, *([kafka.bundles] if kafka.bundles else [])]
    with translated("looking at topics"):
        topics = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(names)}
    configs = _configs(admin, names)
    if not configs:
        yield "the topics' configuration is hidden from us: grant DESCRIBE_CONFIGS, and clean-up and sizes are checked"
    else:
        yield from _cleanup(kafka, configs)
        yield from _sizes(kafka, configs)
    for name in names:
        copies = min((len(partition["replica_nodes"]) for partition in topics.get(name, ())), default=0)
        yield from _safety(name, copies, brokers, configs.get(name, {}))


def _configs(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    with translated("looking at the topics' configuration"):
        try:
            found = admin.describe_configs(resources, config_filter="all").get("topic", {})
        except client_errors.AuthorizationError:
            return {}
    return {
        name: {key: str(entry["value"]) for key, entry in entries.items()} for name, entries in found.items() if entries
    }


def _cleanup(kafka: KafkaSettings, configs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    letters = configs.get(kafka.dead_letters, {}).get("cleanup.policy", "delete")
    if "compact" in letters:
        raise BrokerRefused(
            f"topic {kafka.dead_letters}: clean-up is {letters}: of two dead letters with one key only the later would"
            " stay. Set cleanup.policy=delete"
        )
    bundles = configs.get(kafka.bundles or "", {}).get("cleanup.policy", "delete")
    if "compact" in bundles:
        raise BrokerRefused(
            f"topic {kafka.bundles}: clean-up is {bundles}: of two Bundles of one document only the later would stay,"
            " and what the earlier took back would hold for ever. Set cleanup.policy=delete"
        )
    extractions = configs.get(kafka.extractions, {}).get("cleanup.policy", "compact")
    if "compact" not in extractions:
        yield (
            f"topic {kafka.extractions}: clean-up is {extractions}: extractions vanish with time, and can't be"
            " published again. Set cleanup.policy=compact"
        )


def _sizes(kafka: KafkaSettings, configs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name in (kafka.extractions, kafka.dead_letters, *([kafka.bundles] if kafka.bundles else [])):
        limit = int(configs.get(name, {}).get("max.message.bytes", kafka.max_record_bytes))
        if limit < kafka.max_record_bytes:
            yield (
                f"topic {name}: max.message.bytes is {limit}, and kafka.max_record_bytes is {kafka.max_record_bytes}:"
                " the broker refuses what is between them"
            )


def _safety(name: str, copies: int, brokers: int, config: Mapping[str, str]) -> Iterator[str]:
    in_sync = int(config.get("min.insync.replicas", "0"))
    if copies == 1 and brokers >= _ENOUGH_BROKERS:
        yield f"topic {name}: one replica on {brokers} brokers: a broken disk loses records. Give it three"
    elif copies > 1 and in_sync == 1:
        yield f"topic {name}: min.insync.replicas is 1: what one broker has taken counts as safe. Set it to 2"
    elif 1 < copies <= in_sync:
        yield f"topic {name}: min.insync.replicas is {in_sync} of {copies} replicas: with one down, none can write"
