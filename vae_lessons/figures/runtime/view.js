// A figure in its place: drawn once, and painted again whenever one of its values has changed.

import { append } from "./dom.js";
import { readout } from "./readout.js";

/**
 * Put a figure into `el`. Returns what takes it away again.
 *
 * reads: the traits that it depends on, beside `_constants`; numbers(state) computes what print(values, state) makes
 * texts of, for `cells`; build(panels, model) draws once and returns paint(state, values).
 * @param {{ model: import("./model.js").Model, el: HTMLElement }} context
 * @param {{ reads: string[], numbers: Function, build: Function, print: Function, cells: any[], columns: number,
 *   unit?: string }} figure
 */
export function show({ model, el }, { reads, numbers, build, print, cells, columns, unit = "" }) {
  el.classList.add("live-figure-view");
  const paint = build(append(el, "div", { class: "live-figure-panels" }), model);
  const printNumbers = readout(el, cells, columns, unit);
  const refresh = () => {
    const state = Object.fromEntries(["_constants", ...reads].map(name => [name, model.get(name)]));
    const values = numbers(state);
    paint(state, values);
    printNumbers(print(values, state), state);
  };
  let frame = 0;
  const onChange = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      refresh();
    });
  };
  refresh();
  for (const name of reads) model.on(`change:${name}`, onChange);
  return () => reads.forEach(name => model.off(`change:${name}`, onChange));
}
