# %% [markdown]
# # How far is it to the boundary?
#
# The least |z| / |grad z| over all neurons, for many points at once, in floats (Hanin & Rolnick 2019, Figure 6). For a
# single point `nearest_boundary` has it with a proof, and also the distance to where the map itself changes.

# %%
import numpy as np

import linear_regions as lr
from linear_regions.data import load_demo

case = load_demo(epoch=20)
network = lr.Network.from_arrays(case.weights, case.biases)
points = np.random.default_rng(0).normal(case.examples.mean(axis=0), case.examples.std(), (500, 784))
found = lr.estimators.mean_distance(network, points)
distances = found.per_item.numpy()
print(f"mean distance {found}, times neurons {network.n_neurons * found.value:.3f}")
proven = lr.nearest_boundary(network, points[0], to="activation").distance
print(f"the first point: {distances[0]:.12f}, with a proof {proven:.12f}")
assert abs(distances[0] - proven) < 1e-9

# %% [markdown]
# In wide networks the gradients of all neurons are what costs time. With `n_candidates` only those are followed that
# seem to be near, a few for each point.

# %%
few = lr.distance_to_boundary(network, points, n_candidates=4).numpy()
print(
    f"with four candidates {np.mean(few > distances * (1 + 1e-9)):.1%} of the distances are too large, none too small"
)
assert (few >= distances * (1 - 1e-9)).all()
