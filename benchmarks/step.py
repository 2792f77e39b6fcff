"""What a training step spends its time on, as PyTorch's profiler sees it."""

from collections.abc import Iterator

from torch.profiler import ProfilerActivity, profile

from benchmarks.measurements import Measurement, by_turns
from benchmarks.training import PRECISIONS, first, train
from vae_lessons import ImageData

N_IMAGES = 60 * 512
PRODUCTS = "its matrix products"
KINDS = {  # the beginnings of what the profiler calls them
    PRODUCTS: ("aten::mm", "aten::addmm", "aten::mkldnn_linear"),
    "Adam": ("aten::_fused_adam", "Optimizer."),
    "picking the batch, and changes of layout and precision": (
        "aten::index_select",
        "aten::to_mkldnn",
        "aten::_to_dense",
        "aten::_to_copy",
        "aten::copy_",
    ),
}
REST = "the rest: loss, activations, noise, and the bookkeeping of derivatives"


def shares(data: ImageData) -> Iterator[Measurement]:
    """Of the time of a step, in %."""
    few = first(data, N_IMAGES)
    found = by_turns({precision: lambda of=precision: profiled(few, of) for precision in PRECISIONS})
    for precision in PRECISIONS:
        for kind in [*KINDS, REST]:
            shares = [share[kind] for share in found[precision]]
            yield Measurement.of(f"{precision}: {kind}", shares, "%", higher_is_better=kind == PRODUCTS)


def profiled(data: ImageData, precision: str) -> dict[str, float]:
    """Share of each kind of work in an epoch of `fit` as it chooses, in %."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        train(data, epochs=1, precision=precision)
    spent = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(spent.values())
    by_kind = {
        kind: 100 * sum(time for name, time in spent.items() if name.startswith(beginnings)) / total
        for kind, beginnings in KINDS.items()
    }
    return by_kind | {REST: 100 - sum(by_kind.values())}
