// A VAE with a diagonal Gaussian encoder: its loss and all gradients, written out.

import { exp, log } from "./arithmetic.js";
import { logLikelihoods } from "./likelihoods.js";
import { countWeights, Perceptron, startWeights } from "./perceptron.js";

/** @typedef {import("./kernels.js").Numbers} Numbers */
/** @typedef {import("./kernels.js").Kernels} Kernels */

/**
 * What a VAE is made of. dim: numbers in x; latent: K; hidden: widths of the encoder, which the decoder has in reverse;
 * limited: whether a Gaussian's mean goes through a sigmoid.
 * @typedef {{ dim: number, latent: number, hidden: number[], activation: "relu" | "tanh",
 *   likelihood: "gaussian" | "bernoulli" | "continuous", limited: boolean }} Shape
 */

/**
 * What is trained, and with which mistakes. pixelMean: log p(x | z) is averaged over pixels; klOverBatch: the KL is
 * divided by the batch once more; sigmaFromVariance: log σ² is read as log σ; meanDecoded: z is μ; oneNoise: all images
 * of a batch have the same ε; sigmoidTwice: a sigmoid in front of logits.
 * @typedef {{ objective: "elbo" | "iwae", beta: number, samples: number, learnSigma: boolean, mistakes:
 *   Partial<Record<"pixelMean" | "klOverBatch" | "sigmaFromVariance" | "meanDecoded" | "oneNoise" | "sigmoidTwice",
 *   boolean>> }} Objective
 */

export class Vae {
  /**
   * @param {Kernels} kernels
   * @param {Shape} shape
   * @param {number} batch the most images that come at a time
   * @param {number} samples the most z for each
   */
  constructor(kernels, shape, batch, samples) {
    const { dim, latent, hidden, activation } = shape;
    this.shape = shape;
    this.encoderWidths = [dim, ...hidden, 2 * latent];
    this.decoderWidths = [latent, ...[...hidden].reverse(), dim];
    const [inEncoder, inDecoder] = [countWeights(this.encoderWidths), countWeights(this.decoderWidths)];
    const count = inEncoder + inDecoder + 1;
    this.weights = kernels.array(count); // the encoder's, the decoder's, and log σ
    this.gradients = kernels.array(count);
    const parts = (/** @type {Numbers} */ all) => [all.subarray(0, inEncoder), all.subarray(inEncoder, count - 1)];
    const [[encoder, decoder], gradients] = [parts(this.weights), parts(this.gradients)];
    this.encoderWeights = encoder;
    this.decoderWeights = decoder;
    const rows = batch * samples;
    this.encoder = new Perceptron(kernels, this.encoderWidths, activation, encoder, gradients[0], batch);
    this.decoder = new Perceptron(kernels, this.decoderWidths, activation, decoder, gradients[1], rows);
    const sizes = { z: latent, outputs: dim, values: 1, bySigma: 1, codes: (2 * latent * batch) / rows };
    this.buffers = Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, kernels.array(rows * n)]));
  }

  /** @param {import("./random.js").Stream} stream */
  start(stream) {
    startWeights(this.encoderWeights, this.encoderWidths, stream);
    startWeights(this.decoderWeights, this.decoderWidths, stream);
  }

  get logSigma() {
    return this.weights[this.weights.length - 1];
  }

  set logSigma(value) {
    this.weights[this.weights.length - 1] = value;
  }

  /** @param {Objective["mistakes"]} [mistakes] */
  likelihood(mistakes = {}) {
    const { likelihood: kind, limited } = this.shape;
    return { kind, limited, logSigma: this.logSigma, sigmoidTwice: Boolean(mistakes.sigmoidTwice) };
  }

  /**
   * Set the gradients of the loss, minus the objective in nats per image. Returns the loss, and what it is made of: log
   * p(x | z) and the KL of each unit, averaged over images, by their true formulas.
   * @param {Numbers} x (images, dim)
   * @param {number} images
   * @param {Numbers} noise (samples, images, latent), ε; the last of z = μ + σ ε
   * @param {Objective} objective
   */
  differentiate(x, images, noise, objective) {
    const { latent, dim } = this.shape;
    const { samples, beta, mistakes } = objective;
    const rows = images * samples;
    const codes = this.encoder.forward(x, images);
    const power = mistakes.sigmaFromVariance ? 1 : 0.5; // σ = exp(power · log σ²)
    const spread = (/** @type {number} */ logvar) => (mistakes.meanDecoded ? 0 : exp(power * logvar));
    const noiseAt = (/** @type {number} */ row, /** @type {number} */ k) =>
      noise[(mistakes.oneNoise ? row - (row % images) : row) * latent + k];
    const codeOf = (/** @type {number} */ row) => 2 * latent * (row % images);

    const { z, values, bySigma } = this.buffers;
    for (let row = 0; row < rows; row++) {
      for (let k = 0, at = codeOf(row); k < latent; k++, at++) {
        z[row * latent + k] = codes[at] + spread(codes[at + latent]) * noiseAt(row, k);
      }
    }
    const outputs = this.decoder.forward(z, rows);
    const gradient = this.buffers.outputs.subarray(0, rows * dim);
    logLikelihoods(this.likelihood(mistakes), x, images, outputs, rows, { values, gradient, sigmaGradient: bySigma });

    // The loss, and how much of it each row's log p(x | z) has.
    const perPixel = mistakes.pixelMean ? 1 / dim : 1;
    const perKl = beta * (mistakes.klOverBatch ? 1 / images : 1);
    const kl = klOfUnits(codes, images, latent);
    let reconstruction = 0;
    for (let row = 0; row < rows; row++) reconstruction += values[row] / rows;
    const importance = objective.objective === "iwae";
    let loss = perKl * kl.reduce((sum, unit) => sum + unit, 0) - perPixel * reconstruction;
    const share = new Float64Array(rows).fill(1 / rows);
    if (importance) loss = this.importanceShares(codes, images, samples, { perPixel, perKl, spread, noiseAt, share });

    let sigmaGradient = 0;
    for (let row = 0; row < rows; row++) {
      const factor = -perPixel * share[row];
      sigmaGradient += factor * bySigma[row];
      for (let at = row * dim; at < (row + 1) * dim; at++) gradient[at] *= factor;
    }
    this.gradients[this.gradients.length - 1] = objective.learnSigma ? sigmaGradient : 0;

    // Back through z = μ + σ ε, and from the KL or, in an importance weight, from log p(z) - log q(z | x).
    const byZ = this.decoder.backward(gradient);
    const byCode = this.buffers.codes.fill(0);
    for (let row = 0; row < rows; row++) {
      for (let k = 0, at = codeOf(row); k < latent; k++, at++) {
        const [logvar, epsilon] = [codes[at + latent], noiseAt(row, k)];
        let through = byZ[row * latent + k];
        if (importance) {
          through += share[row] * perKl * z[row * latent + k];
          const scaled = spread(logvar) * epsilon * exp(-0.5 * logvar); // (z - μ) / σ
          byCode[at + latent] -= share[row] * perKl * (0.5 + (power - 0.5) * scaled * scaled);
        }
        byCode[at] += through;
        byCode[at + latent] += through * power * spread(logvar) * epsilon;
      }
    }
    if (!importance) {
      for (let image = 0; image < images; image++) {
        for (let k = 0, at = codeOf(image); k < latent; k++, at++) {
          byCode[at] += (perKl / images) * codes[at];
          byCode[at + latent] += (perKl / images) * 0.5 * (exp(codes[at + latent]) - 1);
        }
      }
    }
    this.encoder.backward(byCode);
    return { loss, reconstruction, kl };
  }

  // For the importance-weighted bound: set the share that each row has in it, and return the loss.
  importanceShares(codes, images, samples, { perPixel, perKl, spread, noiseAt, share }) {
    const { latent } = this.shape;
    const { z, values } = this.buffers;
    const logWeight = (/** @type {number} */ row) => {
      let ratio = 0; // log p(z) - log q(z | x)
      for (let k = 0, at = 2 * latent * (row % images); k < latent; k++, at++) {
        const logvar = codes[at + latent];
        const scaled = spread(logvar) * noiseAt(row, k) * exp(-0.5 * logvar);
        ratio += 0.5 * (scaled * scaled + logvar - z[row * latent + k] ** 2);
      }
      return perPixel * values[row] + perKl * ratio;
    };
    let loss = 0;
    for (let image = 0; image < images; image++) {
      const logWeights = Array.from({ length: samples }, (_, l) => logWeight(l * images + image));
      const highest = Math.max(...logWeights);
      const weights = logWeights.map(each => exp(each - highest));
      const sum = weights.reduce((a, b) => a + b, 0);
      loss -= (highest + log(sum / samples)) / images;
      for (const [l, weight] of weights.entries()) share[l * images + image] = weight / sum / images;
    }
    return loss;
  }
}

/**
 * KL( q(z_k | x) || N(0, 1) ) of each unit k, averaged over images, from codes (images, 2 K): means, then log-variances.
 * @param {Numbers} codes
 * @param {number} images
 * @param {number} latent
 */
export function klOfUnits(codes, images, latent) {
  const units = new Array(latent).fill(0);
  for (let image = 0; image < images; image++) {
    for (let k = 0, at = 2 * latent * image; k < latent; k++, at++) {
      units[k] += (codes[at] ** 2 + exp(codes[at + latent]) - codes[at + latent] - 1) / 2 / images;
    }
  }
  return units;
}
