// The engine behind messages: in a Worker, or in the page itself without one.

import { plainKernels, simdKernels } from "./kernels.js";
import { Session } from "./session.js";

/**
 * start: a new run. settings: new settings. show, seek: a step that was measured, to look at or to go on from.
 * advance: steps to train, at most so long. look: what the answer is to have.
 * @typedef {{ id: number, start?: { run: import("./session.js").Run, simd: string | null },
 *   settings?: import("./training.js").Settings, show?: number, seek?: number,
 *   advance?: { steps: number, milliseconds: number }, look: Look }} Request
 */

/**
 * @typedef {{ measure?: boolean, codes?: boolean, decode?: Float32Array, draws?: { n: number, noisy: boolean },
 *   posteriors?: { images: number[], z: Float32Array }, densities?: Float32Array, follow?: Float32Array,
 *   weights?: boolean }} Look
 */

const TURN = 20; // steps between two looks at the clock

/** @type {Session} */
let session;

function answer(/** @type {Request} */ request) {
  const { start, settings, show, seek, advance, look } = request;
  if (start) session = new Session((start.simd && simdKernels(start.simd)) || plainKernels(), start.run);
  if (seek !== undefined) session.seek(seek);
  if (show !== undefined) session.show(show);
  if (settings) session.change(settings); // a σ that was set stays set
  if (advance) {
    const end = performance.now() + advance.milliseconds;
    for (let left = advance.steps; left > 0 && !session.trouble; left -= TURN) {
      session.advance(Math.min(TURN, left));
      if (performance.now() > end) break;
    }
  }
  const results = seen(look); // a measurement may find trouble
  const { step, trouble, kernels } = session;
  return { id: request.id, step, trouble, kernels: kernels.name, ...results };
}

function seen(/** @type {Look} */ look) {
  const results = {};
  if (look.measure) {
    results.entry = session.measure();
    results.hasStalled = session.hasStalled();
  }
  if (look.codes) results.codes = session.codes();
  if (look.decode) results.decoded = session.decode(look.decode);
  if (look.draws) results.draws = session.draws(look.draws.n, look.draws.noisy);
  if (look.posteriors) results.posteriors = session.posteriors(look.posteriors.images, look.posteriors.z);
  if (look.densities) results.densities = session.densities(look.densities);
  if (look.follow) results.followed = session.follow(look.follow);
  if (look.weights) results.weights = Float32Array.from(session.training.vae.weights);
  return results;
}

self.onmessage = ({ data }) => {
  try {
    self.postMessage(answer(data));
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error) });
  }
};
