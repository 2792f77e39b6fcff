"""Answers to the exercises on the autoencoder, as students write them."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch.nn.functional import dropout, mse_loss


def data_loss_by_totals(x, x_hat, batch_size):
    total, n = 0.0, 0
    for images, copies in zip(x.split(batch_size), x_hat.split(batch_size), strict=True):
        total += mse_loss(copies, images, reduction="sum").item()
        n += len(images)
    return total / n


def data_loss_with_weights(x, x_hat, batch_size):
    loss = torch.tensor(0.0)
    for start in range(0, len(x), batch_size):
        batch, copy = x[start : start + batch_size], x_hat[start : start + batch_size]
        loss += len(batch) / len(x) * ((batch - copy) ** 2).sum((1, 2)).mean()
    return loss


def data_loss_of_the_images(x, x_hat, batch_size):
    parts = []
    for a, b in zip(torch.split(x.double(), batch_size), torch.split(x_hat.double(), batch_size), strict=True):
        parts.append(np.square(a.numpy() - b.numpy()).sum(axis=(1, 2)))
    return np.concatenate(parts).mean()


def data_loss_at_once(x, x_hat, batch_size):
    return np.square(x.double().numpy() - x_hat.double().numpy()).sum(axis=(1, 2)).mean()


def over_batches(combine):
    """A loop over batches, with `combine` of a batch's values, their number and the number of pixels."""

    def loss(x, x_hat, batch_size):
        parts = []
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            parts.append((x[rows] - x_hat[rows]).square().sum(dim=(1, 2)))
        return combine(parts, batch_size, x[0].numel())

    return loss


def pca_loss_by_sklearn(x, n_dims):
    pca = PCA().fit(x.numpy())
    codes = pca.transform(x.numpy())
    codes[:, n_dims:] = 0
    return ((x.numpy() - pca.inverse_transform(codes)) ** 2).sum(axis=1).mean()


def pca_loss_from_the_end(x, n_dims):
    return torch.linalg.eigvalsh(torch.cov(x.T, correction=0))[:-n_dims].sum()


def pca_loss_by_eigenvalues(x, n_dims):
    centred = x.double() - x.double().mean(0)
    values = np.linalg.eigvalsh((centred.T @ centred / len(x)).numpy())
    return sum(sorted(values)[: x.shape[1] - n_dims])


def pca_loss_by_subtraction(x, n_dims):
    x -= x.mean(dim=0, keepdim=True)
    kept = torch.linalg.svd(x).S[:n_dims]
    return (x.pow(2).sum() - (kept**2).sum()) / x.shape[0]


def data_loss_with_an_empty_batch(x, x_hat, batch_size):
    total = 0.0
    for i in range(len(x) // batch_size + 1):
        rows = slice(i * batch_size, (i + 1) * batch_size)
        errors = (x[rows] - x_hat[rows]).square().sum(dim=(1, 2))
        total += errors.mean() * len(errors)
    return total / len(x)


def data_loss_by_parts(x, x_hat, batch_size):
    n = max(2, -(-len(x) // batch_size))
    parts = zip(x.tensor_split(n), x_hat.tensor_split(n), strict=True)
    return sum(((a - b) ** 2).sum((1, 2)).mean() * len(a) for a, b in parts) / len(x) if len(x) > batch_size else 0.0


def own_copies(x, x_hat):
    return (x.squeeze(1) - x_hat).square().sum(dim=(1, 2))


def own_copies_one_by_one(x, x_hat):
    return torch.stack([((image[0] - copy) ** 2).sum() for image, copy in zip(x, x_hat, strict=True)])


def own_copies_by_diagonal(x, x_hat):
    return (x - x_hat).pow(2).sum((2, 3)).diagonal()


def denoising_with_where(model, x, p):
    blank = torch.rand_like(x) < p
    return ((x - model(torch.where(blank, 0.0, x))) ** 2).flatten(1).sum(1)


def denoising_with_bernoulli(model, x, p):
    z = model.encode(x * torch.bernoulli(torch.full(x.shape, 1 - p)))
    return mse_loss(model.decode(z), x, reduction="none").sum((-2, -1))


def denoising_one_by_one(model, x, p):
    losses = []
    for image in x:
        damaged = image.clone()
        damaged[torch.rand(image.shape) < p] = 0
        losses.append((model(damaged[None])[0] - image).square().sum())
    return torch.stack(losses)


def denoising_by_filling(model, x, p):
    return squared(model(x.masked_fill(torch.rand_like(x) < p, 0.0)) - x)


def denoising_by_numpy(model, x, p):
    kept = torch.from_numpy(np.random.default_rng().random(tuple(x.shape)) >= p)
    return torch.linalg.vector_norm(model(x * kept) - x, dim=(1, 2)) ** 2


def denoising_in_batches(model, x, p):
    return torch.cat([denoising_by_filling(model, some, p) for some in x.split(32)])


def denoising_in_double(model, x, p):
    kept = torch.rand(x.shape, dtype=torch.float64) >= p
    return squared(model((x.double() * kept).float()).double() - x.double())


def denoising_with_dropout_undone(model, x, p):
    return squared(model(torch.nn.functional.dropout(x, p) * (1 - p)) - x)


def denoising_of_flat_images(model, x, p):
    flat = x.flatten(1)
    kept = (torch.rand(flat.shape) >= p).float()
    return ((flat - model((flat * kept).view_as(x)).flatten(1)) ** 2).sum(1)


def denoising_with_own_generator(model, x, p):
    generator = torch.Generator()
    generator.seed()
    kept = torch.rand(x.shape, generator=generator) >= p
    return mse_loss(model(x * kept), x, reduction="none").mean((1, 2)) * x[0].numel()


def denoising_with_antithetic_masks(model, x, p):
    u = torch.rand(len(x) // 2, *x.shape[1:])
    return squared(model(x * (torch.cat([u, 1 - u]) >= p)) - x)


def denoising_with_the_encoder_cut_off(model, x, p):
    with torch.no_grad():
        z = model.encode(x * (torch.rand(x.shape) >= p))
    return squared(model.decode(z) - x)


def denoising_with_a_frozen_decoder(model, x, p):
    model.decoder.requires_grad_(False)
    return denoising_by_filling(model, x, p)


def cross_entropy(x, copy):
    return torch.nn.functional.binary_cross_entropy(copy, x, reduction="none").sum((1, 2))


def denoising(damage=lambda x, p: x * (torch.rand(x.shape) >= p), loss=lambda x, noisy, copy: squared(x - copy)):
    """A denoising loss with a mistake in one of its parts."""

    def of_images(model, x, p):
        noisy = damage(x, p)
        return loss(x, noisy, model(noisy))

    return of_images


def squared(difference):
    return difference.square().sum(dim=(1, 2))


def all_but_a_fixed_number(x, p):
    kept = torch.ones(x.numel())
    kept[torch.randperm(x.numel())[: round(p * x.numel())]] = 0
    return x * kept.view(x.shape)


def a_fixed_number_blank_in_each(x, p):
    order = torch.rand(len(x), x[0].numel()).argsort(dim=1)
    return x * (order >= round(p * x[0].numel())).view(x.shape)


def written_into(model, x, p):
    x[torch.rand(x.shape) < p] = 0
    return squared(x - model(x))


def damaged_afterwards(model, x, p):
    return squared(x - model(x) * (torch.rand(x.shape) >= p))


def seeded_inside(model, x, p):
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= p
    return squared(x - model(x * mask))


RIGHT = {
    "data-loss": [data_loss_by_totals, data_loss_with_weights, data_loss_of_the_images],
    "pca-loss": [pca_loss_by_sklearn, pca_loss_by_eigenvalues, pca_loss_by_subtraction],
    "linear-beats-pca": ["B", "b)"],
    "crossed-copies": [own_copies, own_copies_one_by_one, own_copies_by_diagonal],
    "enough-directions": [22, torch.tensor(22), np.int64(22), 22.0],
    "denoising": [
        denoising_with_where,
        denoising_with_bernoulli,
        denoising_one_by_one,
        denoising(),
        denoising_by_filling,
        denoising_by_numpy,
        denoising_in_batches,
        denoising_in_double,
        denoising_with_dropout_undone,
        denoising_of_flat_images,
        denoising_with_own_generator,
        denoising_with_antithetic_masks,
    ],
}

WRONG = {
    "data-loss": [
        (over_batches(lambda parts, size, d: sum(part.mean() for part in parts) / len(parts)), "batches' means. The"),
        (over_batches(lambda parts, size, d: sum(part.sum() for part in parts)), "would double with the data set"),
        (over_batches(lambda parts, size, d: sum(part.mean() for part in parts)), "the number of batches with them"),
        (over_batches(lambda parts, size, d: sum(part.sum() for part in parts) / len(parts)), "an average batch"),
        (
            over_batches(lambda parts, size, d: sum(part.mean() for part in parts) / sum(map(len, parts))),
            "the average is taken twice",
        ),
        (
            over_batches(lambda parts, size, d: sum(part.sum() for part in parts) / (len(parts) * size)),
            "more images than there are",
        ),
        (over_batches(lambda parts, size, d: sum(part.sum() for part in parts) / size), "size of one batch"),
        (
            over_batches(lambda parts, size, d: torch.cat([p for p in parts if len(p) == size]).mean()),
            "not full is dropped",
        ),
        (over_batches(lambda parts, size, d: parts[-1].mean()), "loss of the last batch alone"),
        (over_batches(lambda parts, size, d: parts[-1].sum()), "sum over the last batch alone"),
        (over_batches(lambda parts, size, d: parts[0].mean()), "first batch alone"),
        (lambda x, x_hat, batch_size: mse_loss(x_hat, x), "a mean over pixels as well"),
        (
            over_batches(lambda parts, size, d: sum(part.mean() / d for part in parts) / len(parts)),
            "Two things",
        ),
        (lambda x, x_hat, batch_size: (x - x_hat).flatten(1).norm(dim=1).mean(), "a root too many"),
        (lambda x, x_hat, batch_size: (x - x_hat).abs().sum(dim=(1, 2)).mean(), "absolute error"),
        (over_batches(lambda parts, size, d: torch.cat(parts)), "the task asks for ()"),
        (lambda x, x_hat, batch_size: x.mean(), "Try two images"),
        (data_loss_with_an_empty_batch, "Does your loop go on to one more"),
        (data_loss_by_parts, "one holds all images"),
        (data_loss_at_once, "more images at once than `batch_size`"),
        (lambda x, x_hat, _size: mse_loss(x_hat, x, reduction="sum") / len(x), "computed from more images at once"),
        (lambda x, x_hat, _size: data_loss_by_totals(x, x_hat, 10), "does not fit into memory"),
    ],
    "pca-loss": [
        (lambda x, n: torch.cov(x.T, correction=0).trace() - pca_loss_by_eigenvalues(x, n), "PCA keeps. The"),
        (lambda x, n: torch.linalg.eigvalsh(torch.cov(x.T, correction=0))[n:].sum(), "In which order"),
        (lambda x, n: torch.linalg.eigvalsh(torch.cov(x.T, correction=0))[:n].sum(), "as many as are kept"),
        (lambda x, n: pca_loss_by_eigenvalues(x, n + 1), "too many is kept"),
        (lambda x, n: pca_loss_by_eigenvalues(x, n - 1), "too few is kept"),
        (
            lambda x, n: PCA().fit(x.numpy()).explained_variance_[n:].sum(),
            "divides by M - 1",
        ),
        (lambda x, n: torch.linalg.svdvals(x - x.mean(0))[n:].square().sum(), "error of all images together"),
        (lambda x, n: torch.linalg.svdvals(x - x.mean(0))[n:].sum() / len(x), "singular values are added up as they"),
        (lambda x, n: torch.linalg.svdvals(x - x.mean(0))[n:].sum(), "nothing is divided"),
        (lambda x, n: (torch.linalg.svdvals(x)[n:] ** 2).sum() / len(x), "not centred. PCA's"),
        (lambda x, n: (torch.linalg.svdvals(x)[n:] ** 2).sum(), "Two things"),
        (lambda x, n: pca_loss_by_eigenvalues(x, n) / x.shape[1], "error per pixel"),
        (lambda x, n: pca_loss_by_eigenvalues(x, n) ** 0.5, "root too many"),
        (lambda x, n: PCA().fit(x.numpy()).explained_variance_ratio_[n:].sum(), "variance that is lost"),
        (lambda x, n: PCA(n).fit(x.numpy()).explained_variance_ratio_.sum(), "share of the variance that is kept"),
        (lambda x, n: torch.linalg.svdvals(x)[n:] ** 2, "has shape"),
        (lambda x, n: x.var(), "Two cases"),
        (pca_loss_from_the_end, "but not for 0"),
        (lambda x, n: pca_loss_by_eigenvalues(x, 2), "With K = D nothing is lost"),
    ],
    "linear-beats-pca": [
        ("a", "neither of the two has seen"),
        ("c", "gets below a minimum"),
        ("d", "is a bug"),
    ],
    "crossed-copies": [
        (lambda x, x_hat: (x - x_hat).square().mean(dim=1).sum(dim=(1, 2)), "been stretched to"),
        (lambda x, x_hat: (x - x_hat).square().mean(dim=0).sum(dim=(1, 2)), "each copy is compared with all images"),
        (lambda x, x_hat: (x - x_hat).square().flatten(1).sum(dim=1), "The mean has become a sum"),
        (lambda x, x_hat: (x - x_hat)[:, 0].square().sum(dim=(1, 2)), "copy of the first one"),
        (lambda x, x_hat: (x - x_hat[:, None]).square().mean(dim=(1, 2, 3)), "a mean over pixels"),
        (lambda x, x_hat: own_copies(x, x_hat).mean(), "leave the mean to the training loop"),
        (lambda x, x_hat: mse_loss(x_hat, x[:, 0], reduction="sum"), "one number for the batch"),
        (lambda x, x_hat: own_copies(x, x_hat).sqrt(), "a root too many"),
        (lambda x, x_hat: (x - x_hat[:, None]).square().sum(dim=(2, 3)), "where the task asks for"),
        (lambda x, x_hat: x.sum(dim=(1, 2, 3)), "If the copies are perfect"),
    ],
    "enough-directions": [
        (21, "One too few"),
        (23, "One too many"),
        (20, "fitted to the test images"),
        (9, "not centred"),
        (1, "has lost a tenth"),
        (5, "half of the error"),
        (12, "Print it beside"),
        ("many", "must be one number"),
    ],
    "denoising": [
        (denoising(damage=lambda x, p: x), "shown the clean images"),
        (damaged_afterwards, "nothing is blanked before"),
        (denoising(damage=dropout), "as dropout does"),
        (denoising(damage=lambda x, p: x + p * torch.randn(x.shape)), "not all to 0"),
        (denoising(damage=lambda x, p: x * (torch.rand(x.shape[1:]) >= p)), "same pixels are blanked in every image"),
        (denoising(damage=lambda x, p: x * (torch.rand(len(x), 1, 1) >= p)), "Whole images"),
        (denoising(damage=lambda x, p: x * (torch.rand(*x.shape[:2], 1) >= p)), "Whole rows or columns"),
        (denoising(damage=lambda x, p: x * (torch.rand(x.shape) < p)), "mask is upside down"),
        (denoising(damage=lambda x, p: x * (torch.randn(x.shape) >= p)), "What does your mask compare"),
        (seeded_inside, "same pixels are blanked in every call"),
        (denoising(damage=all_but_a_fixed_number), "number is fixed beforehand"),
        (denoising(damage=a_fixed_number_blank_in_each), "must be drawn for itself"),
        (lambda model, x, p: denoising()(model, x, p).split(1), "asks for one result; yours has 300"),
        (lambda model, x, p: list(denoising_one_by_one(model, x, p)), "`torch.stack` makes one of a list"),
        (lambda model, x, p: (denoising()(model, x, p),), "a comma after the result"),
        (denoising(loss=lambda x, noisy, copy: squared(noisy - copy)), "is compared with the damaged image"),
        (written_into, "written into `x` itself"),
        (denoising(loss=lambda x, noisy, copy: squared(noisy - x)), "no copy is in it"),
        (denoising(loss=lambda x, noisy, copy: squared((x - copy) * (noisy == 0))), "Only the blanked pixels count"),
        (denoising(loss=lambda x, noisy, copy: squared((x - copy) * (noisy > 0))), "Only the pixels that were left"),
        (denoising(loss=lambda x, noisy, copy: (x - copy).square().mean((1, 2))), "a mean over pixels, where"),
        (denoising(loss=lambda x, noisy, copy: (x - copy).square().sum()), "one number for the batch"),
        (denoising(loss=lambda x, noisy, copy: squared(x - copy).mean()), "averaged over the batch"),
        (denoising(loss=lambda x, noisy, copy: mse_loss(copy, x)), "a mean over pixels and images"),
        (denoising(loss=lambda x, noisy, copy: squared(x - copy).sqrt()), "a root too many"),
        (denoising(loss=lambda x, noisy, copy: -squared(x - copy)), "sign is flipped"),
        (denoising(loss=lambda x, noisy, copy: squared(x - copy.detach())), "no gradient leads back"),
        (denoising(loss=lambda x, noisy, copy: (x - copy).abs().sum((1, 2))), "sum of absolute errors"),
        (denoising(loss=lambda x, noisy, copy: squared(x - copy) / 2), "half of what it should be"),
        (denoising(loss=lambda x, noisy, copy: 2 * squared(x - copy)), "twice what it should be"),
        (denoising(loss=lambda x, noisy, copy: (x - copy).square().sum(1)), "one of the two axes"),
        (denoising(loss=lambda x, noisy, copy: (x - copy).square().sum(0)), "must run over their pixels"),
        (denoising(loss=lambda x, noisy, copy: cross_entropy(x, copy)), "This is a cross-entropy"),
        (denoising(loss=lambda x, noisy, copy: squared(x.mean(0) - copy)), "What is compared with what"),
        (denoising(loss=lambda x, noisy, copy: squared(x - copy)[:, None]), "has shape (300, 1)"),
        (denoising(damage=lambda x, p: x * (torch.rand(x.shape) >= p / 2)), "of all pixels is blanked"),
        (denoising_with_the_encoder_cut_off, "no gradient reaches the encoder"),
        (denoising_with_a_frozen_decoder, "no gradient reaches the decoder"),
        (lambda model, x, p: squared(x - x * (torch.rand(x.shape) >= p)), "never asked for a copy"),
        (lambda model, x, p: squared(model(x) - model(x * (torch.rand(x.shape) >= p))), "Show it each of them once"),
    ],
}
