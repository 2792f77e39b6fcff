// The models' networks, run in the page. `pack.py` writes what is read here; `packed` describes one network.

import { logNormal } from "./numbers.js";

/**
 * @typedef {object} Packed
 * @property {string} weights the digest of the bytes
 * @property {number[][]} layers
 * @property {string} output
 * @property {any} [likelihood]
 */

// On a page the weights are in an element of their own, once for all figures; with a kernel, in a trait.
function weightsOf(model, { weights: digest }) {
  const inTrait = (model.get("_weights") ?? {})[digest];
  const element = () => document.querySelector(`script.live-figure-weights[data-digest="${digest}"]`);
  return inTrait ?? element()?.textContent;
}

/**
 * Returns run(inputs): the outputs, in an array that the next run writes into.
 * @param {{ get: (name: string) => any }} model
 * @param {Packed} packed
 * @returns {(inputs: ArrayLike<number>) => Float32Array}
 */
export function loadNetwork(model, packed) {
  const layers = unpack(bytesOf(weightsOf(model, packed)), packed.layers);
  return inputs => layers.reduce((values, layer, i) => forward(layer, values, i < layers.length - 1), inputs);
}

// A loop, here and below: a function for each byte of several networks would keep the page waiting.
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

function unpack(bytes, shapes) {
  let at = 0;
  const take = (Kind, count) => {
    const values = new Kind(bytes, at, count);
    at += values.byteLength;
    return values;
  };
  const layers = shapes.map(([nIn, nOut, bits]) => {
    const [scales, biases] = [take(Float32Array, nOut), take(Float32Array, nOut)];
    return { nIn, nOut, bits, scales, biases, outputs: new Float32Array(nOut) };
  });
  for (const [bits, Kind] of [[16, Int16Array], [8, Int8Array]]) {
    for (const layer of layers.filter(layer => layer.bits === bits)) {
      layer.weights = scaled(take(Kind, layer.nIn * layer.nOut), layer);
    }
  }
  return layers;
}

// Weights travel a row for each output, and are used a column for each input.
function scaled(integers, { nIn, nOut, scales }) {
  const weights = new Float32Array(nIn * nOut);
  for (let i = 0, at = 0; i < nOut; i++) {
    for (let j = 0; j < nIn; j++, at++) weights[j * nOut + i] = integers[at] * scales[i];
  }
  return weights;
}

// Column by column, without those that are multiplied by zero: hidden units that are off, and the paper around a digit.
function forward({ nOut, weights, biases, outputs }, inputs, isHidden) {
  outputs.set(biases);
  for (let j = 0; j < inputs.length; j++) {
    const input = inputs[j];
    if (input === 0) continue;
    for (let i = 0, at = j * nOut; i < nOut; i++, at++) outputs[i] += weights[at] * input;
  }
  if (isHidden) for (let i = 0; i < nOut; i++) outputs[i] = Math.max(0, outputs[i]);
  return outputs;
}

/**
 * Numbers of a table with rows of one length; see `pack_floats`.
 * @param {string} base64
 * @param {number} length
 */
export function unpackRows(base64, length) {
  const values = new Float32Array(bytesOf(base64));
  return Array.from({ length: values.length / length }, (_, i) => values.subarray(i * length, (i + 1) * length));
}

// What a decoder's outputs mean; formulas as in likelihoods.py.

const sigmoid = logit => 1 / (1 + Math.exp(-logit));
const softplus = logit => Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))); // log(1 + e^logit)

// The mean of the continuous Bernoulli, 1 / (1 - e^-l) - 1 / l, and its series near 0, where that is 0 / 0.
function continuousMean(logit, nearlyZero) {
  if (Math.abs(logit) >= nearlyZero) return -1 / Math.expm1(-logit) - 1 / logit;
  const square = logit ** 2;
  return 0.5 + logit * (1 / 12 + square * (-1 / 720 + square / 30240));
}

// log C(l) = log(l / tanh(l / 2)), and its series.
function logNormaliser(logit, nearlyZero) {
  if (Math.abs(logit) >= nearlyZero) return Math.log(logit / Math.tanh(logit / 2));
  const square = logit ** 2;
  return Math.LN2 + square * (1 / 12 + square * (-7 / 1440 + square * (31 / 90720)));
}

/**
 * Pixels in [0, 1] of a decoder's outputs.
 * @template {Float32Array | Float64Array} T
 * @param {Packed} packed
 * @param {T} outputs
 * @returns {T}
 */
export function meanImage({ output, likelihood }, outputs) {
  const mean = output === "sigmoid" ? sigmoid : logit => continuousMean(logit, likelihood.nearly_zero);
  return /** @type {T} */ (outputs.map(mean));
}

const logBernoulli = (x, logit) => x * logit - softplus(logit);
const LOG_DENSITIES = {
  gaussian: ({ sigma }) => (x, output) => logNormal(x, sigmoid(output), sigma),
  bernoulli: () => logBernoulli,
  "continuous bernoulli": ({ nearly_zero }) => (x, logit) => logBernoulli(x, logit) + logNormaliser(logit, nearly_zero),
};

/**
 * log p(x | z) in nats of an image, given the outputs of a VAE's decoder at z.
 * @param {Packed} packed
 * @param {ArrayLike<number>} image
 * @param {any} outputs
 * @returns {number}
 */
export function logLikelihood({ likelihood }, image, outputs) {
  const logDensity = LOG_DENSITIES[likelihood.kind](likelihood);
  return outputs.reduce((sum, output, i) => sum + logDensity(image[i], output), 0);
}
