# %% [markdown]
# # Transitions between samples of a curve
#
# Between two samples a neuron may switch twice, so samples never show too many transitions. With rounding they do.

# %%
import numpy as np
import torch

import linear_regions as lr

random = np.random.default_rng(0)
widths = [50, *[60] * 20, 10]  # without biases, as in Novak et al. (2018)
weights = [random.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in zip(widths, widths[1:], strict=False)]
network = lr.Network.from_arrays(weights, [np.zeros(m) for m in widths[1:]])
ellipse = lr.Ellipse.random(50, random)
truth = lr.curve_regions(network, ellipse)
print("exact:", truth.transitions, "by layer", truth.transitions_by("layer").tolist())

# %%
print("samples  float64  float32")
for k in (2**6, 2**9, 2**12, 2**16):
    double, single = (
        lr.estimators.transitions(network, ellipse, k=k, dtype=dtype).value for dtype in (torch.float64, torch.float32)
    )
    print(f"{k:7d}  {double:7.0f}  {single:7.0f}")
    assert double <= truth.transitions

# %% [markdown]
# Where samples are dense, a neuron whose pre-activation is near zero flickers in float32. On a segment of length 1e-3
# about the first breakpoint:

# %%
middle = ellipse.embed(truth.breakpoints[:1])[0]
step = 5e-4 * ellipse.a / np.linalg.norm(ellipse.a)
short = lr.Segment(middle - step, middle + step)
exact = lr.curve_regions(network, short).transitions
for dtype in (torch.float64, torch.float32):
    found = lr.estimators.transitions(network, short, k=2**15, dtype=dtype).value
    print(f"{exact} switch, and 2^15 samples in {dtype} find {found:.0f}")
    assert (found <= exact) == (dtype is torch.float64)
