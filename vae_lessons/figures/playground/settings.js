// What can be set in the playground, and how a run is written into an address.

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
const NAMES = SETTINGS.map(({ name }) => name);
const LARGEST_SEED = 999;
const MOST_DRAWN = 400;

/**
 * A run as an address has it: the settings that it began with, the seed, the step that it has come to, changes on the
 * way, points that were drawn, and the settings that a teacher has hidden.
 * @typedef {{ settings: Record<string, any>, seed: number, step: number, changes: [number, string, any][],
 *   drawn: number[][], hidden: string[] }} Address
 */

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

/** @param {Setting} setting */
function textOf({ kind }, value) {
  return kind === "switch" ? (value ? "1" : "0") : String(value);
}

function valueOf(name, text) {
  const setting = SETTINGS.find(each => each.name === name);
  return setting?.values.find(value => textOf(setting, value) === text);
}

/**
 * @param {Address} address
 * @returns {string} what stands behind the # of a link: only what differs from the start
 */
export function formatAddress({ settings, seed, step, changes, drawn, hidden }) {
  const parts = SETTINGS.filter(({ name, start }) => settings[name] !== start)
    .map(setting => `${setting.name}=${textOf(setting, settings[setting.name])}`);
  if (seed !== 1) parts.push(`seed=${seed}`);
  if (changes.length > 0) {
    const texts = changes.map(([at, name, value]) => {
      return `${at}.${name}.${textOf(/** @type {any} */ (SETTINGS.find(each => each.name === name)), value)}`;
    });
    parts.push(`changes=${texts.join(",")}`);
  }
  if (step > 0) parts.push(`step=${step}`);
  if (settings.data === "drawn") parts.push(`points=${drawn.flat().map(number => Math.round(100 * number)).join(",")}`);
  const shown = NAMES.filter(name => !hidden.includes(name));
  if (shown.length < NAMES.length / 2) parts.push(`only=${shown.join(",")}`);
  else if (hidden.length > 0) parts.push(`hide=${hidden.join(",")}`);
  return parts.join("&");
}

/**
 * Read an address. What it does not know, or what is out of range, is left as at the start.
 * @param {string} text
 * @returns {Address}
 */
export function parseAddress(text) {
  const settings = defaults();
  /** @type {Address} */
  const address = { settings, seed: 1, step: 0, changes: [], drawn: [], hidden: [] };
  for (const part of text.replace(/^#/, "").split("&")) {
    const [name, value = ""] = part.split("=").map(decoded);
    const known = valueOf(name, value);
    if (known !== undefined) settings[name] = known;
    if (name === "seed") address.seed = wholeNumber(value, 1, LARGEST_SEED, 1);
    if (name === "step") address.step = wholeNumber(value, 0, 1_000_000, 0);
    if (name === "hide") address.hidden = NAMES.filter(each => value.split(",").includes(each));
    if (name === "only") address.hidden = NAMES.filter(each => !value.split(",").includes(each));
    if (name === "points") address.drawn = pairs(value.split(",").map(number => Number(number) / 100));
    if (name === "changes") address.changes = value.split(",").flatMap(readChange);
  }
  address.changes = address.changes.filter(([at]) => at <= address.step);
  if (settings.data === "drawn" && address.drawn.length === 0) settings.data = "moons";
  address.settings = fitted(settings);
  return address;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ""; // cut off in the middle of a character
  }
}

function readChange(text) {
  const [, at, name, rest] = text.match(/^(\d+)\.(\w+)\.(.+)$/) ?? [];
  const value = valueOf(name, rest ?? "");
  return value === undefined ? [] : [/** @type {[number, string, any]} */ ([Number(at), name, value])];
}

function wholeNumber(text, low, high, otherwise) {
  const number = Number(text);
  return Number.isInteger(number) && number >= low && number <= high ? number : otherwise;
}

function pairs(numbers) {
  const found = [];
  for (let i = 0; i + 1 < numbers.length && found.length < MOST_DRAWN; i += 2) {
    if (Math.abs(numbers[i]) <= 4 && Math.abs(numbers[i + 1]) <= 4) found.push([numbers[i], numbers[i + 1]]);
  }
  return found;
}

/** Presets: a link each, and what it is there to show. The tests hold each claim. */
export const PRESETS = [
  {
    name: "a good fit", address: "",
    claim: "The draws cover both moons, and the ELBO comes within a quarter of a nat of log p(x).",
  },
  {
    name: "collapse", address: "sigma=1",
    claim: "With σ = 1 the noise alone explains the moons: both KL terms fall to zero, and q is the prior for every point.",
  },
  {
    name: "σ too small", address: "sigma=0.02",
    claim: "The codes must carry the noise of the data as well. The KL term doubles, and neither bound nor log p(x) gains.",
  },
  {
    name: "a bent posterior", address: "data=curve&noise=0.1&sigma=0.2",
    claim: "Exact posteriors are bent, and no ellipse fits them: a gap of about a quarter of a nat stays.",
  },
  {
    name: "β too large", address: "data=ring&noise=0.1&sigma=0.1&beta=4",
    claim: "The ELBO, which is always shown for β = 1, ends half a nat lower or more, and log p(x) does not: the loss is all gap.",
  },
  {
    name: "an autoencoder", address: "data=ring&noise=0.1&sigma=0.1&beta=0",
    claim: "Without a KL term the codes leave the prior: draws miss the ring, and the gap grows to several nats.",
  },
  {
    name: "two modes and one Gaussian", address: "data=ring&noise=0.1&sigma=0.2&latent=1",
    claim: "A line around a ring is cut open somewhere. Near the cut two codes explain a point, and q has one peak.",
  },
  {
    name: "overfitting", address: "data=digits&likelihood=continuous&width=128&activation=relu",
    claim: "On test images the ELBO soon falls while log p(x) goes on rising: it is the encoder that overfits.",
  },
  {
    name: "the threshold", address: "layers=0&rate=0.01&sigma=0.28",
    claim: "A linear model keeps a unit while σ is below the spread of the data in its direction. Move σ to 0.56.",
  },
];
