// A run in the page: it trains while it is looked at, and keeps what was measured.

import { log } from "../engine/arithmetic.js";
import { startEngine } from "./driver.js";
import { MISTAKES } from "./settings.js";

/** @typedef {import("../engine/session.js").Entry} Entry */

const MEASURE_REST = 250; // ms between two measurements, at the least
const LONGEST_REST = 1000;
const MEASURE_SHARE = 3; // of the time, that measuring may take at most: one part in so many

/** What a setting means to the engine. */
export function engineSettings(settings) {
  const mistakes = Object.fromEntries(MISTAKES.filter(name => settings[name]).map(name => [name, true]));
  const { objective, samples, beta, warmup, rate, batch, optimiser, learnSigma, sigma, likelihood } = settings;
  const isGaussian = likelihood === "gaussian";
  return {
    objective, samples, beta, warmup, rate, batch, optimiser, mistakes,
    learnSigma: learnSigma && isGaussian,
    logSigma: isGaussian ? log(sigma) : 0,
  };
}

export class Run {
  /**
   * @param {{ worker: string, simd: string }} engine
   * @param {(answer: any) => void} onAnswer called with each answer of the engine
   * @param {() => any} look what is to be seen now, beside the measurements
   */
  constructor(engine, onAnswer, look) {
    this.engine = startEngine(engine.worker);
    this.simd = engine.simd;
    this.onAnswer = onAnswer;
    this.look = look;
    /** @type {Entry[]} */
    this.entries = [];
    this.step = 0;
    this.runs = 0;
    this.isBusy = false;
    this.wantsLook = false;
    this.pending = /** @type {any} */ ({}); // for the next request
    this.measuredAt = 0;
    this.cost = 0; // ms of the last measurement
    this.measureNext = false;
    this.isMeasured = false; // whether the present step is among the entries
  }

  /** Start anew. */
  begin(data, shape, seed, settings) {
    const run = { shape, images: data.images, test: data.test, seed, settings: engineSettings(settings) };
    this.pending = { start: { run, simd: this.simd } }; // an answer that is still to come is of the last run
    this.runs++;
    this.entries = [];
    this.step = 0;
    this.measureNext = true;
  }

  /** Change settings from the present step on. */
  change(settings) {
    this.pending.settings = engineSettings(settings);
    this.measureNext = true;
  }

  /** Look at a step that was measured. */
  show(step) {
    this.pending.show = step;
    this.wantsLook = true;
  }

  /** Go back to a step for good. */
  goBack(step) {
    const found = this.entries.filter(entry => entry.step <= step).at(-1) ?? this.entries[0];
    this.entries = this.entries.filter(entry => entry.step <= found.step);
    this.pending.seek = found.step;
    this.step = found.step;
  }

  /**
   * Ask the engine for the next picture, unless it is still at work: after some steps, at most as many as asked for.
   * @param {number} steps
   */
  async next(steps) {
    if (this.isBusy || !(steps > 0 || this.wantsLook || Object.keys(this.pending).length > 0)) return;
    const request = this.pending;
    if (request.start) steps = 0; // what it starts from is measured too
    [this.pending, this.isBusy, this.wantsLook] = [{}, true, false];
    const { runs } = this;
    const now = performance.now();
    const isDue = this.measureNext || (steps > 0 && now - this.measuredAt > Math.max(MEASURE_REST, Math.min(LONGEST_REST, MEASURE_SHARE * this.cost)));
    if (steps > 0) request.advance = { steps, milliseconds: this.engine.milliseconds };
    request.look = { ...this.look(), measure: isDue && request.show === undefined };
    if (!request.look.measure) delete request.look.densities;
    if (request.look.measure) this.measureNext = false;
    try {
      const answer = await this.engine.ask(request);
      if (runs !== this.runs) return;
      if (request.look.measure) [this.measuredAt, this.cost] = [performance.now(), performance.now() - now];
      if (request.show === undefined) this.step = answer.step;
      if (answer.entry) this.keep(answer.entry);
      this.isMeasured = this.entries.at(-1)?.step === this.step;
      this.onAnswer(answer);
    } finally {
      this.isBusy = false;
    }
  }

  keep(/** @type {Entry} */ entry) {
    this.entries = [...this.entries.filter(({ step }) => step < entry.step), entry];
    if (this.entries.length > 600) this.entries = this.entries.filter((_, i, all) => i % 2 === 0 || i === all.length - 1);
  }
}
