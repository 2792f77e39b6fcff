"""How a training step spends its time, by PyTorch's profiler."""

from collections.abc import Iterator

from torch.profiler import ProfilerActivity, profile

from benchmarks.measurements import Measurement, by_turns
from benchmarks.training import PRECISIONS, first, train
from vae_lessons import ImageData

N_IMAGES = 60 * 512
PRODUCTS = "its matrix products"
KINDS = {  # prefixes of the profiler's names
    PRODUCTS: ("aten::mm", "aten::addmm"),
    "Adam": ("aten::_fused_adam", "Optimizer."),
    "picking the batch, and changes of precision": (
        "aten::index_select",
        "aten::_to_copy",
        "aten::copy_",
    ),
}
REST = "the rest: loss, activations, noise, and the bookkeeping of derivatives"


def shares(data: ImageData) -> Iterator[Measurement]:
    """Measure the share of each kind of work in a step, in %."""
    few = first(data, N_IMAGES)
    results = by_turns({precision: lambda name=precision: profiled(few, name) for precision in PRECISIONS})
    for precision in PRECISIONS:
        for kind in [*KINDS, REST]:
            shares = [share[kind] for share in results[precision]]
            yield Measurement.of(f"{precision}: {kind}", shares, "%", higher_is_better=kind == PRODUCTS)


def profiled(data: ImageData, precision: str) -> dict[str, float]:
    """Profile an epoch of `fit` with its default settings; return the share of each kind of work, in %."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        train(data, epochs=1, precision=precision)
    spent = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(spent.values())
    by_kind = {
        kind: 100 * sum(time for name, time in spent.items() if name.startswith(prefixes)) / total
        for kind, prefixes in KINDS.items()
    }
    return by_kind | {REST: 100 - sum(by_kind.values())}
