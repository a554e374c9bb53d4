# %% [markdown]
# # A torch network during training
#
# From a module to exact numbers at every checkpoint: regions in a square, transitions along an ellipse through three
# data points, and which neurons switch most often there. The module itself is left as it is.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import linear_regions as lr

torch.manual_seed(0)
random = np.random.default_rng(0)
angle = np.pi * random.uniform(size=400)
upper = np.arange(400) % 2
side = 2 * upper - 1
x = np.column_stack([side * np.cos(angle) + side / 2, side * np.sin(angle) - side / 4])  # two half moons
x += 0.1 * random.normal(size=x.shape)
points, labels = torch.as_tensor(x), torch.as_tensor(upper)
model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2)).double()

# %%
square, ellipse = lr.Box([-2, -2], [2, 2]), lr.Ellipse.through(x[:3])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
steps, regions, transitions = [], [], []
for step in range(201):
    if step % 50 == 0:
        network = lr.Network.from_torch(model)
        curve = lr.curve_regions(network, ellipse)
        steps.append(step)
        regions.append(lr.count_regions(network, square))
        transitions.append(curve.transitions_by("layer").tolist())
        print(f"step {step:3d}: {regions[-1]:4d} regions, transitions by layer {transitions[-1]}")
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(points), labels).backward()
    optimizer.step()

# %% [markdown]
# Neurons are numbered through all layers; where the most restless ones switch, as parameters of the ellipse:

# %%
layer = np.repeat(np.arange(len(network.widths)), network.widths)
unit = np.concatenate([np.arange(width) for width in network.widths])
times = curve.transitions_by("neuron")
for neuron in np.argsort(-times, kind="stable")[:3]:
    places = curve.breakpoints[curve.switches[curve.switches[:, 1] == neuron, 0]]
    print(f"layer {layer[neuron]}, unit {unit[neuron]}: {times[neuron]} times, at {places.round(3).tolist()}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
axes[0].plot(steps, regions, "o-", label="regions")
axes[0].plot(steps, np.sum(transitions, axis=1), "s-", label="transitions")
axes[0].set(xlabel="step")
axes[0].legend()
lr.enumerate_regions(network, square).plot(axes[1])
axes[1].plot(*ellipse.embed(np.linspace(0, 2 * np.pi, 200)).T, color="red", linewidth=2)
figure.savefig("training.png", dpi=110)
