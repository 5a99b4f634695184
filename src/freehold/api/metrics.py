"""Figures of one network, in the text form that Prometheus reads. Each network counts for itself.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Calls(Collector):
    """XRPC calls by method and status, and how long they took. Counted plainly, since it is done at every call; the
    form that Prometheus wants is made when it asks. All of it belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._by_status: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()

    def observe(self, method: str, status: int, seconds: float) -> None:
        """Count one call."""
        self._by_status[method, status] += 1
        self._seconds[method] += seconds  # type: ignore[assignment]  # a counter takes fractions too
        buckets = self._buckets.get(method)
        if buckets is None:
            buckets = self._buckets[method] = [0] * (len(SECONDS) + 1)
        buckets[bisect_left(SECONDS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """All figures, for Prometheus."""
        calls = CounterMetricFamily("freehold_calls", "XRPC calls", labels=["method", "status"])
        for (method, status), count in self._by_status.items():
            calls.add_metric([method, str(status)], count)
        yield calls
        times = HistogramMetricFamily("freehold_call_seconds", "Time of an XRPC call", labels=["method"])
        for method, buckets in self._buckets.items():
            below = zip((*map(str, map(float, SECONDS)), "+Inf"), accumulate(buckets), strict=True)
            times.add_metric([method], list(below), self._seconds[method])
        yield times


class Metrics:
    """What one network counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Calls()
        self.registry.register(self._calls)
        self.observe = self._calls.observe
        self.subscribers = Gauge("freehold_subscribers", "Open firehose subscriptions", registry=self.registry)
        self._gauges = {
            name: Gauge(f"freehold_{name}", say, registry=self.registry)
            for name, say in (
                ("accounts", "Active accounts of members"),
                ("event_seq", "Newest event of the firehose"),
                ("index_lag_events", "Events that the index has not taken in yet"),
                ("writes", "Writes committed since the start"),
                ("write_groups", "Commits (and fsyncs) that these writes shared"),
                ("bulk_reading_alarms", "Alarms on reading in bulk since the start"),
                ("siege", "1 while members are served first because more is asked for than can be answered"),
                ("sieges", "Floods since the start, of the whole process"),
                ("siege_admitted", "Requests let in during them"),
                ("siege_refused", "Requests turned away during them"),
                ("siege_kept_pages", "Answers with a kept page during them"),
                ("siege_handshakes_refused", "Connections closed during them before TLS began"),
                ("loop_late_seconds", "By how much the event loop was late of late"),
                ("connections", "Open connections that are no websockets"),
                ("connections_cut_off", "Connections ended for being too slow, or to make room, since the start"),
                ("workers", "Processes that answer at the same doors beside the main one"),
                ("worker_calls", "Calls that they have answered since the start"),
                ("outside_sources", "Hosts and relays that are listened to just now"),
                ("outside_commits", "Commits of other hosts' accounts taken in since the start"),
                ("outside_dropped", "Messages of other hosts that were not taken in since the start"),
                ("outside_repositories", "Whole repositories taken in from other hosts since the start"),
                ("outside_labelers", "Labelers of other networks that are listened to just now"),
                ("outside_labels_dropped", "Labels of others that were not taken in since the start"),
                ("certificate_days", "Until the first certificate of this network ends; +Inf where it has none"),
            )
        }

    def text(self, **now: float) -> bytes:
        """All figures. now: those that are read at this moment, by name."""
        for name, value in now.items():
            self._gauges[name].set(value)
        return bytes(generate_latest(self.registry))
