"""Whether an ECDSA signature is right, for the three curves that certificates use. Pure.

Only public values come here. The names and numbers are those of NIST SP 800-186.
"""

from dataclasses import dataclass

Point = tuple[int, int, int]
"""A point of the curve as (x·z², y·z³, z), which needs no division; with z = 0 at infinity."""

_INFINITY: Point = (1, 1, 0)


@dataclass(frozen=True)
class Curve:
    """``y² = x³ - 3x + b`` modulo ``p``; the base point ``g`` has the order ``n``."""

    p: int
    b: int
    n: int
    g: tuple[int, int]

    def holds(self, point: tuple[int, int]) -> bool:
        """Return whether a point lies on the curve."""
        x, y = point
        in_range = 0 <= x < self.p and 0 <= y < self.p
        return in_range and (y * y - (x * x * x - 3 * x + self.b)) % self.p == 0

    def double(self, point: Point) -> Point:
        """Return twice a point."""
        x, y, z = point
        yy, zz = y * y % self.p, z * z % self.p
        four = 4 * x * yy
        slope = 3 * (x - zz) * (x + zz) % self.p
        x3 = (slope * slope - 2 * four) % self.p
        return x3, (slope * (four - x3) - 8 * yy * yy) % self.p, 2 * y * z % self.p

    def add(self, one: Point, other: Point) -> Point:
        """Return the sum of two points."""
        if not one[2] or not other[2]:
            return one if one[2] else other
        (x1, y1, z1), (x2, y2, z2) = one, other
        zz1, zz2 = z1 * z1 % self.p, z2 * z2 % self.p
        u1, s1 = x1 * zz2 % self.p, y1 * z2 * zz2 % self.p
        run, rise = (x2 * zz1 - u1) % self.p, (y2 * z1 * zz1 - s1) % self.p
        if not run:
            return _INFINITY if rise else self.double(one)
        square = run * run % self.p
        cube, part = run * square % self.p, u1 * square % self.p
        x3 = (rise * rise - cube - 2 * part) % self.p
        return x3, (rise * (part - x3) - s1 * cube) % self.p, run * z1 * z2 % self.p

    def sum_of(
        self, times: int, point: tuple[int, int], more_times: int, more: tuple[int, int]
    ) -> int | None:
        """Return x of ``times * point + more_times * more``; None at infinity."""
        one, other = (*point, 1), (*more, 1)
        table = {(1, 0): one, (0, 1): other, (1, 1): self.add(one, other)}
        total = _INFINITY
        for bit in range(self.n.bit_length() - 1, -1, -1):
            total = self.double(total)
            pair = (times >> bit & 1, more_times >> bit & 1)
            if pair in table:
                total = self.add(total, table[pair])
        x, _, z = total
        return x * pow(z, -2, self.p) % self.p if z else None


def made(curve: Curve, public: tuple[int, int], r: int, s: int, digest: bytes) -> bool:
    """Return whether the private key of ``public`` made the signature (r, s) of a digest."""
    if not (0 < r < curve.n and 0 < s < curve.n and curve.holds(public)):
        return False
    excess = max(0, 8 * len(digest) - curve.n.bit_length())
    number = int.from_bytes(digest) >> excess
    inverse = pow(s, -1, curve.n)
    x = curve.sum_of(number * inverse % curve.n, curve.g, r * inverse % curve.n, public)
    return x is not None and x % curve.n == r


CURVES = {
    "secp256r1": Curve(
        p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        g=(
            0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        ),
    ),
    "secp384r1": Curve(
        p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF,
        b=0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        g=(
            0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
            0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        ),
    ),
    "secp521r1": Curve(
        p=2**521 - 1,
        b=0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        n=0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
        g=(
            0x00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
            0x011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
        ),
    ),
}
