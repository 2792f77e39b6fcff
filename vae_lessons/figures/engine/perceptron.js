// Linear layers with an activation between two of them, forward and backward.

/** @typedef {import("./kernels.js").Numbers} Numbers */
/** @typedef {import("./kernels.js").Kernels} Kernels */

/**
 * How many weights and biases a perceptron has.
 * @param {number[]} widths
 */
export function countWeights(widths) {
  let count = 0;
  for (let i = 1; i < widths.length; i++) count += (widths[i - 1] + 1) * widths[i];
  return count;
}

/**
 * Start weights (inputs, outputs) uniformly in ±1 / √inputs, and biases at zero: what the package's models start from.
 * @param {Numbers} weights those of all layers: a layer's weights, its biases, the next layer's
 * @param {number[]} widths
 * @param {import("./random.js").Stream} stream
 */
export function startWeights(weights, widths, stream) {
  let at = 0;
  for (let i = 1; i < widths.length; i++) {
    const [inputs, outputs] = [widths[i - 1], widths[i]];
    const bound = 1 / Math.sqrt(inputs);
    for (let j = 0; j < inputs * outputs; j++) weights[at++] = bound * (2 * stream.uniform() - 1);
    weights.fill(0, at, at + outputs);
    at += outputs;
  }
}

export class Perceptron {
  /**
   * @param {Kernels} kernels
   * @param {number[]} widths of the inputs, the hidden layers and the outputs
   * @param {"relu" | "tanh"} activation
   * @param {Numbers} weights
   * @param {Numbers | null} gradients of the same length; null for a network that is not trained through
   * @param {number} rows the most that come at a time
   */
  constructor(kernels, widths, activation, weights, gradients, rows) {
    this.kernels = kernels;
    this.activation = activation;
    this.rows = 0; // of the last pass forward
    const widest = Math.max(...widths);
    this.transposed = /** @type {any} */ (gradients && kernels.array(Math.max(rows, widest) * widest));
    let at = 0;
    this.layers = widths.slice(1).map((outputs, i) => {
      const inputs = widths[i];
      const [middle, end] = [at + inputs * outputs, at + (inputs + 1) * outputs];
      const start = at;
      const parts = (/** @type {any} */ all) => [all?.subarray(start, middle), all?.subarray(middle, end)];
      const [[matrix, bias], [matrixGradient, biasGradient]] = [parts(weights), parts(gradients)];
      const out = kernels.array(rows * outputs);
      const gradientIn = /** @type {any} */ (gradients && kernels.array(rows * inputs));
      at = end;
      return { inputs, outputs, matrix, bias, matrixGradient, biasGradient, out, gradientIn, into: out };
    });
  }

  /**
   * @param {Numbers} x (rows, inputs)
   * @param {number} rows
   * @returns {Numbers} (rows, outputs)
   */
  forward(x, rows) {
    this.rows = rows;
    for (const [i, layer] of this.layers.entries()) {
      layer.into = x;
      this.kernels.product(layer.out, x, layer.matrix, rows, layer.outputs, layer.inputs);
      this.kernels.activate(layer.out, layer.bias, rows, i + 1 < this.layers.length ? this.activation : "none");
      x = layer.out;
    }
    return x;
  }

  /**
   * Set the gradients of the weights, after `forward`. Returns the gradient of the inputs.
   * @param {Numbers} gradient of the outputs, (rows, outputs); it is written over
   * @returns {Numbers} (rows, inputs)
   */
  backward(gradient) {
    const { kernels, rows, transposed } = this;
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const { inputs, outputs, matrix, matrixGradient, biasGradient, into, out, gradientIn } = this.layers[i];
      if (i + 1 < this.layers.length) throughActivation(gradient, out, rows * outputs, this.activation);
      addRows(biasGradient, gradient, rows);
      kernels.transpose(transposed, into, rows, inputs);
      kernels.product(matrixGradient, transposed, gradient, inputs, outputs, rows);
      kernels.transpose(transposed, matrix, inputs, outputs);
      kernels.product(gradientIn, gradient, transposed, rows, inputs, outputs);
      gradient = gradientIn;
    }
    return gradient;
  }
}

function addRows(sum, values, rows) {
  const columns = sum.length;
  sum.fill(0);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) sum[column] += values[at++];
  }
}

// The gradient before an activation, from that after it and from the activation's result.
function throughActivation(gradient, out, n, activation) {
  if (activation === "relu") {
    for (let i = 0; i < n; i++) if (!(out[i] > 0)) gradient[i] = 0;
  } else {
    for (let i = 0; i < n; i++) gradient[i] *= 1 - out[i] * out[i];
  }
}
