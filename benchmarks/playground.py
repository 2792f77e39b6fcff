"""The playground in a browser: its steps a second beside PyTorch's, exact evidence, and the page while it trains."""

import base64
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from playwright.sync_api import Page
from torch import Generator

from benchmarks.browsing import DESKTOP, chromium
from benchmarks.measurements import Measurement, by_turns, ratios
from vae_lessons import VAE, Bernoulli
from vae_lessons.figures import Playground
from vae_lessons.figures.engine import ENGINE, SIMD
from vae_lessons.figures.playground.figure import FOLDER
from vae_lessons.figures.runtime.images import from_bytes
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.inference import elbo

BATCH, WIDTH, LATENT, RATE = 64, 64, 2, 0.003
A_ROUND = 1.0  # s
OPENED, END = 5.0, 60.0  # s after the page was opened
MEASURED_POINTS = 200
# Keep an engine of each kind in the page: digits, 64-64-2, and two moons.
PREPARE = """async ([module, simd, digits]) => {
    const engine = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const { parseAddress, engineSettings, planeData, imageData, Session } = engine;
    const session = (kernels, address, data) => {
        const { settings } = parseAddress(address);
        const { latent, layers, width, activation, likelihood } = settings;
        const shape = { dim: data.dim, latent, hidden: new Array(layers).fill(width), activation, likelihood,
            limited: data.shape !== null };
        return new Session(kernels, { ...data, shape, seed: 1, settings: engineSettings(settings) });
    };
    const ofDigits = "data=digits&likelihood=bernoulli&activation=relu&layers=1&width=64";
    window.sessions = {
        simd: session(engine.simdKernels(simd), ofDigits, imageData(digits)),
        plain: session(engine.plainKernels(), ofDigits, imageData(digits)),
        moons: session(engine.simdKernels(simd), "", planeData("moons", 0.15)),
    };
    window.sessions.moons.advance(1000);
}"""
STEPS = """([name, seconds]) => {
    const start = performance.now();
    let steps = 0;
    for (; performance.now() - start < 1000 * seconds; steps += 10) window.sessions[name].advance(10);
    return steps / (performance.now() - start) * 1000;
}"""
EVIDENCE = """([name, seconds]) => {
    const start = performance.now();
    let times = 0;
    for (; performance.now() - start < 1000 * seconds; times++) window.sessions[name].onTest.evidence();
    return times / (performance.now() - start) * 1000;
}"""
WATCH = """() => new Promise(done => {
    const frames = [], tasks = [];
    new PerformanceObserver(list => tasks.push(...list.getEntries().map(entry => entry.duration)))
        .observe({ entryTypes: ["longtask"] });
    const tick = now => {
        frames.push(now);
        if (now - frames[0] < 5000) requestAnimationFrame(tick);
        else done([frames, tasks]);
    };
    requestAnimationFrame(tick);
})"""


def rates(site: Path) -> Iterator[Measurement]:
    """Measure steps a second by turns, exact evidence, and the page of the built site while it trains."""
    with chromium() as browser:
        page = browser.new_page(viewport=DESKTOP)
        yield from engine(page)
        yield from opened(browser.new_page(viewport=DESKTOP), site / "book/playground.html")


def engine(page: Page) -> Iterator[Measurement]:
    """Measure the engine alone."""
    figure = Playground()
    files = [
        ENGINE / "session.js",
        ENGINE / "kernels.js",
        *(FOLDER / f"{n}.js" for n in ("run", "datasets", "address")),
    ]
    page.evaluate(PREPARE, [join_modules(*files), base64.b64encode(SIMD.read_bytes()).decode(), figure._data["digits"]])
    digits = from_bytes(figure._data["digits"]["pixels"], (1400, 8, 8))
    found = by_turns(
        {
            "simd": lambda: page.evaluate(STEPS, ["simd", A_ROUND]),
            "plain": lambda: page.evaluate(STEPS, ["plain", A_ROUND]),
            "torch": eager_loop(digits[:1200]),
            "evidence": lambda: page.evaluate(EVIDENCE, ["moons", A_ROUND]),
            "evidence of digits": lambda: page.evaluate(EVIDENCE, ["simd", A_ROUND]),
        }
    )
    name = "digits, 64-64-2, batch 64"
    yield Measurement.of(f"{name}: WebAssembly with SIMD", found["simd"], "steps/s", goal=2000)
    yield Measurement.of(f"{name}: plain JavaScript", found["plain"], "steps/s", goal=150)
    yield Measurement.of(f"{name}: PyTorch's eager loop, one thread, fused Adam", found["torch"], "steps/s")
    yield Measurement.of("WebAssembly against PyTorch's loop", ratios(found["simd"], found["torch"]), goal=1)
    yield Measurement.of(
        f"exact log p(x) of {MEASURED_POINTS} points in the plane", found["evidence"], "a second", goal=10
    )
    yield Measurement.of(f"exact log p(x) of {MEASURED_POINTS} digits", found["evidence of digits"], "a second")


def eager_loop(images: torch.Tensor) -> Callable[[], float]:
    """Return a function that trains the same model in PyTorch for a round, and gives its steps a second."""
    model = VAE((8, 8), LATENT, (WIDTH,), likelihood=Bernoulli(), generator=Generator().manual_seed(0))
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)

    def train() -> float:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < A_ROUND:
            for batch in torch.randperm(len(images)).split(BATCH):
                loss = -elbo(model, images[batch]).value.mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                steps += 1
        rate = steps / (time.perf_counter() - start)
        torch.set_num_threads(threads)
        return rate

    return train


def opened(page: Page, path: Path) -> Iterator[Measurement]:
    """Measure the page from its opening: frames and tasks while it trains, and how near its end the fit is."""
    page.goto(path.as_uri())
    start = time.perf_counter()
    page.locator(".playground").scroll_into_view_if_needed()
    page.wait_for_timeout(1000 * (OPENED - (time.perf_counter() - start)))
    early = printed_elbo(page)
    frames, tasks = page.evaluate(WATCH)
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(frames))
    less = {"higher_is_better": False}
    yield Measurement.of(
        "frames painted while it trains", [1000 * len(gaps) / (frames[-1] - frames[0])], "a second", goal=58
    )
    yield Measurement.of("95 of 100 frames come within", [gaps[int(0.95 * len(gaps))]], "ms", goal=34, **less)
    yield Measurement.of("tasks above 50 ms, in 100 frames", [100 * len(tasks) / len(frames)], "", goal=5, **less)
    page.wait_for_timeout(1000 * (END - (time.perf_counter() - start)))
    lost = printed_elbo(page) - early
    yield Measurement.of(
        "two moons, five seconds after opening: still to come", [max(lost, 0.001)], "nats", goal=0.1, **less
    )


def printed_elbo(page: Page) -> float:
    """Return the ELBO that the page shows."""
    return float(page.locator("[data-number=elbo]").inner_text().replace("\N{MINUS SIGN}", "-"))
