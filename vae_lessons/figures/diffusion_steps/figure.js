// Points on their way to noise and draws on their way back, at one level of noise, and what the way back has cost.

import { axisLeft, scale, steps } from "../runtime/axes.js";
import { append, change, label, panel } from "../runtime/dom.js";
import { handle } from "../runtime/handles.js";
import { fromBytes } from "../runtime/images.js";
import { move } from "../runtime/model.js";
import { fixed } from "../runtime/numbers.js";
import { show } from "../runtime/view.js";

const SIDE = 258; // of a plane
const TOP = 22;
const TICK_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

// The draws that are shown, and which of their levels is seen: the next one above.
function seenOf({ _reverses, steps: chosen, level }) {
  const reverse = _reverses.find(each => each.steps === chosen);
  return { reverse, place: reverse.levels.findIndex(own => own >= level) };
}

export function numbers(state) {
  const { reverse, place } = seenOf(state);
  const level = reverse.levels[place];
  return {
    step: Math.floor((level * reverse.steps) / state._constants.levels),
    signal: state._planes.signals[level],
    so_far: reverse.costs[place],
    negative_elbo: reverse.costs[0],
    error: reverse.error,
  };
}

function print({ step, signal, so_far, negative_elbo, error }) {
  return {
    step: String(step),
    signal: fixed(100 * signal, 1),
    so_far: fixed(so_far, 2),
    negative_elbo: `${fixed(negative_elbo, 2)} ± ${fixed(error, 2)}`,
  };
}

// Numbers in [-reach, reach] that travel as a byte each, in rows of pairs.
function readPairs(text, reach, perRow) {
  const shares = fromBytes(text);
  const value = at => reach * (2 * shares[at] - 1);
  const pairs = Array.from({ length: shares.length / 2 }, (_, i) => [value(2 * i), value(2 * i + 1)]);
  return Array.from({ length: pairs.length / perRow }, (_, i) => pairs.slice(i * perRow, (i + 1) * perRow));
}

// A plane for points as they are in the last of some states, with the trails of a few. Returns draw(states).
function plane(svg, left, { reach, n_followed, trail }, colour, name) {
  const size = { width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}` };
  append(svg, "rect", { class: "plane-edge", x: left, y: TOP, width: SIDE, height: SIDE });
  const field = append(svg, "svg", { x: left, y: TOP, ...size, class: "clip" });
  const [x, y] = [scale([-reach, reach], [0, SIDE]), scale([-reach, reach], [SIDE, 0])];
  label(svg, name, colour, { x: left + SIDE / 2, y: 14, "text-anchor": "middle" });
  const arrows = append(field, "path", { class: "arrows" });
  const dots = append(field, "path", { class: `codes ${colour}` });
  const trails = append(field, "path", { class: "trails" });
  const followed = append(field, "path", { class: "followed" });
  const at = ([across, up]) => `${x(across).toFixed(1)},${y(up).toFixed(1)}`;
  const drawn = points => points.map(point => `M${at(point)}h0`).join("");
  const draw = states => {
    const last = states[states.length - 1];
    change(dots, { d: drawn(last.slice(n_followed)) });
    change(followed, { d: drawn(last.slice(0, n_followed)) });
    const recent = states.slice(-trail - 1);
    const trailOf = (_, i) => "M" + recent.map(state => at(state[i])).join("L");
    change(trails, { d: last.slice(0, n_followed).map(trailOf).join("") });
  };
  return { draw, arrows, x, y };
}

// Lines with a head, from the middles of a grid of squares.
function arrowsAt(pairs, { x, y }, { reach, n_arrows, arrow }) {
  const middle = i => ((2 * i + 1) * reach) / n_arrows - reach;
  return pairs.map(([across, up], i) => {
    const [left, top] = [x(middle(i % n_arrows)), y(middle(Math.floor(i / n_arrows)))];
    const [dx, dy] = [x(arrow * across) - x(0), y(arrow * up) - y(0)];
    const side = turn => `M${left + dx},${top + dy}l${-0.35 * (dx + turn * dy)},${-0.35 * (dy - turn * dx)}`;
    return `M${left},${top}l${dx},${dy}${side(0.6)}${side(-0.6)}`;
  }).join("");
}

// Ends of an axis with some space around all values, and ticks between.
function axisFor(values) {
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const space = 0.15 * (highest - lowest) + 0.05;
  const [low, high] = [lowest - space, highest + space];
  const step = TICK_STEPS.find(step => (high - low) / step < 5) ?? high - low;
  const ticks = steps(Math.ceil(low / step), Math.floor(high / step), 1);
  return { domain: [low, high], ticks: ticks.map(tick => Number((tick * step).toFixed(2))) };
}

// What the way from noise down to each level costs, and what −ELBO is compared with.
function costs(svg, model) {
  const { levels, reference: [height, name] } = model.get("_constants");
  const x = scale([0, levels], [56, 306]);
  const range = [132, 26];
  const drawLeft = axisLeft(svg, 46);
  append(svg, "path", { class: "axis", d: `M46,${range[0] + 8}H316` });
  const end = (at, anchor, text) => {
    append(svg, "text", { class: "tick", x: at, y: range[0] + 25, "text-anchor": anchor }, text);
  };
  end(46, "start", "0: data");
  end(316, "end", `${levels}: noise`);
  label(svg, "noise level", "ink", { x: x(levels / 2), y: range[0] + 25, "text-anchor": "middle" });
  label(svg, "nats so far", "ink", { x: 4, y: 12 });
  const line = append(svg, "path", { class: "stem ink" });
  const stairs = append(svg, "path", { class: "line decoder" });
  label(svg, `dashed: ${name}`, "ink", { x: 316, y: 12, "text-anchor": "end" });
  const place = handle(svg, "decoder", across => move(model, "level", x.toValue(across)));
  return ({ reverse, place: seen }) => {
    const along = axisFor([...reverse.costs, height]);
    const y = scale(along.domain, range);
    drawLeft(y, along.ticks);
    change(line, { d: `M${x(0)},${y(height)}H${x(levels)}` });
    const corners = reverse.levels.slice(1).map((level, i) => `V${y(reverse.costs[i + 1])}H${x(level)}`);
    change(stairs, { d: `M${x(0)},${y(reverse.costs[0])}` + corners.join("") });
    place(x(reverse.levels[seen]), y(reverse.costs[seen]));
  };
}

export function prepare(model) {
  const { reach, longest, n_arrows } = model.get("_constants");
  const { forward, arrows, signals } = model.get("_planes");
  const nPoints = fromBytes(forward).length / 2 / signals.length;
  const reverses = model.get("_reverses").map(({ steps: chosen, levels, states }) => {
    return [chosen, readPairs(states, reach, fromBytes(states).length / 2 / levels.length)];
  });
  return {
    forward: readPairs(forward, reach, nPoints),
    arrows: readPairs(arrows, longest, n_arrows ** 2),
    reverses: new Map(reverses),
  };
}

function build(parent, model, { forward, arrows, reverses }) {
  const constants = model.get("_constants");
  const first = panel(parent, { width: 380, height: 290, label: "Data on their way to noise" });
  const second = panel(parent, { width: 320, height: 290, label: "Draws on their way from noise to data" });
  const third = panel(parent, { width: 320, height: 164, label: "Nats from noise down to each level" });
  const there = plane(first, 61, constants, "data", "forward, from data");
  const back = plane(second, 31, constants, "decoder", "reverse, from noise");
  const drawCosts = costs(third, model);
  return state => {
    const { reverse, place } = seenOf(state);
    const level = reverse.levels[place];
    there.draw(forward.slice(0, level + 1));
    back.draw(reverses.get(reverse.steps).slice(place).reverse());
    change(back.arrows, { d: level ? arrowsAt(arrows[level - 1], back, constants) : "" });
    drawCosts({ reverse, place });
  };
}

const cells = [
  { key: "step", name: state => `step t of ${state.steps}`, spoken: state => `of ${state.steps} steps, step` },
  { key: "signal", name: "signal α²", spoken: "signal", unit: "%" },
  { key: "so_far", name: "so far", spoken: "so far", unit: "nats" },
  { key: "negative_elbo", name: "−ELBO", spoken: "minus ELBO", unit: "nats" },
];

export function render(context) {
  const prepared = prepare(context.model);
  return show(context, {
    reads: ["level", "steps", "_reverses", "_planes"],
    numbers,
    build: (parent, model) => build(parent, model, prepared),
    print,
    cells,
    columns: 4,
  });
}

export default { render };
