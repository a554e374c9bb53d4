"""What an estimator gives depends on its arguments alone: settings of torch that are the caller's are set aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_AUTOCASTS = ("cpu", "cuda", "xpu", "mps")  # kinds of device


@contextmanager
def own_settings() -> Iterator[None]:
    """Without gradients, autocast or inference mode, on the CPU by default, with all bits of float32 in products.

    All is as it was afterwards. Tensors are made with their dtypes, so that the default one is no matter.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))  # what is returned can be used in place
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.device("cpu"))
        for kind in _AUTOCASTS:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(_exact_products())
        yield


@contextmanager
def _exact_products() -> Iterator[None]:
    """Without TF32 or bfloat16 inside of matrix products of float32."""
    backends: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    switches = [own for own in backends if hasattr(own, "fp32_precision")]
    if not switches:  # torch before 2.9
        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)
        return
    before = [own.fp32_precision for own in switches]
    for own in switches:
        own.fp32_precision = "ieee"
    try:
        yield
    finally:
        for own, value in zip(switches, before, strict=True):
            own.fp32_precision = value
