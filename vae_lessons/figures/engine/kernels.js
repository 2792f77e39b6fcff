// What takes the time of training, behind one interface: in WebAssembly with SIMD, or in plain JavaScript.

/** @typedef {Float32Array | Float64Array} Numbers */

/**
 * product(out, a, b, rows, columns, inner): out (rows, columns) = a (rows, inner) · b (inner, columns).
 * transpose(out, a, rows, columns): out (columns, rows), from a (rows, columns).
 * adam(weights, gradients, first, second, rate, root, keep1, keep2, epsilon): one step, on arrays of one length.
 * array(n): n zeros; its length in memory is a multiple of four numbers.
 * @typedef {object} Kernels
 * @property {string} name
 * @property {(n: number) => Numbers} array
 * @property {(out: Numbers, a: Numbers, b: Numbers, rows: number, columns: number, inner: number) => void} product
 * @property {(out: Numbers, a: Numbers, rows: number, columns: number) => void} transpose
 * @property {(weights: Numbers, gradients: Numbers, first: Numbers, second: Numbers, rate: number, root: number,
 *   keep1: number, keep2: number, epsilon: number) => void} adam
 */

const KEEP_MEMORY = 1024; // pages of 64 kB: what is not written to takes no room

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
  let code;
  const memory = new WebAssembly.Memory({ initial: KEEP_MEMORY });
  try {
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
      if (end > memory.buffer.byteLength) throw new RangeError("the model does not fit into 64 MB");
      return new Float32Array(memory.buffer, start, n);
    },
    product: (out, a, b, rows, columns, inner) => code.product(at(out), at(a), at(b), rows, columns, inner),
    transpose: (out, a, rows, columns) => code.transpose(at(out), at(a), rows, columns),
    adam: (weights, gradients, first, second, rate, root, keep1, keep2, epsilon) =>
      code.adam(
        at(weights), at(gradients), at(first), at(second), 4 * Math.ceil(weights.length / 4), rate, root, keep1, keep2,
        epsilon,
      ),
  };
}
