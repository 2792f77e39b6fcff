"""The appendix in JAX: its models against independent formulas and PyTorch, and the book without its packages."""

import importlib.util

import nbformat
import numpy as np
import pytest
import torch
from conftest import ROOT
from course.execution import optional
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from vae_lessons import elbo
from vae_lessons.models import Autoencoder

PAGE = "book/appendix/jax"
DEFINITIONS = ("imports", "data", "network", "carry", "step", "torch-loop", "vae")
SMALL = {"HIDDEN": (16, 8), "BATCH_SIZE": 32}
N_STEPS = 60


@pytest.fixture(scope="module")
def page():
    """What the page's cells define, for smaller networks."""
    for name in optional.NEEDS[PAGE]:
        pytest.importorskip(name)
    cells = {cell.id: cell.source for cell in nbformat.read(ROOT / f"{PAGE}.ipynb", as_version=4).cells}
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_LESSONS_DATASET", "digits")
        for cell in DEFINITIONS:
            exec(cells[cell], names)
            names.update(SMALL if cell == "data" else {})
    return names


def images(page, n=1):
    return page["data"].train[:n].double()


def in_numpy(network, values):
    """Run an Equinox network on one vector by NumPy alone."""
    layers = [layer for layer in network.layers if hasattr(layer, "weight")]
    for layer in layers[:-1]:
        values = np.maximum(np.asarray(layer.weight) @ values + np.asarray(layer.bias), 0)
    return np.asarray(layers[-1].weight) @ values + np.asarray(layers[-1].bias)


def test_autoencoder_copies_and_codes_one_image(page):
    _, model = page["autoencoders"](torch.float64)
    x = images(page)[0].flatten().numpy()
    copy, z = model(page["jnp"].array(x))
    np.testing.assert_allclose(z, in_numpy(model.encoder, x), rtol=1e-12)
    np.testing.assert_allclose(copy, 1 / (1 + np.exp(-in_numpy(model.decoder, np.asarray(z)))), rtol=1e-12)
    np.testing.assert_allclose(model.loss(page["jnp"].array(x)), np.square(x - np.asarray(copy)).sum(), rtol=1e-12)


def test_vae_loss_is_minus_the_elbo_of_distributions(page):
    _, vae = page["vaes"](torch.float64)
    x, eps = images(page)[0].flatten(), torch.tensor([0.3, -1.2], dtype=torch.float64)
    mu, logvar = torch.from_numpy(in_numpy(vae.encoder, x.numpy())).chunk(2)
    q, prior = Normal(mu, (logvar / 2).exp()), Normal(torch.zeros_like(mu), 1)
    logits = torch.from_numpy(in_numpy(vae.decoder, (q.mean + q.stddev * eps).numpy()))
    likelihood = Independent(Bernoulli(logits=logits, validate_args=False), 1)
    expected = kl_divergence(q, prior).sum() - likelihood.log_prob(x)
    loss = vae.loss(page["jnp"].array(x.numpy()), page["jnp"].array(eps.numpy()))
    np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_autoencoder_trains_as_in_pytorch(page):
    batches = page["draw_batches"](N_STEPS, torch.float64)
    model, twin = page["autoencoders"](torch.float64)
    expected = page["train_in_torch"](model, batches, Autoencoder.loss)
    torch.testing.assert_close(page["train_in_jax"](twin, batches), expected, rtol=1e-12, atol=0)


def test_vae_trains_as_in_pytorch_with_the_same_noise(page):
    model, twin = page["vaes"](torch.float64)
    batches = [
        (x, torch.randn(len(x), 2, dtype=x.dtype, generator=page["seeded"](i)))
        for i, (x,) in enumerate(page["draw_batches"](N_STEPS, torch.float64))
    ]
    seeds = iter(range(N_STEPS))

    def loss(vae, x, _eps):
        return -elbo(vae, x, generator=page["seeded"](next(seeds))).value  # which draws the same noise

    expected = page["train_in_torch"](model, batches, loss)
    torch.testing.assert_close(page["train_in_jax"](twin, batches), expected, rtol=1e-12, atol=0)


# The book without the packages.


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        (("jax", "equinox", "optax"), None),
        (("jax",), "because equinox and optax are not installed where the book was built"),
        (("jax", "equinox"), "because optax is not installed where the book was built"),
    ],
)
def test_page_says_if_its_results_were_left_out(installed, said, monkeypatch, tmp_path):
    found = importlib.util.find_spec
    monkeypatch.setattr(optional, "find_spec", lambda name: found("sys" if name in installed else "no_such_package"))
    source, out = tmp_path / "course", tmp_path / "site"
    (source / PAGE).parent.mkdir(parents=True)
    (source / "index.md").write_text(f"# Index\n\n```{{toctree}}\n{PAGE}\n```\n", encoding="utf-8")
    cells = [new_markdown_cell("# In JAX\n\nA text."), new_code_cell("raise RuntimeError")]
    nbformat.write(new_notebook(cells=cells), source / f"{PAGE}.ipynb")
    options = {"extensions": ["myst_nb", "course.execution.optional"]}
    options |= {"source_suffix": {".md": "myst-nb", ".ipynb": "myst-nb"}}  # or later Sphinxes in this process keep them
    options |= {"nb_execution_mode": "off" if said is None else "force", "nb_execution_raise_on_error": True}
    with docutils_namespace():
        app = Sphinx(source, None, out, tmp_path / "trees", "html", options, status=None, warning=None)
        app.build()
    text = " ".join((out / f"{PAGE}.html").read_text(encoding="utf-8").split())
    assert ("results of this page were left out" in text) == (said is not None)
    assert said is None or said in text
    assert "RuntimeError" in text
