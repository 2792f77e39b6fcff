// log p(x | z) and its gradient, from the decoder's outputs: what the outputs mean is the likelihood's business.

import { exp, log, sigmoid, softplus, tanh } from "./arithmetic.js";

/** @typedef {import("./kernels.js").Numbers} Numbers */

/**
 * kind: a Gaussian with one σ, whose mean is the output or (`limited`, for pixels) its sigmoid; or a distribution of
 * pixels whose logits are the outputs. `sigmoidTwice` is the mistake of a sigmoid in front of logits.
 * @typedef {{ kind: "gaussian" | "bernoulli" | "continuous", logSigma: number, limited: boolean,
 *   sigmoidTwice?: boolean }} Likelihood
 */

export const LOG_2_PI = 1.8378770664093453;
const NEARLY_ZERO = 0.05; // a logit below which a series is exact, and the closed form 0 / 0 at zero

/**
 * Compute log p of each row, and where asked its gradients by the outputs and by log σ.
 * @param {Likelihood} likelihood
 * @param {Numbers} x (images, dim); row i of the outputs belongs to image i modulo their number
 * @param {number} images
 * @param {Numbers} outputs (rows, dim)
 * @param {number} rows
 * @param {{ values: Numbers, gradient?: Numbers, sigmaGradient?: Numbers }} into (rows,), (rows, dim), (rows,)
 */
export function logLikelihoods(likelihood, x, images, outputs, rows, { values, gradient, sigmaGradient }) {
  const dim = x.length / images;
  const pixel = likelihood.kind === "gaussian" ? gaussian(likelihood) : ofLogits(likelihood);
  const result = [0, 0, 0];
  for (let row = 0, at = 0; row < rows; row++) {
    let [sum, bySigma] = [0, 0];
    for (let i = 0, from = (row % images) * dim; i < dim; i++, at++) {
      pixel(x[from + i], outputs[at], result);
      sum += result[0];
      if (gradient) gradient[at] = result[1];
      bySigma += result[2];
    }
    values[row] = sum;
    if (sigmaGradient) sigmaGradient[row] = bySigma;
  }
}

// Each computes, for a pixel and an output, log p, its derivative by the output, and that by log σ.
function gaussian({ logSigma, limited }) {
  const precision = exp(-2 * logSigma);
  const constant = -0.5 * LOG_2_PI - logSigma;
  return (x, output, result) => {
    const mean = limited ? sigmoid(output) : output;
    const distance = x - mean;
    result[0] = constant - 0.5 * distance * distance * precision;
    result[1] = distance * precision * (limited ? mean * (1 - mean) : 1);
    result[2] = distance * distance * precision - 1;
  };
}

/** @param {Likelihood} likelihood */
function ofLogits({ kind, sigmoidTwice }) {
  return (x, output, result) => {
    const logit = sigmoidTwice ? sigmoid(output) : output;
    const inner = sigmoidTwice ? logit * (1 - logit) : 1;
    const small = exp(-Math.abs(logit)); // one exponential for both the sigmoid and the normaliser
    const probability = logit >= 0 ? 1 / (1 + small) : small / (1 + small);
    const normaliser = Math.max(logit, 0) + log(1 + small);
    result[0] = x * logit - normaliser;
    result[1] = (x - probability) * inner;
    if (kind === "continuous") {
      result[0] += logC(logit);
      result[1] += (probability - continuousMean(logit)) * inner;
    }
  };
}

/**
 * The log of the continuous Bernoulli's normaliser, log(a / tanh(a / 2)).
 * @param {number} logit
 */
export function logC(logit) {
  const square = logit * logit;
  if (square < NEARLY_ZERO ** 2) {
    return Math.LN2 + square * (1 / 12 + square * (-7 / 1440 + (square * 31) / 90720));
  }
  return log(logit / tanh(logit / 2));
}

function continuousMean(logit) {
  const square = logit * logit;
  if (square < NEARLY_ZERO ** 2) return 0.5 + logit * (1 / 12 + square * (-1 / 720 + square / 30240));
  return 1 / (1 - exp(-logit)) - 1 / logit;
}

/**
 * The mean of p(x | z), from outputs.
 * @param {Likelihood} likelihood
 * @param {Numbers} outputs
 */
export function means({ kind, limited }, outputs) {
  if (kind === "gaussian" && !limited) return Float32Array.from(outputs);
  return Float32Array.from(outputs, kind === "continuous" ? continuousMean : sigmoid);
}

/**
 * log p(x | z) = x · η(z) - A(z) + h(x): turn outputs (rows, dim) into η, in place, and return A of each row.
 * @param {Likelihood} likelihood
 * @param {Numbers} outputs
 * @param {number} rows
 */
export function naturalParameters({ kind, logSigma, limited }, outputs, rows) {
  const dim = outputs.length / rows;
  const precision = exp(-2 * logSigma);
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let at = row * dim; at < (row + 1) * dim; at++) {
      if (kind === "gaussian") {
        const mean = limited ? sigmoid(outputs[at]) : outputs[at];
        sum += 0.5 * mean * mean * precision;
        outputs[at] = mean * precision;
      } else {
        sum += softplus(outputs[at]) - (kind === "continuous" ? logC(outputs[at]) : 0);
      }
    }
    return sum;
  });
}

/**
 * What of log p(x | z) depends on x alone, for each row of x (rows, dim).
 * @param {Likelihood} likelihood
 * @param {Numbers} x
 * @param {number} rows
 */
export function baseMeasures({ kind, logSigma }, x, rows) {
  const dim = x.length / rows;
  const precision = exp(-2 * logSigma);
  return Float64Array.from({ length: rows }, (_, row) => {
    if (kind !== "gaussian") return 0;
    let sum = 0;
    for (let at = row * dim; at < (row + 1) * dim; at++) sum += x[at] * x[at];
    return -0.5 * sum * precision - dim * (0.5 * LOG_2_PI + logSigma);
  });
}
