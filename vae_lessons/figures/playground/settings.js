// What can be set in the playground.

/**
 * One setting. kind: how it is set. values: all that it can be, in order. names: what a reader sees for each, where that
 * is not the value. anew: a change starts training anew. needs: says for which other settings it means something.
 * @typedef {{ name: string, group: string, label: string, spoken?: string, kind: "choice" | "slider" | "switch",
 *   values: any[], names?: string[], start: any, anew?: boolean, help?: string,
 *   needs?: (settings: Record<string, any>) => boolean }} Setting
 */

export const PLANES = ["ring", "moons", "clusters", "pinwheel", "curve"];
const isPlane = settings => !["digits", "mnist"].includes(settings.data);
const isGaussian = settings => settings.likelihood === "gaussian";
const SIGMAS = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1];
const YES_NO = [false, true];

/** @type {Setting[]} */
export const SETTINGS = [
  {
    name: "data", group: "Data", label: "data", kind: "choice", start: "moons", anew: true,
    values: [...PLANES, "drawn", "own", "digits", "mnist"],
    names: [
      "ring", "two moons", "five clusters", "pinwheel", "S-curve", "points that I draw", "my own points", "digits, 8 × 8",
      "MNIST, 14 × 14",
    ],
  },
  {
    name: "noise", group: "Data", label: "noise", kind: "slider", start: 0.15, anew: true,
    values: [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4], needs: settings => PLANES.includes(settings.data),
  },
  {
    name: "latent", group: "Model", label: "latent dimensions K", spoken: "latent dimensions", kind: "choice", start: 2,
    anew: true, values: [1, 2],
  },
  { name: "layers", group: "Model", label: "hidden layers", kind: "choice", start: 2, anew: true, values: [0, 1, 2, 3] },
  {
    name: "width", group: "Model", label: "width", kind: "slider", start: 32, anew: true, values: [4, 8, 16, 32, 64, 128],
    needs: settings => settings.layers > 0,
  },
  {
    name: "activation", group: "Model", label: "activation", kind: "choice", start: "tanh", anew: true,
    values: ["tanh", "relu"], names: ["tanh", "ReLU"], needs: settings => settings.layers > 0,
  },
  {
    name: "likelihood", group: "Model", label: "likelihood", kind: "choice", start: "gaussian", anew: true,
    values: ["gaussian", "bernoulli", "continuous"], names: ["Gaussian", "Bernoulli", "continuous Bernoulli"],
    needs: settings => !isPlane(settings),
  },
  {
    name: "sigma", group: "Model", label: "σ", spoken: "sigma", kind: "slider", start: 0.14, values: SIGMAS,
    needs: isGaussian,
  },
  {
    name: "learnSigma", group: "Model", label: "learn σ", kind: "switch", start: false, values: YES_NO,
    needs: isGaussian,
  },
  {
    name: "objective", group: "Training", label: "objective", kind: "choice", start: "elbo", values: ["elbo", "iwae"],
    names: ["ELBO", "importance-weighted bound"],
  },
  { name: "samples", group: "Training", label: "samples of z", kind: "slider", start: 1, values: [1, 2, 4, 8, 16] },
  {
    name: "beta", group: "Training", label: "β", spoken: "beta", kind: "slider", start: 1,
    values: [0, 0.01, 0.03, 0.1, 0.3, 0.5, 1, 2, 4, 8, 16],
  },
  {
    name: "warmup", group: "Training", label: "β warm-up", spoken: "warm-up of beta", kind: "slider", start: 0,
    values: [0, 200, 500, 1000, 2000, 5000],
  },
  {
    name: "rate", group: "Training", label: "learning rate", kind: "slider", start: 0.003,
    values: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  },
  { name: "batch", group: "Training", label: "batch", kind: "slider", start: 64, values: [1, 4, 16, 32, 64, 128, 256] },
  {
    name: "optimiser", group: "Training", label: "optimiser", kind: "choice", start: "adam", values: ["adam", "sgd"],
    names: ["Adam", "gradient descent"],
  },
  {
    name: "pixelMean", group: "Usual mistakes", label: "log p(x | z) averaged over pixels, KL summed", kind: "switch",
    start: false, values: YES_NO,
  },
  {
    name: "klOverBatch", group: "Usual mistakes", label: "KL divided by the batch size", kind: "switch", start: false,
    values: YES_NO,
  },
  {
    name: "sigmaFromVariance", group: "Usual mistakes", label: "log σ² read as log σ", kind: "switch", start: false,
    values: YES_NO,
  },
  {
    name: "meanDecoded", group: "Usual mistakes", label: "μ decoded in place of a sample", kind: "switch", start: false,
    values: YES_NO,
  },
  {
    name: "oneNoise", group: "Usual mistakes", label: "one ε for the whole batch", kind: "switch", start: false,
    values: YES_NO,
  },
  {
    name: "sigmoidTwice", group: "Usual mistakes", label: "a second sigmoid", kind: "switch", start: false,
    values: YES_NO, needs: settings => !isGaussian(settings),
  },
];

export const MISTAKES = SETTINGS.filter(({ group }) => group === "Usual mistakes").map(({ name }) => name);

/** @returns {Record<string, any>} */
export function defaults() {
  return Object.fromEntries(SETTINGS.map(({ name, start }) => [name, start]));
}

/**
 * Settings that fit together: points in the plane have a Gaussian.
 * @param {Record<string, any>} settings
 */
export function fitted(settings) {
  return isPlane(settings) ? { ...settings, likelihood: "gaussian" } : settings;
}
