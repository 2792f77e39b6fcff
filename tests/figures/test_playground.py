"""The playground in a browser, from a file, without a network: settings, links, looking back, troubles, scripts."""

import base64
import itertools
import json
import math
import re
from pathlib import Path

import pytest
import torch
from live_figures import swipe
from pages import VIEWPORTS
from test_engine import SETTINGS

from vae_lessons import Bernoulli, ImageData
from vae_lessons.figures import Playground
from vae_lessons.figures.engine import ENGINE, SIMD
from vae_lessons.figures.playground import figure as playground
from vae_lessons.figures.runtime.images import from_bytes
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.inference import log_evidence_quadrature
from vae_lessons.probability import RealGaussian

# Settings on which most of the others have an effect, few steps from the start.
SMALL = "width=8&layers=1&noise=0.1&step=30"
DIGITS = "data=digits&likelihood=bernoulli&activation=relu&width=16&layers=1&step=30"
OTHERS = {
    "data": "ring", "noise": "0.3", "latent": "1", "layers": "2", "width": "16", "activation": "relu", "sigma": "0.4",
    "learnSigma": "1", "objective": "iwae", "samples": "4", "beta": "4", "warmup": "200", "rate": "0.03", "batch": "16",
    "optimiser": "sgd", "pixelMean": "1", "klOverBatch": "1", "sigmaFromVariance": "1", "meanDecoded": "1",
    "oneNoise": "1",
}  # fmt: skip
OTHERS_OF_IMAGES = {"likelihood": "continuous", "sigmoidTwice": "1", "data": "ring"}
TRIED = {"objective": "&samples=4"}  # with one sample the bound is the ELBO's own


@pytest.fixture
def play(open_page):
    """Open a playground at an address; it does not start by itself. Returns the page and what went wrong."""

    def open_at(address="", width=1000, **options):
        page, troubles = open_page(Playground(address=address), width=width, reduced_motion="reduce", **options)
        rest(page, address)
        return page, troubles

    return open_at


def rest(page, address):
    """Wait until the run is paused at the step of its address."""
    page.wait_for_function(
        """step => document.querySelector(".playground").dataset.state === "paused" &&
            document.querySelector(".playground-steps").textContent === `step ${step}` &&
            document.querySelector("[data-number=elbo]").textContent !== "" &&
            location.hash.includes(`step=${step}`) === step > 0""",
        arg=int(re.search(r"step=(\d+)|$", address)[1] or 0),
    )
    page.wait_for_timeout(100)


def load(page, address):
    """Follow a link to another run."""
    page.evaluate(
        """address => new Promise(done => {
            addEventListener("hashchange", done, { once: true });
            location.hash = address;
        })""",
        address,
    )
    page.get_by_role("button", name="Pause").or_(page.locator("[data-state=paused]")).first.wait_for()
    if "step=" in address:
        rest(page, address)


def printed(page):
    return page.locator("[data-number]").all_inner_texts()


def pixels(page):
    return page.locator(".live-figure-panels").first.screenshot()


@pytest.mark.parametrize(("start", "others"), [(SMALL, OTHERS), (DIGITS, OTHERS_OF_IMAGES)], ids=["plane", "images"])
def test_each_setting_changes_numbers_and_pixels(play, start, others):
    page, troubles = play(start)
    for name, value in others.items():
        load(page, start + TRIED.get(name, ""))
        before = printed(page), pixels(page)
        load(page, re.sub(rf"\b{name}=[^&]*&?", "", start + TRIED.get(name, "")) + f"&{name}={value}")
        assert printed(page) != before[0], name
        assert pixels(page) != before[1], name
    assert not troubles


def test_each_input_sets_its_setting_by_key(play):
    start = "data=digits&width=8&layers=1&step=1"
    page, troubles = play(start)
    page.locator("summary", has_text="Usual mistakes").click()
    tried = set()
    for field in page.locator("[data-setting]").all():
        load(page, start)
        name = field.get_attribute("data-setting")
        if name == "data" or not field.is_visible():
            continue
        before = page.url
        field.focus()
        page.keyboard.press("Space" if field.get_attribute("type") == "checkbox" else "ArrowDown")
        if page.url == before:  # at its end
            page.keyboard.press("ArrowUp")
        assert re.search(rf"\b{name}[=.]", page.url) or re.search(rf"\b{name}=", before), name
        assert page.url != before, name
        tried.add(name)
    assert tried >= (set(OTHERS) | {"likelihood"}) - {"data", "noise"}
    assert not troubles


def test_it_trains_by_itself_and_stops_when_it_is_paused(open_page):
    page, troubles = open_page(Playground())
    step = page.locator(".playground-steps")
    page.wait_for_function(
        "parseInt(document.querySelector('.playground-steps').textContent.slice(5).replace(',', '')) > 300"
    )
    page.get_by_role("button", name="Pause").click()
    page.locator("[data-state=paused]").wait_for()
    paused, numbers = step.inner_text(), printed(page)
    page.wait_for_timeout(500)
    assert (step.inner_text(), printed(page)) == (paused, numbers)
    assert page.get_by_text("runs in WebAssembly").is_visible()
    assert not troubles


def test_with_reduced_motion_it_waits(play):
    page, _ = play()
    page.wait_for_timeout(500)
    assert page.locator(".playground-steps").inner_text() == "step 0"
    page.get_by_role("button", name="One step").click()
    rest(page, "step=1")


def test_a_link_brings_back_the_run_with_its_changes(play):
    page, troubles = play(SMALL)
    page.locator("[data-setting=beta]").focus()
    page.keyboard.press("ArrowRight")
    for step in range(31, 36):
        page.get_by_role("button", name="One step").click()
        rest(page, f"step={step}")
    address, numbers = page.url.partition("#")[2], printed(page)
    assert "changes=30.beta.2" in address
    assert "step=35" in address
    other, _ = play(address)
    assert printed(other) == numbers
    load(other, address.replace("30.beta.2", "30.beta.4"))
    assert printed(other) != numbers
    assert not troubles


def test_looking_back_shows_the_step_and_play_goes_on_from_it(play):
    page, _ = play(SMALL.replace("step=30", "step=0"))
    seen = {0: printed(page)}
    for step in range(1, 5):
        page.get_by_role("button", name="One step").click()
        rest(page, f"step={step}")
        seen[step] = printed(page)
    back = page.get_by_role("slider", name="look back")
    back.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.get_by_text("step 2", exact=True).wait_for()
    page.wait_for_timeout(200)
    assert printed(page) == seen[2]
    page.keyboard.press("End")
    page.get_by_text("step 4", exact=True).wait_for()
    page.wait_for_timeout(200)
    assert printed(page) == seen[4]
    page.keyboard.press("Home")
    page.get_by_text("step 0", exact=True).wait_for()
    page.locator("select").first.select_option("1 step a second")
    page.get_by_role("button", name="Play").click()
    page.get_by_text("step 2", exact=True).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(500)
    step = int(page.locator(".playground-steps").inner_text().removeprefix("step "))
    assert printed(page) == seen[step]


def test_hovering_over_the_curves_looks_back(play):
    page, _ = play(SMALL)
    page.get_by_role("button", name="One step").click()
    rest(page, "step=31")
    now = printed(page)
    box = page.locator(".playground-chart").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.get_by_text("step 0", exact=True).wait_for()
    page.mouse.move(0, 0)
    page.get_by_text("step 31", exact=True).wait_for()
    page.wait_for_timeout(200)
    assert printed(page) == now


def test_a_run_that_diverges_says_why_and_shows_no_nan(play):
    page, troubles = play("rate=3&optimiser=sgd&beta=16")
    page.get_by_role("button", name="Play").click()
    page.locator(".playground-message.trouble").wait_for()
    assert "lower learning rate than 3" in page.locator(".playground-message").inner_text()
    assert page.get_by_role("button", name="Play").is_visible()
    assert "NaN" not in page.locator(".playground").inner_text()
    rate = page.locator("[data-setting=rate]")
    rate.focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    before = page.locator(".playground-steps").inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("before => document.querySelector('.playground-steps').textContent !== before", arg=before)
    assert not page.locator(".playground-message").inner_text()
    assert not troubles


def test_a_change_at_an_earlier_step_begins_there(play):
    page, _ = play(SMALL.replace("step=30", "step=0"))
    for step in range(1, 4):
        page.get_by_role("button", name="One step").click()
        rest(page, f"step={step}")
    page.get_by_role("slider", name="look back").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("step 2", exact=True).wait_for()
    page.locator("[data-setting=beta]").focus()
    page.keyboard.press("ArrowRight")
    page.locator("[data-state=paused]").wait_for()
    page.get_by_role("button", name="One step").click()
    rest(page, "step=3")
    assert "changes=2.beta.2" in page.url
    other, _ = play(page.url.partition("#")[2])
    assert printed(other) == printed(page)


@pytest.mark.parametrize(
    "options", [{}, {"attributes": 'data-theme="dark"'}, {"forced_colors": "active"}], ids=["light", "dark", "contrast"]
)
def test_each_button_does_something_by_key_in_every_mode(play, options):
    page, troubles = play(SMALL, **options)
    seen = [pixels(page)]
    for name, step in (("One step", 31), ("Start again", 0), ("One step", 1), ("Next seed", 0), ("One step", 1)):
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        page.locator("[data-state=paused]").wait_for()
        page.get_by_text(f"step {step}", exact=True).wait_for()
        page.wait_for_timeout(200)
        seen.append(pixels(page))
    assert len(set(seen)) == len(seen)
    assert page.url.endswith("seed=2&step=1")
    page.get_by_role("button", name="Copy link").press("Enter")
    assert page.locator("textarea").input_value() == page.url
    assert not troubles


def test_it_stops_when_nothing_improves(play):
    page, _ = play("data=clusters&sigma=1&layers=0&rate=0.03&latent=1")
    page.get_by_role("button", name="Play").click()
    page.get_by_text("nothing has improved").wait_for(timeout=60_000)
    stopped = page.locator(".playground-steps").inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "stopped => document.querySelector('.playground-steps').textContent !== stopped", arg=stopped
    )
    page.wait_for_timeout(300)
    assert page.get_by_role("button", name="Pause").is_visible()


@pytest.mark.parametrize("missing", ["Worker", "WebAssembly"])
def test_it_trains_where_the_browser_has_less(open_page, missing, browser):
    page, _ = open_page(Playground(address=SMALL), begun=False)
    page.add_init_script(f"delete window.{missing}")
    if missing == "WebAssembly":  # that of the worker, too
        page.add_init_script("""const Real = Worker;
            window.Worker = class { constructor() { throw new Error("none"); } };""")
    page.reload()
    page.locator("figure").scroll_into_view_if_needed()
    kernels = "JavaScript" if missing == "WebAssembly" else "WebAssembly"
    page.get_by_text(f"runs in {kernels}").wait_for()
    page.wait_for_function("document.querySelector('.playground-steps').textContent === 'step 30'")


def test_points_are_drawn_by_finger_and_by_button(play):
    page, _ = play("width=8&layers=1", width=360, has_touch=True)
    page.locator("[data-setting=data]").select_option("drawn")
    page.get_by_text("Put points on the square").wait_for()
    box = page.locator(".playground-view[data-view=data] > svg").bounding_box()
    for share in (0.3, 0.5, 0.7):
        page.touchscreen.tap(box["x"] + share * box["width"], box["y"] + share * box["height"])
    rest(page, "")
    assert len(re.search(r"points=([\d,%C.-]+)", page.url)[1].replace("%2C", ",").split(",")) == 6
    page.get_by_role("button", name="Add points").click()
    page.wait_for_timeout(300)
    assert len(re.search(r"points=([\d,%C.-]+)", page.url)[1].replace("%2C", ",").split(",")) == 46
    page.get_by_role("button", name="Clear points").click()
    page.get_by_text("Put points on the square").wait_for()


def test_on_a_phone_one_view_is_shown_at_a_time(play):
    page, _ = play(SMALL, width=VIEWPORTS["phone"]["width"], has_touch=True)
    views = page.locator(".playground-view")
    assert views.evaluate_all("all => all.map(view => view.checkVisibility())") == [True, False, False, False]
    page.get_by_role("button", name="Computation").tap()
    assert views.evaluate_all("all => all.map(view => view.checkVisibility())") == [False, False, False, True]
    assert page.evaluate("document.documentElement.scrollWidth") <= VIEWPORTS["phone"]["width"]
    swipe(page, [(100, 700), (100, 500), (100, 300)])  # the page scrolls
    page.wait_for_function("scrollY > 0")


def test_a_stage_of_the_computation_is_explained_when_it_is_touched(play):
    page, _ = play(SMALL)
    page.locator("[data-stage=z]").click()
    assert "reparameterisation trick" in page.locator(".playground-says").inner_text()


def test_slow_motion_lights_up_one_stage_after_the_other(play):
    page, _ = play(SMALL)
    page.locator("select").first.select_option("slow motion")
    page.get_by_role("button", name="Play").click()
    for stage in ("x", "encoder"):
        page.locator(f".lit[data-stage={stage}]").wait_for()


def test_a_teacher_hides_settings_by_the_address(play):
    page, _ = play(f"{SMALL}&hide=beta,sigma")
    names = page.locator("[data-setting]").evaluate_all("all => all.map(each => each.dataset.setting)")
    assert "rate" in names
    assert not {"beta", "sigma"} & set(names)
    page.get_by_role("button", name="One step").click()
    rest(page, "step=31")
    assert "hide=sigma,beta" in page.url
    other, _ = play(f"{SMALL}&only=sigma,learnSigma")
    assert other.locator("[data-setting]").evaluate_all("all => all.map(each => each.dataset.setting)") == [
        "sigma",
        "learnSigma",
    ]
    assert "only=sigma,learnSigma" in other.url


@pytest.mark.parametrize(
    "address", ["nonsense", "beta=-3&rate=abc&seed=0&step=-1&changes=x&hide=", "data=own", "a=%E0%A4%A"]
)
def test_an_address_that_cannot_be_is_a_run_from_the_start(play, address):
    page, troubles = play()
    page.evaluate("address => { location.hash = address; }", address + "&beta=2")
    page.wait_for_timeout(500)
    assert page.locator(".playground-steps").inner_text().startswith("step ")
    assert not troubles


RUN = """async ([module, simd, address, marks, digits]) => {
    const { Session, simdKernels, parseAddress, engineSettings, planeData, imageData } =
        await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const { settings, seed } = parseAddress(address);
    const data = settings.data === "digits" ? imageData(digits) : planeData(settings.data, settings.noise);
    const { latent, layers, width, activation, likelihood } = settings;
    const shape = { dim: data.dim, latent, hidden: new Array(layers).fill(width), activation, likelihood,
        limited: data.shape !== null };
    const session = new Session(simdKernels(simd), { ...data, shape, seed, settings: engineSettings(settings) });
    return marks.map(([step, changes]) => {
        session.advance(step - session.step);
        const entry = session.measure();
        session.change(engineSettings(Object.assign(settings, changes)));
        return entry;
    });
}"""


@pytest.fixture
def measured(open_page):
    """Train by an address with changes on the way, {step: changes}, and measure at each of these steps."""
    page, _ = open_page()
    files = [
        ENGINE / "session.js",
        ENGINE / "kernels.js",
        *(playground.FOLDER / f"{n}.js" for n in ("run", "datasets")),
    ]
    module = join_modules(*files, playground.FOLDER / "address.js")
    figure = Playground()

    def train(address, changes):
        marks = list(map(list, changes.items()))
        entries = page.evaluate(RUN, [module, figure._engine["simd"], address, marks, figure._data["digits"]])
        for entry in entries:
            entry["elbo"] = entry["test"]["elbo"]
            entry["log_p"] = entry["evidence"]["mean"]
            entry["gap"] = entry["log_p"] - entry["elbo"]
            entry["kl"] = sum(entry["test"]["units"])
        return entries

    return train


def at(measured, address, step=5000):
    return measured(address, {step: {}})[0]


def addresses():
    """The presets' addresses by name, from the module that has them."""
    text = (playground.FOLDER / "presets.js").read_text(encoding="utf-8")
    return dict(re.findall(r'name: "([^"]+)", address: "([^"]*)"', text))


SEEDS = pytest.mark.parametrize("seed", [1, 2])


@SEEDS
def test_what_the_presets_about_noise_claim(measured, seed):
    presets = {name: f"{address}&seed={seed}" for name, address in addresses().items()}
    good, collapsed, small = (at(measured, presets[n]) for n in ("a good fit", "collapse", "σ too small"))
    assert good["gap"] < 0.25
    assert max(collapsed["test"]["units"]) < 0.01
    assert small["kl"] > 2 * good["kl"]
    assert small["elbo"] < good["elbo"]
    assert small["log_p"] < good["log_p"]
    linear = measured(presets["the threshold"], {3000: {"sigma": 0.56}, 6000: {}})
    assert min(linear[0]["test"]["units"]) > 0.2
    assert min(linear[1]["test"]["units"]) < 0.02 < max(linear[1]["test"]["units"])


@SEEDS
def test_what_the_presets_about_the_gap_claim(measured, seed):
    presets = {name: f"{address}&seed={seed}" for name, address in addresses().items()}
    assert 0.15 < at(measured, presets["a bent posterior"])["gap"] < 0.5
    assert at(measured, presets["two modes and one Gaussian"])["gap"] > 0.2
    usual = at(measured, "data=ring&noise=0.1&sigma=0.1")
    too_large, none = at(measured, presets["β too large"]), at(measured, presets["an autoencoder"])
    assert too_large["elbo"] < usual["elbo"] - 0.5
    assert too_large["log_p"] > usual["log_p"] - 0.05
    assert none["gap"] > 3
    assert none["log_p"] < usual["log_p"] - 0.5


def test_what_the_preset_about_overfitting_claims(measured):
    first, second = measured(addresses()["overfitting"], {2000: {}, 6000: {}})
    assert second["elbo"] < first["elbo"] - 5
    assert second["train"]["elbo"] > first["train"]["elbo"]
    assert second["log_p"] > first["log_p"]


def experiments():
    """The addresses on the page of experiments, in their order."""
    text = (Path(__file__).parents[2] / "book/experiments.md").read_text(encoding="utf-8")
    return [address.replace("&amp;", "&") for address in re.findall(r'href="playground\.html#([^"]*)"', text)]


def test_what_the_experiments_answer(measured):
    linear, collapsed, usual, _, importance, bent, learned, _, _, _, _ = experiments()
    sigmas = {3000: {"sigma": 0.4}, 5000: {"sigma": 0.56}, 7000: {"sigma": 0.8}, 9000: {"sigma": 1}, 11000: {}}
    units = [sorted(entry["test"]["units"]) for entry in measured(linear, sigmas)]
    assert [low > 0.02 for low, _ in units] == [True, True, False, False, False]
    assert [high > 0.02 for _, high in units] == [True, True, True, True, False]

    for change, comes_back in (
        ({"sigma": 0.2}, True),
        ({"learnSigma": True}, True),
        ({"beta": 0.1}, True),
        ({}, False),
    ):
        before, after = measured(collapsed, {3000: change, 8000: {}})
        assert before["kl"] < 0.01
        assert (after["kl"] > 0.5) == comes_back
        assert (after["elbo"] < before["elbo"] - 0.5) == ("beta" in change)
    assert at(measured, f"{collapsed}&warmup=2000", 6000)["kl"] < 0.01

    before, after = measured(importance, {4000: {"objective": "elbo"}, 8000: {}})
    assert after["elbo"] > before["elbo"] + 3
    assert -0.3 < after["log_p"] - before["log_p"] < -0.05

    curve, plane = at(measured, bent), at(measured, f"{bent}&layers=0")
    assert 0.15 < curve["gap"] < 0.5
    assert plane["gap"] < 0.03
    assert -1 < plane["log_p"] - curve["log_p"] < -0.5
    assert 0.1 < math.exp(at(measured, learned, 8000)["logSigma"]) < 0.16

    kl = {}
    for mistake in ("meanDecoded", "klOverBatch", "sigmaFromVariance"):
        before, after = measured(usual, {2000: {mistake: True}, 4000: {}})
        kl[mistake] = after["kl"] / before["kl"]
        assert (after["elbo"] < before["elbo"] - 100) == (mistake == "meanDecoded")
    assert kl["meanDecoded"] < 0.05
    assert kl["klOverBatch"] > 2
    assert kl["sigmaFromVariance"] < 0.8


# The script, and the model in Python.

START = """async ([module, name, noise, widths, seed]) => {
    const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
    const { planeData, Stream, startWeights } = await import(address);
    const { images } = planeData(name, noise);
    const stream = new Stream(seed, 1);
    return [Array.from(images), widths.map(each => {
        const weights = new Float64Array(5000);
        startWeights(weights, each, stream);
        return Array.from(weights);
    })];
}"""


@pytest.mark.parametrize("data", ["ring", "moons", "clusters", "pinwheel", "curve"])
def test_the_script_has_the_same_data_and_starting_weights(play, data):
    page, _ = play(f"data={data}&noise=0.1&width=8&layers=1&seed=5")
    page.get_by_role("button", name="Copy as PyTorch").click()
    names = run_script(page.locator("textarea").input_value())
    module = join_modules(playground.FOLDER / "datasets.js", ENGINE / "random.js", ENGINE / "perceptron.js")
    points, weights = page.evaluate(START, [module, data, 0.1, [[2, 8, 4], [2, 8, 2]], 5])
    torch.testing.assert_close(names["data"].flatten(), torch.tensor(points), atol=1e-6, rtol=0)
    for network, expected in zip((names["first_encoder"], names["first_decoder"]), weights, strict=True):
        at = 0
        for layer in network:
            n_in, n_out = layer.in_features, layer.out_features
            matrix = torch.tensor(expected[at : at + n_in * n_out]).view(n_in, n_out).T
            torch.testing.assert_close(layer.weight.data, matrix)
            assert not layer.bias.any()
            at += (n_in + 1) * n_out


SCRIPTS = [
    "data=digits&likelihood=bernoulli", "data=digits&likelihood=continuous&sigmoidTwice=1", "data=digits&learnSigma=1",
    "objective=iwae&samples=4&optimiser=sgd&rate=0.001", "warmup=500&beta=2&klOverBatch=1&pixelMean=1",
    "sigmaFromVariance=1&oneNoise=1", "meanDecoded=1&samples=2", "data=drawn&points=10,20,-30,40,50,-60,0,0",
]  # fmt: skip


@pytest.mark.parametrize("address", SCRIPTS)
def test_the_script_runs_as_it_is(play, address):
    page, _ = play(f"{address}&width=8&layers=1")
    page.get_by_role("button", name="Copy as PyTorch").click()
    names = run_script(page.locator("textarea").input_value())
    assert names["step"] >= 30
    assert names["loss"].isfinite()


KEEP_FIRST = """
import copy
first_encoder, first_decoder = ([copy.deepcopy(l) for l in n if isinstance(l, nn.Linear)] for n in (encoder, decoder))
step, steps = 0, 30"""


def run_script(text):
    """Run a script for a few steps, with copies of the layers as they are before the first."""
    assert len(text.splitlines()) < 75
    text, count = re.subn(r"step, steps = 0, \d+", KEEP_FIRST, text)
    assert count == 1
    names = {}
    exec(compile(text, "script.py", "exec"), names)
    return names


MODEL = """async ([module, text]) => {
    const { Session, simdKernels } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const { run, simd } = JSON.parse(text);
    const [images, test] = [run.images, run.test].map(values => Float32Array.from(values));
    const session = new Session(simdKernels(simd), { ...run, images, test });
    session.advance(200);
    const { evidence } = session.measure();
    return [Array.from(session.training.vae.weights), evidence.mean];
}"""


@pytest.mark.parametrize(("data", "likelihood"), [("ring", "gaussian"), ("digits", "bernoulli")])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@torch.no_grad()
def test_the_trained_model_comes_back_to_python(open_page, data, likelihood, activation):
    dim, shape = (2, None) if data == "ring" else (64, [8, 8])
    images = torch.rand(60, dim, generator=torch.Generator().manual_seed(0))
    names = {"latent": 2, "activation": activation, "likelihood": likelihood}
    run = {
        "shape": {**names, "dim": dim, "hidden": [8, 8], "limited": shape is not None},
        "images": images.flatten().tolist(),
        "test": images[:10].flatten().tolist(),
        "seed": 1,
        "settings": SETTINGS,
    }
    figure = Playground()
    page, _ = open_page()
    module = join_modules(ENGINE / "session.js", ENGINE / "kernels.js")
    weights, evidence = page.evaluate(MODEL, [module, json.dumps({"run": run, "simd": figure._engine["simd"]})])
    with pytest.raises(RuntimeError, match="display it"):
        figure.model()
    packed = base64.b64encode(torch.tensor(weights).numpy().tobytes()).decode()
    settings = {**names, "width": 8, "layers": 2, "learnSigma": False}
    figure._trained = {"weights": packed, "settings": settings, "dim": dim, "shape": shape, "step": 200}
    model = figure.model()
    assert isinstance(model.likelihood, RealGaussian if data == "ring" else Bernoulli)
    x = images[:10].view(10, *(shape or (1, 2)))
    assert evidence == pytest.approx(log_evidence_quadrature(model, x).mean().item(), abs=0.01)


def test_own_points_are_the_first_choice(play, open_page):
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    page, troubles = open_page(Playground(points), reduced_motion="reduce")
    rest(page, "")
    assert page.locator("[data-setting=data]").input_value() == "own"
    assert not troubles


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (torch.zeros(2, 2), ValueError, "3 to 2,000 points, got 2"),
        (torch.zeros(3000, 2), ValueError, "3 to 2,000 points, got 3,000"),
        (torch.zeros(10, 3), ValueError, "data must"),
        (torch.zeros(10, 2, dtype=torch.float64), ValueError, "float32"),
        (torch.full((10, 2), torch.nan), ValueError, "finite"),
        ([[0, 1]] * 5, TypeError, "data must"),
    ],
)
def test_points_that_cannot_be_are_refused(data, error, match):
    with pytest.raises(error, match=match):
        Playground(data)


def test_images_are_offered_at_half_their_size():
    images = torch.rand(12, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(12) % 10
    packed = Playground(images=ImageData("mnist", images[:8], labels[:8], images[8:], labels[8:]))._data["mnist"]
    pixels = from_bytes(packed["pixels"], (12, 14, 14))
    means = images.view(12, 14, 2, 14, 2).mean(dim=(2, 4))
    torch.testing.assert_close(pixels, means, atol=0.5 / 255, rtol=0)
    assert (packed["shape"], packed["n_train"], packed["labels"]) == ([14, 14], 8, labels.tolist())
    with pytest.raises(TypeError, match="ImageData"):
        Playground(images=images)
    odd = ImageData("mine", images[:, 1:, 1:], labels, images[:, 1:, 1:], labels)
    with pytest.raises(ValueError, match="even"):
        Playground(images=odd)


def test_the_page_is_light():
    figure = Playground()
    assert len(figure._engine["worker"]) + SIMD.stat().st_size < 40_000
    assert len(figure._esm) < 80_000
    assert list(itertools.chain(figure._data)) == ["points", "digits", "mnist"]
