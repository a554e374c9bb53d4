# %% [markdown]
# # Transitions between samples of a curve
#
# Between two samples a neuron may switch twice, so samples never show too many transitions; with rounding they do. In
# float32 a neuron whose pre-activation is near zero flickers as soon as samples are dense.

# %%
import numpy as np
import torch

import linear_regions as lr

random = np.random.default_rng(0)
widths = [50, *[60] * 8, 10]  # without biases, as in Novak et al. (2018)
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
