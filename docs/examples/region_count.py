# %% [markdown]
# # Counting cells by the sizes of some
#
# A uniform point lies in a cell with a probability in proportion to its volume. So the mean of 1 / volume over the
# cells of random points, times the domain's volume, is the number of cells in expectation; tiny cells make it spread.

# %%
import numpy as np

import linear_regions as lr

random = np.random.default_rng(0)
network = lr.Network.from_arrays(
    [random.normal(size=(7, 3)), random.normal(size=(1, 7))], [random.normal(size=7), np.zeros(1)]
)
cube = lr.Box([-1, -1, -1], [1, 1, 1])
truth = lr.count_regions(network, cube)
found = lr.estimators.region_count(network, cube, n=200)
print("exact:", truth, " from 200 cells:", found)
print("median of the terms:", np.median(found.per_item.numpy()) * 8, "largest:", found.per_item.max().item() * 8)
