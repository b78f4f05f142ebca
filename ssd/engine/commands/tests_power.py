"""power: sample size and power for means and proportions."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.output.tables import count
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats import power as formulas

TITLES = {
    "onemean": "a one-sample mean test\nt test\nH0: m = m0  versus  Ha: m != m0",
    "twomeans": "a two-sample means test\nt test assuming {sds}\nH0: m2 = m1  versus  Ha: m2 != m1",
    "oneproportion": "a one-sample proportion test\nScore z test\nH0: p = p0  versus  Ha: p != p0",
    "twoproportions": "a two-sample proportions test\nPearson's chi-squared test\nH0: p2 = p1  versus  Ha: p2 != p1",
}


@command(
    "power",
    "anything [, Alpha(real 0.05) Power(real 0.8) Beta(real -1) N(integer 0) N1(integer 0) N2(integer 0) "
    "NRATio(real 1) "
    "SD(real 1) SD1(real 0) SD2(real 0) DIFF(string) ONESIDed]",
    stored="r(alpha) r(power) r(beta) r(delta) r(N) r(N1) r(N2)",
    refused="other methods, numlists, table(), graph, test(), knownsds, effect-size determination",
)
def power(session: Session, line: Line) -> None:
    """Sample size or power of tests of means and proportions."""
    words = line.anything.split()
    method = words[0] if words else ""
    if method not in TITLES:
        raise unsupported(f"power {method}") if method else invalid_syntax()
    values = [session.evaluate_number(word) for word in words[1:]]
    if line.text_option("diff") and len(values) == 1:
        values.append(values[0] + session.evaluate_number(str(line.options["diff"])))
    if len(values) != 2:
        raise StataError(198, "two parameter values required")
    alpha = _value(line, "alpha")
    sides = 1 if line.flag("onesided") else 2
    target = 1 - _value(line, "beta") if _value(line, "beta") >= 0 else _value(line, "power")
    if not 0 < alpha < 1 or not 0 < target < 1 or values[0] == values[1]:
        raise StataError(198, "alpha() and power() must be between 0 and 1, and the two values must differ")
    if method.startswith("two"):
        _two_samples(session, line, method, values, alpha, sides, target)
    else:
        _one_sample(session, line, method, values, alpha, sides, target)


def _value(line: Line, name: str) -> float:
    found = line.options.get(name)
    return float(found) if isinstance(found, (int, float)) else 0.0


def _solve(power_at: Callable[[int], float], target: float) -> int:
    try:
        return formulas.smallest(power_at, target)
    except OverflowError:
        raise StataError(459, "no feasible sample size found") from None


def _one_sample(
    session: Session, line: Line, method: str, values: list[float], alpha: float, sides: int, target: float
) -> None:
    sd = _value(line, "sd")

    def power_at(n: int) -> float:
        if method == "onemean":
            return formulas.one_mean(n, values[1] - values[0], sd, alpha, sides)
        return formulas.one_proportion(n, values[0], values[1], alpha, sides)

    given = int(_value(line, "n"))
    n = given or _solve(power_at, target)
    reached = power_at(n)
    names = ("m0", "ma") if method == "onemean" else ("p0", "pa")
    delta = (values[1] - values[0]) / (sd if method == "onemean" else 1.0)
    extra = {"sd": sd} if method == "onemean" else {}
    _report(
        session, method, alpha, target, reached, delta, dict(zip(names, values, strict=True)) | extra, given, [n], sides
    )


def _two_samples(
    session: Session, line: Line, method: str, values: list[float], alpha: float, sides: int, target: float
) -> None:
    ratio = _value(line, "nratio")
    sd1, sd2 = _value(line, "sd1") or _value(line, "sd"), _value(line, "sd2") or _value(line, "sd")

    def power_of(n1: float, n2: float) -> float:
        if method == "twomeans":
            return formulas.two_means(n1, n2, values[1] - values[0], sd1, sd2, alpha, sides)
        return formulas.two_proportions(n1, n2, values[0], values[1], alpha, sides)

    n1, n2, n = (int(_value(line, name)) for name in ("n1", "n2", "n"))
    given = n1 or n2 or n
    if n and not (n1 or n2):
        n1 = int(n / (1 + ratio))
        n2 = n - n1
    elif given:
        n1, n2 = n1 or ceil(n2 / ratio), n2 or ceil(n1 * ratio)
    else:
        n1 = _solve(lambda size: power_of(size, ceil(size * ratio)), target)
        n2 = ceil(n1 * ratio)
    names = ("m1", "m2") if method == "twomeans" else ("p1", "p2")
    shown = dict(zip(names, values, strict=True))
    if method == "twomeans":
        shown |= {"sd": sd1} if sd1 == sd2 else {"sd1": sd1, "sd2": sd2}
    delta = values[1] - values[0]
    _report(session, method, alpha, target, power_of(n1, n2), delta, shown, given, [n1, n2], sides)


def _report(
    session: Session, method: str, alpha: float, target: float, reached: float, delta: float, shown: dict[str, float],
    given: int, sizes: list[int], sides: int,
) -> None:  # fmt: skip
    log = session.log
    title, test, hypotheses = TITLES[method].format(sds="sd1 = sd2 = sd" if "sd" in shown else "sd1 != sd2").split("\n")
    log.line()
    log.line(f"Estimated {'power' if given else 'sample size' + ('s' if len(sizes) == 2 else '')} for {title}")
    log.line(test)
    sign = ">" if delta > 0 else "<"
    log.line(hypotheses if sides == 2 else hypotheses.replace("!=", sign))
    log.line()
    log.line("Study parameters:")
    log.line()
    parameters = {"alpha": f"{alpha:.4f}"} | ({} if given else {"power": f"{target:.4f}"}) | {"delta": f"{delta:.4f}"}
    if given:
        parameters = {"alpha": f"{alpha:.4f}", "N": count(sum(sizes))} | parameters
        if len(sizes) == 2:
            parameters |= {"N1": count(sizes[0]), "N2": count(sizes[1])}
    parameters |= {name: f"{value:.4f}" for name, value in shown.items()}
    for name, text in parameters.items():
        log.line(f"{name:>13} = {text:>9}")
    log.line()
    if given:
        log.line("Estimated power:")
        log.line()
        log.line(f"{'power':>13} = {reached:9.4f}")
    else:
        log.line(f"Estimated sample size{'s' if len(sizes) == 2 else ''}:")
        log.line()
        log.line(f"{'N':>13} = {count(sum(sizes)):>9}")
        if len(sizes) == 2:
            log.line(f"{'N per group' if sizes[0] == sizes[1] else 'N1':>13} = {count(sizes[0]):>9}")
            if sizes[0] != sizes[1]:
                log.line(f"{'N2':>13} = {count(sizes[1]):>9}")
    scalars = {"alpha": alpha, "power": reached if given else target, "beta": 1 - (reached if given else target)}
    scalars |= {"delta": delta, "N": float(sum(sizes)), "onesided": float(sides == 1), **shown}
    if len(sizes) == 2:
        scalars |= {"N1": float(sizes[0]), "N2": float(sizes[1]), "nratio": sizes[1] / sizes[0]}
    session.r = ResultSet(scalars=scalars, macros={"type": "test", "method": method})
