"""The benchmarks: what they count, compare and show. No test measures speed."""

import itertools
import os
import re
import subprocess
import sys

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from benchmarks import bounds, report, step
from benchmarks.building import copy_course
from benchmarks.measurements import Measurement, by_turns, ratios
from benchmarks.training import first, new_vae, products_of_a_step
from benchmarks.tutorial import TutorialVAE
from vae_lessons.data import ImageData, course_root


def measured(name="speed", median=2.0, **rest):
    return Measurement(name, median, median, median, "×", **rest)


def test_measurement_holds_median_and_range():
    result = Measurement.of("speed", (value for value in [5, 1, 3, 2, 4]), goal=3.5)
    assert (result.median, result.lowest, result.highest, result.unit) == (3, 1, 5, "×")


@pytest.mark.parametrize(
    ("higher_is_better", "goal", "reached"),
    [(True, 1.9, True), (True, 2.1, False), (False, 2.1, True), (False, 1.9, False), (True, None, None)],
)
def test_goal_is_reached_from_the_better_side(higher_is_better, goal, reached):
    assert measured(higher_is_better=higher_is_better, goal=goal).reached is reached


def test_half_the_time_equals_twice_the_rate():
    assert measured(median=4.0).against(measured(median=2.0)) == 2
    assert measured(median=1.0, higher_is_better=False).against(measured(median=2.0, higher_is_better=False)) == 2


def test_candidates_alternate_after_a_warm_up_round():
    turns, serial = [], itertools.count()

    def candidate(name):
        return lambda: turns.append(name) or next(serial)

    results = by_turns({name: candidate(name) for name in "ab"}, rounds=2)
    assert turns == ["a", "b"] * 3
    assert results == {"a": [2, 4], "b": [3, 5]}
    assert ratios([6, 8], [3, 2]) == [2, 4]


def test_report_survives_saving_and_loading(tmp_path):
    made = report.Report()
    made.add("training", {"cores": 2}, [measured(goal=1.0), measured("other", 0.1)])
    made.save(tmp_path / "report.json")
    assert report.load(tmp_path / "report.json") == made
    assert report.load(tmp_path / "none.json") == report.Report()


def test_only_regressions_and_missed_goals_are_named():
    before, now = report.Report(), report.Report()
    before.add("training", {}, [measured("a"), measured("b"), measured("c", higher_is_better=False)])
    now.add("training", {}, [measured("a", 1.5), measured("b", 2.5), measured("c", 4.0, higher_is_better=False)])
    now.add("pages", {}, [measured("new", goal=3.0), measured("good", goal=1.0)])
    lines = list(report.regressions(now, before))
    assert [line.split(": ")[1] for line in lines] == ["a", "c", "new"]
    assert "0.75 times as good" in lines[0]
    assert "0.50 times as good" in lines[1]
    assert "goal 3" in lines[2]


def test_table_has_a_row_per_measurement():
    kept, missed = (Measurement.of("rate", [12345.6, 10.0, 20000.0], "images/s", goal=goal) for goal in (9.0, 20000.0))
    rows = report.table([kept, missed]).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert rows[2:] == [
        "| rate | 12,346 images/s | 10 to 20,000 | ≥ 9 |",
        "| rate | 12,346 images/s | 10 to 20,000 | ≥ 20,000, missed |",
    ]


def test_readme_has_the_tables_of_the_committed_report():
    text, kept = report.README.read_text(encoding="utf-8"), report.load()
    parts = [part for _, part, _ in report.TABLE.findall(text)]
    assert len(set(parts) & set(kept.parts)) >= 5
    assert report.fill(text, kept) == text
    for part in set(parts) - set(kept.parts):  # not measured yet, so without a number
        assert f"<!-- table: {part} -->\n<!-- end -->" in text


def test_only_measured_tables_are_replaced():
    machine = report.load().machines["training"]
    made = report.Report()
    made.add("training", machine, [measured("rate", 3.0)])
    text = "a\n<!-- table: training -->\nold\n<!-- end -->\nb\n<!-- table: pages -->\nkept\n<!-- end -->\n"
    filled = report.fill(text, made)
    assert "| rate | 3" in filled
    assert "old" not in filled
    assert f"Measured on {machine['day']}" in filled
    assert filled.endswith("<!-- end -->\nb\n<!-- table: pages -->\nkept\n<!-- end -->\n")
    assert report.fill(filled, made) == filled


def test_lesson_8_quotes_the_measured_elbo():
    """To within one nat: the lesson cannot run the tutorial's loop, so it quotes the number."""
    lesson = (course_root() / "notebooks/08-bernoulli-decoder.ipynb").read_text(encoding="utf-8")
    (typed,) = re.findall(r"EXAMPLE_ON_MNIST = ([\d.]+)  # nats on grey test pixels, give or take one", lesson)
    (measured,) = (entry for entry in report.load().parts["quality"] if "−ELBO, the tutorial's loop" in entry.name)
    assert measured.highest - 1 < float(typed) < measured.lowest + 1


def test_tutorial_loss_is_negative_elbo():
    """Against torch.distributions, with the same noise."""
    model, x = TutorialVAE(), torch.rand(5, 28, 28).round()
    torch.manual_seed(3)
    loss = model.loss(x)
    torch.manual_seed(3)
    x_hat, mu, logvar = model(x)
    reconstruction = Bernoulli(x_hat).log_prob(x.flatten(1))
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0))
    assert loss.item() == pytest.approx((kl.sum() - reconstruction.sum()).item(), rel=1e-5)


def test_compared_models_have_equal_size():
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (TutorialVAE(), new_vae())]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("batch", [1, 16])
def test_roofline_counts_the_products_of_a_step(batch):
    """By PyTorch's counter of floating-point operations in a step of the VAE."""
    from torch.utils.flop_counter import FlopCounterMode

    vae, x = new_vae(), torch.rand(batch, 28, 28)
    with FlopCounterMode(display=False) as counted:
        vae.loss(x).mean().backward()
    actual = sum(
        2 * left.shape[0] * left.shape[1] * right.shape[1]
        for left, right, _ in products_of_a_step(batch, torch.float32)
    )
    assert actual == counted.get_total_flops()
    for left, right, result in products_of_a_step(batch, torch.float32):
        assert result.shape == (left.shape[0], right.shape[1])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_shares_of_a_step_add_up(precision):
    """And each kind of work occurs under the names that this version of PyTorch uses."""
    images, labels = torch.rand(80, 28, 28), torch.zeros(80, dtype=torch.long)
    data = first(ImageData("noise", images, labels, images, labels), 64)
    assert (len(data.train), len(data.train_labels), len(data.test)) == (64, 64, 1)
    shares = step.profiled(data, precision)
    assert sum(shares.values()) == pytest.approx(100)
    assert all(share > 0 for share in shares.values()), shares


def test_published_table_in_a_tiny_form(monkeypatch):
    """All five cells are trained and scored, and each number stands beside the paper's."""
    monkeypatch.setattr(bounds, "N_IMAGES", 6)
    images, labels = torch.rand(48, 5, 5), torch.zeros(48, dtype=torch.long)
    rows = {row.name: row for row in bounds.rows(ImageData("noise", images, labels, images, labels), 0.1, 20)}
    published = {"VAE, k = 1": 86.76, "VAE, k = 5": 86.47, "VAE, k = 50": 86.35, "IWAE, k = 5": 85.54}
    published["IWAE, k = 50"] = 84.78
    scores = {name: rows[f"{name} (paper {nll})"] for name, nll in published.items()}
    for score in scores.values():
        assert 0 < score.median < 25 * 5
        assert score.highest - score.median == pytest.approx(score.median - score.lowest)
    step = rows["IWAE, k = 50, less IWAE, k = 5 (paper −0.76)"]
    assert step.median == pytest.approx(scores["IWAE, k = 50"].median - scores["IWAE, k = 5"].median, abs=1e-4)
    assert rows["VAE, k = 1: active units (paper 19)"].median <= 50


def test_models_of_the_published_table():
    for cell in bounds.CELLS:
        model = bounds.new_model((28, 28), cell)
        widths = [[m.in_features for m in n if hasattr(m, "in_features")] for n in (model.encoder, model.decoder)]
        assert widths == [[784, 200, 200], [50, 200, 200]]
        assert sum(isinstance(module, torch.nn.Tanh) for module in model.modules()) == 4
        assert (model.n_samples, model.bound, model.binarise) == (cell.n_samples, cell.bound, True)


@pytest.mark.check
def test_parts_without_pages_need_no_browser():
    """As on a machine with a GPU and without Playwright."""
    code = "import sys; sys.modules['playwright'] = None; import benchmarks.__main__ as run; print(*run.PARTS)"
    done = subprocess.run([sys.executable, "-c", code], cwd=course_root(), capture_output=True, text=True, check=True)
    assert "gpu" in done.stdout.split()


def test_course_copy_holds_only_what_git_does_not_ignore(tmp_path, monkeypatch):
    """Also in an archive of the course, without `.git` and where git is not installed."""
    monkeypatch.setenv("PATH", "")
    copy_course(tmp_path)
    for name in ("book/_config.yml", "notebooks/01-autoencoder.ipynb", "vae_lessons/training/fit.py"):
        assert (tmp_path / name).read_bytes() == (course_root() / name).read_bytes()
    assert not (tmp_path / ".venv").exists()
    assert not (tmp_path / ".cache").exists()
    assert not (tmp_path / ".git").exists()
    assert (tmp_path / "vae_exercises/classroom/course.py").exists()  # /classroom/ is ignored, and this is not
    assert not list(tmp_path.rglob("__pycache__"))


@pytest.mark.skipif(not (course_root() / ".git").exists(), reason="an archive without .git")
def test_course_copy_has_what_git_tracks_and_nothing_that_it_ignores(tmp_path):
    def git(*arguments: str, **options) -> set[str]:
        command = ["git", "-c", f"core.excludesFile={os.devnull}", *arguments]
        done = subprocess.run(command, cwd=course_root(), capture_output=True, text=True, **options)
        return set(filter(None, done.stdout.split("\0")))

    copy_course(tmp_path)
    copied = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in git("ls-files", "-z") if (course_root() / name).is_file()} <= copied
    assert not git("check-ignore", "-z", "--stdin", input="\0".join(copied))


def test_course_copy_leaves_out_other_environments(tmp_path, monkeypatch):
    course = tmp_path / "course"
    for name in ("book/page.md", "own/pyvenv.cfg", "own/lib.py", "book/_build/page.html", "a.egg-info/b"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).touch()
    (course / ".gitignore").write_text((course_root() / ".gitignore").read_text(encoding="utf-8"))
    monkeypatch.setattr("benchmarks.building.course_root", lambda: course)
    copy_course(tmp_path / "copy")
    copied = {
        path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()
    }
    assert copied == {"book/page.md", ".gitignore"}


def test_differences_have_no_ratio():
    """A difference of -0.6 nats is not twice as good as one of -0.3."""
    better, before = (measured(median=median, higher_is_better=False) for median in (-0.6, -0.3))
    assert better.against(before) is None
    assert measured(median=0.0).against(measured(median=3.0)) is None
    reports = report.Report(), report.Report()
    for made, entry in zip(reports, (better, before), strict=True):
        made.add("quality", {}, [entry])
    assert not list(report.regressions(*reports))
