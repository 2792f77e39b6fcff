"""The pages on mistakes: mistaken code shows its symptom, fixed code does not, and the check distinguishes them."""

import ast
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import distributions
from torch.nn import functional as nnf

from vae_lessons import VAE, Autoencoder, Bernoulli, ContinuousBernoulli, Gaussian, elbo, fit
from vae_lessons.evaluation.metrics import mean_estimate
from vae_lessons.evaluation.report import usable_sigma
from vae_lessons.models import LinearGaussian

ROOT = Path(__file__).parents[2]
LIST = ROOT / "book/mistakes.md"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "book/mistakes").glob("*.md"))}
WHERE = "Where the course treats it"
SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
BOX = re.compile(r"^:::\{admonition\} (\w+)\n:class: (\w+)\n\n```python\n(.*?)\n```\n:::$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\{code-block\} python\n:class: (\w+)\n\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"^- \[(.+)\]\(mistakes/([\w-]+)\.md\): \S", re.MULTILINE)
INDEX = re.compile(r"^```\{index\} (.+)\n```$", re.MULTILINE)
TITLES = {"wrong": "Mistaken", "fixed": "Fixed"}
LONGEST_LINE = 79
SHOWN = {}


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


def shows(page, title):
    """Register the test of a section."""

    def register(function):
        SHOWN[page, title] = function
        return function

    return register


@pytest.mark.parametrize(("page", "title"), SHOWN, ids=lambda name: name.lower().replace(" ", "-"))
def test_only_mistaken_code_shows_the_symptom(page, title):
    SHOWN[page, title](causes(page)[title])


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


@shows("loss-is-nan", "A sigmoid, then a logarithm")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong).isnan()
    assert cause.check(fixed) == pytest.approx(0, abs=1e-6)
    logits = 3 * torch.randn_like(wrong["x"])
    exact = -distributions.Bernoulli(logits=logits).log_prob(wrong["x"].round()).sum(dim=(1, 2))
    for names in wrong, fixed:  # where nothing overflows, both are right
        torch.testing.assert_close(names["bce"](wrong["x"].round(), logits), exact, rtol=1e-4, atol=1e-3)


@shows("loss-is-nan", "Exponentials before the average")
def _(cause):
    assert not cause.check(cause.wrong()).isfinite().any()
    fixed = cause.fixed()
    torch.testing.assert_close(cause.check(fixed), torch.full((4,), 500.0))
    logs = torch.randn(10, 4)
    exact = torch.from_numpy(np.log(np.mean(np.exp(logs.double().numpy()), axis=0)))
    torch.testing.assert_close(fixed["log_mean"](logs).double(), exact, rtol=1e-5, atol=1e-6)
    assert fixed["log_mean"](logs + 800).isfinite().all()


@shows("loss-is-nan", "A width that may turn negative")
def _(cause):
    assert not cause.check(cause.wrong())
    fixed = cause.fixed()
    assert cause.check(fixed)
    mu, logvar = torch.randn(2, 50, 3)
    torch.testing.assert_close(fixed["kl"](mu, logvar), kl_by_torch(mu, logvar))
    torch.testing.assert_close(cause.wrong()["kl"](mu, torch.exp(0.5 * logvar)), kl_by_torch(mu, logvar))


@shows("loss-is-negative", "No mistake: a density")
def _(cause):
    x, narrow = setup()["x"], Gaussian(0.1)
    assert (-narrow.log_prob(x, x) < 0).all()
    assert (-ContinuousBernoulli().log_prob(x.round(), 20 * x.round() - 10) < 0).all()
    pixel = torch.linspace(-1, 2, 3001).unsqueeze(1)  # and yet a density: it integrates to 1
    density = narrow.log_prob(pixel, torch.full_like(pixel, 0.5)).exp()
    assert float(torch.trapezoid(density, pixel[:, 0])) == pytest.approx(1, abs=1e-4)

    class TooLow(VAE):
        def loss(self, x):
            return super().loss(x) - 1000

    assert cause.check(setup(vae=small_vae(narrow)))
    assert not cause.check(setup(vae=small_vae(narrow, TooLow)))
    width = 1 / math.sqrt(2 * math.pi)  # where the constant changes its sign
    assert float(Gaussian(width).log_prob(x, x).abs().max()) < 1e-3


@shows("loss-is-negative", "Pixels outside [0, 1] in a cross-entropy")
def _(cause):
    def best_losses(images):
        sure = [scale * (2.0 * (images > 0.5) - 1) for scale in (1, 10, 100)]
        losses = [nnf.binary_cross_entropy_with_logits(logits, images, reduction="none") for logits in sure]
        return [float(loss.sum(dim=(1, 2)).mean()) for loss in losses]

    wrong, fixed = cause.wrong(), cause.fixed()
    low, high = cause.check(wrong)
    assert low < 0 < 1 < high
    first, second, third = best_losses(wrong["images"])
    assert third < 9 * second < 0 < 9 * abs(first)  # the surer, the lower, without end
    assert tuple(map(float, cause.check(fixed))) == (0, 1)
    assert min(best_losses(fixed["images"])) > 0
    bytes_of_pixels = 255 * fixed["images"]
    assert best_losses(bytes_of_pixels)[2] < best_losses(bytes_of_pixels)[1] < 0
    for images in (wrong["images"], bytes_of_pixels):  # the package's own likelihood refuses them
        with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
            small_vae(Bernoulli()).loss(images)


@shows("loss-is-negative", "The sign of the ELBO")
def _(cause):
    for names, sign in (cause.wrong(), -1), (cause.fixed(), 1):
        vae, x = names["vae"], names["x"]
        names["vae"] = vae = small_vae(Bernoulli())
        assert cause.check(names) == (sign > 0)
        before = Bernoulli().log_prob(x, vae.likelihood_params(vae.code(x))).mean()
        descend(lambda names=names, x=x: names["loss"](names["vae"], x), vae.parameters(), steps=50)
        after = Bernoulli().log_prob(x, vae.likelihood_params(vae.code(x))).mean()
        assert sign * (after - before) > 1  # copies get better, or worse
        assert cause.check(names) == (sign > 0)


@shows("elbo-changes", "An estimate is a random number")
def _(cause):
    model = linear_model(tilted=True)
    wrong, fixed = cause.wrong(vae=model), cause.fixed(vae=model)
    assert cause.check(wrong) > 0.1
    assert cause.check(fixed) == 0
    x = wrong["x"]
    exact = model.elbo(x, *model.encode(x)).value
    off = {kind: names["evaluate"](model, x) - exact for kind, names in (("one", wrong), ("many", fixed))}
    for difference in off.values():  # both are right on average
        assert abs(mean_estimate(difference).value) < 4 * mean_estimate(difference).error
    assert off["one"].std() / off["many"].std() == pytest.approx(10, rel=0.5)  # a hundred draws
    assert (wrong["evaluate"](model, x) > model.log_evidence(x)).any()


@shows("elbo-changes", "The tempting cure: decode the mean")
def _(cause):
    model, x = linear_model(), setup()["x"][:16]
    wrong, fixed = (names(vae=model, x=x) for names in (cause.wrong, cause.fixed))
    mean, error = cause.check(wrong)
    assert mean > 10 * error
    _, logvar = model.encode(x)
    forgotten = 0.5 * logvar.exp() @ model.weight.square().sum(dim=0) / model.sigma**2  # the cost of the spread
    exact = model.elbo(x, *model.encode(x)).value
    torch.testing.assert_close(wrong["evaluate"](model, x) - exact, forgotten, rtol=1e-3, atol=1e-3)
    mean, error = cause.check(fixed)
    assert abs(mean) < 4 * error  # no gap here: the posterior is a diagonal Gaussian


@shows("iwae-gets-worse", "A softmax over losses")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert float(cause.check(wrong)) == pytest.approx(-50)
    assert float(cause.check(fixed)) == pytest.approx(-math.log(2))
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


@shows("kl-goes-to-zero", "A mean over pixels beside a sum over dimensions")
def _(cause):
    shown = {}
    for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed())):
        data, sigma = names["data"], usable_sigma(names["data"].train)
        vae = small_vae(Gaussian(sigma))
        vae.start_at_mean(data.train.mean(dim=0))
        x = data.train[:256]

        def loss(names=names, vae=vae, x=x, sigma=sigma):
            mu, logvar = vae.encode(x)
            return names["loss"](x, vae.decode(names["reparameterise"](mu, logvar)), mu, logvar, sigma)

        descend(loss, vae.parameters(), steps=200)
        shown[kind] = cause.check(names | {"vae": vae})
    kl, active = shown["wrong"]
    assert kl < 0.01
    assert active == 0
    kl, active = shown["fixed"]
    assert kl > 1
    assert active > 0


@shows("kl-goes-to-zero", "Noise that drowns the images")
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


@shows("kl-is-negative", "A bracket or a sign in the closed form")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    mu, logvar = torch.randn(2, 50, 3)
    assert (wrong["kl"](mu, logvar) < 0).any()
    torch.testing.assert_close(fixed["kl"](mu, logvar), kl_by_torch(mu, logvar))
    assert cause.check(wrong).tolist() != [0, 0.5]
    assert cause.check(fixed).tolist() == [0, 0.5]
    torch.testing.assert_close(-fixed["kl"](mu, logvar), -kl_by_torch(mu, logvar))


@shows("kl-is-negative", "A sampled KL, cut off at zero")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) > 0.05
    assert abs(cause.check(fixed)) < 0.01
    q, prior = distributions.Normal(torch.tensor([[0.3]]), 0.9), distributions.Normal(0.0, 1.0)
    of_three = torch.stack([fixed["sampled_kl"](q.sample((3,)), q, prior) for _ in range(100)])
    assert (of_three < 0).any()


@shows("samples-are-grey", "Two sigmoids")
def _(cause):
    paper = {}
    for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed())):
        decoder, likelihood = names["decoder"], names["likelihood"]
        assert (cause.check(names) >= 0.5) == (kind == "wrong")
        z, x = torch.randn(64, 2), torch.zeros(64, names["data"].n_pixels)
        descend(lambda: -likelihood.log_prob(x, decoder(z)).mean(), decoder.parameters(), steps=200)  # noqa: B023
        paper[kind] = likelihood.mean(decoder(z)).mean()
    assert cause.check(cause.fixed()) < 0.05
    assert paper["wrong"] >= 0.5
    assert paper["fixed"] < 0.05


@shows("samples-are-grey", "A tanh, for pixels from 0 to 1")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert not cause.check(wrong)
    assert cause.check(fixed)
    assert fixed["decode"](torch.randn(100, 2)).max() <= 1
    a = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(torch.sigmoid(a), 0.5 * (1 + torch.tanh(a / 2)))


@shows("samples-are-grey", "No mistake: a probability is grey")
def _(cause):
    vae = small_vae(Bernoulli())
    grey = vae.sample(64)
    assert ((grey > 0.01) & (grey < 0.99)).any()
    assert cause.check(setup(vae=vae)).tolist() == [0, 1]
    assert len(cause.check(setup(vae=small_vae(Gaussian(0.5))))) > 2
    draws = torch.stack([Bernoulli().sample(torch.logit(grey[:1])) for _ in range(2000)])
    assert float((draws.mean(dim=0) - grey[:1]).abs().max()) < 0.06  # the average draw is what one shows


@shows("bad-samples", "A KL that weighs too little")
def _(cause):
    squares = {}
    for kind, names in (("wrong", cause.wrong()), ("fixed", cause.fixed())):
        names["vae"] = small_vae(Bernoulli(), names["MyVAE"])
        fit(names["vae"], names["data"], epochs=20, batch_size=64, precision="float32")
        squares[kind] = cause.check(names)
    assert squares["wrong"].mean() > 1.8
    assert squares["fixed"].tolist() == pytest.approx([1, 1], abs=0.25)


@shows("bad-samples", "A prior that was never there")
def _(cause):
    data = setup()["data"]
    model = Autoencoder(data.image_shape, 2, hidden=(64,), generator=seeded())
    fit(model, data, epochs=60, precision="float32")
    ratios = [cause.check(names(model=model)) for names in (cause.wrong, cause.fixed)]
    assert (ratios[0] < 0.7).all()
    assert ratios[1].tolist() == pytest.approx([1, 1], abs=0.15)


@shows("mean-image", "Every image compared with every copy")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) > 1
    assert cause.check(fixed) == 0
    x = wrong["x"]
    images, mean_image = x.unsqueeze(1), x.mean(dim=0).expand_as(x)
    assert wrong["error"](images, mean_image) < wrong["error"](images, x)
    gradients = {}
    for kind, names in (("wrong", wrong), ("fixed", fixed)):
        copies = mean_image.clone().requires_grad_()
        gradients[kind] = torch.autograd.grad(names["error"](images, copies), copies)[0].abs().max()
    assert gradients["wrong"] < 1e-6 < 1e-3 < gradients["fixed"]


@shows("mean-image", "A code that is stuck")
def _(cause):
    spreads = []
    for names in cause.wrong(), cause.fixed():
        data = names["data"]
        names["model"] = model = names["MyAutoencoder"](data.image_shape, 2, hidden=(64,), generator=seeded())
        fit(model, data, epochs=10, start_at_mean=names["at_mean"], precision="float32")
        spreads.append(cause.check(names))
    assert (spreads[0] < 1e-3).all()
    assert (spreads[1] > 0.1).all()


@shows("no-gradient", "A draw that gradients do not pass through")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert not cause.check(wrong)
    assert cause.check(fixed)
    parameters = [names["draw"](*names["vae"].encode(names["x"])).requires_grad for names in (wrong, fixed)]
    assert parameters == [False, True]
    model, x = linear_model(), wrong["x"][:1]
    mu, logvar = (q.clone().requires_grad_() for q in model.encode(x))
    exact = torch.autograd.grad(model.elbo(x, mu, logvar).reconstruction.sum(), mu)[0]
    z = fixed["draw"](mu.expand(4000, -1), logvar.expand(4000, -1))
    by_draws = torch.autograd.grad(model.log_likelihood(x.expand(4000, -1, -1), z).mean(), mu)[0]
    standard_error = model.weight.square().sum(dim=0).sqrt().max() / model.sigma / 4000**0.5  # roughly
    torch.testing.assert_close(by_draws, exact, rtol=0, atol=5 * float(standard_error))


@shows("no-gradient", "A gradient that is there, and zero")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) > 0.1
    assert cause.check(fixed) == 0
    mu, _ = wrong["encode"](wrong["x"])
    dead = (mu == 0).nonzero()[0]
    gradient = torch.autograd.grad(mu[tuple(dead)], wrong["vae"].encoder[0].weight)[0]
    assert not gradient.any()


@shows("sigma-runs-away", "It grows: the constant is missing")
def _(cause):
    vae, learned = small_vae(Bernoulli()), {}
    for kind, names in (("wrong", cause.wrong(vae=vae)), ("fixed", cause.fixed(vae=vae))):
        derivative = cause.check(names)
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


@shows("sigma-runs-away", "It shrinks: a pixel that never varies")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    assert cause.check(wrong) == 0
    assert cause.check(fixed) > 0
    never = wrong["images"].std(dim=0) == 0
    of_uniform = 1 / (len(wrong["data"].train.unique()) * math.sqrt(12))
    assert fixed["images"].std(dim=0)[never].tolist() == pytest.approx([of_uniform] * int(never.sum()), rel=0.1)
    assert 0 <= fixed["images"].min() < fixed["images"].max() <= 1
    spike = distributions.Normal(0.0, 1e-6).log_prob(wrong["images"][:, never]).sum()
    assert spike > 0


@shows("runs-differ", "The weights were drawn before the seed was set")
def _(cause):
    assert not cause.check(cause.wrong())
    assert cause.check(cause.fixed())


@shows("runs-differ", "Something else draws from the same generator")
def _(cause):
    assert not cause.check(cause.wrong())
    assert cause.check(cause.fixed())


@shows("better-on-test", "The training loss is older")
def _(cause):
    gaps = []
    for names in cause.wrong(), cause.fixed():
        names["vae"] = small_vae(Bernoulli())
        gaps.append(cause.check(names))
    assert gaps[0] < -3  # nats
    data, vae = names["data"], names["vae"]
    noise = math.hypot(*(mean_estimate(vae.loss(part).detach()).error for part in (data.train, data.test)))
    assert abs(gaps[1]) < 4 * noise < 1


@shows("better-on-test", "Another KL weight in validation")
def _(cause):
    model = linear_model()
    wrong, fixed = cause.wrong(vae=model), cause.fixed(vae=model)
    on_train, on_test = cause.check(wrong)
    kl = kl_by_torch(*model.encode(wrong["x"])).mean()
    torch.testing.assert_close(on_train - on_test, 0.9 * kl, rtol=1e-3, atol=0)
    assert on_test < on_train - 1
    on_train, on_test = cause.check(fixed)
    assert on_test == on_train


@shows("better-on-test", "The test images are training images")
def _(cause):
    assert cause.check(cause.wrong()) == 1
    assert cause.check(cause.fixed()) < 0.05


@shows("paper-numbers", "Hundreds of times: a mean where the paper sums")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    n_pixels = wrong["data"].n_pixels
    assert float(cause.check(wrong)) == pytest.approx(1, rel=1e-5)
    assert float(cause.check(fixed)) == pytest.approx(n_pixels, rel=1e-5)
    x, logits = wrong["x"], torch.randn_like(wrong["x"])
    exact = -distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(dim=(1, 2)).mean()
    torch.testing.assert_close(fixed["bce"](logits, x), exact)
    torch.testing.assert_close(wrong["bce"](logits, x), exact / n_pixels)


@shows("paper-numbers", "Some nats, or many: other pixels")
def _(cause):
    wrong, fixed = cause.wrong(), cause.fixed()
    floor = cause.check(wrong)
    assert floor > 1
    assert cause.check(fixed) == 0
    assert fixed["images"].unique().tolist() == [0, 1]
    grey, logits = wrong["images"], torch.logit(wrong["images"], eps=1e-6)
    copied = -Bernoulli().log_prob(grey, logits).mean()  # a decoder that copies perfectly
    assert float(copied) == pytest.approx(float(floor), rel=1e-3)


@shows("paper-numbers", "A nat or two: a bound beside a likelihood")
def _(cause):
    model, x = linear_model(tilted=True), setup()["x"][:16]
    wrong, fixed = (names(vae=model, x=x) for names in (cause.wrong, cause.fixed))
    precision = torch.linalg.inv(model.posterior(x)[1][0])
    gap = 0.5 * float(precision.diagonal().log().sum() - torch.logdet(precision))
    assert abs(cause.check(wrong) - gap) < 0.2 < gap
    assert abs(cause.check(fixed)) < 0.05
    of_draws = mean_estimate([(wrong["nll"](model, x) + model.log_evidence(x)).mean() for _ in range(50)])
    assert abs(of_draws.value - gap) < 5 * of_draws.error < 0.2
