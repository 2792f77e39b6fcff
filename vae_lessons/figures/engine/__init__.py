"""A VAE that trains in the page: networks, likelihoods, the objective, optimisers and exact evidence, in JavaScript.

`simd.ts` is compiled to `simd.wasm` by `make simd`.
"""

from pathlib import Path

ENGINE = Path(__file__).parent
SIMD = ENGINE / "simd.wasm"
