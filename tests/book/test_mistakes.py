"""The pages on mistakes: mistaken code shows its symptom, fixed code does not, and the check distinguishes them.

The check must not pass for any other code with the same symptom either. Each cause has a list of such code: what to
replace in the fixed code of the page, or all of it.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from torch import distributions
from torch.nn import functional as nnf

from vae_lessons import VAE, Autoencoder, Bernoulli, ContinuousBernoulli, Gaussian, elbo, fit
from vae_lessons.data import block_graph
from vae_lessons.evaluation.metrics import mean_estimate
from vae_lessons.evaluation.report import usable_sigma
from vae_lessons.models import LinearGaussian

ROOT = Path(__file__).parents[2]
LIST = ROOT / "book/mistakes.md"
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)  # of a page with a cell that is run
PAGES = {
    path.stem: FRONT_MATTER.sub("", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "book/mistakes").glob("*.md"))
}
WHERE = "Where the course treats it"
SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
BOX = re.compile(r"^:::\{admonition\} (\w+)\n:class: (\w+)\n\n```python\n(.*?)\n```\n:::$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\{code-block\} python\n:class: (\w+)\n\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"^- \[(.+)\]\(mistakes/([\w-]+)\.md\): \S", re.MULTILINE)
CELL = re.compile(r"^```\{code-cell\} ipython3\n---\n.*?\n---\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDEX = re.compile(r"^```\{index\} (.+)\n```$", re.MULTILINE)
TITLES = {"wrong": "Mistaken", "fixed": "Fixed"}
LONGEST_LINE = 79
SHOWN = {}
CHECKS = {}


@dataclass(frozen=True)
class Cause:
    """A section of a page. Its code runs after the setup code of the list of mistakes."""

    text: str

    def blocks(self):
        """Return the kind and the code of each block."""
        boxes = [(kind, code) for _, kind, code in BOX.findall(self.text)]
        return boxes + BLOCK.findall(self.text)

    def wrong(self, **variables):
        """Run the mistaken code, with some variables replaced; return its names."""
        return self._run("wrong", variables)

    def fixed(self, **variables):
        """Run the fixed code, with some variables replaced; return its names."""
        return self._run("fixed", variables)

    def mistaken(self, change, **variables):
        """Run the fixed code with a mistake in it (a pair: what it replaces, and by what), or other code."""
        code = dict(self.blocks())["fixed"]
        if isinstance(change, str):
            code = change
        else:
            assert change[0] in code, change
            code = code.replace(*change)
        names = setup(**variables)
        exec(code, names)
        return names

    def check(self, names):
        """Run the check and return the value of its last line."""
        *lines, last = ast.parse(dict(self.blocks())["check"]).body
        exec(compile(ast.Module(lines, []), "check", "exec"), names)
        return eval(compile(ast.Expression(last.value), "check", "eval"), names)

    def _run(self, kind, variables):
        names = setup(**variables)
        exec(dict(self.blocks())[kind], names)
        return names


def causes(page):
    """Return the sections of a page by title, without the last one."""
    _, *parts = SECTION.split(PAGES[page])
    sections = {title: Cause(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}
    assert sections.popitem()[0] == WHERE
    return sections


@cache
def _setup():
    names = {}
    exec(dict(BLOCK.findall(LIST.read_text(encoding="utf-8")))["setup"], names)
    return names


def setup(**variables):
    """Return the names that the setup code defines, with some variables replaced."""
    return _setup() | variables


@pytest.fixture(autouse=True)
def small_and_seeded(monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_DATASET", "digits")
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")  # no progress bars
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@dataclass(frozen=True)
class Check:
    """What the check of a section has to say for code that is right, and mistakes for which it must not say so.

    `ready` does what the page asks for before the check, training for example, and may replace names. A section without
    fixed code has `good` names, and its mistakes are names too.
    """

    says: Callable[[object], bool]
    mistakes: Mapping[str, object]
    ready: Callable[[dict], dict] = dict
    slow: bool = False
    good: Callable[[], dict] | None = None
    variables: Callable[[], dict] = field(default=dict)

    def passes(self, cause, names):
        torch.manual_seed(1)
        return bool(self.says(cause.check(self.ready(names))))

    def names_of(self, cause, mistake):
        return mistake() if self.good else cause.mistaken(mistake, **self.variables())


def shows(page, title, **check):
    """Register the test of a section, and what its check has to tell apart."""

    def register(function):
        SHOWN[page, title] = function
        CHECKS[page, title] = Check(**check)
        return function

    return register


def near(*expected, within=1e-4):
    """Return a function that says whether numbers, in any nesting, are as expected."""

    def says(value):
        numbers = torch.cat([torch.as_tensor(part, dtype=torch.float64).flatten() for part in value])
        wanted = torch.tensor(expected, dtype=torch.float64)
        return numbers.shape == wanted.shape and bool(((numbers - wanted).abs() <= within).all())

    return lambda value: says(value if isinstance(value, (tuple, list)) else [value])


def test_every_cause_has_a_test():
    assert {(page, title) for page in PAGES for title in causes(page)} == set(SHOWN)


@pytest.mark.parametrize("page", PAGES)
def test_pages_share_one_structure(page):
    title, *_ = PAGES[page].splitlines()
    assert re.fullmatch(r"# (My|Two runs) .+", title)
    assert len(INDEX.findall(PAGES[page])) == 1
    for name, cause in causes(page).items():
        assert [TITLES[kind] for _, kind, _ in BOX.findall(cause.text)] == [
            box for box, _, _ in BOX.findall(cause.text)
        ]
        kinds = [kind for kind, _ in cause.blocks()]
        assert kinds in (["wrong", "fixed", "check"], ["check"]), name
        assert "**Why.** " in cause.text
        assert ("**The line.** " in cause.text) == (len(kinds) == 3)
        assert re.search(r"^\*\*Check that it is (fixed|not a mistake)\*?\*?", cause.text, re.MULTILINE), name
        assert cause.text.count("$$") + cause.text.count("{eq}") >= 1, name
        lines = [line for _, code in cause.blocks() for line in code.splitlines()]
        assert max(map(len, lines)) <= LONGEST_LINE, name
    assert re.search(r"^- .*\]\(\.\./\.\./notebooks/", PAGES[page], re.MULTILINE)
    assert "](#exercise-" in PAGES[page] or page == "runs-differ"


def test_list_links_every_page_by_its_title():
    titles = {page: text.splitlines()[0].removeprefix("# ") for page, text in PAGES.items()}
    listed = [(page, title) for title, page in LINK.findall(LIST.read_text(encoding="utf-8"))]
    assert sorted(listed) == sorted(titles.items())


def descend(loss, parameters, steps=300, lr=0.01):
    """Minimise `loss()` with Adam."""
    optimiser = torch.optim.Adam(parameters, lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_vae(likelihood, make=VAE):
    data = setup()["data"]
    return make(data.image_shape, 2, hidden=(64,), likelihood=likelihood, generator=seeded())


def linear_model(tilted=False):
    """Return a linear-Gaussian model, where everything is known. With a tilted posterior a diagonal q has a gap."""
    model = LinearGaussian.fit(setup()["data"].train, 2)
    mixed = torch.tensor([[0.9, -0.9], [0.3, 0.3]]) if tilted else torch.eye(2)
    return LinearGaussian(model.weight @ mixed, model.bias, model.sigma)


def kl_by_torch(mu, logvar):
    q = distributions.Normal(mu, torch.exp(0.5 * logvar))
    return distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(dim=1)


SAFE_BCE = 'nnf.binary_cross_entropy_with_logits(logits, x, reduction="none")'


@shows(
    "loss-is-nan",
    "A sigmoid, then a logarithm",
    says=near(0, 100, 1),
    mistakes={
        "a gradient through the branch that is not taken": (
            SAFE_BCE,
            "-torch.where(x > 0.5, torch.sigmoid(logits).log(), (1 - torch.sigmoid(logits)).log())",
        ),
        "xlogy": (
            SAFE_BCE,
            "-torch.xlogy(x, torch.sigmoid(logits)) - torch.xlogy(1 - x, 1 - torch.sigmoid(logits))",
        ),
        "the logarithm of one plus an exponential": (SAFE_BCE, "torch.log(1 + torch.exp(logits)) - x * logits"),
        "log1p": (
            SAFE_BCE,
            "-x * torch.sigmoid(logits).log() - (1 - x) * torch.log1p(-torch.sigmoid(logits))",
        ),
        "a small number inside the logarithm": (
            SAFE_BCE,
            "-x * (torch.sigmoid(logits) + 1e-8).log() - (1 - x) * (1 - torch.sigmoid(logits) + 1e-8).log()",
        ),
        "nan replaced": (
            SAFE_BCE,
            "torch.nan_to_num(-x * torch.sigmoid(logits).log() - (1 - x) * (1 - torch.sigmoid(logits)).log())",
        ),
        "another class's loss": (SAFE_BCE, "-torch.distributions.Bernoulli(torch.sigmoid(logits)).log_prob(x)"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong)[0].isnan()
    assert cause.check(fixed)[0].item() == pytest.approx(0, abs=1e-6)
    logits = 3 * torch.randn_like(wrong["x"])
    exact = -distributions.Bernoulli(logits=logits).log_prob(wrong["x"].round()).sum(dim=(1, 2))
    for names in wrong, fixed:  # where nothing overflows, both are right
        torch.testing.assert_close(names["bce"](wrong["x"].round(), logits), exact, rtol=1e-4, atol=1e-3)


SAFE_AVERAGE = "torch.logsumexp(logs, dim=0)"


@shows(
    "loss-is-nan",
    "Exponentials before the average",
    says=near(*3 * [-math.log(2)], within=1e-3),
    mistakes={
        "64 bits": (SAFE_AVERAGE, "logs.double().exp().sum(dim=0).log()"),
        "the smallest taken out": (
            SAFE_AVERAGE,
            "logs.amin(dim=0) + (logs - logs.amin(dim=0)).exp().sum(dim=0).log()",
        ),
        "the mean taken out": (SAFE_AVERAGE, "logs.mean(dim=0) + (logs - logs.mean(dim=0)).exp().sum(dim=0).log()"),
        "the largest of the whole batch taken out": (
            SAFE_AVERAGE,
            "logs.max() + (logs - logs.max()).exp().sum(dim=0).log()",
        ),
        "a small number inside the logarithm": (SAFE_AVERAGE, "(logs.exp() + 1e-30).sum(dim=0).log()"),
        "clamped": (SAFE_AVERAGE, "torch.logsumexp(logs.clamp(-80, 80), dim=0)"),
        "a sum and not an average": (" - math.log(logs.shape[0])", ""),
    },
)
def _(cause):
    assert not cause.check(cause.wrong())[1:].isfinite().any()
    fixed = cause.fixed()
    logs = torch.randn(10, 4)
    exact = torch.from_numpy(np.log(np.mean(np.exp(logs.double().numpy()), axis=0)))
    torch.testing.assert_close(fixed["log_mean"](logs).double(), exact, rtol=1e-5, atol=1e-6)
    assert fixed["log_mean"](logs + 800).isfinite().all()


SAFE_KL_TERMS = "mu.square() + logvar.exp() - 1 - logvar"


@shows(
    "loss-is-nan",
    "A width that may turn negative",
    says=near(1),
    mistakes={
        "read as σ²": (SAFE_KL_TERMS, "mu.square() + logvar - 1 - logvar.log()"),
        "ReLU": (
            SAFE_KL_TERMS,
            "mu.square() + logvar.relu().square() - 1 - 2 * logvar.relu().log()",
        ),
        "a small number added": (SAFE_KL_TERMS, "mu.square() + logvar.square() - 1 - 2 * (logvar + 1e-6).log()"),
        "the absolute value, which may be 0": (
            SAFE_KL_TERMS,
            "mu.square() + logvar.square() - 1 - 2 * logvar.abs().log()",
        ),
        "softplus, which underflows": (
            SAFE_KL_TERMS,
            "mu.square() + nnf.softplus(logvar).square() - 1 - 2 * nnf.softplus(logvar).log()",
        ),
        "a square root": (SAFE_KL_TERMS, "mu.square() + logvar.sqrt() - 1 - logvar.sqrt().log()"),
    },
)
def _(cause):
    assert not cause.check(cause.wrong())
    fixed = cause.fixed()
    assert cause.check(fixed)
    mu, logvar = torch.randn(2, 50, 3)
    torch.testing.assert_close(fixed["kl"](mu, logvar), kl_by_torch(mu, logvar))
    torch.testing.assert_close(cause.wrong()["kl"](mu, torch.exp(0.5 * logvar)), kl_by_torch(mu, logvar))


@shows(
    "loss-is-nan",
    "A variance that overflows",
    says=near(1, 1),
    mistakes={
        "a limit that is too high": ("10 * torch.tanh(logvar / 10)", "logvar.clamp(max=100)"),
        "a limit on the wrong side": ("10 * torch.tanh(logvar / 10)", "logvar.clamp(min=-30)"),
        "a limit on the mean": ("mu, 10 * torch.tanh(logvar / 10)", "10 * torch.tanh(mu / 10), logvar"),
        "bounded by itself": ("10 * torch.tanh(logvar / 10)", "logvar * torch.sigmoid(logvar)"),
        "a negative limit, squared": ("10 * torch.tanh(logvar / 10)", "logvar.square()"),
    },
)
def _(cause):
    assert [bool(part) for part in cause.check(cause.wrong())] == [False, False]
    fixed = cause.fixed()
    vae, x = fixed["vae"], fixed["x"]
    for ours, plain in zip(fixed["encode"](x), vae.encode(x), strict=True):  # where nothing overflows, little changes
        torch.testing.assert_close(ours, plain, rtol=0.01, atol=0.01)
    assert not torch.tensor(89.0).exp().isfinite()
    assert torch.tensor(88.0).exp().isfinite()
    assert not torch.tensor(12.0, dtype=torch.float16).exp().isfinite()
    assert torch.tensor(11.0, dtype=torch.float16).exp().isfinite()
    output = torch.tensor(1000.0, requires_grad=True)
    output.clamp(-30, 20).backward()
    assert output.grad == 0


def vae_with_loss(of_terms):
    """Return a small VAE with another loss, made of what `elbo` returns."""

    class Other(VAE):
        def loss(self, x):
            return of_terms(elbo(self, x))

    return small_vae(Gaussian(0.1), Other)


def vae_with_density(of_error):
    """Return a small VAE whose log-density of a pixel is made of its squared error, for σ = 0.1."""

    class Other(Gaussian):
        def log_prob(self, x, mean):
            return of_error((x - mean).square()).sum(dim=(1, 2))

    return small_vae(Other(0.1))


@shows(
    "loss-is-negative",
    "No mistake: a density",
    says=near(1, 0, within=1e-3),
    good=lambda: setup(vae=small_vae(Gaussian(0.1))),
    mistakes={
        "a constant": lambda: setup(vae=vae_with_loss(lambda terms: -terms.value - 1000)),
        "the sign of the KL term": lambda: setup(vae=vae_with_loss(lambda terms: -terms.reconstruction - terms.kl)),
        "the ELBO itself": lambda: setup(vae=vae_with_loss(lambda terms: terms.value)),
        "σ for σ² in the constant": lambda: setup(
            vae=vae_with_density(lambda error: -error / 0.02 - 0.5 * math.log(2 * math.pi * 0.1))
        ),
        "a constant without its half": lambda: setup(
            vae=vae_with_density(lambda error: -error / 0.02 - math.log(2 * math.pi * 0.01))
        ),
        "log σ without 2π": lambda: setup(vae=vae_with_density(lambda error: -error / 0.02 - math.log(0.1))),
        "an error without its half": lambda: setup(
            vae=vae_with_density(lambda error: -error / 0.01 - 0.5 * math.log(2 * math.pi * 0.01))
        ),
    },
)
def _(cause):
    x, narrow = setup()["x"], Gaussian(0.1)
    assert (-narrow.log_prob(x, x) < 0).all()
    assert (-ContinuousBernoulli().log_prob(x.round(), 20 * x.round() - 10) < 0).all()
    pixel = torch.linspace(-1, 2, 3001).unsqueeze(1)  # and yet a density: it integrates to 1
    density = narrow.log_prob(pixel, torch.full_like(pixel, 0.5)).exp()
    assert float(torch.trapezoid(density, pixel[:, 0])) == pytest.approx(1, abs=1e-4)

    images = ContinuousBernoulli()  # the check as the page has it for this decoder
    pixel = torch.linspace(0, 1, 40_001).reshape(-1, 1, 1)
    area = torch.trapezoid(images.log_prob(pixel, torch.full_like(pixel, 2.0)).exp(), pixel.flatten())
    assert float(area) == pytest.approx(1, abs=1e-3)
    width = 1 / math.sqrt(2 * math.pi)  # where the constant changes its sign
    assert float(Gaussian(width).log_prob(x, x).abs().max()) < 1e-3


PIXELS = "images = data.train"


@shows(
    "loss-is-negative",
    "Pixels outside [0, 1] in a cross-entropy",
    says=near(0, 1, 1),
    mistakes={
        "bytes": (PIXELS, "images = 255 * data.train"),
        "from -1 to 1": (PIXELS, "images = 2 * data.train - 1"),
        "noise that was not divided": (PIXELS, "images = data.train + torch.rand(data.train.shape) / 16"),
        "a resize that overshoots": (
            PIXELS,
            "images = nnf.interpolate(data.train[:, None], scale_factor=2, mode='bicubic')[:, 0]",
        ),
        "the arguments swapped": (
            "bce = nnf.binary_cross_entropy_with_logits",
            "bce = lambda logits, images: nnf.binary_cross_entropy_with_logits(images, logits)",
        ),
        "a sign": (
            "bce = nnf.binary_cross_entropy_with_logits",
            "bce = lambda logits, images: -nnf.binary_cross_entropy_with_logits(logits, images) - 1e-3",
        ),
    },
)
def _(cause):
    def best_losses(images):
        sure = [scale * (2.0 * (images > 0.5) - 1) for scale in (1, 10, 100)]
        losses = [nnf.binary_cross_entropy_with_logits(logits, images, reduction="none") for logits in sure]
        return [float(loss.sum(dim=(1, 2)).mean()) for loss in losses]

    wrong, fixed = cause.wrong(), cause.fixed()
    low, high, _ = cause.check(wrong)
    assert low < 0 < 1 < high
    first, second, third = best_losses(wrong["images"])
    assert third < 9 * second < 0 < 9 * abs(first)  # the surer, the lower, without end
    assert min(best_losses(fixed["images"])) > 0
    bytes_of_pixels = 255 * fixed["images"]
    assert best_losses(bytes_of_pixels)[2] < best_losses(bytes_of_pixels)[1] < 0
    for images in (wrong["images"], bytes_of_pixels):  # the package's own likelihood refuses them
        with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
            small_vae(Bernoulli()).loss(images)


@shows(
    "loss-is-negative",
    "The sign of the ELBO",
    says=near(0, within=1e-3),
    mistakes={
        "the sign of the KL term": ("terms.kl - terms.reconstruction", "-terms.kl - terms.reconstruction"),
        "the sign of the reconstruction term": ("terms.kl - terms.reconstruction", "terms.kl + terms.reconstruction"),
        "an absolute value of each": ("terms.kl - terms.reconstruction", "terms.kl.abs() + terms.value"),
        "a weight below 0": ("terms.kl - terms.reconstruction", "-0.1 * terms.kl - terms.reconstruction"),
        "a logarithm of the loss": ("(terms.kl - terms.reconstruction)", "-(terms.kl - terms.reconstruction).log()"),
    },
)
def _(cause):
    for names, sign in (cause.wrong(), -1), (cause.fixed(), 1):
        vae, x = names["vae"], names["x"]
        names["vae"] = vae = small_vae(Bernoulli())
        before = Bernoulli().log_prob(x, vae.likelihood_params(vae.code(x))).mean()
        descend(lambda names=names, x=x: names["loss"](names["vae"], x), vae.parameters(), steps=50)
        after = Bernoulli().log_prob(x, vae.likelihood_params(vae.code(x))).mean()
        assert sign * (after - before) > 1  # copies get better, or worse


MANY_DRAWS = "elbo(vae, x, n_samples=100, generator=generator).value"


def repeatable_and_precise(value):
    change, ratio = map(float, value)
    return change == 0 and 0.05 < ratio < 0.2


@shows(
    "elbo-changes",
    "An estimate is a random number",
    says=repeatable_and_precise,
    variables=lambda: {"vae": linear_model(tilted=True)},
    mistakes={
        "a seed and a single draw": (", n_samples=100", ""),
        "many draws and no seed": (", generator=generator", ""),
        "a seed that is drawn": (".manual_seed(0)", ".manual_seed(torch.randint(1000, ()).item())"),
        "the best of many draws": (
            MANY_DRAWS,
            "torch.stack([elbo(vae, x, generator=generator).value for _ in range(100)]).amax(dim=0)",
        ),
        "the mean decoded": (
            MANY_DRAWS,
            "vae.log_likelihood(x, vae.encode(x)[0]) - kl_to_standard_normal(*vae.encode(x))",
        ),
        "the same noise for all images": (
            MANY_DRAWS,
            "vae.log_likelihood(x, vae.encode(x)[0] + (0.5 * vae.encode(x)[1]).exp() * torch.ones(2))"
            " - kl_to_standard_normal(*vae.encode(x))",
        ),
    },
)
def _(cause):
    model = linear_model(tilted=True)
    wrong, fixed = cause.wrong(vae=model), cause.fixed(vae=model)
    assert cause.check(wrong)[0] > 0.1
    x = wrong["x"]
    exact = model.elbo(x, *model.encode(x)).value
    off = {kind: names["evaluate"](model, x) - exact for kind, names in (("one", wrong), ("many", fixed))}
    for difference in off.values():  # both are right on average
        assert abs(mean_estimate(difference).value) < 4 * mean_estimate(difference).error
    assert off["one"].std() / off["many"].std() == pytest.approx(10, rel=0.5)  # a hundred draws
    assert (wrong["evaluate"](model, x) > model.log_evidence(x)).any()


def no_excess(value):
    mean, error = map(float, value)
    return abs(mean) < 3.5 * error


@shows(
    "elbo-changes",
    "The tempting cure: decode the mean",
    says=no_excess,
    variables=lambda: {"vae": linear_model(tilted=True), "x": setup()["data"].train[:512]},
    mistakes={
        "the mean plus σ": ("reparameterise(mu, logvar)", "mu + torch.exp(0.5 * logvar)"),
        "a fixed draw": ("reparameterise(mu, logvar)", "mu + (0.5 * logvar).exp() * 0.1"),
        "a narrow draw": ("reparameterise(mu, logvar)", "mu + 0.01 * (0.5 * logvar).exp() * torch.randn_like(mu)"),
        "σ² for σ": ("reparameterise(mu, logvar)", "mu + logvar.exp() * torch.randn_like(mu)"),
        "the decoded mean of many draws": (
            "reparameterise(mu, logvar)",
            "torch.stack([reparameterise(mu, logvar) for _ in range(100)]).mean(dim=0)",
        ),
        "a KL term averaged over dimensions": (
            "kl_to_standard_normal(mu, logvar)",
            "kl_to_standard_normal(mu, logvar) / 2",
        ),
        "the KL term of the means": (
            "kl_to_standard_normal(mu, logvar)",
            "kl_to_standard_normal(mu, torch.zeros_like(mu))",
        ),
        "the better of two draws": (
            "vae.log_likelihood(x, z)",
            "torch.maximum(vae.log_likelihood(x, z), vae.log_likelihood(x, reparameterise(mu, logvar)))",
        ),
    },
)
def _(cause):
    model, x = linear_model(), setup()["x"][:16]
    wrong = cause.wrong(vae=model, x=x)
    mean, error = cause.check(wrong)
    assert mean > 3.5 * error
    _, logvar = model.encode(x)
    forgotten = 0.5 * logvar.exp() @ model.weight.square().sum(dim=0) / model.sigma**2  # the cost of the spread
    exact = model.elbo(x, *model.encode(x)).value
    torch.testing.assert_close(wrong["evaluate"](model, x) - exact, forgotten, rtol=1e-3, atol=1e-3)
    assert (wrong["evaluate"](model, x) > model.log_evidence(x)).all()  # no gap here: q is the posterior


BOUND = "torch.logsumexp(log_weights, dim=0)"


@shows(
    "label-changes-nothing",
    "Images and labels in different orders",
    says=near(1),
    mistakes={
        "an order of their own": ("labels[order]", "labels[torch.randperm(len(labels))]"),
        "sorted": ("labels[order]", "labels.sort(descending=True).values"),
        "the order undone": ("labels[order]", "labels[order.argsort()]"),
        "one step ahead": ("labels[order]", "labels[order].roll(1)"),
        "only labels": ("images[order]", "images"),
        "half of them": ("labels[order]", "torch.cat([labels[order][:500], labels[500:]])"),
    },
)
def _(cause):
    """In the mistaken order the images of all classes look alike: each class mean is the mean image."""
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) < 0.1
    assert cause.check(fixed) == 1
    data = setup()["data"]

    def spread(names):
        images, labels = names["shuffled"](data.train, data.train_labels)
        return torch.stack([images[labels == c].mean(dim=0) for c in range(10)]).var(dim=0).sum()

    assert spread(wrong) < 0.2 * spread(fixed)
    assert spread(fixed) > 1


LABEL_OF_EACH = "nnf.one_hot(labels, 10)"


@shows(
    "label-changes-nothing",
    "A decoder without the label",
    says=lambda value: value > 0.01,
    mistakes={
        "another variable": (LABEL_OF_EACH, "nnf.one_hot(torch.zeros_like(labels), 10)"),
        "the first label for all": (LABEL_OF_EACH, "nnf.one_hot(labels[:1].expand_as(labels), 10)"),
        "two classes in one": (LABEL_OF_EACH, "nnf.one_hot(labels.clamp(max=8), 10)"),
        "switched off": ("torch.cat([z, c], dim=1)", "torch.cat([z, 0 * c], dim=1)"),
        "a softmax over the batch": ("torch.cat([z, c], dim=1)", "torch.cat([z, (1e-9 * c).softmax(dim=0)], dim=1)"),
    },
)
def _(cause):
    assert cause.check(cause.wrong()) == 0
    assert cause.check(cause.fixed()) > 0.01


@shows(
    "links-too-good",
    "Hidden links that the encoder sees",
    says=near(0),
    mistakes={
        "one place only": ("    seen[pairs[1], pairs[0]] = 0\n", ""),
        "the other place only": ("    seen[pairs[0], pairs[1]] = 0\n", ""),
        "the whole graph": ("    return seen", "    return adjacency"),
        "in place": ("adjacency.clone()", "adjacency"),
        "all links of the nodes": ("seen[pairs[0], pairs[1]] = 0", "seen[pairs.flatten()] = 0"),
    },
)
def _(cause):
    """Whoever scores a pair by what the encoder sees of it has an AUC of 1 in the mistaken graph, and of 1/2 else."""
    graph = block_graph(60, 3, 0.5, 0.1, torch.Generator().manual_seed(0))
    data = graph.hold_out(0.2, torch.Generator().manual_seed(1))
    for names, expected in ((cause.wrong(), 1), (cause.fixed(), 0.5)):
        seen = names["hide"](graph.adjacency, data.pairs)
        scores = (seen + seen.T)[data.pairs[0], data.pairs[1]]
        assert roc_auc_score(data.linked, scores) == expected
        assert (cause.check(names) == 0) == (expected == 0.5)


@shows(
    "links-too-good",
    "Links of the training among those of the test",
    says=near(0.5),
    mistakes={
        "all pairs": ("adjacency[i, j], scores[i, j]", "adjacency.flatten(), scores.flatten()"),
        "all pairs of their nodes": (
            "adjacency[i, j], scores[i, j]",
            "adjacency[i].flatten(), scores[i].flatten()",
        ),
        "another pair's score": ("scores[i, j]", "scores[i, i - 1]"),
    },
)
def _(cause):
    assert cause.check(cause.wrong()) > 0.9
    assert cause.check(cause.fixed()) == 0.5


@shows(
    "iwae-gets-worse",
    "A softmax over losses",
    says=near(-math.log(2), 0, -1000),
    mistakes={
        "a softmax with the sign fixed": (
            f"{BOUND} - math.log(n_samples)",
            "(torch.softmax(log_weights, dim=0) * log_weights).sum(dim=0)",
        ),
        "a sum and not an average": (" - math.log(n_samples)", ""),
        "the ELBO": (f"{BOUND} - math.log(n_samples)", "log_weights.mean(dim=0)"),
        "the worst": (f"{BOUND} - math.log(n_samples)", "log_weights.amin(dim=0)"),
        "the best": (f"{BOUND} - math.log(n_samples)", "log_weights.amax(dim=0)"),
        "the best, divided by the number": (BOUND, "log_weights.amax(dim=0)"),
        "an average of losses": (
            f"{BOUND} - math.log(n_samples)",
            "math.log(n_samples) - torch.logsumexp(-log_weights, dim=0)",
        ),
        "the number of images": ("log_weights.shape[0]", "log_weights.shape[1]"),
        "over images": (f"{BOUND} - math.log(n_samples)", "torch.logsumexp(log_weights, dim=1) - math.log(3)"),
        "one bound for the whole batch": (
            f"{BOUND} - math.log(n_samples)",
            "(torch.logsumexp(log_weights.flatten(), dim=0) - math.log(log_weights.numel())).repeat(3)",
        ),
        "exponentials first": (f"{BOUND} - math.log(n_samples)", "log_weights.exp().mean(dim=0).log()"),
        "the number divided by": (" - math.log(n_samples)", " / n_samples"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert float(cause.check(wrong)[0]) == pytest.approx(-50)
    model, x = linear_model(), setup()["x"]
    mu, logvar = model.encode(x)
    logvar = logvar + 1  # a poor q, so that there is something to gain
    z = mu + torch.exp(0.5 * logvar) * torch.randn(1000, *mu.shape)
    log_q = distributions.Normal(mu, torch.exp(0.5 * logvar)).log_prob(z).sum(dim=2)
    log_prior = distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=2)
    log_weights = torch.stack([model.log_likelihood(x, one) for one in z]) + log_prior - log_q
    at = {
        kind: [torch.stack([names["bound"](some) for some in log_weights.split(n)]).mean() for n in (1, 10, 1000)]
        for kind, names in (("wrong", wrong), ("fixed", fixed))
    }
    assert at["fixed"] == sorted(at["fixed"])  # higher with more samples, and towards the exact value
    assert float(at["fixed"][-1]) == pytest.approx(float(model.log_evidence(x).mean()), abs=0.1)
    assert at["wrong"] == sorted(at["wrong"], reverse=True)
    assert at["wrong"][0] == at["fixed"][0]


@shows(
    "iwae-gets-worse",
    "Codes paired with other images",
    says=lambda value: value.item() < 0.1,
    mistakes={
        "the images repeated one by one": ("x.repeat(n_samples, 1, 1)", "x.repeat_interleave(n_samples, dim=0)"),
        "codes in the other order": ("z.flatten(0, 1)", "z.transpose(0, 1).flatten(0, 1)"),
        "both in the other order, and the result as it was": (
            "copies = x.repeat(n_samples, 1, 1)",
            "copies, z = x.repeat_interleave(n_samples, dim=0), z.transpose(0, 1)",
        ),
        "the result in the other order": (
            "each.view(n_samples, n_images)",
            "each.view(n_images, n_samples).T",
        ),
        "one image for all": ("x.repeat(n_samples, 1, 1)", "x[:1].repeat(n_samples * n_images, 1, 1)"),
        "one code for each image": ("z.flatten(0, 1)", "z[:1].expand_as(z).flatten(0, 1)"),
        "an average over samples": (
            "each.view(n_samples, n_images)",
            "each.view(n_samples, n_images).mean(dim=0).expand(n_samples, -1)",
        ),
    },
)
def _(cause):
    wrong, fixed = cause.wrong()["log_likelihoods"], cause.fixed()["log_likelihoods"]
    model, x = linear_model(tilted=True), setup()["data"].test[:20]
    mean, logvar = model.encode(x)

    def bound(log_likelihoods, n_samples):
        z = mean + torch.exp(0.5 * logvar) * torch.randn(n_samples, *mean.shape, generator=seeded(n_samples))
        q = distributions.Normal(mean, torch.exp(0.5 * logvar))
        log_weights = distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=2) - q.log_prob(z).sum(dim=2)
        log_weights = log_weights + log_likelihoods(model, x, z)
        return float((log_weights.logsumexp(dim=0) - math.log(n_samples)).mean())

    assert bound(wrong, 1) == bound(fixed, 1)  # with one sample there is nothing to mix up
    assert bound(fixed, 5) > bound(fixed, 1)
    assert bound(wrong, 2) < bound(wrong, 1) - 1
    assert bound(wrong, 5) < bound(wrong, 1) - 1
    assert cause.check(cause.wrong()).item() > 1


def train_on_loss(names):
    """Train a small VAE on `loss`, as the page has it."""
    data, sigma = names["data"], usable_sigma(names["data"].train)
    vae = small_vae(Gaussian(sigma))
    vae.start_at_mean(data.train.mean(dim=0))
    x = data.train[:256]

    def loss():
        mu, logvar = vae.encode(x)
        return names["loss"](x, vae.decode(names["reparameterise"](mu, logvar)), mu, logvar, sigma)

    descend(loss, vae.parameters(), steps=200)
    return names | {"vae": vae}


ERROR = 'error = nnf.mse_loss(x_hat, x, reduction="sum") / len(x)'


@shows(
    "kl-goes-to-zero",
    "A mean over pixels beside a sum over dimensions",
    says=lambda value: value[0] > 0.1 and value[1] > 0,
    ready=train_on_loss,
    slow=True,
    mistakes={
        "a mean over rows and columns": (ERROR, "error = (x - x_hat).square().mean(dim=(1, 2)).mean()"),
        "a sum over columns alone": (ERROR, "error = (x - x_hat).square().sum(dim=2).mean() / 4"),
        "a KL term summed over the batch": (
            "kl_to_standard_normal(mu, logvar).mean()",
            "kl_to_standard_normal(mu, logvar).sum()",
        ),
        "a weight of a hundred on the KL term": ("return error", "kl = 100 * kl\n    return error"),
        "divided by the images twice": (ERROR, 'error = nnf.mse_loss(x_hat, x, reduction="sum") / len(x) ** 2'),
        "images that were divided twice": (
            ERROR,
            'error = nnf.mse_loss(x_hat / 255, x / 255, reduction="sum") / len(x)',
        ),
        "the error of the mean image": (ERROR, "error = (x - x_hat).mean(dim=0).square().sum()"),
    },
)
def _(cause):
    shown = {
        kind: cause.check(train_on_loss(names)) for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed()))
    }
    kl, active = shown["wrong"]
    assert kl < 0.01
    assert active == 0
    kl, active = shown["fixed"]
    assert kl > 1
    assert active > 0


USABLE = "usable_sigma(data.train, latent_dim=2)"


@shows(
    "kl-goes-to-zero",
    "Noise that drowns the images",
    says=lambda value: value >= 2,
    mistakes={
        "a σ of another data set": (USABLE, "0.9"),
        "half the squared error": (USABLE, "1.0"),
        "the σ of pixels with bytes": (USABLE, f"255 * {USABLE}"),
        "the largest spread of the whole image": (USABLE, "data.train.flatten(1).var(dim=0).sum().item() ** 0.5"),
        "a variance taken for σ": (USABLE, f"{USABLE} ** 0.25"),
        "scaled by the pixels": (USABLE, f"{USABLE} * data.n_pixels ** 0.5"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) == 0
    assert cause.check(fixed) >= 2
    data = wrong["data"]
    variances = PCA().fit(data.train.flatten(1).numpy()).explained_variance_
    assert cause.check(fixed) == (variances > fixed["likelihood"].sigma ** 2).sum()
    kls = []
    for names in wrong, fixed:
        vae = small_vae(names["likelihood"])
        fit(vae, data, epochs=20, precision="float32")
        kls.append(elbo(vae, data.test).kl.mean().item())
    assert kls[0] < 0.01
    assert kls[1] > 1


def twenty_units(of_terms=lambda terms: -terms.value, sigma=0.5, lr=None):
    """Return a VAE with twenty units after a short training on a loss made of what `elbo` returns."""

    class Other(VAE):
        def loss(self, x):
            return of_terms(elbo(self, x))

    data = setup()["data"]
    vae = Other(data.image_shape, 20, (200,), likelihood=Gaussian(sigma), generator=seeded())
    fit(vae, data, epochs=60, lr=lr, schedule="constant" if lr else "linear", precision="float32")
    return setup(vae=vae.requires_grad_(False))


@shows(
    "kl-goes-to-zero",
    "No mistake: all but a few units are off",
    says=lambda value: value[1] >= value[0] / 2,
    slow=True,
    good=twenty_units,
    mistakes={
        "a rate that is high from the first step": lambda: twenty_units(lr=0.03),
        "a mean over pixels": lambda: twenty_units(lambda terms: terms.kl - terms.reconstruction / 64),
        "a KL term that counts four times": lambda: twenty_units(lambda terms: 4 * terms.kl - terms.reconstruction),
        "a KL term summed over the batch": lambda: twenty_units(lambda terms: terms.kl.sum() - terms.reconstruction),
    },
)
def _(cause):
    names = twenty_units()
    above, used = cause.check(names)
    variances = PCA().fit(names["data"].train.flatten(1).numpy()).explained_variance_
    assert above == (variances > 0.5**2).sum()
    assert above / 2 <= used < 20


KL = "-0.5 * (1 + logvar - mu.square() - logvar.exp())"


@shows(
    "kl-is-negative",
    "A bracket or a sign in the closed form",
    says=near(0, 2.5, 0.5 * (3 - math.log(4)), 0.5 * (math.log(4) - 0.75)),
    mistakes={
        "σ for σ²": (KL, "-0.5 * (1 + logvar - mu.square() - (0.5 * logvar).exp())"),
        "the sign of log σ²": (KL, "-0.5 * (1 - logvar - mu.square() - logvar.exp())"),
        "log σ read as log σ²": (KL, "-0.5 * (1 + 2 * logvar - mu.square() - (2 * logvar).exp())"),
        "log σ² halved": (KL, "-0.5 * (1 + 0.5 * logvar - mu.square() - logvar.exp())"),
        "a mean over dimensions": ("terms.sum(dim=1)", "terms.mean(dim=1)"),
        "a sum over images": ("terms.sum(dim=1)", "terms.sum(dim=0)"),
        "one number for the batch": ("terms.sum(dim=1)", "terms.sum()"),
        "the minus": (KL, "0.5 * (1 + logvar - mu.square() - logvar.exp())"),
        "the half": (KL, "-(1 + logvar - mu.square() - logvar.exp())"),
        "the one": (KL, "-0.5 * (logvar - mu.square() - logvar.exp())"),
        "the one with the other sign": (KL, "-0.5 * (-1 + logvar - mu.square() - logvar.exp())"),
        "the sign of the mean": (KL, "-0.5 * (1 + logvar + mu.square() - logvar.exp())"),
        "the sign of the variance": (KL, "-0.5 * (1 + logvar - mu.square() + logvar.exp())"),
        "the square of the mean": (KL, "-0.5 * (1 + logvar - mu - logvar.exp())"),
        "the size of the mean": (KL, "-0.5 * (1 + logvar - mu.abs() - logvar.exp())"),
        "the mean alone": (KL, "0.5 * mu.square()"),
        "the width alone": (KL, "-0.5 * (1 + logvar - logvar.exp())"),
        "no logarithm": (KL, "-0.5 * (1 - mu.square() - logvar.exp())"),
        "no exponential": (KL, "-0.5 * (1 + logvar.log() - mu.square() - logvar)"),
        "the exponential of the other sign": (KL, "-0.5 * (1 + logvar - mu.square() - (-logvar).exp())"),
        "the divergence the other way": (KL, "0.5 * ((1 + mu.square()) * (-logvar).exp() - 1 + logvar)"),
        "cut off at zero": (KL, "(-0.5 * (1 + logvar - mu.square() - (0.5 * logvar).exp())).clamp(min=0)"),
        "its size": (KL, "(-0.5 * (1 + logvar) - mu.square() - logvar.exp()).abs()"),
        "the first dimension alone": ("terms.sum(dim=1)", "terms[:, 0]"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    mu, logvar = torch.randn(2, 50, 3)
    assert (wrong["kl"](mu, logvar) < 0).any()
    of_sigma = cause.mistaken((KL, "-0.5 * (1 + logvar - mu.square() - (0.5 * logvar).exp())"))["kl"]
    at_the_prior_and_beside_it = torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1)
    assert of_sigma(*at_the_prior_and_beside_it).tolist() == [0, 0.5]  # as it should be: such a check says nothing
    wide = torch.zeros(1, 1), torch.tensor([[math.log(4)]])
    assert of_sigma(*wide).item() == pytest.approx(-0.19, abs=0.005)
    assert fixed["kl"](*wide).item() == pytest.approx(0.81, abs=0.005)
    torch.testing.assert_close(fixed["kl"](mu, logvar), kl_by_torch(mu, logvar))
    torch.testing.assert_close(-fixed["kl"](mu, logvar), -kl_by_torch(mu, logvar))


TERMS = "(q.log_prob(z) - prior.log_prob(z)).sum(dim=2)"


@shows(
    "kl-is-negative",
    "A sampled KL, cut off at zero",
    says=near(0, within=0.01),
    mistakes={
        "cut off after the mean": ("terms.mean(dim=0)", "terms.mean(dim=0).clamp(min=0)"),
        "its size": ("terms.mean(dim=0)", "terms.abs().mean(dim=0)"),
        "the size of the mean": ("terms.mean(dim=0)", "terms.mean(dim=0).abs()"),
        "each dimension cut off": (TERMS, "(q.log_prob(z) - prior.log_prob(z)).clamp(min=0).sum(dim=2)"),
        "the sign": (TERMS, "(prior.log_prob(z) - q.log_prob(z)).sum(dim=2)"),
        "a mean over dimensions": (TERMS, "(q.log_prob(z) - prior.log_prob(z)).mean(dim=2)"),
        "codes from the prior": (TERMS, "(q.log_prob(torch.randn_like(z)) - prior.log_prob(z)).sum(dim=2)"),
        "the prior left out": (TERMS, "q.log_prob(z).sum(dim=2)"),
        "the logarithm left out": (TERMS, "(q.log_prob(z).exp() - prior.log_prob(z).exp()).sum(dim=2)"),
        "weights": ("terms.mean(dim=0)", "(terms.exp() * terms).mean(dim=0)"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) > 0.05
    q, prior = distributions.Normal(torch.tensor([[0.3]]), 0.9), distributions.Normal(0.0, 1.0)
    of_three = torch.stack([fixed["sampled_kl"](q.sample((3,)), q, prior) for _ in range(100)])
    assert (of_three < 0).any()


def black_and_white(value):
    low, high = (part.item() for part in value)
    return 0 <= low < 0.05 and 0.95 < high <= 1


@shows(
    "samples-are-grey",
    "Two sigmoids",
    says=black_and_white,
    mistakes={
        "a tanh, then a sigmoid": (
            "mlp([2, 128, data.n_pixels])",
            "nn.Sequential(mlp([2, 128, data.n_pixels]), nn.Tanh())",
        ),
        "a ReLU, then a sigmoid": (
            "mlp([2, 128, data.n_pixels])",
            "nn.Sequential(mlp([2, 128, data.n_pixels]), nn.ReLU())",
        ),
        "a softplus": ("mlp([2, 128, data.n_pixels])", "nn.Sequential(mlp([2, 128, data.n_pixels]), nn.Softplus())"),
        "a softmax over pixels": (
            "mlp([2, 128, data.n_pixels])",
            "nn.Sequential(mlp([2, 128, data.n_pixels]), nn.Softmax(dim=1))",
        ),
        "logarithms of probabilities": (
            "mlp([2, 128, data.n_pixels])",
            "nn.Sequential(mlp([2, 128, data.n_pixels]), nn.LogSigmoid())",
        ),
        "a sigmoid before the last layer": (
            "mlp([2, 128, data.n_pixels])",
            "nn.Sequential(mlp([2, 128]), nn.Sigmoid(), nn.Linear(128, data.n_pixels))",
        ),
    },
)
def _(cause):
    paper = {}
    for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed())):
        decoder, likelihood = names["decoder"], names["likelihood"]
        assert (cause.check(names)[0] >= 0.5) == (kind == "wrong")
        z, x = torch.randn(64, 2), torch.zeros(64, names["data"].n_pixels)
        descend(lambda: -likelihood.log_prob(x, decoder(z)).mean(), decoder.parameters(), steps=200)  # noqa: B023
        paper[kind] = likelihood.mean(decoder(z)).mean()
    assert paper["wrong"] >= 0.5
    assert paper["fixed"] < 0.05


@shows(
    "samples-are-grey",
    "A tanh, for pixels from 0 to 1",
    says=black_and_white,
    mistakes={
        "nothing": ("torch.sigmoid(vae.decoder(z))", "vae.decoder(z)"),
        "twice a sigmoid, less one": ("torch.sigmoid(vae.decoder(z))", "2 * torch.sigmoid(vae.decoder(z)) - 1"),
        "softsign": ("torch.sigmoid(vae.decoder(z))", "nnf.softsign(vae.decoder(z))"),
        "half a tanh": ("torch.sigmoid(vae.decoder(z))", "0.5 + 0.25 * torch.tanh(vae.decoder(z))"),
        "two sigmoids": ("torch.sigmoid(vae.decoder(z))", "torch.sigmoid(torch.sigmoid(vae.decoder(z)))"),
        "a tanh in between": ("torch.sigmoid(vae.decoder(z))", "torch.sigmoid(torch.tanh(vae.decoder(z)))"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong)[0] < -0.9
    assert fixed["decode"](torch.randn(100, 2)).max() <= 1
    a = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(torch.sigmoid(a), 0.5 * (1 + torch.tanh(a / 2)))


class Greyish(VAE):
    def sample(self, n, generator=None, pixel_noise=False):
        return super().sample(n, generator)


@shows(
    "samples-are-grey",
    "The plot stretches its grey scale",
    says=lambda value: abs(float(value[0]) - float(value[1])) < 0.01,
    mistakes={
        "the smallest value and the largest, by hand": (
            "vmin=0, vmax=1",
            "vmin=float(image.min()), vmax=float(image.max())",
        ),
        "one end alone": (", vmax=1", ""),
        "the other end alone": ("vmin=0, ", ""),
        "the range of bytes": ("vmax=1", "vmax=255"),
        "the range of a tanh": ("vmin=0", "vmin=-1"),
        "white for ink": ("gray_r", "gray"),
        "scaled before it is drawn": ("imshow(image", "imshow(image / image.max()"),
        "stretched before it is drawn": ("imshow(image", "imshow((image - image.min()) / (image.max() - image.min())"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    ax, image = plt.figure().gca(), fixed["x"][0].numpy()
    for pale in (image, 0.1 * image, 0.5 + 0.1 * image):
        np.testing.assert_allclose(fixed["show"](ax, pale).to_rgba(pale)[..., 0], 1 - pale, atol=0.01)
    drawn = wrong["show"](ax, 0.1 * image).to_rgba(0.1 * image)[..., 0]
    assert (drawn.min(), drawn.max()) == (0, 1)
    plt.close("all")


@shows(
    "samples-are-grey",
    "No mistake: a probability is grey",
    says=near(0, 1),
    good=lambda: setup(vae=small_vae(Bernoulli())),
    mistakes={
        "a density": lambda: setup(vae=small_vae(Gaussian(0.5))),
        "another density": lambda: setup(vae=small_vae(ContinuousBernoulli())),
        "a mean and no draw": lambda: setup(vae=small_vae(Bernoulli(), Greyish)),
    },
)
def _(cause):
    vae = small_vae(Bernoulli())
    grey = vae.sample(64)
    assert ((grey > 0.01) & (grey < 0.99)).any()
    assert cause.check(setup(vae=vae)).tolist() == [0, 1]
    assert len(cause.check(setup(vae=small_vae(Gaussian(0.5))))) > 2
    draws = torch.stack([Bernoulli().sample(torch.logit(grey[:1])) for _ in range(2000)])
    assert float((draws.mean(dim=0) - grey[:1]).abs().max()) < 0.06  # the average draw is what one shows


def train_my_vae(names):
    vae = small_vae(Bernoulli(), names["MyVAE"])
    fit(vae, names["data"], epochs=20, batch_size=64, precision="float32")
    return names | {"vae": vae}


def whole_kl(value):
    difference, squares = value
    return abs(difference) < 1e-3 and bool(((squares - 1).abs() < 0.3).all())


@shows(
    "bad-samples",
    "A KL that weighs too little",
    says=whole_kl,
    ready=train_my_vae,
    slow=True,
    mistakes={
        "half": ("terms.kl - ", "0.5 * terms.kl - "),
        "nine tenths": ("terms.kl - ", "0.9 * terms.kl - "),
        "a mean over dimensions": ("terms.kl - ", "terms.kl / self.latent_dim - "),
        "a mean over pixels": ("terms.kl - ", "terms.kl / data.n_pixels - "),
        "no KL term": ("terms.kl - ", "-"),
        "kld_weight = 0.00025": ("terms.kl - ", "0.00025 * terms.kl - "),
        "a reconstruction term that weighs ten times": ("terms.kl - ", "terms.kl - 10 * "),
        "the widths left out": ("terms.kl - ", "0.5 * self.code(x).square().sum(dim=1) - "),
        "a KL term without a gradient": ("terms.kl - ", "terms.kl.detach() - "),
    },
)
def _(cause):
    squares = {}
    for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed())):
        _, squares[kind] = cause.check(train_my_vae(names))
    assert squares["wrong"].mean() > 1.8
    assert squares["fixed"].tolist() == pytest.approx([1, 1], abs=0.25)


@cache
def _trained_autoencoder():
    data = setup()["data"]
    model = Autoencoder(data.image_shape, 2, hidden=(64,), generator=seeded())
    fit(model, data, epochs=60, precision="float32")
    return model


def like_the_codes(value):
    shift, spread, far = value
    return bool((shift.abs() < 0.15).all() and ((spread - 1).abs() < 0.15).all() and far < 1.5)


@shows(
    "bad-samples",
    "A prior that was never there",
    says=like_the_codes,
    variables=lambda: {"model": _trained_autoencoder()},
    mistakes={
        "the spread of the codes and not their mean": "z = torch.randn(1000, 2) * model.encode(data.train).std(dim=0)",
        "the mean of the codes and not their spread": "z = torch.randn(1000, 2) + model.encode(data.train).mean(dim=0)",
        "between the smallest and the largest": (
            "codes = model.encode(data.train)\n"
            "z = codes.amin(dim=0) + torch.rand(1000, 2) * (codes.amax(dim=0) - codes.amin(dim=0))"
        ),
        "standardised codes": (
            "from sklearn.mixture import GaussianMixture\n"
            "codes = model.encode(data.train).detach().double()\n"
            "codes = (codes - codes.mean(dim=0)) / codes.std(dim=0)\n"
            "z = torch.from_numpy(GaussianMixture(10).fit(codes).sample(1000)[0]).float()"
        ),
        "one code, over and over": "z = model.encode(data.train)[:1].repeat(1000, 1)",
        "a normal distribution that is too wide": (
            "codes = model.encode(data.train)\nz = codes.mean(dim=0) + 3 * codes.std(dim=0) * torch.randn(1000, 2)"
        ),
    },
)
def _(cause):
    ratios = [cause.check(names(model=_trained_autoencoder()))[1] for names in (cause.wrong, cause.fixed)]
    assert (ratios[0] < 0.7).all()
    assert ratios[1].tolist() == pytest.approx([1, 1], abs=0.15)


@shows(
    "mean-image",
    "Every image compared with every copy",
    says=near(0, 1),
    mistakes={
        "no squeeze and no assertion": ("    x = x.squeeze(1)\n    assert x.shape == x_hat.shape\n", ""),
        "an axis put where it is not": ("    assert x.shape == x_hat.shape\n", "    x_hat = x_hat.unsqueeze(1)\n"),
        "the mean over images first": ("(x - x_hat).square()", "(x.mean(dim=0) - x_hat.mean(dim=0)).square()"),
        "the copy of the first image": ("(x - x_hat)", "(x - x_hat[:1])"),
        "the first image": ("(x - x_hat)", "(x[:1] - x_hat)"),
        "images in another order": ("(x - x_hat)", "(x[torch.randperm(len(x))] - x_hat)"),
        "the mean copy": ("(x - x_hat)", "(x - x_hat.mean(dim=0))"),
        "a sum over rows alone": (".sum(dim=(-2, -1))", ".sum(dim=-1)"),
        "no square": (".square()", ""),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong)[0] > 1
    x = wrong["x"]
    images, mean_image = x.unsqueeze(1), x.mean(dim=0).expand_as(x)
    assert wrong["error"](images, mean_image) < wrong["error"](images, x)
    gradients = {}
    for kind, names in (("wrong", wrong), ("fixed", fixed)):
        copies = mean_image.clone().requires_grad_()
        gradients[kind] = torch.autograd.grad(names["error"](images, copies), copies)[0].abs().max()
    assert gradients["wrong"] < 1e-6 < 1e-3 < gradients["fixed"]


def train_my_autoencoder(names):
    data = names["data"]
    model = names["MyAutoencoder"](data.image_shape, 2, hidden=(64,), generator=seeded())
    fit(model, data, epochs=10, start_at_mean=names["at_mean"], precision="float32")
    return names | {"model": model}


ENCODED = "super().encode(x)  # any number"


@shows(
    "mean-image",
    "A code that is stuck",
    says=lambda value: bool((value[0] > 0.01).all()) and value[1] > 0.1,
    ready=train_my_autoencoder,
    slow=True,
    mistakes={
        "a mean over the batch": (ENCODED, "super().encode(x).mean(dim=0).expand(len(x), -1)"),
        "the mean image encoded": (ENCODED, "super().encode(x.mean(dim=0).expand_as(x))"),
        "no image": (ENCODED, "super().encode(torch.zeros_like(x))"),
        "a code that is not decoded": (
            ENCODED,
            "super().encode(x)\n\n    def decode(self, z):\n        return super().decode(torch.zeros_like(z))",
        ),
        "a tiny code": (ENCODED, "1e-6 * super().encode(x)"),
        "a rounded code": (ENCODED, "super().encode(x).sign()"),
        "a step": (ENCODED, "torch.sigmoid(1000 + super().encode(x))"),
        "one dimension dead": (ENCODED, "super().encode(x) * torch.tensor([1.0, 0.0])"),
    },
)
def _(cause):
    spreads = [cause.check(train_my_autoencoder(names))[0] for names in (cause.wrong(), cause.fixed())]
    assert (spreads[0] < 1e-3).all()
    assert (spreads[1] > 0.1).all()


DRAW = "Normal(mu, torch.exp(0.5 * logvar)).rsample()"


@shows(
    "no-gradient",
    "A draw that gradients do not pass through",
    says=lambda value: value == [True, True],
    mistakes={
        "detach": (DRAW, f"{DRAW}.detach()"),
        "data": (DRAW, f"{DRAW}.data"),
        "NumPy": (DRAW, f"torch.from_numpy({DRAW}.detach().numpy())"),
        "torch.normal": (DRAW, "torch.normal(mu, torch.exp(0.5 * logvar))"),
        "a new tensor": (DRAW, f"torch.tensor({DRAW}.tolist())"),
        "no_grad": ("    return", "    with torch.no_grad():\n        return"),
        "a mean that was detached": (DRAW, "Normal(mu.detach(), torch.exp(0.5 * logvar)).rsample()"),
        "a width that was detached": (DRAW, "Normal(mu, torch.exp(0.5 * logvar).detach()).rsample()"),
        "the mean": (DRAW, "mu"),
        "noise of its own": (DRAW, "torch.randn_like(mu)"),
        "a rounded code": (DRAW, f"{DRAW}.round()"),
        "a width of one": (DRAW, "Normal(mu, 1.0).rsample()"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) == [False, False]
    parameters = [names["draw"](*names["vae"].encode(names["x"])).requires_grad for names in (wrong, fixed)]
    assert parameters == [False, True]
    model, x = linear_model(), wrong["x"][:1]
    mu, logvar = (q.clone().requires_grad_() for q in model.encode(x))
    exact = torch.autograd.grad(model.elbo(x, mu, logvar).reconstruction.sum(), mu)[0]
    z = fixed["draw"](mu.expand(4000, -1), logvar.expand(4000, -1))
    by_draws = torch.autograd.grad(model.log_likelihood(x.expand(4000, -1, -1), z).mean(), mu)[0]
    standard_error = model.weight.square().sum(dim=0).sqrt().max() / model.sigma / 4000**0.5  # roughly
    torch.testing.assert_close(by_draws, exact, rtol=0, atol=5 * float(standard_error))


OUTPUTS = "outputs = vae.encoder(x.flatten(1))"


@shows(
    "no-gradient",
    "A gradient that is there, and zero",
    says=near(0),
    mistakes={
        "a clamp": (OUTPUTS, f"{OUTPUTS}.clamp(-1, 1)"),
        "hardtanh": (OUTPUTS, "outputs = nnf.hardtanh(vae.encoder(x.flatten(1)))"),
        "ReLU6": (OUTPUTS, "outputs = nnf.relu6(vae.encoder(x.flatten(1)))"),
        "hardsigmoid": (OUTPUTS, "outputs = nnf.hardsigmoid(vae.encoder(x.flatten(1)))"),
        "steep sigmoid": (OUTPUTS, "outputs = torch.sigmoid(100 * vae.encoder(x.flatten(1)))"),
        "steep tanh": (OUTPUTS, "outputs = torch.tanh(100 * vae.encoder(x.flatten(1)))"),
        "round": (OUTPUTS, f"{OUTPUTS}.round()"),
        "a ReLU for the variance": ("outputs.chunk(2, dim=1)", "outputs[:, :2], outputs[:, 2:].relu()"),
        "pixels cut off": (OUTPUTS, "outputs = vae.encoder(x.clamp(0, 0).flatten(1))"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) > 0.1
    assert cause.check(fixed) == 0
    mu, _ = wrong["encode"](wrong["x"])
    dead = (mu == 0).nonzero()[0]
    gradient = torch.autograd.grad(mu[tuple(dead)], wrong["vae"].encoder[0].weight)[0]
    assert not gradient.any()


NLL = "error / (2 * torch.exp(2 * log_sigma)) + constant"


@shows(
    "sigma-runs-away",
    "It grows: the constant is missing",
    says=lambda value: abs(float(value[0])) < 0.01 and bool(value[1]),
    mistakes={
        "a constant for one pixel": ("data.n_pixels * ", ""),
        "a constant with its sign lost": ("+ constant", "- constant"),
        "all signs lost": (NLL, f"-({NLL})"),
        "a constant of σ²": ("data.n_pixels * (log_sigma", "data.n_pixels * (2 * log_sigma"),
        "a mean over pixels": (NLL, "error / data.n_pixels / (2 * torch.exp(2 * log_sigma)) + constant"),
        "σ for σ²": ("torch.exp(2 * log_sigma)", "torch.exp(log_sigma)"),
        "an error without its half": ("(2 * torch.exp(2 * log_sigma))", "torch.exp(2 * log_sigma)"),
        "a constant without a gradient": ("(log_sigma + 0.5", "(torch.as_tensor(log_sigma).detach() + 0.5"),
        "an error without a gradient": (
            "torch.exp(2 * log_sigma)",
            "torch.exp(2 * torch.as_tensor(log_sigma).detach())",
        ),
        "σ used as log σ": ("(log_sigma + 0.5", "(log_sigma.exp() + 0.5"),
    },
)
def _(cause):
    vae, learned = small_vae(Bernoulli()), {}
    for kind, names in (("wrong", cause.wrong(vae=vae)), ("fixed", cause.fixed(vae=vae))):
        derivative, _ = cause.check(names)
        assert (abs(float(derivative)) < 1e-2) == (kind == "fixed")
        log_sigma = torch.tensor(0.0, requires_grad=True)
        loss = names["negative_log_likelihood"]
        descend(lambda: loss(names["error"], log_sigma).mean(), [log_sigma], lr=0.05)  # noqa: B023
        learned[kind] = log_sigma.exp().item()
    best = (names["x"] - vae(names["x"])).square().mean().sqrt().item()
    assert learned["fixed"] == pytest.approx(best, rel=0.01)
    assert learned["wrong"] > 10 * best
    x, x_hat = names["x"], vae(names["x"])
    exact = -Gaussian(0.3).log_prob(x, x_hat)
    torch.testing.assert_close(loss(names["error"], torch.tensor(math.log(0.3))), exact)


@shows(
    "sigma-runs-away",
    "It shrinks: a pixel that never varies",
    says=lambda value: 0.9 < value < 1.1,
    mistakes={
        "hardly any noise": ("noise = torch.rand(data.train.shape)", "noise = 1e-6 * torch.rand(data.train.shape)"),
        "the same noise for all images": ("torch.rand(data.train.shape)", "torch.rand(data.train.shape[1:])"),
        "one number for each image": (
            "torch.rand(data.train.shape)",
            "torch.zeros(data.train.shape); noise[:100] = torch.rand(noise[:100].shape)",
        ),
        "noise of 256 grey levels, where there are fewer": (
            "torch.rand(data.train.shape)",
            "torch.rand(data.train.shape) / 16",
        ),
        "noise only on ink": ("torch.rand(data.train.shape)", "torch.rand(data.train.shape) * (data.train > 0)"),
        "half a level, without noise": ("torch.rand(data.train.shape)", "0.5"),
        "divided by a thousand": ("/ levels", "/ (1000 * levels)"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) == 0
    never = wrong["images"].std(dim=0) == 0
    of_uniform = 1 / (len(wrong["data"].train.unique()) * math.sqrt(12))
    assert fixed["images"].std(dim=0)[never].tolist() == pytest.approx([of_uniform] * int(never.sum()), rel=0.1)
    assert 0 <= fixed["images"].min() < fixed["images"].max() <= 1
    spike = distributions.Normal(0.0, 1e-6).log_prob(wrong["images"][:, never]).sum()
    assert spike > 0


@shows(
    "runs-differ",
    "The weights were drawn before the seed was set",
    says=bool,
    mistakes={
        "a generator without a seed": (".manual_seed(seed)", "\n    start.seed()"),
        "a generator that is not used": (", generator=start", ""),
        "the seed set too late": (
            ", generator=start)\n",
            ")\n    torch.manual_seed(seed)\n",
        ),
        "a seed that is drawn": ("manual_seed(seed)", "manual_seed(torch.randint(1000, ()).item())"),
        "a weight drawn afterwards": (
            "    return model",
            "    nn.init.normal_(model.decoder[0].weight)\n    return model",
        ),
        "images in another order each time": (
            "    fit(model, data, epochs=1, seed=seed)\n",
            "    fit(model, data, epochs=1, seed=torch.randint(1000, ()).item())\n",
        ),
    },
)
def _(cause):
    assert not cause.check(cause.wrong())
    assert cause.check(cause.fixed())


@shows(
    "runs-differ",
    "Something else draws from the same generator",
    says=bool,
    mistakes={
        "a draw": ("vae.sample(16, generator=torch.Generator().manual_seed(1))", "torch.randn(16, 2)"),
        "a shuffle": ("vae.sample(16, generator=torch.Generator().manual_seed(1))", "torch.randperm(16)"),
        "dropout": ("vae.sample(16, generator=torch.Generator().manual_seed(1))", "nnf.dropout(x)"),
        "a new layer": ("vae.sample(16, generator=torch.Generator().manual_seed(1))", "nn.Linear(2, 2)"),
        "the seed set again": ("vae.sample(16, generator=torch.Generator().manual_seed(1))", "torch.manual_seed(0)"),
        "the global generator by its name": ("torch.Generator().manual_seed(1)", "torch.default_generator"),
        "an evaluation": ("vae.sample(16, generator=torch.Generator().manual_seed(1))", "elbo(vae, x)"),
    },
)
def _(cause):
    assert not cause.check(cause.wrong())
    assert cause.check(cause.fixed())


def no_gap(value):
    return abs(value) < 1


@shows(
    "better-on-test",
    "The training loss is older",
    says=no_gap,
    ready=lambda names: names | {"vae": small_vae(Bernoulli())},
    mistakes={
        "the mean of the epoch": ("vae.loss(data.train).mean()", "history.train_loss[-1]"),
        "before the first step": (
            "vae.loss(data.train).mean()",
            "VAE(data.image_shape, 2, likelihood=Bernoulli()).loss(data.train).mean()",
        ),
        "a sum and a mean": ("vae.loss(data.train).mean()", "vae.loss(data.train).sum() / 1000"),
        "the KL term in one of them": (
            "vae.loss(data.test).mean()",
            "-elbo(vae, data.test).reconstruction.mean() - 1.5",
        ),
        "training images that are noisy": (
            "vae.loss(data.train).mean()",
            "vae.loss((data.train + 0.3 * torch.rand(data.train.shape)).clamp(0, 1)).mean()",
        ),
        "dropout on the training images": (
            "vae.loss(data.train).mean()",
            "vae.loss(nnf.dropout(data.train).clamp(0, 1)).mean()",
        ),
    },
)
def _(cause):
    gaps = []
    for names in cause.wrong(), cause.fixed():
        names["vae"] = small_vae(Bernoulli())
        gaps.append(cause.check(names))
    assert gaps[0] < -3  # nats
    data, vae = names["data"], names["vae"]
    noise = math.hypot(*(mean_estimate(vae.loss(part).detach()).error for part in (data.train, data.test)))
    assert abs(gaps[1]) < 4 * noise < 1


def three_times_the_same(value):
    first, second, third = map(float, value)
    return first == second == third


@shows(
    "better-on-test",
    "Another KL weight in validation",
    says=three_times_the_same,
    variables=lambda: {"vae": linear_model()},
    mistakes={
        "no KL term in validation": ("-on_test.value.mean()", "-on_test.reconstruction.mean()"),
        "a mean over dimensions in validation": (
            "-on_test.value.mean()",
            "(on_test.kl / 2 - on_test.reconstruction).mean()",
        ),
        "annealing in training": ("-on_train.value.mean()", "(2 * on_train.kl - on_train.reconstruction).mean()"),
        "a weight in both": (
            "-on_train.value.mean(), -on_test.value.mean()",
            "tuple((0.1 * terms.kl - terms.reconstruction).mean() for terms in (on_train, on_test))",
        ),
        "a median": ("-on_test.value.mean()", "-on_test.value.median()"),
        "bits": ("-on_test.value.mean()", "-on_test.value.mean() / math.log(2)"),
    },
)
def _(cause):
    model = linear_model()
    wrong = cause.wrong(vae=model)
    on_train, on_test, _ = cause.check(wrong)
    kl = kl_by_torch(*model.encode(wrong["x"])).mean()
    torch.testing.assert_close(on_train - on_test, 0.9 * kl, rtol=1e-3, atol=0)
    assert on_test < on_train - 1


@shows(
    "better-on-test",
    "The test images are training images",
    says=lambda value: value < 0.05,
    mistakes={
        "both from the training split": ("data.train, data.test[-300:]", "data.train, data.train[:300]"),
        "a split at random, twice": (
            "data.train, data.test[-300:]",
            "(data.train[torch.randperm(len(data.train))[:n]] for n in (1300, 300))",
        ),
        "half of them": ("data.test[-300:]", "torch.cat([data.train[:150], data.test[:150]])"),
        "a tenth of them": ("data.test[-300:]", "torch.cat([data.train[:30], data.test[:270]])"),
        "copies with noise": ("data.test[-300:]", "data.train[:300] + 1e-4 * torch.randn(300, *data.image_shape)"),
        "test images in the training set": ("data.train, ", "torch.cat([data.train, data.test]), "),
    },
)
def _(cause):
    assert cause.check(cause.wrong()) == 1
    assert cause.check(cause.fixed()) < 0.05


TOTAL = 'nnf.binary_cross_entropy_with_logits(logits, x, reduction="sum")'


@shows(
    "paper-numbers",
    "Hundreds of times: a mean where the paper sums",
    says=lambda value: float(value) == pytest.approx(setup()["data"].n_pixels, rel=1e-4),
    mistakes={
        "a sum over the batch": ("total / len(x)", "total"),
        "a mean over rows": ("total / len(x)", "total / len(x) / x.shape[1]"),
        "bits": ("total / len(x)", "total / len(x) / math.log(2)"),
        "a half": ("total / len(x)", "0.5 * total / len(x)"),
        "the arguments swapped": ("(logits, x,", "(x, logits,"),
        "a weight for ink": ('reduction="sum"', 'reduction="sum", pos_weight=torch.tensor(5.0)'),
        "probabilities for logits": ("(logits, x,", "(torch.sigmoid(logits), x,"),
        "squared error": (TOTAL, "(torch.sigmoid(logits) - x).square().sum()"),
        "divided by a batch of another size": ("total / len(x)", "total / 128"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    n_pixels = wrong["data"].n_pixels
    assert float(cause.check(wrong)) == pytest.approx(1, rel=1e-5)
    assert float(cause.check(fixed)) == pytest.approx(n_pixels, rel=1e-5)
    x, logits = wrong["x"], torch.randn_like(wrong["x"])
    exact = -distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(dim=(1, 2)).mean()
    torch.testing.assert_close(fixed["bce"](logits, x), exact)
    torch.testing.assert_close(wrong["bce"](logits, x), exact / n_pixels)


BINARY = "torch.bernoulli(data.test, generator=generator)"


@shows(
    "paper-numbers",
    "Some nats, or many: other pixels",
    says=near(0, 0, within=0.04),
    mistakes={
        "a threshold": (BINARY, "(data.test > 0.5).float()"),
        "rounded": (BINARY, "data.test.round()"),
        "a low threshold": (BINARY, "(data.test > 0).float()"),
        "a threshold at random, one for each image": (BINARY, "(data.test > 0.9).float()"),
        "a coin for each pixel": (BINARY, "torch.bernoulli(torch.full_like(data.test, 0.5))"),
        "paper and ink exchanged": (BINARY, "torch.bernoulli(1 - data.test)"),
        "few grey levels": (BINARY, "(data.test * 3).round() / 3"),
        "a power of the grey level": (BINARY, "torch.bernoulli(data.test**2)"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    floor, _ = cause.check(wrong)
    assert floor > 1
    assert fixed["images"].unique().tolist() == [0, 1]
    grey, logits = wrong["images"], torch.logit(wrong["images"], eps=1e-6)
    copied = -Bernoulli().log_prob(grey, logits).mean()  # a decoder that copies perfectly
    assert float(copied) == pytest.approx(float(floor), rel=1e-3)


@shows(
    "paper-numbers",
    "A nat or two: a bound beside a likelihood",
    says=near(0, within=0.05),
    variables=lambda: {"vae": linear_model(tilted=True), "x": setup()["x"][:16]},
    mistakes={
        "a single draw": ("n_samples=5000", "n_samples=1"),
        "the sign": ("return -", "return "),
        "a sum over draws": ("return -", "return -math.log(5000) - "),
        "the mean decoded": (
            "-iwae_bound(vae, x, n_samples=5000)",
            "kl_to_standard_normal(*vae.encode(x)) - vae.log_likelihood(x, vae.encode(x)[0])",
        ),
        "the best draw": (
            "-iwae_bound(vae, x, n_samples=5000)",
            "torch.stack([-elbo(vae, x).value for _ in range(100)]).amin(dim=0)",
        ),
        "draws from the prior": (
            "-iwae_bound(vae, x, n_samples=5000)",
            "math.log(100)"
            " - torch.stack([vae.log_likelihood(x, torch.randn(len(x), 2)) for _ in range(100)]).logsumexp(dim=0)",
        ),
        "per pixel": ("n_samples=5000)", "n_samples=5000) / data.n_pixels"),
        "no KL term": ("-iwae_bound(vae, x, n_samples=5000)", "-elbo(vae, x, n_samples=1000).reconstruction"),
    },
)
def _(cause):
    model, x = linear_model(tilted=True), setup()["x"][:16]
    wrong, fixed = (names(vae=model, x=x) for names in (cause.wrong, cause.fixed))
    precision = torch.linalg.inv(model.posterior(x)[1][0])
    gap = 0.5 * float(precision.diagonal().log().sum() - torch.logdet(precision))
    assert abs(cause.check(wrong) - gap) < 0.2 < gap
    assert abs(cause.check(fixed)) < 0.05
    of_draws = mean_estimate([(wrong["nll"](model, x) + model.log_evidence(x)).mean() for _ in range(50)])
    assert abs(of_draws.value - gap) < 5 * of_draws.error < 0.2


CODE = "mu + (0.5 * logvar).exp() * torch.randn_like(mu)"


@shows(
    "loss-too-low",
    "The code is drawn with another σ",
    slow=True,
    says=near(0, 0, 1, 0, 0, 1, within=0.05),
    mistakes={
        "a hundredth of σ": (CODE, "mu + 0.01 * (0.5 * logvar).exp() * torch.randn_like(mu)"),
        "nine tenths of σ": (CODE, "mu + 0.9 * (0.5 * logvar).exp() * torch.randn_like(mu)"),
        "log σ² read as log σ": (CODE, "Normal(mu, logvar.exp()).rsample()"),
        "the square root taken twice": (CODE, "mu + (0.25 * logvar).exp() * torch.randn_like(mu)"),
        "log σ² read as σ": (CODE, "mu + logvar * torch.randn_like(mu)"),
        "the mean": (CODE, "mu"),
        "a fixed width": (CODE, "mu + 0.1 * torch.randn_like(mu)"),
        "uniform noise": (CODE, "mu + (0.5 * logvar).exp() * torch.rand_like(mu)"),
        "centred uniform noise": (CODE, "mu + (0.5 * logvar).exp() * (torch.rand_like(mu) - 0.5)"),
        "the same noise for all images": (CODE, "mu + (0.5 * logvar).exp() * torch.randn(mu.shape[1])"),
        "the same noise in all dimensions": (CODE, "mu + (0.5 * logvar).exp() * torch.randn(len(mu), 1)"),
        "no noise, but σ": (CODE, "mu + (0.5 * logvar).exp()"),
        "noise that is never negative": (CODE, "mu + (0.5 * logvar).exp() * torch.randn_like(mu).abs()"),
        "noise cut off": (CODE, "mu + (0.5 * logvar).exp() * torch.randn_like(mu).clamp(-1, 1)"),
        "the mean of a few draws": (CODE, "mu + (0.5 * logvar).exp() * torch.randn(4, *mu.shape).mean(dim=0)"),
        "a limit on log σ²": (CODE, "mu + (0.5 * logvar.clamp(max=0)).exp() * torch.randn_like(mu)"),
        "the mean scaled as well": (CODE, "0.5 * (mu + (0.5 * logvar).exp() * torch.randn_like(mu))"),
    },
)
def _(cause):
    mistakes = {
        "right": cause.fixed(),
        "σ²": cause.wrong(),
        "0.01": cause.mistaken((CODE, "mu + 0.01 * (0.5 * logvar).exp() * torch.randn_like(mu)")),
    }
    losses, truths = {}, {}
    for name, names in mistakes.items():
        data = names["data"]

        class Drawn(VAE):
            def loss(self, x, names=names):
                mu, logvar = self.encode(x)
                return names["kl_to_standard_normal"](mu, logvar) - self.log_likelihood(x, names["draw"](mu, logvar))

        vae = small_vae(Bernoulli(), Drawn)
        fit(vae, data, epochs=40, precision="float32")
        with torch.no_grad():
            losses[name] = vae.loss(data.test).mean()
            truths[name] = -elbo(vae, data.test, n_samples=20).value.mean()
    assert losses["0.01"] < losses["σ²"] < losses["right"] - 1
    assert truths["right"] + 0.5 < truths["σ²"] < truths["0.01"]


def vae_of_loss(of_terms, draw=None):
    """Return a trained VAE whose loss is made of what `elbo` returns, perhaps with the codes drawn otherwise."""

    class Other(VAE):
        def loss(self, x):
            if draw is None:
                return of_terms(elbo(self, x))
            mu, logvar = self.encode(x)
            return kl_by_torch(mu, logvar) - self.log_likelihood(x, draw(mu, logvar))

    vae = small_vae(Bernoulli(), Other)
    fit(vae, setup()["data"], epochs=30, precision="float32")
    return vae


@shows(
    "loss-too-low",
    "No mistake: the model is good",
    says=lambda value: value[0] < 2 * value[1],
    slow=True,
    good=lambda: setup(vae=vae_of_loss(lambda terms: -terms.value)),
    mistakes={
        "σ² for σ": lambda: setup(vae=vae_of_loss(None, lambda mu, lv: mu + lv.exp() * torch.randn_like(mu))),
        "a hundredth of σ": lambda: setup(
            vae=vae_of_loss(None, lambda mu, lv: mu + 0.01 * (0.5 * lv).exp() * torch.randn_like(mu))
        ),
        "the mean decoded": lambda: setup(vae=vae_of_loss(None, lambda mu, lv: mu)),
        "a mean over pixels": lambda: setup(vae=vae_of_loss(lambda terms: -terms.value / 64)),
        "a KL term averaged over dimensions": lambda: setup(
            vae=vae_of_loss(lambda terms: terms.kl / 2 - terms.reconstruction)
        ),
        "no KL term": lambda: setup(vae=vae_of_loss(lambda terms: -terms.reconstruction)),
    },
)
def _(cause):
    model, x = linear_model(), setup()["data"].test[:256]  # q is the posterior, so the bound is exact
    exact = model.elbo(x, *model.encode(x)).value
    torch.testing.assert_close(exact, model.log_evidence(x), rtol=1e-3, atol=1e-2)
    vae = small_vae(Bernoulli())
    fit(vae, setup()["data"], epochs=5, precision="float32")
    mean, error = cause.check(setup(vae=vae))
    assert mean < 2 * error


CODES = "z.flatten(0, 1)"
FACTORS = "factors.repeat(len(z), 1)"


@shows(
    "disentanglement-near-zero",
    "Codes and factors in different orders",
    says=near(1, 1, within=1e-3),
    mistakes={
        "factors repeated row by row": (FACTORS, "factors.repeat_interleave(len(z), dim=0)"),
        "units moved to the front": (CODES, "z.permute(2, 0, 1).reshape(-1, z.shape[2])"),
        "images and draws exchanged in memory": (CODES, "z.transpose(0, 1).reshape(-1, z.shape[2])"),
        "shuffled factors": (FACTORS, "factors.repeat(len(z), 1)[torch.randperm(len(z) * len(factors))]"),
        "factors off by one image": (FACTORS, "factors.repeat(len(z), 1).roll(1, dims=0)"),
    },
)
def _(cause):
    factors = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    codes, gaps = factors.float().repeat(50, 1, 1), {}
    for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed())):
        z, kept = names["pair"](codes, factors)
        gaps[kind] = names["mutual_information_gap"](z, torch.full_like(z, -9.0), kept)
    assert gaps["wrong"].max() < 0.01
    torch.testing.assert_close(gaps["fixed"], torch.ones(2), rtol=0, atol=1e-3)


def codes_of_factors(mix=lambda codes: codes, order=lambda factors: factors):
    """Return factors on a grid with codes made of them."""
    factors = torch.cartesian_prod(torch.arange(5), torch.arange(5)).repeat(40, 1)
    mu = mix(factors.float() - 2)
    return setup(mu=mu, logvar=torch.full_like(mu, -3.0), factors=order(factors))


def turned(codes):
    return codes @ torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / 2**0.5


@shows(
    "disentanglement-near-zero",
    "No mistake: several units share a factor",
    says=lambda value: value.min() > 0.2,
    good=lambda: codes_of_factors(turned),
    mistakes={
        "shuffled factors": lambda: codes_of_factors(turned, lambda f: f[torch.randperm(len(f))]),
        "a collapsed posterior": lambda: codes_of_factors(lambda codes: 0 * codes),
    },
)
def _(cause):
    names = codes_of_factors(turned)
    gap = names["mutual_information_gap"](names["mu"], names["logvar"], names["factors"])
    assert gap.max() < 0.01
    assert cause.check(names).min() > 0.4


PASSED = "vectors + (rows - vectors).detach()"
TO_CODEBOOK = "(vectors.detach() - rows).square().sum(dim=(1, 2))"
TO_ENCODER = "(vectors - rows.detach()).square().sum(dim=(1, 2))"


@shows(
    "codebook-hardly-used",
    "No term moves the rows",
    says=near(2, 0.5, 2),
    mistakes={
        "the rows themselves": (PASSED, "rows"),
        "no stop at all": (TO_CODEBOOK, "(vectors - rows).square().sum(dim=(1, 2))"),
        "nothing rounded": (PASSED, "vectors + 0 * rows"),
        "the stop on the wrong part": (PASSED, "vectors.detach() + rows - rows.detach()"),
        "the weight on the wrong term": ("to_codebook + beta * to_encoder", "beta * to_codebook + to_encoder"),
        "the encoder's term left out": ("to_codebook + beta * to_encoder", "to_codebook"),
        "stops on both sides": (TO_CODEBOOK, "(vectors.detach() - rows.detach()).square().sum(dim=(1, 2))"),
        "no squares": (TO_CODEBOOK, "(vectors.detach() - rows).abs().sum(dim=(1, 2))"),
    },
)
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert near(2, -1.5, 0)(cause.check(wrong))  # nothing moves the row
    vectors, rows = torch.randn(2, 3, 4, 2)
    for ours, other in zip(fixed["quantise"](vectors, rows), wrong["quantise"](vectors, rows), strict=True):
        torch.testing.assert_close(ours, other)  # the loss does not show it


DRAWN = "vectors[drawn]"


@shows(
    "codebook-hardly-used",
    "Rows that are nearest to nothing",
    says=lambda value: value[0] >= 55 and value[1:] == (0, 0),
    mistakes={
        "all to one vector": (DRAWN, "vectors[0]"),
        "to the mean": (DRAWN, "vectors.mean(dim=0)"),
        "to a small number of vectors": ("torch.randint(len(vectors)", "torch.randint(8"),
        "near the old rows": (DRAWN, "codebook[old] + 0.1 * vectors[drawn]"),
        "rows in use moved too": ("idle >= patience", "idle >= 0"),
        "the wrong rows": ("idle >= patience", "idle < patience"),
        "a patience that is never reached": ("idle >= patience", "idle > patience"),
        "the count goes on": ("idle[old] = 0", "pass"),
    },
)
def _(cause):
    assert cause.check(cause.wrong())[0] < 10
    for _ in range(20):
        assert CHECKS["codebook-hardly-used", "Rows that are nearest to nothing"].passes(cause, cause.fixed())
        assert cause.check(cause.fixed())[0] >= 55


EACH_CAUSE = pytest.mark.parametrize(
    ("page", "title"),
    [pytest.param(*key, marks=[pytest.mark.check] * check.slow) for key, check in CHECKS.items()],
    ids=lambda name: name.lower().replace(" ", "-"),
)


@EACH_CAUSE
def test_only_mistaken_code_shows_the_symptom(page, title):
    SHOWN[page, title](causes(page)[title])


@EACH_CAUSE
def test_check_passes_for_no_mistake_with_the_symptom(page, title):
    cause, check = causes(page)[title], CHECKS[page, title]
    assert check.passes(cause, check.good() if check.good else cause.fixed(**check.variables()))
    others = {name: check.names_of(cause, mistake) for name, mistake in check.mistakes.items()}
    if not check.good:
        others["the mistake of the page"] = cause.wrong(**check.variables())
    assert len(others) > 1
    assert [name for name, names in others.items() if check.passes(cause, names)] == []


@pytest.mark.check
def test_table_of_the_page_shows_what_its_text_says(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_CACHE", str(tmp_path))
    names = {}
    exec(CELL.search(PAGES["loss-too-low"])[1], names)
    right, *too_low = zip(names["losses"], names["truths"], strict=True)
    assert right[0] == pytest.approx(right[1], abs=0.3)
    for loss, truth in too_low:
        assert loss < right[0] - 0.3
        assert truth > right[1] + 0.3
    assert "make the loss better and the model worse" in names["verdict"]
