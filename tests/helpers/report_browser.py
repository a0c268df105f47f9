"""A real browser for the tests: opens a page in headless Chromium and says what happened."""

import json
import shutil
import subprocess
import tempfile
import time
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
        while True:
            message = json.loads(self._connection.recv(timeout=600))
            if message.get("id") == self._last:
                return message["result"]
            self.events.append(message)

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
        self.call("Page.navigate", url=path.as_uri())
        self.wait(f"location.href === '{path.as_uri()}' && document.documentElement?.dataset.drawn === 'yes'")

    def wait(self, condition: str) -> None:
        deadline = time.monotonic() + 600  # of a busy machine
        while not self.evaluate(condition):
            assert time.monotonic() < deadline, f"never: {condition}; {self.errors()}"
            time.sleep(0.05)

    def errors(self) -> list[dict[str, Any]]:
        """Exceptions, console errors and warnings, blocked loads."""
        bad = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [event for event in self.events if event["method"] in bad]

    def requests(self) -> list[str]:
        """Every address asked for, but for the page itself and what is inside it."""
        sent = [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith(("file:", "data:", "blob:"))]


@contextmanager
def browser() -> Iterator[Page]:
    """A fresh browser with one empty tab."""
    from websockets.sync.client import connect

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = _address(process, Path(profile))
            with connect(address, max_size=2**27) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _address(process: "subprocess.Popen[bytes]", profile: Path) -> str:
    """Where the first tab listens; the browser writes its port into its profile."""
    deadline = time.monotonic() + 600
    while not (port_file := profile / "DevToolsActivePort").exists() or not port_file.read_text():
        assert process.poll() is None, "Chromium did not start"
        assert time.monotonic() < deadline, "Chromium did not start"
        time.sleep(0.05)
    port = port_file.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        tabs = json.load(answer)
    return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
