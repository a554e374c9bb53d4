# %% [markdown]
# # Is an estimator as good as it says?
#
# `validate` runs an estimator for many seeds against the exact answer: its bias, whether its standard errors are right,
# and how often its intervals hold the truth. Any callable with the same arguments can be validated: here one that
# counts crossings on lines through the centre only, which is wrong.

# %%
import numpy as np
import torch

import linear_regions as lr

random = np.random.default_rng(0)
network = lr.Network.from_arrays(
    [random.normal(size=(12, 2)), random.normal(size=(12, 12)) / 3, random.normal(size=(1, 12))],
    [random.normal(size=12), np.zeros(12), np.zeros(1)],
)
square = lr.Box([-1, -1], [1, 1])
print(lr.validate(lr.estimators.boundary_volume, network, square, sizes=[50, 200], seeds=40))


# %%
def through_the_centre(network, domain, *, n, generator, dtype):
    """Boundary crossings on n lines through the centre, as if lines were uniform."""
    angles = np.pi * torch.rand(n, generator=generator, dtype=torch.float64).numpy()
    counts = []
    for c, s in zip(np.cos(angles), np.sin(angles), strict=True):
        end = np.array([c, s]) / max(abs(c), abs(s))
        counts.append(lr.curve_regions(network, lr.Segment(-end, end)).transitions * np.pi / 2)
    spread = float(np.std(counts) / np.sqrt(n))
    return lr.estimators.Estimate(float(np.mean(counts)), spread, n, "lines through the centre", 0, "cpu", "float64")


result = lr.validate(through_the_centre, network, square, truth=lr.enumerate_regions(network, square).boundary_volume(),
                     sizes=[50, 200], seeds=10)  # fmt: skip
print(result)
assert abs(result.rows[-1].z_score) > 4

# %%
result.plot().figure.savefig("validation.png")
result.save("validation.json")
