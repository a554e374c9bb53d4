# %% [markdown]
# # The volume of one cell by random walks
#
# Beyond six dimensions no volume is computed exactly. Hit-and-run walks through a cell, within growing balls, estimate
# it.

# %%
import numpy as np

import linear_regions as lr

random = np.random.default_rng(0)
for d in (3, 5):
    weights = [random.normal(size=(10, d)), random.normal(size=(1, 10))]
    network = lr.Network.from_arrays(weights, [random.normal(size=10), np.zeros(1)])
    box = lr.Box([-1] * d, [1] * d)
    found = lr.estimators.cell_volume(network, np.zeros(d), domain=box, n=5000)
    regions = lr.enumerate_regions(network, box)
    exact = regions.volumes[regions.find(np.zeros((1, d)))[0]]
    print(f"{d} dimensions: exact {exact:.6f}, walks {found}")
    assert abs(found.value - exact) < 4 * found.standard_error
