"""Integrals on a grid against torch.distributions and scipy.stats: easy, hard and impossible ones."""

import math

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical, Independent, Laplace, MixtureSameFamily, MultivariateNormal, Normal

from vae_lessons.inference.grid import GridDensity, QuadratureError, integrate

TOLERANCE = 1e-6
ROUNDING = 1e-9  # nats
LOG_SCALES = st.floats(-4, 2)  # to base 10


def float64(values) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normals(means: list[float], scales: list[float]) -> Normal:
    """Make one-dimensional Gaussians, one per row."""
    return Normal(float64(means), float64(scales))


def log_prob_1d(distribution):
    """Return the log-density as a function of points (G, B, 1)."""
    return lambda z: distribution.log_prob(z.squeeze(2))


def mixture(weights: list[float], centres: list[list[float]], scales: list[float]) -> MixtureSameFamily:
    """Make one row: a mixture of round Gaussians N(c_i, s_i² I)."""
    places = float64(centres)
    parts = Independent(Normal(places, float64(scales).unsqueeze(1).expand_as(places)), 1)
    return MixtureSameFamily(Categorical(float64(weights)), parts)


def assert_accurate(density: GridDensity, log_normaliser=0.0, tolerance: float = TOLERANCE) -> None:
    """Assert that the error is within the tolerance and within its own estimate."""
    off = (density.log_normaliser - log_normaliser).abs()
    assert density.error.max() <= tolerance
    assert (off <= density.error + ROUNDING).all(), f"off by {off.tolist()}, estimated {density.error.tolist()}"


# Gaussians


@given(st.lists(st.tuples(st.floats(-8, 8), LOG_SCALES, st.floats(-1000, 1000)), min_size=1, max_size=5))
def test_gaussian_of_any_width_is_integrated(rows):
    means, log_scales, offsets = (list(column) for column in zip(*rows, strict=True))
    target = normals(means, [10**s for s in log_scales])
    density = integrate(lambda z: log_prob_1d(target)(z) + float64(offsets), len(rows), 1, TOLERANCE)
    assert_accurate(density, float64(offsets))
    assert ((density.mean().squeeze(1) - target.mean).abs() < 1e-5 * target.stddev).all()
    torch.testing.assert_close(density.covariance().flatten(), target.variance, rtol=1e-5, atol=0)


@given(st.floats(-50, 50), LOG_SCALES)
def test_gaussian_far_from_origin_is_found(mean, log_scale):
    target = normals([mean], [10**log_scale])
    density = integrate(log_prob_1d(target), 1, 1, TOLERANCE)
    assert_accurate(density)
    assert abs(density.mean() - mean) < 1e-5 * target.stddev


@pytest.mark.parametrize(("mean", "scale"), [(17.0, 1.4), (-22.0, 0.05), (36.0, 1.0), (50.0, 1e-4)])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-6])
def test_loose_tolerance_does_not_truncate_integrand(mean, scale, tolerance):
    """On a finer grid the outermost points weigh less, wherever the grid ends."""
    assert_accurate(integrate(log_prob_1d(normals([mean], [scale])), 1, 1, tolerance), tolerance=tolerance)


@settings(max_examples=40)
@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=2),
    st.lists(st.floats(-3, 1), min_size=2, max_size=2),
    st.floats(-0.99, 0.99) | st.sampled_from([-0.99, 0.99]),
)
def test_correlated_gaussian_is_integrated(mean, log_scales, correlation):
    first, second = (10**s for s in log_scales)
    shared = correlation * first * second
    cov = float64([[first**2, shared], [shared, second**2]])
    density = integrate(MultivariateNormal(float64([mean]), cov).log_prob, 1, 2, TOLERANCE)
    assert_accurate(density)
    scales = float64([first, second])
    assert ((density.mean()[0] - float64(mean)).abs() < 1e-5 * scales).all()
    assert ((density.covariance()[0] - cov).abs() < 1e-5 * scales.outer(scales)).all()


def test_correlated_gaussian_far_from_origin_is_found():
    target = MultivariateNormal(float64([[50.0, -30.0]]), float64([[1.0, 0.0396], [0.0396, 0.0016]]))  # rho = 0.99
    density = integrate(target.log_prob, 1, 2, TOLERANCE)
    assert_accurate(density)
    torch.testing.assert_close(density.mean(), target.mean, rtol=1e-6, atol=0)


# Other shapes


@pytest.mark.parametrize(
    "target",
    [
        scipy.stats.loggamma(0.3, loc=1.0),
        scipy.stats.loggamma(2.5, loc=-6.0, scale=0.1),
        scipy.stats.loggamma(50.0, loc=0.3),
        scipy.stats.gumbel_r(loc=4.0, scale=0.5),
        scipy.stats.gumbel_l(loc=-3.0, scale=2.0),
        scipy.stats.skewnorm(8.0, loc=1.0, scale=0.3),
        scipy.stats.logistic(loc=2.0, scale=0.7),
        scipy.stats.hypsecant(loc=-1.0),
        scipy.stats.t(30, loc=0.4, scale=0.2),
        scipy.stats.gennorm(4, loc=5.0, scale=1.5),
        scipy.stats.gennorm(8, loc=-5.0, scale=0.01),
    ],
    ids=lambda target: target.dist.name,
)
def test_skewed_and_flat_topped_densities_are_integrated(target):
    density = integrate(lambda z: torch.from_numpy(target.logpdf(z.squeeze(2).numpy())), 1, 1, TOLERANCE)
    assert_accurate(density)
    mean, variance = target.stats("mv")
    assert density.mean().item() == pytest.approx(mean, abs=1e-4 * math.sqrt(variance))
    assert density.covariance().item() == pytest.approx(variance, rel=1e-4)


def test_skewed_density_in_two_dimensions():
    across, along = scipy.stats.loggamma(1.5, loc=2.0), scipy.stats.logistic(loc=-4.0, scale=0.2)
    density = integrate(
        lambda z: torch.from_numpy(across.logpdf(z[..., 0].numpy()) + along.logpdf(z[..., 1].numpy())), 1, 2, TOLERANCE
    )
    assert_accurate(density)
    assert density.mean()[0].tolist() == pytest.approx([across.mean(), along.mean()], rel=1e-5)
    assert density.covariance()[0].diagonal().tolist() == pytest.approx([across.var(), along.var()], rel=1e-4)
    assert density.covariance()[0, 0, 1].item() == pytest.approx(0, abs=1e-5)


def bent(bend):
    """z_1 ~ N(0, 1) and z_2 | z_1 ~ N(bend(z_1), 0.2²)."""
    return lambda z: Normal(0.0, 1.0).log_prob(z[..., 0]) + Normal(bend(z[..., 0]), 0.2).log_prob(z[..., 1])


def test_bent_density_in_two_dimensions():
    """Var sin z = (1 - e^-2) / 2 and Cov(z, sin z) = e^(-1/2) for z ~ N(0, 1)."""
    density = integrate(bent(torch.sin), 1, 2, TOLERANCE)
    assert_accurate(density)
    cov = float64([[[1.0, math.exp(-0.5)], [math.exp(-0.5), -math.expm1(-2) / 2 + 0.04]]])
    torch.testing.assert_close(density.mean(), float64([[0.0, 0.0]]), rtol=0, atol=1e-5)
    torch.testing.assert_close(density.covariance(), cov, rtol=0, atol=1e-5)


def test_banana_is_integrated_or_refused():
    """At 40 nats below the peak its ends are 80 wide, which may be too much for a square grid."""
    try:
        density = integrate(bent(torch.square), 1, 2, 1e-3)
    except QuadratureError:
        return
    assert_accurate(density, tolerance=1e-3)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
def test_kinked_integrand_is_within_tolerance(tolerance):
    """ReLU decoders have kinks. Halving the step then quarters the error at best, depending on where the kink lies."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(100, generator=generator, dtype=torch.float64) * 6 - 3
    scales = 10 ** (torch.rand(100, generator=generator, dtype=torch.float64) * 1.5 - 1)
    errors = [
        integrate(log_prob_1d(Laplace(*row)), 1, 1, tolerance).log_normaliser.abs()
        for row in torch.stack([centres, scales], dim=1).unsqueeze(2)
    ]
    assert max(errors) <= tolerance


# Several peaks


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.3, 0.7], [0.999, 0.001]], ids=str)
@pytest.mark.parametrize(
    ("distance", "scale"), [(3.0, 0.02), (3.0, 0.3), (1.7, 0.01), (6.75, 0.1), (7.25, 0.1), (7.25, 0.02), (40.0, 0.5)]
)
def test_two_distant_narrow_peaks_both_count(distance, scale, weights):
    """Also midway between two points of the first grid, where even and odd points contribute equally."""
    target = mixture(weights, [[-distance], [distance]], [scale, scale])
    density = integrate(target.log_prob, 1, 1, TOLERANCE)
    assert_accurate(density)
    assert density.mean().item() == pytest.approx(distance * (weights[1] - weights[0]), abs=1e-5)
    assert density.covariance().item() == pytest.approx(target.variance.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("centres", "scale"),
    [([[-3.0, 0.0], [3.0, 0.0]], 0.05), ([[-3.0, -3.0], [3.0, 3.0]], 0.05), ([[2.0, -1.0], [-2.5, 1.5]], 0.1)],
)
def test_two_distant_peaks_count_in_two_dimensions(centres, scale):
    target = mixture([0.4, 0.6], centres, [scale, scale])
    density = integrate(target.log_prob, 1, 2, TOLERANCE)
    assert_accurate(density)
    torch.testing.assert_close(density.mean()[0], target.mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(density.covariance()[0].diagonal(), target.variance, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 2])
def test_random_peaks_are_integrated_or_refused(dim):
    """Over 30 pairs of equal width; at least half must be integrated."""
    generator = torch.Generator().manual_seed(dim)
    n_accurate = 0
    for _ in range(30):
        scale, share = torch.rand(2, generator=generator).tolist()
        scale = 10 ** (-2 * scale if dim == 1 else -1.3 * scale)
        centres = torch.rand(2, dim, generator=generator) * 14 - 7
        target = mixture([0.01 + 0.98 * share, 0.99 - 0.98 * share], centres.tolist(), [scale, scale])
        try:
            density = integrate(target.log_prob, 1, dim, TOLERANCE)
        except QuadratureError:
            continue
        assert_accurate(density)
        n_accurate += 1
    assert n_accurate >= 15


@pytest.mark.parametrize("ratio", [10, 30, 100])
@pytest.mark.parametrize("centre", [-2.27, 0.0, 0.87, 4.1])
def test_narrow_peak_on_wide_one_is_found(centre, ratio):
    target = mixture([0.5, 0.5], [[0.6], [centre]], [1.0, 1 / ratio])
    density = integrate(target.log_prob, 1, 1, TOLERANCE)
    assert_accurate(density)
    assert density.mean().item() == pytest.approx((0.6 + centre) / 2, abs=1e-5)


# Rows


def test_rows_with_different_boxes_are_integrated_together():
    means, scales = [0.0, -7.0, 3.0, 10.0, 0.1], [1e-4, 0.5, 30.0, 0.01, 300.0]
    offsets = float64([-5000.0, 0.0, 3.0, 700.0, -1.0])
    target = normals(means, scales)
    density = integrate(lambda z: log_prob_1d(target)(z) + offsets, 5, 1, TOLERANCE)
    assert density.points.shape == (len(density.points), 5, 1)
    assert density.cell_volume.shape == density.error.shape == density.log_normaliser.shape == (5,)
    assert_accurate(density, offsets)
    assert ((density.mean().squeeze(1) - target.mean).abs() < 1e-6 * target.stddev).all()


def test_different_boxes_are_integrated_in_two_dimensions():
    means = float64([[0.0, 0.0], [5.0, -5.0], [-12.0, 0.3]])
    scales = float64([[1e-3, 20.0], [1.0, 1.0], [3.0, 0.01]])
    target = Independent(Normal(means, scales), 1)
    density = integrate(target.log_prob, 3, 2, TOLERANCE)
    assert_accurate(density)
    torch.testing.assert_close(density.covariance(), torch.diag_embed(scales.square()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2])
def test_many_rows_are_integrated_independently(dim):
    generator = torch.Generator().manual_seed(dim)
    means = torch.randn(500 // dim**3, dim, generator=generator, dtype=torch.float64) * 2
    scales = 10 ** (torch.rand(means.shape, generator=generator, dtype=torch.float64) * 3 - 3)
    target = Independent(Normal(means, scales), 1)
    density = integrate(target.log_prob, len(means), dim, 1e-4)
    assert_accurate(density, tolerance=1e-4)
    assert ((density.mean() - means).abs() < 1e-3 * scales).all()


# GridDensity


def test_grid_density_is_normalised():
    target = normals([1.0, -2.0], [0.5, 3.0])
    density = integrate(lambda z: log_prob_1d(target)(z) - 7, 2, 1, 1e-10)
    torch.testing.assert_close(density.log_density, log_prob_1d(target)(density.points), rtol=0, atol=1e-9)
    torch.testing.assert_close(density.log_density.exp().sum(dim=0) * density.cell_volume, float64([1.0, 1.0]))


def test_expectation_matches_closed_form():
    """E[cos z] = cos(m) e^(-s²/2) and E[sin z] = sin(m) e^(-s²/2) for N(m, s²), as values and as pairs of values."""
    mean, scale = float64([0.3, -4.0]), float64([0.5, 1.5])
    density = integrate(log_prob_1d(Normal(mean, scale)), 2, 1, 1e-8)
    shrink = torch.exp(-scale.square() / 2)
    z = density.points.squeeze(2)
    cosine, pair = density.expectation(z.cos()), density.expectation(torch.stack([z.cos(), z.sin()], dim=2))
    assert (cosine.shape, pair.shape) == ((2,), (2, 2))
    torch.testing.assert_close(cosine, mean.cos() * shrink, rtol=0, atol=1e-7)
    torch.testing.assert_close(pair[:, 1], mean.sin() * shrink, rtol=0, atol=1e-7)


def test_float32_log_density_is_summed_in_float64():
    target = normals([0.0, 2.0], [1.0, 0.1])
    density = integrate(lambda z: log_prob_1d(target)(z).float(), 2, 1, 1e-4)
    assert density.log_normaliser.dtype == density.log_density.dtype == torch.float64
    assert density.log_normaliser.abs().max() < 1e-4 + 1e-5
    same = integrate(lambda z: log_prob_1d(target)(z).float().double(), 2, 1, 1e-4)
    assert torch.equal(density.log_normaliser, same.log_normaliser)


# Errors


@pytest.mark.parametrize(("dim", "scale"), [(1, 1e-6), (2, 1e-4)])
def test_unreachable_tolerance_names_row_and_numbers(dim, scale):
    needles = mixture([0.5, 0.5], [[-7.0] * dim, [6.123] * dim], [scale] * 2)
    easy = Independent(Normal(torch.zeros(dim, dtype=torch.float64), 1.0), 1)
    message = r"row 1 is known to [\d.e+-]+ nats only, with \d+ cells each way; tolerance is 1e-06\."
    with pytest.raises(QuadratureError, match=message):
        integrate(lambda z: torch.stack([easy.log_prob(z[:, 0]), needles.log_prob(z[:, 1])], dim=1), 2, dim, TOLERANCE)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(
    "log_density",
    [lambda z: 0 * z.sum(dim=2) - 3, lambda z: z.sum(dim=2), lambda z: -(z[..., 0].abs() + 1).log() / 2],
    ids=["constant", "rising", "slow to die"],
)
def test_integrand_that_never_decays_is_refused(log_density, dim):
    with pytest.raises(QuadratureError):
        integrate(log_density, 1, dim, 1e-3)


def test_constant_integrand_has_no_box():
    with pytest.raises(QuadratureError, match="no box was found that holds the integrand, after 40 searches"):
        integrate(lambda z: 0 * z.sum(dim=2), 1, 1, 1e-3)


@pytest.mark.parametrize(
    ("hole", "message"), [(math.nan, "got nan"), (-math.inf, "got -inf"), (math.inf, "got inf")], ids=str
)
def test_non_finite_log_density_names_row_and_place(hole, message):
    """The first such point is in row 1, just above -7.8."""
    target = normals([0.0, 0.0], [1.0, 1.0])

    def log_density(z: Tensor) -> Tensor:
        values = log_prob_1d(target)(z)
        values[:, 1] = torch.where((z[:, 1, 0] > -7.8) & (z[:, 1, 0] < -7.3), hole, values[:, 1])
        return values

    with pytest.raises(ValueError, match=rf"{message} in row 1 at z = \(-7\.[78]\d?\)"):
        integrate(log_density, 2, 1, TOLERANCE)


def test_named_place_has_all_coordinates():
    disc = lambda z: torch.where(z.square().sum(dim=2) < 4, 0.0, -math.inf)  # noqa: E731
    with pytest.raises(ValueError, match=r"got -inf in row 0 at z = \(-8, -8\)"):
        integrate(disc, 1, 2, TOLERANCE)


@pytest.mark.parametrize("dim", [0, 3, -1])
def test_unsupported_dimensions_are_refused(dim):
    with pytest.raises(ValueError, match=f"latent_dim must be 1 or 2 for quadrature, got {dim}"):
        integrate(lambda z: -z.square().sum(dim=2), 1, dim, TOLERANCE)


@pytest.mark.parametrize("tolerance", [0, -1e-3, math.nan, "small", torch.tensor(0.1)], ids=repr)
def test_non_positive_tolerance_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance must be a positive number, got "):
        integrate(lambda z: -z.square().sum(dim=2), 1, 1, tolerance)
