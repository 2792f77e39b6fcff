"""The pages of mistakes: the mistaken lines show their symptom, the mended ones do not, and what is checked tells."""

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
TITLES = {"wrong": "Mistaken", "mended": "Mended"}
LONGEST_LINE = 79
SHOWN = {}


@dataclass(frozen=True)
class Cause:
    """A section of a page: its code, to be run in the middle of the program that the list of mistakes begins."""

    text: str

    def blocks(self):
        boxes = [(kind, code) for _, kind, code in BOX.findall(self.text)]
        return boxes + BLOCK.findall(self.text)

    def wrong(self, **own):
        return self._after("wrong", own)

    def mended(self, **own):
        return self._after("mended", own)

    def check(self, names):
        """The value of the last line of what is to be checked."""
        *lines, last = ast.parse(dict(self.blocks())["check"]).body
        exec(compile(ast.Module(lines, []), "check", "exec"), names)
        return eval(compile(ast.Expression(last.value), "check", "eval"), names)

    def _after(self, kind, own):
        names = given() | own
        exec(dict(self.blocks())[kind], names)
        return names


def causes(page):
    """The sections of a page, by title, but for the last."""
    _, *parts = SECTION.split(PAGES[page])
    found = {title: Cause(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}
    assert found.popitem()[0] == WHERE
    return found


@cache
def _given():
    names = {}
    exec(dict(BLOCK.findall(LIST.read_text(encoding="utf-8")))["given"], names)
    return names


def given(**own):
    return _given() | own


@pytest.fixture(autouse=True)
def small_and_seeded(monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_DATASET", "digits")
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")  # no progress bars
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def shows(page, title):
    """Register what must be so of a section."""

    def register(function):
        SHOWN[page, title] = function
        return function

    return register


@pytest.mark.parametrize(("page", "title"), SHOWN, ids=lambda name: name.lower().replace(" ", "-"))
def test_the_mistaken_lines_show_the_symptom_and_the_mended_ones_do_not(page, title):
    SHOWN[page, title](causes(page)[title])


def test_each_cause_of_each_page_is_tested_and_each_test_has_one():
    assert {(page, title) for page in PAGES for title in causes(page)} == set(SHOWN)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_shape_of_all_pages(page):
    title, *_ = PAGES[page].splitlines()
    assert re.fullmatch(r"# (My|Two runs) .+", title)
    assert len(INDEX.findall(PAGES[page])) == 1
    for name, cause in causes(page).items():
        assert [TITLES[kind] for _, kind, _ in BOX.findall(cause.text)] == [
            box for box, _, _ in BOX.findall(cause.text)
        ]
        kinds = [kind for kind, _ in cause.blocks()]
        assert kinds in (["wrong", "mended", "check"], ["check"]), name
        assert "**Why.** " in cause.text
        assert ("**The line.** " in cause.text) == (len(kinds) == 3)
        assert re.search(r"^\*\*Check that it is (mended|none)\*?\*?", cause.text, re.MULTILINE), name
        assert cause.text.count("$$") + cause.text.count("{eq}") >= 1, name
        lines = [line for _, code in cause.blocks() for line in code.splitlines()]
        assert max(map(len, lines)) <= LONGEST_LINE, name
    assert re.search(r"^- .*\]\(\.\./\.\./notebooks/", PAGES[page], re.MULTILINE)
    assert "](#exercise-" in PAGES[page] or page == "runs-differ"


def test_the_list_leads_to_every_page_by_its_title():
    titles = {page: text.splitlines()[0].removeprefix("# ") for page, text in PAGES.items()}
    listed = [(page, title) for title, page in LINK.findall(LIST.read_text(encoding="utf-8"))]
    assert sorted(listed) == sorted(titles.items())


def descend(loss, parameters, steps=300, lr=0.01):
    optimiser = torch.optim.Adam(parameters, lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_vae(likelihood, make=VAE):
    data = given()["data"]
    return make(data.image_shape, 2, hidden=(64,), likelihood=likelihood, generator=seeded())


def linear_model(tilted=False):
    """The linear-Gaussian model, in which all is known. With a tilted posterior a diagonal q has a gap."""
    model = LinearGaussian.fit(given()["data"].train, 2)
    mixed = torch.tensor([[0.9, -0.9], [0.3, 0.3]]) if tilted else torch.eye(2)
    return LinearGaussian(model.weight @ mixed, model.bias, model.sigma)


def kl_by_torch(mu, logvar):
    q = distributions.Normal(mu, torch.exp(0.5 * logvar))
    return distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(dim=1)


@shows("loss-is-nan", "A sigmoid, then a logarithm")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert cause.check(wrong).isnan()
    assert cause.check(mended) == pytest.approx(0, abs=1e-6)
    logits = 3 * torch.randn_like(wrong["x"])
    exact = -distributions.Bernoulli(logits=logits).log_prob(wrong["x"].round()).sum(dim=(1, 2))
    for names in wrong, mended:  # where nothing overflows, both are right
        torch.testing.assert_close(names["bce"](wrong["x"].round(), logits), exact, rtol=1e-4, atol=1e-3)


@shows("loss-is-nan", "Exponentials before the average")
def _(cause):
    assert not cause.check(cause.wrong()).isfinite().any()
    mended = cause.mended()
    torch.testing.assert_close(cause.check(mended), torch.full((4,), 500.0))
    logs = torch.randn(10, 4)
    exact = torch.from_numpy(np.log(np.mean(np.exp(logs.double().numpy()), axis=0)))
    torch.testing.assert_close(mended["log_mean"](logs).double(), exact, rtol=1e-5, atol=1e-6)
    assert mended["log_mean"](logs + 800).isfinite().all()


@shows("loss-is-nan", "A width that may turn negative")
def _(cause):
    assert not cause.check(cause.wrong())
    mended = cause.mended()
    assert cause.check(mended)
    mu, logvar = torch.randn(2, 50, 3)
    torch.testing.assert_close(mended["kl"](mu, logvar), kl_by_torch(mu, logvar))
    torch.testing.assert_close(cause.wrong()["kl"](mu, torch.exp(0.5 * logvar)), kl_by_torch(mu, logvar))


@shows("loss-is-negative", "No mistake: a density")
def _(cause):
    x, narrow = given()["x"], Gaussian(0.1)
    assert (-narrow.log_prob(x, x) < 0).all()
    assert (-ContinuousBernoulli().log_prob(x.round(), 20 * x.round() - 10) < 0).all()
    pixel = torch.linspace(-1, 2, 3001).unsqueeze(1)  # and yet a density: it integrates to 1
    density = narrow.log_prob(pixel, torch.full_like(pixel, 0.5)).exp()
    assert float(torch.trapezoid(density, pixel[:, 0])) == pytest.approx(1, abs=1e-4)

    class TooLow(VAE):
        def loss(self, x):
            return super().loss(x) - 1000

    assert cause.check(given(vae=small_vae(narrow)))
    assert not cause.check(given(vae=small_vae(narrow, TooLow)))
    width = 1 / math.sqrt(2 * math.pi)  # where the constant changes its sign
    assert float(Gaussian(width).log_prob(x, x).abs().max()) < 1e-3


@shows("loss-is-negative", "Pixels outside [0, 1] in a cross-entropy")
def _(cause):
    def best_losses(images):
        sure = [scale * (2.0 * (images > 0.5) - 1) for scale in (1, 10, 100)]
        losses = [nnf.binary_cross_entropy_with_logits(logits, images, reduction="none") for logits in sure]
        return [float(loss.sum(dim=(1, 2)).mean()) for loss in losses]

    wrong, mended = cause.wrong(), cause.mended()
    low, high = cause.check(wrong)
    assert low < 0 < 1 < high
    first, second, third = best_losses(wrong["images"])
    assert third < 9 * second < 0 < 9 * abs(first)  # the surer, the lower, without end
    assert tuple(map(float, cause.check(mended))) == (0, 1)
    assert min(best_losses(mended["images"])) > 0
    bytes_of_pixels = 255 * mended["images"]
    assert best_losses(bytes_of_pixels)[2] < best_losses(bytes_of_pixels)[1] < 0
    for images in (wrong["images"], bytes_of_pixels):  # where it is the package's own, it says so
        with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
            small_vae(Bernoulli()).loss(images)


@shows("loss-is-negative", "The sign of the ELBO")
def _(cause):
    for names, sign in (cause.wrong(), -1), (cause.mended(), 1):
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
    wrong, mended = cause.wrong(vae=model), cause.mended(vae=model)
    assert cause.check(wrong) > 0.1
    assert cause.check(mended) == 0
    x = wrong["x"]
    exact = model.elbo(x, *model.encode(x)).value
    off = {kind: names["evaluate"](model, x) - exact for kind, names in (("one", wrong), ("many", mended))}
    for difference in off.values():  # both are right on average
        assert abs(mean_estimate(difference).value) < 4 * mean_estimate(difference).error
    assert off["one"].std() / off["many"].std() == pytest.approx(10, rel=0.5)  # a hundred draws
    assert (wrong["evaluate"](model, x) > model.log_evidence(x)).any()


@shows("elbo-changes", "The tempting cure: decode the mean")
def _(cause):
    model, x = linear_model(), given()["x"][:16]
    wrong, mended = (names(vae=model, x=x) for names in (cause.wrong, cause.mended))
    mean, error = cause.check(wrong)
    assert mean > 10 * error
    _, logvar = model.encode(x)
    forgotten = 0.5 * logvar.exp() @ model.weight.square().sum(dim=0) / model.sigma**2  # what the spread costs
    exact = model.elbo(x, *model.encode(x)).value
    torch.testing.assert_close(wrong["evaluate"](model, x) - exact, forgotten, rtol=1e-3, atol=1e-3)
    mean, error = cause.check(mended)
    assert abs(mean) < 4 * error  # no gap here: the posterior is a diagonal Gaussian


@shows("iwae-gets-worse", "A softmax over losses")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert float(cause.check(wrong)) == pytest.approx(-50)
    assert float(cause.check(mended)) == pytest.approx(-math.log(2))
    model, x = linear_model(), given()["x"]
    mu, logvar = model.encode(x)
    logvar = logvar + 1  # a poor q, so that there is something to gain
    z = mu + torch.exp(0.5 * logvar) * torch.randn(1000, *mu.shape)
    log_q = distributions.Normal(mu, torch.exp(0.5 * logvar)).log_prob(z).sum(dim=2)
    log_prior = distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=2)
    log_weights = torch.stack([model.log_likelihood(x, one) for one in z]) + log_prior - log_q
    at = {
        kind: [torch.stack([names["bound"](some) for some in log_weights.split(n)]).mean() for n in (1, 10, 1000)]
        for kind, names in (("wrong", wrong), ("mended", mended))
    }
    assert at["mended"] == sorted(at["mended"])  # higher with more samples, and towards the exact value
    assert float(at["mended"][-1]) == pytest.approx(float(model.log_evidence(x).mean()), abs=0.1)
    assert at["wrong"] == sorted(at["wrong"], reverse=True)
    assert at["wrong"][0] == at["mended"][0]


@shows("kl-goes-to-zero", "A mean over pixels beside a sum over dimensions")
def _(cause):
    said = {}
    for kind, names in (("wrong", cause.wrong()), ("mended", cause.mended())):
        data, sigma = names["data"], usable_sigma(names["data"].train)
        vae = small_vae(Gaussian(sigma))
        vae.start_at_mean(data.train.mean(dim=0))
        x = data.train[:256]

        def loss(names=names, vae=vae, x=x, sigma=sigma):
            mu, logvar = vae.encode(x)
            return names["loss"](x, vae.decode(names["reparameterise"](mu, logvar)), mu, logvar, sigma)

        descend(loss, vae.parameters(), steps=200)
        said[kind] = cause.check(names | {"vae": vae})
    rate, active = said["wrong"]
    assert rate < 0.01
    assert active == 0
    rate, active = said["mended"]
    assert rate > 1
    assert active > 0


@shows("kl-goes-to-zero", "Noise that drowns the images")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert cause.check(wrong) == 0
    assert cause.check(mended) >= 2
    data = wrong["data"]
    variances = PCA().fit(data.train.flatten(1).numpy()).explained_variance_
    assert cause.check(mended) == (variances > mended["likelihood"].sigma ** 2).sum()
    rates = []
    for names in wrong, mended:
        vae = small_vae(names["likelihood"])
        fit(vae, data, epochs=20, precision="float32")
        rates.append(elbo(vae, data.test).kl.mean().item())
    assert rates[0] < 0.01
    assert rates[1] > 1


@shows("kl-is-negative", "A bracket or a sign in the closed form")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    mu, logvar = torch.randn(2, 50, 3)
    assert (wrong["kl"](mu, logvar) < 0).any()
    torch.testing.assert_close(mended["kl"](mu, logvar), kl_by_torch(mu, logvar))
    assert cause.check(wrong).tolist() != [0, 0.5]
    assert cause.check(mended).tolist() == [0, 0.5]
    torch.testing.assert_close(-mended["kl"](mu, logvar), -kl_by_torch(mu, logvar))


@shows("kl-is-negative", "A sampled KL, cut off at zero")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert cause.check(wrong) > 0.05
    assert abs(cause.check(mended)) < 0.01
    q, prior = distributions.Normal(torch.tensor([[0.3]]), 0.9), distributions.Normal(0.0, 1.0)
    of_three = torch.stack([mended["sampled_kl"](q.sample((3,)), q, prior) for _ in range(100)])
    assert (of_three < 0).any()


@shows("samples-are-grey", "Two sigmoids")
def _(cause):
    paper = {}
    for kind, names in (("wrong", cause.wrong()), ("mended", cause.mended())):
        decoder, likelihood = names["decoder"], names["likelihood"]
        assert (cause.check(names) >= 0.5) == (kind == "wrong")
        z, x = torch.randn(64, 2), torch.zeros(64, names["data"].n_pixels)
        descend(lambda: -likelihood.log_prob(x, decoder(z)).mean(), decoder.parameters(), steps=200)  # noqa: B023
        paper[kind] = likelihood.mean(decoder(z)).mean()
    assert cause.check(cause.mended()) < 0.05
    assert paper["wrong"] >= 0.5
    assert paper["mended"] < 0.05


@shows("samples-are-grey", "A tanh, for pixels from 0 to 1")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert not cause.check(wrong)
    assert cause.check(mended)
    assert mended["decode"](torch.randn(100, 2)).max() <= 1
    a = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(torch.sigmoid(a), 0.5 * (1 + torch.tanh(a / 2)))


@shows("samples-are-grey", "No mistake: a probability is grey")
def _(cause):
    vae = small_vae(Bernoulli())
    grey = vae.sample(64)
    assert ((grey > 0.01) & (grey < 0.99)).any()
    assert cause.check(given(vae=vae)).tolist() == [0, 1]
    assert len(cause.check(given(vae=small_vae(Gaussian(0.5))))) > 2
    draws = torch.stack([Bernoulli().sample(torch.logit(grey[:1])) for _ in range(2000)])
    assert float((draws.mean(dim=0) - grey[:1]).abs().max()) < 0.06  # the average draw is what one shows


@shows("bad-samples", "A KL that weighs too little")
def _(cause):
    squares = {}
    for kind, names in (("wrong", cause.wrong()), ("mended", cause.mended())):
        names["vae"] = small_vae(Bernoulli(), names["Mine"])
        fit(names["vae"], names["data"], epochs=20, batch_size=64, precision="float32")
        squares[kind] = cause.check(names)
    assert squares["wrong"].mean() > 1.8
    assert squares["mended"].tolist() == pytest.approx([1, 1], abs=0.25)


@shows("bad-samples", "A prior that was never there")
def _(cause):
    data = given()["data"]
    model = Autoencoder(data.image_shape, 2, hidden=(64,), generator=seeded())
    fit(model, data, epochs=60, precision="float32")
    ratios = [cause.check(names(model=model)) for names in (cause.wrong, cause.mended)]
    assert (ratios[0] < 0.7).all()
    assert ratios[1].tolist() == pytest.approx([1, 1], abs=0.15)


@shows("mean-image", "Every image compared with every copy")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert cause.check(wrong) > 1
    assert cause.check(mended) == 0
    x = wrong["x"]
    images, mean_image = x.unsqueeze(1), x.mean(dim=0).expand_as(x)
    assert wrong["error"](images, mean_image) < wrong["error"](images, x)
    slopes = {}
    for kind, names in (("wrong", wrong), ("mended", mended)):
        copies = mean_image.clone().requires_grad_()
        slopes[kind] = torch.autograd.grad(names["error"](images, copies), copies)[0].abs().max()
    assert slopes["wrong"] < 1e-6 < 1e-3 < slopes["mended"]


@shows("mean-image", "A code that is stuck")
def _(cause):
    spreads = []
    for names in cause.wrong(), cause.mended():
        data = names["data"]
        names["model"] = model = names["Mine"](data.image_shape, 2, hidden=(64,), generator=seeded())
        fit(model, data, epochs=10, start_at_mean=names["at_mean"], precision="float32")
        spreads.append(cause.check(names))
    assert (spreads[0] < 1e-3).all()
    assert (spreads[1] > 0.1).all()


@shows("no-gradient", "A draw that gradients do not pass through")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert not cause.check(wrong)
    assert cause.check(mended)
    parameters = [names["draw"](*names["vae"].encode(names["x"])).requires_grad for names in (wrong, mended)]
    assert parameters == [False, True]
    model, x = linear_model(), wrong["x"][:1]
    mu, logvar = (q.clone().requires_grad_() for q in model.encode(x))
    exact = torch.autograd.grad(model.elbo(x, mu, logvar).reconstruction.sum(), mu)[0]
    z = mended["draw"](mu.expand(4000, -1), logvar.expand(4000, -1))
    by_draws = torch.autograd.grad(model.log_likelihood(x.expand(4000, -1, -1), z).mean(), mu)[0]
    slack = model.weight.square().sum(dim=0).sqrt().max() / model.sigma / 4000**0.5  # a standard error, roughly
    torch.testing.assert_close(by_draws, exact, rtol=0, atol=5 * float(slack))


@shows("no-gradient", "A gradient that is there, and zero")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert cause.check(wrong) > 0.1
    assert cause.check(mended) == 0
    mu, _ = wrong["encode"](wrong["x"])
    dead = (mu == 0).nonzero()[0]
    slopes = torch.autograd.grad(mu[tuple(dead)], wrong["vae"].encoder[0].weight)[0]
    assert not slopes.any()


@shows("sigma-runs-away", "It grows: the constant is missing")
def _(cause):
    vae, found = small_vae(Bernoulli()), {}
    for kind, names in (("wrong", cause.wrong(vae=vae)), ("mended", cause.mended(vae=vae))):
        slope = cause.check(names)
        assert (abs(float(slope)) < 1e-2) == (kind == "mended")
        log_sigma = torch.tensor(0.0, requires_grad=True)
        descend(lambda: names["misfit"](names["error"], log_sigma).mean(), [log_sigma], lr=0.05)  # noqa: B023
        found[kind] = log_sigma.exp().item()
    best = (names["x"] - vae(names["x"])).square().mean().sqrt().item()
    assert found["mended"] == pytest.approx(best, rel=0.01)
    assert found["wrong"] > 10 * best
    x, x_hat = names["x"], vae(names["x"])
    exact = -Gaussian(0.3).log_prob(x, x_hat)
    torch.testing.assert_close(names["misfit"](names["error"], torch.tensor(math.log(0.3))), exact)


@shows("sigma-runs-away", "It shrinks: a pixel that never varies")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    assert cause.check(wrong) == 0
    assert cause.check(mended) > 0
    never = wrong["images"].std(dim=0) == 0
    of_uniform = 1 / (len(wrong["data"].train.unique()) * math.sqrt(12))
    assert mended["images"].std(dim=0)[never].tolist() == pytest.approx([of_uniform] * int(never.sum()), rel=0.1)
    assert 0 <= mended["images"].min() < mended["images"].max() <= 1
    spike = distributions.Normal(0.0, 1e-6).log_prob(wrong["images"][:, never]).sum()
    assert spike > 0


@shows("runs-differ", "The weights were drawn before the seed was set")
def _(cause):
    assert not cause.check(cause.wrong())
    assert cause.check(cause.mended())


@shows("runs-differ", "Somebody else draws from the same generator")
def _(cause):
    assert not cause.check(cause.wrong())
    assert cause.check(cause.mended())


@shows("better-on-test", "The training loss is older")
def _(cause):
    gaps = []
    for names in cause.wrong(), cause.mended():
        names["vae"] = small_vae(Bernoulli())
        gaps.append(cause.check(names))
    assert gaps[0] < -3  # nats
    data, vae = names["data"], names["vae"]
    noise = math.hypot(*(mean_estimate(vae.loss(part).detach()).error for part in (data.train, data.test)))
    assert abs(gaps[1]) < 4 * noise < 1


@shows("better-on-test", "Another KL weight in validation")
def _(cause):
    model = linear_model()
    wrong, mended = cause.wrong(vae=model), cause.mended(vae=model)
    on_train, on_test = cause.check(wrong)
    kl = kl_by_torch(*model.encode(wrong["x"])).mean()
    torch.testing.assert_close(on_train - on_test, 0.9 * kl, rtol=1e-3, atol=0)
    assert on_test < on_train - 1
    on_train, on_test = cause.check(mended)
    assert on_test == on_train


@shows("better-on-test", "The test images are training images")
def _(cause):
    assert cause.check(cause.wrong()) == 1
    assert cause.check(cause.mended()) < 0.05


@shows("paper-numbers", "Hundreds of times: a mean where the paper sums")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    n_pixels = wrong["data"].n_pixels
    assert float(cause.check(wrong)) == pytest.approx(1, rel=1e-5)
    assert float(cause.check(mended)) == pytest.approx(n_pixels, rel=1e-5)
    x, logits = wrong["x"], torch.randn_like(wrong["x"])
    exact = -distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(dim=(1, 2)).mean()
    torch.testing.assert_close(mended["bce"](logits, x), exact)
    torch.testing.assert_close(wrong["bce"](logits, x), exact / n_pixels)


@shows("paper-numbers", "Some nats, or many: other pixels")
def _(cause):
    wrong, mended = cause.wrong(), cause.mended()
    floor = cause.check(wrong)
    assert floor > 1
    assert cause.check(mended) == 0
    assert mended["images"].unique().tolist() == [0, 1]
    grey, logits = wrong["images"], torch.logit(wrong["images"], eps=1e-6)
    copied = -Bernoulli().log_prob(grey, logits).mean()  # a decoder that copies perfectly
    assert float(copied) == pytest.approx(float(floor), rel=1e-3)


@shows("paper-numbers", "A nat or two: a bound beside a likelihood")
def _(cause):
    model, x = linear_model(tilted=True), given()["x"][:16]
    wrong, mended = (names(vae=model, x=x) for names in (cause.wrong, cause.mended))
    precision = torch.linalg.inv(model.posterior(x)[1][0])
    gap = 0.5 * float(precision.diagonal().log().sum() - torch.logdet(precision))
    assert abs(cause.check(wrong) - gap) < 0.2 < gap
    assert abs(cause.check(mended)) < 0.05
    of_draws = mean_estimate([(wrong["nll"](model, x) + model.log_evidence(x)).mean() for _ in range(50)])
    assert abs(of_draws.value - gap) < 5 * of_draws.error < 0.2
