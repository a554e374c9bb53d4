# %% [markdown]
# # Along a curve: every switch of a neuron, proven
#
# Raghu et al. (2017) and Novak et al. (2018) count how often neurons switch along a curve, from dense samples. Here the
# switches themselves are found, on a circle of images that are a digit pushed sideways, and on an ellipse through three
# digits.

# %%
import numpy as np

import linear_regions as lr
from linear_regions.data import load_demo

case = load_demo(epoch=20)
network = lr.Network.from_arrays(case.weights, case.biases)
digit = case.images_012[0].reshape(28, 28)
pushed = lr.curve_regions(network, lr.Polyline.translations(digit))
ellipse = lr.curve_regions(network, lr.Ellipse.through(case.images_012))
print(pushed)
print(ellipse)

# %% [markdown]
# A closed curve comes back to where it began, so each neuron switches an even number of times.

# %%
assert (ellipse.transitions_by("neuron") % 2 == 0).all()
print("by layer:", ellipse.transitions_by("layer").tolist())
print("where the first five are, and how exactly that is known:")
for place, error in zip(ellipse.breakpoints[:5], ellipse.breakpoint_errors[:5], strict=True):
    print(f"    {place:.12f}  +- {error:.0e}")

# %% [markdown]
# The same pieces give the length of the image of the curve after each layer, without a sample, and how much the
# Jacobian jumps at each breakpoint: half of its sum is the curvature of Novak et al.

# %%
print("lengths:", ellipse.image_lengths.round(3).tolist())
print("curvature:", round(float(np.sum(ellipse.jacobian_jumps)) / 2, 3))
