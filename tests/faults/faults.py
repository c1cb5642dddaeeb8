"""The faults, one function each. A function starts the consumers, makes the fault, and says when it is over."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from stand import Stand
from surroundings import full_disk, jumping_clock

__all__ = ["FAULTS", "Fault"]

Make = Callable[[Stand, float], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. ``make`` gets the stand and how many seconds an outage lasts; ``broker``: which kind it needs."""

    name: str
    make: Make
    broker: str = "shared"  # shared, own, three
    poison_share: float = 0.06


def consumer_killed(stand: Stand, seconds: float) -> None:
    """It is ended by kill -9 in the middle of a batch, five times."""
    times = 5
    for number in range(times):
        stand.feed(0.4 + 0.5 * (number + 1) / times)
        member = stand.start()
        stand.await_applied(8)
        member.kill()
        stand.say(f"killed ({number + 1})")
    stand.start()
    stand.recovering()


def model_down(stand: Stand, seconds: float) -> None:
    _model_away(stand, seconds, "down")


def model_hanging(stand: Stand, seconds: float) -> None:
    _model_away(stand, seconds, "hang")


def model_garbage(stand: Stand, seconds: float) -> None:
    """A gateway's web page in the place of every answer; some notes' answers are no answers at all times."""
    _model_away(stand, seconds, "page")


def model_500(stand: Stand, seconds: float) -> None:
    _model_away(stand, seconds, "500")


def model_429(stand: Stand, seconds: float) -> None:
    _model_away(stand, seconds, "429")


def _model_away(stand: Stand, seconds: float, mode: str) -> None:
    stand.feed(0.6)
    stand.start_halves()
    stand.await_applied(10)
    with stand.outage(seen_by="model"):
        stand.model.set(mode)
        stand.feed(0.8)
        stand.say(f"the model server: {mode}")
        stand.pause(seconds)
        stand.model.set("normal")


def fhir_down(stand: Stand, seconds: float) -> None:
    _fhir_away(stand, seconds, "down")


def fhir_hanging_after_accepting(stand: Stand, seconds: float) -> None:
    _fhir_away(stand, seconds, "hang")


def fhir_writing_late(stand: Stand, seconds: float) -> None:
    """One transaction in five is held back until long after it was given up, repeated and overtaken."""
    stand.feed(0.3)
    stand.start_halves()
    stand.await_applied(10)
    with stand.going_on():
        stand.fhir.set("late")
        stand.feed(0.8)
        stand.pause(seconds)
        stand.fhir.set("normal")
    stand.recovering()


def fhir_429(stand: Stand, seconds: float) -> None:
    _fhir_away(stand, seconds, "429")


def fhir_5xx(stand: Stand, seconds: float) -> None:
    _fhir_away(stand, seconds, "500", "503")


def _fhir_away(stand: Stand, seconds: float, *modes: str) -> None:
    stand.feed(0.6)
    stand.start_halves()
    stand.await_applied(10)
    with stand.outage():
        for mode in modes:
            stand.fhir.set(mode)
            stand.say(f"the FHIR server: {mode}")
            stand.feed(0.8)
            stand.pause(seconds / len(modes))
        stand.fhir.set("normal")


def broker_killed(stand: Stand, seconds: float) -> None:
    """The only broker is ended by kill -9, and started again."""
    stand.feed(0.6)
    stand.start_halves()
    stand.await_applied(10)
    with stand.outage():
        stand.broker.kill()
        stand.say("the broker is killed")
        stand.pause(seconds / 3)
        stand.broker.start()


def broker_frozen(stand: Stand, seconds: float) -> None:
    """The only broker doesn't answer for two thirds of an outage's time, and nothing says so."""
    stand.feed(0.6)
    stand.start_halves()
    stand.await_applied(10)
    with stand.outage():
        stand.broker.pause()
        stand.say("the broker is frozen")
        stand.pause(seconds * 2 / 3)
        stand.broker.resume()


def one_of_three_brokers_killed(stand: Stand, seconds: float) -> None:
    """One of three brokers is ended by kill -9, and comes back while the others went on."""
    stand.feed(0.5)
    stand.start_halves()
    stand.await_applied(10)
    with stand.going_on():
        stand.broker.nodes[0].kill()
        stand.say("one of three brokers is killed")
        stand.feed(0.8)
        stand.pause(seconds)
        stand.broker.nodes[0].start()
        stand.feed(0.9)
        stand.await_applied(10)


def members_come_and_go(stand: Stand, seconds: float) -> None:
    """Five consumers join one after another; two leave in good order, one is killed, one joins again."""
    stand.feed(0.3)
    stand.start()
    stand.await_applied(5)
    with stand.going_on():
        members = [stand.start(wait=False) for _ in range(4)]
        for number, member in enumerate(members):
            member.await_running()
            stand.feed(0.4 + number / 10)
            stand.await_applied(5)
        for number, member in enumerate(members[:2]):
            stand.feed(0.75 + number / 20)
            stand.ends_well(member)
            stand.await_applied(5)
        stand.feed(0.9)
        members[2].kill()
        stand.start()
        stand.await_applied(5)


def member_stuck(stand: Stand, seconds: float) -> None:
    """One of two consumers is frozen for longer than its session and poll interval, and wakes when replaced."""
    stand.settings["MEDIE_KAFKA__MAX_POLL_INTERVAL_SECONDS"] = "60"  # the least that there is
    stand.feed(0.5)
    stuck = stand.start()
    stand.start()
    stand.await_applied(20)
    with stand.going_on():
        stuck.signal(signal.SIGSTOP)
        stand.say("a consumer is frozen")
        stand.feed(0.8)
        stand.pause(max(10.0, seconds * 2.1))
        stuck.signal(signal.SIGCONT)
        stand.say("it goes on")
        stand.feed(0.9)
        stand.await_applied(10)


def redeployed(stand: Stand, seconds: float) -> None:
    """SIGTERM, and a new process, every third of an outage's time; under load."""
    times = 5
    member = stand.start()
    for number in range(times):
        stand.feed((number + 1) / (times + 1))
        stand.pause(seconds / 3)
        stand.ends_well(member)
        with stand.outage():
            member = stand.start(wait=False)


def poison(stand: Stand, seconds: float) -> None:
    """Every third record can't be helped."""
    stand.feed(0.5)
    with stand.outage():
        stand.start(wait=False)


def cache_disk_full(stand: Stand, seconds: float) -> None:
    """The disk that keeps the model's answers is full from early on."""
    folder = stand.folder / "cache"
    folder.mkdir(exist_ok=True)
    stand.settings["MEDIE_MODEL__CACHE"] = str(folder)
    stand.launcher = full_disk(folder)
    stand.feed(0.8)
    with stand.going_on():
        member = stand.start()
        stand.await_applied(20)
    stand.must(member.said(b"answers can't be kept"), "the disk was not full: the cache complains of nothing")


def clock_jumping(stand: Stand, seconds: float) -> None:
    """The wall clock jumps by up to three hours, forward and back, while all goes on."""
    with jumping_clock(stand.folder) as stand.launcher:
        stand.feed(0.8)
        stand.start()
        with stand.going_on():
            stand.pause(seconds)
    stand.recovering()


FAULTS: tuple[Fault, ...] = (
    Fault("poison", poison, poison_share=0.3),
    Fault("consumer-killed", consumer_killed),
    Fault("redeployed", redeployed),
    Fault("members-come-and-go", members_come_and_go),
    Fault("member-stuck", member_stuck),
    Fault("broker-killed", broker_killed, broker="own"),
    Fault("broker-frozen", broker_frozen, broker="own"),
    Fault("one-of-three-brokers-killed", one_of_three_brokers_killed, broker="three"),
    Fault("model-down", model_down),
    Fault("model-hanging", model_hanging),
    Fault("model-garbage", model_garbage, poison_share=0.12),
    Fault("model-500", model_500),
    Fault("model-429", model_429),
    Fault("fhir-down", fhir_down),
    Fault("fhir-hanging-after-accepting", fhir_hanging_after_accepting),
    Fault("fhir-writing-late", fhir_writing_late),
    Fault("fhir-429", fhir_429),
    Fault("fhir-5xx", fhir_5xx),
    Fault("cache-disk-full", cache_disk_full),
    Fault("clock-jumping", clock_jumping),
)
