"""Matrix commands; expected values follow from the algebra."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.conftest import Run
from tests.engine.estimation_data import CARS


def test_joins_products_and_inverses(run: Run) -> None:
    session, _ = run("matrix A = (2,1\\1,3)\nmatrix B = A*inv(A)\nmatrix C = A' , J(2,1,7)\nmatrix D = A # I(2)")
    assert session.matrices["B"].values == pytest.approx(np.eye(2), abs=1e-12)
    assert session.matrices["C"].values.tolist() == [[2, 1, 7], [1, 3, 7]]
    assert session.matrices["D"].values.shape == (4, 4)


def test_names_and_subscripts(run: Run) -> None:
    session, log = run(
        "matrix A = (1,2\\3,4)\nmatrix rownames A = one two\nmatrix colnames A = x y\n"
        'matrix B = A["two", 1...]\nmatrix A[1,2] = 9\nmatrix list A'
    )
    assert session.matrices["B"].values.tolist() == [[3, 4]]
    assert session.matrices["B"].rows == ["two"]
    assert session.matrices["A"].values[0, 1] == 9
    assert "A[2,2]\n     x  y\none  1  9\ntwo  3  4" in log


def test_size_errors(run: Run) -> None:
    session, log = run("matrix A = (1,2)\nmatrix B = A*A")
    assert session.state["rc"] == 503
    assert "conformability error" in log


def test_accumulated_cross_products_reproduce_the_regression(run: Run) -> None:
    session, _ = run(
        CARS + "matrix accum XX = wt hp\nmatrix vecaccum yX = mpg wt hp\nmatrix b = yX*invsym(XX)\nregress mpg wt hp"
    )
    assert session.matrices["b"].values[0] == pytest.approx(session.e.matrices["b"].values[0], rel=1e-8)


def test_data_to_matrix_and_back(run: Run) -> None:
    session, _ = run(CARS + "mkmat mpg wt, matrix(M)\nmatrix N = 2*M\nsvmat double N, names(z)")
    assert session.data.numeric("z2") == pytest.approx(2 * session.data.numeric("wt"))


def test_symmetric_eigenvalues_in_descending_order(run: Run) -> None:
    session, _ = run("matrix A = (2,1\\1,2)\nmatrix symeigen X v = A")
    assert session.matrices["v"].values[0] == pytest.approx([3.0, 1.0])
