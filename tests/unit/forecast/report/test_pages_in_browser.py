"""The report in a real browser: drawn, silent, self-contained, safe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from forecast.__main__ import run as command_line
from forecast.config.trading import TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.report import write_controls, write_index, write_report
from forecast.report.document import LIBRARY
from forecast.runs.labels import add_tags, write_note
from tests.helpers.panel_runs import panel_bars, panel_run
from tests.helpers.report_browser import CHROMIUM, Page, browser
from tests.helpers.report_fixtures import build_run
from tests.helpers.study_results import power_study
from tests.helpers.trading_fixtures import tradable_run

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


def open_folds(page: Page) -> None:
    """Opens every fold-out, whose charts are drawn then."""
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.wait(
        "[...document.querySelectorAll('[data-chart]')].every(each => each.closest('[hidden]') "
        "|| each.querySelector('svg.main-svg'))"
    )


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
    open_folds(page)
    assert empty_charts(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    assert page.errors() == []
    assert page.requests() == []


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portfolio")
    for seed, symbol in enumerate(("AAPL", "MSFT")):
        name = f"{symbol}-1d-000000000{seed}"
        tradable_run(folder / "data" / "runs", name=name, symbol=symbol, rng_seed=seed, bars=500)
    places = ["--data-dir", str(folder / "data"), "--reports-dir", str(folder / "reports"), "--quiet"]
    assert command_line([*places, "backtest", "AAPL", "MSFT", "--portfolio", "equal"]) == 0
    return next((folder / "reports").glob("portfolio-*.html"))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_portfolio_is_drawn_without_errors_or_requests(page: Page, portfolio: Path, width: int, scheme: str) -> None:
    page.events.clear()
    page.open(portfolio, width=width, scheme=scheme)
    assert chart_count(page) > 0
    open_folds(page)
    assert "No look-ahead bias detected in 2 runs" in page.evaluate("document.body.innerText")
    assert empty_charts(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.errors() == []
    assert page.requests() == []


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The page of a panel's backtest, and its symbols by what they contributed, the most first."""
    folder = tmp_path_factory.mktemp("panel")
    prices = {symbol: panel_bars(symbol, bars=400) for symbol in ("AAA", "BBB", "CCC")}
    run, _ = panel_run(folder / "runs", folder, prices=prices, edge={"lstm": 0.05, "logistic": 0.0})
    backtest = evaluate(run, rules=TradingConfig(policy="long-flat"))
    most = sorted(backtest.metrics["panel"]["by_symbol"], key=lambda row: -row["contribution"]["lstm"])
    return write_report(run, backtest=backtest.name, folder=folder), [row["symbol"] for row in most]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_panel_is_drawn_without_errors_or_requests(
    page: Page, panel: tuple[Path, list[str]], width: int, scheme: str
) -> None:
    page.events.clear()
    page.open(panel[0], width=width, scheme=scheme)
    open_folds(page)
    assert empty_charts(page) == []
    names = "[...document.querySelectorAll('[data-sorted] tbody th')].map(each => each.textContent)"
    page.evaluate("document.querySelector('[data-sorted] [data-column=\"0\"]').click()")
    assert page.evaluate(names) == ["AAA", "BBB", "CCC"]
    page.evaluate("document.querySelector('[data-sorted] [data-column=\"4\"]').click()")  # the contribution
    assert page.evaluate(names) == panel[1]
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


@pytest.mark.parametrize("width", [390, 1400])
def test_a_comparison_of_runs_fits_every_screen(page: Page, tmp_path: Path, width: int) -> None:
    for seed, symbol in enumerate(("AAPL", "MSFT")):
        name = f"{symbol}-1d-000000000{seed}"
        build_run(tmp_path / "data" / "runs", name=name, symbol=symbol, rng_seed=seed, bars=300, folds=2)
    places = ["--data-dir", str(tmp_path / "data"), "--reports-dir", str(tmp_path / "reports"), "--quiet"]
    assert command_line([*places, "runs", "compare", "AAPL", "MSFT"]) == 0
    page.events.clear()
    page.open(next((tmp_path / "reports").glob("compare-*.html")), width=width, scheme="light")
    boxes = "[...document.querySelectorAll('.scroll')]"
    assert page.evaluate(f"{boxes}.length") == 2
    assert page.evaluate(f"{boxes}.every(box => box.scrollWidth <= box.clientWidth)")  # no column is out of sight
    smallest = (
        "Math.min(...[...document.querySelectorAll('svg.growth text')].map(t => t.getBoundingClientRect().height))"
    )
    assert page.evaluate(smallest) >= 9  # pixels
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
    open_folds(page)
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
    span = "(([a, b]) => b - a)(document.querySelector('[data-chart=prices]').layout.xaxis.range)"
    page.evaluate("document.querySelector('[data-bars=\"63\"]').click()")
    assert page.evaluate(span) == 63
    end = "document.querySelector('[data-chart=prices]').layout.xaxis.range[1]"
    last = page.evaluate(end)
    page.evaluate("document.querySelector('[data-shift=\"-1\"]').click()")
    assert page.evaluate(end) < last
    assert page.evaluate(span) == 63
    assert page.evaluate("document.querySelector('[data-bars=\"63\"]').getAttribute('aria-pressed')") == "true"
    page.evaluate("document.querySelector('[data-bars=\"0\"]').click()")
    assert page.evaluate(span) > 63


def test_the_price_axis_fits_what_is_in_sight(page: Page, report: Path) -> None:
    page.open(report, width=1280, scheme="light")
    page.evaluate("document.querySelector('[data-bars=\"63\"]').click()")
    low, high, seen = page.evaluate(
        "(() => { const chart = document.querySelector('[data-chart=prices]'); "
        "const bars = drawing.figures.prices.data[0]; "
        "const seen = [Math.min(...bars.low.slice(-63)), Math.max(...bars.high.slice(-63))]; "
        "return [...chart.layout.yaxis.range, seen]; })()"
    )
    assert low < seen[0] < seen[1] < high
    assert high - low < 1.2 * (seen[1] - seen[0])


def test_candles_stand_side_by_side_and_few_of_them_are_drawn_as_candles(page: Page, tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=400, interval="tick:500", seeds=1, folds=1)
    page.events.clear()
    page.open(write_report(run, backtest="default", folder=tmp_path), width=1280, scheme="light")
    axis = "document.querySelector('[data-chart=prices]').layout.xaxis"
    assert page.evaluate(f"{axis}.type") == "category"
    page.evaluate("document.querySelector('[data-bars=\"63\"]').click()")
    assert page.evaluate("document.querySelectorAll('[data-chart=prices] .bars .point').length") > 63
    assert page.evaluate(f"{axis}.ticktext.every(each => /^[0-9]{{2}}:[0-9]{{2}}|[A-Z][a-z]{{2}}/.test(each))")
    assert page.errors() == []


@pytest.mark.parametrize("width", [390, 600, 800, 1030, 1280, 1400])
def test_tables_keep_their_last_column_and_split_no_name_over_three_lines(page: Page, report: Path, width: int) -> None:
    page.open(report, width=width, scheme="light")
    open_folds(page)
    boxes = "[...document.querySelectorAll('.scroll')].filter(box => box.clientWidth)"
    assert (
        page.evaluate(f"{boxes}.filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.ariaLabel)") == []
    )
    lines = (
        "(cell) => { const range = document.createRange(); range.selectNodeContents(cell.firstChild.nodeType === 3 ? "
    )
    lines += (
        "cell.firstChild : cell); return new Set([...range.getClientRects()].map(each => Math.round(each.top))).size; }"
    )
    assert page.evaluate(f"[...document.querySelectorAll('tbody th')].filter(each => ({lines})(each) > 2).length") == 0


def test_trades_are_sorted_by_a_click_and_saved_as_csv(page: Page, report: Path) -> None:
    page.open(report, width=1280, scheme="light")
    column = "[...document.querySelectorAll('[data-trades=\"0\"] tbody tr')].map(row => row.cells[{}].textContent)"
    entries = page.evaluate(column.format(0))
    assert entries == sorted(entries, reverse=True)
    page.evaluate('document.querySelector(\'[data-trades="0"] [data-sort="3"]\').click()')
    bars = [int(text) for text in page.evaluate(column.format(3))]
    assert bars == sorted(bars, reverse=True)
    page.evaluate('document.querySelector(\'[data-trades="0"] [data-sort="3"]\').click()')
    assert [int(text) for text in page.evaluate(column.format(3))] == sorted(
        int(text) for text in page.evaluate("JSON.parse(document.getElementById('trade-lists').textContent)[0].bars")
    )[: len(bars)]
    page.evaluate(
        "URL.createObjectURL = (blob) => { window.saved = blob.text(); return 'data:,'; }; "
        "document.querySelector('[data-csv=\"0\"]').click()"
    )
    lines = page.evaluate("window.saved").splitlines()
    assert lines[0] == "entry,exit,side,bars,net_return,cost"
    assert len(lines) - 1 == page.evaluate("JSON.parse(document.getElementById('trade-lists').textContent)[0].total")


def test_charts_are_drawn_anew_for_paper(page: Page, report: Path) -> None:
    page.open(report, width=1400, scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait("document.querySelector('[data-chart=growth] svg.main-svg').clientWidth <= 700")
    ink = "getComputedStyle(document.body).color"
    assert page.evaluate(ink) == "rgb(26, 29, 33)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait("document.querySelector('[data-chart=growth] svg.main-svg').clientWidth > 700")
    assert page.evaluate(ink) != "rgb(26, 29, 33)"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs of three symbols, one of them with other folds and a note, one without a backtest."""
    folder = tmp_path_factory.mktemp("index")
    small = {"bars": 400, "seeds": 1}
    runs = [
        build_run(folder / "runs", name=f"{symbol}-1d-000000000{at}", symbol=symbol, rng_seed=at, folds=folds, **small)
        for at, (symbol, folds) in enumerate((("AAPL", 1), ("IBM", 1), ("MSFT", 2)))
    ]
    runs.append(build_run(folder / "runs", name="bare", symbol="IBM", backtest=None, folds=1, **small))
    write_note(runs[1], "look at <b>this</b>")
    add_tags(runs[1], ["good"])
    write_report(runs[0], backtest="default", folder=folder)
    return write_index(runs, folder=folder)


def visible_names(page: Page) -> list[str]:
    names = "[...document.querySelectorAll('#runs tbody tr:not([hidden]) th')].map(each => each.firstChild.textContent)"
    return list(page.evaluate(names))


def test_runs_are_sorted_by_a_click(page: Page, index: Path) -> None:
    page.events.clear()
    page.open(index, width=1400, scheme="light")
    page.evaluate("document.querySelectorAll('#runs thead button')[4].click()")
    ratios = page.evaluate("[...document.querySelectorAll('#runs tbody tr')].map(row => row.cells[4].dataset.value)")
    assert ratios[-1] == ""  # what has no number stands last, either way
    assert [float(ratio) for ratio in ratios[:-1]] == sorted(map(float, ratios[:-1]), reverse=True)
    page.evaluate("document.querySelectorAll('#runs thead button')[4].click()")
    again = page.evaluate("[...document.querySelectorAll('#runs tbody tr')].map(row => row.cells[4].dataset.value)")
    assert again == [*reversed(ratios[:-1]), ""]
    page.evaluate("document.querySelectorAll('#runs thead button')[0].click()")
    assert visible_names(page) == sorted(visible_names(page), key=str.lower)
    assert page.errors() == []
    assert page.requests() == []


def test_runs_are_found_by_words_settings_and_notes(page: Page, index: Path) -> None:
    page.open(index, width=1400, scheme="light")
    ask = (
        "((text) => {{ const words = document.getElementById('words'); words.value = text; "
        "words.dispatchEvent(new Event('input')); }})({!r})"
    )
    for text, names in (
        ("ibm", ["IBM-1d-0000000001", "bare"]),
        ("folds 2", ["MSFT-1d-0000000002"]),
        ("#good", ["IBM-1d-0000000001"]),
        ("nothing like it", []),
    ):
        page.evaluate(ask.format(text))
        assert visible_names(page) == names
    page.evaluate(ask.format(""))
    page.evaluate(
        "(() => { const choice = document.querySelector('[data-filter=symbol]'); choice.value = 'AAPL'; "
        "choice.dispatchEvent(new Event('change')); })()"
    )
    assert visible_names(page) == ["AAPL-1d-0000000000"]
    assert page.evaluate("document.getElementById('count').textContent") == "1 of 4 runs"


@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_index_fits_every_screen_and_shows_growth(page: Page, index: Path, width: int) -> None:
    page.open(index, width=width, scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelectorAll('.spark').length") == 3
    assert page.evaluate("document.querySelectorAll('#runs a').length") == 1
    assert page.evaluate("document.querySelectorAll('#runs b').length") == 0


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
