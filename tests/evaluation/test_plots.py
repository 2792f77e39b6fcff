"""The plots, read back from the drawn artists."""

import base64
import io
import math
import re
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.stats
import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.axes import Axes
from matplotlib.backend_bases import MouseEvent
from matplotlib.colors import to_rgb
from matplotlib.markers import MarkerStyle
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from traitlets.config import Config

from vae_lessons.evaluation import plots
from vae_lessons.evaluation.metrics import Estimate
from vae_lessons.evaluation.plots import (
    CLASS_COLOURS,
    COLOURS,
    plot_codes,
    plot_codes_by_class,
    plot_estimates,
    plot_posterior,
    show_grid,
    show_images,
    use_style,
)
from vae_lessons.inference import posterior_quadrature
from vae_lessons.models import LinearGaussian


@pytest.fixture(autouse=True)
def own_figures():
    """Draw without a screen, and restore figures and style afterwards."""
    plt.switch_backend("Agg")
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def style(monkeypatch) -> None:
    """Apply the book's style without configuring IPython."""
    monkeypatch.setattr("matplotlib_inline.backend_inline.set_matplotlib_formats", lambda *_: None)
    use_style()


@pytest.fixture
def shell(monkeypatch):
    """Start IPython as in a notebook."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # IPython replaces it
    yield InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    InteractiveShell.clear_instance()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def value_at(ax: Axes, x: float, y: float) -> float:
    """Return the value that matplotlib shows to a mouse over a point; nan where the image is blank."""
    event = MouseEvent("motion_notify_event", ax.figure.canvas, *ax.transData.transform((x, y)))
    value = ax.images[0].get_cursor_data(event)
    return np.nan if value is None or np.ma.is_masked(value) else float(value)


CODES, LABELS = torch.randn(60, 2, generator=seeded()), torch.arange(60) % 10
ESTIMATES = {
    "error": {"one": Estimate(3.0, 0.5), "another": Estimate(1.0, 0.25)},
    "accuracy": {"one": Estimate(0.8, 0.01), "another": Estimate(0.9, 0.02)},
    "holes": {"one": Estimate(0.0, 0.0), "another": Estimate(0.2, 0.1)},
}


def square_grid(n: int = 81) -> torch.Tensor:
    """Return points (n², 2) over [-4, 8] by [-6, 6], first coordinate slowest."""
    return torch.cartesian_prod(torch.linspace(-4, 8, n), torch.linspace(-6, 6, n)).double()


def gaussian(mu: list, deviations: list) -> Independent:
    return Independent(Normal(torch.tensor(mu).double(), torch.tensor(deviations).double()), 1)


NORMAL = gaussian([1.5, -1.0], [0.7, 1.6])
PEAKS = gaussian([[-1, 3], [4, -2]], [[0.8, 0.8], [1.2, 0.7]])
TWO_PEAKS = MixtureSameFamily(Categorical(torch.tensor([0.3, 0.7]).double()), PEAKS)


def posterior(density, mu=(0.5, 0.5), logvar=(0.0, 1.0), ax=None) -> Axes:
    points = square_grid()
    return plot_posterior(points, density.log_prob(points), torch.tensor(mu), torch.tensor(logvar), ax)


DRAWN = {
    "show_images": lambda ax: show_images(torch.rand(7, 3, 4, generator=seeded()), n_columns=3, ax=ax),
    "plot_codes": lambda ax: plot_codes(CODES, LABELS, ax=ax),
    "show_grid": lambda ax: show_grid(torch.rand(3, 3, 2, 2), torch.tensor([0.0, 0]), torch.tensor([1.0, 1]), ax=ax),
    "plot_posterior": lambda ax: posterior(NORMAL, ax=ax),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_figure_is_drawn_only_on_given_axes(draw):
    figure, (left, right) = plt.subplots(1, 2)
    assert draw(left) is left
    assert left.has_data()
    assert not right.has_data()
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_figure_without_axes_gets_its_own(draw):
    old = plt.subplots()[1]
    new = draw(None)
    assert new.figure is not old.figure
    assert new.has_data()
    assert not old.has_data()


# Style


def test_style_makes_figures_transparent(style):
    figure, ax = plt.subplots()
    ax.plot([0, 1])
    stored = io.BytesIO()
    figure.savefig(stored, format="png")
    stored.seek(0)
    alpha = plt.imread(stored)[..., 3]
    assert {alpha[0, 0], alpha[0, -1], alpha[-1, 0], alpha[-1, -1]} == {0}
    assert np.mean(alpha == 0) > 0.5
    assert alpha.max() == 1  # the ink


def test_style_shows_0_white_and_1_black(style):
    image = show_images(torch.tensor([0.0, 1.0]).view(1, 1, 2)).images[0]
    assert image.to_rgba(np.array([0.0, 1.0])).tolist() == [[1, 1, 1, 1], [0, 0, 0, 1]]
    assert image.get_interpolation() == "nearest"


def test_notebook_figures_have_double_resolution(shell):
    use_style()
    content, metadata = shell.display_formatter.format(plt.subplots()[0])
    shown = plt.imread(io.BytesIO(base64.b64decode(content["image/png"])))
    assert shown.shape[1] == pytest.approx(2 * metadata["image/png"]["width"], abs=1)


def test_style_does_not_start_ipython(monkeypatch):
    started = []
    monkeypatch.setattr(InteractiveShell, "instance", lambda *_, **__: started.append("IPython"))
    monkeypatch.setattr("matplotlib_inline.backend_inline.select_figure_formats", lambda *_, **__: None)
    use_style()
    assert not started


def luminance(rgb: np.ndarray) -> float:
    """Compute the relative luminance of WCAG 2."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def as_in_dark_mode(rgb: np.ndarray) -> np.ndarray:
    """Apply invert(0.93) hue-rotate(180deg), as CSS defines the filters: the hue rotates around this grey."""
    grey = np.array([0.213, 0.715, 0.072])
    inverted = 0.93 - rgb * (2 * 0.93 - 1)
    return np.clip(2 * (inverted @ grey) - inverted, 0, 1)


@pytest.mark.parametrize("colour", CLASS_COLOURS)
def test_class_colours_contrast_in_light_and_dark(colour):
    rgb, white, dark_page = np.array(to_rgb(colour)), np.ones(3), np.array(to_rgb("#14181e"))
    assert contrast(rgb, white) >= 3
    assert contrast(as_in_dark_mode(rgb), dark_page) >= 3


def test_ten_classes_have_ten_colours():
    assert len({to_rgb(colour) for colour in CLASS_COLOURS}) == 10


# Images side by side


@pytest.mark.parametrize(("count", "n_columns", "n_rows"), [(7, 3, 3), (6, 3, 2), (1, 1, 1), (2, 5, 1), (3, 1, 3)])
def test_images_are_laid_out_in_reading_order(count, n_columns, n_rows):
    height, width = 3, 4
    images = torch.rand(count, height, width, generator=seeded())
    ax = show_images(images, n_columns=n_columns)
    sheet = ax.images[0].get_array()
    assert sheet.shape == (n_rows * (height + 1) - 1, n_columns * (width + 1) - 1)
    for i, image in enumerate(images):
        top, left = i // n_columns * (height + 1), i % n_columns * (width + 1)
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], image)
        assert value_at(ax, left + 2, top + 1) == pytest.approx(float(image[1, 2]))
    assert sheet.count() == count * height * width  # everything else is blank


def test_all_images_share_one_scale():
    image = show_images(torch.full((2, 3, 3), 0.4)).images[0]
    assert image.get_clim() == (0, 1)


def test_row_labels_are_centred_on_rows():
    ax = show_images(torch.rand(6, 3, 4), n_columns=2, row_labels=["first", "second", "third"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second", "third"]
    for row, position in enumerate(ax.get_yticks()):
        assert position == pytest.approx(4 * row + 1, abs=0.5)  # its middle pixel
    assert list(ax.get_xticks()) == []


def test_images_without_row_labels_have_no_ticks():
    ax = show_images(torch.rand(6, 3, 4))
    assert [*ax.get_xticks(), *ax.get_yticks()] == []


# Images where their codes lie


@pytest.mark.parametrize(
    ("n", "corner", "opposite"), [(4, (-2, -1), (1, 5)), (2, (0, 10), (0.1, 30)), (7, (-3, -3), (3, 3))]
)
def test_grid_images_are_centred_at_their_codes(n, corner, opposite):
    corner, opposite = torch.tensor([corner, opposite], dtype=torch.float32)
    values = torch.rand(n, n, generator=seeded())  # one grey for each image, rows in z2, columns in z1
    ax = show_grid(values[:, :, None, None].expand(n, n, 3, 5), corner, opposite)
    step = (opposite - corner) / (n - 1)
    for row in range(n):
        for column in range(n):
            z = corner + step * torch.tensor([column, row])
            for right, up in [(0, 0), (-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25)]:
                shown = value_at(ax, *(z + step * torch.tensor([right, up])).tolist())
                assert shown == pytest.approx(float(values[row, column]))
    left, right, bottom, top = ax.images[0].get_extent()
    assert (left, bottom) == pytest.approx((corner - step / 2).tolist())
    assert (right, top) == pytest.approx((opposite + step / 2).tolist())


def test_grid_grows_upwards_with_upright_images():
    images = torch.zeros(2, 2, 2, 2)
    images[1, 0] = torch.tensor([[0.1, 0.2], [0.3, 0.4]])  # z1 = 0, z2 = 1
    ax = show_grid(images, torch.tensor([0.0, 0]), torch.tensor([1.0, 1]))
    assert ax.get_ylim()[0] < ax.get_ylim()[1]
    assert ax.get_xlim()[0] < ax.get_xlim()[1]
    shown = [[value_at(ax, x, y) for x in (-0.125, 0.125)] for y in (1.125, 0.875)]
    np.testing.assert_allclose(shown, images[1, 0])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")
    assert ax.images[0].get_clim() == (0, 1)


# Codes


def drawn(collection) -> np.ndarray:
    return np.asarray(collection.get_offsets(), dtype=np.float32)


@pytest.mark.parametrize("labels", [LABELS, torch.arange(60) % 2 * 7 + 1], ids=["ten classes", "1 and 8 alone"])
def test_codes_are_drawn_in_class_colour_and_numeral(labels):
    ax = plot_codes(CODES, labels)
    present = sorted(set(labels.tolist()))
    assert len(ax.collections) == len(present)
    for label, collection in zip(present, ax.collections, strict=True):
        np.testing.assert_array_equal(drawn(collection), CODES[labels == label])
        assert to_rgb(collection.get_facecolor()[0]) == to_rgb(CLASS_COLOURS[label])
        numeral = MarkerStyle(f"${label}$")
        expected = numeral.get_path().transformed(numeral.get_transform()).vertices
        np.testing.assert_allclose(collection.get_paths()[0].vertices, expected)
    assert sum(len(drawn(c)) for c in ax.collections) == len(CODES)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")


def test_class_panels_highlight_their_own_codes():
    axes = plot_codes_by_class(CODES, LABELS)
    assert axes.size == 10
    for label, ax in enumerate(axes.flat):
        everything, own = ax.collections
        np.testing.assert_array_equal(drawn(everything), CODES)
        np.testing.assert_array_equal(drawn(own), CODES[label == LABELS])
        assert to_rgb(own.get_facecolor()[0]) == to_rgb(CLASS_COLOURS[label])
        assert len(set(to_rgb(everything.get_facecolor()[0]))) == 1  # grey
        assert [text.get_text() for text in ax.texts] == [str(label)]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes.flat}) == 1


def test_more_than_ten_classes_get_more_panels():
    labels = torch.arange(60) % 26
    axes = plot_codes_by_class(CODES, labels)
    assert axes.shape == (6, 5)
    for label, ax in enumerate(axes.flat):
        np.testing.assert_array_equal(drawn(ax.collections[1]), CODES[label == labels])


# Estimates


def test_estimates_are_dots_with_bars_of_two_errors_each_side():
    axes = plot_estimates(ESTIMATES)
    shown = list(axes.flat)[: len(ESTIMATES)]
    assert [ax.get_title(loc="left") for ax in shown] == list(ESTIMATES)
    assert not any(ax.axison for ax in list(axes.flat)[len(ESTIMATES) :])
    for ax, of_models in zip(shown, ESTIMATES.values(), strict=True):
        rows = []
        for container, (name, estimate) in zip(ax.containers, of_models.items(), strict=True):
            (x,), (y,) = container.lines[0].get_data()
            ((left, _), (right, _)) = container.lines[2][0].get_segments()[0]
            assert container.get_label() == name
            assert x == estimate.value
            assert (left, right) == pytest.approx((x - 2 * estimate.error, x + 2 * estimate.error))
            rows.append(ax.transData.transform((x, y))[1])
        assert rows == sorted(rows, reverse=True)  # the first model on top


def test_models_are_told_apart_without_colour():
    models = [container.lines[0] for container in plot_estimates(ESTIMATES).flat[0].containers]
    assert len({line.get_marker() for line in models}) == len(models)
    (legend,) = plt.gcf().legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "another"]


def test_nothing_to_plot_is_refused():
    with pytest.raises(ValueError, match="at least one quantity"):
        plot_estimates({})


# Posteriors


def contour_lines(ax: Axes) -> list[np.ndarray]:
    """Return the points (n, 2) of the contour lines, outer level first."""
    _, lines = ax.collections
    return [path.vertices for path in lines.get_paths()]


def ellipse_lines(ax: Axes) -> list[np.ndarray]:
    """Return the points (n, 2) of the ellipses, outer one first."""
    return [ax.transData.inverted().transform(ellipse.get_verts()) for ellipse in reversed(ax.patches)]


def test_gaussian_contours_and_ellipses_coincide():
    ax = posterior(NORMAL, mu=NORMAL.mean.tolist(), logvar=(2 * NORMAL.stddev.log()).tolist())
    for lines in (contour_lines(ax), ellipse_lines(ax)):
        for radius, line in zip((2, 1), lines, strict=True):
            z = (line - NORMAL.mean.numpy()) / NORMAL.stddev.numpy()
            np.testing.assert_allclose(np.linalg.norm(z, axis=1), radius, rtol=0.03)
            assert (z.min(axis=0) < -0.95 * radius).all()  # all the way round
            assert (z.max(axis=0) > 0.95 * radius).all()


@pytest.mark.parametrize("density", [NORMAL, TWO_PEAKS], ids=["one peak", "two peaks"])
def test_contours_hold_their_share_of_probability(density):
    """Draws counted inside each level, against the chi-squared distribution; no grid is involved."""
    ax = posterior(density)
    torch.manual_seed(0)
    z = density.sample((20_000,))
    for contours in ax.collections:
        for level, radius in zip(contours.levels, (2, 1), strict=False):
            inside = float((density.log_prob(z) >= math.log(level)).double().mean())
            assert inside == pytest.approx(scipy.stats.chi2(2).cdf(radius**2), abs=0.02)


def test_two_peaks_are_drawn_in_place():
    inner = contour_lines(posterior(TWO_PEAKS))[1]
    assert np.linalg.norm(inner - [4, -2], axis=1).min() < 1
    outer = contour_lines(posterior(TWO_PEAKS))[0]
    for peak in ([4, -2], [-1, 3]):
        assert np.linalg.norm(outer - peak, axis=1).min() < 2


def test_correlated_posterior_is_drawn_tilted():
    """For a linear model, whose posterior covariance is known and not diagonal."""
    weight, bias = torch.randn(6, 2, generator=seeded(1)).double(), torch.zeros(2, 3).double()
    model = LinearGaussian(weight, bias, 0.7)
    x = model.sample(1, seeded(2))
    (mean,), (cov,) = model.posterior(x)
    truth = posterior_quadrature(model, x)
    ax = plot_posterior(truth.points[:, 0], truth.log_density[:, 0], mean, cov.diagonal().log())
    assert abs(cov[0, 1]) > 0.1 * cov.diagonal().min()
    for radius, line in zip((2, 1), contour_lines(ax), strict=True):
        away = line - mean.numpy()
        distance = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(cov), away))
        np.testing.assert_allclose(distance, radius, rtol=0.05)


@pytest.mark.parametrize("mu", [(1.5, -1.0), (-30.0, 20.0), (3.0, 40.0)], ids=["on top", "far away", "above"])
def test_axes_frame_posterior_and_ellipses_closely(mu):
    ax = posterior(NORMAL, mu=mu)
    shown = np.concatenate([contour_lines(ax)[0], ellipse_lines(ax)[0]])
    for (low, high), values in zip((ax.get_xlim(), ax.get_ylim()), shown.T, strict=True):
        extent = values.max() - values.min()
        assert values.min() - 0.2 * extent < low < values.min()
        assert values.max() < high < values.max() + 0.2 * extent
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")


def test_posterior_and_approximation_have_their_colours():
    ax = posterior(NORMAL)
    for contours in ax.collections:
        assert {to_rgb(colour) for colour in [*contours.get_facecolor(), *contours.get_edgecolor()]} == {
            to_rgb(COLOURS["posterior"])
        }
    for ellipse in ax.patches:
        assert to_rgb(ellipse.get_edgecolor()) == to_rgb(COLOURS["encoder"])
        assert not ellipse.get_fill()
    (centre,) = ax.lines
    assert centre.get_xydata().tolist() == [[0.5, 0.5]]
    assert centre.get_color() == COLOURS["encoder"]


def test_style_file_exists():
    assert plots.STYLE.is_file()


def test_grid_of_one_image_is_refused():
    with pytest.raises(ValueError, match="at least 2 by 2"):
        show_grid(torch.zeros(1, 1, 8, 8), torch.zeros(2), torch.ones(2))


def test_tensors_with_gradients_can_be_drawn():
    """A slider's callback runs with gradients on, even if the notebook has switched them off."""
    images, codes = torch.rand(4, 2, 2, requires_grad=True), torch.rand(4, 2, requires_grad=True)
    values = codes.detach().numpy()
    assert show_images(images, n_columns=4).images[0].get_array().sum() == pytest.approx(images.sum().item())
    grid = show_grid(images.unflatten(0, (2, 2)), torch.zeros(2), torch.ones(2))
    assert grid.images[0].get_array().sum() == pytest.approx(images.sum().item())
    np.testing.assert_array_equal(np.concatenate([*map(drawn, plot_codes(codes, torch.arange(4)).collections)]), values)
    for ax in plot_codes_by_class(codes, torch.arange(4)).flat[:4]:
        np.testing.assert_array_equal(drawn(ax.collections[0]), values)
    (centre,) = plot_posterior(square_grid(), NORMAL.log_prob(square_grid()), codes[0], codes[1]).lines
    np.testing.assert_array_equal(centre.get_xydata(), values[:1])


# Errors


@pytest.mark.parametrize(
    ("images", "limits"),
    [
        (torch.linspace(0, 255, 8).view(2, 2, 2), "0 to 255"),
        (torch.arange(0, 240, 30, dtype=torch.uint8).view(2, 2, 2), "0 to 210"),
        (torch.linspace(-0.1, 1, 8).view(2, 2, 2), "-0.1 to 1"),
    ],
    ids=["times 255", "bytes", "below"],
)
def test_images_outside_unit_interval_are_refused(images, limits):
    message = r"images must lie in \[0, 1\], 0 paper and 1 ink, got pixels from "
    with pytest.raises(ValueError, match=f"{message}{limits}: divide bytes by 255"):
        show_images(images)
    with pytest.raises(ValueError, match=message):
        show_grid(images[:1].expand(2, 2, 2, 2), torch.zeros(2), torch.ones(2))
    assert not plt.get_fignums()  # and no empty figure is left


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_images_are_refused(bad):
    images = torch.rand(4, 2, 2, generator=seeded())
    images[2, 0, 1] = bad
    with pytest.raises(ValueError, match="images must be finite, image 2 is not"):
        show_images(images)
    with pytest.raises(ValueError, match="images must be finite, image 1 is not"):
        show_grid(images.unflatten(0, (2, 2)), torch.zeros(2), torch.ones(2))
    assert not plt.get_fignums()


def test_images_outside_by_rounding_are_drawn():
    assert show_images(torch.tensor([[[-1e-6, 1 + 1e-6]]])).images[0].get_array().count() == 2


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float64], ids=str)
def test_binary_images_of_any_dtype_are_drawn(dtype):
    sheet = show_images(torch.eye(3).to(dtype)[None], n_columns=1).images[0].get_array()
    np.testing.assert_array_equal(sheet, np.eye(3))


@pytest.mark.parametrize(
    ("shape", "hint"), [((8, 8), r": images\[None\] is a batch of one"), ((2, 1, 8, 8), ""), ((0, 8, 8), "")], ids=str
)
def test_images_must_form_a_batch(shape, hint):
    with pytest.raises(ValueError, match=re.escape(f"images must have shape (M, H, W), got {shape}") + hint + "$"):
        show_images(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(4, 8, 8), (2, 3, 8, 8)], ids=str)
def test_images_must_form_a_square_grid(shape):
    with pytest.raises(ValueError, match=rf"images must .*, got (shape )?{re.escape(str(shape))}"):
        show_grid(torch.zeros(shape), torch.zeros(2), torch.ones(2))


@pytest.mark.parametrize("labels", [["one"], ["one", "two", "three"], []], ids=len)
def test_row_labels_must_match_rows(labels):
    with pytest.raises(ValueError, match=f"row_labels must be 2, one for each row of 3, got {len(labels)}"):
        show_images(torch.zeros(5, 2, 2), n_columns=3, row_labels=labels)


@pytest.mark.parametrize("n_columns", [0, 2.5])
def test_invalid_number_of_columns_is_named(n_columns):
    with pytest.raises(ValueError, match=f"n_columns must be .*, got {n_columns}"):
        show_images(torch.zeros(5, 2, 2), n_columns=n_columns)


both_code_plots = pytest.mark.parametrize("draw", [plot_codes, plot_codes_by_class])


@both_code_plots
@pytest.mark.parametrize("shape", [(60, 3), (60, 1), (60,), (60, 8, 8)], ids=str)
def test_codes_must_be_two_dimensional(draw, shape):
    message = re.escape(f"codes must have shape (M, 2) to be plotted in the plane, got {shape}")
    with pytest.raises(ValueError, match=message):
        draw(torch.zeros(shape), LABELS)
    assert not plt.get_fignums()


@both_code_plots
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_codes_are_refused(draw, bad):
    codes = CODES.clone()
    codes[7, 1] = bad
    with pytest.raises(ValueError, match="codes must be finite, code 7 is not"):
        draw(codes, LABELS)


@both_code_plots
def test_labels_must_match_codes(draw):
    with pytest.raises(ValueError, match=r"labels must be one for each of 60 codes, got shape \(30,\)"):
        draw(CODES, LABELS[:30])


def test_non_tensor_is_named():
    with pytest.raises(TypeError, match="images must be a tensor, got ndarray"):
        show_images(np.zeros((2, 2, 2)))
    with pytest.raises(TypeError, match="codes must be a tensor, got ndarray"):
        plot_codes(CODES.numpy(), LABELS)
    with pytest.raises(TypeError, match="codes must be a tensor, got tuple"):
        plot_codes((CODES, CODES), LABELS)


def test_posterior_must_be_of_one_image():
    points, log_density = torch.rand(9, 1, 2), torch.rand(9, 1)
    with pytest.raises(ValueError, match=r"points must be \(G, 2\), .*, of one image, got points \(9, 1, 2\)"):
        plots.plot_posterior(points, log_density, torch.zeros(2), torch.zeros(2))
    with pytest.raises(ValueError, match=r"of one image, got .* mu \(1, 2\)"):
        plots.plot_posterior(points[:, 0], log_density[:, 0], torch.zeros(1, 2), torch.zeros(2))
