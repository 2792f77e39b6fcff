// A run with all that is looked at while it trains: numbers on data that it has not seen, the exact evidence, pictures,
// and a way back to earlier steps.

import { exp } from "./arithmetic.js";
import { Measure } from "./evidence.js";
import { logLikelihoods, means } from "./likelihoods.js";
import { Stream } from "./random.js";
import { Diverged, Training } from "./training.js";
import { Vae } from "./vae.js";

/**
 * images, test: (n, dim), to train and to measure on.
 * @typedef {{ shape: import("./vae.js").Shape, images: Float32Array, test: Float32Array, seed: number,
 *   settings: import("./training.js").Settings }} Run
 */

/**
 * reconstruction, elbo: nats an image, averaged; units: the KL of each. evidence: log p(x), and its error; null if
 * it is too small for float32.
 * @typedef {{ step: number, beta: number, logSigma: number, train: { reconstruction: number, units: number[],
 *   elbo: number }, test: { reconstruction: number, units: number[], elbo: number },
 *   evidence: { mean: number, error: number } | null }} Entry
 */

const DRAWS = 4; // the purpose of a stream
const FOLLOWED = 5;
const KEPT_BYTES = 40_000_000;
const MOST_KEPT = 240;
const MEASURED = 200; // rows
const PATIENCE = 4000; // steps without an improvement, at the least

export class Session {
  /**
   * @param {import("./kernels.js").Kernels} kernels
   * @param {Run} run
   */
  constructor(kernels, { shape, images, test, seed, settings }) {
    this.kernels = kernels;
    this.shape = shape;
    this.seed = seed;
    this.training = new Training(kernels, shape, images, seed, settings);
    const { vae } = this.training;
    this.onTrain = new Measure(kernels, vae, images.slice(0, MEASURED * shape.dim));
    this.onTest = new Measure(kernels, vae, test.slice(0, MEASURED * shape.dim));
    this.onPlane = null;
    this.follower = new Vae(kernels, shape, 1, 1);
    this.followed = kernels.array(shape.dim);
    /** @type {{ entry: Entry, place: import("./training.js").Place }[]} */
    this.history = [];
    this.trouble = "";
    this.measure();
  }

  get step() {
    return this.training.step;
  }

  /**
   * Train for some steps. Where the loss is no longer finite the run goes back to the last place that was measured, and
   * `trouble` says why.
   * @param {number} steps
   */
  advance(steps) {
    try {
      for (let i = 0; i < steps; i++) this.training.advance();
    } catch (error) {
      if (!(error instanceof Diverged)) throw error;
      this.undo(error.message);
    }
  }

  undo(/** @type {string} */ cause) {
    this.trouble = `At step ${this.step} ${cause}.`;
    this.training.restore(/** @type {any} */ (this.history.at(-1)).place);
  }

  /** Change settings from here on, which may be what a run in trouble needs. */
  change(/** @type {import("./training.js").Settings} */ settings) {
    this.training.change(settings);
    this.trouble = "";
  }

  /**
   * Measure the model as it is, and keep the place, so that one can come back to it. A model whose numbers are not
   * finite is undone, as in `advance`.
   */
  measure() {
    const [train, test] = [this.onTrain.elbo(), this.onTest.elbo()];
    const last = this.history.at(-1);
    if (last && !Number.isFinite(train.elbo + test.elbo)) {
      this.undo(this.training.diagnose());
      return last.entry;
    }
    if (last && last.entry.step === this.step) this.history.pop(); // settings have changed
    const exact = this.onTest.evidence();
    const { beta, vae } = this.training;
    const evidence = Number.isFinite(exact.mean) ? { mean: exact.mean, error: exact.error } : null;
    /** @type {Entry} */
    const entry = { step: this.step, beta, logSigma: vae.logSigma, train, test, evidence };
    this.history.push({ entry, place: this.training.save() });
    const most = Math.min(MOST_KEPT, KEPT_BYTES / (12 * vae.weights.length));
    if (this.history.length > most) this.history = this.history.filter((_, i, all) => i % 2 === 0 || i === all.length - 1);
    return entry;
  }

  /** Whether the ELBO on test data has long stopped to improve. */
  hasStalled() {
    let best = this.history[0].entry;
    for (const { entry } of this.history) {
      if (entry.test.elbo > best.test.elbo + 0.01 + 1e-4 * Math.abs(best.test.elbo)) best = entry;
    }
    return this.step - best.step > Math.max(PATIENCE, best.step);
  }

  /**
   * Go back to a place that was measured, the last at or before a step; what came later is forgotten.
   * @param {number} step
   */
  seek(step) {
    while (this.history.length > 1 && /** @type {any} */ (this.history.at(-1)).entry.step > step) this.history.pop();
    this.show(step);
    this.trouble = "";
  }

  /**
   * Put the model where it was at a measured place, the last at or before a step. Later ones stay.
   * @param {number} step
   */
  show(step) {
    const found = this.history.filter(({ entry }) => entry.step <= step).at(-1) ?? this.history[0];
    this.training.restore(found.place);
    return found.entry;
  }

  /**
   * The means of p(x | z) at latent points.
   * @param {ArrayLike<number>} z (n, K)
   */
  decode(z) {
    return means(this.training.vae.likelihood(), this.onTest.decode(z));
  }

  /** The codes of the test data, means and log-variances: (n, 2 K). */
  codes() {
    return Float32Array.from(this.onTest.codes());
  }

  /**
   * Draws from the model, from the same noise at each step: means of p(x | z), with the noise of p(x | z) if asked for.
   * @param {number} n
   * @param {boolean} noisy
   */
  draws(n, noisy) {
    const stream = new Stream(this.seed, DRAWS);
    const z = Float32Array.from({ length: n * this.shape.latent }, () => stream.normal());
    const sigma = exp(this.training.vae.logSigma);
    return this.decode(z).map(mean => (noisy ? mean + sigma * stream.normal() : mean));
  }

  /**
   * The exact posterior density of some test images at latent points, as shares of its highest: (images, n).
   * @param {number[]} images
   * @param {Float32Array} z (n, K)
   */
  posteriors(images, z) {
    const { dim, latent } = this.shape;
    const n = z.length / latent;
    const outputs = this.onTest.decode(z);
    return images.map(image => {
      const values = new Float64Array(n);
      const x = this.onTest.x.subarray(image * dim, (image + 1) * dim);
      logLikelihoods(this.training.vae.likelihood(), x, 1, outputs, n, { values });
      const logs = values.map((value, i) => value - 0.5 * squares(z.subarray(i * latent, (i + 1) * latent)));
      const highest = logs.reduce((a, b) => Math.max(a, b), -Infinity);
      return Float32Array.from(logs, value => exp(value - highest));
    });
  }

  /**
   * log p(x) at points of a plane, always the same points, for data of two numbers.
   * @param {Float32Array} points (n, 2)
   */
  densities(points) {
    this.onPlane ??= new Measure(this.kernels, this.training.vae, points);
    return Float32Array.from(this.onPlane.evidence({ tolerance: 0.1, most: 12_000 }).values);
  }

  /**
   * One image followed through the network and back, with one ε: all numbers of the computation.
   * @param {ArrayLike<number>} x
   */
  follow(x) {
    const { training, follower, followed } = this;
    const { latent } = this.shape;
    follower.weights.set(training.vae.weights);
    followed.set(x);
    const stream = new Stream(this.seed, FOLLOWED, this.step);
    const noise = Float64Array.from({ length: latent }, () => stream.normal());
    const objective = { ...training.settings, objective: /** @type {"elbo"} */ ("elbo"), beta: training.beta, samples: 1 };
    const { loss, reconstruction, kl } = follower.differentiate(followed, 1, noise, objective);
    const copy = (/** @type {any} */ numbers, n = numbers.length) => Float32Array.from(numbers.subarray(0, n));
    const codes = copy(follower.encoder.layers.at(-1)?.out);
    const outputs = follower.decoder.layers.at(-1)?.out ?? [];
    return {
      x: Float32Array.from(x),
      hidden: [follower.encoder, follower.decoder].map(({ layers }) => layers.slice(0, -1).map(({ out }) => copy(out))),
      mu: codes.slice(0, latent),
      logvar: codes.slice(latent),
      noise: Float32Array.from(noise),
      z: copy(follower.buffers.z, latent),
      mean: means(follower.likelihood(objective.mistakes), /** @type {any} */ (outputs)),
      reconstruction,
      kl,
      loss,
      byZ: copy(follower.decoder.layers[0].gradientIn),
      byCode: copy(follower.buffers.codes),
    };
  }
}

function squares(numbers) {
  return numbers.reduce((sum, number) => sum + number * number, 0);
}
