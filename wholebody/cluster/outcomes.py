"""What comes of a task on a worker, as values: Dask logs every exception with the arguments of the call."""

from dataclasses import dataclass

from wholebody import errors
from wholebody.errors import WholebodyError
from wholebody.predictions import Prediction

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours without what Python keeps beside it: no cause, no frames, no request with its headers.

    Attributes:
        kind: The name of its class in `errors.py`.
        text: What it says.
        details: Its attributes, as far as they are plain values.
    """

    kind: str
    text: str
    details: dict[str, Plain]

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """A failure that says the same; of what is not ours no more than its kind."""
        if not isinstance(error, WholebodyError):
            return cls("WholebodyError", f"unexpected {type(error).__name__} on a worker, whose log says where", {})
        details = {name: value for name, value in vars(error).items() if isinstance(value, Plain)}
        return cls(type(error).__name__, str(error), details)

    def error(self) -> WholebodyError:
        """The error again."""
        kind: type[WholebodyError] = getattr(errors, self.kind)
        again = kind.__new__(kind, self.text)  # constructors take other things than what stands in the text
        vars(again).update(self.details)
        return again


def restored(outcome: Prediction | Failure) -> Prediction | Exception:
    """What `parts.Predictor` gives for it."""
    return outcome.error() if isinstance(outcome, Failure) else outcome
