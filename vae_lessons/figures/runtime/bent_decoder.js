// A model with one latent dimension whose evidence and posterior are known by quadrature:
//
// z ~ N(0, 1),  x | z ~ N(g(z), noise²),  g(z) = z + bend z²/2

import { logNormal } from "./numbers.js";

/** @typedef {{ x: number, bend: number, noise: number }} Bent a datum, and the decoder that it is explained by */

/**
 * g(z).
 * @param {number} z
 * @param {number} bend
 */
export function decode(z, bend) {
  return z + (bend * z ** 2) / 2;
}

/**
 * log p(x, z).
 * @param {number} z
 * @param {Bent} bent
 */
export function logJoint(z, { x, bend, noise }) {
  return logNormal(x, decode(z, bend), noise) + logNormal(z, 0, 1);
}

/** @param {Bent} bent */
export function logEvidence(bent) {
  return Math.log(integral(z => Math.exp(logJoint(z, bent)), -9, 9, 1800));
}

/**
 * E_q[log p(x | z)] with q = N(μ, σ²), from the moments of g: g(μ + σε) = g(μ) + (1 + bend μ) σ ε + bend σ² ε²/2.
 * @param {number} mu
 * @param {number} logvar
 * @param {Bent} bent
 */
export function expectedLogLikelihood(mu, logvar, { x, bend, noise }) {
  const variance = Math.exp(logvar);
  const mean = decode(mu, bend) + (bend * variance) / 2;
  const spread = variance * (1 + bend * mu) ** 2 + (bend * variance) ** 2 / 2;
  return logNormal(x, mean, noise) - spread / (2 * noise ** 2);
}

/**
 * By the trapezoid rule, which is exact to rounding for what is smooth and dies away at both ends.
 * @param {(at: number) => number} f
 * @param {number} low
 * @param {number} high
 * @param {number} pieces
 */
export function integral(f, low, high, pieces) {
  const step = (high - low) / pieces;
  let sum = (f(low) + f(high)) / 2;
  for (let i = 1; i < pieces; i++) sum += f(low + i * step);
  return sum * step;
}
