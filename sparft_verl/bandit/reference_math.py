"""NumPy reference of csrc/math.h: log, exp, sin and cos by the same polynomials, hence to the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]

_LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_EXP = (
    *(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3),
    *(4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_LN2 = (np.float32(0.693359375), np.float32(-2.12194440e-4))
"""In two parts, the first exact in float32."""


def _polynomial(x: F32, coefficients: tuple[float, ...]) -> F32:
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y = y * x + np.float32(c)
    return y


def log_split(x: F32) -> tuple[F32, F32]:
    """(e, m), float32: x = 2^e * (1 + m) with 1 + m in [sqrt(1/2), sqrt(2)), for positive normal x."""
    bits = x.view(np.uint32) + np.uint32(0x3F800000 - 0x3F3504F3)
    e = ((bits >> np.uint32(23)).view(np.int32) - np.int32(127)).astype(np.float32)
    m = ((bits & np.uint32(0x007FFFFF)) + np.uint32(0x3F3504F3)).view(np.float32) - np.float32(1)
    return e, m


def log_joined(e: F32, m: F32) -> F32:
    """float32: log(2^e * (1 + m)), by Cephes' logf."""
    m2 = m * m
    y = _polynomial(m, _LOG) * m * m2
    y = y + e * _LN2[1]
    y = y - m2 * np.float32(0.5)
    return (m + y) + e * _LN2[0]


def log_positive(x: F32) -> F32:
    """float32: natural logarithm of positive normal x."""
    return log_joined(*log_split(x))


def exp_bounded(x: F32) -> F32:
    """float32: e^x for x in [-87, 87], by Cephes' expf."""
    half = np.where(x < 0, np.float32(-0.5), np.float32(0.5))
    n = (x * np.float32(1.44269504088896341) + half).astype(np.int32)
    whole = n.astype(np.float32)
    x = x - whole * _LN2[0]
    x = x - whole * _LN2[1]
    y = (_polynomial(x, _EXP) * (x * x) + x) + np.float32(1)
    return y * ((n + np.int32(127)).view(np.uint32) << np.uint32(23)).view(np.float32)


def sincos_turn(w: U32) -> tuple[F32, F32]:
    """float32: sin and cos of 2*pi*w/2**32."""
    quadrant = (w + np.uint32(0x20000000)) >> np.uint32(30)
    rest = (w - (quadrant << np.uint32(30))).view(np.int32)
    x = rest.astype(np.float32) * np.float32(1.4629180792671596e-9)
    x2 = x * x
    s = _polynomial(x2, _SIN) * x2 * x + x
    c = (_polynomial(x2, _COS) * x2 * x2 - x2 * np.float32(0.5)) + np.float32(1)
    odd = (quadrant & np.uint32(1)) != 0
    sine, cosine = np.where(odd, c, s), np.where(odd, s, c)
    sine = np.where((quadrant & np.uint32(2)) != 0, -sine, sine)
    cosine = np.where(((quadrant + np.uint32(1)) & np.uint32(2)) != 0, -cosine, cosine)
    return sine, cosine
