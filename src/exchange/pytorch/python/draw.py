"""Numbers drawn from seeds, the same ones that convlens draws."""

import math

MASK = (1 << 64) - 1


def mix(seed, stream):
    """A seed for a stream of `seed`: the finaliser of SplitMix64."""
    z = (seed + (stream + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Generator:
    """xoshiro256++ (Blackman & Vigna), with numbers drawn from it as Rust's `rand` 0.10 draws them."""

    def __init__(self, seed):
        # SplitMix64 fills the state; its n-th number is `mix` of the stream n.
        self.state = [mix(seed, at) for at in range(4)]

    def next64(self):
        a, b, c, d = self.state
        total = (a + d) & MASK
        drawn = ((total << 23 | total >> 41) + a) & MASK
        c ^= a
        d ^= b
        self.state = [a ^ d, b ^ c, c ^ (b << 17 & MASK), (d << 45 | d >> 19) & MASK]
        return drawn

    def coin(self):
        return bool(self.next64() >> 63)

    def real(self):
        """From 0 to below 1."""
        return (self.next64() >> 11) * 2.0**-53

    def below(self, bound, bits=32):
        """A whole number below `bound`, by Canon's method."""
        draw = (lambda: self.next64() >> 32) if bits == 32 else self.next64
        product = draw() * bound
        result, low = product >> bits, product & (1 << bits) - 1
        if low > (1 << bits) - bound:
            result += low + (draw() * bound >> bits) >> bits
        return result

    def shuffled(self, count):
        """The numbers below `count` in a drawn order: Fisher & Yates, several indices from one drawn number."""
        order = list(range(count))
        chunk, left = 0, 1
        for at in range(count):
            if left == 0:
                bound, factor = at + 1, at + 2
                while bound * factor < 1 << 32:
                    bound *= factor
                    factor += 1
                chunk, left = self.below(bound), factor - at - 1
            left -= 1
            if left == 0:
                index = chunk
            else:
                chunk, index = divmod(chunk, at + 1)
            order[at], order[index] = order[index], order[at]
        return order

    def normal(self):
        return math.sqrt(-2.0 * math.log(1.0 - self.real())) * math.cos(2.0 * math.pi * self.real())
