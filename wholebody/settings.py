"""The one frozen `Settings` object, from the environment and `.env`. Nothing else reads settings from there."""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from wholebody.errors import SettingsError

Mode = Literal["performance", "balanced", "lightweight", "figures"]
PoseColors = Annotated[
    Literal["auto", "rgb", "bgr"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
]
BackendType = Literal["onnxruntime", "opencv", "openvino"]
Precision = Literal["full", "fast", "fastest"]

DEVICES_OF_BACKEND: dict[str, tuple[str, ...]] = {
    "onnxruntime": ("cpu", "cuda", "mps"),
    "opencv": ("cpu", "cuda"),
    "openvino": ("cpu",),
}

SHARED_NAMES = frozenset({"device", "host", "log_format", "log_level", "mode", "port", "project_id", "threads"})
"""Settings whose variables other programs have, too: Google's tools set PROJECT_ID, hosting services set PORT."""


def _parse_limit(value: object) -> object:
    text = str(value).strip().lower()
    if text in ("all", "none"):
        return None
    if not text.isdecimal():
        raise ValueError("must be a number of tasks or all")
    return int(text)


def _parse_size(value: object) -> object:
    if isinstance(value, str):
        numbers = re.fullmatch(r"\s*(\d+)\s*[,x]\s*(\d+)\s*", value)
        if not numbers:
            raise ValueError("must be width,height in pixels, such as 192,256")
        return numbers.groups()
    return value


def _check_address(url: str, what: str) -> str:
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:  # a port that is no number up to 65535, or a bracket left open
        usable = False
    if not usable:
        raise ValueError(f"must be the address of {what}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address alone: no user name, query or fragment")
    return url


def _parse_hosts(value: object) -> object:
    if isinstance(value, str):
        return tuple(host for host in re.split(r"[\s,]+", value.strip().lower()) if host)
    return value


def _check_host(host: str) -> str:
    if not re.fullmatch(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[?[0-9a-f:.]*:[0-9a-f:.]*\]?", host):
        raise ValueError("must be host names such as images.example.org or *.example.org, separated by commas")
    return host.strip("[]")


def _check_device(device: str) -> str:
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", device):
        raise ValueError("must be cpu, cuda, cuda:N or mps")
    return device


def _check_token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", text):  # what an Authorization header can carry
        raise ValueError("must be the token alone: ASCII letters, digits and signs, without spaces")
    return SecretStr(text)


Url = Annotated[str, AfterValidator(partial(_check_address, what="Label Studio, such as http://localhost:8080"))]
Mirror = Annotated[str, AfterValidator(partial(_check_address, what="a folder, such as http://mirror.lan/weights"))]
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
Hosts = Annotated[tuple[Annotated[str, AfterValidator(_check_host)], ...], NoDecode, BeforeValidator(_parse_hosts)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
TaskLimit = Annotated[int | None, Field(ge=1), BeforeValidator(_parse_limit)]
SizeWH = Annotated[
    tuple[Annotated[int, Field(ge=32, le=4096)], Annotated[int, Field(ge=32, le=4096)]] | None,
    NoDecode,
    BeforeValidator(_parse_size),
]
Unit = Annotated[float, Field(ge=0, le=1)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


class Settings(BaseSettings):
    """Every setting, under the name of its environment variable in lower case."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    label_studio_url: Url | None = Field(
        None,
        validation_alias=AliasChoices("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"),
        description="Address at which this machine reaches Label Studio. It may have a sub-path.",
    )
    label_studio_public_url: Url | None = Field(
        None,
        description="Address under which browsers, and so tasks, know the same Label Studio, if it is another. Images "
        "that tasks name by it are asked for at LABEL_STUDIO_URL.",
    )
    label_studio_api_token: Token | None = Field(
        None,
        validation_alias=AliasChoices("LABEL_STUDIO_API_TOKEN", "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN"),
        description="Personal access token or legacy token, from Account & Settings. It is sent to that address only.",
    )
    project_id: int | None = Field(None, ge=1, description="Project to prefill: the number in its address.")
    task_limit: TaskLimit = Field(
        1, description="How many tasks the prefill works on: a number or `all`. The default, one task, is a safe trial."
    )
    start_task_id: int = Field(1, ge=1, description="The prefill starts at this task id.")
    request_delay_seconds: float = Field(
        1.0, ge=0, le=3600, description="Least time between two writes of the prefill to Label Studio, in seconds."
    )
    max_retries: int = Field(3, ge=0, le=100, description="How often a failed call to Label Studio is repeated.")
    max_backoff_delay: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="Longest wait before a repetition, in seconds, unless Label Studio itself asks for a longer one "
        "(Retry-After).",
    )
    device: Annotated[str, AfterValidator(_check_device)] = Field(
        "cpu",
        description="`cpu`, `cuda`, `cuda:N` or `mps`. If the networks cannot run on it, the backend does not start.",
    )
    backend_type: BackendType = Field(
        "onnxruntime", description="The library that runs the networks: `onnxruntime`, `opencv` or `openvino`."
    )
    precision: Precision = Field(
        "full",
        description="How exactly the networks calculate on a processor that knows bfloat16: `full`; `fast`: the person "
        "detector in bfloat16; or `fastest`: the pose network too. On another processor all three are `full`.",
    )
    mode: Mode = Field(
        "balanced",
        description="rtmlib's weights: `performance`, `balanced` or `lightweight`; "
        "or `figures`: a small model that recognizes drawn figures only, for trying things out.",
    )
    confidence_threshold: Unit = Field(0.3, description="Keypoints with a lower score are left out.")
    detection_threshold: Unit = Field(0.3, description="Person boxes with a lower score are left out.")
    task_boxes: bool = Field(
        False,
        description="Whether the backend uses the person boxes that a task already has, from its annotations, its "
        "drafts or another model's predictions, instead of the detector. Tasks without such boxes still go to the "
        "detector.",
    )
    max_people: int = Field(20, ge=1, le=1000, description="Most people kept of an image: those with the best scores.")
    max_regions: int = Field(
        600,
        ge=0,
        description="Most regions of one image that are written before smaller people get fewer points: the editor "
        "slows down with their number. 0 switches it off.",
    )
    det_model: str | None = Field(
        None, description="Your own person detector instead of the mode's: path or URL of an ONNX file."
    )
    det_input_size: SizeWH = Field(
        None,
        description="The input size of DET_MODEL: width,height. Needed only if its file leaves it open and it is not "
        "640,640.",
    )
    pose_model: str | None = Field(
        None,
        description="Your own 133-keypoint network instead of the mode's, SimCC or heat maps: path or URL of an ONNX "
        "file.",
    )
    pose_input_size: SizeWH = Field(
        None,
        description="The input size of POSE_MODEL: width,height. Needed only if its file leaves it open and it is not "
        "192,256.",
    )
    pose_colors: PoseColors = Field(
        "auto",
        description="The order of colors that the pose network was trained on: `rgb`, `bgr`, or `auto`: RGB if the "
        "name of its file contains rtmw, rtmpose, dwpose or ucoco, as those of the modes do, else BGR.",
    )
    pose_score_unit: float | None = Field(
        None,
        ge=0.001,
        le=1000,
        allow_inf_nan=False,
        description="What the raw scores of the pose network are divided by. Not set: measured at the start, on a "
        "picture of a person.",
    )
    score_calibration: UserPath | None = Field(
        None,
        description="Path of a file that `wholebody calibrate` wrote: scores become the share of points with such a "
        "score that annotators leave, in backend and prefill alike. Not set: scores as the network gives them.",
    )
    model_dir: UserPath = Field(
        Path("~/.cache/label-studio-wholebody"),
        validate_default=True,
        description="Where downloaded weights are kept.",
    )
    weights_mirror: Mirror | None = Field(
        None, description="Address that has rtmlib's weights under their file names, used instead of their own hosts."
    )
    image_hosts: Hosts | None = Field(
        None,
        description="Hosts that images may come from besides Label Studio, separated by commas; `*.example.org` stands "
        "for all hosts under it. Not set: any host.",
    )
    image_private_addresses: bool = Field(
        True,
        description="Whether images may come from private and loopback addresses besides Label Studio's. "
        "Link-local ones, where clouds keep their metadata, are always refused.",
    )
    image_timeout_seconds: float = Field(20.0, gt=0, le=600, description="Seconds that fetching an image may take.")
    image_max_bytes: int = Field(64_000_000, ge=1, description="Largest image file that is read.")
    image_files_prefix: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Images whose references begin so, such as `/data/local-files/?d=photos/`, are read from "
        "IMAGE_FILES_DIR instead of asking Label Studio for them.",
    )
    image_files_dir: UserPath | None = Field(
        None,
        description="Folder in which the rest of such a reference is a path. Nothing outside of it is read.",
    )
    image_memory_bytes: int = Field(
        1_000_000_000,
        ge=1,
        description="Memory for all images that are being decoded, looked at or kept, together. An image waits until "
        "there is enough for it; one that needs more than all of it is refused.",
    )
    image_cache_bytes: int = Field(
        256_000_000,
        ge=0,
        description="Bytes of decoded images kept for an annotator's next prompt, out of IMAGE_MEMORY_BYTES; 0 keeps "
        "none.",
    )
    image_cache_seconds: float = Field(600.0, gt=0, description="How long they are kept, in seconds.")
    dask_scheduler: str | None = Field(
        None,
        description="Dask scheduler whose workers compute the predictions of the prefill, such as "
        "`tls://scheduler.lan:8786`. Beyond this machine only with TLS.",
    )
    dask_tls_ca: UserPath | None = Field(
        None, description="Certificate that scheduler and workers prove themselves by (PEM file)."
    )
    dask_tls_cert: UserPath | None = Field(None, description="This command's own certificate (PEM file).")
    dask_tls_key: UserPath | None = Field(None, description="The key of DASK_TLS_CERT, if it is not in the same file.")
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port at which a run of the prefill serves `/metrics`, at HOST. Not set: none.",
    )
    host: str = Field(
        "0.0.0.0",
        description="Address the backend listens on: one of this machine, such as `127.0.0.1` or `::`, without a port.",
    )
    port: int = Field(9090, ge=1, le=65535, description="Port the backend listens on.")
    threads: int = Field(8, ge=1, le=256, description="Requests the backend works on at a time.")
    queue_limit: int = Field(
        32, ge=0, le=1000, description="Requests that may wait; any more get 503 with Retry-After at once."
    )
    predict_deadline_seconds: float = Field(
        85.0,
        gt=0,
        le=3600,
        description="A selection of tasks is answered after so many seconds, with what is done by then, because Label "
        "Studio gives up after 100 s.",
    )
    basic_auth_user: str | None = Field(
        None, description="User name that callers must give, with BASIC_AUTH_PASS (not for /ready and /webhook)."
    )
    basic_auth_pass: SecretStr | None = Field(None, description="Password that belongs to BASIC_AUTH_USER.")
    log_level: LogLevel = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    log_format: Literal["text", "json"] = Field("text", description="`text`, or `json`: one JSON object per line.")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.basic_auth_user is None) != (self.basic_auth_pass is None):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASS: set both or none")
        if (self.image_files_prefix is None) != (self.image_files_dir is None):
            raise ValueError("IMAGE_FILES_PREFIX and IMAGE_FILES_DIR: set both or none")
        allowed = DEVICES_OF_BACKEND[self.backend_type]
        if self.device.split(":")[0] not in allowed:
            raise ValueError(f"DEVICE={self.device!r}: BACKEND_TYPE={self.backend_type} runs on {' or '.join(allowed)}")
        if self.precision != "full" and self.device != "cpu":
            raise ValueError(f"PRECISION={self.precision!r}: is for DEVICE=cpu; leave it away")
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings hold secrets in plain text when pickled; read them anew where they are needed")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings, with `overrides` (field names; `None` is ignored) before environment and `.env`.

    Raises:
        SettingsError: In one line: the variable, its value (unless secret) and what is allowed.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise SettingsError("; ".join(_describe(details, given))) from None
    except UnicodeDecodeError:
        raise SettingsError(".env: is not UTF-8 text; save it as UTF-8") from None


def variables() -> dict[str, str]:
    """Every environment variable that is read, aliases included -> its field of `Settings`."""
    names = {name.upper(): name for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            names |= {str(choice): name for choice in field.validation_alias.choices}
    return names


def _describe(details: list[ErrorDetails], given: dict[str, Any]) -> Iterable[str]:
    for detail in details:
        message = detail["msg"].removeprefix("Value error, ")
        if not detail["loc"]:
            yield message
            continue
        name = _variable(str(detail["loc"][0]))
        field = Settings.model_fields[name]
        secret = "SecretStr" in str(field.annotation)
        value = "" if secret else f"={_raw_value(name, detail, given)!r}"
        yield f"{name.upper()}{value}: {message}{_origin(name, given)}"


def _origin(name: str, given: dict[str, Any]) -> str:
    """Where a value comes from that the user may know nothing of: a variable that other programs have, too."""
    in_environment = name not in given and name in EnvSettingsSource(Settings).env_vars
    if name not in SHARED_NAMES or not in_environment:
        return ""
    return " (in the environment, where another program may have set it)"


def _variable(location: str) -> str:
    """The field's name, whether the error names the field or one of its aliases."""
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else ()
        if location.lower() == name or location in choices:
            return name
    return location


def _raw_value(name: str, detail: ErrorDetails, given: dict[str, Any]) -> object:
    """What was set, without what an address may hold of passwords and tokens."""
    value = given.get(name, detail["input"])
    return re.sub(r"(?<=//)[^/]*(?=@)|(?<=[?#]).*", "...", value) if isinstance(value, str) else value
