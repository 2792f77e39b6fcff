// The exact log p(x) of a model with one or two latent dimensions, by quadrature, and the ELBO without noise.

import { exp, log } from "./arithmetic.js";
import { hermite, productRule } from "./hermite.js";
import { around, FIRST_STEP, firstLattice, firstOf, outside, secondOf } from "./lattice.js";
import { baseMeasures, LOG_2_PI, logLikelihoods, naturalParameters } from "./likelihoods.js";
import { Perceptron } from "./perceptron.js";
import { klOfUnits } from "./vae.js";

/** @typedef {import("./kernels.js").Numbers} Numbers */

const DECODED = 2048; // points that are decoded at a time
const TABLE = 2 ** 19; // log-densities that are looked at together
const DEEPEST = 14; // how often a step is halved at most: posteriors that are narrower have no width in float32
const NODES = { 1: 48, 2: 10 }; // of the quadrature under q, in each dimension

/** Measures a VAE on rows of data, without noise. Reads its weights as they are at each call. */
export class Measure {
  /**
   * @param {import("./kernels.js").Kernels} kernels
   * @param {import("./vae.js").Vae} vae
   * @param {ArrayLike<number>} x (rows, dim)
   */
  constructor(kernels, vae, x) {
    const { dim, activation, latent } = vae.shape;
    const rows = x.length / dim;
    this.kernels = kernels;
    this.vae = vae;
    this.rows = rows;
    this.x = kernels.array(x.length);
    this.x.set(x);
    this.some = kernels.array(x.length); // rows whose evidence has not converged
    this.peaks = kernels.array(rows);
    this.sums = kernels.array(rows);
    this.encoder = new Perceptron(kernels, vae.encoderWidths, activation, vae.encoderWeights, null, rows);
    this.decoder = new Perceptron(kernels, vae.decoderWidths, activation, vae.decoderWeights, null, DECODED);
    this.points = kernels.array(DECODED * latent);
    this.chunk = 4 * Math.max(1, Math.min(DECODED / 4, Math.floor(TABLE / rows / 4)));
    this.parameters = kernels.array(this.chunk * dim);
    this.constants = kernels.array(this.chunk);
    this.near = kernels.array(this.chunk);
    this.table = kernels.array(rows * this.chunk);
    this.rule = hermite(NODES[latent]);
  }

  /** Means and log-variances (rows, 2 K) of q(z | x). */
  codes() {
    return this.encoder.forward(this.x, this.rows);
  }

  /**
   * The outputs of the decoder at latent points.
   * @param {ArrayLike<number>} z (n, K), n at most DECODED
   */
  decode(z) {
    const { latent, dim } = this.vae.shape;
    this.points.set(z);
    const n = z.length / latent;
    return this.decoder.forward(this.points, n).subarray(0, n * dim);
  }

  /**
   * log p(x | z) averaged over q(z | x), by Gauss and Hermite's rule, and the KL of each unit: averages over rows, and
   * the ELBO of each row.
   */
  elbo() {
    const { rows, rule } = this;
    const { latent, dim } = this.vae.shape;
    const codes = Float64Array.from(this.codes());
    const nodes = productRule(rule, latent);
    const likelihood = this.vae.likelihood();
    const expected = new Float64Array(rows);
    const perTurn = Math.floor(DECODED / nodes.length);
    const values = new Float64Array(DECODED);
    for (let first = 0; first < rows; first += perTurn) {
      const last = Math.min(rows, first + perTurn);
      const z = [];
      for (const { at } of nodes) {
        for (let row = first; row < last; row++) {
          for (let k = 0; k < latent; k++) {
            z.push(codes[2 * latent * row + k] + exp(0.5 * codes[2 * latent * row + latent + k]) * at[k]);
          }
        }
      }
      const outputs = this.decode(z);
      const some = this.x.subarray(first * dim, last * dim);
      logLikelihoods(likelihood, some, last - first, outputs, z.length / latent, { values });
      for (const [i, { weight }] of nodes.entries()) {
        for (let row = first; row < last; row++) expected[row] += weight * values[i * (last - first) + row - first];
      }
    }
    const units = klOfUnits(codes, rows, latent);
    const elbos = expected.map((value, row) => {
      const own = klOfUnits(codes.subarray(2 * latent * row, 2 * latent * (row + 1)), 1, latent);
      return value - own.reduce((a, b) => a + b, 0);
    });
    return { reconstruction: average(expected), units, elbos, elbo: average(elbos) };
  }

  /**
   * log p(x) of each row. The step of the lattice is halved around the posterior of each row that has not converged,
   * until every row changes by at most `tolerance` nats, or the next lattice would have more than `most` points.
   * `error` is the largest of the last changes.
   * @param {{ tolerance?: number, most?: number }} [limits]
   */
  evidence({ tolerance = 0.005, most = 40_000 } = {}) {
    const { latent } = this.vae.shape;
    const base = baseMeasures(this.vae.likelihood(), this.x, this.rows);
    const negligible = 9 - log(tolerance); // nats below a row's peak: so low that all such points do not matter
    const values = new Float64Array(this.rows).fill(NaN);
    const errors = new Float64Array(this.rows).fill(Infinity);
    let step = FIRST_STEP[latent];
    let active = Array.from({ length: this.rows }, (_, row) => row);
    let lattice = firstLattice(latent);
    for (let level = 0; active.length > 0 && lattice.length <= most && level <= DEEPEST; level++) {
      if (level > 0) step /= 2;
      let known = this.integrate(lattice, step, active, negligible);
      while (level === 0 && lattice.length < most) {
        const further = outside(known.relevant, lattice, latent);
        if (further.length === 0) break;
        lattice = [...lattice, ...further]; // a posterior goes on beyond the edge
        known = this.integrate(lattice, step, active, negligible);
      }
      active.forEach((row, i) => {
        const value = known.logs[i] + base[row];
        // Two steps may agree by chance, three seldom do.
        const change = Math.abs(value - values[row]);
        errors[row] = level < 2 ? (level ? change : Infinity) : Math.max(change, errors[row] / 16);
        values[row] = value;
      });
      active = active.filter(row => errors[row] > tolerance);
      lattice = around(known.relevant, 2, 1, latent);
    }
    return { values, mean: average(values), error: errors.reduce((a, b) => Math.max(a, b), 0) };
  }

  // log Σ p(z) exp(x · η(z) - A(z)) h^K over a lattice, for some rows, and the points that matter to some of them.
  integrate(lattice, step, active, negligible) {
    const { kernels, chunk, table, constants, near, peaks, sums } = this;
    const { latent, dim } = this.vae.shape;
    const rows = active.length;
    active.forEach((row, i) => this.some.set(this.x.subarray(row * dim, (row + 1) * dim), i * dim));
    peaks.fill(-Infinity);
    sums.fill(0);
    const relevant = [];
    for (let first = 0; first < lattice.length; first += chunk) {
      const points = lattice.slice(first, first + chunk);
      const n = 4 * Math.ceil(points.length / 4); // the last columns are of no points
      const z = new Float64Array(n * latent);
      points.forEach((point, g) => {
        z[g * latent] = step * firstOf(point);
        if (latent === 2) z[2 * g + 1] = step * secondOf(point);
      });
      const outputs = this.decode(z);
      constants.fill(Infinity);
      constants.set(naturalParameters(this.vae.likelihood(), outputs, n).subarray(0, points.length));
      for (let g = 0; g < points.length; g++) {
        for (let k = 0; k < latent; k++) constants[g] += 0.5 * (z[g * latent + k] ** 2 + LOG_2_PI);
      }
      kernels.transpose(this.parameters, outputs, n, dim);
      kernels.product(table, this.some, this.parameters, rows, n, dim);
      near.fill(-Infinity);
      kernels.sumExp(table, constants, rows, n, peaks, sums, near);
      for (let g = 0; g < points.length; g++) if (near[g] >= -negligible) relevant.push(points[g]);
    }
    const volume = latent * log(step);
    return { logs: Array.from({ length: rows }, (_, i) => peaks[i] + log(sums[i]) + volume), relevant };
  }
}

function average(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
