"""Every error of the library, as a tree. Each class says what is to be done with the record that met it.

::

    MedieError
    ├── NoteSkipped ................. SKIP         nothing to read, and nobody's fault; counted with its reason
    ├── EventError .................. DEAD_LETTER  the record's value is no event that we accept
    │   ├── NotJson
    │   ├── UnknownEventShape
    │   ├── UnsupportedFhirVersion                 DSTU2 / STU3 shapes, named and not misread
    │   ├── InvalidDocumentReference               a required element is missing or of the wrong type
    │   ├── UnidentifiedDocument                   no id and no identifier: could never be replaced or retracted
    │   └── NoSubject                              could be written for nobody
    ├── DocumentError ............... DEAD_LETTER  the event is good, its content is not
    │   ├── BrokenBase64
    │   ├── HashMismatch
    │   ├── SizeMismatch
    │   ├── ContentTooLarge
    │   ├── UndecodableText
    │   ├── MalformedMarkup
    │   ├── OtherLanguage                          where the settings refuse what nobody here can read
    │   ├── ForbiddenUrl                           not relative and not under an allowed host: never contacted
    │   ├── ContentForbidden                       403: the server doesn't let us read this one
    │   └── ContentNotFound                        the Binary or DocumentReference is not there
    ├── ModelError
    │   ├── ModelUnavailable ........ RETRY        not reachable, overloaded, timed out, 429, 5xx
    │   ├── ModelRefused ............ STOP         401/403/404: wrong key, wrong model name
    │   ├── ModelRejected ........... DEAD_LETTER  400/413/422: this one request
    │   └── ModelOutputError ........ DEAD_LETTER  not the JSON that the task asks for, or cut short
    ├── MappingError
    │   ├── InvalidMapping .......... STOP         faults of a mapping file, all at once
    │   ├── InvalidTerminology ...... STOP         faults of a terminology table
    │   ├── InvalidTask ............. STOP         faults of a task file
    │   └── RenderError ............. DEAD_LETTER  a template failed, or made no valid resource, for this one note
    ├── RecordError ................. DEAD_LETTER  not an extraction record, or of an unknown schema
    ├── FhirError
    │   ├── FhirUnavailable ......... RETRY        not reachable, timed out, 5xx
    │   ├── FhirThrottled ........... RETRY        429, 503 with Retry-After
    │   ├── FhirConflict ............ RETRY        409, 412: another writer was faster
    │   ├── FhirRejected ............ DEAD_LETTER  400, 404, 422: the server refuses this content
    │   ├── FhirAnswerInvalid ....... RETRY        the answer is not what FHIR's REST API promises
    │   ├── FhirForbidden ........... DEAD_LETTER  403: this one is not for us to write; others may be
    │   ├── SubjectMissing .......... DEAD_LETTER  the note's patient is not on the target server, or is not one
    │   ├── SubjectAwaited .......... RETRY        the same, where the settings say to wait for it
    │   ├── FhirUnauthorized ........ STOP         401, or no token to be had for our credentials
    │   ├── FhirNotTrusted .......... STOP         TLS: the certificate, its host name, or ours refused
    │   └── FhirUnfit ............... STOP         the server lacks an ability that the settings, or we, ask for
    ├── TerminologyError
    │   ├── TerminologyUnavailable .. RETRY        not reachable, timed out, 5xx, or no FHIR answer
    │   │   └── TerminologyThrottled               429, 503 with Retry-After
    │   ├── TerminologyRejected ..... DEAD_LETTER  400, 404, 422: the server refuses this question
    │   └── TerminologyRefused ...... STOP         401, 403, TLS, or it doesn't offer the operation
    ├── BrokerError
    │   ├── BrokerUnavailable ....... RETRY
    │   ├── BrokerRefused ........... STOP         no record can be read or written until a person acts
    │   │   ├── LoginRefused                       wrong user or password, no such mechanism
    │   │   ├── NotTrusted                         TLS: the certificate, its host name, or no TLS at all
    │   │   ├── TopicMissing                       not there (any more), or not one that can be
    │   │   ├── TopicForbidden                     there, and the ACLs hide it from us
    │   │   ├── OffsetLost                         retention was faster than we: records are gone unread
    │   │   └── MemberFenced                       another member of the same instance id has our place
    │   └── RecordTooLarge .......... DEAD_LETTER  larger than the topic takes
    ├── SettingsError ............... STOP
    └── DependencyMissing ........... STOP         a model file, an extra, a program is not installed

Messages say what happened and what to do next. They never hold note text, names or extracted values: such
things reach logs and headers (see docs/errors.md).
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

__all__ = [
    "BrokenBase64",
    "BrokerError",
    "BrokerRefused",
    "BrokerUnavailable",
    "ContentForbidden",
    "ContentNotFound",
    "ContentTooLarge",
    "DependencyMissing",
    "DocumentError",
    "EventError",
    "FhirAnswerInvalid",
    "FhirConflict",
    "FhirError",
    "FhirForbidden",
    "FhirNotTrusted",
    "FhirRejected",
    "FhirThrottled",
    "FhirUnauthorized",
    "FhirUnavailable",
    "FhirUnfit",
    "ForbiddenUrl",
    "HashMismatch",
    "InvalidDocumentReference",
    "InvalidMapping",
    "InvalidTask",
    "InvalidTerminology",
    "LoginRefused",
    "MalformedMarkup",
    "MappingError",
    "MedieError",
    "MemberFenced",
    "ModelError",
    "ModelOutputError",
    "ModelRefused",
    "ModelRejected",
    "ModelUnavailable",
    "NoSubject",
    "NotJson",
    "NotTrusted",
    "NoteSkipped",
    "OffsetLost",
    "OtherLanguage",
    "Policy",
    "RecordError",
    "RecordTooLarge",
    "RenderError",
    "SettingsError",
    "SizeMismatch",
    "SubjectAwaited",
    "SubjectMissing",
    "TerminologyError",
    "TerminologyRefused",
    "TerminologyRejected",
    "TerminologyThrottled",
    "TerminologyUnavailable",
    "TopicForbidden",
    "TopicMissing",
    "UndecodableText",
    "UnidentifiedDocument",
    "UnknownEventShape",
    "UnsupportedFhirVersion",
]


class Policy(Enum):
    """What the record's way does with an error of a class."""

    SKIP = "skip"  # count it with its reason; the record is done
    RETRY = "retry"  # the record is good and the world is not: try again, pause if it lasts
    DEAD_LETTER = "dead-letter"  # this record can't be helped by trying again; the stream goes on
    STOP = "stop"  # no record can succeed until a person mends it


class MedieError(Exception):
    """Base of all errors of the library. ``policy`` says what to do with the record that met it."""

    policy: ClassVar[Policy] = Policy.DEAD_LETTER


class NoteSkipped(MedieError):
    """Nothing to read here, and not an error: an image, an empty attachment, content masked by the sender.

    ``reason`` is one of a small fixed set of words (fit for a metric's label), such as ``image`` or ``empty``.
    """

    policy = Policy.SKIP

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EventError(MedieError):
    """The record's value is no event that we accept."""


class NotJson(EventError):
    """Not UTF-8 JSON, or JSON that no FHIR resource is (a number, an array, a repeated key)."""


class UnknownEventShape(EventError):
    """JSON, but none of the shapes of docs/events.md."""


class UnsupportedFhirVersion(EventError):
    """A DSTU2 or STU3 resource: recognised by its shape, and refused by name rather than misread."""


class InvalidDocumentReference(EventError):
    """A DocumentReference with a required element missing or of the wrong type."""


class UnidentifiedDocument(EventError):
    """No id and no identifier: what it says could never be replaced or taken back."""


class NoSubject(EventError):
    """No patient: what it says could be written for nobody."""


class DocumentError(MedieError):
    """The event is good, its content is not."""


class BrokenBase64(DocumentError):
    """``attachment.data`` is not base64."""


class HashMismatch(DocumentError):
    """``attachment.hash`` is not the SHA-1 of the content (R4: base64 of the 20 bytes; hex is seen and taken)."""


class SizeMismatch(DocumentError):
    """``attachment.size`` is not the content's number of bytes."""


class ContentTooLarge(DocumentError):
    """More bytes, or more characters, than the settings allow."""


class UndecodableText(DocumentError):
    """The bytes are text in no charset that was named or could be told."""


class MalformedMarkup(DocumentError):
    """HTML or XML that can't be read, or that declares entities."""


class OtherLanguage(DocumentError):
    """A note in a language that the readers don't know. Its name is the reason, too, where such are skipped."""


class ForbiddenUrl(DocumentError):
    """A URL that is neither relative nor under an allowed host. It was not contacted."""


class ContentForbidden(DocumentError):
    """The server has the content, and not for us (403): a restricted record, which must not stop all others."""


class ContentNotFound(DocumentError):
    """The Binary or DocumentReference behind a reference is not there (404, 410)."""


class ModelError(MedieError):
    """The model server, or its answer."""


class ModelUnavailable(ModelError):
    """Not reachable, timed out, overloaded (429) or failing (5xx)."""

    policy = Policy.RETRY


class ModelRefused(ModelError):
    """The server answers, but not to us: wrong key, or no model of this name."""

    policy = Policy.STOP


class ModelRejected(ModelError):
    """The server refuses this one request (400, 413, 422), for example as too long."""


class ModelOutputError(ModelError):
    """The answer is not the JSON that the task asks for, or was cut short. Never taken as "no findings"."""


class MappingError(MedieError):
    """A mapping, task or terminology file, or what a template made."""


class InvalidMapping(MappingError):
    """All faults of a mapping file at once."""

    policy = Policy.STOP

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class InvalidTerminology(MappingError):
    """A terminology table with a missing column, a contradictory row, or no rows."""

    policy = Policy.STOP


class InvalidTask(MappingError):
    """A task file that can't be used."""

    policy = Policy.STOP


class RenderError(MappingError):
    """A template failed, or made a resource that is not valid, for this one note."""


class RecordError(MedieError):
    """Not an extraction record, or one of a schema that this version doesn't know."""


class FhirError(MedieError):
    """A FHIR server, or its answer."""


class FhirUnavailable(FhirError):
    """Not reachable, timed out, or failing (5xx)."""

    policy = Policy.RETRY


class FhirThrottled(FhirError):
    """Too many requests (429, or 503 with Retry-After). ``retry_after`` in seconds, where the server says so."""

    policy = Policy.RETRY

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FhirConflict(FhirError):
    """Another writer was faster (409, 412): read again, and write again."""

    policy = Policy.RETRY


class FhirRejected(FhirError):
    """The server refuses this content (400, 404, 422)."""


class FhirAnswerInvalid(FhirError):
    """The answer is not what FHIR's REST API promises: not JSON, a web page, a redirect."""

    policy = Policy.RETRY


class FhirForbidden(FhirError):
    """The server lets us in, and not do this (403): one patient's restricted record must not stop all others.

    Where it is everyone's, the burst of dead letters stops the consumer.
    """


class FhirUnauthorized(FhirError):
    """The server answers, but not to us (401)."""

    policy = Policy.STOP


class FhirNotTrusted(FhirError):
    """TLS fails: a certificate of an unknown CA, expired or for another host, or our own refused."""

    policy = Policy.STOP


class FhirUnfit(FhirError):
    """The server lacks an ability that we can't do without: transactions, or any way to find a resource again."""

    policy = Policy.STOP


class SubjectMissing(FhirError):
    """The target server doesn't hold the note's patient, or several that fit: nothing is ever written for a guess."""


class SubjectAwaited(FhirError):
    """The target server doesn't hold the note's patient yet."""

    policy = Policy.RETRY


class TerminologyError(MedieError):
    """The terminology server that is asked for what the tables lack, or its answer."""


class TerminologyUnavailable(TerminologyError):
    """Not reachable, timed out, failing (5xx), or the answer is not what FHIR's operations promise."""

    policy = Policy.RETRY


class TerminologyThrottled(TerminologyUnavailable):
    """Too many requests (429, or 503 with Retry-After). ``retry_after`` in seconds, where the server says so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TerminologyRejected(TerminologyError):
    """The server refuses the question (400, 404, 422): a concept map, value set or system that it doesn't hold.

    Where it is every note's, the burst of dead letters stops the consumer.
    """


class TerminologyRefused(TerminologyError):
    """The server answers, but not to us (401, 403, TLS), or doesn't offer the operation."""

    policy = Policy.STOP


class BrokerError(MedieError):
    """The Kafka broker."""


class BrokerUnavailable(BrokerError):
    """Not reachable, or a request timed out."""

    policy = Policy.RETRY


class BrokerRefused(BrokerError):
    """The broker answers, and nothing can be read or written until a person acts."""

    policy = Policy.STOP


class LoginRefused(BrokerRefused):
    """Wrong user or password, or a mechanism that the broker doesn't offer."""


class NotTrusted(BrokerRefused):
    """TLS fails: a certificate of an unknown CA or for another host, a client certificate refused, or no TLS there."""


class TopicMissing(BrokerRefused):
    """A topic is not there, or not there any more."""


class TopicForbidden(BrokerRefused):
    """The ACLs hide a topic or the group from us, or keep us from reading or writing it."""


class OffsetLost(BrokerRefused):
    """The committed offset is no longer on the topic: retention, or a topic made anew, and records went unread."""


class MemberFenced(BrokerRefused):
    """Another member of the same instance id has taken our place in the group."""


class RecordTooLarge(BrokerError):
    """Larger than the topic takes."""


class SettingsError(MedieError):
    """All faults of the settings at once."""

    policy = Policy.STOP


class DependencyMissing(MedieError):
    """A model file, an extra or a program that this work needs is not installed."""

    policy = Policy.STOP
