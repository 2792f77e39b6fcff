// log p(x | z) and its gradient, from the decoder's outputs: what the outputs mean is the likelihood's business.

import { exp, log, sigmoid } from "./arithmetic.js";

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
  const result = [0, 0, 0, 1];
  for (let row = 0, at = 0; row < rows; row++) {
    let [sum, bySigma, product] = [0, 0, 1];
    for (let i = 0, from = (row % images) * dim; i < dim; i++, at++) {
      pixel(x[from + i], outputs[at], result);
      sum += result[0];
      if (gradient) gradient[at] = result[1];
      bySigma += result[2];
      product *= result[3];
      if (product < 1e-200 || product > 1e200) [sum, product] = [sum + log(product), 1];
    }
    values[row] = sum + log(product);
    if (sigmaGradient) sigmaGradient[row] = bySigma;
  }
}

// Each computes, for a pixel and an output: log p but for a factor, its derivative by the output, that by log σ, and the
// factor. One logarithm for the product of a row's factors takes far less time than one for each.
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
  const isContinuous = kind === "continuous";
  return (x, output, result) => {
    const logit = sigmoidTwice ? sigmoid(output) : output;
    const small = exp(-Math.abs(logit));
    const mean = isContinuous ? continuousMean(logit, small) : logit >= 0 ? 1 / (1 + small) : small / (1 + small);
    result[0] = x * logit - Math.max(logit, 0);
    result[1] = (x - mean) * (sigmoidTwice ? logit * (1 - logit) : 1);
    result[3] = isContinuous ? continuousFactor(logit, small) : 1 / (1 + small);
  };
}

// a / (1 - e^-a) for a = |logit|, where small = e^-a: with exp(x logit - max(logit, 0)) it is the density.
function continuousFactor(logit, small) {
  const a = Math.abs(logit);
  if (a > NEARLY_ZERO) return a / (1 - small);
  const square = a * a;
  return 1 + a / 2 + square * (1 / 12 + square * (-1 / 720 + square / 30240));
}

function continuousMean(logit, small) {
  const square = logit * logit;
  if (square < NEARLY_ZERO ** 2) return 0.5 + logit * (1 / 12 + square * (-1 / 720 + square / 30240));
  return (logit > 0 ? 1 : -small) / (1 - small) - 1 / logit;
}

/**
 * The mean of p(x | z), from outputs.
 * @param {Likelihood} likelihood
 * @param {Numbers} outputs
 */
export function means({ kind, limited }, outputs) {
  if (kind === "gaussian" && !limited) return Float32Array.from(outputs);
  return Float32Array.from(outputs, kind === "continuous" ? logit => continuousMean(logit, exp(-Math.abs(logit))) : sigmoid);
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
    let [sum, product] = [0, 1];
    for (let at = row * dim; at < (row + 1) * dim; at++) {
      if (kind === "gaussian") {
        const mean = limited ? sigmoid(outputs[at]) : outputs[at];
        sum += 0.5 * mean * mean * precision;
        outputs[at] = mean * precision;
      } else {
        const small = exp(-Math.abs(outputs[at]));
        sum += Math.max(outputs[at], 0);
        product *= kind === "continuous" ? continuousFactor(outputs[at], small) : 1 / (1 + small);
        if (product < 1e-200 || product > 1e200) [sum, product] = [sum - log(product), 1];
      }
    }
    return sum - log(product);
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
