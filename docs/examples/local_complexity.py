# %% [markdown]
# # Local complexity about data points
#
# Humayun et al. (2024) count the neurons that switch within a frame of random directions about a point. Exactly there
# is the number of cells within a distance.

# %%
import linear_regions as lr
from linear_regions.data import load_demo

case = load_demo(epoch=20)
network = lr.Network.from_arrays(case.weights, case.biases)
images = case.examples[:20]
print("distance to the boundary:", float(lr.distance_to_boundary(network, images).mean()))
last = 0.0
for radius in (0.01, 0.1, 1.0, 10.0):
    found = lr.estimators.local_complexity(network, images, radius)
    print(f"radius {radius:5}: {found.value:7.2f} of {network.n_neurons} neurons switch")
    assert found.value >= last
    last = found.value

# %%
near = lr.explore(network, images[0], radius=0.05, max_cells=300)
print(f"cells within 0.05 of the first image: {len(near)}, all of them: {near.complete}")
