# %% [markdown]
# # Is an estimator as good as it says?
#
# `validate` runs an estimator for many seeds against the exact answer: its bias, whether its standard errors are right,
# and how often its intervals hold the truth. Any callable with the same arguments can be validated: here one that
# counts crossings on lines through the centre only, which is wrong.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import linear_regions as lr

random = np.random.default_rng(0)
network = lr.Network.from_arrays(
    [random.normal(size=(12, 2)), random.normal(size=(12, 12)) / 3, random.normal(size=(1, 12))],
    [random.normal(size=12), np.zeros(12), np.zeros(1)],
)
square = lr.Box([-1, -1], [1, 1])
lines = lr.validate(lr.estimators.boundary_volume, network, square, sizes=[50, 150, 450], seeds=25)
print(lines)


# %%
def through_the_centre(network, domain, *, n, generator, dtype):
    """Boundary crossings on n lines through the centre, as if lines were uniform."""
    angles = np.pi * torch.rand(n, generator=generator, dtype=torch.float64).numpy()
    ends = np.column_stack([np.cos(angles), np.sin(angles)])
    ends /= np.abs(ends).max(axis=1)[:, None]
    found = lr.enumerate_regions(network, [lr.Segment(-end, end) for end in ends])
    per_length = np.array([len(pieces) - 1 for pieces in found]) / (2 * np.linalg.norm(ends, axis=1))
    volumes = np.pi / 2 * per_length * float(domain.volume)
    error = float(np.std(volumes) / np.sqrt(n))
    return lr.estimators.Estimate(float(np.mean(volumes)), error, n, "lines through the centre", 0, "cpu", "float64")


centre = lr.validate(through_the_centre, network, square, truth=lines.truth, sizes=[50, 150, 450], seeds=25)
print(centre)
assert abs(lines.rows[-1].z_score) < 4 < abs(centre.rows[-1].z_score)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
lines.plot(axes[0])
centre.plot(axes[1])
figure.savefig("validation.png", dpi=110)
lines.save("validation.json")
