"""The comparison of row (a) in darts and neuralforecast, and row (e) in vectorbt: each in an interpreter of its own.

They need NumPy and the peer alone. What they are given: the same series, refits at the same bars, three seeds, an LSTM
and a plain recurrent network of one layer, 32 units, 30 steps, batches of 128 and as many batches as 15 epochs have.
Both peers forecast the next value by least squares; a probability of a rise they do not have.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

UNITS, BATCH, SEEDS = 32, 128, 3


def darts(file: Path, epochs: int) -> int:
    """Each network trained anew at each fold and asked for the next value at each bar of the fold; how many members."""
    import logging

    from darts import TimeSeries
    from darts.models import BlockRNNModel

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    task = np.load(file)
    values, steps, members = task["values"].astype(np.float32), int(task["steps"]), 0
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "logger": False, "enable_model_summary": False}
    for trained, first, last in task["folds"].tolist():
        for seed in range(SEEDS):
            for cell in ("LSTM", "RNN"):
                network = BlockRNNModel(
                    input_chunk_length=steps, output_chunk_length=1, model=cell, hidden_dim=UNITS, n_rnn_layers=1,
                    dropout=0.0, batch_size=BATCH, n_epochs=epochs, random_state=seed, pl_trainer_kwargs=quiet,
                )  # fmt: skip
                network.fit(TimeSeries.from_values(values[:trained]), verbose=False)
                forecasts = network.historical_forecasts(
                    TimeSeries.from_values(values[: last + 1]), start=first, forecast_horizon=1, retrain=False,
                    verbose=False,
                )  # fmt: skip
                members += len(forecasts) > 0
    return members


def neuralforecast(file: Path, epochs: int) -> int:
    """All networks and seeds at once, `cross_validation` fold by fold; how many members.

    Its own `refit` asks the networks bar by bar, which takes minutes where a fold at a time takes seconds.
    """
    import logging

    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM, RNN

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    task = np.load(file)
    values, steps, members = task["values"][:, 0], int(task["steps"]), 0
    for trained, first, last in task["folds"].tolist():
        networks = [
            model(
                h=1, input_size=steps, encoder_hidden_size=UNITS, encoder_n_layers=1, decoder_hidden_size=UNITS,
                decoder_layers=1, max_steps=epochs * -(-(trained - steps) // BATCH), windows_batch_size=BATCH,
                scaler_type="identity", random_seed=seed, alias=f"{model.__name__}{seed}", accelerator="cpu",
                enable_progress_bar=False, logger=False, enable_model_summary=False, enable_checkpointing=False,
            )
            for model in (LSTM, RNN)
            for seed in range(SEEDS)
        ]  # fmt: skip
        frame = pd.DataFrame({"unique_id": "AAPL", "ds": np.arange(last + 1), "y": values[: last + 1]})
        library = NeuralForecast(models=networks, freq=1)
        forecasts = library.cross_validation(frame, n_windows=last - first + 1, step_size=1, verbose=0)
        members += len([name for name in forecasts.columns if name[-1:].isdigit()])
    return members


def vectorbt(file: Path) -> float:
    """Processor seconds of 1,000 bands and costs, all columns at once, after a first call that compiles."""
    import vectorbt

    task = np.load(file)
    opens, probability = task["opens"], task["probability"]
    bands = np.arange(1_000) / 2_500
    fees = (np.arange(1_000) % 10 + 2.0) / 10_000
    above, below = probability[:, None] > 0.5 + bands, probability[:, None] < 0.5 - bands

    def once() -> None:
        vectorbt.Portfolio.from_signals(
            np.repeat(opens[:-1, None], 1_000, axis=1), entries=above, short_entries=below, fees=fees
        ).value()

    once()
    began = time.process_time()
    once()
    return time.process_time() - began


def main(name: str, file: str, *numbers: str) -> Any:
    return {"darts": darts, "neuralforecast": neuralforecast, "vectorbt": vectorbt}[name](
        Path(file), *map(int, numbers)
    )


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
