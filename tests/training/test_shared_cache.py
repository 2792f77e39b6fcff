"""A cache that several people share, that can only be read, or that cannot be at all."""

import multiprocessing
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from training_helpers import autoencoder

from vae_lessons import fit, fit_or_load, load_images
from vae_lessons.training.cache import load_or_measure
from vae_lessons.training.files import NotKeptWarning

STUDENTS, CLASS = (1001, 1002), 2000
only_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can act as other users")


def run_as(user: int, folder: Path, umask: int, epochs: int) -> tuple[bool, float, list[str]]:
    """Train and measure: whether the model was loaded, who has measured, and all warnings."""
    data = load_images("digits")
    fit(autoencoder(data), data, epochs=1, device="cpu")  # imports what is imported late: others may not be able to
    umask = os.umask(umask)
    os.setgroups([CLASS] if user else [])
    os.setegid(user)
    os.seteuid(user)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loaded = fit_or_load(autoencoder(data), data, folder=folder, epochs=epochs, device="cpu").loaded
            measured = load_or_measure({"epochs": epochs}, lambda: {"by": user}, folder)
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.umask(umask)
    return loaded, measured["by"], [f"{warning.category.__name__}: {warning.message}" for warning in caught]


@pytest.fixture(scope="module")
def as_users() -> Iterator[Callable[..., list]]:
    """Return a function that does `run_as` for one user after the other, in a process whose rights are its own."""
    with multiprocessing.get_context("spawn").Pool(1, torch.set_num_threads, (1,)) as pool:
        yield lambda folder, *users, umask=0o022, epochs=1: [
            pool.apply(run_as, (user, folder, umask, epochs)) for user in users
        ]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder on the way to which others may pass, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "models").mkdir()
    yield folder / "models"
    shutil.rmtree(folder)


@only_root
@pytest.mark.parametrize(
    ("mode", "umask"),
    [(0o777, 0o022), (0o777, 0o077), (0o1777, 0o077), (0o770, 0o077)],
    ids=["open", "a strict umask", "sticky", "a group's"],
)
def test_second_user_loads_and_keeps_what_is_new(as_users, shared, mode, umask):
    os.chown(shared, -1, CLASS)
    shared.chmod(mode)
    first, second = STUDENTS
    assert as_users(shared, first, second, umask=umask) == [(False, first, []), (True, first, [])]
    assert as_users(shared, second, first, umask=umask, epochs=2) == [(False, second, []), (True, second, [])]


@only_root
@pytest.mark.parametrize("mode", [0o555, 0o755], ids=["read-only", "the teacher's"])
def test_folder_that_a_teacher_has_filled_is_read(as_users, shared, mode):
    as_users(shared, 0)
    for lock in shared.rglob("*.lock"):
        lock.unlink()  # as in a folder that was copied
    shared.chmod(mode)
    before = set(shared.rglob("*"))
    assert as_users(shared, *STUDENTS) == [(True, 0, [])] * 2
    loaded, by, (of_model, of_measurement) = as_users(shared, STUDENTS[0], epochs=2)[0]
    assert (loaded, by) == (False, STUDENTS[0])
    for warning, folder in ((of_model, shared), (of_measurement, shared / "measured")):
        assert f"NotKeptWarning: {folder} cannot be written to (Permission denied)" in warning
    assert set(shared.rglob("*")) == before


@only_root
@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["cannot be made", "cannot be looked into"])
def test_lesson_goes_on_in_a_course_folder_of_somebody_else(as_users, shared, mode):
    shared.chmod(mode)
    ((loaded, _, warned),) = as_users(shared / "course" / "models", STUDENTS[0])
    assert not loaded
    assert all("cannot be written to (Permission denied)" in warning for warning in warned)
    assert len(warned) == 2


def test_where_nothing_can_be_written_a_lesson_trains_with_one_warning(few, tmp_path):
    """As if the course lay on a medium that cannot be written to."""
    (tmp_path / "a file").touch()
    folder = tmp_path / "a file" / "models"
    models = [autoencoder(few) for _ in range(3)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [fit_or_load(model, few, folder=folder, epochs=3).loaded for model in models[:2]] == [False, False]
    (warning,) = caught
    assert warning.category is NotKeptWarning
    assert str(warning.message).startswith(f"{folder} cannot be written to (")
    with pytest.warns(NotKeptWarning, match="measured cannot be written to"):
        assert load_or_measure({}, lambda: {"a": 1.0}, folder) == {"a": 1.0}
    fit(models[2], few, epochs=3)
    first, *others = (torch.nn.utils.parameters_to_vector(model.parameters()) for model in models)
    assert all(torch.equal(first, other) for other in others)


def test_complete_entry_needs_no_lock(few, tmp_path):
    for loaded in (False, True):
        assert fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded == loaded
        assert load_or_measure({}, lambda loaded=loaded: {"again": loaded}, tmp_path) == {"again": 0.0}
        locks = list(tmp_path.rglob("*.lock"))
        assert len(locks) == (0 if loaded else 2)
        for lock in locks:
            lock.unlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
@pytest.mark.parametrize(
    ("folder", "umask", "file"),
    [
        (0o700, 0o077, 0o600),
        (0o700, 0o022, 0o644),
        (0o775, 0o022, 0o664),
        (0o2770, 0o077, 0o660),
        (0o1777, 0o077, 0o644),
    ],
    ids=oct,
)
def test_what_is_kept_can_be_used_by_whoever_uses_the_folder(few, tmp_path, folder, umask, file):
    (tmp_path / "made").mkdir()
    (tmp_path / "made").chmod(folder)
    models = tmp_path / "made" / "models"
    before = os.umask(umask)
    try:
        fit_or_load(autoencoder(few), few, folder=models, epochs=1)
        load_or_measure({}, lambda: {"a": 1.0}, models)
    finally:
        os.umask(before)
    modes = {path.name[32:]: path.stat().st_mode & 0o7777 for path in models.iterdir() if path.is_file()}
    assert modes == {".json": file, ".safetensors": file, ".lock": 0o666}
    for made in (models, models / "measured"):
        assert made.stat().st_mode & folder == folder & 0o7777
