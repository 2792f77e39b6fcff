"""Models side by side: each measurement where its answer is known, and the tables made of them."""

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
from vae_lessons.evaluation.report import compare, contrast, decoded_grid, measure, measure_or_load, usable_sigma

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (1, 3)  # two pixels that say where an image is, and one that is always blank
CENTRES = torch.tensor([[0.2, 0.3], [0.2, 0.8], [0.8, 0.8], [0.8, 0.2], [0.5, 0.45]])  # of five classes
NOISE = 0.025


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_blank(places: Tensor) -> Tensor:
    """Images (M, 1, 3) of places (M, 2)."""
    return nn.functional.pad(places, (0, 1)).unsqueeze(1)


def split(per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """Classes 0, 1 and 2 are Gaussian, class 3 is two of them, and class 4 is bent."""
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
    """Codes are (x₁ - 1/2, x₂ - 1/2) · 4, and decoded without a loss; `stain` is added to every pixel."""

    def __init__(self, stain: float = 0.0) -> None:
        super().__init__(SHAPE, 2, ())
        self.stain = stain

    def encode(self, x: Tensor) -> Tensor:
        return 4 * (x.flatten(1)[:, :2] - 0.5)

    def decode(self, z: Tensor) -> Tensor:
        return with_blank(z / 4 + 0.5) + self.stain


def nearest_centre(centres: Tensor = CENTRES, sharpness: float = 1e4) -> Classifier:
    """A judge that names the nearest centre: its probabilities are proportional to exp(-sharpness · distance²)."""
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
    """The slowest of the measurements, where something else is asked."""
    monkeypatch.setattr(report, "count_clusters", lambda _: Clusters(1, 0.0, 1))


# The grid


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_grid_lies_over_the_middle_of_the_codes_and_its_rows_go_up(n):
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
def test_the_grid_of_a_vae_lies_over_its_means(likelihood):
    vae = VAE(SHAPE, 2, (5,), likelihood=likelihood, generator=seeded())
    pictures, low, high = decoded_grid(vae, DATA, 3)
    assert not pictures.requires_grad
    with torch.no_grad():
        mu, _ = vae.encode(DATA.train)
        np.testing.assert_allclose(torch.stack([low, high]), np.quantile(mu, [0.01, 0.99], axis=0), rtol=1e-5)
        corners = torch.stack([low, torch.stack([high[0], low[1]]), torch.stack([low[0], high[1]]), high])
        torch.testing.assert_close(pictures[[0, 0, -1, -1], [0, -1, 0, -1]], vae.decode(corners))


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_a_plane_needs_two_dimensions(latent_dim):
    model = Autoencoder(SHAPE, latent_dim, (5,), seeded())
    with pytest.raises(ValueError, match=f"latent_dim must be 2 for a grid over the plane, got {latent_dim}"):
        decoded_grid(model, DATA)
    with pytest.raises(ValueError, match=f"latent_dim must be 2 .* got {latent_dim}"):
        measure(model, DATA, nearest_centre())


# Measurements of a model that is known


def test_a_model_that_copies_has_no_error_and_no_ink_where_none_is(known):
    assert known["squared error per pixel"] == pytest.approx(0, abs=1e-12)
    assert known["ink where the image has none"] == 0
    x = DATA.test.double().numpy()
    assert known["greyness 4 x̂ (1 − x̂)"] == pytest.approx((4 * x * (1 - x)).mean(), rel=1e-5)


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize("stain", [0.1, -0.3])
def test_a_stain_on_every_pixel_is_measured(stain):
    stained = measure(Known(stain), DATA, nearest_centre())
    assert stained["squared error per pixel"] == pytest.approx(stain**2, rel=1e-4)
    assert stained["ink where the image has none"] == pytest.approx(stain, rel=1e-4)
    x = DATA.test.double().numpy() + stain
    assert stained["greyness 4 x̂ (1 − x̂)"] == pytest.approx((4 * x * (1 - x)).mean(), rel=1e-4)


def test_classes_that_lie_apart_as_they_look_are_told_and_arranged_without_a_fault(known):
    assert known["10-nearest-neighbour accuracy"] == 1
    assert known["rank correlation of class distances"] == pytest.approx(1)


def test_of_the_classes_two_need_several_gaussians_and_one_is_in_several_clusters(known):
    assert known["digits that need several Gaussians"] == 2
    assert known["digits in several clusters"] == 1


def holes(pictures: np.ndarray, model: Known) -> np.ndarray:
    """By brute force in double precision: which pictures (n, 3) are farther from training images than copies are."""
    train, copies = (x.flatten(1).double().numpy() for x in (DATA.train, model(DATA.test)))
    limit = np.quantile(cdist(copies, train).min(axis=1), 0.95)
    return cdist(pictures, train).min(axis=1) > limit


def empty_cells(data: ImageData) -> float:
    """By NumPy: the share of the grid's cells, centred at its pictures' codes, that hold no training code."""
    codes = Known().code(data.train).double().numpy()
    edges = []
    for low, high in np.quantile(codes, [0.01, 0.99], axis=0).T:
        half = (high - low) / 19 / 2
        edges.append(np.linspace(low - half, high + half, 21))
    counts, *_ = np.histogram2d(*codes.T, bins=edges)
    return float((counts == 0).mean())


def test_cells_of_the_grid_are_empty_where_a_histogram_is(known):
    assert known["empty cells of the grid"] == pytest.approx(empty_cells(DATA), abs=2 / 400)  # ties on an edge
    assert 0.2 < known["empty cells of the grid"] < 0.95


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize("turned", [False, True], ids=["left and right", "below and above"])
def test_codes_beyond_the_grid_are_in_none_of_its_cells(turned):
    """Few enough to be left out, and just one step beyond; the middle of the grid is empty."""
    places = torch.stack([torch.linspace(0.3, 0.7, 1000), torch.where(torch.arange(1000) % 20 == 0, 0.8, 0.2)], dim=1)
    beyond, between = 0.4 / 19, torch.linspace(0.3, 0.7, 8)
    places[:8] = torch.stack([torch.full((8,), 0.3 - beyond), between], dim=1)
    places[-8:] = torch.stack([torch.full((8,), 0.7 + beyond), between], dim=1)
    images, labels = with_blank(places.flip(1) if turned else places), torch.arange(1000) % 3
    data = ImageData("two lines", images, labels, images, labels)
    share = measure(Known(), data, nearest_centre())["empty cells of the grid"]
    assert share == pytest.approx(empty_cells(data), abs=2 / 400)
    assert share == pytest.approx(18 / 20, abs=2 / 400)  # two lines of codes, each in a row of its own


def test_holes_in_the_grid_are_those_of_brute_force(known):
    corners = np.quantile(Known().code(DATA.train).double().numpy(), [0.01, 0.99], axis=0)
    axes = [np.linspace(low, high, 20) / 4 + 0.5 for low, high in corners.T]
    pictures = np.stack([*(axis.ravel() for axis in np.meshgrid(*axes)), np.zeros(400)], axis=1)
    share = holes(pictures, Known()).mean()
    assert known["holes in the grid"] == pytest.approx(share, abs=0.02)  # to the digits of float32
    assert 0.2 < share < 0.95


def test_holes_among_decoded_draws_from_the_prior_are_those_of_other_draws(known):
    """Of 500, to within 5 standard errors."""
    z = torch.randn(20_000, 2, generator=seeded(5))
    share = holes(Known().decode(z).flatten(1).numpy(), Known()).mean()
    assert known["holes among decoded N(0, I)"] == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 500))
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
def test_kinds_of_digits_are_counted_by_how_often_the_judge_names_them(centres, expected):
    judge = nearest_centre(torch.tensor(centres) / 10 + 0.5)
    kinds = measure(Known(), DATA, judge)["kinds of digits among decoded N(0, I)"]
    assert kinds == pytest.approx(expected, abs=0.05)


HALF_WAY = "half way from 1 to 2, "


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize(("third", "expected"), [((0.5, 0.8), 1), ((0.5, 0.1), 0)])
def test_half_way_from_1_to_2_the_judge_names_what_is_there(third, expected):
    """The middle is (0.5, 0.8): nearest to a third class or not."""
    judge = nearest_centre(torch.cat([CENTRES[:3], torch.tensor([third])]))
    measured = measure(Known(), DATA, judge)
    assert measured[f"{HALF_WAY}a third digit"] == expected


def test_half_way_between_two_classes_that_lie_apart_is_nothing(known):
    assert known[f"{HALF_WAY}holes"] == 1


@pytest.mark.usefixtures("no_clusters")
@pytest.mark.parametrize("sharpness", [0.0, 400.0, 1e4])
def test_the_judges_doubt_is_that_of_all_pairs(sharpness):
    """To within 5 standard errors of the hundred pairs that are drawn; log 5 for a judge that cannot tell."""
    centres = CENTRES.clone()
    centres[3:] = torch.tensor([[0.45, 0.8], [0.55, 0.8]])  # a border where the walk passes
    judge = nearest_centre(centres, sharpness)
    ones, twos = (DATA.test[DATA.test_labels == digit] for digit in (1, 2))
    middles = (ones.unsqueeze(0) + twos.unsqueeze(1)).flatten(0, 1) / 2
    of_all_pairs = scipy.stats.entropy(judge.probabilities(middles).double(), axis=1)
    doubt = measure(Known(), DATA, judge)[f"{HALF_WAY}the judge's doubt in nats"]
    assert doubt == pytest.approx(of_all_pairs.mean(), abs=5 * of_all_pairs.std() / 10 + 1e-4)
    if sharpness == 0:
        assert doubt == pytest.approx(math.log(5), rel=1e-5)


class Shuffled(Known):
    """Codes have nothing to do with the image."""

    def encode(self, x: Tensor) -> Tensor:
        return torch.randn(len(x), 2, generator=seeded(len(x)))


@pytest.mark.usefixtures("no_clusters")
def test_codes_that_say_nothing_are_right_by_chance():
    accuracy = measure(Shuffled(), DATA, nearest_centre())["10-nearest-neighbour accuracy"]
    assert accuracy == pytest.approx(1 / 5, abs=5 * math.sqrt(0.2 * 0.8 / 500))


@pytest.mark.usefixtures("no_clusters")
def test_a_collapsed_vae_shows_the_mean_image_wherever_one_looks():
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
    assert measured["kinds of digits among decoded N(0, I)"] == pytest.approx(1)
    (answers,) = judge.probabilities(mean.unsqueeze(0))
    assert measured[f"{HALF_WAY}a third digit"] == float(answers.argmax() not in (1, 2))
    assert measured[f"{HALF_WAY}the judge's doubt in nats"] == pytest.approx(scipy.stats.entropy(answers), rel=1e-4)


@pytest.mark.usefixtures("no_clusters")
def test_a_vae_is_measured_by_its_means():
    """The widths of q say nothing here."""
    vae = VAE(SHAPE, 2, (5,), likelihood=Bernoulli(), generator=seeded())
    before = measure(vae, DATA, nearest_centre())
    with torch.no_grad():
        vae.encoder[2].bias[2:] += 3
    assert measure(vae, DATA, nearest_centre()) == before


# Draws


def test_one_seed_gives_the_same_numbers_and_the_global_generator_is_left_alone(known):
    model, judge, before = Known(), nearest_centre(), torch.get_rng_state()
    assert measure(model, DATA, judge) == known
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_draws_others(known):
    other = measure(Known(), DATA, nearest_centre(), seed=1)
    drawn = {name for name in known if known[name] != other[name]}
    assert {"kinds of digits among decoded N(0, I)", "half way from 1 to 2, the judge's doubt in nats"} <= drawn
    assert drawn <= {name for name in known if "N(0, I)" in name or HALF_WAY in name}


def test_measurements_are_plain_numbers(known):
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in known.values())


def test_a_measurement_is_kept_for_the_same_model_judge_data_and_seed(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_LESSONS_CACHE", str(tmp_path))
    asked = []
    monkeypatch.setattr(report, "measure", lambda *args: asked.append(args) or {"share": 0.5})
    first, other = (VAE(SHAPE, 2, (4,), likelihood=Gaussian(), generator=seeded(seed)) for seed in (0, 1))
    again = VAE(SHAPE, 2, (4,), likelihood=Gaussian(), generator=seeded(0))
    judge = Classifier(SHAPE, generator=seeded(0))
    for model in (first, again):
        assert measure_or_load(model, DATA, judge) == {"share": 0.5}
    assert asked == [(first, DATA, judge, 0)]
    flipped = replace(DATA, test=DATA.test.flip(0))
    for different in [
        (other, DATA, judge),
        (VAE(SHAPE, 2, (4,), likelihood=Gaussian(0.5), generator=seeded(0)), DATA, judge),
        (first, flipped, judge),
        (first, DATA, Classifier(SHAPE, generator=seeded(1))),
        (first, DATA, judge, 1),
    ]:
        measure_or_load(*different)
    assert len(asked) == 6


# Tables


MEASURED = {
    "one": [{"error": 1.0, "holes": 0.25}, {"error": 2.0, "holes": 0.25}, {"error": 4.0, "holes": 0.25}],
    "another": [{"error": 30.0, "holes": 0.5}, {"error": 32.0, "holes": 0.75}],
}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_a_table_has_a_column_for_each_model_and_a_line_for_each_measurement():
    head, rule, *lines = rows(compare(MEASURED))
    assert head == ["", "one", "another"]
    assert rule == ["---", "--:", "--:"]
    assert [line[0] for line in lines] == ["error", "holes"]
    for quantity, *cells in lines:
        for cell, seeds in zip(cells, MEASURED.values(), strict=True):
            value, error = map(float, cell.replace("\N{NO-BREAK SPACE}", " ").split(" ± "))
            values = [seed[quantity] for seed in seeds]
            assert error == pytest.approx(scipy.stats.sem(values), rel=0.05)
            assert value == pytest.approx(np.mean(values), abs=max(error, 1e-9) / 10)


def test_columns_stand_in_the_order_of_the_models():
    backwards = dict(reversed(MEASURED.items()))
    assert rows(compare(backwards))[0] == ["", "another", "one"]
    assert [line[1:] for line in rows(compare(backwards))[2:]] == [line[:0:-1] for line in rows(compare(MEASURED))[2:]]


def test_what_is_measured_fits_a_table(known):
    lines = rows(compare({"known": [known, known], "known again": [known, known]}))
    assert [line[0] for line in lines[2:]] == list(known)
    assert all(len(line) == 3 and line[1] == line[2] for line in lines[2:])


@pytest.mark.parametrize("make", [compare, contrast])
def test_a_single_seed_has_no_error_and_is_refused(make):
    with pytest.raises(ValueError, match=r"at least two numbers in a row, got shape \(1,\)"):
        make({"one": MEASURED["one"][:1], "another": MEASURED["another"]})


def verdicts(text: str) -> dict[str, list[str]]:
    lines = [line.removeprefix("- ").split(": ") for line in text.splitlines() if line.startswith("- ")]
    return {verdict: [] if names == "none" else names.split("; ") for verdict, names in lines}


def of_seeds(**quantities: list[float]) -> list[dict[str, float]]:
    return [dict(zip(quantities, values, strict=True)) for values in zip(*quantities.values(), strict=True)]


def test_the_last_model_is_set_apart_from_the_first():
    """The errors of (0, 1) and of (10, 11) are 1/2 each, that of their difference is 0.71."""
    measured = {
        "first": of_seeds(up=[0, 1], down=[10, 11], near=[0, 1], same=[2, 2], apart=[2, 2]),
        "between": of_seeds(up=[-99, -98], down=[99, 98], near=[99, 98], same=[9, 9], apart=[9, 9]),
        "last": of_seeds(up=[10, 11], down=[0, 1], near=[2, 3], same=[2, 2], apart=[2.5, 2.5]),
    }
    text = contrast(measured)
    assert text.startswith("last against first:")
    assert verdicts(text) == {"higher": ["up", "apart"], "lower": ["down"], "no clear difference": ["near", "same"]}
    assert verdicts(contrast(measured, errors=2.0))["higher"] == ["up", "near", "apart"]
    assert verdicts(contrast({name: measured[name] for name in ("first", "first", "last")}, errors=100)) == {
        "higher": ["apart"],
        "lower": [],
        "no clear difference": ["up", "down", "near", "same"],
    }


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=4), st.lists(st.floats(-5, 5), min_size=2, max_size=4))
def test_models_are_told_apart_by_the_error_of_their_difference(first, last):
    difference = np.mean(last) - np.mean(first)
    error = math.sqrt(scipy.stats.sem(first) ** 2 + scipy.stats.sem(last) ** 2)
    if abs(abs(difference) - 3 * error) < 1e-9:
        return
    expected = "no clear difference" if abs(difference) < 3 * error else "higher" if difference > 0 else "lower"
    found = verdicts(contrast({"a": [{"q": value} for value in first], "b": [{"q": value} for value in last]}))
    assert found[expected] == ["q"]


# The noise level


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.floats(-4, 1), st.integers(1, 5))
def test_the_usable_sigma_is_the_first_power_of_a_half_below_the_border(seed, log_scale, latent_dim):
    images = 10**log_scale * torch.randn(50, 2, 3, generator=seeded(seed)).double()
    sigma = usable_sigma(images, latent_dim)
    eigenvalue = PCA().fit(images.flatten(1)).explained_variance_[latent_dim - 1] * 49 / 50  # over M
    assert math.log2(sigma).is_integer()
    assert sigma <= 1
    assert sigma**2 < eigenvalue / 2
    assert sigma == 1 or (2 * sigma) ** 2 >= eigenvalue / 2 * (1 - 1e-9)


def test_a_number_of_directions_may_be_one_of_numpy():
    assert usable_sigma(DATA.train, np.int64(2)) == usable_sigma(DATA.train, 2)


@pytest.mark.parametrize("latent_dim", [0, -1, 2.0, torch.tensor(2)], ids=repr)
def test_a_number_of_directions_that_is_none_is_named(latent_dim):
    with pytest.raises(ValueError, match=r"latent_dim must be (at least 1|a whole number), got "):
        usable_sigma(DATA.train, latent_dim)


@pytest.mark.parametrize("latent_dim", [3, 7])
def test_directions_that_the_images_do_not_have_are_refused(latent_dim):
    images = (torch.randn(50, 2, generator=seeded()) @ torch.randn(2, 6, generator=seeded(1))).view(50, 2, 3)
    assert usable_sigma(images, 2) > 0
    with pytest.raises(ValueError, match=f"latent_dim must be at most .* that images vary in, got {latent_dim}"):
        usable_sigma(images, latent_dim)


def test_one_model_cannot_be_told_apart_from_itself():
    with pytest.raises(ValueError, match="measured must hold at least two models"):
        contrast({"alone": [{"q": 1.0}, {"q": 2.0}]})


def test_what_has_no_noise_level_is_named():
    with pytest.raises(ValueError, match=r"images must have a floating dtype, got torch\.uint8: use images / 255"):
        usable_sigma((DATA.train * 255).byte())
    with pytest.raises(TypeError, match="images must be a tensor, got ImageData"):
        usable_sigma(DATA)


def test_a_table_of_no_model_is_refused():
    with pytest.raises(ValueError, match="measured must hold at least one model, got none"):
        compare({})
