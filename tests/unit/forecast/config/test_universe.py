import dataclasses

import pytest

from forecast.config.experiment import Experiment
from forecast.config.universe import periods_of, read_universe
from pipelines.errors import ConfigError, UnknownSymbolError


def written(folder, text, name="sp 500.csv"):
    path = folder / name
    path.write_text(text)
    return f"@{path}"


def test_a_watchlist_has_symbols_apart_by_lines_blanks_or_commas_and_comments(tmp_path):
    universe = read_universe([written(tmp_path, "aapl, msft  # two\n\nKO;IBM\n# none\n", "tech.txt")])
    assert universe.symbols == ("AAPL", "IBM", "KO", "MSFT")
    assert (universe.name, universe.membership) == ("TECH", ())


def test_a_universe_file_has_a_line_for_each_period_of_membership(tmp_path):
    text = "symbol,from,to\nAAPL,1999-11-01,2005-03-18\nAAPL,2010-01-04,\nKO,,\n"
    universe = read_universe([written(tmp_path, text)])
    assert universe.name == "SP-500"
    assert universe.symbols == ("AAPL", "KO")
    assert [str(day) for period in periods_of(universe.membership, "AAPL") for day in period] == [
        "1999-11-01", "2005-03-18", "2010-01-04", "None",
    ]  # fmt: skip
    experiment = Experiment(universe.name, panel=universe.symbols, membership=universe.membership)
    assert Experiment.from_options(experiment.to_json()) == experiment


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffSYMBOL,From,TO\r\naapl,1999-11-01,2005-03-18\r\nKO,,\r\n",
        "symbol;from;to\nAAPL;1999-11-01;2005-03-18\nKO;;\n",
        "symbol\tfrom\tto\nAAPL\t1999-11-01\t2005-03-18\nKO\t\t\n",
        '"symbol","from","to"\n"AAPL","1999-11-01","2005-03-18"\n"KO","",""\n',
        "# index members\n\nsymbol, from, to\nAAPL, 1999-11-01, 2005-03-18  # merged\n# none\nKO, , \n",
    ],
)
def test_a_universe_file_is_read_as_spreadsheets_and_people_write_it(tmp_path, text):
    universe = read_universe([written(tmp_path, text)])
    assert universe.membership == ("AAPL,1999-11-01,2005-03-18", "KO,,")


def test_a_list_under_the_heading_symbol_is_a_watchlist(tmp_path):
    universe = read_universe([written(tmp_path, "Symbol\nKO\nAAPL\n")])
    assert (universe.symbols, universe.membership) == (("AAPL", "KO"), ())


def test_the_experiment_of_one_symbol_is_the_one_that_is_checked_anew():
    experiment = Experiment("UNIVERSE", panel=("AAPL", "KO"), membership=("AAPL,,", "KO,2010-01-04,2012-01-03"))
    assert experiment.of_symbol("ko") == dataclasses.replace(experiment, symbol="KO")
    assert experiment.symbol == "UNIVERSE"
    with pytest.raises(UnknownSymbolError):
        experiment.of_symbol("../KO")


def test_a_list_of_symbols_is_titled_by_its_first_ones():
    assert read_universe(["KO", "AAPL"]).name == "AAPL_KO"
    assert read_universe(["KO", "AAPL", "MSFT", "IBM", "GE"]).name == "AAPL_GE_IBM_2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AAPL\nKO\nAAPL\n", "each symbol of a panel once, got AAPL twice"),
        ("", "Expected one symbol or more for a panel, got none"),
        ("symbol,from,to\n", "Expected one symbol or more"),
        ("symbol,from,to\nAAPL,2010-01-04\n", "Expected symbol,from,to in"),
        ("symbol,from\nAAPL,2010-01-04\n", "columns symbol,from,to, or one symbol a line, in .*, got symbol,from"),
        ("Symbol;Name;Sector\nAAPL;Apple;IT\n", "columns symbol,from,to, or one symbol a line, in .*Symbol;Name;Sec"),
        ("ticker,start,end\nAAPL,2010-01-04,\n", "a date, 2010-01-04.*Begin it with the line symbol,from,to"),
        (
            "symbol,from,to\nAAPL,2010-01-04,2011-02-30\n",
            "with dates like 2015-03-18, got 'AAPL,2010-01-04,2011-02-30'",
        ),
        ("symbol,from,to\nAAPL,2012-01-04,2011-02-03\n", "from a day to a later one, got 2012-01-04 to 2011-02-03"),
        ("symbol,from,to\nAAPL,2010-01-04,2012-01-04\nAAPL,2012-01-04,\n", "of AAPL that do not overlap"),
        ("symbol,from,to\nAAPL,2010-01-04,\nAAPL,2012-01-04,\n", "one to no end and one from 2012-01-04"),
        ("symbol,from,to\nA/B,,\n", "Expected a symbol of 1 to 32"),
    ],
)
def test_a_list_that_says_no_universe_is_one_line(tmp_path, text, message):
    with pytest.raises(ConfigError if "A/B" not in text else Exception, match=message):
        read_universe([written(tmp_path, text)])


def test_a_file_that_is_missing_or_a_symbol_without_days_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"Expected a list of symbols in .*none.txt, which is not there"):
        read_universe([f"@{tmp_path / 'none.txt'}"])
    with pytest.raises(ConfigError, match=r"Expected a list of symbols in .*, which is a folder"):
        read_universe([f"@{tmp_path}"])
    spreadsheet = tmp_path / "list.xls"
    spreadsheet.write_bytes("symbol".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"which is no text in UTF-8. Save it as CSV in UTF-8"):
        read_universe([f"@{spreadsheet}"])
    dated = written(tmp_path, "symbol,from,to\nAAPL,2010-01-04,\n")
    with pytest.raises(ConfigError, match="dates for all symbols or for none, got none for KO"):
        read_universe([dated, "KO"])
    with pytest.raises(ConfigError, match="Expected membership of a symbol of the panel, got GE"):
        Experiment("X", panel=("AAPL", "KO"), membership=("AAPL,,", "KO,,", "GE,,"))
