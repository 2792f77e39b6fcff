// One data point followed through the network and back: each stage a card with its numbers, and what it computes.

import { append } from "../runtime/dom.js";
import { imageCanvas, paintImage } from "../runtime/images.js";
import { fixed, plain } from "../runtime/numbers.js";

/** @typedef {ReturnType<import("../engine/session.js").Session["follow"]>} Followed */

const list = (/** @type {ArrayLike<number>} */ numbers, digits = 2) =>
  Array.from(numbers, number => plain(fixed(number, digits))).join(", ");
const units = (/** @type {Followed} */ { hidden }, /** @type {number} */ which) =>
  hidden[which].map(layer => `${layer.filter(unit => Math.abs(unit) > 0.01).length} of ${layer.length} on`).join(", ") ||
  "none: linear";

/**
 * key; name; text(followed): the numbers; says: what happens here. `back` cards have the gradients.
 * @type {{ key: string, name: string, text: (followed: Followed) => string, says: string, back?: boolean }[]}
 */
const STAGES = [
  { key: "x", name: "x", text: ({ x }) => (x.length > 2 ? "" : list(x)), says: "One data point goes in." },
  {
    key: "encoder", name: "encoder", text: followed => units(followed, 0),
    says: "Hidden layers: h = activation(W x + b), once for each layer.",
  },
  {
    key: "q", name: "μ, log σ²", text: ({ mu, logvar }) => `μ ${list(mu)}; log σ² ${list(logvar)}`,
    says: "The encoder's outputs are the mean and the log-variance of q(z | x), for each latent dimension.",
  },
  {
    key: "kl", name: "KL term", text: ({ kl }) => `${list(kl)} nats`,
    says: "KL( q(z | x) ‖ N(0, 1) ) = ½ (μ² + σ² − log σ² − 1) for each dimension: what the code costs.",
  },
  { key: "noise", name: "ε", text: ({ noise }) => list(noise), says: "Noise from N(0, 1), which no parameter touches." },
  {
    key: "z", name: "z = μ + σ ε", text: ({ z }) => list(z),
    says: "The sample is a function of μ and σ, so gradients can pass: the reparameterisation trick.",
  },
  {
    key: "decoder", name: "decoder", text: followed => units(followed, 1),
    says: "Hidden layers again, the other way round.",
  },
  {
    key: "mean", name: "mean of p(x | z)", text: ({ mean }) => (mean.length > 2 ? "" : list(mean)),
    says: "What the decoder expects x to be.",
  },
  {
    key: "reconstruction", name: "log p(x | z)", text: ({ reconstruction }) => `${list([reconstruction])} nats`,
    says: "The reconstruction term: how probable the data point is around that mean.",
  },
  {
    key: "loss", name: "loss", text: ({ loss }) => `${list([loss])} nats`,
    says: "The loss that is minimised: β times the KL term, minus the reconstruction term.",
  },
  {
    key: "byZ", name: "∂loss/∂z", text: ({ byZ }) => list(byZ, 3), back: true,
    says: "Backwards: the reconstruction term, differentiated through the decoder. All its weights get their gradient on the way.",
  },
  {
    key: "byCode", name: "∂loss/∂μ, ∂loss/∂log σ²", text: ({ byCode }) => list(byCode, 3), back: true,
    says: "To μ the gradient of z passes as it is, to log σ² times ½ σ ε; the KL term adds μ and ½ (σ² − 1), times β.",
  },
];

/**
 * Cards for all stages. Returns paint(followed, lit): `lit` is the number of the stage that lights up, or -1.
 * @param {Element} parent
 * @param {number[] | null} shape of an image
 */
export function computationView(parent, shape) {
  const box = append(parent, "div", { class: "playground-computation" });
  const says = append(parent, "p", { class: "playground-says", "aria-live": "polite" });
  const cards = STAGES.map((stage, i) => {
    const card = append(box, "button", { type: "button", class: stage.back ? "back" : "", "data-stage": stage.key });
    append(card, "strong", {}, stage.name);
    const isImage = shape && (stage.key === "x" || stage.key === "mean");
    const canvas = isImage ? imageCanvas(card, shape, stage.name) : null;
    const text = append(card, "span");
    card.addEventListener("click", () => (says.textContent = `${STAGES[i].name}: ${STAGES[i].says}`));
    return { card, canvas, text };
  });
  return (/** @type {Followed} */ followed, /** @type {number} */ lit) => {
    cards.forEach(({ card, canvas, text }, i) => {
      card.classList.toggle("lit", i === lit);
      text.textContent = STAGES[i].text(followed);
      if (canvas && shape) paintImage(canvas, STAGES[i].key === "x" ? followed.x : followed.mean, shape);
    });
    if (lit >= 0) says.textContent = `${STAGES[lit].name}: ${STAGES[lit].says}`;
  };
}

export const N_STAGES = STAGES.length;
