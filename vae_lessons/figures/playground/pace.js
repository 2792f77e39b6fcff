// How fast training runs: in slow motion a stage of one step after the other, or so many steps a second.

import { N_STAGES } from "./computation_view.js";

const RATES = { "full speed": Infinity, "100 steps a second": 100, "10 steps a second": 10, "1 step a second": 1, "slow motion": 0 };
const STAGE_MS = 900;
const LONGEST_PAUSE = 200; // ms that are made up for
const ALL = 1_000_000; // steps, of which the engine takes as many as it has time for

export const SPEEDS = Object.keys(RATES);

export class Pace {
  constructor() {
    this.speed = SPEEDS[0];
    /** The stage of the computation that is lit in slow motion, or -1. */
    this.stage = -1;
    this.last = 0; // ms, of the last call
    this.owed = 0; // steps
    this.stageSince = 0; // ms
  }

  get isSlowMotion() {
    return RATES[this.speed] === 0;
  }

  /** Begin with the first stage again. */
  reset() {
    this.stage = -1;
  }

  /**
   * How many steps are due at a time in ms, called for each frame in which training may go on.
   * @param {number} now
   */
  stepsDue(now) {
    const passed = Math.min(LONGEST_PAUSE, now - this.last);
    this.last = now;
    if (this.isSlowMotion) {
      if (now - this.stageSince < STAGE_MS) return 0;
      this.stageSince = now;
      this.stage = (this.stage + 1) % N_STAGES;
      return this.stage === 0 ? 1 : 0;
    }
    if (RATES[this.speed] === Infinity) return ALL;
    this.owed += (passed / 1000) * RATES[this.speed];
    const due = Math.floor(this.owed);
    this.owed -= due;
    return due;
  }
}
