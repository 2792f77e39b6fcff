"""The exercise "how many codes are in use"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

N_ROWS, N_RARE, SHARE = 512, 48, 0.4  # rows of the codebook, rows that share the rest, share of the favourite
RARE = (1 - SHARE) / N_RARE
ENTROPY = -SHARE * math.log(SHARE) - N_RARE * RARE * math.log(RARE)  # nats

IN_USE = Number(
    name="codes-in-use",
    points=2,
    value=lambda: math.exp(ENTROPY),
    mistakes=(
        Mistake(
            lambda: N_RARE + 1,
            "That is how many rows are used at all. They are not used equally often, and the perplexity weighs them.",
        ),
        Mistake(
            lambda: ENTROPY,
            "That is the entropy, in nats. The perplexity is the number of equally frequent codes that have this "
            "entropy.",
        ),
        Mistake(
            lambda: ENTROPY / math.log(2),
            "That is the entropy, in bits. The perplexity is the number of equally frequent codes that have this "
            "entropy.",
        ),
        Mistake(
            lambda: 2**ENTROPY,
            "The entropy is in nats, and it is the exponent of 2 here. Exponent and logarithm must have the same base.",
        ),
        Mistake(
            lambda: math.exp(ENTROPY / math.log(2)),
            "The entropy is in bits, and it is the exponent of e here. Exponent and logarithm must have the same base.",
        ),
        Mistake(
            lambda: 1 / (SHARE**2 + N_RARE * RARE**2),
            "That is 1 over the sum of squared shares, as for an effective sample size. The perplexity comes from the "
            "entropy.",
        ),
        Mistake(
            lambda: math.exp(-SHARE * math.log(SHARE) - RARE * math.log(RARE)),
            "One rare row has been counted. There are 48 of them, and each adds to the entropy.",
        ),
        Mistake(
            lambda: math.exp(-SHARE * math.log(SHARE) - (1 - SHARE) * math.log(1 - SHARE)),
            "The 48 rare rows count as one here, with a share of 0.6. Each of them has its own share.",
        ),
        Mistake(
            lambda: math.exp(ENTROPY) / N_ROWS,
            "That is the perplexity as a share of the 512 rows. The task asks for the number.",
        ),
    ),
    hint="First the entropy: minus the sum over all rows of share times log share. Rows that are not used add nothing. "
    "Then the number of equally frequent codes with this entropy. Test your formula on 48 rows with equal shares.",
    remark="49 of 512 rows are in use. Under a prior fitted to these shares a code costs 3.0 nats on average, the "
    "logarithm of the perplexity; under the uniform prior it costs log 512 = 6.2 nats.",
)
