# %% [markdown]
# # A suite of exact answers
#
# Networks and domains, random, trained and degenerate, with proven answers, for regression benchmarks of estimators:
# here one that takes the observed number of patterns for the number of regions.

# %%
import linear_regions as lr
from linear_regions.reference import load_reference, score

suite = load_reference()
for case in suite:
    print(case.name, case.answers.get("regions"), case.answers.get("transitions"))

# %%
for case in suite:
    if "regions" in case.answers and case.domain.volume is not None:
        found = lr.estimators.unique_patterns(case.network, case.domain, n=2000, method="observed")
        print(f"{case.name}: {found.value:.0f} of {case.answers['regions']} patterns seen in 2,000 points")
        assert found.value <= case.answers["regions"]

# %% [markdown]
# `score` validates an estimator on every case that has a quantity; on the command line this is
# `linear-regions reference run linear_regions.estimators:boundary_volume boundary_volume --n 200 --seeds 10`.

# %%
for name, result in score(
    lr.estimators.boundary_volume, "boundary_volume", n=100, seeds=5, cases=["plane", "slice"]
).items():
    print(name, result, sep="\n")
