// Runs with a claim each.

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
