from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices

from wholebody.errors import SettingsError
from wholebody.settings import Settings, load_settings

SECRET = "wb-Secret.7f3a"

VARIABLES: list[tuple[str, str, str, Any, Any]] = [
    # variable, field, text, what it means, default
    ("LABEL_STUDIO_URL", "label_studio_url", "http://ls:8080", "http://ls:8080", None),
    ("LABEL_STUDIO_PUBLIC_URL", "label_studio_public_url", "https://ls.example/sub/", "https://ls.example/sub", None),
    ("LABEL_STUDIO_HOST", "label_studio_url", "https://ls.example/sub/", "https://ls.example/sub", None),
    ("PROJECT_ID", "project_id", "7", 7, None),
    ("TASK_LIMIT", "task_limit", "25", 25, 1),
    ("START_TASK_ID", "start_task_id", "4100", 4100, 1),
    ("REQUEST_DELAY_SECONDS", "request_delay_seconds", "0.25", 0.25, 1.0),
    ("MAX_RETRIES", "max_retries", "0", 0, 3),
    ("MAX_BACKOFF_DELAY", "max_backoff_delay", "5", 5.0, 60.0),
    ("DEVICE", "device", "cuda:1", "cuda:1", "cpu"),
    ("BACKEND_TYPE", "backend_type", "openvino", "openvino", "onnxruntime"),
    ("PRECISION", "precision", "fast", "fast", "full"),
    ("MODE", "mode", "performance", "performance", "balanced"),
    ("CONFIDENCE_THRESHOLD", "confidence_threshold", "0.5", 0.5, 0.3),
    ("DETECTION_THRESHOLD", "detection_threshold", "1", 1.0, 0.3),
    ("TASK_BOXES", "task_boxes", "true", True, False),
    ("MAX_PEOPLE", "max_people", "3", 3, 20),
    ("MAX_REGIONS", "max_regions", "0", 0, 600),
    ("DET_MODEL", "det_model", "det.onnx", "det.onnx", None),
    ("DET_INPUT_SIZE", "det_input_size", "416,320", (416, 320), None),
    ("POSE_MODEL", "pose_model", "pose.zip", "pose.zip", None),
    ("POSE_INPUT_SIZE", "pose_input_size", "288 x 384", (288, 384), None),
    ("POSE_COLORS", "pose_colors", "RGB", "rgb", "auto"),
    ("POSE_SCORE_UNIT", "pose_score_unit", "5.9", 5.9, None),
    ("SCORE_CALIBRATION", "score_calibration", "/data/models/c.json", Path("/data/models/c.json"), None),
    ("MODEL_DIR", "model_dir", "/data/models", Path("/data/models"), None),
    ("WEIGHTS_MIRROR", "weights_mirror", "http://mirror.lan/onnx/", "http://mirror.lan/onnx", None),
    (
        "IMAGE_HOSTS",
        "image_hosts",
        "a.example, *.B.example,10.1.2.3,[::1]",
        ("a.example", "*.b.example", "10.1.2.3", "::1"),
        None,
    ),
    ("IMAGE_PRIVATE_ADDRESSES", "image_private_addresses", "false", False, True),
    ("IMAGE_TIMEOUT_SECONDS", "image_timeout_seconds", "1.5", 1.5, 20.0),
    ("IMAGE_MAX_BYTES", "image_max_bytes", "1000", 1000, 64_000_000),
    ("IMAGE_MEMORY_BYTES", "image_memory_bytes", "1000", 1000, 1_000_000_000),
    ("IMAGE_CACHE_BYTES", "image_cache_bytes", "0", 0, 256_000_000),
    ("IMAGE_CACHE_SECONDS", "image_cache_seconds", "5", 5.0, 600.0),
    ("DASK_SCHEDULER", "dask_scheduler", "tls://a:8786", "tls://a:8786", None),
    ("DASK_TLS_CA", "dask_tls_ca", "/tls/ca.pem", Path("/tls/ca.pem"), None),
    ("DASK_TLS_CERT", "dask_tls_cert", "/tls/tls.pem", Path("/tls/tls.pem"), None),
    ("DASK_TLS_KEY", "dask_tls_key", "/tls/key.pem", Path("/tls/key.pem"), None),
    ("METRICS_PORT", "metrics_port", "9091", 9091, None),
    ("HOST", "host", "127.0.0.1", "127.0.0.1", "0.0.0.0"),
    ("PORT", "port", "9191", 9191, 9090),
    ("THREADS", "threads", "2", 2, 8),
    ("QUEUE_LIMIT", "queue_limit", "0", 0, 32),
    ("PREDICT_DEADLINE_SECONDS", "predict_deadline_seconds", "40", 40.0, 85.0),
    ("LOG_LEVEL", "log_level", "debug", "DEBUG", "INFO"),
    ("LOG_FORMAT", "log_format", "json", "json", "text"),
]
SECRETS = [
    ("LABEL_STUDIO_API_TOKEN", "label_studio_api_token"),
    ("LABEL_STUDIO_API_KEY", "label_studio_api_token"),
    ("LABEL_STUDIO_ACCESS_TOKEN", "label_studio_api_token"),
    ("BASIC_AUTH_PASS", "basic_auth_pass"),
]


def test_these_are_all_variables() -> None:
    expected = {row[0] for row in VARIABLES} | {row[0] for row in SECRETS}
    expected |= {"BASIC_AUTH_USER", "IMAGE_FILES_PREFIX", "IMAGE_FILES_DIR"}  # which go with another each
    names = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names |= set(alias.choices) if isinstance(alias, AliasChoices) else {field.upper()}
    assert names == expected


@pytest.mark.parametrize(("variable", "field", "text", "value", "default"), VARIABLES, ids=lambda v: str(v))
def test_a_variable_is_read_from_environment_and_dot_env(
    monkeypatch: pytest.MonkeyPatch, dot_env: Path, variable: str, field: str, text: str, value: Any, default: Any
) -> None:
    if field != "model_dir":
        assert getattr(load_settings(), field) == default
    dot_env.write_text(f"{variable}={text}\n")
    assert getattr(load_settings(), field) == value
    dot_env.unlink()
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(), field) == value


@pytest.mark.parametrize(("variable", "field"), SECRETS)
def test_a_secret_is_read_and_never_shown(monkeypatch: pytest.MonkeyPatch, variable: str, field: str) -> None:
    monkeypatch.setenv("BASIC_AUTH_USER", "annotator")
    monkeypatch.setenv("BASIC_AUTH_PASS", "pass")
    monkeypatch.setenv(variable, f" {SECRET} " if field == "label_studio_api_token" else SECRET)
    settings = load_settings()
    assert getattr(settings, field).get_secret_value() == SECRET
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert SECRET not in shown


@pytest.mark.parametrize("name", ["dask_tls_ca", "dask_tls_cert", "dask_tls_key", "score_calibration"])
def test_a_path_may_begin_in_the_home(dot_env: Path, name: str) -> None:
    dot_env.write_text(f"{name.upper()}=~/files/one\n")
    assert getattr(load_settings(), name) == Path.home() / "files" / "one"


def test_the_model_dir_is_in_the_home_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load_settings().model_dir == Path("/home/somebody/.cache/label-studio-wholebody")
    monkeypatch.setenv("MODEL_DIR", "~/weights")
    assert load_settings().model_dir == Path("/home/somebody/weights")


def test_images_of_a_folder(monkeypatch: pytest.MonkeyPatch, dot_env: Path) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert (load_settings().image_files_prefix, load_settings().image_files_dir) == (None, None)
    dot_env.write_text("IMAGE_FILES_PREFIX=/data/local-files/?d=photos/\nIMAGE_FILES_DIR=~/photos\n")
    settings = load_settings()
    assert settings.image_files_prefix == "/data/local-files/?d=photos/"
    assert settings.image_files_dir == Path("/home/somebody/photos")


@pytest.mark.parametrize("text", ["all", "ALL", "none"])
def test_a_task_limit_may_be_all(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TASK_LIMIT", text)
    assert load_settings().task_limit is None


URL_A, URL_B, URL_C = "http://a", "http://b", "http://c"


@pytest.mark.parametrize(
    ("environment", "dot_env_text", "overrides", "expected"),
    [
        # .env over default
        ({}, f"LABEL_STUDIO_URL={URL_B}", {}, URL_B),
        # environment over .env
        ({"LABEL_STUDIO_URL": URL_A}, f"LABEL_STUDIO_URL={URL_B}", {}, URL_A),
        # ... also where the environment has the second name and .env the first
        ({"LABEL_STUDIO_HOST": URL_A}, f"LABEL_STUDIO_URL={URL_B}", {}, URL_A),
        # ... and the other way round
        ({"LABEL_STUDIO_URL": URL_A}, f"LABEL_STUDIO_HOST={URL_B}", {}, URL_A),
        # the first name over the second
        ({"LABEL_STUDIO_HOST": URL_A, "LABEL_STUDIO_URL": URL_B}, "", {}, URL_B),
        # an option over everything
        ({"LABEL_STUDIO_HOST": URL_A}, f"LABEL_STUDIO_URL={URL_B}", {"label_studio_url": URL_C}, URL_C),
        # an option that was not given counts for nothing
        ({"LABEL_STUDIO_URL": URL_A}, "", {"label_studio_url": None}, URL_A),
        # an empty variable is unset: .env holds
        ({"LABEL_STUDIO_URL": ""}, f"LABEL_STUDIO_URL={URL_B}", {}, URL_B),
        # ... and the second name holds
        ({"LABEL_STUDIO_URL": "", "LABEL_STUDIO_HOST": URL_A}, "", {}, URL_A),
        # ... and so is an empty line of .env
        ({}, "LABEL_STUDIO_URL=\nLABEL_STUDIO_HOST=", {}, None),
        # names in lower case are the same names
        ({"label_studio_host": URL_A}, "", {}, URL_A),
        # quotes, `export` and comments of a .env
        ({}, f'# comment\nexport LABEL_STUDIO_URL="{URL_A}"  # more\nUNKNOWN=1', {}, URL_A),
        # a byte order mark, as some Windows editors write
        ({}, f"\ufeffLABEL_STUDIO_URL={URL_A}", {}, URL_A),
    ],
)
def test_precedence(
    monkeypatch: pytest.MonkeyPatch,
    dot_env: Path,
    environment: dict[str, str],
    dot_env_text: str,
    overrides: dict[str, Any],
    expected: str | None,
) -> None:
    dot_env.write_text(dot_env_text, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings(**overrides).label_studio_url == expected


def test_the_token_too_is_taken_from_the_environment_first(monkeypatch: pytest.MonkeyPatch, dot_env: Path) -> None:
    dot_env.write_text("LABEL_STUDIO_API_TOKEN=from-file")
    monkeypatch.setenv("LABEL_STUDIO_ACCESS_TOKEN", "from-environment")
    token = load_settings().label_studio_api_token
    assert token is not None
    assert token.get_secret_value() == "from-environment"


@pytest.mark.parametrize("variable", [row[0] for row in VARIABLES] + [row[0] for row in SECRETS] + ["BASIC_AUTH_USER"])
def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "")
    assert load_settings() == Settings()


ADDRESS = "must be the address of Label Studio, such as http://localhost:8080"
ALONE = "must be an address alone: no user name, query or fragment"
LEAST = "Input should be greater than or equal to"
MOST = "Input should be less than or equal to"
WHOLE = "Input should be a valid integer, unable to parse string as an integer"
NUMBER = "Input should be a valid number, unable to parse string as a number"
SIZE = "must be width,height in pixels, such as 192,256"
DEVICES = "must be cpu, cuda, cuda:N or mps"
HOSTS = "must be host names such as images.example.org or *.example.org, separated by commas"
MIRROR = "must be the address of a folder, such as http://mirror.lan/weights"
LIMIT = "must be a number of tasks or all"
TOKEN = "must be the token alone: ASCII letters, digits and signs, without spaces"

SHARED = " (in the environment, where another program may have set it)"
SHARED_VARIABLES = {"DEVICE", "HOST", "LOG_FORMAT", "LOG_LEVEL", "MODE", "PORT", "PROJECT_ID", "THREADS"}

WRONG: list[tuple[str, str, str]] = [
    # variable, value, the whole message
    ("LABEL_STUDIO_URL", "localhost:8080", f"LABEL_STUDIO_URL='localhost:8080': {ADDRESS}"),
    ("LABEL_STUDIO_URL", "ftp://ls", f"LABEL_STUDIO_URL='ftp://ls': {ADDRESS}"),
    ("LABEL_STUDIO_URL", "http://", f"LABEL_STUDIO_URL='http://': {ADDRESS}"),
    ("LABEL_STUDIO_PUBLIC_URL", "ls.example", f"LABEL_STUDIO_PUBLIC_URL='ls.example': {ADDRESS}"),
    ("LABEL_STUDIO_HOST", "http://ls:99999", f"LABEL_STUDIO_URL='http://ls:99999': {ADDRESS}"),
    ("LABEL_STUDIO_URL", "http://ls:port", f"LABEL_STUDIO_URL='http://ls:port': {ADDRESS}"),
    ("LABEL_STUDIO_URL", "http://[::1", f"LABEL_STUDIO_URL='http://[::1': {ADDRESS}"),
    ("LABEL_STUDIO_URL", "http://l s", f"LABEL_STUDIO_URL='http://l s': {ADDRESS}"),
    ("LABEL_STUDIO_URL", f"http://me:{SECRET}@ls", f"LABEL_STUDIO_URL='http://...@ls': {ALONE}"),
    ("LABEL_STUDIO_URL", f"http://ls?token={SECRET}", f"LABEL_STUDIO_URL='http://ls?...': {ALONE}"),
    ("LABEL_STUDIO_URL", f"http://ls#{SECRET}", f"LABEL_STUDIO_URL='http://ls#...': {ALONE}"),
    ("LABEL_STUDIO_API_TOKEN", f"Token {SECRET}", f"LABEL_STUDIO_API_TOKEN: {TOKEN}"),
    ("LABEL_STUDIO_API_KEY", f"{SECRET}\nX: y", f"LABEL_STUDIO_API_TOKEN: {TOKEN}"),
    ("LABEL_STUDIO_ACCESS_TOKEN", f"{SECRET}é", f"LABEL_STUDIO_API_TOKEN: {TOKEN}"),
    ("LABEL_STUDIO_API_TOKEN", "  ", f"LABEL_STUDIO_API_TOKEN: {TOKEN}"),
    ("PROJECT_ID", "0", f"PROJECT_ID='0': {LEAST} 1"),
    ("PROJECT_ID", "first", f"PROJECT_ID='first': {WHOLE}"),
    ("TASK_LIMIT", "0", f"TASK_LIMIT=0: {LEAST} 1"),
    ("TASK_LIMIT", "-1", f"TASK_LIMIT='-1': {LIMIT}"),
    ("TASK_LIMIT", "many", f"TASK_LIMIT='many': {LIMIT}"),
    ("START_TASK_ID", "0", f"START_TASK_ID='0': {LEAST} 1"),
    ("REQUEST_DELAY_SECONDS", "-0.1", f"REQUEST_DELAY_SECONDS='-0.1': {LEAST} 0"),
    ("REQUEST_DELAY_SECONDS", "3601", f"REQUEST_DELAY_SECONDS='3601': {MOST} 3600"),
    ("REQUEST_DELAY_SECONDS", "1 s", f"REQUEST_DELAY_SECONDS='1 s': {NUMBER}"),
    ("REQUEST_DELAY_SECONDS", "nan", f"REQUEST_DELAY_SECONDS='nan': {MOST} 3600"),
    ("MAX_RETRIES", "-1", f"MAX_RETRIES='-1': {LEAST} 0"),
    ("MAX_RETRIES", "1.5", f"MAX_RETRIES='1.5': {WHOLE}"),
    ("MAX_BACKOFF_DELAY", "inf", f"MAX_BACKOFF_DELAY='inf': {MOST} 3600"),
    ("DEVICE", "gpu", f"DEVICE='gpu': {DEVICES}"),
    ("DEVICE", "cuda:first", f"DEVICE='cuda:first': {DEVICES}"),
    ("PRECISION", "half", "PRECISION='half': Input should be 'full', 'fast' or 'fastest'"),
    ("BACKEND_TYPE", "tensorrt", "BACKEND_TYPE='tensorrt': Input should be 'onnxruntime', 'opencv' or 'openvino'"),
    ("MODE", "best", "MODE='best': Input should be 'performance', 'balanced', 'lightweight' or 'figures'"),
    ("CONFIDENCE_THRESHOLD", "1.1", f"CONFIDENCE_THRESHOLD='1.1': {MOST} 1"),
    ("CONFIDENCE_THRESHOLD", "-0.1", f"CONFIDENCE_THRESHOLD='-0.1': {LEAST} 0"),
    ("DETECTION_THRESHOLD", "NaN", f"DETECTION_THRESHOLD='NaN': {MOST} 1"),
    ("MAX_PEOPLE", "0", f"MAX_PEOPLE='0': {LEAST} 1"),
    ("MAX_REGIONS", "-1", f"MAX_REGIONS='-1': {LEAST} 0"),
    ("MAX_REGIONS", "all", f"MAX_REGIONS='all': {WHOLE}"),
    ("DET_INPUT_SIZE", "640", f"DET_INPUT_SIZE='640': {SIZE}"),
    ("POSE_INPUT_SIZE", "[192, 256]", f"POSE_INPUT_SIZE='[192, 256]': {SIZE}"),
    ("POSE_INPUT_SIZE", "192,9999", f"POSE_INPUT_SIZE='9999': {MOST} 4096"),
    ("POSE_COLORS", "gbr", "POSE_COLORS='gbr': Input should be 'auto', 'rgb' or 'bgr'"),
    ("POSE_SCORE_UNIT", "0", f"POSE_SCORE_UNIT='0': {LEAST} 0.001"),
    ("POSE_SCORE_UNIT", "nan", "POSE_SCORE_UNIT='nan': Input should be a finite number"),
    ("POSE_SCORE_UNIT", "1001", f"POSE_SCORE_UNIT='1001': {MOST} 1000"),
    ("IMAGE_TIMEOUT_SECONDS", "0", "IMAGE_TIMEOUT_SECONDS='0': Input should be greater than 0"),
    ("IMAGE_MAX_BYTES", "64MB", f"IMAGE_MAX_BYTES='64MB': {WHOLE}"),
    ("IMAGE_MEMORY_BYTES", "0", f"IMAGE_MEMORY_BYTES='0': {LEAST} 1"),
    ("PORT", "65536", f"PORT='65536': {MOST} 65535"),
    ("PORT", "80\n81", f"PORT='80\\n81': {WHOLE}"),
    ("THREADS", "0", f"THREADS='0': {LEAST} 1"),
    ("QUEUE_LIMIT", "-1", f"QUEUE_LIMIT='-1': {LEAST} 0"),
    ("PREDICT_DEADLINE_SECONDS", "0", "PREDICT_DEADLINE_SECONDS='0': Input should be greater than 0"),
    ("IMAGE_HOSTS", "a.example,https://b", f"IMAGE_HOSTS='https://b': {HOSTS}"),
    ("IMAGE_HOSTS", "*", f"IMAGE_HOSTS='*': {HOSTS}"),
    ("WEIGHTS_MIRROR", "mirror.lan", f"WEIGHTS_MIRROR='mirror.lan': {MIRROR}"),
    ("WEIGHTS_MIRROR", f"http://me:{SECRET}@mirror.lan", f"WEIGHTS_MIRROR='http://...@mirror.lan': {ALONE}"),
    ("LOG_FORMAT", "xml", "LOG_FORMAT='xml': Input should be 'text' or 'json'"),
    ("LOG_LEVEL", "loud", "LOG_LEVEL='LOUD': Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("BASIC_AUTH_USER", "me", "BASIC_AUTH_USER and BASIC_AUTH_PASS: set both or none"),
    ("BASIC_AUTH_PASS", SECRET, "BASIC_AUTH_USER and BASIC_AUTH_PASS: set both or none"),
]


@pytest.mark.parametrize(("variable", "value", "message"), WRONG)
def test_a_wrong_value_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == message + (SHARED if variable in SHARED_VARIABLES else "")
    assert raised.value.__suppress_context__  # a traceback would print the input with the secret


def test_a_wrong_line_of_dot_env_and_a_wrong_option_are_told_alike(dot_env: Path) -> None:
    dot_env.write_text("THREADS=none")
    with pytest.raises(SettingsError, match=rf"^THREADS='none': {WHOLE}$"):
        load_settings()
    with pytest.raises(SettingsError, match=rf"^THREADS=-4: {LEAST} 1$"):
        load_settings(threads=-4)


def test_several_wrong_values_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv("MODE", "x")
    with pytest.raises(SettingsError, match=r"^MODE='x': Input should be .*; PORT='0': .* 1 \(in .*\)$"):
        load_settings()


def test_a_dot_env_that_is_no_text_is_told(dot_env: Path) -> None:
    dot_env.write_bytes("PORT=1 # für".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^\.env: is not UTF-8 text; save it as UTF-8$"):
        load_settings()


@pytest.mark.parametrize(
    ("backend", "device", "runs_on"),
    [
        # None: they go together
        ("onnxruntime", "cpu", None),
        ("onnxruntime", "cuda", None),
        ("onnxruntime", "cuda:3", None),
        ("onnxruntime", "mps", None),
        ("opencv", "cpu", None),
        ("opencv", "cuda:0", None),
        ("opencv", "mps", "cpu or cuda"),
        ("openvino", "cpu", None),
        ("openvino", "cuda:0", "cpu"),
        ("openvino", "mps", "cpu"),
    ],
)
def test_device_and_backend(backend: str, device: str, runs_on: str | None) -> None:
    if runs_on is None:
        assert load_settings(backend_type=backend, device=device).device == device
        return
    with pytest.raises(SettingsError, match=f"^DEVICE={device!r}: BACKEND_TYPE={backend} runs on {runs_on}$"):
        load_settings(backend_type=backend, device=device)


@pytest.mark.parametrize("precision", ["fast", "fastest"])
def test_bfloat16_is_for_processors(precision: str) -> None:
    assert load_settings(precision=precision).precision == precision
    with pytest.raises(SettingsError, match=f"^PRECISION={precision!r}: is for DEVICE=cpu; leave it away$"):
        load_settings(precision=precision, device="cuda")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="Instance is frozen"):
        load_settings().port = 1  # type: ignore[misc]
