"""Which workers there are, and which of them may predict: those with the same packages and the same model."""

import logging
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from distributed.versions import VersionMismatchWarning

from wholebody.cluster.connecting import PLAIN, Cluster, is_open_to_others
from wholebody.cluster.packages import PACKAGE, SAME_IMAGE, difference, installed_versions, versions_of
from wholebody.cluster.worker import ModelPlugin, WorkerReport, report
from wholebody.errors import ClusterError
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
FIRST_WORKER_S = 120.0
"""How long a cluster may have no worker at the start."""
ANSWER_S, LOOKS = 30.0, 3
"""How long the scheduler may be silent, and how often in a row it may not answer, before it counts as gone."""
PAUSED_S = 60.0
"""After so long a paused worker counts as stuck: Dask pauses those that have too little memory."""
SAME_MODEL = "give all workers the same weights and settings"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Presence:
    """The workers at one moment.

    Attributes:
        usable: Address -> how many chunks it does at a time; those that may be given more.
        present: All that the scheduler knows.
        stuck: Those that are paused and do not go on.
    """

    usable: dict[str, int]
    present: frozenset[str]
    stuck: frozenset[str]


class Roster:
    """Looks again and again who is there, in a thread of its own, and says in a line who came, went or is not used.

    Args:
        cluster: The cluster.
        plugin: Loads the model in its workers.
        has_token: Whether this client can ask Label Studio for images.
        stop: Ends the waits at the start.

    Attributes:
        model_version: Of all usable workers.
    """

    def __init__(self, cluster: Cluster, plugin: ModelPlugin, stop: Stop, *, has_token: bool) -> None:
        self.model_version = ""
        self._client = cluster.client
        self._name = cluster.name
        self._stop = stop
        self._has_token = has_token
        self._reports: dict[str, WorkerReport] = {}
        self._refused: set[str] = set()
        self._asked: dict[str, Future[WorkerReport | Exception]] = {}
        self._paused_since: dict[str, float] = {}
        self._presence = Presence({}, frozenset(), frozenset())
        self._scheduler = ""
        self._lost = threading.Event()
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(8, "roster")
        self._check_start(plugin)
        self._watcher = threading.Thread(target=self._watch, name="roster", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        self._watcher.join(timeout=LOOK_EVERY_S)
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def count(self) -> int:
        """How many workers can be given tasks."""
        return len(self._presence.usable)

    def now(self) -> Presence:
        """Who was there at the last look.

        Raises:
            ClusterError: The scheduler is gone.
        """
        if self._lost.is_set() or self._client.status not in ("running", "connecting"):
            raise ClusterError(
                f"the Dask scheduler ({self._name}) is gone or was started anew; when it has workers, run again to go "
                "on"
            )
        return self._presence

    def _check_start(self, plugin: ModelPlugin) -> None:
        """Compare everything before anything runs.

        Raises:
            ClusterError: There is no worker, or they are not the same.
            StoppedError: The user asked to stop.
        """
        self._wait_for_a_worker()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)
            found = self._patiently(lambda: self._client.get_versions(packages=[PACKAGE]))
        for address, versions in found["workers"].items():
            if other := difference(versions_of(versions["packages"]), installed_versions()):
                raise ClusterError(f"worker {address} has {other}; {SAME_IMAGE}")
        if exposed := [address for address in found["workers"] if is_open_to_others(address)]:
            raise ClusterError(f"worker {exposed[0]}: {PLAIN}")
        self._patiently(lambda: self._client.register_plugin(plugin))
        addresses = list(self._running())
        reports = self._patiently(lambda: self._client.run(report, workers=addresses, on_error="return"))
        self._agree({address: one for address, one in reports.items() if isinstance(one, WorkerReport)})
        self._look()

    def _wait_for_a_worker(self) -> None:
        given_up = time.monotonic() + FIRST_WORKER_S
        says = True
        while not self._running():
            if says:
                log.info("%s: no worker yet; waiting for one", self._name)
                says = False
            if time.monotonic() > given_up:
                raise ClusterError(
                    f"{self._name}: no worker within {FIRST_WORKER_S:g} s; start some with `dask worker {self._name}`, "
                    "from the same image as this"
                )
            self._stop.pause(LOOK_EVERY_S)

    def _agree(self, reports: dict[str, WorkerReport]) -> None:
        """Take those that can predict, if all have the same model."""
        able = {address: one for address, one in reports.items() if not one.trouble}
        for address in reports.keys() - able.keys():
            self._refuse(address, reports[address], reports[address].trouble)
        if not able:
            reasons = Counter(one.trouble for one in reports.values())
            raise ClusterError(
                f"{self._name}: no worker can predict: {reasons.most_common(1)[0][0] if reasons else 'all are gone'}"
            )
        versions = Counter(one.model_version for one in able.values())
        self.model_version, agreeing = versions.most_common(1)[0]
        for address, one in able.items():
            if one.model_version != self.model_version:
                raise ClusterError(
                    f"worker {address} on {one.host} has the model {one.model_version}, {agreeing} of {len(able)} have "
                    f"{self.model_version}; {SAME_MODEL}"
                )
            self._take(address, one)

    def _watch(self) -> None:
        failed = 0
        while not self._closed.wait(LOOK_EVERY_S):
            try:
                self._look()
                failed = 0
            except Exception as error:
                failed += 1
                log.debug("the scheduler does not answer: %s", error)
                if self._client.status != "running" or failed >= LOOKS:
                    self._lost.set()
                    return

    def _look(self) -> None:
        """Ask the scheduler who is there, and the new ones what they are."""
        identity = self._client.sync(self._client.scheduler.identity, n_workers=0, callback_timeout=ANSWER_S)["id"]
        self._scheduler = self._scheduler or identity
        if identity != self._scheduler:  # a new one at the same address knows neither the plugin nor any call
            self._lost.set()
        present = frozenset(self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER_S))
        running = self._running()
        for address in present - self._reports.keys() - self._refused - self._asked.keys():
            self._asked[address] = self._threads.submit(self._ask, address)
        for address in [one for one, asked in self._asked.items() if asked.done()]:
            self._judge(address, self._asked.pop(address).result())
        for address in self._reports.keys() - present:
            log.info("worker %s on %s is gone", address, self._reports.pop(address).host)
        self._refused &= present
        now = time.monotonic()
        paused = present - running.keys()
        self._paused_since = {one: self._paused_since.get(one, now) for one in paused}
        self._presence = Presence(
            usable={one: told.chunks for one, told in self._reports.items() if one in running},
            present=present,
            stuck=frozenset(one for one, since in self._paused_since.items() if now - since > PAUSED_S),
        )

    def _running(self) -> dict[str, int]:
        found: dict[str, int] = self._client.sync(self._client.scheduler.ncores_running, callback_timeout=ANSWER_S)
        return found

    def _ask(self, address: str) -> WorkerReport | Exception:
        answers = self._client.run(report, workers=[address], on_error="return")
        answer: WorkerReport | Exception = answers.get(address, ClusterError("it is gone"))
        return answer

    def _judge(self, address: str, answer: WorkerReport | Exception) -> None:
        """Take a worker that joined, or say why not."""
        if not isinstance(answer, WorkerReport):
            log.warning("worker %s is not used: %s", address, " ".join(str(answer).split())[:200])
            self._refused.add(address)
            return
        if is_open_to_others(address):
            self._refuse(address, answer, PLAIN)
        elif other := difference(answer.versions, installed_versions()):
            self._refuse(address, answer, f"it has {other}; {SAME_IMAGE}")
        elif answer.trouble:
            self._refuse(address, answer, answer.trouble)
        elif answer.model_version != self.model_version:
            theirs = f"it has the model {answer.model_version}, the others have {self.model_version}"
            self._refuse(address, answer, f"{theirs}; {SAME_MODEL}")
        else:
            self._take(address, answer)
            log.info("worker %s on %s has joined", address, answer.host)

    def _take(self, address: str, one: WorkerReport) -> None:
        self._reports[address] = one
        if self._has_token and not one.has_token:
            log.warning(
                "worker %s on %s has no LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN: it cannot fetch images that Label "
                "Studio serves; set them in its environment",
                address,
                one.host,
            )

    def _refuse(self, address: str, one: WorkerReport, reason: str) -> None:
        self._refused.add(address)
        log.warning("worker %s on %s is not used: %s", address, one.host, reason)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Let something take long, as long as nobody asks to stop."""
        running = self._threads.submit(call)
        while not running.done():
            self._stop.pause(0.1)
        try:
            return running.result()
        except Exception as error:
            raise ClusterError(f"{self._name}: {type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
