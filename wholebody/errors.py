"""The exception tree. Only the command line and the web layer turn these into exit codes and status codes.

WholebodyError               anything this project raises on purpose; the text is one line for a person
+-- SettingsError            an environment variable or option has a wrong value
+-- ModelError               weights missing or unusable, or the device asked for does not work
+-- LabelingConfigError      the labeling config has nothing this model can fill
+-- RequestError             a request's body is not what Label Studio would send
+-- ImageError               a task's image cannot be had or read: that task's own failure
+-- PromptError              what an annotator drew leads to nobody
+-- LabelStudioError         Label Studio refused, or could not be reached
    +-- AuthenticationError  ... because of the token
    +-- UnavailableError     ... for now: 429, 5xx, a time-out, a dropped connection
+-- StoppedError             the user asked to stop before it was done
"""


class WholebodyError(Exception):
    """Base of all; `str(error)` is one line that names the thing, its value and the cure."""


class SettingsError(WholebodyError):
    """A setting has a wrong value."""


class ModelError(WholebodyError):
    """Weights or device cannot be used."""


class LabelingConfigError(WholebodyError):
    """The labeling config cannot be parsed or has nothing to fill."""


class RequestError(WholebodyError):
    """A request's body is malformed."""


class ImageError(WholebodyError):
    """A task's image is missing, unreachable, too large or unreadable.

    Attributes:
        reason: What is wrong, without the reference: equal for all images with the same trouble.
    """

    def __init__(self, reason: str, reference: str = "") -> None:
        super().__init__(f"{reference}: {reason}" if reference else reason)
        self.reason = reason


class PromptError(WholebodyError):
    """What an annotator drew leads to nobody."""


class LabelStudioError(WholebodyError):
    """Label Studio refused a call or could not be reached."""


class AuthenticationError(LabelStudioError):
    """Label Studio does not accept the token."""


class UnavailableError(LabelStudioError):
    """Label Studio cannot answer for now; whether it carried the call out is unknown.

    Attributes:
        retry_after_s: Seconds that Label Studio asks to wait, or `None` when it does not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoppedError(WholebodyError):
    """The user asked to stop before it was done: nothing is wrong with it."""
