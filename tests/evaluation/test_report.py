"""Measurements of models with known answers, and the tables made from them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from torch import Tensor, nn

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, Gaussian, ImageData
from vae_lessons.evaluation import report
from vae_lessons.evaluation.clusters import Clusters
from vae_lessons.evaluation.report import decoded_grid, estimates, measure, measure_or_load, table, usable_sigma

SHAPE = (1, 3)  # two pixels hold the coordinates, the third is always blank
CENTRES = torch.tensor([[0.2, 0.3], [0.2, 0.8], [0.8, 0.8], [0.8, 0.2], [0.5, 0.45]])  # of five classes
NOISE = 0.025


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_blank(places: Tensor) -> Tensor:
    """Make images (M, 1, 3) from places (M, 2)."""
    return nn.functional.pad(places, (0, 1)).unsqueeze(1)


def split(per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw classes: 0, 1 and 2 are Gaussian, 3 is two Gaussians, and 4 is bent."""
    labels = torch.arange(5 * per_class) % 5
    places = CENTRES[labels] + NOISE * torch.randn(len(labels), 2, generator=seeded(seed))
    apart = torch.where(torch.arange(per_class) % 2 == 0, 0.12, -0.12)
    places[labels == 3] += apart.unsqueeze(1) * torch.tensor([0.3, 1.0])
    along = torch.randn(per_class, generator=seeded(seed + 1))
    bent = torch.stack([2 * along, along.square()], dim=1) + torch.randn(per_class, 2, generator=seeded(seed + 2)) / 4
    places[labels == 4] = CENTRES[4] + NOISE * bent
    return with_blank(places.clamp(0, 1)), labels


DATA = ImageData("places", *split(200, seed=0), *split(100, seed=10))


class Known(Autoencoder):
    """A lossless model with codes 4 (x₁ - 1/2, x₂ - 1/2); decoding adds `offset` to every pixel."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__(SHAPE, 2, ())
        self.offset = offset

    def encode(self, x: Tensor) -> Tensor:
        return 4 * (x.flatten(1)[:, :2] - 0.5)

    def decode(self, z: Tensor) -> Tensor:
        return with_blank(z / 4 + 0.5) + self.offset


def nearest_centre(centres: Tensor = CENTRES, sharpness: float = 1e4) -> Classifier:
    """Make a judge whose probabilities are proportional to exp(-sharpness · distance²) to the centres."""
    judge = Classifier(SHAPE, len(centres), ())
    with torch.no_grad():
        judge.network[0].weight.copy_(2 * sharpness * nn.functional.pad(centres, (0, 1)))
        judge.network[0].bias.copy_(-sharpness * centres.square().sum(dim=1))
    return judge


@pytest.fixture(scope="module")
def known() -> dict[str, float]:
    return measure(Known(), DATA, nearest_centre())


@pytest.fixture
def no_clusters(monkeypatch) -> None:
    """Skip the slowest measurement in tests of the others."""
    monkeypatch.setattr(report, "count_clusters", lambda _: Clusters(1, 0.0, 1))


# The grid


@pytest.mark.parametrize("n", [2, 5, 20])
def test_grid_covers_central_codes_with_rows_upwards(n):
    pictures, low, high = decoded_grid(Known(), DATA, n)
    codes = 4 * (DATA.train[:, 0, :2].double().numpy() - 0.5)
    np.testing.assert_allclose(low, np.quantile(codes, 0.01, axis=0), rtol=1e-5)
    np.testing.assert_allclose(high, np.quantile(codes, 0.99, axis=0), rtol=1e-5)
    z1, z2 = (np.linspace(low[j].item(), high[j].item(), n) for j in range(2))
    assert pictures.shape == (n, n, *SHAPE)
    for row in range(n):
        for column in range(n):
            np.testing.assert_allclose(
                pictures[row, column, 0], [z1[column] / 4 + 0.5, z2[row] / 4 + 0.5, 0], atol=1e-6
            )


@pytest.mark.parametrize("likelihood", [Gaussian(0.5), Bernoulli()], ids=repr)
def test_vae_grid_covers_its_means(likelihood):
    vae = VAE(SHAPE, 2, (5,), likelihood=likelihood, generator=seeded())
    pictures, low, high = decoded_grid(vae, DATA, 3)
    assert not pictures.requires_grad
    with torch.no_grad():
        mu, _ = vae.encode(DATA.train)
        np.testing.assert_allclose(torch.stack([low, high]), np.quantile(mu, [0.01, 0.99], axis=0), rtol=1e-5)
        corners = torch.stack([low, torch.stack([high[0], low[1]]), torch.stack([low[0], high[1]]), high])
        torch.testing.assert_close(pictures[[0, 0, -1, -1], [0, -1, 0, -1]], vae.decode(corners))


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_grid_needs_two_latent_dimensions(latent_dim):
    model = Autoencoder(SHAPE, latent_dim, (5,), seeded())
    with pytest.raises(ValueError, match=f"latent_dim must be 2 for a grid over the plane, got {latent_dim}"):
        decoded_grid(model, DATA)
    with pytest.raises(ValueError, match=f"latent_dim must be 2 .* got {latent_dim}"):
        measure(model, DATA, nearest_centre())


# Measurements of a known model


def test_copying_model_has_no_error(known):
    assert known["squared error per pixel"] == pytest.approx(0, abs=1e-12)
    assert known["ink where the image has none"] == 0
    x = DATA.test.double().numpy()
    assert known["greyness 4 x̂ (1 − x̂)"] == pytest.approx((4 * x * (1 - x)).mean(), rel=1e-5)


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize("offset", [0.1, -0.3])
def test_constant_offset_is_measured(offset):
    shifted = measure(Known(offset), DATA, nearest_centre())
    assert shifted["squared error per pixel"] == pytest.approx(offset**2, rel=1e-4)
    assert shifted["ink where the image has none"] == pytest.approx(offset, rel=1e-4)
    x = DATA.test.double().numpy() + offset
    assert shifted["greyness 4 x̂ (1 − x̂)"] == pytest.approx((4 * x * (1 - x)).mean(), rel=1e-4)


def test_separate_classes_are_recognised_and_arranged_perfectly(known):
    assert known["10-nearest-neighbour accuracy"] == 1
    assert known["rank correlation of class distances"] == pytest.approx(1)


def test_gaussians_and_clusters_per_class_are_counted(known):
    assert known["digits that need several Gaussians"] == 2
    assert known["digits in several clusters"] == 1


def holes(pictures: np.ndarray, model: Known) -> np.ndarray:
    """Find by brute force which pictures (n, 3) are farther from training images than 95 % of copies are."""
    train, copies = (x.flatten(1).double().numpy() for x in (DATA.train, model(DATA.test)))
    limit = np.quantile(cdist(copies, train).min(axis=1), 0.95)
    return cdist(pictures, train).min(axis=1) > limit


def empty_cells(data: ImageData) -> float:
    """Compute with NumPy the share of the grid's cells, centred at its codes, that hold no training code."""
    codes = Known().code(data.train).double().numpy()
    edges = []
    for low, high in np.quantile(codes, [0.01, 0.99], axis=0).T:
        half = (high - low) / 19 / 2
        edges.append(np.linspace(low - half, high + half, 21))
    counts, *_ = np.histogram2d(*codes.T, bins=edges)
    return float((counts == 0).mean())


def test_empty_cells_match_a_histogram(known):
    assert known["empty cells of the grid"] == pytest.approx(empty_cells(DATA), abs=2 / 400)  # ties on an edge
    assert 0.2 < known["empty cells of the grid"] < 0.95


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize("transposed", [False, True], ids=["left and right", "below and above"])
def test_codes_beyond_the_grid_fill_no_cell(transposed):
    """A few codes lie one step beyond the grid; its middle is empty."""
    places = torch.stack([torch.linspace(0.3, 0.7, 1000), torch.where(torch.arange(1000) % 20 == 0, 0.8, 0.2)], dim=1)
    beyond, between = 0.4 / 19, torch.linspace(0.3, 0.7, 8)
    places[:8] = torch.stack([torch.full((8,), 0.3 - beyond), between], dim=1)
    places[-8:] = torch.stack([torch.full((8,), 0.7 + beyond), between], dim=1)
    images, labels = with_blank(places.flip(1) if transposed else places), torch.arange(1000) % 3
    data = ImageData("two lines", images, labels, images, labels)
    share = measure(Known(), data, nearest_centre())["empty cells of the grid"]
    assert share == pytest.approx(empty_cells(data), abs=2 / 400)
    assert share == pytest.approx(18 / 20, abs=2 / 400)  # two lines of codes, each in its own row


def test_grid_holes_match_brute_force(known):
    corners = np.quantile(Known().code(DATA.train).double().numpy(), [0.01, 0.99], axis=0)
    axes = [np.linspace(low, high, 20) / 4 + 0.5 for low, high in corners.T]
    pictures = np.stack([*(axis.ravel() for axis in np.meshgrid(*axes)), np.zeros(400)], axis=1)
    share = holes(pictures, Known()).mean()
    assert known["holes in the grid"] == pytest.approx(share, abs=0.02)  # float32 rounding
    assert 0.2 < share < 0.95


def test_prior_holes_match_independent_draws(known):
    """From 500 draws, to within 5 standard errors."""
    z = torch.randn(20_000, 2, generator=seeded(5))
    share = holes(Known().decode(z).flatten(1).numpy(), Known()).mean()
    assert known["holes among draws from N(0, I)"] == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 500))
    assert 0.2 < share < 0.95


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize(
    ("centres", "expected"),
    [
        ([[-1, -1], [-1, 1], [1, -1], [1, 1]], 4),  # a quarter of the plane each
        ([[-1, 0], [1, 0]], 2),
        ([[-2.153, 0], [0, 0], [2.153, 0]], 3),  # borders at 0.431 standard deviations: a third each
        ([[0, 0], [90, 0], [0, 90]], 1),
    ],
)
def test_kinds_of_digits_follow_the_judge(centres, expected):
    judge = nearest_centre(torch.tensor(centres) / 10 + 0.5)
    kinds = measure(Known(), DATA, judge)["effective number of digits drawn from N(0, I)"]
    assert kinds == pytest.approx(expected, abs=0.05)


HALF_WAY = "half way from 1 to 2, "


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize(("third", "expected"), [((0.5, 0.8), 1), ((0.5, 0.1), 0)])
def test_third_digit_half_way_is_recognised(third, expected):
    """The midpoint (0.5, 0.8) is nearest to a third class or not."""
    judge = nearest_centre(torch.cat([CENTRES[:3], torch.tensor([third])]))
    measured = measure(Known(), DATA, judge)
    assert measured[f"{HALF_WAY}a third digit"] == expected


def test_midpoint_of_separate_classes_is_a_hole(known):
    assert known[f"{HALF_WAY}holes"] == 1


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize("sharpness", [0.0, 400.0, 1e4])
def test_judges_doubt_matches_all_pairs(sharpness):
    """To within 5 standard errors of the hundred pairs drawn; log 5 for a judge without a preference."""
    centres = CENTRES.clone()
    centres[3:] = torch.tensor([[0.45, 0.8], [0.55, 0.8]])  # a border where the walk passes
    judge = nearest_centre(centres, sharpness)
    ones, twos = (DATA.test[DATA.test_labels == digit] for digit in (1, 2))
    middles = (ones.unsqueeze(0) + twos.unsqueeze(1)).flatten(0, 1) / 2
    all_pairs = scipy.stats.entropy(judge.probabilities(middles).double(), axis=1)
    doubt = measure(Known(), DATA, judge)[f"{HALF_WAY}the judge's entropy in nats"]
    assert doubt == pytest.approx(all_pairs.mean(), abs=5 * all_pairs.std() / 10 + 1e-4)
    if sharpness == 0:
        assert doubt == pytest.approx(math.log(5), rel=1e-5)


class Shuffled(Known):
    """A model whose codes are independent of the image."""

    def encode(self, x: Tensor) -> Tensor:
        return torch.randn(len(x), 2, generator=seeded(len(x)))


@pytest.mark.usefixtures("no_clusters")
def test_uninformative_codes_score_at_chance():
    accuracy = measure(Shuffled(), DATA, nearest_centre())["10-nearest-neighbour accuracy"]
    assert accuracy == pytest.approx(1 / 5, abs=5 * math.sqrt(0.2 * 0.8 / 500))


@pytest.mark.usefixtures("no_clusters")
def test_collapsed_vae_shows_the_mean_image():
    vae, mean = VAE(SHAPE, 2, (), likelihood=Bernoulli(), generator=seeded()), DATA.train.mean(dim=0)
    vae.start_at_mean(mean)
    with torch.no_grad():
        vae.encoder[0].weight *= 1e-4
        vae.decoder[0].weight.zero_()
    judge = nearest_centre(sharpness=10.0)
    measured, mean = measure(vae, DATA, judge), mean.clamp(1e-3, 1 - 1e-3)
    assert measured["squared error per pixel"] == pytest.approx(float((DATA.test - mean).square().mean()), rel=1e-4)
    assert measured["ink where the image has none"] == pytest.approx(1e-3, rel=1e-3)  # where a decoder starts
    assert measured["greyness 4 x̂ (1 − x̂)"] == pytest.approx(float((4 * mean * (1 - mean)).mean()), rel=1e-4)
    assert measured["effective number of digits drawn from N(0, I)"] == pytest.approx(1)
    (answers,) = judge.probabilities(mean.unsqueeze(0))
    assert measured[f"{HALF_WAY}a third digit"] == float(answers.argmax() not in (1, 2))
    assert measured[f"{HALF_WAY}the judge's entropy in nats"] == pytest.approx(scipy.stats.entropy(answers), rel=1e-4)


@pytest.mark.usefixtures("no_clusters")
def test_vae_is_measured_by_its_means():
    """The variances of q have no influence."""
    vae = VAE(SHAPE, 2, (5,), likelihood=Bernoulli(), generator=seeded())
    before = measure(vae, DATA, nearest_centre())
    with torch.no_grad():
        vae.encoder[2].bias[2:] += 3
    assert measure(vae, DATA, nearest_centre()) == before


# Random draws


def test_seed_fixes_numbers_without_global_state(known):
    model, judge, before = Known(), nearest_centre(), torch.get_rng_state()
    assert measure(model, DATA, judge) == known
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_changes_only_drawn_numbers(known):
    other = measure(Known(), DATA, nearest_centre(), seed=1)
    drawn = {name for name in known if known[name] != other[name]}
    assert {
        "effective number of digits drawn from N(0, I)",
        "half way from 1 to 2, the judge's entropy in nats",
    } <= drawn
    assert drawn <= {name for name in known if "N(0, I)" in name or HALF_WAY in name}


def test_measurements_are_plain_numbers(known):
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in known.values())


def test_measurement_is_cached_for_identical_inputs(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_LESSONS_CACHE", str(tmp_path))
    calls = []
    monkeypatch.setattr(report, "measure", lambda *args: calls.append(args) or {"share": 0.5})
    first, other = (VAE(SHAPE, 2, (4,), likelihood=Gaussian(), generator=seeded(seed)) for seed in (0, 1))
    again = VAE(SHAPE, 2, (4,), likelihood=Gaussian(), generator=seeded(0))
    judge = Classifier(SHAPE, generator=seeded(0))
    for model in (first, again):
        assert measure_or_load(model, DATA, judge) == {"share": 0.5}
    assert calls == [(first, DATA, judge, 0)]
    flipped = replace(DATA, test=DATA.test.flip(0))
    for different in [
        (other, DATA, judge),
        (VAE(SHAPE, 2, (4,), likelihood=Gaussian(0.5), generator=seeded(0)), DATA, judge),
        (first, flipped, judge),
        (first, DATA, Classifier(SHAPE, generator=seeded(1))),
        (first, DATA, judge, 1),
    ]:
        measure_or_load(*different)
    assert len(calls) == 6


# Tables


MEASURED = {
    "one": [{"error": 1.0, "holes": 0.25}, {"error": 2.0, "holes": 0.25}, {"error": 4.0, "holes": 0.25}],
    "another": [{"error": 30.0, "holes": 0.5}, {"error": 32.0, "holes": 0.75}],
}


def rows(markdown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]


def test_estimates_are_means_over_seeds():
    found = estimates(MEASURED)
    assert {quantity: list(of_models) for quantity, of_models in found.items()} == {
        "error": ["one", "another"],
        "holes": ["one", "another"],
    }
    for quantity, of_models in found.items():
        for name, seeds in MEASURED.items():
            values = [seed[quantity] for seed in seeds]
            assert of_models[name].value == pytest.approx(np.mean(values))
            assert of_models[name].error == pytest.approx(scipy.stats.sem(values))


def test_table_has_model_columns_and_measurement_rows():
    head, rule, *lines = rows(table(estimates(MEASURED)))
    assert head == ["", "one", "another"]
    assert rule == ["---", "--:", "--:"]
    assert [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in line] for line in lines] == [
        ["error", "2.33 ± 0.88", "31.0 ± 1.0"],
        ["holes", "0.250 ± 0.000", "0.62 ± 0.12"],
    ]


def test_table_has_the_rows_that_it_is_given():
    assert [line[0] for line in rows(table({"holes": estimates(MEASURED)["holes"]}))] == ["", "---", "holes"]
    with pytest.raises(ValueError, match="at least one quantity"):
        table({})


def test_measurements_fit_a_table(known):
    lines = rows(table(estimates({"known": [known, known], "known again": [known, known]})))
    assert [line[0] for line in lines[2:]] == list(known)
    assert all(len(line) == 3 and line[1] == line[2] for line in lines[2:])


def test_single_seed_is_refused():
    with pytest.raises(ValueError, match=r"at least two numbers \(n,\), got shape \(1,\)"):
        estimates({"one": MEASURED["one"][:1], "another": MEASURED["another"]})
    with pytest.raises(ValueError, match="at least one model"):
        estimates({})


# The noise level


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.floats(-4, 1), st.integers(1, 5))
def test_usable_sigma_is_largest_power_below_threshold(seed, log_scale, latent_dim):
    images = 10**log_scale * torch.randn(50, 2, 3, generator=seeded(seed)).double()
    sigma = usable_sigma(images, latent_dim)
    eigenvalue = PCA().fit(images.flatten(1)).explained_variance_[latent_dim - 1] * 49 / 50  # over M
    assert math.log2(sigma).is_integer()
    assert sigma <= 1
    assert sigma**2 < eigenvalue / 2
    assert sigma == 1 or (2 * sigma) ** 2 >= eigenvalue / 2 * (1 - 1e-9)


def test_numpy_latent_dim_is_accepted():
    assert usable_sigma(DATA.train, np.int64(2)) == usable_sigma(DATA.train, 2)


@pytest.mark.parametrize("latent_dim", [0, -1, 2.0, torch.tensor(2)], ids=repr)
def test_invalid_latent_dim_is_named(latent_dim):
    with pytest.raises(ValueError, match=r"latent_dim must be (at least 1|a whole number), got "):
        usable_sigma(DATA.train, latent_dim)


@pytest.mark.parametrize("latent_dim", [3, 7])
def test_latent_dim_beyond_rank_is_refused(latent_dim):
    images = (torch.randn(50, 2, generator=seeded()) @ torch.randn(2, 6, generator=seeded(1))).view(50, 2, 3)
    assert usable_sigma(images, 2) > 0
    with pytest.raises(ValueError, match=f"latent_dim must be at most .* that images vary in, got {latent_dim}"):
        usable_sigma(images, latent_dim)


def test_usable_sigma_refuses_invalid_images():
    with pytest.raises(ValueError, match=r"images must have a floating dtype, got torch\.uint8: use images / 255"):
        usable_sigma((DATA.train * 255).byte())
    with pytest.raises(TypeError, match="images must be a tensor, got ImageData"):
        usable_sigma(DATA)
