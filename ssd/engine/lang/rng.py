"""The random-number stream: 64-bit Mersenne Twister as Stata's `mt64`.

Algorithm and constants: M. Matsumoto and T. Nishimura, mt19937-64 (2004), `init_genrand64`.
A uniform is the top 53 bits of one output times 2**-53, which reproduces published `runiform()` streams.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray

_N: Final = 312
_M: Final = 156
_MATRIX: Final = np.uint64(0xB5026F5AA96619E9)
_UPPER: Final = np.uint64(0xFFFFFFFF80000000)
_LOWER: Final = np.uint64(0x7FFFFFFF)
_ONE: Final = np.uint64(1)
DEFAULT_SEED: Final = 123456789


class Rng:
    """One stream. Every random function of the engine draws from it in observation order."""

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.seed(seed)

    def seed(self, value: int) -> None:
        """Start the stream of `set seed value`."""
        state = np.empty(_N, dtype=np.uint64)
        word = value & 0xFFFFFFFFFFFFFFFF
        state[0] = word
        for i in range(1, _N):
            word = (6364136223846793005 * (word ^ (word >> 62)) + i) & 0xFFFFFFFFFFFFFFFF
            state[i] = word
        self._state: NDArray[np.uint64] = state
        self._buffer: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.seeded = value

    def bits(self, n: int) -> NDArray[np.uint64]:
        """The next n 64-bit outputs."""
        parts = [self._buffer[:n]]
        have = parts[0].size
        self._buffer = self._buffer[n:]
        while have < n:
            block = self._next_block()
            take = min(_N, n - have)
            parts.append(block[:take])
            self._buffer = block[take:]
            have += take
        return np.concatenate(parts)

    def uniform(self, n: int) -> FloatArray:
        """The next n uniforms on [0, 1), shape (n,)."""
        return (self.bits(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def state_text(self) -> str:
        """The whole state as text, accepted by `restore` (c(rngstate))."""
        return "XAA" + self._state.tobytes().hex() + f"{_N - self._buffer.size:04x}"

    def restore(self, text: str) -> None:
        """Continue from a state given by `state_text`. Raises ValueError when it is none."""
        if len(text) != 3 + _N * 16 + 4 or not text.startswith("XAA"):
            raise ValueError("not a state of the random-number generator")
        self._state = np.frombuffer(bytes.fromhex(text[3:-4]), dtype=np.uint64).copy()
        used = int(text[-4:], 16)
        self._buffer = _temper(self._state)[used:]

    def _next_block(self) -> NDArray[np.uint64]:
        """Advance the state by 312 steps. Entry i needs entries i+1 and i+156, hence three parts."""
        old = self._state
        new = np.empty_like(old)
        new[: _N - _M] = old[_M:] ^ _twist(old[: _N - _M], old[1 : _N - _M + 1])
        new[_N - _M : _N - 1] = new[: _M - 1] ^ _twist(old[_N - _M : _N - 1], old[_N - _M + 1 :])
        new[_N - 1 :] = new[_M - 1 : _M] ^ _twist(old[_N - 1 :], new[:1])
        self._state = new
        return _temper(new)


def _twist(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (high & _UPPER) | (low & _LOWER)
    return (mixed >> _ONE) ^ ((mixed & _ONE) * _MATRIX)


def _temper(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = words.copy()
    x ^= (x >> np.uint64(29)) & np.uint64(0x5555555555555555)
    x ^= (x << np.uint64(17)) & np.uint64(0x71D67FFFEDA60000)
    x ^= (x << np.uint64(37)) & np.uint64(0xFFF7EEE000000000)
    x ^= x >> np.uint64(43)
    return x
