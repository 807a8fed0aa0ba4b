"""Tensors in, tensors out; NumPy arrays in, the same scores as arrays out."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avrsp import metrics
from tests.metrics.test_metrics import scene

SCENES = [scene("smooth", seed) for seed in range(4)]
PRED: NDArray[Any]
DENSITY: NDArray[Any]
FIXATED: NDArray[Any]
PRED, DENSITY, FIXATED = (
    np.stack([np.asarray(each[part]) for each in SCENES]) for part in range(3)
)
OTHERS = FIXATED[::-1]
CALLS: dict[str, tuple[NDArray[Any], ...]] = {
    "kl": (PRED, DENSITY),
    "cc": (PRED, DENSITY),
    "sim": (PRED, DENSITY),
    "nss": (PRED, FIXATED),
    "auc_judd": (PRED, FIXATED),
    "auc_shuffled": (PRED, FIXATED, OTHERS),
    "ig": (PRED, FIXATED, DENSITY[:1]),
}


def call(name: str, *arguments: Any) -> Any:
    return getattr(metrics, name)(*arguments)


def test_every_metric_is_tried() -> None:
    assert sorted(CALLS) == sorted(metrics.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_the_kind_that_is_given_is_returned(name: str) -> None:
    found = call(name, *CALLS[name])
    tensors = call(name, *(torch.from_numpy(each.copy()) for each in CALLS[name]))
    assert isinstance(found, np.ndarray)
    assert isinstance(tensors, torch.Tensor)
    assert found.shape == (4,)
    np.testing.assert_array_equal(found, tensors.numpy())
    single = call(name, *(each[0] for each in CALLS[name]))
    assert isinstance(single, np.ndarray)
    assert single == pytest.approx(found[0], rel=1e-9)


FORMS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "big-endian": lambda maps: maps.astype(">f8"),
    "column-major": np.asfortranarray,
    "turned": lambda maps: maps[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "long double": lambda maps: maps.astype(np.longdouble),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CALLS)
def test_arrays_of_any_layout_score_the_same(name: str, form: str) -> None:
    given = [FORMS[form](each) if each.dtype == float else each for each in CALLS[name]]
    np.testing.assert_allclose(call(name, *given), call(name, *CALLS[name]), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", ">i2", "f2", "?"])
def test_arrays_of_any_real_type(dtype: str) -> None:
    pred: NDArray[Any] = np.round(PRED * 50).astype(dtype)
    pred.flags.writeable = False
    exact: NDArray[np.float64] = pred.astype(np.float64)
    np.testing.assert_allclose(metrics.cc(pred, DENSITY), metrics.cc(exact, DENSITY), rtol=1e-12)
    assert metrics.auc_judd(pred, FIXATED).tolist() == metrics.auc_judd(exact, FIXATED).tolist()


def test_fixations_in_every_form() -> None:
    expected = metrics.nss(PRED, FIXATED)
    frame, row, col = FIXATED.nonzero()
    listed = np.column_stack([row, col, frame])
    masks = FIXATED.astype(np.uint8) * 255, FIXATED.astype(float)
    forms: list[NDArray[Any]] = [*masks, listed, listed.astype("u2")]
    for form in forms:
        np.testing.assert_array_equal(metrics.nss(PRED, form), expected)
    alone = listed[listed[:, 2] == 0, :2]
    assert metrics.nss(PRED[0], alone) == pytest.approx(expected[0], rel=1e-12)
    tensors = torch.from_numpy(PRED), torch.from_numpy(FIXATED.astype(np.uint8))
    np.testing.assert_array_equal(metrics.nss(*tensors).numpy(), expected)


@pytest.mark.parametrize(
    ("error", "said", "work"),
    [
        (TypeError, "in all arguments", lambda: call("cc", PRED, torch.from_numpy(DENSITY))),
        (TypeError, "in all arguments", lambda: call("nss", torch.from_numpy(PRED), FIXATED)),
        (TypeError, "complex128", lambda: call("cc", PRED.astype(complex), DENSITY)),
        (ValueError, "of one size", lambda: call("cc", PRED, DENSITY[:, :-1])),
        (ValueError, "of one size", lambda: call("ig", PRED, FIXATED, DENSITY[:, :-1])),
        (ValueError, "of one size", lambda: call("sim", PRED[0, 0], DENSITY[0, 0])),
        (ValueError, "lies outside", lambda: call("nss", PRED, np.array([[99, 0, 0]]))),
        (ValueError, "list m x 3", lambda: call("nss", PRED, np.array([[1, 2]]))),
        (ValueError, "masks of", lambda: call("nss", PRED, FIXATED[:, :-1])),
        (ValueError, "between pixels", lambda: call("nss", PRED[0], np.array([[1.5, 2.0]]))),
        (
            ValueError,
            "between pixels",
            lambda: call("nss", torch.from_numpy(PRED[0]), torch.tensor([[0.0, 1.5, 2.0]])),
        ),
    ],
)
def test_what_does_not_fit_is_named(
    error: type[Exception], said: str, work: Callable[[], Any]
) -> None:
    with pytest.raises(error, match=said):
        work()


def test_the_examples_hold() -> None:
    found = doctest.testmod(metrics, extraglobs={"np": np})
    assert found.attempted >= 8
    assert not found.failed
