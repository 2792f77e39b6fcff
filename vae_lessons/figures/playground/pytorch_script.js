// The same training as a script: the same data, starting weights and settings.

import { MISTAKES } from "./settings.js";

const PLANE_LINES = {
  ring: "turns = s.uniform(); c = cmath.rect(1.5, 2 * math.pi * turns)",
  moons: `which, half = int(2 * s.uniform()), s.uniform() / 2
        c = cmath.rect(1, 2 * math.pi * half); c = complex(0.5 - c.real, 0.25 - c.imag) if which else c - complex(0.5, 0.25)`,
  clusters: "c = cmath.rect(1.5, 2 * math.pi * int(5 * s.uniform()) / 5)",
  pinwheel: `which, along = int(5 * s.uniform()), s.uniform()
        c = cmath.rect(0.3 + 1.5 * along, 2 * math.pi * (which / 5 + 0.25 * math.exp(along - 1)))`,
  curve: `t = math.pi * (3 * s.uniform() - 1.5)
        c = complex(1.2 * math.sin(t), 0.75 * math.copysign(1, t) * (math.cos(t) - 1))`,
};

const STREAM_IN_PYTHON = `class Stream:  # the playground's random numbers
    def __init__(s, seed, purpose, place=0):
        s.key = s.mix(s.mix(seed) + purpose); s.start = s.mix(s.mix(s.key) + place); s.count = 0; s.spare = None
    def mix(s, n):
        n &= 0xFFFFFFFF; n = (n ^ n >> 16) * 0x21F0AAAD & 0xFFFFFFFF
        n = (n ^ n >> 15) * 0x735A2D97 & 0xFFFFFFFF; return n ^ n >> 15
    def uniform(s):
        s.count += 1; return (s.mix(s.mix(s.count - 1 + s.start) ^ s.key) + 0.5) / 2**32
    def normal(s):
        if s.spare is not None:
            value, s.spare = s.spare, None; return value
        while True:
            a, b = 2 * s.uniform() - 1, 2 * s.uniform() - 1; r = a * a + b * b
            if r < 1:
                f = math.sqrt(-2 * math.log(r) / r); s.spare = b * f; return a * f
`;

/**
 * @param {{ settings: Record<string, any>, seed: number, drawn: number[][], shape: number[] | null, dim: number,
 *   steps: number }} run
 */
export function pytorchScript({ settings, seed, drawn, shape, dim, steps }) {
  const on = Object.fromEntries(MISTAKES.map(name => [name, settings[name]]));
  const hidden = new Array(settings.layers).fill(settings.width);
  const isGaussian = settings.likelihood === "gaussian";
  const activation = settings.activation === "tanh" ? "nn.Tanh()" : "nn.ReLU()";
  const outputs = on.sigmoidTwice && !isGaussian ? "decoder(z).sigmoid()" : shape && isGaussian ? "decoder(z).sigmoid()" : "decoder(z)";
  const likelihood = {
    gaussian: `torch.distributions.Normal(${outputs}, log_sigma.exp())`,
    bernoulli: `torch.distributions.Bernoulli(logits=${outputs}, validate_args=False)`,
    continuous: `torch.distributions.ContinuousBernoulli(logits=${outputs}, validate_args=False)`,
  }[settings.likelihood];
  const spread = on.sigmaFromVariance ? "logvar.exp()" : "(0.5 * logvar).exp()";
  const noise = on.oneNoise ? `torch.randn(${settings.samples}, 1, ${settings.latent})` : `torch.randn(${settings.samples}, *mu.shape)`;
  const z = on.meanDecoded ? `mu.expand(${settings.samples}, *mu.shape)` : `mu + ${spread} * ${noise}`;
  const beta = settings.warmup > 0 ? `${settings.beta} * min(1, (step + 1) / ${settings.warmup})` : String(settings.beta);
  const weight = on.klOverBatch ? "beta / len(x)" : "beta";
  const objective = settings.objective === "elbo"
    ? `kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
    loss = (${weight} * kl - log_px).mean()`
    : `log_q = torch.distributions.Normal(mu, (0.5 * logvar).exp()).log_prob(z).sum(2)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(2)
    log_w = log_px + ${weight} * (log_p - log_q)
    loss = -(log_w.logsumexp(0) - math.log(len(z))).mean()`;
  const adam = settings.optimiser === "adam";
  return `import cmath, math, torch
from torch import nn

${STREAM_IN_PYTHON}
${dataLines(settings, drawn, shape)}
def network(widths, stream):
    layers = []
    for n_in, n_out in zip(widths, widths[1:]):
        layer = nn.Linear(n_in, n_out); bound = 1 / math.sqrt(n_in)
        weights = [bound * (2 * stream.uniform() - 1) for _ in range(n_in * n_out)]
        layer.weight.data = torch.tensor(weights).view(n_in, n_out).T.contiguous(); layer.bias.data.zero_()
        layers += [layer, ${activation}]
    return nn.Sequential(*layers[:-1])

stream = Stream(${seed}, 1)
encoder = network(${JSON.stringify([dim, ...hidden, 2 * settings.latent])}, stream)
decoder = network(${JSON.stringify([settings.latent, ...hidden, dim])}, stream)${shape ? `
decoder[-1].bias.data = torch.logit(data.mean(0), eps=1e-3)  # start at the mean image` : ""}
log_sigma = torch.tensor(math.log(${settings.sigma}), requires_grad=${settings.learnSigma && isGaussian ? "True" : "False"})
weights = [*encoder.parameters(), *decoder.parameters()${settings.learnSigma && isGaussian ? ", log_sigma" : ""}]
optimiser = torch.optim.${adam ? "Adam" : "SGD"}(weights, lr=${settings.rate})

step, steps = 0, ${Math.max(steps, 1000)}
while step < steps:
    for x in torch.randperm(len(data)).split(${settings.batch}):
        x = data[x]
        mu, logvar = encoder(x).chunk(2, dim=1)
        z = ${z}  # (L, B, K)
        log_px = ${likelihood}.log_prob(x).${on.pixelMean ? "mean" : "sum"}(2)
        beta = ${beta}
        ${objective.replaceAll("\n    ", "\n        ")}
        optimiser.zero_grad(); loss.backward(); optimiser.step()
        step += 1
    if step % 100 < ${Math.ceil(400 / settings.batch)}: print(step, f"loss {loss.item():.3f} nats")
`;
}

function dataLines(/** @type {Record<string, any>} */ { data, noise }, drawn, shape) {
  if (shape && shape[0] === 8) {
    return `from sklearn.datasets import load_digits
data = torch.tensor(load_digits().data[:1200] / 16 * 255, dtype=torch.float32).round() / 255
`;
  }
  if (shape) {
    return `from vae_lessons import load_images
data = (255 * nn.functional.avg_pool2d(load_images("mnist").train[:1000], 2)).round().flatten(1) / 255
`;
  }
  if (data === "drawn" || data === "own") return `data = torch.tensor(${JSON.stringify(drawn)})\n`;
  return `def points(n, noise):
    s = Stream(1, 10, ${Object.keys(PLANE_LINES).indexOf(data)}); rows = []
    for _ in range(n):
        ${PLANE_LINES[data]}
        rows.append([c.real + noise * s.normal(), c.imag + noise * s.normal()])
    return torch.tensor(rows)

data = points(400, ${noise})
`;
}
