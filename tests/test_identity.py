"""What tells a model from others: everything that its training depends on, and nothing that it does not."""

import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from vae_lessons import VAE, Autoencoder, Bernoulli, elbo, load_images
from vae_lessons.identity import identity

NOTEBOOK = """
    import abc
    import functools
    from dataclasses import dataclass
    from types import SimpleNamespace
    import torch
    from vae_lessons import VAE, Bernoulli, elbo

    BETA = 4
    WEIGHTS = torch.ones(2)
    ORDER = ["kl", "fit"]
    UNUSED = 1
    shape = "of a plot"
    options = SimpleNamespace(scale=1.5)

    def halved(value, by=2, *, of=1):
        return value / by

    halved.unit = "nat"

    def share(part, whole):
        try: value = part / whole; value.item()
        except RuntimeError: pass
        return value

    @functools.lru_cache
    def looked_up(n):
        return n + 1

    def power_of(exponent):
        return lambda value: value**exponent

    squared = power_of(2)

    @dataclass
    class Plan:
        warm: float = 0.5

        def warmed(self, value):
            return value * self.warm

    plan = Plan(warm=0.25)
    first, second = [1], [2]

    class Ink(Bernoulli):
        def log_prob(self, x, logits):
            return 1.0 * super().log_prob(x, logits)

    class Base(VAE, abc.ABC):
        weight = 2

        @property
        def twice(self):
            return 2 * self.weight

        @functools.cached_property
        def thrice(self):
            return 3 * self.weight

        @staticmethod
        def shifted(value):
            return value + 1

    class BetaVAE(Base):
        def __init__(self):
            super().__init__((2, 2), 1, (3,), likelihood=Ink(), generator=torch.Generator().manual_seed(0))
            self.gamma = 1

        def loss(self, x):
            terms = elbo(self, x)
            rate = sum([BETA * halved(squared(share(part=kl, whole=2))) for kl in terms.kl])  # the code's price
            rate = rate * options.scale * plan.warm * torch.sum(WEIGHTS) + looked_up(1) * len(ORDER) * x.shape[0]
            return self.gamma * self.weight * rate - terms.log_likelihood

    model = BetaVAE()
"""
CHANGES = {
    "a global number": ("BETA = 4", "BETA = 20"),
    "a number's kind": ("BETA = 4", "BETA = 4.0"),
    "a global tensor": ("torch.ones(2)", "torch.tensor([1.0, 2.0])"),
    "a tensor's kind": ("torch.ones(2)", "torch.ones(2).double()"),
    "a global list": ('["kl", "fit"]', '["fit", "kl"]'),
    "an attribute of a global": ("scale=1.5", "scale=2.5"),
    "an object of a class of one's own": ("Plan(warm=0.25)", "Plan()"),
    "that class": ("warm: float = 0.5", "warm: float = 0.75"),
    "a helper": ("value / by", "value // by"),
    "a helper's default": ("by=2", "by=3"),
    "another default": ("of=1", "of=2"),
    "a helper's own attribute": ('"nat"', '"bit"'),
    "what an argument takes": ("def share(part, whole)", "def share(part, *whole)"),
    "which argument is which": ("def share(part, whole)", "def share(whole, part)"),
    "which argument is which, by name": (
        "share(part, whole):\n        try: value = part / whole",
        "share(whole, part):\n        try: value = whole / part",
    ),
    "how far a try reaches": (
        "try: value = part / whole; value.item()",
        "value = part / whole\n        try: value.item()",
    ),
    "a helper with a cache": ("n + 1", "n + 2"),
    "what a function closes over": ("power_of(2)", "power_of(3)"),
    "a likelihood": ("1.0 * super()", "2.0 * super()"),
    "a class attribute": ("weight = 2", "weight = 3"),
    "a property": ("2 * self.weight", "4 * self.weight"),
    "a cached property": ("3 * self.weight", "4 * self.weight"),
    "a static method": ("value + 1", "value - 1"),
    "an attribute": ("self.gamma = 1", "self.gamma = 5"),
    "a number in the loss": ("x.shape[0]", "x.shape[1]"),
    "a decorator": ("def loss", "@torch.inference_mode()\n        def loss"),
    "another decorator": ("def loss", "@torch.inference_mode(False)\n        def loss"),
    "the weights": ("manual_seed(0)", "manual_seed(1)"),
    "what is learned": ("model = BetaVAE()", "model = BetaVAE(); model.encoder.requires_grad_(False)"),
    "an attribute set from outside": ("model = BetaVAE()", "model = BetaVAE(); model.likelihood.sharp = True"),
    "a loss of the object's own": ("model = BetaVAE()", "model = BetaVAE(); model.loss = lambda x: x.sum((1, 2))"),
    "another": ("model = BetaVAE()", "model = BetaVAE(); model.loss = lambda x: x.mean((1, 2))"),
    "a method bound to it": ("model = BetaVAE()", "model = BetaVAE(); model.loss = Base.loss.__get__(model)"),
    "a method of another object": ("model = BetaVAE()", "model = BetaVAE(); model.f = Plan(1.0).warmed"),
    "of yet another": ("model = BetaVAE()", "model = BetaVAE(); model.f = Plan(2.0).warmed"),
    "what is the same": ("model = BetaVAE()", "model = BetaVAE(); model.lists = [first, second, first]"),
    "what else is": ("model = BetaVAE()", "model = BetaVAE(); model.lists = [first, second, second]"),
    "a partial function": ("model = BetaVAE()", "model = BetaVAE(); model.f = functools.partial(halved, by=3)"),
    "another one": ("model = BetaVAE()", "model = BetaVAE(); model.f = functools.partial(halved, by=4)"),
    "a hook on a layer": ("model = BetaVAE()", "model = BetaVAE(); model.encoder.register_forward_hook(halved)"),
    "a hook before it": ("model = BetaVAE()", "model = BetaVAE(); model.encoder.register_forward_pre_hook(halved)"),
    "a hook on a slope": ("model = BetaVAE()", "model = BetaVAE(); model.encoder[0].bias.register_hook(halved)"),
    "another on it": ("model = BetaVAE()", "model = BetaVAE(); model.encoder[0].bias.register_hook(squared)"),
    "a buffer": ("model = BetaVAE()", "model = BetaVAE(); model.register_buffer('b', WEIGHTS, persistent=False)"),
}
NO_CHANGES = {
    "a comment": ("  # the code's price", ""),
    "a line": ("    class Base", "\n\n    class Base"),
    "a global that is not used": ("UNUSED = 1", "UNUSED = 2"),
    "a global whose name is only that of an attribute": ('"of a plot"', "2"),
    "annotations, as Python 3.14 has them": ("model = B", "Base.__annotate_func__ = lambda: BETA; model = B"),
}


def run(code: str, name: str = "__main__") -> dict:
    space = {"__name__": name}
    exec(textwrap.dedent(code), space)
    return space


def definition(code: str) -> str:
    return identity(run(code)["model"])["definition"]


def changed(old: str, new: str) -> str:
    assert NOTEBOOK.count(old) == 1
    return NOTEBOOK.replace(old, new)


def test_whatever_a_models_training_depends_on_tells_it_apart():
    definitions = {name: definition(changed(*change)) for name, change in CHANGES.items()}
    definitions["as it was"] = definition(NOTEBOOK)
    assert len(set(definitions.values())) == len(definitions), definitions


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=NO_CHANGES)
def test_what_its_training_does_not_depend_on_does_not(change):
    assert definition(changed(*change)) == definition(NOTEBOOK)


def test_a_model_is_the_same_after_its_cell_has_run_again_and_in_either_mode():
    space = run(NOTEBOOK)
    first = identity(space["model"])
    exec(textwrap.dedent(NOTEBOOK), space)
    assert identity(space["model"]) == first
    assert identity(space["model"].eval()) == first


def test_whether_two_equal_constants_are_one_object_does_not():
    one, (same, copy) = (1, 2), ((1, 2), tuple([1, 2]))
    assert same is not copy
    models = [Autoencoder((2, 2), 1, (), torch.Generator().manual_seed(0)) for _ in range(2)]
    models[0].pairs, models[1].pairs = [one, one, "a"], [same, copy, "a"]
    assert identity(models[0]) == identity(models[1])


def test_a_model_is_the_same_in_a_fresh_kernel():
    """Whatever order sets have there, and wherever objects lie."""
    more = """
    import enum, re, pathlib, fractions, collections, numpy as np
    Kind = enum.Enum("Kind", "ONE TWO")
    KINDS = {Kind.ONE, Kind.TWO, *"abcdefgh", ("a", 1), len, halved}
    model.names = frozenset("abcdefgh")
    model.by_name = {"kinds": KINDS, "deque": collections.deque([1]), "number": np.float64(2), "numbers": np.arange(3)}
    model.act = lambda x: x if x in {"a", "b", "c"} else KINDS
    model.mixed = pathlib.Path("a"), re.compile("b"), fractions.Fraction(1, 3), torch.float32, torch.nn.functional.relu
    model.rng = torch.Generator().manual_seed(3)
    torch.manual_seed(0)
    model.recurrent = torch.nn.LSTM(2, 3)
    from vae_lessons.identity import identity
    print(identity(model))
    """
    script = textwrap.dedent(NOTEBOOK) + textwrap.dedent(more)
    said = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert "definition" in said[0]


def test_a_structure_that_shows_an_address_is_told_without_it():
    class Shown(Autoencoder):
        def extra_repr(self):
            return repr(object())

    assert "object object>" in identity(Shown((2, 2), 1))["structure"]


def test_of_a_file_of_ones_own_only_what_is_used_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_losses.py").write_text("BETA = 4\nOTHER = 1\ndef weigh(kl):\n    return BETA * kl\n")
    code = """
    import torch, my_losses
    from vae_lessons import Autoencoder
    class Mine(Autoencoder):
        def loss(self, x):
            return sum([my_losses.weigh(value) for value in super().loss(x)])
    model = Mine((2, 2), 1, (), torch.Generator().manual_seed(0))
    """
    model = run(code)["model"]
    my_losses = sys.modules["my_losses"]
    before = identity(model)
    my_losses.OTHER = 2
    assert identity(model) == before
    my_losses.BETA = 20
    assert identity(model) != before
    my_losses.BETA = 4
    assert identity(model) == before
    my_losses.weigh = lambda kl: kl
    assert identity(model) != before
    model.losses = my_losses
    with pytest.raises(TypeError, match=r"losses is a module .*import from it what you use"):
        identity(model)
    del sys.modules["my_losses"]


@pytest.mark.parametrize("line", ["from my_weights import BETA", "import my_weights; BETA = my_weights.BETA"])
def test_what_a_function_imports_itself_counts_too(tmp_path, monkeypatch, line):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_weights.py").write_text("BETA = 4\nOTHER = 1\n")
    code = f"""
    import torch
    from vae_lessons import Autoencoder
    class Mine(Autoencoder):
        def loss(self, x):
            import math
            try:
                import no_such_library
            except ImportError:
                pass
            {line}
            return BETA * math.pi * super().loss(x)
    model = Mine((2, 2), 1, (), torch.Generator().manual_seed(0))
    """
    model = run(code)["model"]
    before = identity(model)
    monkeypatch.setattr(sys.modules["my_weights"], "OTHER", 2)
    assert identity(model) == before
    monkeypatch.setattr(sys.modules["my_weights"], "BETA", 20)
    assert identity(model) != before
    monkeypatch.delitem(sys.modules, "my_weights")


def test_a_package_class_that_a_notebook_has_changed_is_told_apart(monkeypatch):
    def model():
        return VAE((2, 2), 1, (), likelihood=Bernoulli(), generator=torch.Generator().manual_seed(0))

    before = identity(model())
    monkeypatch.setattr(VAE, "loss", lambda self, x: 4 * elbo(self, x).kl)
    changed = identity(model())
    monkeypatch.setattr(VAE, "loss", lambda self, x: 5 * elbo(self, x).kl)
    assert len({one["definition"] for one in (before, changed, identity(model()))}) == 3


def test_a_data_set_that_a_loss_uses_is_told_by_its_images():
    code = """
    import torch
    from vae_lessons import Autoencoder
    class Mine(Autoencoder):
        def loss(self, x):
            return super().loss(x) / len(data.train)
    model = Mine((8, 8), 1, (), torch.Generator().manual_seed(0))
    """
    space = run(code)
    space["data"] = load_images("digits")
    before = identity(space["model"])
    space["data"] = digits = load_images("digits")
    assert identity(space["model"]) == before
    space["data"] = replace(digits, train=digits.train.flip(0))
    assert identity(space["model"]) != before


def test_a_model_that_refers_to_itself_has_an_end():
    class Ring(nn.Module):
        def __init__(self):
            super().__init__()
            self.around = [self]

        def loss(self, x):
            return Ring if x is None else self.loss(None)

    assert identity(Ring()) == identity(Ring())


@pytest.mark.parametrize(
    ("thing", "kind"), [(threading.Lock(), "lock"), ((n for n in ()), "generator")], ids=["lock", "generator"]
)
def test_what_cannot_be_told_from_others_is_named(thing, kind):
    code = """
    from vae_lessons import Autoencoder
    class Mine(Autoencoder):
        def loss(self, x):
            return helper(x)
    def helper(x):
        return thing
    model = Mine((2, 2), 1)
    """
    space = run(code)
    space["thing"] = thing
    with pytest.raises(TypeError, match=rf"cannot be kept: thing in helper in loss is a {kind} .*or take fit"):
        identity(space["model"])
