// What takes the time of training, behind one interface: in WebAssembly with SIMD, or in plain JavaScript.

import { exp, tanh } from "./arithmetic.js";

/** @typedef {Float32Array | Float64Array} Numbers */
/** @typedef {"none" | "relu" | "tanh"} Activation */

/**
 * product(out, a, b, rows, columns, inner): out (rows, columns) = a (rows, inner) · b (inner, columns).
 * transpose(out, a, rows, columns): out (columns, rows), from a (rows, columns).
 * activate(out, bias, rows, activation): add a bias to each row of out, and apply an activation.
 * sumExp(table, constants, rows, n, peaks, sums, near): for logs = table - constants, (rows, n), bring the peak of each
 * row so far and the sum of exp(log - peak) up to date, and for each column how near it comes to some row's peak; n is a
 * multiple of four.
 * adam(weights, gradients, first, second, rate, root, keep1, keep2, epsilon): one step, on arrays of one length.
 * array(n): n zeros; its length in memory is a multiple of four numbers.
 * @typedef {object} Kernels
 * @property {string} name
 * @property {(n: number) => Numbers} array
 * @property {(out: Numbers, a: Numbers, b: Numbers, rows: number, columns: number, inner: number) => void} product
 * @property {(out: Numbers, a: Numbers, rows: number, columns: number) => void} transpose
 * @property {(out: Numbers, bias: Numbers, rows: number, activation: Activation) => void} activate
 * @property {(table: Numbers, constants: Numbers, rows: number, n: number, peaks: Numbers, sums: Numbers, near: Numbers)
 *   => void} sumExp
 * @property {(weights: Numbers, gradients: Numbers, first: Numbers, second: Numbers, rate: number, root: number,
 *   keep1: number, keep2: number, epsilon: number) => void} adam
 */

const PAGES = 1024; // of 64 kB, which take no memory before they are written to

/**
 * @param {Float32ArrayConstructor | Float64ArrayConstructor} [Type]
 * @returns {Kernels}
 */
export function plainKernels(Type = Float32Array) {
  return {
    name: "JavaScript",
    array: n => new Type(n),
    product(out, a, b, rows, columns, inner) {
      out.fill(0, 0, rows * columns);
      for (let row = 0; row < rows; row++) {
        const to = row * columns;
        for (let i = 0; i < inner; i++) {
          const left = a[row * inner + i];
          if (left === 0) continue; // half of what comes out of a ReLU
          const from = i * columns;
          for (let column = 0; column < columns; column++) out[to + column] += left * b[from + column];
        }
      }
    },
    transpose(out, a, rows, columns) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) out[column * rows + row] = a[row * columns + column];
      }
    },
    activate(out, bias, rows, activation) {
      for (let row = 0, at = 0; row < rows; row++) {
        for (let column = 0; column < bias.length; column++, at++) {
          const value = out[at] + bias[column];
          if (activation === "relu") out[at] = value <= 0 ? 0 : value;
          else out[at] = activation === "tanh" ? tanh(value) : value;
        }
      }
    },
    sumExp(table, constants, rows, n, peaks, sums, near) {
      for (let row = 0; row < rows; row++) {
        let peak = peaks[row];
        for (let i = 0; i < n; i++) peak = Math.max(peak, table[row * n + i] - constants[i]);
        let sum = sums[row] * exp(peaks[row] - peak);
        for (let i = 0; i < n; i++) {
          const below = table[row * n + i] - constants[i] - peak;
          if (below > near[i]) near[i] = below;
          sum += exp(below);
        }
        [peaks[row], sums[row]] = [peak, sum];
      }
    },
    adam(weights, gradients, first, second, rate, root, keep1, keep2, epsilon) {
      for (let i = 0; i < weights.length; i++) {
        first[i] = keep1 * first[i] + (1 - keep1) * gradients[i];
        second[i] = keep2 * second[i] + (1 - keep2) * gradients[i] * gradients[i];
        weights[i] -= (rate * first[i]) / (Math.sqrt(second[i]) * root + epsilon);
      }
    },
  };
}

/**
 * The same in WebAssembly, or null where that, or its SIMD, is missing.
 * @param {string} base64 simd.wasm
 * @returns {Kernels | null}
 */
export function simdKernels(base64) {
  let code, memory;
  try {
    memory = new WebAssembly.Memory({ initial: PAGES });
    const binary = Uint8Array.from(atob(base64), character => character.charCodeAt(0));
    code = /** @type {any} */ (new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } }).exports);
  } catch {
    return null;
  }
  let end = 1024; // bytes that are taken
  const at = (/** @type {Numbers} */ array) => array.byteOffset;
  return {
    name: "WebAssembly",
    array(n) {
      const start = end;
      end += 16 * Math.ceil(n / 4);
      if (end > memory.buffer.byteLength) throw new RangeError("the model needs more than 64 MB");
      return new Float32Array(memory.buffer, start, n);
    },
    product: (out, a, b, rows, columns, inner) => code.product(at(out), at(a), at(b), rows, columns, inner),
    transpose: (out, a, rows, columns) => code.transpose(at(out), at(a), rows, columns),
    activate: (out, bias, rows, activation) =>
      code.activate(at(out), at(bias), rows, bias.length, ["none", "relu", "tanh"].indexOf(activation)),
    sumExp: (table, constants, rows, n, peaks, sums, near) =>
      code.sumExp(at(table), at(constants), rows, n, at(peaks), at(sums), at(near)),
    adam: (weights, gradients, first, second, rate, root, keep1, keep2, epsilon) =>
      code.adam(
        at(weights), at(gradients), at(first), at(second), 4 * Math.ceil(weights.length / 4), rate, root, keep1, keep2,
        epsilon,
      ),
  };
}
