"""A real browser for the tests: opens a page in headless Chromium and says what happened."""

import json
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--remote-debugging-port=0",
]  # fmt: skip


class Page:
    """One tab, driven over the DevTools protocol."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._last = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while (message := self._receive()).get("id") != self._last:
            self.events.append(message)
        return message["result"]

    def _receive(self) -> dict[str, Any]:
        return json.loads(self._connection.recv(timeout=60))

    def evaluate(self, expression: str) -> Any:
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def open(self, path: Path, *, width: int, scheme: str) -> None:
        """Loads a file and waits until its charts are drawn."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        known = len(self.events)
        self.call("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[known:]):
            self.events.append(self._receive())
        self.wait("document.documentElement.dataset.drawn === 'yes'")

    def wait(self, condition: str) -> None:
        """Until the page, which looks again at each frame, finds it true."""
        looks = f"const look = () => ({condition}) ? done(true) : requestAnimationFrame(look); look();"
        assert self.evaluate(f"new Promise((done) => {{ {looks} }})"), self.errors()

    def errors(self) -> list[dict[str, Any]]:
        """Exceptions, console errors and warnings, blocked loads."""
        bad = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [event for event in self.events if event["method"] in bad]

    def requests(self) -> list[str]:
        """Every address asked for, but for the page itself and what is inside it."""
        sent = [
            each["params"]["request"]["url"] for each in self.events if each["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith(("file:", "data:", "blob:"))]


@contextmanager
def browser() -> Iterator[Page]:
    """A fresh browser with one empty tab."""
    from websockets.sync.client import connect

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            with connect(_address(process), max_size=2**27) as connection:
                yield Page(connection)
        finally:
            process.terminate()


def _address(process: "subprocess.Popen[str]") -> str:
    """Where the first tab listens; the browser says its port as soon as it does."""
    assert process.stderr is not None
    said = next((line for line in process.stderr if "DevTools listening on" in line), None)
    assert said is not None, "Chromium did not start"
    threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it never waits for a reader
    port = said.partition("127.0.0.1:")[2].partition("/")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        tabs = json.load(answer)
    return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
