"""Figures of one network, in the text form that Prometheus reads. Each network counts for itself.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """What one network counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._calls = Counter("freehold_calls", "XRPC calls", ["method", "status"], registry=self.registry)
        self._seconds = Histogram(
            "freehold_call_seconds", "Time of an XRPC call", ["method"], registry=self.registry, buckets=SECONDS
        )
        self.subscribers = Gauge("freehold_subscribers", "Open firehose subscriptions", registry=self.registry)
        self._gauges = {
            name: Gauge(f"freehold_{name}", say, registry=self.registry)
            for name, say in (
                ("accounts", "Active accounts of members"),
                ("event_seq", "Newest event of the firehose"),
                ("index_lag_events", "Events that the index has not taken in yet"),
                ("writes", "Writes committed since the start"),
                ("write_groups", "Commits (and fsyncs) that these writes shared"),
                ("certificate_days", "Until the first certificate of this network ends; +Inf where it has none"),
            )
        }

    def observe(self, method: str, status: int, seconds: float) -> None:
        """Count one call."""
        pair = self._of.get((method, status))
        if pair is None:
            pair = self._of[method, status] = self._calls.labels(method, str(status)), self._seconds.labels(method)
        pair[0].inc()
        pair[1].observe(seconds)

    def text(self, **now: float) -> bytes:
        """All figures. now: those that are read at this moment, by name."""
        for name, value in now.items():
            self._gauges[name].set(value)
        return bytes(generate_latest(self.registry))
