"""Diagrams of chance: what is drawn, and what it is drawn from. A circle is drawn at random; a box is not."""

from vae_lessons.diagrams.drawing import Drawing, Line
from vae_lessons.diagrams.page import Diagram

CIRCLE, BOX, WIDE_BOX = (46, 46), (36, 36), (62, 44)
APART = 8  # from the middle, where two arrows run side by side


def graphical_model_diagram(with_encoder: bool = False) -> Diagram:
    """z -> x for each of M images, with the decoder's θ; if asked for, with q(z | x) and the encoder's φ too."""
    drawing = Drawing()
    z = drawing.node(130, 36, CIRCLE, "prior", Line("symbol", "z"), is_round=True)
    x = drawing.node(130, 152, CIRCLE, "data observed", Line("symbol", "x"), is_round=True)
    theta = drawing.node(264, 152, BOX, "decoder", Line("symbol", "θ"))
    left, right = 38 if with_encoder else 88, 222
    drawing.node((left + right) / 2, 106, (right - left, 212), "ink around")
    drawing.text(160, 36, Line("formula", "p(z)"), anchor="start")
    drawing.text(130 + 2 * APART, 94, Line("formula", "p_θ(x | z)"), anchor="start")
    drawing.text(214, 196, Line("words", "M images"), anchor="end")
    drawing.arrow(z, x, "decoder", shift=-APART if with_encoder else 0)
    drawing.arrow(theta, x, "decoder")
    alt = (
        "A frame marked M images holds two circles: z, with p(z) beside it, and below it x, which is shaded. An arrow "
        "marked p_θ(x | z) leads from z to x. From a box θ outside the frame an arrow leads to x as well."
    )
    if not with_encoder:
        return Diagram(alt, drawing)
    phi = drawing.node(-4, 36, BOX, "encoder", Line("symbol", "ϕ"))
    drawing.arrow(phi, z, "encoder dashed")
    drawing.arrow(x, z, "encoder dashed", shift=-APART)
    drawing.text(130 - 2 * APART, 94, Line("formula", "q_ϕ(z | x)"), anchor="end")
    back = (
        " Two arrows are dashed: one leads back from x to z, marked q_φ(z | x), and one to z from a box φ outside the "
        "frame."
    )
    return Diagram(alt + back, drawing)


def reparameterisation_diagram() -> Diagram:
    """z as a draw from q, where the gradient stops, beside z = mu + σ ε, through which it reaches mu and σ."""
    alt = (
        "Two panels, each with a box for μ and σ, then z, then a box for f(z), joined by arrows. In the first z is a "
        "circle: z is drawn, from q. The gradient runs back from f(z) to z, and a cross between z and the box for μ "
        "and σ says: no path. In the second z is a box: z is computed, as μ + σ ⊙ ε. A circle ε, the noise, stands "
        "outside of the row, with an arrow to z. The gradient runs back from f(z) to z and on to μ and σ."
    )
    return Diagram(alt, _draw_panels(342, 0), _draw_panels(0, 212))


def _draw_panels(right: float, down: float) -> Drawing:
    drawing = Drawing()
    _draw_panel(drawing, 0, 0, z_is_drawn=True)
    _draw_panel(drawing, right, down, z_is_drawn=False)
    return drawing


def _draw_panel(drawing: Drawing, left: float, top: float, z_is_drawn: bool) -> None:
    """mu, σ -> z -> f(z), and the gradient's way back as far as it gets."""
    level, at_z = top + 90, left + 131
    given = drawing.node(left + 31, level, WIDE_BOX, "encoder", Line("symbol", "μ, σ"))
    z = drawing.node(at_z, level, CIRCLE, "encoder", Line("symbol", "z"), is_round=z_is_drawn)
    value = drawing.node(left + 231, level, WIDE_BOX, "decoder", Line("symbol", "f(z)"))
    drawing.arrow(given, z, "encoder", shift=-APART)
    drawing.arrow(z, value, "decoder", shift=-APART)
    drawing.arrow(value, z, "ink dashed", shift=-APART)
    drawing.text((z.x + value.x) / 2 - 4, level + 33, Line("detail", "gradient"))
    between = (given.x + z.x) / 2 + 4
    if z_is_drawn:
        drawing.cross(between, level + APART)
        drawing.text(between, level + 33, Line("detail", "no path"))
        drawing.text(at_z, level + 68, Line("words", "z is drawn:"), Line("formula", "z ~ q"))
    else:
        noise = drawing.node(at_z, top + 24, CIRCLE, "ink", Line("symbol", "ε"), is_round=True)
        drawing.arrow(noise, z)
        drawing.text(at_z + 30, top + 24, Line("words", "noise"), anchor="start")
        drawing.arrow(z, given, "ink dashed", shift=-APART)
        drawing.text(between, level + 33, Line("detail", "gradient"))
        drawing.text(at_z, level + 68, Line("words", "z is computed:"), Line("formula", "z = μ + σ ⊙ ε"))
