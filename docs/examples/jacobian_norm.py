# %% [markdown]
# # The norm of the Jacobian
#
# Novak et al. (2018) take the mean of the Jacobian's Frobenius norm over data as a measure of sensitivity. On a domain
# it has an exact value: for the logits a sum over the cells, for class probabilities an integral of smooth functions.

# %%
import linear_regions as lr
from linear_regions.data import load_demo

case = load_demo(epoch=20)
network = lr.Network.from_arrays(case.weights, case.biases)
zero, one, two = case.images_012
plane = lr.Slice(zero, [[b - a, c - a] for a, b, c in zip(zero, one, two, strict=True)], lr.Box([-0.5, -0.5], [1, 1]))
regions = lr.enumerate_regions(network, plane)
for output in ("logits", "softmax"):
    found = lr.estimators.jacobian_norm(network, plane, output=output, n=4000)
    exact = regions.mean_jacobian_norm(output)
    print(f"{output}: exact {exact:.5f}, sampled {found}")
    assert abs(found.value - exact) < 4 * found.standard_error

# %% [markdown]
# At data points it is a sum over the data, on training images here.

# %%
print("at 100 images:", lr.estimators.jacobian_norm(network, case.examples))
