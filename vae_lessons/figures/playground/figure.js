// The playground: a VAE that trains while one looks at it and changes it.

import { change } from "../runtime/dom.js";
import { set } from "../runtime/model.js";
import { fixed } from "../runtime/numbers.js";
import { readout } from "../runtime/readout.js";
import { LARGEST_SEED, MOST_DRAWN, startsAnew } from "./address.js";
import { computationView } from "./computation_view.js";
import { curvesView } from "./curves_view.js";
import { imageData, ownPoints, planeData } from "./datasets.js";
import { imagesView } from "./images_view.js";
import { settingInputs } from "./inputs.js";
import { latentView } from "./latent_view.js";
import { layout } from "./layout.js";
import { Pace } from "./pace.js";
import { Plan } from "./plan.js";
import { planeView } from "./plane_view.js";
import { PRESETS } from "./presets.js";
import { pytorchScript } from "./pytorch_script.js";
import { Run } from "./run.js";

const STALLED_STEPS = 4000; // that Play makes at least, before it stops by itself
const LEAST_POINTS = 3;
const CLUSTER = 20; // points that a button adds

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
  const page = layout(el);
  let plan = new Plan(startingAddress());
  let { settings } = plan;
  let data, views, latent, curves, computation;
  let playing = !prefersStillness();
  let playingSince = 0; // the step at which Play was pressed
  let single = 0; // steps that the button has asked for
  let chosen = 0; // the test point whose posterior is shown
  let lookedAt = /** @type {number | null} */ (null); // an earlier step that is shown
  let isSeen = true; // whether the figure is in the window
  let writtenAt = 0; // ms, when the weights last went to Python
  const pace = new Pace();

  const run = new Run(model.get("_engine"), paint, look);
  const printNumbers = readout(page.numbers, CELLS, 6, "nats");
  const updateInputs = settingInputs(page.settings, { hidden: plan.hidden, offered, onChange });

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
    if (!offered("data", plan.begun.data)) plan.change("data", "moons", 0);
    ({ settings } = plan);
    data = dataOf();
    page.drawing.hidden = settings.data !== "drawn";
    for (const place of Object.values(page.views)) place.replaceChildren();
    const onPoint = settings.data === "drawn" ? (x, y) => draw([[x, y]]) : choosePoint;
    views = data.shape
      ? imagesView(page.views.data, data.shape, settings.latent, choose)
      : planeView(page.views.data, settings.latent, onPoint);
    latent = latentView(page.views.latent, settings.latent, data.testLabels);
    curves = curvesView(page.views.curves, onCurves);
    computation = computationView(page.views.computation, data.shape);
    views.showData(data.shape ? data.test : data.images);
    lookedAt = null;
    pace.reset();
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
    run.begin(data, shape, plan.seed, plan.settingsAt(0));
    say(plan.goal > 0 ? "Catching up with the link." : "");
  }

  function dataOf() {
    if (settings.data === "drawn") return ownPoints(plan.drawn);
    if (settings.data === "own") return ownPoints(packed.points);
    if (packed[settings.data]) return imageData(packed[settings.data]);
    return planeData(settings.data, settings.noise);
  }

  function onChange(name, value) {
    goOnFromHere();
    plan.change(name, value, startsAnew(name) ? 0 : run.step);
    if (startsAnew(name)) {
      startAnew();
      return;
    }
    ({ settings } = plan);
    run.change(settings);
    updateInputs(settings);
    writeAddress();
  }

  // From the present settings on.
  function startAnew() {
    plan.startAnew();
    begin();
    writeAddress();
  }

  function draw(points) {
    const rounded = points.map(point => point.map(number => Math.round(100 * number) / 100)); // as an address has them
    plan.drawn = [...plan.drawn, ...rounded].slice(-MOST_DRAWN);
    startAnew();
  }

  // Points near a place that chance chooses, for those who cannot point.
  function drawCluster() {
    const centre = [0, 1].map(() => 3 * Math.random() - 1.5);
    const near = () => centre.map(number => number + 0.6 * (Math.random() + Math.random() - 1));
    draw(Array.from({ length: CLUSTER }, near));
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
    computation(answer.followed, pace.stage);
    if (run.entries.length > 0) {
      const entry = entryAt(lookedAt ?? run.step);
      curves(run.entries, lookedAt ?? run.step);
      printNumbers(numbersOf(entry), settings);
    }
    page.steps.textContent = `step ${(lookedAt ?? run.step).toLocaleString("en")}`;
    page.kernels.textContent = `runs in ${answer.kernels}`;
    change(page.back, { max: Math.max(0, run.entries.length - 1) });
    if (lookedAt === null) page.back.value = page.back.max;
    if (!playing && lookedAt === null && run.isMeasured && plan.goal === 0) writeAddress();
    if (isLive && answer.weights && performance.now() - writtenAt > 1000) writeWeights(answer.weights);
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
      pace.reset();
      goOnFromHere();
      playingSince = run.step;
    } else {
      [run.measureNext, run.wantsLook, writtenAt] = [true, true, 0]; // the answer writes the address
    }
  }

  // Training goes on from the step that is looked at, with the settings that it had then.
  function goOnFromHere() {
    if (lookedAt === null) return;
    run.goBack(lookedAt);
    plan.goBack(run.step);
    ({ settings } = plan);
    run.change(settings);
    updateInputs(settings);
    lookedAt = null;
  }

  function writeAddress() {
    if (isLive) set(model, "address", plan.addressAt(run.step));
    if (!usesHash) return;
    try {
      history.replaceState(null, "", `#${plan.addressAt(run.step)}`);
    } catch {
      // a page that may not change its address goes on without
    }
  }

  function writeWeights(weights) {
    writtenAt = performance.now();
    const bytes = new Uint8Array(Float32Array.from(weights).buffer);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    set(model, "_trained", { weights: btoa(text), settings, dim: data.dim, shape: data.shape, step: run.step });
  }

  // How many steps may be made now.
  function stepsDue(now) {
    if (data.images.length < LEAST_POINTS * data.dim) return 0;
    if (plan.goal > run.step) return plan.stepsToNextChange(run.step);
    if (single > 0) {
      single--;
      run.measureNext = true;
      return 1;
    }
    if (!playing || !isSeen) return 0;
    const { stage } = pace;
    const steps = pace.stepsDue(now);
    if (pace.stage !== stage) run.wantsLook = true;
    return steps;
  }

  function tick(now) {
    if (!el.isConnected) {
      run.engine.stop();
      return;
    }
    if (!run.isBusy) {
      const { goal, changes } = plan;
      if (goal > 0 && changes.some(([at]) => at === run.step)) run.change(plan.settingsAt(run.step));
      if (goal > 0 && run.step >= goal) {
        plan.goal = 0;
        say("");
        setPlaying(false);
      }
      run.next(stepsDue(now)).catch(error => {
        setPlaying(false);
        say(`The engine has stopped: ${error.message}. Press Start again.`, true);
      });
    }
    const state = plan.goal > 0 ? "catching up" : playing ? "training" : run.isBusy || single > 0 ? "busy" : "paused";
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
  page.seed.addEventListener("click", () => {
    plan.seed = (plan.seed % LARGEST_SEED) + 1;
    startAnew();
  });
  page.link.addEventListener("click", () => {
    writeAddress();
    const link = usesHash ? location.href : `#${plan.addressAt(run.step)}`;
    show(link, "The link to this run");
  });
  page.script.addEventListener("click", () => {
    const drawn = settings.data === "own" ? packed.points : plan.drawn;
    const { shape, dim } = data;
    show(pytorchScript({ settings, seed: plan.seed, drawn, shape, dim, steps: run.step }), "The same run in PyTorch");
  });
  page.cluster.addEventListener("click", drawCluster);
  page.clear.addEventListener("click", () => {
    plan.drawn = [];
    startAnew();
  });
  page.back.addEventListener("input", () => {
    if (playing) setPlaying(false);
    const entry = run.entries[page.back.valueAsNumber];
    if (entry) lookBack(entry.step);
  });
  page.speed.addEventListener("change", () => {
    pace.speed = page.speed.value;
    if (pace.isSlowMotion) page.openView("computation");
  });
  page.presets.addEventListener("change", () => {
    const preset = PRESETS.find(({ name }) => name === page.presets.value);
    if (preset) load(preset.address, preset.claim);
  });

  function load(text, claim = "") {
    const { hidden } = plan;
    plan = Object.assign(new Plan(text), { hidden }); // the inputs are there already
    begin();
    page.claim.textContent = claim;
    el.dataset.state = "busy";
    setPlaying(plan.goal === 0);
  }

  function show(text, name) {
    page.output.hidden = false;
    page.text.value = text;
    change(page.text, { "aria-label": name });
    page.text.select();
    navigator.clipboard?.writeText(text).then(() => say(`${name} is copied.`), () => say(`${name} is below.`));
  }

  if (usesHash) addEventListener("hashchange", () => location.hash.slice(1) !== plan.addressAt(run.step) && load(location.hash));
  model.on("change:address", () => model.get("address") !== plan.addressAt(run.step) && load(model.get("address")));
  document.addEventListener("visibilitychange", () => (isSeen = !document.hidden));
  new IntersectionObserver(([{ isIntersecting }]) => (isSeen = isIntersecting && !document.hidden)).observe(el);
  begin();
  setPlaying(playing && plan.goal === 0);
  requestAnimationFrame(tick);
}

const prefersStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export default { render };
