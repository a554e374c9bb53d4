# %% [markdown]
# # How many activation patterns are there, and how many does a sample show?
#
# Most cells are small, so uniform points miss most of them. Estimates from how many patterns were seen only once come
# nearer, but none of them finds the cells that are tiny.

# %%
import linear_regions as lr
from linear_regions.data import load_demo

case = load_demo(epoch=20)
network = lr.Network.from_arrays(case.weights, case.biases)
zero, one, two = case.images_012
plane = lr.Slice(zero, [[b - a, c - a] for a, b, c in zip(zero, one, two, strict=True)], lr.Box([-0.5, -0.5], [1, 1]))
truth = lr.count_regions(network, plane)
print("exact:", truth)

# %%
print(" points  observed  good-turing     chao1")
for n in (1_000, 10_000, 50_000):
    found = [
        lr.estimators.unique_patterns(network, plane, n=n, method=method).value
        for method in ("observed", "good-turing", "chao1")
    ]
    print(f"{n:7d}  {found[0]:8.0f}  {found[1]:11.0f}  {found[2]:8.0f}")
    assert found[0] < truth
