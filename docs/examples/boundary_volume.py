# %% [markdown]
# # The volume of the boundary between cells, in three ways
#
# Hanin & Rolnick (2019) measure the boundary by a tube about it, which is too small by far more than the stated error
# where the tube is wide, as it overlaps with itself. Random lines have no bias, as they count crossings
# exactly; the kernel of the coarea formula and the tube have one that falls with their width.

# %%
import numpy as np

import linear_regions as lr

random = np.random.default_rng(1)
widths = (2, 16, 16, 1)
weights = [random.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in zip(widths, widths[1:], strict=False)]
network = lr.Network.from_arrays(weights, [0.3 * random.normal(size=m) for m in widths[1:]])
square = lr.Box([-1, -1], [1, 1])
regions = lr.enumerate_regions(network, square)
exact = regions.boundary_volume()
print(f"exact {exact:.6f} +- {regions.boundary_volume_error():.0e}, by layer {regions.boundary_volume(by='layer')}")

# %%
lines = lr.estimators.boundary_volume(network, square, n=4000)
print("lines:", lines)
assert abs(lines.value - exact) < 4 * lines.standard_error
for method, width in (("coarea", 0.3), ("coarea", 0.03), ("tube", 0.03), ("tube", 0.003)):
    found = lr.estimators.boundary_volume(network, square, n=40_000, method=method, width=width)
    print(f"{method}, width {width}: {found}, {(found.value - exact) / found.standard_error:+.1f} standard errors off")
