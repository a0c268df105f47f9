"""Row (b) in PyTorch: nn.LSTM or nn.RNN, windows gathered by index on tensors, Adam, clipped; needs torch and numpy."""

import json
import os
import sys
import time

import numpy as np
import torch


def speed(cell: str, steps: int, features: int, units: int, batch: int, bars: int) -> float:
    """Training windows a second on one thread, the fastest of five epochs after a first one."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.normal(size=(bars, features)).astype(np.float32))
    ends = torch.arange(steps - 1, bars - 2)
    targets = torch.from_numpy((rng.normal(size=len(ends)) > 0).astype(np.float32))
    rows = len(ends) // batch * batch
    network = {"lstm": torch.nn.LSTM, "simple_rnn": torch.nn.RNN}[cell](features, units, batch_first=True)
    head = torch.nn.Linear(units, 1)
    parameters = [*network.parameters(), *head.parameters()]
    optimizer, loss_of = torch.optim.Adam(parameters), torch.nn.BCEWithLogitsLoss()
    offsets, speeds = torch.arange(1 - steps, 1), []
    for _ in range(6):
        began = time.process_time()
        for chosen in torch.randperm(rows).view(-1, batch):
            optimizer.zero_grad()
            hidden, _ = network(values[ends[chosen][:, None] + offsets])
            loss_of(head(hidden[:, -1])[:, 0], targets[chosen]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        speeds.append(rows / (time.process_time() - began))
    return max(speeds[1:])


if __name__ == "__main__":
    print(json.dumps(speed(sys.argv[1], *map(int, sys.argv[2:]))))
