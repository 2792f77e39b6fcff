// A training run: which images come when, with which noise, and the steps. All of it follows from settings and a seed.

import { exp, log } from "./arithmetic.js";
import { Stream } from "./random.js";
import { Vae } from "./vae.js";

/** @typedef {import("./kernels.js").Kernels} Kernels */

/**
 * What may change while it runs. warmup: steps over which β rises from 0; batch: images a step.
 * @typedef {import("./vae.js").Objective & { warmup: number, batch: number, rate: number, optimiser: "adam" | "sgd",
 *   logSigma: number }} Settings
 */

/** @typedef {import("./kernels.js").Numbers} Numbers */
/** @typedef {{ step: number, seen: number, weights: Numbers, first: Numbers, second: Numbers }} Place */

const PURPOSES = { weights: 1, order: 2, noise: 3 };
const KEEP = [0.9, 0.999]; // Adam's moments
const EPSILON = 1e-8;
const MARGIN = 1e-3; // that the mean image is kept from 0 and 1, where logits are infinite
const LARGEST_BATCH = 512;
const MOST_SAMPLES = 16;
const MOST_ROWS = 2048; // images times samples

/** The loss is no longer finite; `message` says why. */
export class Diverged extends Error {}

export class Training {
  /**
   * @param {Kernels} kernels
   * @param {import("./vae.js").Shape} shape
   * @param {ArrayLike<number>} images (n, dim), to train on
   * @param {number} seed
   * @param {Settings} settings
   */
  constructor(kernels, shape, images, seed, settings) {
    this.kernels = kernels;
    this.images = images;
    this.count = images.length / shape.dim;
    this.seed = seed;
    this.settings = settings;
    const batch = Math.min(this.count, LARGEST_BATCH);
    this.vae = new Vae(kernels, shape, batch, Math.max(1, Math.min(MOST_SAMPLES, Math.floor(MOST_ROWS / batch))));
    this.vae.start(new Stream(seed, PURPOSES.weights));
    if (shape.likelihood !== "gaussian" || shape.limited) startAtMean(this.vae, images);
    this.vae.logSigma = settings.logSigma;
    this.first = kernels.array(this.vae.weights.length); // Adam's moments
    this.second = kernels.array(this.vae.weights.length);
    this.x = kernels.array(batch * shape.dim);
    this.noise = new Float64Array(MOST_ROWS * shape.latent);
    /** @type {Map<number, number[]>} */
    this.orders = new Map(); // of the images, by epoch
    this.step = 0;
    this.seen = 0; // images so far
  }

  /** Change settings. A σ that is not learned is set at once. */
  change(settings) {
    const moved = settings.logSigma !== this.settings.logSigma;
    this.settings = settings;
    if (moved || !settings.learnSigma) this.vae.logSigma = settings.logSigma;
  }

  get batch() {
    return Math.min(this.settings.batch, this.count, LARGEST_BATCH);
  }

  /** How many z are drawn for an image: fewer than asked for if the batch is large. */
  get samples() {
    return Math.min(this.settings.samples, MOST_SAMPLES, Math.floor(MOST_ROWS / this.batch));
  }

  /** The present β, which rises during the warm-up. */
  get beta() {
    const { beta, warmup } = this.settings;
    return warmup > 0 ? beta * Math.min(1, (this.step + 1) / warmup) : beta;
  }

  /**
   * One step. Returns which images it saw, and what `differentiate` returns. Throws `Diverged`, and leaves the weights as
   * they were, if the loss or a gradient is not finite.
   */
  advance() {
    const { dim, latent } = this.vae.shape;
    const { rate, optimiser } = this.settings;
    const n = this.batch;
    const chosen = Array.from({ length: n }, (_, i) => this.imageAt(this.seen + i));
    for (const [i, image] of chosen.entries()) {
      for (let j = 0; j < dim; j++) this.x[i * dim + j] = this.images[image * dim + j];
    }
    const stream = new Stream(this.seed, PURPOSES.noise, this.step);
    for (let i = 0; i < n * this.samples * latent; i++) this.noise[i] = stream.normal();
    const objective = { ...this.settings, beta: this.beta, samples: this.samples };
    const result = this.vae.differentiate(this.x.subarray(0, n * dim), n, this.noise, objective);
    if (!Number.isFinite(result.loss + total(this.vae.gradients))) throw new Diverged(this.diagnose());
    const { weights, gradients } = this.vae;
    this.step++;
    this.seen += n;
    if (optimiser === "sgd") {
      for (let i = 0; i < weights.length; i++) weights[i] -= rate * gradients[i];
    } else {
      const [rest1, rest2] = KEEP.map(keep => 1 - exp(this.step * log(keep))); // of the moments' start at zero
      this.kernels.adam(
        weights, gradients, this.first, this.second, rate / rest1, 1 / Math.sqrt(rest2), KEEP[0], KEEP[1], EPSILON,
      );
    }
    return { chosen, ...result };
  }

  /** Which image is the nth of the run: each epoch has an order of its own. */
  imageAt(n) {
    const epoch = Math.floor(n / this.count);
    let order = this.orders.get(epoch);
    if (!order) {
      this.orders.delete(epoch - 2);
      order = new Stream(this.seed, PURPOSES.order, epoch).permutation(this.count);
      this.orders.set(epoch, order);
    }
    return order[n % this.count];
  }

  /** Why the loss is not finite. */
  diagnose() {
    const { logSigma, shape, weights } = this.vae;
    const { learnSigma, rate } = this.settings;
    const slower = `Start again with a lower learning rate than ${rate}`;
    if (!Number.isFinite(total(weights))) return `the weights have overflowed. ${slower}`;
    if (shape.likelihood === "gaussian" && logSigma < -30) {
      return `σ has shrunk to ${exp(logSigma).toExponential(0)}, so 1/σ² overflows${
        learnSigma ? ": some of the data are reproduced exactly. Fix σ" : ". Raise it"
      }`;
    }
    const codes = this.vae.encoder.layers.at(-1)?.out ?? [];
    let highest = -Infinity;
    for (let i = 0; i < codes.length; i++) {
      if (i % (2 * shape.latent) >= shape.latent) highest = Math.max(highest, codes[i]);
    }
    if (!(highest < 80)) return `the encoder's log σ² has reached ${highest.toPrecision(2)}, and exp overflows. ${slower}`;
    return `the loss has overflowed. ${slower}`;
  }

  /** @returns {Place} all that the rest of the run follows from, beside the settings */
  save() {
    const { step, seen, first, second, vae } = this;
    return { step, seen, weights: vae.weights.slice(), first: first.slice(), second: second.slice() };
  }

  /** @param {Place} place */
  restore({ step, seen, weights, first, second }) {
    this.step = step;
    this.seen = seen;
    this.vae.weights.set(weights);
    this.first.set(first);
    this.second.set(second);
  }
}

// Not finite where one of them is not.
function total(/** @type {Numbers} */ numbers) {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i];
  return sum;
}

// The decoder's last bias starts at the logits of the mean image, so that only differences are left to learn.
function startAtMean(vae, images) {
  const { dim } = vae.shape;
  const bias = vae.decoder.layers.at(-1).bias;
  for (let i = 0; i < dim; i++) {
    let sum = 0;
    for (let at = i; at < images.length; at += dim) sum += images[at];
    const mean = Math.min(1 - MARGIN, Math.max(MARGIN, sum / (images.length / dim)));
    bias[i] = log(mean / (1 - mean));
  }
}
