"""The exception tree. Only the command line and the web layer turn these into exit codes and status codes.

WholebodyError               anything this project raises on purpose; the text is one line for a person
+-- SettingsError            an environment variable or option has a wrong value
+-- ModelError               weights missing or unusable, or the device asked for does not work
+-- LabelingConfigError      the labeling config has nothing this model can fill
|   +-- ConfigChangedError   ... or is another than when the run began
+-- RequestError             a request's body is not what Label Studio would send
+-- ImageError               a task's image cannot be had or read: that task's own failure
+-- DatasetError             a file or folder of annotations is not what it must be
+-- ClusterError             scheduler or workers are not there, or not the same
+-- OutputError              a file of a run's output cannot be written
+-- PromptError              what an annotator drew leads to nobody
+-- LabelStudioError         Label Studio refused, or could not be reached
    +-- AuthenticationError  ... because of the token
    +-- GoneError            ... because the task or prediction is not there any more
    +-- UnavailableError     ... for now: 429, 5xx, a time-out, a dropped connection
        +-- ImageUnavailableError  ... for one of its images; an ImageError too
+-- StoppedError             the user asked to stop before it was done
+-- BusyError                too many calls at once, or the backend is stopping
+-- DeadlineError            a call's time was over before it, or an image of it, was begun
+-- ClientGoneError          nobody waits for the answer any more
"""

from typing import Literal

Cause = Literal[
    "image_refused",
    "image_unreachable",
    "image_too_large",
    "image_unreadable",
    "label_studio",
    "model",
    "prompt",
    "config",
    "request",
    "settings",
    "deadline",
    "stopped",
    "unexpected",
]
"""What failures are counted by: few words, never text of a request."""


class WholebodyError(Exception):
    """Base of all; `str(error)` is one line that names the thing, its value and the cure."""

    cause: Cause = "unexpected"


class SettingsError(WholebodyError):
    """A setting has a wrong value."""

    cause: Cause = "settings"


class ModelError(WholebodyError):
    """Weights or device cannot be used."""

    cause: Cause = "model"


class LabelingConfigError(WholebodyError):
    """The labeling config cannot be parsed or has nothing to fill."""

    cause: Cause = "config"


class ConfigChangedError(LabelingConfigError):
    """The labeling config was changed while a project was being filled."""


class RequestError(WholebodyError):
    """A request's body is malformed."""

    cause: Cause = "request"


class ImageError(WholebodyError):
    """A task's image is missing, unreachable, too large or unreadable.

    Attributes:
        reason: What is wrong, without the reference: equal for all images with the same trouble.
        reference: Which image it is, or `""`.
        cause: What it is counted as.
    """

    def __init__(self, reason: str, reference: str = "", cause: Cause = "image_unreachable") -> None:
        super().__init__(f"{reference}: {reason}" if reference else reason)
        self.reason = reason
        self.reference = reference
        self.cause = cause

    def about(self, reference: str) -> "ImageError":
        """The same with the image's reference in its text."""
        return ImageError(self.reason, reference, self.cause)


class DatasetError(WholebodyError):
    """A file or folder of annotations is not what it must be."""

    cause: Cause = "request"


class ClusterError(WholebodyError):
    """Scheduler or workers of a cluster are not there, or not the same."""


class OutputError(WholebodyError):
    """A file of a run's output cannot be written, as where the disk is full."""

    cause: Cause = "settings"


class PromptError(WholebodyError):
    """What an annotator drew leads to nobody."""

    cause: Cause = "prompt"


class LabelStudioError(WholebodyError):
    """Label Studio refused a call or could not be reached."""

    cause: Cause = "label_studio"


class AuthenticationError(LabelStudioError):
    """Label Studio does not accept the token."""


class GoneError(LabelStudioError):
    """The task or prediction that a call was about has been deleted."""


class UnavailableError(LabelStudioError):
    """Label Studio cannot answer for now; whether it carried the call out is unknown.

    Attributes:
        retry_after_s: Seconds that Label Studio asks to wait, or `None` when it does not say.
        busy: It has more to do than it can: calls should come more slowly.
        settles_in_s: How long it may still be working on the call, unseen; 0 when it is through with it.
    """

    def __init__(
        self, message: str, retry_after_s: float | None = None, *, busy: bool = False, settles_in_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.busy = busy
        self.settles_in_s = settles_in_s


class ImageUnavailableError(ImageError, UnavailableError):
    """Label Studio cannot serve an image for now: it may later."""

    def __init__(
        self,
        reason: str,
        reference: str = "",
        cause: Cause = "image_unreachable",
        *,
        retry_after_s: float | None = None,
        busy: bool = False,
    ) -> None:
        super().__init__(reason, reference, cause)
        self.retry_after_s = retry_after_s
        self.busy = busy

    def about(self, reference: str) -> "ImageUnavailableError":
        """The same with the image's reference in its text."""
        asked_s, busy = self.retry_after_s, self.busy
        return ImageUnavailableError(self.reason, reference, self.cause, retry_after_s=asked_s, busy=busy)

    def lasting(self) -> ImageError:
        """The same as a failure of this image alone, which is not for now."""
        return ImageError(self.reason, self.reference, self.cause)


class StoppedError(WholebodyError):
    """The user asked to stop before it was done: nothing is wrong with it."""

    cause: Cause = "stopped"


def cause_of(error: BaseException) -> Cause:
    """What a failure is counted as."""
    return error.cause if isinstance(error, WholebodyError) else "unexpected"


class BusyError(WholebodyError):
    """The backend takes no more calls for now; the same call may come again."""


class DeadlineError(WholebodyError):
    """The time of a call was over before it, or an image of it, was begun."""

    cause: Cause = "deadline"


class ClientGoneError(WholebodyError):
    """The client that called has left."""
