# %% [markdown]
# # What random initialisation gives on average
#
# Theorem 3 of Hanin & Rolnick (2019) writes the expected volume of the boundary, over random weights and biases, as an
# integral that can be sampled. Here it is next to the mean over networks that are drawn and enumerated.

# %%
import numpy as np

import linear_regions as lr

widths, bias_std, square = (2, 8, 8), 0.5, lr.Box([-1, -1], [1, 1])
random = np.random.default_rng(0)
lengths, vertices = [], []
for _ in range(200):
    weights = [random.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in zip(widths, widths[1:], strict=False)]
    biases = [bias_std * random.normal(size=m) for m in widths[1:]]
    network = lr.Network.from_arrays([*weights, np.ones((1, widths[-1]))], [*biases, [0.0]])
    regions = lr.enumerate_regions(network, square)
    lengths.append(regions.boundary_volume())
    vertices.append(regions.boundary_volume(codim=2))

# %%
for codim, exact in ((1, lengths), (2, vertices)):
    mean, error = np.mean(exact), np.std(exact) / np.sqrt(len(exact))
    found = lr.estimators.expected_boundary_volume(widths, square, bias_std=bias_std, codim=codim)
    print(f"codimension {codim}: {mean:.3f} +- {error:.3f} over 200 networks; Theorem 3: {found}")
    assert abs(found.value - mean) < 4 * np.hypot(error, found.standard_error)
