// The exact log p(x) of a model with one or two latent dimensions, by quadrature, and the ELBO without noise.

import { exp, log } from "./arithmetic.js";
import { baseMeasures, LOG_2_PI, logLikelihoods, naturalParameters } from "./likelihoods.js";
import { Perceptron } from "./perceptron.js";
import { klOfUnits } from "./vae.js";

/** @typedef {import("./kernels.js").Numbers} Numbers */

const NEGLIGIBLE = 22; // nats below the peak of a row's posterior
const REACH = 8; // the lattice begins on [-8, 8] in each dimension
const FIRST_STEP = { 1: 1 / 16, 2: 1 / 4 };
const DECODED = 2048; // points that are decoded at a time
const TABLE = 2 ** 20; // log-densities that are looked at together
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
    this.encoder = new Perceptron(kernels, vae.encoderWidths, activation, vae.encoderWeights, null, rows);
    this.decoder = new Perceptron(kernels, vae.decoderWidths, activation, vae.decoderWeights, null, DECODED);
    this.points = kernels.array(DECODED * latent);
    this.chunk = Math.max(4, Math.min(DECODED, Math.floor(TABLE / rows)));
    this.parameters = kernels.array(this.chunk * dim);
    this.table = kernels.array(rows * this.chunk);
    this.rule = hermite(NODES[latent] ?? 1);
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
   * log p(x) of each row. The lattice is halved, where some row's posterior is, until no row changes by more than
   * `tolerance` nats, or the next lattice would have more than `most` points. `error` is the largest last change.
   * @param {{ tolerance?: number, most?: number }} [limits]
   */
  evidence({ tolerance = 0.005, most = 20_000 } = {}) {
    const { latent } = this.vae.shape;
    const base = baseMeasures(this.vae.likelihood(), this.x, this.rows);
    let [reach, step] = [REACH, FIRST_STEP[latent]];
    /** @type {Float64Array | null} */
    let before = null;
    let error = Infinity;
    let lattice = fullLattice(reach / step, latent);
    for (;;) {
      const { sums, relevant } = this.integrate(lattice, step);
      const values = sums.map((sum, row) => sum + base[row]);
      if (before === null && reach < 64 && relevant.some(point => point.some(i => Math.abs(i) * step >= reach))) {
        reach *= 2; // a posterior goes on beyond the edge
        lattice = fullLattice(reach / step, latent);
        continue;
      }
      if (before) error = largestChange(before, values);
      const next = error > tolerance ? halved(relevant, latent) : [];
      if (error <= tolerance || next.length > most) return { values, mean: average(values), error, lattice, step };
      [before, lattice, step] = [values, next, step / 2];
    }
  }

  // log Σ p(z) exp(x · η(z) - A(z)) h^K over a lattice, for each row, and the points that matter to some row.
  integrate(lattice, step) {
    const { kernels, rows, chunk, table, x } = this;
    const { latent, dim } = this.vae.shape;
    const highest = new Float64Array(rows).fill(-Infinity);
    const sums = new Float64Array(rows);
    const atPeak = new Array(lattice.length); // how far below a row's peak a point is at least
    for (let first = 0; first < lattice.length; first += chunk) {
      const some = lattice.slice(first, first + chunk);
      const n = some.length;
      const z = some.flatMap(point => point.map(i => i * step));
      const outputs = this.decode(z);
      const constants = naturalParameters(this.vae.likelihood(), outputs, n);
      for (let g = 0; g < n; g++) {
        for (let k = 0; k < latent; k++) constants[g] += 0.5 * (z[g * latent + k] ** 2 + LOG_2_PI);
      }
      kernels.transpose(this.parameters, outputs, n, dim);
      kernels.product(table, x, this.parameters, rows, n, dim);
      const near = new Float64Array(n).fill(-Infinity);
      for (let row = 0; row < rows; row++) {
        const from = row * n;
        let peak = highest[row];
        for (let g = 0; g < n; g++) peak = Math.max(peak, table[from + g] - constants[g]);
        if (peak > highest[row]) sums[row] *= exp(highest[row] - peak);
        highest[row] = peak;
        for (let g = 0; g < n; g++) {
          const below = table[from + g] - constants[g] - peak;
          if (below > near[g]) near[g] = below;
          if (below > -40) sums[row] += exp(below);
        }
      }
      for (let g = 0; g < n; g++) atPeak[first + g] = near[g];
    }
    const volume = latent * log(step);
    return {
      sums: sums.map((sum, row) => highest[row] + log(sum) + volume),
      relevant: lattice.filter((_, g) => atPeak[g] >= -NEGLIGIBLE),
    };
  }
}

function largestChange(before, values) {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] - before[i]));
  return largest;
}

function average(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

// Points as whole numbers of steps.
function fullLattice(cells, latent) {
  const axis = Array.from({ length: 2 * cells + 1 }, (_, i) => i - cells);
  return latent === 1 ? axis.map(i => [i]) : axis.flatMap(i => axis.map(j => [i, j]));
}

// The points of a lattice with half the step that are at most a new step away from some of these.
function halved(points, latent) {
  const seen = new Set();
  const next = [];
  const add = (/** @type {number[]} */ point) => {
    const key = latent === 1 ? point[0] : point[0] * 2 ** 20 + point[1];
    if (seen.has(key)) return;
    seen.add(key);
    next.push(point);
  };
  for (const [i, j] of points) {
    for (const a of [-1, 0, 1]) {
      if (latent === 1) add([2 * i + a]);
      else for (const b of [-1, 0, 1]) add([2 * i + a, 2 * j + b]);
    }
  }
  return next;
}

/**
 * Nodes and weights with which sums are averages under N(0, 1), exact for polynomials of degree below 2 n.
 * @param {number} n
 */
export function hermite(n) {
  // The roots of He_n lie between those of He_(n-1): found by halving, for n after n.
  const value = (/** @type {number} */ degree, /** @type {number} */ x) => {
    let [before, now] = [0, 1];
    for (let k = 0; k < degree; k++) [before, now] = [now, x * now - k * before];
    return now;
  };
  /** @type {number[]} */
  let roots = [];
  for (let degree = 1; degree <= n; degree++) {
    const bound = 2 * Math.sqrt(degree) + 1;
    const ends = [-bound, ...roots, bound];
    roots = ends.slice(1).map((high, i) => {
      let low = ends[i];
      const sign = Math.sign(value(degree, low));
      for (let turn = 0; turn < 60; turn++) {
        const middle = (low + high) / 2;
        if (Math.sign(value(degree, middle)) === sign) low = middle;
        else high = middle;
      }
      return (low + high) / 2;
    });
  }
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  return roots.map(at => ({ at, weight: factorial / (n * value(n - 1, at)) ** 2 }));
}

function productRule(rule, latent) {
  if (latent === 1) return rule.map(({ at, weight }) => ({ at: [at], weight }));
  return rule.flatMap(a => rule.map(b => ({ at: [a.at, b.at], weight: a.weight * b.weight })));
}
