// A small figure with everything that a figure can have: two panels, handles, a switch, and numbers.

import { axisBelow, bar, curve, scale, steps } from "../../vae_lessons/figures/runtime/axes.js";
import { append, change, panel } from "../../vae_lessons/figures/runtime/dom.js";
import { gaussianHandles } from "../../vae_lessons/figures/runtime/handles.js";
import { fixed, normal } from "../../vae_lessons/figures/runtime/numbers.js";
import { show } from "../../vae_lessons/figures/runtime/view.js";

export function numbers({ mu, logvar, is_doubled, draws, _constants: { factor } }) {
  const scaled = is_doubled ? factor : 1;
  return { square: scaled * mu ** 2 + draws, variance: Math.exp(logvar) };
}

function print(values) {
  return { square: fixed(values.square, 3), variance: fixed(values.variance, 3) };
}

function build(parent, model) {
  const left = panel(parent, { width: 380, height: 270, label: "The density" });
  const right = panel(parent, { width: 320, height: 270, label: "Its square" });
  const x = scale([-6, 6], [8, 372]);
  const y = scale([0, 4], [238, 34]);
  const height = scale([0, 40], [238, 24]);
  axisBelow(left, 238)(x, steps(-6, 6, 2));
  const density = append(left, "path", { class: "line encoder" });
  const rectangle = append(right, "rect", { class: "bar encoder", x: 100, width: 44 });
  const place = gaussianHandles(left, model, x);
  return (state, values) => {
    change(density, { d: curve(z => normal(z, state.mu, Math.exp(state.logvar / 2)), -6, 6, x, y) });
    bar(rectangle, height, 0, values.square);
    place(state, y);
  };
}

const cells = [
  { key: "square", name: "μ²", spoken: "square" },
  { key: "variance", name: "σ²", spoken: "variance" },
];

export function render(context) {
  const reads = ["mu", "logvar", "is_doubled", "draws"];
  return show(context, { reads, numbers, build, print, cells, columns: 2, unit: "nats" });
}

export default { render };
