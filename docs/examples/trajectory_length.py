# %% [markdown]
# # The length of a trajectory's image
#
# Raghu et al. (2017): how much longer a curve becomes from layer to layer. Sums over samples come near to the length
# from below, by about 1 / k; the exact pieces give it without samples.

# %%
import linear_regions as lr
from linear_regions.data import load_demo

for epoch in (0, 20):
    case = load_demo(epoch=epoch)
    network = lr.Network.from_arrays(case.weights, case.biases)
    curve = lr.Ellipse.through(case.images_012)
    exact = lr.curve_regions(network, curve).image_lengths
    print(f"after {epoch} epochs: {exact.round(4).tolist()}")
    for k in (2**8, 2**11, 2**14):
        found = lr.estimators.trajectory_length(network, curve, k=k).per_item.numpy()
        print(f"    k = {k:6d}: too short by {((exact - found) / exact).max():.1e} at most")
        assert (found <= exact * (1 + 1e-9)).all()
