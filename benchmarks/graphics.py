"""Training on a GPU beside the tutorial's loop, where there is a GPU."""

from collections.abc import Iterator

import torch

from benchmarks.measurements import Measurement, by_turns, ratios
from benchmarks.training import new_vae
from benchmarks.tutorial import Tutorial
from vae_lessons import ImageData, fit
from vae_lessons.data import data_root

EPOCHS = 5


def rates(data: ImageData, device: str = "cuda") -> Iterator[Measurement]:
    """Measure epochs per second; yield nothing where there is no GPU."""
    if not torch.cuda.is_available():
        return
    tutorial = Tutorial(data_root(), device=device)

    def epochs_a_second(compiled: bool) -> float:
        vae = new_vae()
        if compiled:  # whole passes captured as CUDA graphs
            vae.loss = torch.compile(vae.loss, mode="reduce-overhead")
        history = fit(vae, data, epochs=EPOCHS, device=device)
        return history.rows_per_second / len(data.train)

    results = by_turns(
        {
            "the tutorial's loop": lambda: 1 / tutorial.epoch(),
            "`fit`": lambda: epochs_a_second(compiled=False),
            "`fit`, its loss compiled": lambda: epochs_a_second(compiled=True),
        }
    )
    for name, values in results.items():
        yield Measurement.of(name, values, "epochs/s")
        if name != "the tutorial's loop":
            yield Measurement.of(f"{name}, against the tutorial's loop", ratios(values, results["the tutorial's loop"]))
