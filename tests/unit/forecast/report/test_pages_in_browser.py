"""The report in a real browser: drawn, silent, self-contained, safe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from forecast.__main__ import run as command_line
from forecast.report import write_controls, write_index, write_report
from forecast.report.document import LIBRARY
from tests.helpers.report_browser import CHROMIUM, Page, browser
from tests.helpers.report_fixtures import build_run
from tests.helpers.study_results import power_study

pytest.importorskip("websockets")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")

EVIL = '<img src=x onerror="window.evil=1"></script><script>window.evil=2</script>'


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_report(build_run(folder / "runs", bars=500), backtest="default", folder=folder)


def chart_count(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('[data-chart] svg.main-svg').length"))


def empty_charts(page: Page) -> list[str]:
    return list(
        page.evaluate(
            "[...document.querySelectorAll('[data-chart]')].filter(each => !each.querySelector('svg.main-svg .trace, "
            "svg.main-svg .point')).map(each => each.dataset.chart)"
        )
    )


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_chart_is_drawn_without_errors_or_requests(page: Page, report: Path, width: int, scheme: str) -> None:
    page.events.clear()
    page.open(report, width=width, scheme=scheme)
    assert empty_charts(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    assert page.errors() == []
    assert page.requests() == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_portfolio_is_drawn_without_errors_or_requests(page: Page, tmp_path: Path, width: int, scheme: str) -> None:
    for seed, symbol in enumerate(("AAPL", "MSFT")):
        name = f"{symbol}-1d-000000000{seed}"
        build_run(tmp_path / "data" / "runs", name=name, symbol=symbol, rng_seed=seed, bars=500, backtest=None)
    places = ["--data-dir", str(tmp_path / "data"), "--reports-dir", str(tmp_path / "reports"), "--quiet"]
    assert command_line([*places, "backtest", "AAPL", "MSFT", "--portfolio", "equal"]) == 0
    page.events.clear()
    page.open(next((tmp_path / "reports").glob("portfolio-*.html")), width=width, scheme=scheme)
    assert chart_count(page) > 0
    assert empty_charts(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.errors() == []
    assert page.requests() == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_power_curve_is_drawn_without_errors_or_requests(
    page: Page, tmp_path: Path, width: int, scheme: str
) -> None:
    page.events.clear()
    page.open(write_controls(power_study(tmp_path / "abc"), folder=tmp_path), width=width, scheme=scheme)
    assert chart_count(page) > 0
    assert (
        page.evaluate("document.querySelectorAll('[data-chart] .scatterlayer .trace').length") == 2
    )  # of skill; money waits in the legend
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.errors() == []
    assert page.requests() == []


def test_a_page_without_the_library_says_so_and_keeps_its_tables(page: Page, report: Path, tmp_path: Path) -> None:
    moved = tmp_path / report.name
    moved.write_bytes(report.read_bytes())
    page.open(moved, width=1280, scheme="light")
    message = page.evaluate("document.getElementById('missing').innerText")
    assert f"the file {LIBRARY} is not beside this page" in message
    assert page.evaluate("document.querySelectorAll('tbody tr').length") > 0
    page.events.clear()


def test_a_standalone_page_draws_wherever_it_is(page: Page, tmp_path: Path) -> None:
    run = build_run(tmp_path / "data" / "runs", bars=400, seeds=1, folds=1)
    written = write_report(run, backtest="default", folder=tmp_path / "reports", standalone=True)
    moved = written.rename(tmp_path / "moved.html")
    page.events.clear()
    page.open(moved, width=1280, scheme="light")
    assert empty_charts(page) == []
    assert page.evaluate("document.getElementById('missing').hidden")
    assert page.errors() == []


def test_charts_follow_a_change_from_light_to_dark(page: Page, report: Path) -> None:
    page.open(report, width=1280, scheme="light")
    line = "document.querySelector('[data-chart=growth] .scatterlayer .trace:last-child .js-line')"
    stroke = f"getComputedStyle({line}).stroke"
    assert page.evaluate(stroke) == "rgb(0, 114, 178)"
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.wait(f"{stroke} === 'rgb(92, 184, 238)'")


def test_buttons_change_the_scale_and_the_time_in_sight(page: Page, report: Path) -> None:
    page.open(report, width=1280, scheme="light")
    page.evaluate("document.querySelector('[data-scale=log]').click()")
    assert page.evaluate("document.querySelector('[data-chart=growth]').layout.yaxis.type") == "log"
    span = "(([a, b]) => new Date(b) - new Date(a))(document.querySelector('[data-chart=prices]').layout.xaxis.range)"
    page.evaluate("document.querySelector('[data-bars=\"63\"]').click()")
    few = page.evaluate(span)
    page.evaluate("document.querySelector('[data-bars=\"0\"]').click()")
    assert few < page.evaluate(span)
    page.evaluate("document.querySelector('[data-bars=\"63\"]').click()")
    end = "document.querySelector('[data-chart=prices]').layout.xaxis.range[1]"
    last = page.evaluate(end)
    page.evaluate("document.querySelector('[data-shift=\"-1\"]').click()")
    assert page.evaluate(end) < last
    assert page.evaluate("document.querySelector('[data-bars=\"63\"]').getAttribute('aria-pressed')") == "true"


def test_the_price_axis_fits_what_is_in_sight(page: Page, report: Path) -> None:
    page.open(report, width=1280, scheme="light")
    page.evaluate("document.querySelector('[data-bars=\"63\"]').click()")
    low, high, seen = page.evaluate(
        "(() => { const chart = document.querySelector('[data-chart=prices]'); "
        "const y = chart.data[0].y.slice(-64); "
        "return [...chart.layout.yaxis.range, [Math.min(...y), Math.max(...y)]]; })()"
    )
    assert low < seen[0] < seen[1] < high
    assert high - low < 1.2 * (seen[1] - seen[0])


def test_names_with_markup_in_them_stay_text(page: Page, tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=400, symbol=EVIL, seeds=1, folds=2)
    page.events.clear()
    page.open(write_report(run, backtest="default", folder=tmp_path), width=1280, scheme="light")
    assert page.evaluate("window.evil") is None
    assert EVIL in page.evaluate("document.querySelector('h1').textContent")
    assert page.evaluate("document.images.length") == 0
    index = write_index([run], folder=tmp_path)
    page.call("Page.navigate", url=index.as_uri())
    page.wait("document.readyState === 'complete' && location.pathname.endsWith('index.html')")
    assert page.evaluate("[window.evil ?? null, document.images.length]") == [None, 0]
    assert page.errors() == []


def test_a_single_network_with_one_seed_is_drawn_too(page: Page, tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=400, networks=("lstm",), seeds=1, folds=1)
    page.events.clear()
    page.open(write_report(run, backtest="default", folder=tmp_path), width=1280, scheme="light")
    assert chart_count(page) > 0
    assert page.errors() == []
