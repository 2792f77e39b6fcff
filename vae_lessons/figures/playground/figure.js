// The playground: a VAE that trains while one looks at it and changes it.

import { append, change } from "../runtime/dom.js";
import { set } from "../runtime/model.js";
import { fixed } from "../runtime/numbers.js";
import { readout } from "../runtime/readout.js";
import { computationView, N_STAGES } from "./computation_view.js";
import { curvesView } from "./curves_view.js";
import { imageData, ownPoints, planeData } from "./datasets.js";
import { imagesView } from "./images_view.js";
import { settingInputs } from "./inputs.js";
import { latentView } from "./latent_view.js";
import { planeView } from "./plane_view.js";
import { pytorchScript } from "./pytorch_script.js";
import { Run } from "./run.js";
import { fitted, formatAddress, parseAddress, PRESETS, SETTINGS } from "./settings.js";

const SPEEDS = { "slow motion": 0, "1 step a second": 1, "10 steps a second": 10, "100 steps a second": 100, "full speed": Infinity };
const STAGE_MS = 900; // of a stage in slow motion
const STALLED_STEPS = 4000; // that Play makes at least, before it stops by itself
const LEAST_POINTS = 3;
const BLOB = 20; // points that a button adds
const VIEWS = [["data", "Data"], ["latent", "Latent space"], ["curves", "Curves"], ["computation", "Computation"]];

const CELLS = [
  { key: "reconstruction", name: "reconstruction", spoken: "reconstruction term" },
  { key: "kl", name: "KL term", spoken: "KL term" },
  { key: "elbo", name: "ELBO", spoken: "ELBO" },
  { key: "evidence", name: "log p(x)", spoken: "log p of x" },
  { key: "gap", name: "gap", spoken: "gap" },
  { key: "sigma", name: "σ", spoken: "sigma", unit: "" },
];

/** @param {{ model: import("../runtime/model.js").Model, el: HTMLElement }} context */
export function render({ model, el }) {
  el.classList.add("live-figure-view", "playground");
  const { uses_hash: usesHash, is_live: isLive } = model.get("_constants");
  const packed = model.get("_data");
  const page = parts(el);
  // A run: the settings that it began with, and changes on the way. `goal` is the step of a link that it is to reach.
  let { settings: begun, seed, step: goal, changes, drawn, hidden } = parseAddress(startingAddress());
  let settings = applied(Infinity);
  let data, views, latent, curves, computation;
  let [playing, chosen, lookedAt, stage] = [!prefersStillness(), 0, /** @type {number | null} */ (null), -1];
  let [speed, isSeen, lastTick, owed, stageSince] = ["full speed", true, 0, 0, 0];
  let [writtenTo, single] = [0, 0]; // when the weights went to Python; steps that a button has asked for
  let playingSince = 0; // the step at which Play was pressed

  const run = new Run(model.get("_engine"), paint, look);
  const printNumbers = readout(page.numbers, CELLS, 6, "nats");
  const updateInputs = settingInputs(page.settings, { hidden, offered, onChange });

  function startingAddress() {
    const inPage = usesHash && location.hash.includes("=") ? location.hash : "";
    return inPage || model.get("address");
  }

  function offered(name, value) {
    if (name !== "data") return true;
    if (value === "own") return packed.points !== null;
    return !["digits", "mnist"].includes(value) || Boolean(packed[value]);
  }

  function say(text, isTrouble = false) {
    if (page.message.textContent !== text) page.message.textContent = text;
    page.message.classList.toggle("trouble", isTrouble);
  }

  // Begin training anew, with new views where the data or the latent space are others.
  function begin() {
    if (!offered("data", begun.data)) begun = fitted({ ...begun, data: "moons" });
    settings = applied(Infinity);
    data = dataOf();
    page.drawing.hidden = settings.data !== "drawn";
    for (const place of Object.values(page.views)) place.replaceChildren();
    const onPoint = settings.data === "drawn" ? addPoint : choosePoint;
    views = data.shape
      ? imagesView(page.views.data, data.shape, settings.latent, choose)
      : planeView(page.views.data, settings.latent, onPoint);
    latent = latentView(page.views.latent, settings.latent, data.testLabels);
    curves = curvesView(page.views.curves, onCurves);
    computation = computationView(page.views.computation, data.shape);
    views.showData(data.shape ? data.test : data.images);
    [lookedAt, stage] = [null, -1];
    updateInputs(settings);
    if (data.images.length < LEAST_POINTS * data.dim) {
      say("Put points on the square: tap it, or press Add points.");
      run.entries = [];
      return;
    }
    choose(Math.min(chosen, data.test.length / data.dim - 1));
    const { activation, likelihood, layers, width, latent: dimensions } = settings;
    const hiddenWidths = new Array(layers).fill(width);
    const shape = { dim: data.dim, latent: dimensions, hidden: hiddenWidths, activation, likelihood, limited: data.shape !== null };
    run.begin(data, shape, seed, applied(0));
    say(goal > 0 ? "Catching up with the link." : "");
  }

  function dataOf() {
    if (settings.data === "drawn") return ownPoints(drawn);
    if (settings.data === "own") return ownPoints(packed.points);
    if (packed[settings.data]) return imageData(packed[settings.data]);
    return planeData(settings.data, settings.noise);
  }

  // The settings at a step: those that the run began with, and the changes until then.
  function applied(step) {
    const until = changes.filter(([at]) => at <= step);
    return fitted({ ...begun, ...Object.fromEntries(until.map(([, name, value]) => [name, value])) });
  }

  function onChange(name, value) {
    goOnFromHere();
    settings = fitted({ ...settings, [name]: value });
    if (SETTINGS.some(each => each.name === name && each.anew)) {
      startAnew();
      return;
    }
    if (run.step === 0) begun = settings;
    else changes = [...changes.filter(([at, other]) => at < run.step || other !== name), [run.step, name, value]];
    run.change(settings);
    updateInputs(settings);
    writeAddress();
  }

  // From the present settings on.
  function startAnew(newSeed = seed) {
    [begun, seed, goal, changes] = [settings, newSeed, 0, []];
    begin();
    writeAddress();
  }

  function addPoint(x, y) {
    drawn = [...drawn, [round(x), round(y)]].slice(-400);
    startAnew();
  }

  function addBlob() {
    const [x, y] = [0, 1].map(() => 3 * Math.random() - 1.5);
    const near = centre => round(centre + 0.6 * (Math.random() + Math.random() - 1));
    drawn = [...drawn, ...Array.from({ length: BLOB }, () => [near(x), near(y)])].slice(-400);
    startAnew();
  }

  function choose(index) {
    chosen = index;
    views.choose(data.test.subarray(data.dim * index, data.dim * (index + 1)));
    run.wantsLook = true;
  }

  // The test point that is nearest.
  function choosePoint(x, y) {
    let [nearest, least] = [0, Infinity];
    for (let i = 0; i < data.test.length / 2; i++) {
      const distance = (data.test[2 * i] - x) ** 2 + (data.test[2 * i + 1] - y) ** 2;
      if (distance < least) [nearest, least] = [i, distance];
    }
    choose(nearest);
  }

  function look() {
    const seen = latent.look(chosen);
    const follow = data.test.slice(data.dim * chosen, data.dim * (chosen + 1));
    return { ...seen, ...views.look(true), follow, weights: isLive };
  }

  function paint(answer) {
    if (answer.trouble || (playing && answer.hasStalled && run.step > playingSince + STALLED_STEPS)) {
      setPlaying(false);
      say(answer.trouble || "Paused: on test data nothing has improved for a long time.", Boolean(answer.trouble));
    }
    views.paint(answer);
    latent.paint(answer, chosen);
    computation(answer.followed, stage);
    if (run.entries.length > 0) {
      const entry = entryAt(lookedAt ?? run.step);
      curves(run.entries, lookedAt ?? run.step);
      printNumbers(numbersOf(entry), settings);
    }
    page.steps.textContent = `step ${(lookedAt ?? run.step).toLocaleString("en")}`;
    page.kernels.textContent = `runs in ${answer.kernels}`;
    change(page.back, { max: Math.max(0, run.entries.length - 1) });
    if (lookedAt === null) page.back.value = page.back.max;
    if (!playing && lookedAt === null && run.isMeasured && goal === 0) writeAddress();
    if (isLive && answer.weights && performance.now() - writtenTo > 1000) writeWeights(answer.weights);
  }

  function entryAt(step) {
    return run.entries.filter(entry => entry.step <= step).at(-1) ?? run.entries[0];
  }

  function numbersOf({ test, evidence, logSigma }) {
    const kl = test.units.reduce((sum, unit) => sum + unit, 0);
    const isGaussian = settings.likelihood === "gaussian";
    return {
      reconstruction: fixed(test.reconstruction, 2),
      kl: fixed(kl, 2),
      elbo: fixed(test.elbo, 2),
      evidence: evidence ? fixed(evidence.mean, 2) : "–",
      gap: evidence ? fixed(Math.max(0, evidence.mean - test.elbo), 2) : "–",
      sigma: isGaussian ? fixed(Math.exp(logSigma), 3) : "–",
    };
  }

  function onCurves(step) {
    if (playing || run.entries.length === 0) return;
    lookBack(step);
  }

  // Look at an earlier step; null is the present one, which must have been measured to be come back to.
  function lookBack(step) {
    if (!run.isMeasured) {
      run.measureNext = true;
      run.wantsLook = true;
      return;
    }
    lookedAt = step === null || step >= run.step ? null : entryAt(step).step;
    run.show(lookedAt ?? run.step);
  }

  function setPlaying(on) {
    playing = on;
    page.play.textContent = on ? "Pause" : "Play";
    if (on) {
      if (page.message.classList.contains("trouble")) run.change(settings); // another try
      say("");
      stage = -1;
      goOnFromHere();
      playingSince = run.step;
    } else {
      [run.measureNext, run.wantsLook, writtenTo] = [true, true, 0]; // the answer writes the address
    }
  }

  // Training goes on from the step that is looked at, with the settings that it had then.
  function goOnFromHere() {
    if (lookedAt === null) return;
    run.goBack(lookedAt);
    changes = changes.filter(([at]) => at <= run.step);
    settings = applied(run.step);
    run.change(settings);
    updateInputs(settings);
    lookedAt = null;
  }

  function address() {
    return formatAddress({ settings: begun, seed, step: run.step, changes, drawn, hidden });
  }

  function writeAddress() {
    if (isLive) set(model, "address", address());
    if (!usesHash) return;
    try {
      history.replaceState(null, "", `#${address()}`);
    } catch {
      // a page that may not change its address goes on without
    }
  }

  function writeWeights(weights) {
    writtenTo = performance.now();
    const bytes = new Uint8Array(Float32Array.from(weights).buffer);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    set(model, "_trained", { weights: btoa(text), settings, dim: data.dim, shape: data.shape, step: run.step });
  }

  // How many steps may be made now.
  function stepsDue(now) {
    const passed = Math.min(200, now - lastTick);
    lastTick = now;
    if (run.entries.length === 0 && run.step === 0 && run.pending.start === undefined && !run.isBusy) return 0;
    if (goal > run.step) {
      const next = changes.map(([at]) => at).find(at => at > run.step) ?? goal;
      return Math.min(next, goal) - run.step;
    }
    if (single > 0) {
      single--;
      run.measureNext = true;
      return 1;
    }
    if (!playing || !isSeen) return 0;
    if (SPEEDS[speed] === Infinity) return 1_000_000;
    if (SPEEDS[speed] === 0) {
      if (now - stageSince < STAGE_MS) return 0;
      stageSince = now;
      stage = (stage + 1) % N_STAGES;
      run.wantsLook = true;
      return stage === 0 ? 1 : 0;
    }
    owed += (passed / 1000) * SPEEDS[speed];
    const due = Math.floor(owed);
    if (due > 0 && !run.isBusy) owed -= due;
    return run.isBusy ? 0 : due;
  }

  function tick(now) {
    if (!el.isConnected) {
      run.engine.stop();
      return;
    }
    if (!run.isBusy) {
      if (goal > 0 && changes.some(([at]) => at === run.step)) run.change(applied(run.step));
      if (goal > 0 && run.step >= goal) {
        goal = 0;
        say("");
        setPlaying(false);
      }
      run.next(stepsDue(now)).catch(error => {
        setPlaying(false);
        say(`The engine has stopped: ${error.message}. Press Start again.`, true);
      });
    }
    const state = goal > 0 ? "catching up" : playing ? "training" : run.isBusy || single > 0 ? "busy" : "paused";
    if (el.dataset.state !== state) el.dataset.state = state;
    requestAnimationFrame(tick);
  }

  // Buttons.
  page.play.addEventListener("click", () => setPlaying(!playing));
  page.step.addEventListener("click", () => {
    if (playing) setPlaying(false);
    goOnFromHere();
    single++;
  });
  page.again.addEventListener("click", () => startAnew());
  page.seed.addEventListener("click", () => startAnew((seed % 999) + 1));
  page.link.addEventListener("click", () => {
    writeAddress();
    const link = usesHash ? location.href : `#${address()}`;
    show(link, "The link to this run");
  });
  page.script.addEventListener("click", () => {
    const points = settings.data === "own" ? packed.points : drawn;
    show(pytorchScript({ settings, seed, drawn: points, shape: data.shape, dim: data.dim, steps: run.step }), "The same run in PyTorch");
  });
  page.blob.addEventListener("click", addBlob);
  page.clear.addEventListener("click", () => {
    drawn = [];
    startAnew();
  });
  page.back.addEventListener("input", () => {
    if (playing) setPlaying(false);
    const entry = run.entries[page.back.valueAsNumber];
    if (entry) lookBack(entry.step);
  });
  page.speed.addEventListener("change", () => {
    speed = page.speed.value;
    page.el.dataset.speed = speed;
    if (SPEEDS[speed] === 0) openView("computation");
  });
  page.presets.addEventListener("change", () => {
    const preset = PRESETS.find(({ name }) => name === page.presets.value);
    if (preset) load(preset.address, preset.claim);
  });

  function load(text, claim = "") {
    const keep = hidden;
    ({ settings: begun, seed, step: goal, changes, drawn, hidden } = parseAddress(text));
    hidden = keep;
    begin();
    page.claim.textContent = claim;
    el.dataset.state = "busy";
    setPlaying(goal === 0);
  }

  function show(text, name) {
    page.output.hidden = false;
    page.text.value = text;
    change(page.text, { "aria-label": name });
    page.text.select();
    navigator.clipboard?.writeText(text).then(() => say(`${name} is copied.`), () => say(`${name} is below.`));
  }

  function openView(name) {
    page.el.dataset.view = name;
    for (const tab of page.tabs) change(tab, { "aria-pressed": String(tab.dataset.view === name) });
  }

  for (const tab of page.tabs) tab.addEventListener("click", () => openView(tab.dataset.view));
  for (const { name } of PRESETS) append(page.presets, "option", { value: name }, name);
  for (const name of Object.keys(SPEEDS)) append(page.speed, "option", name === speed ? { value: name, selected: "" } : { value: name }, name);
  if (usesHash) addEventListener("hashchange", () => location.hash.slice(1) !== address() && load(location.hash));
  model.on("change:address", () => model.get("address") !== address() && load(model.get("address")));
  document.addEventListener("visibilitychange", () => (isSeen = !document.hidden));
  new IntersectionObserver(([{ isIntersecting }]) => (isSeen = isIntersecting && !document.hidden)).observe(el);
  openView("data");
  begin();
  setPlaying(playing && goal === 0);
  requestAnimationFrame(tick);
}

const round = number => Math.round(100 * number) / 100;
const prefersStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// The page's parts, empty.
function parts(el) {
  const bar = append(el, "div", { class: "playground-bar" });
  const button = (parent, text) => append(parent, "button", { type: "button", class: "live-figure-action" }, text);
  const select = (parent, text) => append(append(parent, "label", {}, `${text} `), "select", { autocomplete: "off" });
  const [play, step, again, seed] = ["Play", "One step", "Start again", "Next seed"].map(text => button(bar, text));
  const speed = select(bar, "speed");
  const presets = select(bar, "show me");
  append(presets, "option", { value: "" }, "choose …");
  const steps = append(bar, "span", { class: "playground-steps" });
  const claim = append(el, "p", { class: "playground-claim" });
  const message = append(el, "p", { class: "playground-message", role: "status" });
  const tabBar = append(el, "div", { class: "playground-tabs" });
  const tabs = VIEWS.map(([view, name]) => append(tabBar, "button", { type: "button", "data-view": view }, name));
  const panels = append(el, "div", { class: "live-figure-panels" });
  const drawing = append(el, "div", { class: "playground-bar" });
  const [blob, clear] = ["Add points", "Clear points"].map(text => button(drawing, text));
  const backRow = append(el, "label", { class: "live-figure-slider playground-back" });
  append(backRow, "span", {}, "look back");
  const back = append(backRow, "input", { type: "range", min: 0, max: 0, step: 1, autocomplete: "off" });
  const numbers = append(el, "div");
  const stages = append(el, "div", { class: "live-figure-panels" });
  const view = name => append(name === "computation" ? stages : panels, "div", { class: "playground-view", "data-view": name });
  const views = Object.fromEntries(VIEWS.map(([name]) => [name, view(name)]));
  const settings = append(el, "div", { class: "playground-settings" });
  const share = append(el, "div", { class: "playground-bar" });
  const [link, script] = ["Copy link", "Copy as PyTorch"].map(text => button(share, text));
  const kernels = append(share, "span", { class: "playground-kernels" });
  const output = append(el, "div", { hidden: "" });
  const text = append(output, "textarea", { readonly: "", rows: 12, spellcheck: "false" });
  return {
    el, play, step, again, seed, speed, presets, steps, claim, message, tabs, views, drawing, blob, clear, numbers, back,
    settings, link, script, kernels, output, text,
  };
}

export default { render };
