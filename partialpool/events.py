"""The stream of a job's events: lines in, jobs out."""

from __future__ import annotations

from dataclasses import dataclass, field

from partialpool.calls.asking import path_of
from partialpool.calls.jobs import ENDED
from partialpool.steps import Request
from service.schemas.jobs import Job


@dataclass(slots=True)
class Events:
    """Reads server-sent events, and knows where to take the stream up again.

    Attributes:
        job: id of the job that is followed.
        last: id of the last event that was seen whole.
        ended: whether the job has ended, so that there is nothing more to come.
    """

    job: str
    last: str = ""
    ended: bool = False
    _id: str = ""
    _data: list[str] = field(default_factory=list)

    def request(self) -> Request:
        """Return the request for the stream, after what has been seen of it."""
        self._data.clear()
        self._id = self.last
        headers = {"Accept": "text/event-stream"}
        if self.last:
            headers["Last-Event-ID"] = self.last
        return Request("GET", path_of("jobs", self.job, "events"), headers=headers)

    def take(self, line: str) -> Job | None:
        """Take a line; return the job that an event, which ends with it, tells."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
            case "" if not line and self._data:
                found = Job.model_validate_json("\n".join(self._data))
                self._data.clear()
                self.last = self._id
                self.ended = found.state in ENDED
                return found
        return None
