"""The benchmarks: what they count, compare and show. How fast anything is, no test says."""

import itertools
import re

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from benchmarks import report, step
from benchmarks.building import copy_course
from benchmarks.measurements import Measurement, by_turns, ratios
from benchmarks.training import first, multiply_by_mm, multiply_by_onednn, new_vae, products_of_a_step
from benchmarks.tutorial import TutorialVAE
from vae_lessons.data import ImageData, course_root


def measured(name="speed", median=2.0, **rest):
    return Measurement(name, median, median, median, "×", **rest)


def test_a_measurement_is_the_median_and_the_range_of_its_rounds():
    found = Measurement.of("speed", (value for value in [5, 1, 3, 2, 4]), goal=3.5)
    assert (found.median, found.lowest, found.highest, found.unit) == (3, 1, 5, "×")


@pytest.mark.parametrize(
    ("higher_is_better", "goal", "reached"),
    [(True, 1.9, True), (True, 2.1, False), (False, 2.1, True), (False, 1.9, False), (True, None, None)],
)
def test_a_goal_is_reached_from_the_better_side(higher_is_better, goal, reached):
    assert measured(higher_is_better=higher_is_better, goal=goal).reached is reached


def test_half_the_time_is_as_good_as_twice_the_rate():
    assert measured(median=4.0).against(measured(median=2.0)) == 2
    assert measured(median=1.0, higher_is_better=False).against(measured(median=2.0, higher_is_better=False)) == 2


def test_contenders_take_turns_and_their_first_round_does_not_count():
    turns, serial = [], itertools.count()

    def contender(name):
        return lambda: turns.append(name) or next(serial)

    found = by_turns({name: contender(name) for name in "ab"}, rounds=2)
    assert turns == ["a", "b"] * 3
    assert found == {"a": [2, 4], "b": [3, 5]}
    assert ratios([6, 8], [3, 2]) == [2, 4]


def test_a_report_comes_back_as_it_was_saved(tmp_path):
    made = report.Report()
    made.add("training", {"cores": 2}, [measured(goal=1.0), measured("other", 0.1)])
    made.save(tmp_path / "report.json")
    assert report.load(tmp_path / "report.json") == made
    assert report.load(tmp_path / "none.json") == report.Report()


def test_what_fell_is_named_and_what_rose_or_is_new_is_not():
    before, now = report.Report(), report.Report()
    before.add("training", {}, [measured("a"), measured("b"), measured("c", higher_is_better=False)])
    now.add("training", {}, [measured("a", 1.5), measured("b", 2.5), measured("c", 4.0, higher_is_better=False)])
    now.add("pages", {}, [measured("new", goal=3.0), measured("good", goal=1.0)])
    said = list(report.regressions(now, before))
    assert [line.split(": ")[1] for line in said] == ["a", "c", "new"]
    assert "0.75 times as good" in said[0]
    assert "0.50 times as good" in said[1]
    assert "goal 3" in said[2]


def test_a_table_has_a_row_for_each_measurement():
    kept, missed = (Measurement.of("rate", [12345.6, 10.0, 20000.0], "images/s", goal=goal) for goal in (9.0, 20000.0))
    rows = report.table([kept, missed]).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert rows[2:] == [
        "| rate | 12,346 images/s | 10 to 20,000 | ≥ 9 |",
        "| rate | 12,346 images/s | 10 to 20,000 | ≥ 20,000, missed |",
    ]


def test_the_report_in_the_repository_has_all_that_the_page_shows():
    page = (course_root() / "book/speed.md").read_text(encoding="utf-8")
    shown = [line.split()[1] for line in page.splitlines() if line.startswith("```{benchmarks}")]
    kept = report.load()
    assert len(shown) >= 5
    for part in shown:
        assert kept.parts[part]
        assert {"processor", "cores", "torch", "python", "day"} <= set(kept.machines[part])


def test_the_number_that_lesson_8_is_held_against_is_the_measured_one():
    """The lesson has it typed, since no other program is run there: give or take one, it says."""
    lesson = (course_root() / "notebooks/08-bernoulli-decoder.ipynb").read_text(encoding="utf-8")
    ((typed, give_or_take),) = re.findall(r"ends near ([\d.]+) nats on grey test pixels, give or take (one)", lesson)
    (measured,) = (entry for entry in report.load().parts["quality"] if "−ELBO, the tutorial's loop" in entry.name)
    assert give_or_take == "one"
    assert measured.highest - 1 < float(typed) < measured.lowest + 1


def test_the_tutorial_minimises_the_elbo_of_its_own_draws():
    """By torch.distributions, with the noise that the loop's model draws."""
    model, x = TutorialVAE(), torch.rand(5, 28, 28).round()
    torch.manual_seed(3)
    loss = model.loss(x)
    torch.manual_seed(3)
    x_hat, mu, logvar = model(x)
    fit = Bernoulli(x_hat).log_prob(x.flatten(1))
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0))
    assert loss.item() == pytest.approx((kl.sum() - fit.sum()).item(), rel=1e-5)


def test_both_models_of_the_comparison_are_one():
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (TutorialVAE(), new_vae())]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("batch", [1, 16])
def test_the_roofline_has_the_products_of_a_step(batch):
    """As PyTorch's own counter sees them in a step of the VAE itself."""
    from torch.utils.flop_counter import FlopCounterMode

    vae, x = new_vae(), torch.rand(batch, 28, 28)
    with FlopCounterMode(display=False) as counted:
        vae.loss(x).mean().backward()
    ours = sum(
        2 * left.shape[0] * left.shape[1] * right.shape[1]
        for left, right, _ in products_of_a_step(batch, torch.float32)
    )
    assert ours == counted.get_total_flops()
    for left, right, result in products_of_a_step(batch, torch.float32):
        assert result.shape == (left.shape[0], right.shape[1])


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch has no oneDNN here")
def test_both_roofs_have_the_same_products():
    for product in products_of_a_step(3, torch.float32):
        one, other = multiply_by_mm(*product)(), multiply_by_onednn(*product)().to_dense()
        assert torch.allclose(one, other, atol=1e-3)
        assert not torch.allclose(one, torch.zeros_like(one))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_shares_of_a_step_add_up(precision):
    """And the kinds of work are found by the names that this PyTorch has for them."""
    images, labels = torch.rand(80, 28, 28), torch.zeros(80, dtype=torch.long)
    data = first(ImageData("noise", images, labels, images, labels), 64)
    assert (len(data.train), len(data.train_labels), len(data.test)) == (64, 64, 1)
    shares = step.profiled(data, precision)
    assert sum(shares.values()) == pytest.approx(100)
    assert all(share > 0 for share in shares.values()), shares


def test_the_copy_that_is_built_has_what_git_knows_and_nothing_else(tmp_path):
    copy_course(tmp_path)
    for name in ("book/_config.yml", "notebooks/01-autoencoder.ipynb", "vae_lessons/training.py"):
        assert (tmp_path / name).read_bytes() == (course_root() / name).read_bytes()
    assert not (tmp_path / ".venv").exists()
    assert not (tmp_path / ".cache").exists()


def test_between_differences_there_is_no_ratio():
    """A loss of 0.6 nats less than another is no half of one of 0.3."""
    better, before = (measured(median=median, higher_is_better=False) for median in (-0.6, -0.3))
    assert better.against(before) is None
    assert measured(median=0.0).against(measured(median=3.0)) is None
    reports = report.Report(), report.Report()
    for made, entry in zip(reports, (better, before), strict=True):
        made.add("quality", {}, [entry])
    assert not list(report.regressions(*reports))
