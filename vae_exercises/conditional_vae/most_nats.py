"""The exercise "what a label can save at most"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

SHARES = (1 / 2, 1 / 4, 1 / 8, 1 / 8)
ENTROPY = -sum(share * math.log(share) for share in SHARES)

MOST_NATS = Number(
    name="most-nats",
    points=2,
    value=lambda: ENTROPY,
    mistakes=(
        Mistake(
            lambda: math.log(len(SHARES)),
            "That would be right for four classes that are equally frequent. Here half of the images are of one class, "
            "and its label was to be expected.",
        ),
        Mistake(lambda: ENTROPY / math.log(2), "That is the number of bits. The task asks for nats."),
        Mistake(
            lambda: math.exp(ENTROPY), "That is the effective number of classes. Its logarithm is the number of nats."
        ),
        Mistake(
            lambda: -math.log(max(SHARES)),
            "That is what the label of the most frequent class saves. The other labels save more: take the average.",
        ),
        Mistake(
            lambda: -math.log(min(SHARES)),
            "That is what the label of the rarest class saves. Most images are of another: take the average.",
        ),
        Mistake(
            lambda: -sum(map(math.log, SHARES)) / len(SHARES),
            "Each class counts alike in this average. But half of the images are of the first one.",
        ),
    ),
    hint="For an image of class c the label saves at most -log p(c). Average this over the images.",
    rtol=0.005,
    remark="It is the entropy of the classes: what it costs to send the label.",
)
