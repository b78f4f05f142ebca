"""What the scale of weights may change: nothing for sampling and analytic weights, 1/sqrt(c) for the others."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.conftest import Run

DATA = """
set obs 240
generate id = ceil(_n/6)
generate double x = mod(_n*37, 101)/50 - 1
generate double z = mod(_n*53, 97)/48 - 1
generate double u = mod(_n*71, 89)/44 - 1
generate double v = mod(_n*29, 83)/41 - 1
generate double y = 1 + 0.5*x - 0.3*z + 0.8*u
generate double endog = x + z + 0.5*u + 0.5*v
generate double pr = invlogit(0.3*x + 0.5*u)
generate d = x + u > 0.2
generate d2 = x - z + 1.1*v > 0
generate cat = 1 + (x + u > -0.3) + (x + u > 0.6)
generate count = floor(exp(0.6 + 0.5*x + 0.6*u))
generate double low = floor(y)
generate double high = low + 1
generate double selected = y if d2
generate double w = 1 + mod(_n, 4)
generate double w3 = 3*w
"""

SAMPLING = (
    "regress y x z", "logit d x", "probit d x", "cloglog d x", "ologit cat x", "oprobit cat x", "mlogit cat x",
    "poisson count x", "nbreg count x", "glm count x, family(poisson)", "glm y x", "tobit y x, ll(0.5)",
    "intreg low high x", "truncreg y x, ll(-0.5)", "heckman selected x, select(d2 = x z)",
    "heckman selected x, select(x z)", "biprobit d d2 x", "hetprobit d x, het(z)", "ivprobit d z (endog = x)",
    "ivtobit y z (endog = x), ll(0)", "zip count x, inflate(z)", "areg y x, absorb(id)", "reghdfe y x, absorb(id)",
    "ivregress 2sls y (endog = x) z", "ivreg2 y (endog = x) z", "nl (y = {a} + {b}*x)", "mean y", "proportion cat",
    "ratio y/w", "fracreg logit pr x", "betareg pr x",
    "teffects ra (y x) (d2)", "teffects ipw (y) (d2 x)",
)  # fmt: skip
ANALYTIC = (
    "regress y x z", "glm y x", "tobit y x, ll(0.5)", "intreg low high x", "truncreg y x, ll(-0.5)",
    "heckman selected x, select(d2 = x z)", "areg y x, absorb(id)", "ivregress 2sls y (endog = x) z",
    "cnsreg y x z, constraints(1)",
)  # fmt: skip
FREQUENCY = (
    "logit d x", "probit d x", "ologit cat x", "mlogit cat x", "poisson count x", "nbreg count x", "tobit y x, ll(0.5)",
    "intreg low high x", "truncreg y x, ll(-0.5)", "heckman selected x, select(d2 = x z)", "biprobit d d2 x",
    "glm count x, family(poisson)", "zip count x, inflate(z)", "cloglog d x",
)  # fmt: skip


def _estimates(run: Run, command: str, weight: str) -> tuple[np.ndarray, np.ndarray]:
    main, comma, options = command.partition(",")
    if command.startswith("teffects"):
        main, comma, options = command, "", ""
    session, log = run(DATA + f"constraint 1 x = z\n{main} [{weight}]{comma}{options}\n")
    assert session.state["rc"] == 0, log[-600:]
    return session.e.matrices["b"].values[0], np.sqrt(np.diag(session.e.matrices["V"].values))


def _check(run: Run, command: str, kind: str, factor: float) -> None:
    b, se = _estimates(run, command, f"{kind}=w")
    scaled_b, scaled_se = _estimates(run, command, f"{kind}=w3")
    np.testing.assert_allclose(scaled_b, b, rtol=2e-5, atol=1e-7)
    np.testing.assert_allclose(scaled_se, se * factor, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("command", SAMPLING)
def test_the_scale_of_sampling_weights_changes_nothing(run: Run, command: str) -> None:
    _check(run, command, "pweight", 1.0)


@pytest.mark.parametrize("command", ANALYTIC)
def test_the_scale_of_analytic_weights_changes_nothing(run: Run, command: str) -> None:
    _check(run, command, "aweight", 1.0)


@pytest.mark.parametrize("command", FREQUENCY)
def test_observations_that_stand_for_three_shrink_standard_errors(run: Run, command: str) -> None:
    _check(run, command, "fweight", 3**-0.5)
